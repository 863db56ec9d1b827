"""Who asked what of which model and what came of it: one JSON object a line, appended and never read again. No names, no pixels."""

from __future__ import annotations

import json
import threading
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from delineate.errors import ResourceError


class Audit:
    """Appends to ``path``, which may be rotated away at any time: it is opened anew for every line."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()

    def write(self, **facts: Any) -> None:
        """Raises ResourceError ``cannot-write``: what cannot be recorded is not answered."""
        now = datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = json.dumps({"time": now, **facts}, ensure_ascii=False, separators=(",", ":")) + "\n"
        try:
            with self._lock, self.path.open("a", encoding="utf-8") as file:
                file.write(line)
        except OSError as error:
            raise ResourceError("cannot-write", path="audit log", reason=error.strerror or str(error)) from None
