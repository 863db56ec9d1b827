"""Every case read once: what the fingerprint, the checks and the splits need to know of it."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from threading import Lock
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray

from delineate.dataset.facts import CaseFacts
from delineate.dataset.loading import MaskReading, load_image, read_mask
from delineate.dataset.plane_facts import black_border, border_and_centre, difference_hash, foreground, object_facts, resize_ceiling
from delineate.dataset.raw_masks import CHUNK, count_small
from delineate.dataset.streaming import few_threads, in_order
from delineate.domain import IGNORE, Case, Geometry, Image, LabelSet, Scan
from delineate.errors import DataError
from delineate.events import EventSink, Progress, StageFinished, StageStarted, discard
from delineate.recipe import MaskRule

SAMPLED_PIXELS = 400_000
"""Pixels kept over all cases for percentiles; a case gives at least 64 and at most 20 000."""
CEILING_CASES = 120
HEAVY_BYTES = 32 << 20
"""Images in files larger than this, and DICOM series, are measured one at a time: threads must not multiply their memory."""


def measure_cases(
    scan: Scan,
    rule: MaskRule,
    labels: LabelSet,
    on_event: EventSink = discard,
    *,
    cases: Sequence[Case] | None = None,
    threads: int | None = None,
) -> list[CaseFacts]:
    """Facts of every case (or of ``cases``) in their order; each file is decoded once.

    A file that cannot be read, or a mask that does not fit its image, gives facts with ``error`` instead of an exception.
    """
    chosen = list(scan.cases if cases is None else cases)
    threads = threads or few_threads()
    sampled = int(np.clip(SAMPLED_PIXELS // max(len(chosen), 1), 64, 20_000))
    kept = _Kept(CEILING_CASES)
    one_at_a_time = Lock()

    def work(case: Case) -> tuple[CaseFacts, _PackedPlane | None]:
        return _measure_alone(case, rule, labels, sampled, one_at_a_time)

    facts: list[CaseFacts] = []
    start = monotonic()
    on_event(StageStarted("measure", len(chosen)))
    for done, (measured, plane) in enumerate(in_order(work, chosen, threads), 1):
        if plane is not None:
            kept.add(len(facts), measured, plane)
        facts.append(measured)
        if done % 25 == 0 or done == len(chosen):
            on_event(Progress("measure", done, len(chosen)))
    planes = kept.chosen()
    for (index, _), ceiling in zip(
        planes, in_order(lambda item: resize_ceiling(item[1].open(), labels), planes, threads), strict=True
    ):
        facts[index] = replace(facts[index], ceiling=ceiling)
    on_event(StageFinished("measure", monotonic() - start))
    return facts


def priority(case: str) -> int:
    """A number that looks random but depends on the case's id only: samples do not change with file order."""
    return zlib.crc32(case.encode())


@dataclass(frozen=True)
class _PackedPlane:
    """Label planes compress to a few kilobytes, whatever their size."""

    data: bytes
    shape: tuple[int, ...]

    @classmethod
    def of(cls, plane: NDArray[Any]) -> _PackedPlane:
        return cls(zlib.compress(np.ascontiguousarray(plane, dtype=np.uint8).tobytes(), 1), plane.shape)

    def open(self) -> NDArray[np.uint8]:
        return np.frombuffer(zlib.decompress(self.data), dtype=np.uint8).reshape(self.shape)


class _Kept:
    """Reference planes for the resize ceiling: first one of each person, then a second …; bounded, independent of order."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._persons: dict[str, list[tuple[int, int, _PackedPlane]]] = {}

    def add(self, index: int, facts: CaseFacts, plane: _PackedPlane) -> None:
        mine = self._persons.setdefault(facts.person, [])
        mine.append((priority(facts.case), index, plane))
        mine.sort(key=lambda item: item[:2])
        if sum(len(items) for items in self._persons.values()) > 4 * self._limit:
            keep = {index for index, _ in self._ranked()[: 2 * self._limit]}
            self._persons = {
                person: left for person, items in self._persons.items() if (left := [item for item in items if item[1] in keep])
            }

    def _ranked(self) -> list[tuple[int, _PackedPlane]]:
        ranked = [(rank, *item) for items in self._persons.values() for rank, item in enumerate(items)]
        return [(item[2], item[3]) for item in sorted(ranked, key=lambda item: item[:3])]

    def chosen(self) -> list[tuple[int, _PackedPlane]]:
        return self._ranked()[: self._limit]


def _measure_alone(
    case: Case, rule: MaskRule, labels: LabelSet, sampled: int, one_at_a_time: Lock
) -> tuple[CaseFacts, _PackedPlane | None]:
    with one_at_a_time if _heavy(case) else nullcontext():
        return _measure(case, rule, labels, sampled)


def _heavy(case: Case) -> bool:
    try:
        return any(
            source.path.is_dir() or (source.index is None and source.path.stat().st_size > HEAVY_BYTES) for source in case.images
        )
    except OSError:
        return False  # reading will say what is wrong


def _measure(case: Case, rule: MaskRule, labels: LabelSet, sampled: int) -> tuple[CaseFacts, _PackedPlane | None]:
    facts = CaseFacts(case.id, case.person, case.group, case.position, case.split, labelled=bool(case.masks))
    try:
        image = load_image(case)
    except DataError as error:
        return replace(facts, error=error, error_part="image"), None
    if 0 in image.pixels.shape:
        return replace(facts, error=DataError("image-without-pixels", path=case.path), error_part="image"), None
    pixels = np.ascontiguousarray(image.pixels)
    facts = _image_facts(facts, image, pixels, sampled)
    if not case.masks:
        return facts, None
    try:
        reading = read_mask(case.masks, case, rule, labels, image.geometry)
    except DataError as error:
        shape, spacing = error.params.get("mask_shape"), error.params.get("mask_spacing")
        return replace(facts, error=error, error_part="mask", mask_shape=shape, mask_spacing=spacing), None
    return _mask_facts(facts, image, pixels, reading, labels)


def _image_facts(facts: CaseFacts, image: Image, pixels: NDArray[Any], sampled: int) -> CaseFacts:
    statistics = [channel_statistics(channel) for channel in pixels]
    planes = pixels.reshape(len(pixels), -1, *pixels.shape[-2:])
    middle = np.nan_to_num(planes[:, planes.shape[1] // 2].mean(axis=0, dtype=np.float32), posinf=0.0, neginf=0.0)
    border, centre = border_and_centre(middle)
    flat = pixels.reshape(len(pixels), -1)
    where = np.random.default_rng(priority(facts.case)).integers(0, flat.shape[1], size=sampled)
    geometry = image.geometry
    return replace(
        facts,
        sha256=pixel_hash(pixels),
        dhash=difference_hash(middle),
        shape=geometry.shape,
        spacing=geometry.spacing,
        channels=image.channels,
        dtype=str(pixels.dtype),
        colour=image.colour,
        format=image.format,
        minimum=tuple(item.minimum for item in statistics),
        maximum=tuple(item.maximum for item in statistics),
        mean=tuple(item.mean for item in statistics),
        std=tuple(item.std for item in statistics),
        nonfinite=sum(item.nonfinite for item in statistics),
        border_mean=border,
        centre_mean=centre,
        black_border=black_border(middle),
        pixels=int(np.prod(geometry.shape)),
        planes=geometry.shape[0] if geometry.ndim == 3 else 1,
        samples=flat[:, where].T.astype(np.float32),
    )


def _mask_facts(
    facts: CaseFacts, image: Image, pixels: NDArray[Any], reading: MaskReading, labels: LabelSet
) -> tuple[CaseFacts, _PackedPlane | None]:
    mask = reading.mask.labels
    inside = foreground(mask, labels)
    planes_inside = inside.reshape(-1, *inside.shape[-2:])
    per_plane = planes_inside.sum(axis=(1, 2))
    counts = _class_counts(mask, labels)
    fore, back = _means_in_and_out(facts, pixels, inside)
    box = None
    objects: tuple[Any, ...] = (None,) * labels.classes
    packed = None
    if per_plane.any():
        spans = [np.flatnonzero(inside.any(axis=tuple(a for a in range(inside.ndim) if a != axis))) for axis in range(inside.ndim)]
        box = tuple((int(span[-1]) - int(span[0]) + 1) / n for span, n in zip(spans, inside.shape, strict=True))
        stack = (
            mask.reshape(labels.classes, -1, *mask.shape[-2:]) if labels.kind == "regions" else mask.reshape(-1, *mask.shape[-2:])
        )
        reference = stack[..., int(per_plane.argmax()), :, :]
        objects = tuple(object_facts(labels.one_class(reference, label)) for label in range(1, labels.classes + 1))
        packed = _PackedPlane.of(reference)
    facts = replace(
        facts,
        foreground_mean=fore,
        background_mean=back,
        mask_shape=reading.geometry.shape,
        mask_spacing=reading.geometry.spacing,
        mask_reoriented=reading.reoriented,
        affine_difference_mm=affine_difference(image.geometry, reading.geometry),
        spacing_difference_mm=_spacing_difference(image.geometry, reading.geometry),
        class_pixels=tuple(int(n) for n in counts.sum(axis=0)),
        class_planes=tuple(int(n) for n in (counts > 0).sum(axis=0)),
        ignored_pixels=int((mask == IGNORE).sum()) // (labels.classes if labels.kind == "regions" else 1),
        planes_with_foreground=int((per_plane > 0).sum()),
        unknown_values=reading.unknown,
        box=box,
        objects=objects,
    )
    return facts, packed


def _class_counts(mask: NDArray[Any], labels: LabelSet) -> NDArray[np.int64]:
    """(planes, K) pixels of each class on each plane."""
    if labels.kind == "regions":
        stack = mask.reshape(labels.classes, -1, mask.shape[-2] * mask.shape[-1])
        return np.asarray((stack == 1).sum(axis=2).T, dtype=np.int64)
    planes = mask.reshape(-1, mask.shape[-2] * mask.shape[-1])
    return np.array([np.bincount(plane, minlength=IGNORE + 1)[1 : labels.classes + 1] for plane in planes], dtype=np.int64)


def _means_in_and_out(facts: CaseFacts, pixels: NDArray[Any], inside: NDArray[np.bool_]) -> tuple[float | None, float | None]:
    """Mean over channels under the mask and outside it, finite pixels only; outside is what the whole leaves."""
    fore_sum, fore_count = 0.0, 0
    for channel in pixels:
        chosen = channel[inside]
        if np.issubdtype(chosen.dtype, np.floating):
            chosen = chosen[np.isfinite(chosen)]
        fore_sum += float(chosen.sum(dtype=np.float64))
        fore_count += chosen.size
    count = pixels.size - facts.nonfinite
    # Channels with NaN have fewer pixels than others; the mean of means is then close, and good enough for a comparison.
    total = float(np.mean(facts.mean)) * count
    fore = fore_sum / fore_count if fore_count else None
    back = (total - fore_sum) / (count - fore_count) if count > fore_count else None
    return fore, back


@dataclass(frozen=True)
class ChannelStatistics:
    """Over finite pixels; zeros where there are none."""

    minimum: float
    maximum: float
    mean: float
    std: float
    nonfinite: int


def channel_statistics(channel: NDArray[Any]) -> ChannelStatistics:
    """Bytes and 16-bit numbers by their histogram; others in chunks, merged exactly (Chan, Golub & LeVeque 1979), so that a large
    volume needs no float copy of itself."""
    if channel.dtype in (np.uint8, np.uint16):
        return _from_histogram(count_small(channel.reshape(-1)))
    count, mean, squares, nonfinite = 0, 0.0, 0.0, 0
    low, high = np.inf, -np.inf
    flat = channel.reshape(-1)
    for start in range(0, flat.size, CHUNK):
        part = flat[start : start + CHUNK].astype(np.float64)
        finite = np.isfinite(part)
        if not finite.all():
            nonfinite += int((~finite).sum())
            part = part[finite]
        if part.size == 0:
            continue
        low, high = min(low, float(part.min())), max(high, float(part.max()))
        part_mean = float(part.mean())
        part -= part_mean
        delta, total = part_mean - mean, count + part.size
        squares += float(np.dot(part, part)) + delta * delta * count * part.size / total
        mean += delta * part.size / total
        count = total
    if count == 0:
        return ChannelStatistics(0.0, 0.0, 0.0, 0.0, nonfinite)
    return ChannelStatistics(low, high, mean, float(np.sqrt(squares / count)), nonfinite)


def _from_histogram(counts: NDArray[np.int64]) -> ChannelStatistics:
    values = np.flatnonzero(counts).astype(np.float64)
    weights = counts[counts > 0].astype(np.float64)
    mean = float(np.average(values, weights=weights))
    variance = float(np.average((values - mean) ** 2, weights=weights))
    return ChannelStatistics(float(values[0]), float(values[-1]), mean, float(np.sqrt(variance)), 0)


def pixel_hash(pixels: NDArray[Any]) -> str:
    """SHA-256 of type, shape and pixels in native byte order."""
    native = pixels if pixels.dtype.isnative else pixels.astype(pixels.dtype.newbyteorder("="))
    digest = hashlib.sha256(f"{native.dtype.name} {native.shape}".encode())
    digest.update(np.ascontiguousarray(native).data)
    return digest.hexdigest()


def affine_difference(one: Geometry, other: Geometry) -> float | None:
    """Largest distance in mm between a corner of the grid under one affine and under the other; ``None`` where one is unknown."""
    if one.affine is None or other.affine is None or one.ndim != other.ndim:
        return None
    sides = [*one.shape, *([1] * (3 - one.ndim))]
    corners = np.array(
        [[i, j, k, 1] for i in (0, sides[0] - 1) for j in (0, sides[1] - 1) for k in (0, sides[2] - 1)], dtype=np.float64
    )
    gap = corners @ (one.affine - other.affine).T
    return float(np.linalg.norm(gap[:, :3], axis=1).max())


def _spacing_difference(one: Geometry, other: Geometry) -> float | None:
    if one.spacing is None or other.spacing is None or one.ndim != other.ndim:
        return None
    return float(max(abs(a - b) for a, b in zip(one.spacing, other.spacing, strict=True)))
