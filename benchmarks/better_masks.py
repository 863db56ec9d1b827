"""What augmentation at test time, calibration, clean-up and the review rule do for finished runs: on validation, and on test.

    python benchmarks/better_masks.py RUN [RUN …] --work FOLDER [--dice-bar 0.8] [--alpha 0.1] [--ensemble] [--json FILE]

Each RUN is copied to FOLDER, its choices are made again on its validation patients, and its test patients scored again (`refine
--tta`). Every number has its n and its 95 % interval; an option's effect is the paired difference on the same patients. With
--ensemble all runs, which must share one split, are joined and compared with the member that was best on validation. Unfamiliar
images: every run's model is shown the test images of the other runs, and its own turned to their negatives.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from delineate.dataset import fold_cases, load_image
from delineate.domain import Case, Image
from delineate.doubt import judge, spread_over
from delineate.errors import DelineateError
from delineate.evaluation import person_values, read_cases_csv
from delineate.inference import ModelFile, paired_interval
from delineate.recipe import Splits, load, read_json
from delineate.workflows.doubting import facts_of_images
from delineate.workflows.ensembling import ensemble
from delineate.workflows.examine import scan_folder
from delineate.workflows.folder import RunFolder
from delineate.workflows.refining import refine
from delineate.workflows.scoring import by_group

MOST_IMAGES = 30


def scored_groups(run: Path) -> list[list[Case]]:
    """The test groups of a run, at most :data:`MOST_IMAGES`."""
    folder = RunFolder(run)
    options = folder.options()
    scan = scan_folder(options.data, options.reading, lambda event: None)
    parts = fold_cases([case for case in scan.cases if case.masks], load(Splits, run / "splits.json"), 0)
    return [cases for _, cases in by_group(parts["test"])][:MOST_IMAGES]


def negative(image: Image) -> Image:
    pixels = image.pixels.astype(np.float32)
    return replace(image, pixels=(pixels.max() + pixels.min() - pixels).astype(image.pixels.dtype))


def reversed_channels(image: Image) -> Image:
    return replace(image, pixels=np.ascontiguousarray(image.pixels[::-1]))


def strangers(model: Path, groups: Sequence[Sequence[Case]], change: Any = None) -> dict[str, Any]:
    """How many of the groups the model's statistics flag, with the reasons."""
    record = ModelFile.open(model).record
    if record.familiar is None:
        return {"flagged": None, "n": 0}
    codes = []
    for cases in groups:
        images = [load_image(cases[number]) for number in spread_over(len(cases))]
        try:
            facts = facts_of_images([change(image) if change else image for image in images], record.preprocessing)
            codes.append(judge(facts, record.familiar).code)
        except DelineateError as error:  # does not fit the model at all, which predict says too
            codes.append(error.code)
    reasons = {str(code): codes.count(code) for code in dict.fromkeys(codes) if code is not None}
    return {"flagged": sum(code is not None for code in codes), "n": len(codes), "reasons": reasons}


def refined(run: Path, work: Path, dice_bar: float, alpha: float) -> dict[str, Any]:
    """Before and after for one run."""
    copy = work / run.name
    before = person_values([score for score in read_cases_csv(run / "cases.csv") if score.part == "test"])
    result = refine(run, copy, tta=True, dice_bar=dice_bar, alpha=alpha)
    after = person_values([score for score in read_cases_csv(copy / "cases.csv") if score.part == "test"])
    differences = np.array([after[p] - before[p] for p in before if p in after and before[p] == before[p] and after[p] == after[p]])
    return {
        "run": run.name,
        "choices": [row for row in read_json(copy / "choices.json")["choices"] if row["kept"] or row["step"] == "tta"],
        "test_dice": result.summary["test"]["dice"],
        "test_difference": {
            "mean": float(differences.mean()) if len(differences) else None,
            "ci95": paired_interval(differences),
            "n": len(differences),
        },
        "calibration": result.summary["calibration"],
        "review": result.summary["review"],
        "observers": read_json(copy / "doubt.json")["observers"],
    }


def say(row: dict[str, Any]) -> None:
    print(f"\n{row['run']}: test Dice {row['test_dice']['mean']:.4f} {row['test_dice']['ci95']}, n = {row['test_dice']['n']}")
    print(f"  all options together, test: {row['test_difference']}")
    for choice in row["choices"]:
        print(
            f"  validation {choice['class_name'] or ''} {choice['step']} {choice['value'] or ''}: {choice['before']:.4f} → "
            f"{choice['after']:.4f} {choice['ci95']} better {choice['better']} worse {choice['worse']} kept {choice['kept']}"
        )
    for name, value in row["calibration"].items():
        print(f"  {name}: {value}")
    print(f"  review: {row['review']}")
    for pair in row["observers"] or ():
        print(f"  {pair['one']} against {pair['other']}: Dice {pair['dice']['mean']:.4f}, n = {pair['dice']['n']}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--dice-bar", type=float, default=0.8)
    parser.add_argument("--alpha", type=float, default=0.1)
    parser.add_argument("--ensemble", action="store_true")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    found: dict[str, Any] = {"runs": [], "strangers": []}
    for run in arguments.runs:
        row = refined(run, arguments.work, arguments.dice_bar, arguments.alpha)
        say(row)
        found["runs"].append(row)
    print("\nUnfamiliar images (flagged of n):")
    groups = {run.name: scored_groups(run) for run in arguments.runs}
    for run in arguments.runs:
        model = arguments.work / run.name / "model.onnx"
        shown = [(other, strangers(model, cases)) for other, cases in groups.items()]
        shown.append(("its own, negative", strangers(model, groups[run.name], negative)))
        if ModelFile.open(model).record.preprocessing.channels > 1:
            shown.append(("its own, channels reversed", strangers(model, groups[run.name], reversed_channels)))
        for other, result in shown:
            label = "its own" if other == run.name else other
            print(f"  {run.name} shown {label}: {result}")
            found["strangers"].append({"model": run.name, "images": label, **result})
    if arguments.ensemble:
        joint = ensemble([arguments.work / run.name for run in arguments.runs], arguments.work / "ensemble.onnx")
        found["ensemble"] = None if joint.summary is None else joint.summary["ensemble"]
        print(f"\nEnsemble: {found['ensemble']}")
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
