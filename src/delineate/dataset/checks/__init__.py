"""What is wrong, or worth knowing, about a data set: one small function per question, each giving findings."""

# Importing the modules registers their checks, in the order in which they are run.
from delineate.dataset.checks import files, masks, images, uniformity, cohort, duplicates  # isort: skip
from delineate.dataset.checks.context import Check, CheckContext, checks
from delineate.dataset.checks.gathering import KEPT_PER_CODE, blocking, gather, run_checks
from delineate.dataset.checks.wording import sentences

__all__ = [
    "KEPT_PER_CODE",
    "Check",
    "CheckContext",
    "blocking",
    "checks",
    "cohort",
    "duplicates",
    "files",
    "gather",
    "images",
    "masks",
    "run_checks",
    "sentences",
    "uniformity",
]
