"""The language of the window, switched while it runs."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QObject, Signal

from delineate.errors import DelineateError
from delineate.i18n import LANGUAGES, detect_language, translate


class Texts(QObject):
    """Sentences in the language of the moment. Widgets connect ``changed`` to what sets their words; ``settled`` comes after it,
    for what reads the words of others (a button with its action's tooltip)."""

    changed = Signal()
    settled = Signal()

    def __init__(self, language: str | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._language = language if language in LANGUAGES else detect_language()

    @property
    def language(self) -> str:
        return self._language

    def use(self, language: str) -> None:
        """Speak ``language`` (``en`` or ``zh``) from now on."""
        if language in LANGUAGES and language != self._language:
            self._language = language
            self.changed.emit()
            self.settled.emit()

    def text(self, key: str, /, **values: Any) -> str:
        return translate(key, self._language, **values)

    def error(self, error: BaseException) -> str:
        """What a person reads about an error: our own errors by their sentence, anything else as the bug it is."""
        if isinstance(error, DelineateError):
            return self.text(error.key, **error.params)
        if isinstance(error, MemoryError):
            return self.text("error.no-memory")
        return self.text("desktop.bug", kind=type(error).__name__, reason=str(error))
