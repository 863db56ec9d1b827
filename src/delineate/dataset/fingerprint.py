"""fingerprint.json: the measured facts that planning decides by. Only the persons given to it are looked at."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import Literal

import numpy as np
from pydantic import Field

from delineate.dataset.facts import CaseFacts
from delineate.dataset.measuring import measure_cases, priority
from delineate.domain import Case, LabelSet, Scan
from delineate.errors import DataError
from delineate.events import EventSink, discard
from delineate.recipe import MaskRule, StrictModel

CEILING_PLANES = 40


class Spread(StrictModel):
    """Smallest, median and largest value."""

    minimum: float
    median: float
    maximum: float


class ChannelFingerprint(StrictModel):
    """Intensity of one channel in raw units.

    ``mean`` and ``std`` over all finite pixels, ``percentiles`` (0.5, 5, 50, 95, 99.5) over a bounded even sample;
    ``between_images`` is the standard deviation of the images' means, ``within_images`` the median of their standard deviations:
    a ratio well above a half says that images differ in brightness more than in content.
    """

    minimum: float
    maximum: float
    mean: float
    std: float
    percentiles: tuple[float, float, float, float, float]
    between_images: float
    within_images: float
    constant_images: int


class ClassFingerprint(StrictModel):
    """One class. ``pixel_share`` of all labelled pixels; ``object_size`` and ``thickness`` in pixels on the cases' reference
    planes, ``objects_per_plane`` the median number of components there."""

    name: str
    cases: int
    persons: int
    planes: int
    pixel_share: float
    object_size: Spread | None = None
    objects_per_plane: float | None = None
    thickness: Spread | None = None


class Fingerprint(StrictModel):
    """
    ``cases``, ``labelled``, ``unreadable``, ``groups``
        Readable cases, those with a usable mask, those that could not be read; volumes, or images on their own.
    ``dims``
        2, 3, or 0 where both occur.
    ``shape``, ``spacing``
        Per axis in array order (of the cases with the commoner number of axes); ``spacing`` ``None`` where none is known,
        ``spacing_known`` the share of cases with it, ``anisotropy`` the median of largest ÷ smallest spacing.
    ``channels``
        Of most cases; ``channel_counts`` all that occur. ``intensity`` has one entry per channel of these cases.
    ``planes``, ``planes_with_foreground``
        Of labelled cases.
    ``box``
        Extent of the foreground's bounding box as a share of the image per axis.
    ``ceiling``
        Longest side → mean Dice that shrinking to it and back leaves, over ``ceiling_planes`` planes with foreground.
    ``black_border``
        Median share of rows and columns at the edges that are constant at the minimum.
    ``content_sha256``
        Over the sorted pixel hashes of the cases: the same data give the same value, wherever they lie.
    """

    version: Literal[1] = 1
    cases: int
    labelled: int
    unreadable: int
    groups: int
    persons: int
    unit: Literal["patient", "image", "block"]
    dims: Literal[0, 2, 3]
    shape: tuple[Spread, ...]
    spacing: tuple[Spread, ...] | None
    spacing_known: float
    anisotropy: float | None
    channels: int
    channel_counts: dict[int, int]
    colours: dict[str, int]
    dtypes: dict[str, int]
    formats: dict[str, int]
    intensity: tuple[ChannelFingerprint, ...]
    planes: int
    planes_with_foreground: int
    classes: tuple[ClassFingerprint, ...]
    box: tuple[Spread, ...] | None = None
    ceiling: dict[int, float] = Field(default_factory=dict)
    ceiling_planes: int = 0
    black_border: float = 0.0
    content_sha256: str = ""

    @property
    def foreground_plane_share(self) -> float:
        return self.planes_with_foreground / self.planes if self.planes else 0.0


def measure_fingerprint(
    scan: Scan, rule: MaskRule, labels: LabelSet, *, cases: Sequence[Case] | None = None, on_event: EventSink = discard
) -> Fingerprint:
    """Read every case (or ``cases``) once and sum up; see :func:`fingerprint_of`."""
    return fingerprint_of(measure_cases(scan, rule, labels, on_event, cases=cases), scan, labels)


def fingerprint_of(facts: Iterable[CaseFacts], scan: Scan, labels: LabelSet, persons: Collection[str] | None = None) -> Fingerprint:
    """The fingerprint of measured cases; ``persons`` (as in splits.json) restricts it, so that planning never sees test pixels.

    In unit ``block`` the keys of splits.json are case ids; these are recognised too. Raises ``DataError('nothing-readable')``.
    """
    wanted = None if persons is None else set(persons)
    mine = [f for f in facts if wanted is None or (f.case if scan.unit == "block" else f.person) in wanted]
    readable = [f for f in mine if f.error_part != "image"]
    if not readable:
        raise DataError("nothing-readable", cases=len(mine))
    labelled = [f for f in readable if f.usable]
    axes = Counter(len(f.shape) for f in readable)
    common = axes.most_common(1)[0][0]
    same_axes = [f for f in readable if len(f.shape) == common]
    spaced = [f.spacing for f in same_axes if f.spacing is not None]
    channel_counts = Counter(f.channels for f in readable)
    channels = channel_counts.most_common(1)[0][0]
    boxes = [f.box for f in labelled if f.box is not None and len(f.box) == common]
    measured = sorted((f for f in labelled if f.ceiling), key=lambda f: priority(f.case))[:CEILING_PLANES]
    hashes = "".join(sorted(f.sha256 for f in readable))
    return Fingerprint(
        cases=len(readable),
        labelled=len(labelled),
        unreadable=len(mine) - len(readable),
        groups=len({f.group for f in readable}),
        persons=len({f.person for f in readable}),
        unit=scan.unit,
        dims=0 if len(axes) > 1 else 3 if common == 3 else 2,
        shape=_per_axis([f.shape for f in same_axes]),
        spacing=_per_axis(spaced) if spaced else None,
        spacing_known=len(spaced) / len(same_axes),
        anisotropy=float(np.median([max(s) / min(s) for s in spaced])) if spaced else None,
        channels=channels,
        channel_counts=dict(sorted(channel_counts.items())),
        colours=_counted(f.colour for f in readable),
        dtypes=_counted(f.dtype for f in readable),
        formats=_counted(f.format for f in readable),
        intensity=tuple(_channel([f for f in readable if f.channels == channels], c) for c in range(channels)),
        planes=sum(f.planes for f in labelled),
        planes_with_foreground=sum(f.planes_with_foreground for f in labelled),
        classes=tuple(_class(labelled, k, name) for k, name in enumerate(labels.names)),
        box=_per_axis(boxes) if boxes else None,
        ceiling={side: float(np.mean([f.ceiling[side] for f in measured])) for side in (measured[0].ceiling if measured else ())},
        ceiling_planes=len(measured),
        black_border=float(np.median([f.black_border for f in readable])),
        content_sha256=hashlib.sha256(hashes.encode()).hexdigest(),
    )


def _counted(names: Iterable[str]) -> dict[str, int]:
    return dict(Counter(names).most_common())


def _spread(values: Sequence[float]) -> Spread:
    return Spread(minimum=float(min(values)), median=float(np.median(values)), maximum=float(max(values)))


def _per_axis(rows: Sequence[Sequence[float]]) -> tuple[Spread, ...]:
    return tuple(_spread(column) for column in zip(*rows, strict=True))


def _channel(facts: Sequence[CaseFacts], channel: int) -> ChannelFingerprint:
    weights = np.array([f.pixels for f in facts], dtype=np.float64)
    means = np.array([f.mean[channel] for f in facts])
    stds = np.array([f.std[channel] for f in facts])
    mean = float(np.average(means, weights=weights))
    variance = float(np.average(stds**2 + (means - mean) ** 2, weights=weights))
    drawn = [f.samples[:, channel] for f in facts if f.samples is not None]
    pixels = np.concatenate(drawn) if drawn else means
    pixels = pixels[np.isfinite(pixels)]
    points = np.percentile(pixels, (0.5, 5, 50, 95, 99.5)).tolist() if pixels.size else [0.0] * 5
    return ChannelFingerprint(
        minimum=min(f.minimum[channel] for f in facts),
        maximum=max(f.maximum[channel] for f in facts),
        mean=mean,
        std=float(np.sqrt(variance)),
        percentiles=(points[0], points[1], points[2], points[3], points[4]),
        between_images=float(means.std()),
        within_images=float(np.median(stds)),
        constant_images=int((stds == 0).sum()),
    )


def _class(labelled: Sequence[CaseFacts], index: int, name: str) -> ClassFingerprint:
    present = [f for f in labelled if f.class_pixels[index]]
    objects = [f.objects[index] for f in present]
    seen = [item for item in objects if item is not None]
    sizes = [float(size) for item in seen for size in item.sizes]
    widths = [item.thickness for item in seen if item.thickness is not None]
    total = sum(f.pixels - f.ignored_pixels for f in labelled)
    return ClassFingerprint(
        name=name,
        cases=len(present),
        persons=len({f.person for f in present}),
        planes=sum(f.class_planes[index] for f in present),
        pixel_share=sum(f.class_pixels[index] for f in present) / total if total else 0.0,
        object_size=_spread(sizes) if sizes else None,
        objects_per_plane=float(np.median([item.count for item in seen])) if seen else None,
        thickness=_spread(widths) if widths else None,
    )
