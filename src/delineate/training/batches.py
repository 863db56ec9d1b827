"""Batch k, made from the cache: draw, read, change. One thread makes the next batch while the network works on this one."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from delineate.recipe import Recipe, Stage
from delineate.training import augmentation
from delineate.training.planes import PlaneCache
from delineate.training.sampling import Draw, Sampler, batch_generator

_ALONE = 0.1  # share of planes shown without their neighbours

Batch = tuple[Tensor, Tensor]
"""images (B, inputs, H, W) float32 and labels (B, H, W) or (B, K, H, W) uint8, on the CPU."""


_Source = tuple[NDArray[np.int64], NDArray[np.float16], NDArray[np.uint8], "NDArray[np.float64] | None", float]


class BatchMaker:
    """Makes the batch of any step; equal arguments give equal batches."""

    def __init__(self, cache: PlaneCache, recipe: Recipe) -> None:
        self.cache = cache
        self.training = recipe.training
        self.seed = recipe.training.seed % 2**63  # any integer will do as a seed, also a negative one
        self.channels_last = recipe.training.channels_last
        self._samplers: dict[tuple[int, int] | None, Sampler] = {}

    def make(self, step: int, stage: Stage) -> Batch:
        """The batch of ``step`` at the stage's size and batch."""
        rng = batch_generator(self.seed, step)
        draws = self._sampler(stage).draws(step, stage.batch)
        changes = augmentation.draw(
            self.training.augmentation, rng, stage.batch, self.cache.channels, stage.size, stacked=1 + 2 * self.cache.neighbours
        )
        images = torch.empty((stage.batch, self.cache.inputs, *stage.size))
        labels = torch.empty((stage.batch, *((self.cache.classes,) if self.cache.regions else ()), *stage.size), dtype=torch.uint8)
        for members, pixels, truth, centre, zoom in self._sources(draws, changes, stage, rng):
            image, label = augmentation.apply_geometry(
                changes,
                torch.from_numpy(pixels).float(),
                torch.from_numpy(truth),
                stage.size,
                members=members,
                zoom=zoom,
                centre=centre,
                classes=self.cache.classes,
            )
            where = torch.from_numpy(members)
            images[where], labels[where] = image, label
        if self.cache.neighbours:
            _some_alone(images, self.cache.channels, rng)
        images = augmentation.apply_intensity(changes, images)
        return (images.contiguous(memory_format=torch.channels_last) if self.channels_last else images), labels

    def _sampler(self, stage: Stage) -> Sampler:
        crop = stage.size if self.training.crop else None
        if crop not in self._samplers:
            self._samplers[crop] = Sampler(self.cache.planes, seed=self.seed, foreground=self.training.foreground, crop=crop)
        return self._samplers[crop]

    def _sources(self, draws: list[Draw], changes: augmentation.Changes, stage: Stage, rng: np.random.Generator) -> list[_Source]:
        """(rows of the batch, planes, labels, centre, zoom): pieces of equal shape are resampled together."""
        if self.training.crop:
            window = augmentation.reach(changes, stage.size)
            pieces = [self._window(one, window, stage.size, rng) for one in draws]
            centres = np.array([centre for _, _, centre in pieces])
            return [(np.arange(len(draws)), np.stack([p for p, _, _ in pieces]), np.stack([t for _, t, _ in pieces]), centres, 1.0)]
        by_shape: dict[tuple[int, int], list[int]] = {}
        for row, one in enumerate(draws):
            by_shape.setdefault(self.cache.planes[one.plane].shape, []).append(row)
        sources: list[_Source] = []
        for shape, rows in by_shape.items():
            pixels = np.stack([self.cache.image(draws[row].plane) for row in rows])
            truth = np.stack([self.cache.labels(draws[row].plane) for row in rows])
            zoom = max(shape[0] / stage.size[0], shape[1] / stage.size[1])  # the whole plane fits, its aspect is kept
            sources.append((np.array(rows), pixels, truth, None, zoom))
        return sources

    def _window(
        self, one: Draw, window: tuple[int, int], size: tuple[int, int], rng: np.random.Generator
    ) -> tuple[NDArray[np.float16], NDArray[np.uint8], tuple[float, float]]:
        """A window of exactly ``window`` around the crop's centre, and that centre (x, y) within it."""
        height, width = self.cache.planes[one.plane].shape
        anywhere = rng.random(2)
        target = self._pixel_of(one, rng) if one.label else None
        middle, firsts, ends, pads = [], [], [], []
        for axis, (side, crop, want) in enumerate(zip((height, width), size, window, strict=True)):
            # the crop stays inside the plane where it fits, else it is centred; it begins on a whole pixel
            room = side - crop
            start = room * anywhere[axis] if target is None else target[axis] - crop / 2
            centre = math.floor(min(max(start, 0), room) if room > 0 else room / 2) + crop / 2
            first = math.floor(centre - want / 2)
            inside = max(0, first), min(side, first + want)
            firsts.append(inside[0])
            ends.append(inside[1])
            pads.append((inside[0] - first, first + want - inside[1]))
            middle.append(centre - first - 0.5)
        rows = (firsts[0], ends[0])
        columns = slice(firsts[1], ends[1])
        pixels = np.pad(self.cache.image(one.plane, rows)[..., columns], [(0, 0), *pads], mode="edge")
        labels = self.cache.labels(one.plane, rows)[..., columns]
        labels = np.pad(labels, [*[(0, 0)] * (labels.ndim - 2), *pads], mode="edge")
        return pixels, labels, (middle[1], middle[0])

    def _pixel_of(self, one: Draw, rng: np.random.Generator) -> tuple[float, float]:
        """Centre (row, column) of a random pixel of the class."""
        labels = self.cache.labels(one.plane)
        found = np.flatnonzero(labels[one.label - 1] == 1 if self.cache.regions else labels == one.label)
        row, column = divmod(int(found[rng.integers(len(found))]), labels.shape[-1])
        return row + 0.5, column + 0.5


def _some_alone(images: Tensor, channels: int, rng: np.random.Generator) -> None:
    """Let the plane itself stand for its neighbours in some of (B, inputs, H, W): a network that never saw a plane without
    neighbours would answer badly at a volume's ends and on single images."""
    stacked = images.shape[1] // channels
    middle = stacked // 2 * channels
    for row in np.flatnonzero(rng.random(len(images)) < _ALONE):
        images[row] = images[row, middle : middle + channels].repeat(stacked, 1, 1)


class Prefetcher:
    """Keeps one batch ahead in one thread that computes on one core, so that it does not fight with the network's threads."""

    def __init__(self, make: Callable[[int, Stage], Batch], stage_of: Callable[[int], Stage | None]) -> None:
        self._make = make
        self._stage_of = stage_of
        threads = torch.get_num_threads()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="batches", initializer=torch.set_num_threads, initargs=(1,))
        self._pool.submit(lambda: None).result()
        torch.set_num_threads(threads)  # a thread's setting is its own, but also the default of threads made later
        self._next: tuple[int, Stage, Future[Batch]] | None = None

    def get(self, step: int, stage: Stage) -> Batch:
        """The batch of ``step``; that of the following step is begun."""
        if self._next is not None and self._next[:2] == (step, stage):
            future = self._next[2]
        else:
            future = self._pool.submit(self._make, step, stage)
        batch = future.result()
        following = self._stage_of(step + 1)
        self._next = None if following is None else (step + 1, following, self._pool.submit(self._make, step + 1, following))
        return batch

    def __enter__(self) -> Prefetcher:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
