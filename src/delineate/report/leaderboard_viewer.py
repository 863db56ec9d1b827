"""What the leaderboard's viewer draws from: the pictures of ``viewer/`` as data addresses, in one value for the page's script."""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from delineate.comparison.claim import listed
from delineate.errors import DelineateError
from delineate.evaluation.side_by_side import SideBySide
from delineate.recipe import load

#: Pictures beyond this many bytes stay files beside the page.
MOST_BYTES = 12_000_000


@cache
def script() -> tuple[str, str]:
    """The page's one script, and its hash for the content security policy: nothing else on the page can ever run."""
    text = resources.files("delineate.report").joinpath("templates").joinpath("leaderboard.js").read_text(encoding="utf-8")
    return text, "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")


def viewer(folder: Path, order: list[str], language: str) -> dict[str, Any] | None:
    """``{"data": JSON for the script, "shown", "failed": [(names, why)], "left_out"}``; ``None`` where there are no pictures."""
    inside = folder / "viewer"
    try:
        index = load(SideBySide, inside / "index.json")
    except (DelineateError, OSError):
        return None
    room = MOST_BYTES
    cases: list[dict[str, Any]] = []
    left_out = 0
    for case in index.cases:
        names = [case.image, case.truth, *case.masks.values()]
        found = [_picture(inside, name) for name in names]
        size = sum(len(content or b"") for content in found)
        if size > room or found[0] is None or found[1] is None:
            left_out += 1
            continue
        room -= size
        sources = [content and base64.b64encode(content).decode("ascii") for content in found]
        cases.append(
            {
                "group": case.group,
                "person": case.person,
                "plane": case.plane,
                "planes": case.planes,
                "image": sources[0],
                "truth": sources[1],
                "masks": [dict(zip(case.masks, sources[2:], strict=True)).get(name) for name in order],
                "values": [case.values.get(name) for name in order],
            }
        )
    data = {"models": order, "classes": list(index.classes), "overlapping": index.overlapping, "cases": cases}
    reasons = dict.fromkeys(index.failed.values())
    failed = [(listed([name for name in order if index.failed.get(name) == why], language), why) for why in reasons]
    shown = sum(sum(mask is not None for mask in case["masks"]) > 1 for case in cases)
    return {"data": json.dumps(data, ensure_ascii=False), "shown": shown, "failed": failed, "left_out": left_out}


def _picture(folder: Path, name: str) -> bytes | None:
    """A PNG of the folder itself; anything else is no picture."""
    path = folder / name
    if Path(name).name != name or path.is_symlink() or not path.is_file():
        return None
    content = path.read_bytes()
    return content if content.startswith(b"\x89PNG\r\n\x1a\n") else None
