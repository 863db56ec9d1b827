"""Everything that can go wrong in a way a person should hear about.

DelineateError                exit code  what it means
├── UsageError                        2  the command line or a call's arguments cannot be used
├── DataError                         3  the data folder cannot be explained, or its findings stop the job
│   └── UnreadableFile                3  one file cannot be read (damaged, too large, refused kind)
├── RecipeError                       4  recipe.json or splits.json is not valid
├── ModelFileError                    5  the model file is damaged or was not made by delineate
├── ResourceError                     6  disk full, out of memory, a folder that cannot be written
├── MissingExtra                      7  an optional part is not installed
├── TrainingDiverged                  8  the loss became NaN or infinite and stayed so
└── RunError                          9  a run folder is missing, unfinished, or in use
Interrupted by Ctrl-C exits with 130, by SIGTERM with 143. A traceback means a bug of ours (exit code 1), never a user's mistake.

An error carries a *code* and *parameters*; the sentence a person reads is looked up by the shell in the
person's language (catalogue key ``error.<code>``). ``str(error)`` is the English sentence, for logs and for Python users.
"""

from __future__ import annotations

from typing import Any

EXIT_OK = 0
EXIT_BUG = 1


class DelineateError(Exception):
    """Base of all expected errors.

    Parameters
    ----------
    code
        Kebab-case code; the catalogue has its sentence under ``error.<code>``.
    params
        Values for the sentence's placeholders. Paths may be ``Path``; they are shown as given.
    """

    exit_code: int = 1

    def __init__(self, code: str, **params: Any) -> None:
        super().__init__(code, params)
        self.code = code
        self.params = params

    @property
    def key(self) -> str:
        return f"error.{self.code}"

    def __str__(self) -> str:
        from delineate.i18n import translate  # late: i18n is a sibling, and only needed when an error is shown

        return translate(self.key, "en", **self.params)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.code, self.params)


def _rebuild(cls: type[DelineateError], code: str, params: dict[str, Any]) -> DelineateError:
    return cls(code, **params)


class UsageError(DelineateError):
    exit_code = 2


class DataError(DelineateError):
    exit_code = 3


class UnreadableFile(DataError):  # noqa: N818
    """One file cannot be read. Always has ``path`` and a ``reason`` code (see formats)."""


class RecipeError(DelineateError):
    exit_code = 4


class ModelFileError(DelineateError):
    exit_code = 5


class ResourceError(DelineateError):
    exit_code = 6


class MissingExtra(DelineateError):  # noqa: N818 - the name says what is missing, as the field's tools do
    exit_code = 7


class TrainingDiverged(DelineateError):  # noqa: N818
    exit_code = 8


class RunError(DelineateError):
    exit_code = 9
