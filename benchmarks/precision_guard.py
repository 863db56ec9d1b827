"""Does bfloat16 training reach the Dice of float32? Same data, persons, steps and seeds; only the precision differs.

    python benchmarks/precision_guard.py --data DATA DATA2 --seeds 3 --epochs 20 --out bench/precision --json precision.json
    python benchmarks/precision_guard.py --data XRAYS BRAINS --epochs 40 6 --write docs/performance.md
    python benchmarks/precision_guard.py --seeds 3 --epochs 4            # the synthetic slices in two sizes, minutes

The test persons of a data set are the same in all its runs (the split of the first). Per person the Dice is averaged over the
seeds, then compared: the mean difference with its interval over persons, beside what the seed alone changes (the standard deviation
between float32 runs of the mean Dice). ``within_noise``: the mean difference is not larger than twice that deviation times the
square root of 2 / seeds (two means of as many runs differ by chance alone that much), or its interval holds 0.

What is done is kept in OUT; a second call does what is missing.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from benchmarks import page  # noqa: E402
from delineate.evaluation import read_cases_csv  # noqa: E402
from delineate.evaluation.intervals import describe  # noqa: E402
from delineate.evaluation.summary import person_values  # noqa: E402

PRECISIONS = ("fp32", "bf16")
Dice = dict[str, list[dict[str, float]]]
"""Precision → per seed: person → Dice."""


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, nargs="*", default=[], help="folders as for `delineate run` (default: synthetic ones)")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, nargs="+", default=[20], help="one number, or one a data set")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("bench/precision"))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--write", type=Path, metavar="PAGE", help="put the table between the page's `precision` markers")
    asked = parser.parse_args(arguments)
    sets = asked.data or made_sets(asked.out / "data")
    epochs = asked.epochs * len(sets) if len(asked.epochs) == 1 else asked.epochs
    if len(epochs) != len(sets):
        parser.error(f"--epochs: {len(epochs)} numbers for {len(sets)} data sets")
    result: dict[str, Any] = {
        "setting": {
            "seeds": asked.seeds,
            "epochs": dict(zip((data.name for data in sets), epochs, strict=True)),
            "size": asked.size,
            "width": asked.width,
            "threads": asked.threads,
        },
        "sets": {data.name: compare(measure(data, number, asked)) for data, number in zip(sets, epochs, strict=True)},
    }
    text = json.dumps(result, indent=2)
    if asked.json is not None:
        asked.json.parent.mkdir(parents=True, exist_ok=True)
        asked.json.write_text(text + "\n", encoding="utf-8")
    print(text)
    print(table(result))
    if asked.write is not None:
        page.write_section(asked.write, "precision", table(result))
    return result


def made_sets(folder: Path) -> list[Path]:
    """Two synthetic sets, of other persons and another size."""
    from delineate.synthetic import make_dataset

    sets = []
    for name, size, seed in (("slices_128", 128, 0), ("slices_192", 192, 1)):
        make_dataset(folder / name, patients=24, slices=6, size=size, seed=seed)
        sets.append(folder / name)
    return sets


def measure(data: Path, epochs: int, asked: argparse.Namespace) -> Dice:
    """Train and score every seed in both precisions, in turn, so that neither has the quieter machine."""
    from delineate import run
    from delineate.workflows.options import RunOptions, SplitOptions

    found: Dice = {precision: [] for precision in PRECISIONS}
    split: Path | None = None
    for seed in range(asked.seeds):
        for precision in PRECISIONS:
            out = asked.out / data.name / f"{precision}_{seed}"
            if not (out / "report.html").exists():
                print(f"{data.name}: {precision}, seed {seed}", file=sys.stderr, flush=True)
                options = RunOptions(
                    data=data,
                    epochs=epochs,
                    size=(asked.size, asked.size),
                    seed=seed,
                    threads=asked.threads,
                    splitting=SplitOptions(split_file=split),
                    settings={
                        "training.precision": precision,
                        "network.options.widths": [asked.width * 2**level for level in range(5)],
                    },
                )
                run(options=options, out=out, overwrite=True)
            split = split or out / "splits.json"
            found[precision].append(person_values([s for s in read_cases_csv(out / "cases.csv") if s.part == "test"]))
    return found


def compare(dice: Mapping[str, Sequence[Mapping[str, float]]]) -> dict[str, Any]:
    """Differences bf16 - fp32 per person, averaged over seeds, and what the seed alone changes."""
    persons = sorted(dice["fp32"][0])
    per_person = [mean([run[person] for run in dice["bf16"]]) - mean([run[person] for run in dice["fp32"]]) for person in persons]
    per_run = {precision: [mean(list(run.values())) for run in runs] for precision, runs in dice.items()}
    seeds = len(dice["fp32"])
    noise = statistics.stdev(per_run["fp32"]) if seeds > 1 else None
    difference = describe(per_person)
    chance = None if noise is None else 2 * noise * math.sqrt(2 / seeds)
    interval, shift = difference["ci95"], difference["mean"]
    holds_zero = interval is not None and interval[0] <= 0 <= interval[1]
    return {
        "persons": len(persons),
        "dice": {
            precision: describe([mean([run[person] for run in runs]) for person in persons]) for precision, runs in dice.items()
        },
        "runs": per_run,
        "difference": difference,
        "seed_sd": noise,
        "within_noise": bool(shift is not None and (holds_zero or (chance is not None and abs(shift) <= chance))),
    }


def mean(values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan


def table(result: Mapping[str, Any]) -> str:
    body = []
    for name, one in result["sets"].items():
        cells = [interval(one["dice"][precision]) for precision in PRECISIONS]
        noise = "–" if one["seed_sd"] is None else f"{one['seed_sd']:.4f}"
        verdict = "yes" if one["within_noise"] else "no"
        epochs = str(result["setting"]["epochs"][name])
        body.append([name, epochs, str(one["persons"]), *cells, interval(one["difference"], signed=True), noise, verdict])
    return page.rows(
        ["data", "epochs", "test persons", "Dice fp32", "Dice bf16", "difference", "SD between seeds (fp32)", "within noise"], body
    )


def interval(value: Mapping[str, Any], *, signed: bool = False) -> str:
    form = "+.4f" if signed else ".4f"
    if value["mean"] is None:
        return "–"
    shown = format(value["mean"], form)
    return shown if value["ci95"] is None else f"{shown} ({value['ci95'][0]:{form}} … {value['ci95'][1]:{form}})"


if __name__ == "__main__":
    main()
