"""Self-contained HTML pages that a person reads: the report of a run, the check of a data set."""

from delineate.report.check_page import write_check_page
from delineate.report.run_report import write_report

__all__ = ["write_check_page", "write_report"]
