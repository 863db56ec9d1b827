"""Scores and pictures of groups as they are predicted, and the files they end in."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from delineate.domain import LabelSet, to_canonical
from delineate.evaluation import (
    GroupScore,
    Picture,
    PictureIndex,
    busiest_plane,
    case_picture,
    choose_examples,
    picture_name,
    score_group,
    volume_gif,
)
from delineate.inference import clean_labels
from delineate.recipe import ModelRecord, Scoring, save_json
from delineate.workflows.scoring import GroupPrediction

#: Pictures are a look at the result, not an archive: beyond this many volumes of a part no animation is drawn.
MAX_ANIMATIONS = 40
MAX_STILLS = 60


@dataclass
class Results:
    """Scores of one part, and the pictures drawn on the way (each group is in memory only once)."""

    part: str
    labels: LabelSet
    scores: list[GroupScore] = field(default_factory=list)
    pictures: dict[str, list[Picture]] = field(default_factory=dict)
    scoring: Scoring = field(default_factory=Scoring)

    def decide(self, found: GroupPrediction, record: ModelRecord) -> NDArray[np.uint8]:
        """The mask of a group: thresholds, then clean-up (volumes in 3-D)."""
        return clean_labels(self.labels.decide(found.probabilities, record.thresholds), self.labels, record.clean)

    def add(self, found: GroupPrediction, decided: NDArray[np.uint8], folder: Path) -> GroupScore:
        """Score and draw a group."""
        score = score_group(
            decided,
            found.truth,
            self.labels,
            found.spacing,
            group=found.group,
            person=found.person,
            part=self.part,
            nsd_tolerance=self.scoring.nsd_tolerance,
        )
        self.scores.append(score)
        if len(self.pictures) < MAX_STILLS:
            self.pictures[found.group] = self._draw(found, decided, score, folder)
        return score

    def _draw(self, found: GroupPrediction, decided: NDArray[np.integer], score: GroupScore, folder: Path) -> list[Picture]:
        folder.mkdir(parents=True, exist_ok=True)
        pixels, truth, prediction, spacing = for_the_eye(found, decided)
        dice = score.value("dice")
        known = None if math.isnan(dice) else dice
        shown = partial(Picture, group=found.group, person=found.person, part=self.part, dice=known)
        volumetric = pixels.ndim == 4
        plane = busiest_plane(truth, prediction, self.labels) if volumetric else None
        still = (
            case_picture(pixels[plane], _at(truth, plane), _at(prediction, plane), self.labels, spacing_mm=spacing)
            if volumetric
            else case_picture(pixels, truth, prediction, self.labels, spacing_mm=spacing)
        )
        pictures = []
        name = picture_name(self.part, found.group, ".png")
        (folder / name).write_bytes(still)
        pictures.append(shown(kind="case", file=name, plane=plane))
        animations = sum(picture.kind == "volume" for drawn in self.pictures.values() for picture in drawn)
        if volumetric and pixels.shape[0] > 1 and animations < MAX_ANIMATIONS:
            name = picture_name(self.part, found.group, ".gif")
            (folder / name).write_bytes(volume_gif(pixels, truth, prediction, self.labels, spacing_mm=spacing))
            pictures.append(shown(kind="volume", file=name))
        return pictures

    def ranked(self) -> list[Picture]:
        """All pictures, the examples (best, median, worst) marked."""
        ranks = {score.group: rank for score, rank in choose_examples(self.scores, 6)}
        return [
            picture.model_copy(update={"rank": ranks.get(group)}) if picture.kind == "case" else picture
            for group, drawn in self.pictures.items()
            for picture in drawn
        ]


def for_the_eye(
    found: GroupPrediction, decided: NDArray[np.integer]
) -> tuple[NDArray[Any], NDArray[np.integer], NDArray[np.integer], tuple[float, float] | None]:
    """Planes (N, C, h, w) or a plane (C, h, w), and labels alike, volumes turned to how a radiologist looks at them."""
    if len(found.images) > 1:
        return np.stack([image.pixels for image in found.images]), found.truth, decided, None
    image = found.images[0]
    geometry = image.geometry
    if geometry.ndim == 2:
        spacing = None if geometry.spacing is None else (geometry.spacing[0], geometry.spacing[1])
        return image.pixels, found.truth, decided, spacing
    axes = to_canonical(geometry)
    leading = decided.ndim - 3
    turned = axes.apply_geometry(geometry)
    spacing = None if turned.spacing is None else (turned.spacing[1], turned.spacing[2])
    pixels = axes.apply(image.pixels, leading=1).swapaxes(0, 1)
    return pixels, axes.apply(found.truth, leading=leading), axes.apply(decided, leading=leading), spacing


def _at(labels: NDArray[np.integer], plane: int | None) -> NDArray[np.integer]:
    return labels if plane is None else labels[..., plane, :, :]


def save_pictures(folder: Path, results: Iterable[Results]) -> None:
    save_json(folder / "index.json", PictureIndex(pictures=tuple(p for one in results for p in one.ranked())))


def all_scores(results: Sequence[Results]) -> list[GroupScore]:
    return [score for one in results for score in one.scores]
