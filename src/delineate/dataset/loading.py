"""From a case to pixels and labels: channels put together, mask files merged by the mask rule, sizes never adapted silently."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from delineate.dataset.placing import placed
from delineate.dataset.raw_masks import CHUNK, RawReader, as_colours, count_values, hex_of, number_of, pack
from delineate.domain import IGNORE, Case, Geometry, Image, LabelSet, Mask, Source, between
from delineate.errors import DataError
from delineate.formats import RawLabels, read_image
from delineate.recipe import MaskRule

MAX_UNKNOWN = 20


@dataclass(frozen=True, eq=False)
class MaskReading:
    """A mask with what was noticed on the way.

    ``unknown``: raw values outside the rule → pixels. ``geometry``: the (first) mask file's own, re-oriented like its pixels.
    ``reoriented``: a mask file stored its axes in another order or direction than the image.
    """

    mask: Mask
    unknown: Mapping[str, int]
    geometry: Geometry
    reoriented: bool = False


def load_image(case: Case) -> Image:
    """The case's image; several sources are concatenated along channels.

    Raises ``UnreadableFile`` for a bad file and ``DataError('channels-differ')`` when the sources do not share one grid.
    """
    parts = [read_image(source.path, index=source.index, item=source.item) for source in case.images]
    first = parts[0]
    if len(parts) == 1:
        return first
    for part, source in zip(parts[1:], case.images[1:], strict=True):
        if not first.geometry.same_grid(part.geometry):
            raise DataError(
                "channels-differ",
                path=source.path,
                case=case.id,
                shape=shape_text(part.geometry.shape),
                other=shape_text(first.geometry.shape),
            )
    pixels = np.concatenate([part.pixels for part in parts])
    return replace(first, pixels=pixels, colour="channels")


def load_raw_labels(case: Case) -> list[RawLabels]:
    """The case's mask files as they are, in the order of ``case.masks``."""
    reader = RawReader()
    return [reader.read(source) for source in case.masks]


def load_mask(case: Case, rule: MaskRule, labels: LabelSet, *, image_geometry: Geometry | None = None) -> Mask:
    """The case's mask on its image's grid.

    A mask file that stores the very same grid with its axes in another order or direction (a converter's NIfTI beside DICOM) is
    re-oriented, as its affine says: no value changes. A DICOM segmentation, which leaves empty planes out, is put in its place.

    Files of one class are united. Where exclusive classes overlap, the class with fewer pixels in this image wins, since the
    smaller structure is the one drawn into the larger (a tumour in its organ). Values outside the rule become background or
    :data:`IGNORE`, as ``rule.others`` says; ``"error"`` gives IGNORE too: pixels of unknown meaning teach and score nothing.

    Parameters
    ----------
    image_geometry
        Grid of the image where it has been read. Without it the mask keeps its own geometry.

    Raises
    ------
    UnreadableFile
        A mask file cannot be read.
    DataError
        ``mask-size-differs``: a mask file's grid is not the image's (there is no silent resize). ``case-unlabelled``.
        ``mask-file-without-class``: the rule goes by files and this one stands for no class.
    """
    return read_mask(case.masks, case, rule, labels, image_geometry).mask


def load_rater_masks(case: Case, rule: MaskRule, labels: LabelSet, *, image_geometry: Geometry | None = None) -> dict[str, Mask]:
    """Masks of further observers by name, under the same rule as :func:`load_mask`."""
    return {name: read_mask(sources, case, rule, labels, image_geometry).mask for name, sources in case.raters.items()}


def read_mask(
    sources: Sequence[Source], case: Case, rule: MaskRule, labels: LabelSet, image_geometry: Geometry | None = None
) -> MaskReading:
    """Like :func:`load_mask`, for any of the case's mask sources, with what was noticed."""
    if not sources:
        raise DataError("case-unlabelled", case=case.id, path=case.path)
    first: Geometry | None = None
    unknown: dict[str, int] = {}
    merger: _Merger | None = None
    reader = RawReader()
    reoriented = False
    for source in sources:
        raw = reader.read(source)
        if image_geometry is not None:
            raw = placed(raw, image_geometry, source, case.images[0])
        turn = between(raw.geometry, image_geometry) if image_geometry is not None else None
        own = raw.geometry
        if turn is not None and not turn.is_identity:
            own, reoriented = turn.apply_geometry(own), True
        else:
            turn = None
        if first is None:
            first = own
            merger = _Merger(image_geometry.shape if image_geometry else first.shape, labels)
        assert merger is not None
        values, outside = apply_rule(raw, rule, labels, source)
        if turn is not None:
            values = np.ascontiguousarray(turn.apply(values))
        for value, count in outside.items():
            unknown[value] = unknown.get(value, 0) + count
        merger.add(_fitted(values, merger.shape, source, case, own))
    assert first is not None and merger is not None
    geometry = image_geometry or (first if first.shape == merger.shape else Geometry(merger.shape))
    most = dict(sorted(unknown.items(), key=lambda item: (-item[1], item[0]))[:MAX_UNKNOWN])
    return MaskReading(Mask(merger.result(), geometry), most, first, reoriented)


def apply_rule(raw: RawLabels, rule: MaskRule, labels: LabelSet, source: Source) -> tuple[NDArray[np.uint8], dict[str, int]]:
    """One mask file → labels 0…K (IGNORE where asked), uint8 of its spatial shape; and raw values outside the rule → pixels."""
    other = 0 if rule.others == "background" else IGNORE
    if rule.kind == "values" and raw.values is not None:
        return _by_value(raw.values, rule.values, other)
    if rule.kind == "colours":
        return _by_colour(pack(as_colours(raw)), rule.colours, other)
    values = raw.values if raw.values is not None else as_colours(raw).max(axis=-1)
    if rule.kind == "values":
        return _by_value(values, rule.values, other)
    inside = values <= rule.cutoff if rule.inverted and rule.kind == "threshold" else values > rule.cutoff
    label = 1
    if rule.kind == "files":
        if source.label is None:
            raise DataError("mask-file-without-class", path=source.path)
        label = rule.values.get(source.label, 0) if rule.values else source.label  # 0: a class the person did not ask for
        if label > labels.classes and label != IGNORE:
            raise DataError("mask-file-without-class", path=source.path)
    result = np.where(inside, np.uint8(label), np.uint8(0))
    outside: dict[str, int] = {}
    if np.issubdtype(values.dtype, np.floating):
        strange = ~np.isfinite(values)
        if count := int(strange.sum()):
            outside["nan"] = count
            result[strange] = other
    return result, outside


def _by_value(values: NDArray[Any], table: Mapping[int, int], other: int) -> tuple[NDArray[np.uint8], dict[str, int]]:
    if np.issubdtype(values.dtype, np.floating):
        rounded = np.rint(np.nan_to_num(values, nan=-1.0, posinf=-1.0, neginf=-1.0))
        off = ~np.isclose(values, rounded, atol=1e-3, rtol=0) | (np.abs(rounded) > 2**53)
        result, outside = _by_value(np.where(off, 0, rounded).astype(np.int64), {**table, 0: table.get(0, 0)}, other)
        result[off] = other
        if count := int(off.sum()):
            outside["not-whole"] = count
        return result, outside
    counts = count_values(values)
    outside = {str(int(value)): count for value, count in counts.items() if int(value) not in table}
    smallest, largest = (int(min(counts)), int(max(counts))) if counts else (0, 0)
    if smallest >= 0 and largest < 65536:
        lookup = np.full(largest + 1, other, dtype=np.uint8)
        for value, label in table.items():
            if 0 <= value <= largest:
                lookup[value] = label
        flat, looked_up = values.reshape(-1), np.empty(values.size, dtype=np.uint8)
        for start in range(0, flat.size, CHUNK):  # indexing copies its indices to eight bytes each
            looked_up[start : start + CHUNK] = lookup[flat[start : start + CHUNK]]
        return looked_up.reshape(values.shape), outside
    result = np.full(values.shape, other, dtype=np.uint8)
    for value, label in table.items():
        if smallest <= value <= largest:
            result[values == value] = label
    return result, outside


def _by_colour(numbers: NDArray[np.uint32], table: Mapping[str, int], other: int) -> tuple[NDArray[np.uint8], dict[str, int]]:
    result = np.full(numbers.shape, other, dtype=np.uint8)
    known = np.zeros(numbers.shape, dtype=bool)
    for colour, label in table.items():
        here = numbers == number_of(colour)
        result[here] = label
        known |= here
    if known.all():
        return result, {}
    strange, counts = np.unique(numbers[~known], return_counts=True)
    order = np.argsort(-counts, kind="stable")[:MAX_UNKNOWN]
    return result, {hex_of(int(strange[i])): int(counts[i]) for i in order}


class _Merger:
    """Several files' labels → one mask. Classes are kept bit-packed until all sizes are known."""

    def __init__(self, shape: tuple[int, ...], labels: LabelSet) -> None:
        self.shape = tuple(shape)
        self._labels = labels
        self._files: list[NDArray[np.uint8]] = []
        self._packed: dict[int, NDArray[np.uint8]] = {}

    def add(self, labels: NDArray[np.uint8]) -> None:
        if self._labels.kind != "regions" and not self._files and not self._packed:
            self._files.append(labels)  # the usual case: one file, nothing to merge
            return
        for waiting in (*self._files, labels):
            self._pack(waiting)
        self._files.clear()

    def _pack(self, labels: NDArray[np.uint8]) -> None:
        flat = labels.reshape(-1)
        for label in (int(value) for value in count_values(flat) if value):
            bits = np.packbits(flat == label)
            known = self._packed.get(label)
            self._packed[label] = bits if known is None else known | bits

    def result(self) -> NDArray[np.uint8]:
        if self._files:
            return self._files[0]
        size = int(np.prod(self.shape))
        planes = self._packed
        if self._labels.kind == "regions":
            stack = np.zeros((self._labels.classes, size), dtype=np.uint8)
            for label, bits in planes.items():
                if label <= self._labels.classes:
                    stack[label - 1] = np.unpackbits(bits, count=size)
            if IGNORE in planes:
                stack[:, np.unpackbits(planes[IGNORE], count=size) == 1] = IGNORE
            return stack.reshape(self._labels.classes, *self.shape)
        merged = np.zeros(size, dtype=np.uint8)
        order = sorted(planes, key=lambda label: (label != IGNORE, -int(np.unpackbits(planes[label]).sum()), label))
        for label in order:  # IGNORE first, so that any class covers it; then from the largest to the smallest
            merged[np.unpackbits(planes[label], count=size) == 1] = label
        return merged.reshape(self.shape)


def _fitted(values: NDArray[np.uint8], shape: tuple[int, ...], source: Source, case: Case, geometry: Geometry) -> NDArray[np.uint8]:
    if values.shape == shape:
        return values
    if [n for n in values.shape if n != 1] == [n for n in shape if n != 1]:  # a single slice, stored with or without its axis
        return values.reshape(shape)
    raise DataError(
        "mask-size-differs",
        path=source.path,
        case=case.id,
        mask=shape_text(values.shape),
        image=shape_text(shape),
        mask_shape=values.shape,
        mask_spacing=geometry.spacing,
    )


def shape_text(shape: tuple[int, ...]) -> str:
    """(256, 512) → ``"256×512"``."""
    return "×".join(str(n) for n in shape)
