"""Decode and preprocess every case once, in parallel, into files that training reads at random.

The cache is keyed by what it was made from (files with size and time, preprocessing, mask rule, labels, version), so that a second
run on the same data starts at once. It is built in a folder of its own and renamed when whole: two runs may build the same cache at
the same time, and a crash leaves nothing that looks finished. It is bounded: what does not fit any more is prepared anew each time.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from delineate.dataset.loading import load_image, load_mask
from delineate.domain import Case, Image, LabelSet
from delineate.errors import DataError, DelineateError, ResourceError
from delineate.events import EventSink, Note, Progress, StageFinished, StageStarted, discard
from delineate.preprocessing import Statistics, measure, prepare, prepare_labels
from delineate.recipe import Recipe, save_json
from delineate.training.disk import disk_error
from delineate.training.planes import INDEX, LABELS, PLANES, PlaneCache, open_cache
from delineate.version import __version__

CACHE_VERSION = 2
_LARGEST = 60_000.0  # float16 ends at 65,504
_MOST_BYTES = 64 * 1024**3
_KEEP_BYTES = 256 * 1024 * 1024  # a volume measured as one is decoded once up to this size, twice above it


@dataclass(frozen=True, eq=False)
class _Prepared:
    """A case ready to be written, or the error that stopped it."""

    case: Case
    planes: NDArray[np.float16] | None = None  # (N, C, h, w)
    labels: NDArray[np.uint8] | None = None  # (N, h, w) or (N, K, h, w)
    error: DelineateError | None = None


def build_cache(
    cases: Sequence[Case],
    recipe: Recipe,
    folder: Path,
    *,
    workers: int | None = None,
    limit: int | None = None,
    on_event: EventSink = discard,
    on_error: Callable[[Case, DelineateError], None] | None = None,
) -> PlaneCache:
    """Prepared planes of ``cases`` under ``folder``, made now or found from before.

    ``limit`` in bytes: by default 80 % of the free disk, at most 64 GiB. Cases beyond it are not kept (a note ``cache-limited``)
    but prepared anew whenever one of their planes is asked for: slower, never refused.

    A case that cannot be read is told (a note ``case-left-out``, ``on_error``, ``PlaneCache.failed``) and left out.

    Raises
    ------
    DataError
        ``no-usable-case`` when nothing is left.
    ResourceError
        ``disk-full`` or ``cannot-write``; nothing half-made stays behind.
    """
    started = time.monotonic()
    key = cache_key(cases, recipe)
    target = folder / key[:20]
    on_event(StageStarted("cache", len(cases)))
    cache = open_cache(target)
    if cache is None:
        _remove_leftovers(folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            building = Path(tempfile.mkdtemp(prefix=f".{key[:20]}.", suffix=".tmp", dir=folder))
            try:
                room = free_room(folder) if limit is None else limit
                _build(cases, recipe, key, building, workers or _cores(), room, on_event, on_error)
                _publish(building, target)
            finally:
                shutil.rmtree(building, ignore_errors=True)
        except OSError as error:
            raise disk_error(error, folder) from None
        cache = open_cache(target)
        if cache is None:
            raise ResourceError("cannot-write", path=target, reason="the finished cache could not be read back")
    else:
        for case, reason in cache.failed:
            on_event(Note("case-left-out", {"case": case, "reason": reason}, "warning"))
    if cache.left_out():
        on_event(Note("cache-limited", {"planes": cache.left_out(), "all": len(cache)}, "warning"))
    on_event(StageFinished("cache", time.monotonic() - started))
    return replace(cache, reload=Again(cases, recipe))


def free_room(folder: Path) -> int:
    """Bytes that a cache in ``folder`` may take."""
    return min(_MOST_BYTES, int(0.8 * shutil.disk_usage(folder).free))


def cache_key(cases: Sequence[Case], recipe: Recipe) -> str:
    """sha256 of everything the planes depend on; reads no pixels."""
    facts: list[Any] = [CACHE_VERSION, __version__]
    facts += [part.model_dump(mode="json") for part in (recipe.preprocessing, recipe.masks, recipe.labels)]
    for case in cases:
        sources = [
            [str(s.path.resolve()), s.index, s.item, s.label, _stamp(s.path)] for part in (case.images, case.masks) for s in part
        ]
        facts.append([case.id, case.group, case.person, case.position, len(case.images), sources])
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def _stamp(path: Path) -> list[Any]:
    """Size and time of a file, or of each file in a DICOM series' folder."""
    try:
        if path.is_dir():
            return [[entry.name, entry.stat().st_size, entry.stat().st_mtime_ns] for entry in sorted(path.iterdir())]
        status = path.stat()
        return [status.st_size, status.st_mtime_ns]
    except OSError:
        return []  # reading it will say what is wrong


def _build(
    cases: Sequence[Case],
    recipe: Recipe,
    key: str,
    folder: Path,
    workers: int,
    room: int,
    on_event: EventSink,
    on_error: Callable[[Case, DelineateError], None] | None,
) -> None:
    regions = recipe.labels.kind == "regions"
    index: dict[str, Any] = {
        "key": key,
        "channels": recipe.preprocessing.channels,
        "neighbours": recipe.preprocessing.neighbours,
        "regions": regions,
        "classes": recipe.labels.classes,
        "cases": [],
        "planes": [],
        "failed": [],
        "left_out": [],
    }
    written = 0
    last_told = 0.0
    with (folder / PLANES).open("wb") as planes_file, (folder / LABELS).open("wb") as labels_file:
        for done, ready in enumerate(_parallel(_units(cases, recipe), recipe, workers), start=1):
            if ready.error is not None or ready.planes is None or ready.labels is None:
                error = ready.error or DataError("image-without-pixels", path=ready.case.path)
                index["failed"].append([ready.case.id, str(error)])
                on_event(Note("case-left-out", {"case": ready.case.id, "reason": str(error)}, "warning"))
                if on_error is not None:
                    on_error(ready.case, error)
                continue
            index["cases"].append([ready.case.id, ready.case.group, ready.case.person, ready.case.position])
            size = ready.planes.nbytes + ready.labels.nbytes
            if written + size > room:
                index["left_out"].append(len(index["cases"]) - 1)
            else:
                ready.planes.tofile(planes_file)
                ready.labels.tofile(labels_file)
                written += size
            height, width = (int(n) for n in ready.planes.shape[2:])
            for number, labels in enumerate(ready.labels):
                foreground = _foreground(labels, recipe.labels)
                index["planes"].append([len(index["cases"]) - 1, number, height, width, foreground])
            if time.monotonic() - last_told > 0.2 or done == len(cases):
                last_told = time.monotonic()
                on_event(Progress("cache", done, len(cases)))
        for file in (planes_file, labels_file):
            file.flush()
            os.fsync(file.fileno())
    if not index["planes"]:
        raise DataError("no-usable-case", cases=len(cases), reason=index["failed"][0][1] if index["failed"] else "-")
    save_json(folder / INDEX, index)


def _foreground(labels: NDArray[np.uint8], label_set: LabelSet) -> list[int]:
    if label_set.kind == "regions":
        return [int(np.count_nonzero(labels[k] == 1)) for k in range(label_set.classes)]
    return [int(n) for n in np.bincount(labels.ravel(), minlength=256)[1 : label_set.classes + 1]]


def _units(cases: Sequence[Case], recipe: Recipe) -> Iterator[list[Case]]:
    """What is prepared together: a case, or all slices of a volume where something is measured on the whole volume."""
    if not _measured_jointly(recipe):
        yield from ([case] for case in cases)
        return
    volumes: dict[str, list[Case]] = {}
    for case in cases:
        volumes.setdefault(case.group, []).append(case)
    yield from volumes.values()


def _measured_jointly(recipe: Recipe) -> bool:
    """Intensities of a volume, or the one content box that all slices of a volume share."""
    rule = recipe.preprocessing
    scheme = rule.normalisation.scheme
    return scheme == "volume" or (rule.crop == "content" and scheme in ("dataset", "none"))


def _parallel(units: Iterable[list[Case]], recipe: Recipe, workers: int) -> Iterator[_Prepared]:
    """Prepare units in threads, in order, never more than ``workers + 1`` waiting in memory."""
    waiting: deque[Future[list[_Prepared]]] = deque()
    with ThreadPoolExecutor(max_workers=max(1, workers), thread_name_prefix="prepare") as pool:
        try:
            for unit in units:
                waiting.append(pool.submit(_prepare_unit, unit, recipe))
                if len(waiting) > workers:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _prepare_unit(cases: list[Case], recipe: Recipe) -> list[_Prepared]:
    if len(cases) == 1:
        return [_prepare_case(case, recipe, None, None) for case in cases]
    # slices in files of their own: measured together, as one volume
    kept: dict[str, Image] = {}
    failed: dict[str, DelineateError] = {}

    def images() -> Iterator[Image]:
        held = 0
        for case in cases:
            try:
                image = load_image(case)
            except (DelineateError, OSError, ValueError) as error:
                failed[case.id] = _expected(error, case)
                continue
            held += image.pixels.nbytes
            if held <= _KEEP_BYTES:
                kept[case.id] = image
            yield image

    try:
        statistics = measure(images(), recipe.preprocessing)
    except (DelineateError, ValueError) as error:
        return [_Prepared(case, error=failed.get(case.id) or _expected(error, case)) for case in cases]
    return [
        _Prepared(case, error=failed[case.id])
        if case.id in failed
        else _prepare_case(case, recipe, statistics, kept.pop(case.id, None))
        for case in cases
    ]


def _prepare_case(case: Case, recipe: Recipe, statistics: Statistics | None, image: Image | None) -> _Prepared:
    try:
        image = load_image(case) if image is None else image
        mask = load_mask(case, recipe.masks, recipe.labels, image_geometry=image.geometry)
        prepared = prepare(image, recipe.preprocessing, statistics)
        labels = prepare_labels(mask.labels, prepared.trail, recipe.labels)
    except (DelineateError, OSError, ValueError) as error:
        return _Prepared(case, error=_expected(error, case))
    # float16 holds z-scores to 3 digits; what is not finite would poison the batch norms of the whole run
    planes = np.nan_to_num(prepared.planes, nan=0.0, posinf=_LARGEST, neginf=-_LARGEST).clip(-_LARGEST, _LARGEST)
    return _Prepared(case, planes.astype(np.float16), np.ascontiguousarray(labels, dtype=np.uint8))


def _expected(error: Exception, case: Case) -> DelineateError:
    if isinstance(error, DelineateError):
        return error
    return DataError("case-unusable", case=case.id, reason=str(error) or type(error).__name__)


class Again:
    """Prepares cases anew, for planes that a cache had no room for; the latest are kept in memory. Safe between threads."""

    def __init__(self, cases: Sequence[Case], recipe: Recipe) -> None:
        self._recipe = recipe
        self._units = {case.id: unit for unit in _units(cases, recipe) for case in unit}
        self._kept: OrderedDict[str, tuple[NDArray[np.float16], NDArray[np.uint8]]] = OrderedDict()
        self._lock = threading.Lock()

    def __call__(self, case: str) -> tuple[NDArray[np.float16], NDArray[np.uint8]]:
        with self._lock:
            if case not in self._kept:
                for ready in _prepare_unit(self._units[case], self._recipe):
                    if ready.planes is not None and ready.labels is not None:
                        self._kept[ready.case.id] = ready.planes, ready.labels
                    elif ready.case.id == case and ready.error is not None:
                        raise ready.error
            found = self._kept[case]
            self._kept.move_to_end(case)
            held = sum(planes.nbytes + labels.nbytes for planes, labels in self._kept.values())
            while held > _KEEP_BYTES and len(self._kept) > 1:
                planes, labels = self._kept.popitem(last=False)[1]
                held -= planes.nbytes + labels.nbytes
            return found


def _publish(building: Path, target: Path) -> None:
    """Rename into place; where another run was faster its cache is as good, and a damaged one is replaced."""
    try:
        building.rename(target)
    except OSError:
        if open_cache(target) is None:
            shutil.rmtree(target, ignore_errors=True)
            building.rename(target)


def _remove_leftovers(folder: Path) -> None:
    """Unfinished caches of processes that are gone (a day old: whoever made them is not at work any more)."""
    for leftover in folder.glob(".*.tmp") if folder.is_dir() else ():
        if time.time() - leftover.stat().st_mtime > 24 * 3600:
            shutil.rmtree(leftover, ignore_errors=True)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
