"""What the program remembers of a person between two starts: recent files, layout, language, theme, the reviewer's name.

One small JSON file in the config folder, written atomically. A file that cannot be understood is put aside under another name and
told, and the program begins with the defaults: settings are never worth a window that does not open.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, Field

from delineate.editing.folders import config_folder
from delineate.errors import DelineateError, ResourceError, UsageError
from delineate.recipe.strict import StrictModel, parse, read_json, save_json

MOST_RECENT = 12
Theme = Literal["system", "light", "dark"]


class Settings(StrictModel):
    """A value. Keys of a newer version are left alone rather than refused: the older program must still open.

    ``recent`` and ``recent_models`` are absolute paths, the last used first. ``language`` is ``"en"``, ``"zh"`` or empty for the
    system's. ``layout`` maps names (``"window"``, ``"docks"``) to bytes in base64 (RFC 4648); see :meth:`layout_bytes`.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    version: int = 1
    recent: tuple[str, ...] = ()
    recent_models: tuple[str, ...] = ()
    language: Literal["", "en", "zh"] = ""
    theme: Theme = "system"
    reviewer: str = ""
    layout: dict[str, str] = Field(default_factory=dict)

    def layout_bytes(self, name: str) -> bytes | None:
        """What was kept under ``name``; ``None`` where nothing was, or nothing readable."""
        try:
            return base64.b64decode(self.layout[name], validate=True)
        except (KeyError, binascii.Error, ValueError):
            return None


class SettingsFile:
    """The settings, and the file they are kept in (``settings.json`` in ``folder`` or the config folder).

    ``value`` is always usable. ``trouble`` is an error to be shown where the file was broken (it was put aside) or unreadable.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.path = (folder or config_folder()) / "settings.json"
        self.trouble: DelineateError | None = None
        self.value = self._read(Settings())

    def keep(self, **values: Any) -> ResourceError | None:
        """Change fields, as ``keep(theme="dark")``, and write the file; what could not be written is returned, to be shown.

        The file is read again first, so that of two open windows neither forgets what the other kept.
        """
        current = self._read(self.value).model_dump()
        self.value = parse(Settings, {**current, **values}, self.path.name)
        try:
            save_json(self.path, self.value)
        except ResourceError as error:
            return error
        return None

    def keep_recent(self, path: Path, model: bool = False) -> ResourceError | None:
        """Put an image (or a model file) at the head of the recent ones."""
        field = "recent_models" if model else "recent"
        name = str(path.absolute())
        others = [one for one in getattr(self._read(self.value), field) if one != name]
        return self.keep(**{field: (name, *others)[:MOST_RECENT]})

    def keep_layout(self, **parts: bytes) -> ResourceError | None:
        """Keep bytes such as a window's geometry under names."""
        coded = {name: base64.b64encode(data).decode("ascii") for name, data in parts.items()}
        return self.keep(layout={**self._read(self.value).layout, **coded})

    def _read(self, otherwise: Settings) -> Settings:
        if not self.path.is_file():
            return otherwise
        try:
            return parse(Settings, read_json(self.path), self.path.name)
        except DelineateError as error:
            reason = str(error.params.get("reason", error.code))
            self.trouble = UsageError("editing-settings-broken", path=self.path, aside=self._put_aside(), reason=reason)
            return otherwise

    def _put_aside(self) -> Path:
        number = 1
        while (aside := self.path.with_name(f"settings-broken-{number}.json")).exists():
            number += 1
        with contextlib.suppress(OSError):
            self.path.replace(aside)
        return aside
