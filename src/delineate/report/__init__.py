"""Self-contained HTML pages that a person reads: the report of a run, the check of a data set."""

from delineate.report.run_report import write_report

__all__ = ["write_report"]
