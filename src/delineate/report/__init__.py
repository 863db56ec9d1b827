"""Self-contained HTML pages that a person reads: the report of a run, the check of a data set, a comparison."""

from delineate.report.check_page import write_check_page
from delineate.report.leaderboard import write_leaderboard
from delineate.report.run_report import write_report

__all__ = ["write_check_page", "write_leaderboard", "write_report"]
