"""Looking at a folder of very many small files: finding the cases, and the whole check, beside opening every file with Pillow.

    python benchmarks/scan_speed.py --pairs 50000 --json out.json       100,000 files of 16×16 pixels, made and removed again

Two sizes are measured, the second four times the first, so that a step whose time grows faster than the number of files shows:
``growth`` is the time's factor for four times the files (4 is linear).
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as PillowImage

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from benchmarks.measuring import say  # noqa: E402

from benchmarks import measuring, page  # noqa: E402

FACTOR = 4


def main(arguments: list[str] | None = None) -> dict[str, Any]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=50_000, help="images, each with a mask")
    parser.add_argument("--folder", type=Path, help="where to make them (default: a temporary folder)")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--write", type=Path, metavar="PAGE")
    asked = parser.parse_args(arguments)
    result = measure(asked.pairs, asked.folder)
    measuring.write_json(asked.json, result)
    if asked.write:
        page.write_section(asked.write, "scan", table(result))
    return result


def measure(pairs: int, parent: Path | None = None) -> dict[str, Any]:
    sizes = [max(1, pairs // FACTOR), pairs]
    seconds: dict[str, list[float]] = {}
    processor: dict[str, list[float]] = {}
    for count in sizes:
        with tempfile.TemporaryDirectory(dir=parent) as place:
            root = write_pairs(Path(place), count)
            for name, work in _contestants(root).items():
                begun, used = time.perf_counter(), time.process_time()
                work()
                seconds.setdefault(name, []).append(round(time.perf_counter() - begun, 2))
                processor.setdefault(name, []).append(round(time.process_time() - used, 2))
                say(f"{2 * count} files: {name} {seconds[name][-1]} s, {processor[name][-1]} s of processor")
    facts = {
        name: {
            "seconds": values,
            "processor_seconds": processor[name],
            "files_per_second": round(2 * sizes[-1] / max(values[-1], 1e-9)),
            "growth": round(processor[name][1] / max(processor[name][0], 1e-9), 2),
        }
        for name, values in seconds.items()
    }
    ratio = {
        name: round(facts[name]["seconds"][-1] / max(facts["pillow"]["seconds"][-1], 1e-3), 2) for name in facts if name != "pillow"
    }
    return measuring.document("scan_speed", "cpu", {"files": [2 * count for count in sizes], "work": facts, "times_pillow": ratio})


def write_pairs(folder: Path, count: int) -> Path:
    """``images/0000001.png`` and ``masks/0000001.png`` of 16×16 pixels. No two images are alike: duplicates are a finding."""
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in range(count):
        image = rng.integers(0, 256, (16, 16), dtype=np.uint8)
        mask = np.zeros((16, 16), dtype=np.uint8)
        top, left = rng.integers(0, 10, 2)
        mask[top : top + 5, left : left + 5] = 255
        for part, pixels in (("images", image), ("masks", mask)):
            data = io.BytesIO()
            PillowImage.fromarray(pixels).save(data, "png")
            (folder / part / f"{number:07d}.png").write_bytes(data.getvalue())
    return folder


def _contestants(root: Path) -> dict[str, Callable[[], object]]:
    from delineate import layouts
    from delineate.events import discard
    from delineate.workflows.examine import examine
    from delineate.workflows.options import DataOptions, SplitOptions

    return {
        "pillow": lambda: _open_everything(root),
        "scan": lambda: layouts.scan(root),
        "check": lambda: examine(root, DataOptions(), SplitOptions(), seed=0, on_event=discard),
    }


def _open_everything(root: Path) -> int:
    """What a script does: open every file, look at its pixels, one after the other."""
    total = 0
    for path in sorted(root.rglob("*.png")):
        with PillowImage.open(path) as image:
            total += int(np.asarray(image).sum())
    return total


def table(result: dict[str, Any]) -> str:
    names = {
        "pillow": "opening every file with Pillow",
        "scan": "`scan`: layout, pairs, persons",
        "check": "scan, mask rule, measuring, split, all checks",
    }
    body = [
        [
            names[name],
            *(f"{seconds:g} s" for seconds in facts["seconds"]),
            f"{facts['files_per_second']}",
            f"{facts['growth']:g}",
        ]
        for name, facts in result["work"].items()
    ]
    head = ["", *(f"{files:,} files" for files in result["files"]), "files a second", f"growth for {FACTOR} times the files"]
    return "\n".join([page.machine_line(result), "", page.rows(head, body)])


if __name__ == "__main__":
    main()
