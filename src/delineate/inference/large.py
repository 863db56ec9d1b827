"""Images too large to be held: a TIFF is read by bands, predicted in tiles, and its mask written while it is made.

Memory does not grow with the image's height; with its width by some rows of tiles. Intensities are measured in a pass of their own
over all rows, at the very pixels that the prediction of a small image looks at, so that both give the same mask.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from delineate.doubt import calibrate
from delineate.errors import DataError, DelineateError, ResourceError
from delineate.events import EventSink, Note, Progress, StageFinished, StageStarted
from delineate.formats.tiff_bands import TiffBands, tiff_bands
from delineate.formats.tiff_writing import write_tiff_rows
from delineate.inference.clean import clean_labels
from delineate.inference.predictor import BYTES_PER_PIXEL, Predictor
from delineate.inference.rows import PredictionRow
from delineate.inference.tiling import tile_starts, tiled_rows
from delineate.preprocessing import Trail, plan_trail
from delineate.preprocessing.bands import Rows, measure_rows, prepared_rows, restored_rows
from delineate.preprocessing.colour import colour_channels
from delineate.recipe import Clean, ModelRecord, Preprocessing

MAX_WORK_PIXELS = 1 << 36
_LEAST_TILE = 256
_SPOOL_ROWS = 1024

Reason = Literal["asked", "spacing", "scale", "size", "finest"]


@dataclass(frozen=True)
class LargeImage:
    """A TIFF to be predicted by bands. ``level`` of its pyramid as a person asked, ``None``: the one that suits the model."""

    path: Path
    level: int | None
    memory: int


def as_large(path: Path, record: ModelRecord, memory: int, level: int | None) -> LargeImage | None:
    """``path`` as a large image where it is a TIFF of one plane that would not fit ``memory``, or where a level is asked for."""
    with path.open("rb") as file:
        if file.read(4)[:4] not in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
            return None
    if level is None and path.stat().st_size < memory >> 11:  # no coding of ours grows further than that
        return None
    try:
        with tiff_bands(path) as bands:
            held = bands.shape[0] * bands.shape[1] * (bands.channels * (bands.dtype.itemsize + 12) + 8 * record.labels.classes + 4)
            return LargeImage(path, level, memory) if level is not None or held > memory else None
    except DelineateError:
        if level is not None:
            raise
        return None  # reading it in the usual way says what is the matter


def suitable_level(bands: TiffBands, recipe: Preprocessing) -> tuple[int, Reason]:
    """The coarsest pyramid level that is at least as fine as what the network sees."""
    finer: list[bool]
    reason: Reason
    shrunk = [bands.levels[0][0] / shape[0] for shape in bands.levels]
    if recipe.fit == "spacing" and recipe.pixel_mm is not None and bands.spacing is not None:
        pixel = max(bands.spacing)
        finer, reason = [pixel * by <= 1.05 * recipe.pixel_mm for by in shrunk], "spacing"
    elif recipe.fit in ("scale", "spacing"):
        finer, reason = [by * recipe.scale <= 1.05 for by in shrunk], "scale"
    else:
        finer, reason = [h >= recipe.size[0] and w >= recipe.size[1] for h, w in bands.levels], "size"
    fitting = [level for level, good in enumerate(finer) if good]
    coarsest = max(fitting, default=0)
    return coarsest, reason if coarsest else "finest"


def predict_large(
    predictor: Predictor, image: LargeImage, targets: list[Path], *, clean: bool, on_event: EventSink
) -> PredictionRow:
    """Predict one large TIFF; the mask(s) at ``targets`` are TIFFs on the grid of the level that was read.

    Raises DataError (``channels-mismatch``), ResourceError (``cannot-write``, ``image-exceeds-memory``), UnreadableFile.
    """
    began = time.perf_counter()
    record = predictor.record
    recipe = record.preprocessing
    level = image.level
    with tiff_bands(image.path, level or 0) as bands:
        if level is None:
            level, reason = suitable_level(bands, recipe)
        else:
            reason = "asked"
    with tiff_bands(image.path, level) as bands:
        if level and reason == "scale":  # what was trained on were finest levels
            recipe = recipe.model_copy(update={"scale": min(1.0, recipe.scale * bands.levels[0][0] / bands.shape[0])})
        if colour_channels(bands.channels, recipe) != recipe.channels:
            raise DataError(
                "channels-mismatch", path=image.path, wanted=recipe.channels, colour=recipe.colour, found=bands.channels
            )
        _tell(bands, reason, on_event)
        on_event(StageStarted("tiles", bands.shape[0]))
        try:
            areas = _write(predictor, bands, recipe, image.memory, targets, clean, on_event)
        except MemoryError:
            shape = "×".join(map(str, bands.shape))
            raise ResourceError("image-exceeds-memory", path=image.path, shape=shape) from None
        on_event(StageFinished("tiles", time.perf_counter() - began))
        height, width = bands.shape
    named = dict(zip(record.labels.names, areas, strict=True))
    seconds = round(time.perf_counter() - began, 3)
    return PredictionRow(image.path, "done", tuple(targets), "", {}, width, height, 1, seconds, predictor.engine, named, {})


def _tell(bands: TiffBands, reason: Reason, on_event: EventSink) -> None:
    facts = {
        "path": bands.path,
        "shape": "×".join(map(str, bands.shape)),
        "level": bands.level,
        "last": len(bands.levels) - 1,
        "whole": "×".join(map(str, bands.levels[0])),
    }
    on_event(Note(f"large-level-{reason}" if len(bands.levels) > 1 else "large-image", facts))


def label_rows(
    predictor: Predictor, bands: TiffBands, recipe: Preprocessing, memory: int, on_event: EventSink
) -> Iterator[NDArray[np.uint8]]:
    """Blocks (layers, n, W) of labels, together the plane that ``bands`` reads; one layer, or one per class for regions."""
    record = predictor.record
    labels = record.labels
    statistics = measure_rows(bands, recipe)
    trail = plan_trail(bands.geometry, recipe, statistics.box, max_pixels=MAX_WORK_PIXELS)
    for note in trail.notes:
        on_event(Note(note, {"path": bands.path, "scale": recipe.scale}, "warning"))
    prepared = _beside_itself(prepared_rows(bands, recipe, trail, statistics), recipe)
    logits = _logits(predictor, prepared, trail, recipe, memory)
    shares = (labels.probabilities(block) for block in logits)
    for block in restored_rows(shares, trail):
        own = calibrate(np.ascontiguousarray(block), record.temperatures, labels)
        decided = labels.decide(own, record.thresholds)
        yield decided if labels.kind == "regions" else decided[np.newaxis]


def _beside_itself(rows: Iterator[Rows], recipe: Preprocessing) -> Iterator[Rows]:
    """An image that is no slice of a volume stands for its neighbours too."""
    return rows if not recipe.neighbours else (np.tile(block, (1 + 2 * recipe.neighbours, 1, 1)) for block in rows)


def _logits(predictor: Predictor, prepared: Iterator[Rows], trail: Trail, recipe: Preprocessing, memory: int) -> Iterator[Rows]:
    height, width = trail.size
    if max(height, width) <= recipe.tile and height * width * BYTES_PER_PIXEL <= max(memory // 2, recipe.tile**2):
        plane = np.concatenate(list(prepared), axis=1)
        yield predictor.logits(plane[np.newaxis])[0]
        return
    channels = predictor.record.labels.channels
    side = tile_side(recipe, width, channels, memory)
    padded = tuple(-(-n // recipe.multiple) * recipe.multiple for n in (height, width))
    tile = (min(side, padded[0]), min(side, padded[1]))
    across = len(tile_starts(width, tile[1], recipe.tile_overlap))
    predictor.expect(across * len(tile_starts(height, tile[0], recipe.tile_overlap)))
    at_once = max(1, min(8, memory // 8 // (tile[0] * tile[1] * BYTES_PER_PIXEL)))
    yield from tiled_rows(
        prepared, (height, width), predictor.logits, channels, tile, recipe.tile_overlap, at_once, predictor.blend
    )


def tile_side(recipe: Preprocessing, width: int, channels: int, memory: int) -> int:
    """The model's tile, halved until its activations and the rows of tiles that are held take at most half of ``memory`` each;
    not below 256 pixels."""
    side = recipe.tile
    while side > _LEAST_TILE and (
        side * side * BYTES_PER_PIXEL > memory // 2 or side * width * 4 * (2 * recipe.inputs + 4 * channels) > memory // 2
    ):
        side //= 2
    return max(recipe.multiple, side - side % recipe.multiple)


def _write(
    predictor: Predictor,
    bands: TiffBands,
    recipe: Preprocessing,
    memory: int,
    targets: list[Path],
    clean: bool,
    on_event: EventSink,
) -> list[int]:
    """Write the masks; gives the area of each class."""
    record = predictor.record
    labels = record.labels
    layers = labels.classes if labels.kind == "regions" else 1
    wanted = clean and any(option != Clean() for option in record.clean)
    fits = math.prod(bands.shape) * layers * 12 <= memory
    if wanted and not fits:
        on_event(Note("large-not-cleaned", {"path": bands.path}, "warning"))
    areas = np.zeros(labels.classes, dtype=np.int64)
    white = labels.kind == "regions" or labels.classes == 1

    def counted(blocks: Iterator[NDArray[np.uint8]]) -> Iterator[NDArray[np.uint8]]:
        for block in blocks:
            for number in range(labels.classes):
                whole = block if labels.kind == "regions" else block[0]
                areas[number] += np.count_nonzero(labels.one_class(whole, number + 1))
            yield block

    rows = _told(label_rows(predictor, bands, recipe, memory, on_event), bands.shape[0], on_event)
    if layers == 1 and not (wanted and fits):
        blocks = (block[0] * np.uint8(255 if white else 1) for block in counted(rows))
        write_tiff_rows(targets[0], blocks, bands.shape, bands.spacing)
        return [int(area) for area in areas]
    targets[0].parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=targets[0].parent, prefix=".mask") as spool:
        for block in rows:  # (n, layers, W): a row of all layers after the other
            spool.write(np.ascontiguousarray(block.transpose(1, 0, 2)).tobytes())
        spool.flush()
        held = None
        if wanted and fits:
            spool.seek(0)
            whole = np.fromfile(spool, dtype=np.uint8).reshape(bands.shape[0], layers, bands.shape[1]).transpose(1, 0, 2)
            cleaned = clean_labels(whole if labels.kind == "regions" else whole[0], labels, record.clean)
            held = cleaned if labels.kind == "regions" else cleaned[np.newaxis]

        def again() -> Iterator[NDArray[np.uint8]]:
            height, width = bands.shape
            spool.seek(0)
            for top in range(0, height, _SPOOL_ROWS):
                n = min(_SPOOL_ROWS, height - top)
                if held is not None:
                    yield held[:, top : top + n]
                else:
                    block = np.frombuffer(spool.read(n * layers * width), dtype=np.uint8)
                    yield block.reshape(n, layers, width).transpose(1, 0, 2)

        for number, target in enumerate(targets):
            source = counted(again()) if number == 0 else again()
            blocks = (block[number] * np.uint8(255 if white else 1) for block in source)
            write_tiff_rows(target, blocks, bands.shape, bands.spacing)
    return [int(area) for area in areas]


def _told(rows: Iterator[NDArray[np.uint8]], height: int, on_event: EventSink) -> Iterator[NDArray[np.uint8]]:
    """The same blocks, with the share that is done said on the way."""
    done = 0
    for block in rows:
        done += block.shape[1]
        on_event(Progress("tiles", done, height))
        yield block
