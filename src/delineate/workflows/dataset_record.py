"""dataset.json: what a run remembers of the data it was made from."""

from __future__ import annotations

import hashlib
from typing import Any

from delineate.dataset import channel_endings
from delineate.workflows.examine import Examined


def dataset_record(found: Examined) -> dict[str, Any]:
    """What the report says of the data, without anybody's paths."""
    return {
        "layout": found.scan.layout,
        "evidence": {key: value for key, value in found.scan.evidence.items() if isinstance(value, (int, float, str, bool))},
        "unit": found.scan.unit,
        "cases": len(found.scan.cases),
        "labelled": len(found.usable),
        "groups": len({case.group for case in found.scan.cases}),
        "stacked": any(case.volume is not None for case in found.usable),
        "persons": found.persons,
        "files_left_out": len(found.scan.explained),
        "channel_endings": list(channel_endings(found.usable)),
        "sha256": _data_hash(found),
    }


def _data_hash(found: Examined) -> str:
    lines = sorted(f"{fact.case} {fact.sha256} {fact.class_pixels}" for fact in found.facts)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
