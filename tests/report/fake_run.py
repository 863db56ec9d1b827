"""A whole run folder with plausible contents and nobody's data: scores are computed from drawn shapes by the real code."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np

from delineate.domain import LabelSet
from delineate.evaluation import (
    Choice,
    Choices,
    GroupScore,
    Picture,
    PictureIndex,
    busiest_plane,
    case_picture,
    choose_examples,
    picture_name,
    score_group,
    summarise,
    volume_gif,
    write_cases_csv,
)
from delineate.recipe import MaskRule, NetworkRecipe, Normalisation, Preprocessing, Reason, Recipe, Splits, save_json

SIDE = 64


def ball(slices: int, centre: tuple[float, float], radius: float, squeeze: float) -> np.ndarray:
    """(slices, SIDE, SIDE) of 0/1: a ball between the second and the last but one slice."""
    y, x = np.mgrid[:SIDE, :SIDE]
    volume = np.zeros((slices, SIDE, SIDE), np.uint8)
    for z in range(slices):
        r = radius * math.sqrt(max(0.0, 1 - ((z - slices / 2 + 0.5) / (slices / 2 - 1.5)) ** 2))
        if r > 0:
            volume[z] = ((y - centre[0]) / squeeze) ** 2 + ((x - centre[1]) * squeeze) ** 2 < r * r
    return volume


def make_run(
    folder: Path,
    *,
    tests: int = 20,
    validations: int = 8,
    names: tuple[str, ...] = ("tumour",),
    spacing: tuple[float, float, float] | None = (4.0, 0.9, 0.9),
    animations: int = 6,
    synthetic: bool = False,
    noise: float = 50.0,
    draw: bool = True,
    patient: str = "P{:03d}",
) -> Path:
    """Write every file of a run to ``folder``; class 2 (if there is one) is a core inside class 1."""
    rng = np.random.default_rng(7)
    labels = LabelSet(kind="binary" if len(names) == 1 else "exclusive", names=names)
    pictures_folder = folder / "pictures"
    pictures_folder.mkdir(parents=True)
    scores: dict[str, list[GroupScore]] = {"test": [], "validation": []}
    pictures: dict[str, list[Picture]] = {"test": [], "validation": []}
    for number in range(tests + validations):
        part = "test" if number < tests else "validation"
        person = patient.format(number + 1)
        centre, radius = rng.uniform(24, 40, 2), rng.uniform(5, 14)
        truth = ball(16, tuple(centre), radius, rng.uniform(0.85, 1.15))
        error = rng.gamma(1.3, 0.9) if number else 9.0
        pred = ball(16, tuple(centre + rng.normal(0, error, 2)), max(2.0, radius + rng.normal(0, error / 3)), rng.uniform(0.9, 1.1))
        image = rng.normal(0, noise, truth.shape) + truth * 260.0 + ball(16, (32, 32), 28, 1.0) * 300.0
        if len(names) > 1:
            truth = truth + ball(16, tuple(centre), radius * 0.5, 1.0) * truth
            pred = pred + ball(16, tuple(centre), radius * 0.55, 1.0) * pred
        if number == 1:
            truth, pred = truth * 0, pred * 0
        group = f"{person}/volume"
        score = score_group(pred, truth, labels, spacing, group=group, person=person, part=part)
        scores[part].append(score)
        dice = score.value("dice")
        shown = {"group": group, "person": person, "part": part, "dice": None if math.isnan(dice) else dice}
        if not draw:
            continue
        plane = busiest_plane(truth, pred, labels)
        (pictures_folder / picture_name(part, group, ".png")).write_bytes(
            case_picture(image[plane], truth[plane], pred[plane], labels)
        )
        pictures[part].append(Picture(kind="case", file=picture_name(part, group, ".png"), plane=plane, **shown))
        if part == "test" and number < animations:
            (pictures_folder / picture_name(part, group, ".gif")).write_bytes(volume_gif(image, truth, pred, labels))
            pictures[part].append(Picture(kind="volume", file=picture_name(part, group, ".gif"), **shown))
    index = []
    for part, found in pictures.items():
        ranks = {score.group: rank for score, rank in choose_examples(scores[part], 3)}
        index += [p.model_copy(update={"rank": ranks.get(p.group) if p.kind == "case" else None}) for p in found]
    save_json(pictures_folder / "index.json", PictureIndex(pictures=tuple(index)))
    write_cases_csv(folder / "cases.csv", [*scores["test"], *scores["validation"]])
    timing = {"scan": 3.2, "measure": 21.0, "plan": 14.1, "train": 462.0, "export": 12.5, "evaluate": 38.4, "total": 551.2}
    summary = {part: summarise(found, "patient", labels, bootstrap=500) for part, found in scores.items() if found}
    save_json(folder / "summary.json", {**summary, "timing": timing})

    train = tuple(patient.format(900 + n) for n in range(60))
    save_json(
        folder / "splits.json",
        Splits(
            seed=42,
            folds=(
                {
                    "train": train,
                    "validation": tuple(s.person for s in scores["validation"]),
                    "test": tuple(s.person for s in scores["test"]),
                },
            ),
        ),
    )
    save_json(
        folder / "recipe.json",
        Recipe(
            labels=labels,
            masks=MaskRule(cutoff=127.5),
            preprocessing=Preprocessing(channels=3, size=(192, 192), normalisation=Normalisation(scheme="volume")),
            network=NetworkRecipe(name="unet", options={"widths": [24, 48, 96, 192]}),
            reasons={
                "preprocessing.size": Reason(code="a-code-of-another-room", params={"size": [192, 192]}, by="measured"),
                "network.options.widths": Reason(code="a-code-of-another-room"),
                "training.lr": Reason(code="by-user", by="user"),
            },
        ),
    )
    lines = ["step,epoch,seconds,lr,loss,val_loss,val_dice,val_iou,dice_" + names[0]]
    for epoch in range(1, 31):
        fit = 1 - math.exp(-epoch / 7)
        wobble = float(rng.normal(0, 0.012))
        lines.append(
            f"{epoch * 100},{epoch},{epoch * 15.2},{0.002 * (1 - epoch / 31):.6g},{1.2 - fit:.4f},{1.25 - 0.95 * fit + wobble:.4f},"
            f"{0.88 * fit + wobble:.4f},{0.80 * fit + wobble:.4f},{0.88 * fit + wobble:.4f}"
        )
    (folder / "history.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    save_json(
        folder / "fingerprint.json",
        {
            "version": 1,
            "cases": 1420,
            "unreadable": 0,
            "shape": [{"minimum": 256, "median": 256, "maximum": 256}, {"minimum": 240, "median": 256, "maximum": 256}],
            "spacing": None,
            "spacing_known": 0.0,
            "channel_counts": {"3": 1420},
            "formats": {"tiff": 1420},
            "dtypes": {"uint8": 1420},
            "planes": 1420,
            "planes_with_foreground": 512,
            "classes": [{"name": name, "pixel_share": 0.011} for name in names],
        },
    )
    save_json(
        folder / "findings.json",
        [
            {"code": "no-such-finding", "severity": "warning", "path": f"a/{n}.tif", "case": None, "params": {"n": n}}
            for n in range(3)
        ]
        + [{"code": "another-finding", "severity": "info", "path": None, "case": None, "params": {}}],
    )
    save_json(
        folder / "provenance.json",
        {
            "name": "Demonstration: tumours in brain MR",
            "delineate": "0.1.0",
            "python": "3.11.2",
            "system": "Linux x86_64",
            "packages": {"numpy": "2.4.1", "torch": "2.12.0", "onnxruntime": "1.24.0"},
            "started": "2026-11-20T08:00:00Z",
            "seed": 42,
            "data": {
                "layout": "patient-folders",
                "unit": "patient",
                "cases": 1780,
                "labelled": 1780,
                "groups": 88,
                "persons": 88,
                "sha256": "ab" * 32,
            },
            "synthetic": synthetic,
        },
    )
    save_json(
        folder / "choices.json",
        Choices(
            n=validations,
            choices=(
                Choice(step="threshold", class_name=names[0], value=0.4, before=0.861, after=0.868, better=6, worse=2, kept=True),
                Choice(step="largest", class_name=names[0], before=0.868, after=0.862, better=1, worse=3, kept=False),
            ),
        ),
    )
    return folder


def summary_of(folder: Path) -> dict[str, dict[str, object]]:
    return json.loads((folder / "summary.json").read_text(encoding="utf-8"))
