"""From pressing Enter to the answer: wall and processor time of single commands, beside importing torch.

    python benchmarks/cold_start.py --json out.json

Every command is a new process; they take turns. The files of Python and its packages are in the page cache after the first,
uncounted round, as they are on a machine in use.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from benchmarks.measuring import Spread, interleaved, ratios  # noqa: E402

from benchmarks import measuring, page  # noqa: E402


def main(arguments: list[str] | None = None) -> dict[str, Any]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--write", type=Path, metavar="PAGE")
    asked = parser.parse_args(arguments)
    result = measure(asked.rounds)
    measuring.write_json(asked.json, result)
    if asked.write:
        page.write_section(asked.write, "cold-start", table(result))
    return result


def measure(rounds: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as place:
        commands = _commands(Path(place))
        for command in commands.values():
            _run(command)
        processor: dict[str, list[float]] = {name: [] for name in commands}
        wall = interleaved({name: _timed(command, processor[name]) for name, command in commands.items()}, rounds)
    facts = {name: {"wall": Spread.of(wall[name]).plain(), "processor": Spread.of(processor[name]).plain()} for name in commands}
    share = {name: ratios(wall[name], wall["import torch"]).plain() for name in commands if name != "import torch"}
    return measuring.document("cold_start", "cpu", {"unit": "seconds", "commands": facts, "times_import_torch": share})


def _commands(folder: Path) -> dict[str, list[str]]:
    from delineate.synthetic import make_dataset

    image = next(make_dataset(folder / "data", patients=1, slices=1, size=192).glob("*/*_1.tif"))
    ours = [sys.executable, "-m", "delineate"]
    return {
        "nothing": [sys.executable, "-c", "pass"],
        "delineate --help": [*ours, "--help"],
        "delineate predict (one image)": [*ours, "predict", "demo", str(image), "--out", str(folder / "masks"), "--overwrite"],
        "import torch": [sys.executable, "-c", "import torch"],
    }


def _timed(command: list[str], processor: list[float]) -> Callable[[], float]:
    def once() -> float:
        wall, used = _run(command)
        processor.append(used)
        return wall

    return once


def _run(command: list[str]) -> tuple[float, float]:
    """(wall, processor) seconds; ``RuntimeError`` where the command fails, for then its time means nothing."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = time.perf_counter()
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    wall = time.perf_counter() - begun
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if ended.returncode:
        raise RuntimeError(f"{' '.join(command[1:4])} … failed: {ended.stderr.strip()[-300:]}")
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def table(result: dict[str, Any]) -> str:
    body = [
        [f"`{name}`", page.spread(facts["wall"], 1, " s"), page.spread(facts["processor"], 1, " s")]
        for name, facts in result["commands"].items()
    ]
    return "\n".join([page.machine_line(result), "", page.rows(["command", "wall", "processor"], body)])


if __name__ == "__main__":
    main()
