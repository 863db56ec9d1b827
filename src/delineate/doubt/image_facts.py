"""A prepared image in a few dozen numbers: brightness, texture, arrangement and channels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

SIDE = 16
_QUANTILES = (5, 25, 50, 75, 95)
_MOST_SIDE = 768
_PER_CHANNEL = len(_QUANTILES) + 4
Planes = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class ImageFacts:
    """``values`` (F,), in the order of :func:`names_of` (0 where a template is compared with), and ``thumbnails`` (C, 256); means
    over the planes of an image."""

    values: NDArray[np.float64]
    thumbnails: NDArray[np.float64]

    @property
    def channels(self) -> int:
        return len(self.thumbnails)

    def against(self, templates: NDArray[np.float64]) -> NDArray[np.float64]:
        """All values, with each channel's likeness to its template (C, 256) filled in."""
        values: NDArray[np.float64] = self.values.copy()
        for c in range(self.channels):
            values[(c + 1) * _PER_CHANNEL - 1] = float((self.thumbnails[c] * templates[c]).mean())
        return values

    def inverted(self) -> ImageFacts:
        """As of the image with its brightness turned round."""
        values = self.values.copy()
        for c in range(self.channels):
            at = c * _PER_CHANNEL
            values[at : at + len(_QUANTILES)] = -values[at : at + len(_QUANTILES)][::-1]
            values[at + _PER_CHANNEL - 2] *= -1
        return ImageFacts(values, -self.thumbnails)

    def reordered(self, order: tuple[int, ...]) -> ImageFacts:
        """As of the image with channel ``order[c]`` in place c."""
        parts = [self.values[c * _PER_CHANNEL : (c + 1) * _PER_CHANNEL] for c in order]
        at = self.channels * _PER_CHANNEL
        pairs = {}
        for number, pair in enumerate(combinations(range(self.channels), 2)):
            pairs[pair] = self.values[at + 2 * number : at + 2 * number + 2]
        parts += [pairs[min(order[a], order[b]), max(order[a], order[b])] for a, b in combinations(range(self.channels), 2)]
        return ImageFacts(np.concatenate([*parts, self.values[-1:]]), self.thumbnails[list(order)])


def thumbnail(plane: Planes) -> NDArray[np.float64]:
    """(C, h, w) → (C, 256): averaged to 16 × 16, mean 0 and deviation 1 per channel."""
    import cv2  # late, here and below: `import delineate.inference` loads no imaging library

    small = np.stack([cv2.resize(channel, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for channel in plane]).reshape(len(plane), -1)
    small = small.astype(np.float64) - small.mean(axis=1, keepdims=True)
    return np.asarray(small / (small.std(axis=1, keepdims=True) + 1e-6))


def names_of(channels: int) -> tuple[str, ...]:
    """Feature names ``<group>.<channel or pair>.<what>``, in the order of :func:`facts_of`."""
    names = []
    for c in range(channels):
        names += [f"brightness.{c}.q{q}" for q in _QUANTILES]
        names += [f"texture.{c}.gradient", f"texture.{c}.fine", f"arrangement.{c}.border", f"arrangement.{c}.template"]
    for a, b in combinations(range(channels), 2):
        names += [f"channels.{a}-{b}.correlation", f"channels.{a}-{b}.difference"]
    return (*names, "shape.aspect")


def facts_of(planes: Sequence[Planes] | Planes) -> ImageFacts:
    """n normalised planes (C, h, w), which may differ in size → their mean facts."""
    return ImageFacts(np.mean([_plane_facts(p) for p in planes], axis=0), np.mean([thumbnail(p) for p in planes], axis=0))


def _plane_facts(plane: Planes) -> NDArray[np.float64]:
    import cv2

    aspect = float(np.log(plane.shape[2] / plane.shape[1]))
    plane = np.ascontiguousarray(plane[:, :_MOST_SIDE, :_MOST_SIDE])
    values: list[float] = []
    for channel in plane:
        spread = float(channel.std()) + 1e-3
        values += [float(v) for v in np.percentile(channel, _QUANTILES)]
        steps = float(np.abs(np.diff(channel, axis=0)).mean() + np.abs(np.diff(channel, axis=1)).mean())
        fine = float(np.abs(cv2.Laplacian(channel, cv2.CV_32F)).mean())
        rows, columns = max(1, channel.shape[0] // 8), max(1, channel.shape[1] // 8)
        inner = channel[rows:-rows, columns:-columns]
        border = (float(channel.sum()) - float(inner.sum())) / max(1, channel.size - inner.size)
        values += [np.log(steps / spread + 1e-4), np.log(fine / (steps + 1e-6) + 1e-3), border - float(inner.mean()), 0.0]
    for a, b in combinations(range(len(plane)), 2):
        first, second = plane[a] - plane[a].mean(), plane[b] - plane[b].mean()
        values.append(float((first * second).mean() / (first.std() * second.std() + 1e-6)))
        values.append(float(np.abs(plane[a] - plane[b]).mean()))
    return np.array([*values, aspect])


def is_flat(pixels: NDArray[Any]) -> bool:
    """Whether every channel holds one value only."""
    flat = pixels.reshape(pixels.shape[0], -1)
    return bool((flat.min(axis=1) == flat.max(axis=1)).all())
