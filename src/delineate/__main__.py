"""``python -m delineate``."""

from delineate.cli.main import entry

entry()
