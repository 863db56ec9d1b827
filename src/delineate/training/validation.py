"""Scores on validation planes after each epoch: counts summed over each volume, so that a slice without truth needs no rule.

A (group, class) without any pixel in truth and prediction is left out of the means. Groups of one person are averaged first, then
persons. Thresholds are 0.5 here; they are chosen later, by evaluation.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from delineate.domain import IGNORE, LabelSet
from delineate.recipe import Recipe
from delineate.training.history import picture
from delineate.training.planes import PlaneCache
from delineate.training.step import Learner

_SHARE = 0.2  # of an epoch's computing time may go into validation
_TRAINING_COST = 3.0  # a training step costs about three forward passes
_FEWEST_GROUPS = 8
_BATCH_PIXELS = 8 * 256 * 256
_MARGIN = 32  # context around a tile of a plane too large for one pass


@dataclass(frozen=True)
class Scores:
    """Means over persons and classes; ``nan`` where no group has foreground. ``classes`` is the Dice of each class."""

    loss: float
    dice: float
    iou: float
    precision: float
    recall: float
    classes: tuple[float, ...]


@dataclass(frozen=True)
class Selection:
    """The planes that are scored, fixed for a run. ``groups`` of ``all_groups``, ``planes`` of ``all_planes``."""

    indices: tuple[int, ...]
    groups: int
    all_groups: int
    all_planes: int

    @property
    def whole(self) -> bool:
        return len(self.indices) == self.all_planes


def select(cache: PlaneCache, recipe: Recipe) -> Selection:
    """All planes, or evenly chosen groups, then evenly chosen planes in them, so that validation takes at most about a fifth of the
    training's time. Counted in pixels, not measured, so that every run chooses alike.
    """
    training = recipe.training
    stage = training.stages[-1]
    budget = _SHARE * _TRAINING_COST * training.epoch_steps * stage.batch * stage.size[0] * stage.size[1]
    groups = list(cache.groups().values())
    total = sum(plane.pixels for plane in cache.planes)
    wanted = len(groups)
    if total > budget:
        wanted = min(len(groups), max(_FEWEST_GROUPS, int(len(groups) * budget / total)))
    chosen = [groups[i] for i in np.unique(np.linspace(0, len(groups) - 1, wanted).round().astype(int))]
    pixels = sum(cache.planes[i].pixels for members in chosen for i in members)
    stride = max(1, math.ceil(pixels / budget / 1.5))  # planes are thinned only where whole groups are far too many
    indices = tuple(i for members in chosen for i in members[(len(members) - 1) % stride // 2 :: stride])
    return Selection(indices, len(chosen), len(groups), len(cache))


class Validator:
    """Scores a network on the selected planes of a cache."""

    def __init__(self, cache: PlaneCache, recipe: Recipe) -> None:
        self.cache = cache
        self.labels: LabelSet = recipe.labels
        self.multiple = recipe.preprocessing.multiple
        self.tile = recipe.preprocessing.tile
        self.selection = select(cache, recipe)
        planes = [cache.planes[i] for i in self.selection.indices]
        names = {name: number for number, name in enumerate(dict.fromkeys(plane.group for plane in planes))}
        self._group = np.array([names[plane.group] for plane in planes])
        self._person = {names[plane.group]: plane.person for plane in planes}
        self.has_foreground = any(any(plane.foreground) for plane in planes)

    def score(self, learner: Learner, interrupted: Callable[[], bool] = lambda: False) -> Scores | None:
        """Scores of ``learner.averaged``; ``None`` if interrupted."""
        network = learner.averaged.eval()
        counts = np.zeros((len(self._person), self.labels.classes, 3), dtype=np.int64)  # tp, fp, fn
        loss = 0.0
        indices = self.selection.indices
        with torch.inference_mode():
            for places in self._batches():
                if interrupted():
                    return None
                images = torch.from_numpy(np.stack([self.cache.image(indices[p]) for p in places])).float()
                truth = torch.from_numpy(np.stack([self.cache.labels(indices[p]) for p in places])).to(learner.device)
                logits = self.predict(network, learner, images)
                loss += float(learner.loss(logits, truth)) * len(places)
                np.add.at(counts, self._group[places], count(self.decide(logits), truth, self.labels))
        return self._summary(counts, loss / len(indices))

    def examples(self, learner: Learner, number: int = 3) -> list[NDArray[np.float32]]:
        """Pictures (3, h, w) of the selected planes with most foreground, each of another group where possible."""
        planes = self.cache.planes
        ranked = sorted(self.selection.indices, key=lambda i: -sum(planes[i].foreground))
        first_of_group = list({planes[i].group: i for i in reversed(ranked)}.values())[::-1]
        pictures = []
        with torch.inference_mode():
            for index in first_of_group[:number]:
                image, truth = self.cache.image(index), self.cache.labels(index)
                logits = self.predict(learner.averaged.eval(), learner, torch.from_numpy(image)[None].float())
                own = image[self.cache.neighbours * self.cache.channels :][: self.cache.channels]
                pictures.append(picture(own, truth, self.decide(logits)[0].cpu().numpy()))
        return pictures

    def predict(self, network: nn.Module, learner: Learner, images: Tensor) -> Tensor:
        """(B, C, h, w) on the CPU → logits (B, out, h, w) float32 on the learner's device."""
        if max(images.shape[2:]) <= self.tile:
            return self._forward(network, learner, images)
        height, width = images.shape[2:]
        rows = []
        for top in range(0, height, self.tile):
            row = []
            for left in range(0, width, self.tile):
                y, x = max(0, top - _MARGIN), max(0, left - _MARGIN)
                piece = images[:, :, y : top + self.tile + _MARGIN, x : left + self.tile + _MARGIN]
                logits = self._forward(network, learner, piece)
                row.append(logits[:, :, top - y : top - y + self.tile, left - x : left - x + self.tile])
            rows.append(torch.cat(row, dim=3))
        return torch.cat(rows, dim=2)

    def _forward(self, network: nn.Module, learner: Learner, images: Tensor) -> Tensor:
        height, width = images.shape[2:]
        padded = F.pad(images, (0, -width % self.multiple, 0, -height % self.multiple), mode="replicate")
        layout = torch.channels_last if learner.training.channels_last else torch.contiguous_format
        with learner.autocast():
            logits: Tensor = network(padded.to(device=learner.device, memory_format=layout))
        return logits[:, :, :height, :width].float()

    def decide(self, logits: Tensor) -> Tensor:
        """(B, out, h, w) logits → (B, h, w) labels, or (B, K, h, w) of 0/1 for regions."""
        if self.labels.activation == "softmax":
            return logits.argmax(dim=1)
        above = (logits >= 0).to(torch.uint8)
        return above if self.labels.kind == "regions" else above[:, 0]

    def _batches(self) -> list[NDArray[np.int64]]:
        """Places in the selection, planes of equal shape together, each batch of bounded size."""
        by_shape: dict[tuple[int, int], list[int]] = {}
        for place, index in enumerate(self.selection.indices):
            by_shape.setdefault(self.cache.planes[index].shape, []).append(place)
        batches = []
        for (height, width), places in by_shape.items():
            size = max(1, _BATCH_PIXELS // (height * width))
            batches += [np.array(places[start : start + size]) for start in range(0, len(places), size)]
        return batches

    def _summary(self, counts: NDArray[np.int64], loss: float) -> Scores:
        true, false, missed = (counts[..., i].astype(np.float64) for i in range(3))

        def ratio(top: NDArray[np.float64], bottom: NDArray[np.float64]) -> NDArray[np.float64]:
            """NaN where both are empty; 0 where only one is."""
            values = np.divide(top, bottom, out=np.zeros_like(top), where=bottom > 0)
            values[true + false + missed == 0] = math.nan
            return values

        dice = ratio(2 * true, 2 * true + false + missed)
        means = [
            self._mean(v) for v in (dice, ratio(true, true + false + missed), ratio(true, true + false), ratio(true, true + missed))
        ]
        classes = tuple(self._mean(dice[:, k : k + 1]) for k in range(self.labels.classes))
        return Scores(loss, means[0], means[1], means[2], means[3], classes)

    def _mean(self, values: NDArray[np.float64]) -> float:
        """(groups, classes) → mean over persons of the mean over their groups and classes, NaN left out."""
        by_person: dict[str, list[float]] = {}
        for group, row in enumerate(values):
            by_person.setdefault(self._person[group], []).extend(float(v) for v in row if not math.isnan(v))
        means = [sum(known) / len(known) for known in by_person.values() if known]
        return sum(means) / len(means) if means else math.nan


def count(predicted: Tensor, truth: Tensor, labels: LabelSet) -> NDArray[np.int64]:
    """True positives, false positives and misses per plane and class: (B, K, 3). :data:`IGNORE` pixels do not count."""
    valid = truth != IGNORE
    columns = []
    for k in range(1, labels.classes + 1):
        if labels.kind == "regions":
            seen, real, counted = predicted[:, k - 1] == 1, truth[:, k - 1] == 1, valid[:, k - 1]
        else:
            seen, real, counted = predicted == k, truth == k, valid
        seen = seen & counted
        both = (seen & real).sum(dim=(1, 2))
        columns.append(torch.stack([both, seen.sum(dim=(1, 2)) - both, real.sum(dim=(1, 2)) - both], dim=1))
    return torch.stack(columns, dim=1).cpu().numpy().astype(np.int64)
