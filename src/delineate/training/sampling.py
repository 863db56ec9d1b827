"""Which planes make up batch k: a function of (seed, k) alone, so that resuming at step k equals never having stopped.

Draws are stratified, not independent: planes with and without foreground are two streams, merged in a fixed ratio by counting
(position p belongs to the foreground stream when floor((p+1)·share) > floor(p·share)), and each stream walks through one random
permutation of its planes after another. Every plane is seen equally often within its stream, and every batch has its share of
foreground.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from delineate.training.planes import Plane

_ORDER, _BATCH = 1, 2  # keep the random streams of permutations and of batches apart


def batch_generator(seed: int, step: int) -> np.random.Generator:
    """The generator that everything random in the batch of ``step`` comes from."""
    return np.random.default_rng(np.random.SeedSequence([seed, _BATCH, step]))


@lru_cache(maxsize=64)
def _permutation(seed: int, stream: int, cycle: int, size: int) -> NDArray[np.int64]:
    return np.random.default_rng(np.random.SeedSequence([seed, _ORDER, stream, cycle])).permutation(size)


@dataclass(frozen=True)
class Draw:
    """``plane`` is an index into the cache; ``label`` the class (1…K) a crop is centred on, 0 for anywhere."""

    plane: int
    label: int = 0


class Sampler:
    """Draws planes (or planes with a class to centre a crop on) without end.

    Parameters
    ----------
    planes
        The training planes.
    foreground
        How many times as often a plane with foreground is drawn as one without; for crops the share ``1 - 1/foreground`` is
        centred on foreground, classes in turn.
    crop
        (rows, columns) of the crops; ``None`` draws whole planes.
    """

    def __init__(self, planes: Sequence[Plane], *, seed: int, foreground: float, crop: tuple[int, int] | None = None) -> None:
        if not planes:
            raise ValueError("no planes to draw from")
        self.seed = seed
        holding = [i for i, plane in enumerate(planes) if any(plane.foreground)]
        classes = len(planes[0].foreground)
        self._labels: list[int] = []
        if crop is None:
            holding_set = set(holding)
            rest = [i for i in range(len(planes)) if i not in holding_set]
            self._streams = [_indices(rest), _indices(holding)]
            weight = foreground * len(holding)
            share = weight / (weight + len(rest))
        else:
            area = crop[0] * crop[1]
            # a large plane holds more crops than a small one
            anywhere = [i for i, plane in enumerate(planes) for _ in range(min(64, max(1, round(plane.pixels / area))))]
            by_class = {k: [i for i in holding if planes[i].foreground[k - 1]] for k in range(1, classes + 1)}
            self._labels = [k for k, members in by_class.items() if members]
            self._streams = [_indices(anywhere), *(_indices(by_class[k]) for k in self._labels)]
            share = 1 - 1 / foreground if self._labels else 0.0
        self._share = Fraction(share).limit_denominator(1_000_000)

    def draws(self, step: int, batch: int) -> list[Draw]:
        """The ``batch`` draws of ``step``."""
        return [self._draw(step * batch + place) for place in range(batch)]

    def _draw(self, position: int) -> Draw:
        before = position * self._share.numerator // self._share.denominator
        after = (position + 1) * self._share.numerator // self._share.denominator
        if after == before:
            return Draw(self._member(0, position - before))
        if not self._labels:
            return Draw(self._member(1, before))
        turn = before % len(self._labels)
        return Draw(self._member(1 + turn, before // len(self._labels)), self._labels[turn])

    def _member(self, stream: int, number: int) -> int:
        members = self._streams[stream]
        cycle, place = divmod(number, len(members))
        return int(members[_permutation(self.seed, stream, cycle, len(members))[place]])


def _indices(values: list[int]) -> NDArray[np.int64]:
    return np.asarray(values, dtype=np.int64)
