"""Model file + image → mask on the image's own grid."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from delineate.domain import Image, Mask
from delineate.doubt import calibrate, entropy
from delineate.errors import DelineateError, ResourceError, UsageError
from delineate.events import EventSink, Note, discard
from delineate.inference.clean import clean_labels
from delineate.inference.engine_choice import AUTO, EngineChoice
from delineate.inference.engines import physical_cores
from delineate.inference.members import MemberEngine
from delineate.inference.memory import usual_memory
from delineate.inference.model_file import ModelFile
from delineate.inference.tiling import BLENDS, Blend, predict_tiled, tile_starts
from delineate.inference.views import all_shares, as_logits, entropy_of_shares, turned, turned_back
from delineate.preprocessing import (
    Preparation,
    Statistics,
    assemble,
    network_input,
    network_input_of_slices,
    restore_slices,
)

BYTES_PER_PIXEL = 2048
"""Activations of a wide U-Net per pixel, about."""
_PIXELS_AT_ONCE = 1 << 20  # planes of one run, where there is memory for them: 16 of 256² took 6 % less time a plane than 8
_PIXELS_PER_STRETCH = 1 << 20


@dataclass(frozen=True, eq=False)
class Prediction:
    """``mask`` on the image's own grid; ``probabilities`` (K, *shape) float32, calibrated, if asked for; ``seconds`` it took.

    ``uncertainty`` if asked for: (1, *shape) entropy of the calibrated probabilities (0: certain, 1: nothing known), or (2, *shape)
    with the mutual information of the views or members, in the same unit, where there are any: how far they disagree.
    """

    mask: Mask
    probabilities: NDArray[np.float32] | None
    seconds: float
    uncertainty: NDArray[np.float32] | None = None


@dataclass(frozen=True, eq=False)
class _Ready:
    """An image that went through the network with others: its logits (1, channels, h, w) and its share of the seconds."""

    image: Image
    work: Preparation
    logits: NDArray[np.float32]
    seconds: float


@contextlib.contextmanager
def _memory_for(image: Image) -> Iterator[None]:
    """Says which image did not fit."""
    try:
        yield
    except MemoryError:
        shape = "×".join(str(n) for n in image.geometry.shape)
        raise ResourceError("image-exceeds-memory", path=image.path or "image", shape=shape) from None


class Predictor:
    """Predicts with one model file; the network is loaded when first needed and then kept.

    Parameters
    ----------
    model
        A :class:`ModelFile`, a path, or ``"demo"``.
    engine
        ``onnxruntime``, ``openvino``, ``torch``, or ``auto``: ONNX Runtime, except that in long jobs a short trial, remembered for
        the next time, picks another engine that is installed, faster, and decides alike on 99.9 % of the pixels
        (:class:`~delineate.inference.engine_choice.EngineChoice`). For a result that is the same bit by bit on the next run,
        name the engine.
    threads
        ``None``: the physical cores this process may use.
    batch
        Planes per run; ``None``: as many as memory suggests.
    memory
        Bytes the job may use; ``None``: half of what is free. Decides how many planes are computed at once.
    blend
        Weights of tiles that overlap, ``linear`` or ``gaussian`` (:func:`~delineate.inference.tiling.tile_weights`).
    watch
        Called after every batch with how many planes (or tiles) have gone through, and of how many where that is known (else 0).
        What it raises ends the prediction: a window's way to stop one.
    """

    def __init__(
        self,
        model: ModelFile | str | Path,
        *,
        engine: str = AUTO,
        threads: int | None = None,
        batch: int | None = None,
        blend: Blend = "linear",
        memory: int | None = None,
        on_event: EventSink = discard,
        watch: Callable[[int, int], None] | None = None,
    ) -> None:
        if blend not in BLENDS:
            raise UsageError("unknown-choice", kind="blend", name=blend, choices=", ".join(BLENDS))
        if threads is not None and threads < 1:
            raise UsageError("not-positive", option="threads", value=threads)
        if batch is not None and batch < 1:
            raise UsageError("not-positive", option="batch", value=batch)
        self.model = model if isinstance(model, ModelFile) else ModelFile.open(model)
        self.record = self.model.record
        self._threads = threads or physical_cores()
        self._batch = batch
        self._memory = memory
        self.blend = blend
        self._on_event = on_event
        self._watch = watch
        self._engines = EngineChoice(self.model, engine, self._threads, on_event)
        self._members: MemberEngine | None = None
        self._ready: list[_Ready] = []

    @property
    def engine(self) -> str:
        """Name of the engine in use (for ``auto`` before the first image: the one it starts with)."""
        return self._engines.name

    def expect(self, planes: int) -> None:
        """Tell how many planes are to come in all, so that ``auto`` knows whether a trial pays."""
        self._engines.expect(planes)

    def together(self, images: Sequence[Image]) -> None:
        """Put images of one plane and one working size through the network at once; following calls of :meth:`predict` with
        these very images, without statistics of their own, use what was computed. Others of ``images`` are left alone."""
        self._ready.clear()
        works: dict[tuple[int, int], list[tuple[Image, Preparation]]] = {}
        for image in images:
            if image.geometry.ndim == 2 and len(images) > 1:
                with contextlib.suppress(DelineateError, MemoryError):  # predict() says what is the matter
                    work = Preparation(image, self.record.preprocessing)
                    works.setdefault(work.trail.size, []).append((image, work))
        for size, members in works.items():
            step = 1 if max(size) > self.record.preprocessing.tile else self._planes_at_once(size)
            for start in range(0, len(members) if step > 1 else 0, step):
                some = members[start : start + step]
                begun = time.perf_counter()
                logits = self.logits(np.concatenate([network_input(work) for _, work in some]))
                seconds = (time.perf_counter() - begun) / len(some)
                self._ready += [_Ready(image, work, logits[at : at + 1], seconds) for at, (image, work) in enumerate(some)]

    def _taken(self, image: Image) -> _Ready | None:
        for at, ready in enumerate(self._ready):
            if ready.image is image:
                return self._ready.pop(at)
        return None

    def predict(
        self,
        image: Image,
        *,
        statistics: Statistics | None = None,
        probabilities: bool = False,
        clean: bool = True,
        uncertainty: bool = False,
    ) -> Prediction:
        """Segment ``image``.

        Logits are activated, probabilities brought back to the image's grid, calibrated, thresholded there with the model's
        thresholds, and cleaned with the model's options. Volumes go through plane by plane.

        Parameters
        ----------
        statistics
            Of the whole volume where ``image`` is one slice of it (see :func:`~delineate.preprocessing.measure`).
        probabilities
            Also give them, (K, *shape); they are not touched by the clean-up.
        clean
            ``False`` leaves the clean-up to the caller (slices in files of their own, cleaned as a volume).
        uncertainty
            Also give maps of doubt (ensembles are then computed by ONNX Runtime).

        Raises
        ------
        DataError
            The image does not fit the model (``channels-mismatch``, ``working-size-too-large``).
        ResourceError
            ``image-exceeds-memory``.
        """
        ready = self._taken(image) if self._ready and statistics is None and not uncertainty else None
        return self._answer(image, statistics, probabilities, clean, uncertainty, ready)

    def predict_slices(
        self,
        images: Sequence[Image],
        *,
        statistics: Statistics | None = None,
        probabilities: bool = False,
        uncertainty: bool = False,
    ) -> Iterator[Prediction]:
        """Segment the slices of one volume that are images of their own, of one shape and in order.

        Several go through the network at once, each beside its neighbours where the model looks at them. Nothing is cleaned up:
        that is done on the whole volume. Parameters and errors as for :meth:`predict`.
        """
        works = [Preparation(image, self.record.preprocessing, statistics) for image in images]
        if not works:
            return
        self.expect(len(works))
        spread = uncertainty and self._several
        step = self._planes_at_once(works[0].trail.size)
        for start in range(0, len(works), step):
            begun = time.perf_counter()
            stop = min(start + step, len(works))
            with _memory_for(images[start]):
                logits = self.logits(network_input_of_slices(works, start, stop), spread=spread)
            seconds = (time.perf_counter() - begun) / (stop - start)
            for at in range(start, stop):
                ready = _Ready(images[at], works[at], logits[at - start : at - start + 1], seconds)
                yield self._answer(images[at], statistics, probabilities, False, uncertainty, ready)

    def _answer(
        self,
        image: Image,
        statistics: Statistics | None,
        probabilities: bool,
        clean: bool,
        uncertainty: bool,
        ready: _Ready | None,
    ) -> Prediction:
        begun = time.perf_counter() - (ready.seconds if ready else 0.0)
        with _memory_for(image):
            labels, shares, doubt = self._planes(image, statistics, probabilities, uncertainty, ready)
        if clean:
            labels = clean_labels(labels, self.record.labels, self.record.clean)
        return Prediction(Mask(labels, image.geometry), shares, time.perf_counter() - begun, doubt)

    @property
    def _several(self) -> bool:
        """Whether there are views or members that can disagree."""
        return bool(self.record.views) or self.record.members > 1

    def _planes(
        self, image: Image, statistics: Statistics | None, wanted: bool, uncertainty: bool, ready: _Ready | None = None
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32] | None, NDArray[np.float32] | None]:
        label_set, recipe = self.record.labels, self.record.preprocessing
        work = ready.work if ready else Preparation(image, recipe, statistics)
        trail = work.trail
        for note in trail.notes:
            self._on_event(Note(note, {"path": image.path or "image", "scale": recipe.scale}, "warning"))
        self.expect(trail.planes)
        layers = label_set.classes if label_set.kind == "regions" else 1
        labels = np.empty((layers, trail.planes, *trail.plane), dtype=np.uint8)
        shares = np.empty((label_set.classes, trail.planes, *trail.plane), dtype=np.float32) if wanted else None
        several = self._several
        doubt = np.empty((1 + several, trail.planes, *trail.plane), dtype=np.float32) if uncertainty else None
        step = self._planes_at_once(trail.size)
        for start in range(0, trail.planes, step):
            here = slice(start, start + step)
            logits = (
                ready.logits if ready else self.logits(network_input(work, start, start + step), spread=uncertainty and several)
            )
            part = restore_slices(self._activated(logits[:, : label_set.channels]), trail)
            if doubt is not None and several:
                each = restore_slices(logits[:, label_set.channels :], trail)
                doubt[1:, here] = np.maximum(entropy(part, label_set) - each, 0)
            part = calibrate(np.ascontiguousarray(part), self.record.temperatures, label_set)
            for rows in self._stretches(part.shape[2], part.shape[3]):
                labels[:, here, rows] = label_set.decide(part[:, :, rows], self.record.thresholds)
                if doubt is not None:
                    doubt[0, here, rows] = entropy(part[:, :, rows], label_set)
            if shares is not None:
                shares[:, here] = part
        own = assemble(labels, trail)
        return (
            own if layers > 1 or label_set.kind == "regions" else own[0],
            None if shares is None else assemble(shares, trail),
            None if doubt is None else assemble(doubt, trail),
        )

    def logits(self, planes: NDArray[np.float32], spread: bool = False) -> NDArray[np.float32]:
        """(N, inputs, h, w) planes as the network sees them → (N, channels, h, w) logits, the mean over the record's views (see
        ``inference.views``).

        With ``spread`` one more channel: the mean entropy of the views' and members' own answers.
        """
        labels, views = self.record.labels, self.record.views
        if not views and not spread:
            return self._one_view(planes)
        detailed = spread and self.record.members > 1
        total, each = self._shares_of_view(planes, spread, detailed)
        for view in views:
            found, own = self._shares_of_view(np.ascontiguousarray(turned(planes, view)), spread, detailed)
            total += turned_back(found, view)
            if each is not None and own is not None:
                each += turned_back(own, view)
        logits = as_logits(total / np.float32(1 + len(views)), labels)
        return logits if each is None else np.concatenate([logits, each / (1 + len(views))], axis=1)

    def _shares_of_view(
        self, planes: NDArray[np.float32], spread: bool, detailed: bool
    ) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        labels = self.record.labels
        out = self._one_view(planes, extra=int(detailed))
        found = all_shares(out[:, : labels.channels], labels)
        if not spread:
            return found, None
        return found, np.array(out[:, labels.channels :]) if detailed else entropy_of_shares(found, labels)

    def _one_view(self, planes: NDArray[np.float32], extra: int = 0) -> NDArray[np.float32]:
        """(N, inputs, h, w) → (N, channels + extra, h, w) of the network: padded to ``multiple`` with edge values, run
        in batches, cut; planes with a side beyond ``tile`` in overlapping tiles."""
        recipe = self.record.preprocessing
        height, width = planes.shape[2:]
        side = max(recipe.multiple, recipe.tile - recipe.tile % recipe.multiple)
        padded = tuple(-(-n // recipe.multiple) * recipe.multiple for n in (height, width))
        channels = self.record.labels.channels + extra
        run = self._run_members if extra else self._run
        out = np.empty((len(planes), channels, height, width), dtype=np.float32)
        if max(height, width) > recipe.tile:
            tile = (min(side, padded[0]), min(side, padded[1]))
            step = self._planes_at_once(tile)
            self.expect(
                len(planes)
                * math.prod(len(tile_starts(n, t, recipe.tile_overlap)) for n, t in zip((height, width), tile, strict=True))
            )
            for number, plane in enumerate(planes):
                predict_tiled(plane, run, out[number], tile, recipe.tile_overlap, step, self.blend)
            return out
        missing = (padded[0] - height, padded[1] - width)
        step = self._planes_at_once((height, width))
        for start in range(0, len(planes), step):
            batch = planes[start : start + step]
            if any(missing):
                batch = np.pad(batch, ((0, 0), (0, 0), (0, missing[0]), (0, missing[1])), mode="edge")
            out[start : start + step] = run(batch)[:, :, :height, :width]
        return out

    def _planes_at_once(self, size: tuple[int, int]) -> int:
        if self._memory is None:
            self._memory = usual_memory()
        pixels = min(_PIXELS_AT_ONCE, self._memory // 2 // BYTES_PER_PIXEL)
        return self._batch or int(np.clip(pixels // max(1, size[0] * size[1]), 1, 16))

    def _run(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        answer = self._engines.run(np.ascontiguousarray(batch, dtype=np.float32))
        if self._watch is not None:
            self._watch(*self._engines.progress)
        return answer

    def _run_members(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        if self._members is None:
            self._members = MemberEngine(self.model, self._threads)
        return self._members.run(np.ascontiguousarray(batch, dtype=np.float32))

    def _activated(self, logits: NDArray[Any]) -> NDArray[np.float32]:
        """(n, channels, h, w) logits → (n, K, h, w) probabilities, in place and a stretch of rows at a time: a 10,000 × 10,000
        plane must not stand in memory several times."""
        labels = self.record.labels
        for plane in logits:
            for rows in self._stretches(*plane.shape[1:]):
                plane[: labels.classes, rows] = labels.probabilities(plane[:, rows])
        return logits[:, : labels.classes]

    @staticmethod
    def _stretches(height: int, width: int) -> list[slice]:
        step = max(1, _PIXELS_PER_STRETCH // max(1, width))
        return [slice(top, top + step) for top in range(0, height, step)]
