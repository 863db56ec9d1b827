"""The numbers behind a series' problems, for sentences: which slices are missing, how far the gantry was tilted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_MOST = 8


def series_numbers(meta: Mapping[str, Any]) -> dict[str, str]:
    """``gaps`` (``"3–4 (1), 9–10 (2)"``: between slices 3 and 4 counted from 1, one is missing), ``degrees``, ``least`` and
    ``most`` (mm), ``split_by``; ``"–"`` where they do not apply. ``meta`` is an image's, or a series' ``facts``."""
    gaps = [f"{before}–{after} ({count})" for before, after, count in meta.get("gaps", ())]
    more = f", … ({len(gaps)})" if len(gaps) > _MOST else ""
    least, most = meta.get("steps_mm", ("–", "–"))
    return {
        "gaps": (", ".join(gaps[:_MOST]) + more) or "–",
        "degrees": str(meta.get("tilt_degrees", "–")),
        "least": str(least),
        "most": str(most),
        "split_by": str(meta.get("split_by", "–")),
    }
