"""Prepared planes on disk: what training reads, one plane or part of a plane at a time.

A cache is a folder of three files: ``planes.f16`` (every plane's channels, float16, one after the other), ``labels.u8`` and
``index.json``. Planes may differ in size. They are read with plain positioned reads: the operating system keeps what is used often
in its page cache, and unlike pages of a memory map those do not count as this process's memory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from delineate.errors import RunError
from delineate.preprocessing import around
from delineate.recipe import read_json

PLANES = "planes.f16"
LABELS = "labels.u8"
INDEX = "index.json"


@dataclass(frozen=True)
class Plane:
    """One prepared plane: an image, or one slice of a volume.

    Attributes
    ----------
    case, group, person
        As in :class:`~delineate.domain.Case`: the group (volume) is scored as one, the person must not cross a split.
    position
        Of the case among the slices of its volume, where they are files of their own.
    number
        Place of the plane within its case, 0…N-1.
    shape
        (rows, columns).
    foreground
        Pixels of each class 1…K.
    offset
        Pixels before this plane in the cache's files; -1 where they had no room for it.
    """

    case: str
    group: str
    person: str
    position: int | None
    number: int
    shape: tuple[int, int]
    foreground: tuple[int, ...]
    offset: int

    @property
    def pixels(self) -> int:
        return self.shape[0] * self.shape[1]


Reload = Callable[[str], tuple[NDArray[np.float16], NDArray[np.uint8]]]
"""A case's name → its planes (N, C, h, w) and labels (N, h, w) or (N, K, h, w), prepared anew."""


@dataclass(frozen=True)
class Volume:
    """The planes of a group in order, and the place of each by (case, number)."""

    planes: tuple[Plane, ...]
    places: Mapping[tuple[str, int], int]


def volumes_of(planes: Sequence[Plane]) -> dict[str, Volume]:
    members: dict[str, list[Plane]] = {}
    for plane in planes:
        members.setdefault(plane.group, []).append(plane)
    found = {}
    for group, some in members.items():
        some.sort(key=lambda plane: (-1 if plane.position is None else plane.position, plane.case, plane.number))
        found[group] = Volume(tuple(some), {(plane.case, plane.number): at for at, plane in enumerate(some)})
    return found


@dataclass(frozen=True)
class PlaneCache:
    """Read access to a finished cache.

    Attributes
    ----------
    folder
        Where its files lie.
    key
        sha256 of what it was made from.
    channels
        C of a plane.
    neighbours
        Planes on either side that :meth:`image` gives with a plane (see :mod:`delineate.preprocessing.neighbours`).
    regions
        ``True``: labels are (K, h, w) of 0/1; ``False``: (h, w) of 0…K.
    classes
        K.
    planes
        In the order of the cases.
    failed
        (case id, reason in English) of cases that could not be read.
    reload
        For planes that the files have no room for.
    volumes
        Planes of each group in the order in which they lie on each other, also those that :meth:`only` left out.
    """

    folder: Path
    key: str
    channels: int
    regions: bool
    classes: int
    planes: tuple[Plane, ...]
    failed: tuple[tuple[str, str], ...] = ()
    reload: Reload | None = field(default=None, compare=False, repr=False)
    neighbours: int = 0
    volumes: Mapping[str, Volume] = field(default_factory=dict, compare=False, repr=False)

    @property
    def inputs(self) -> int:
        """Channels of what :meth:`image` gives."""
        return self.channels * (1 + 2 * self.neighbours)

    def __len__(self) -> int:
        return len(self.planes)

    def image(self, index: int, rows: tuple[int, int] | None = None) -> NDArray[np.float16]:
        """(inputs, h, w) of plane ``index`` and its neighbours; with ``rows=(first, end)`` only those rows."""
        seen = [self._read(PLANES, np.dtype(np.float16), self.channels, plane, rows) for plane in self._beside(index)]
        return seen[0] if len(seen) == 1 else np.concatenate(seen)

    def _beside(self, index: int) -> list[Plane]:
        plane = self.planes[index]
        if not self.neighbours:
            return [plane]
        volume = self.volumes[plane.group]
        members = [volume.planes[at] for at in around(volume.places[plane.case, plane.number], len(volume.planes), self.neighbours)]
        # slices of a volume that differ in size cannot lie on each other
        return [member if member.shape == plane.shape else plane for member in members]

    def labels(self, index: int, rows: tuple[int, int] | None = None) -> NDArray[np.uint8]:
        """(h, w) uint8 of plane ``index``, or (K, h, w) for regions; with ``rows=(first, end)`` only those rows."""
        maps = self._read(LABELS, np.dtype(np.uint8), self.classes if self.regions else 1, self.planes[index], rows)
        return maps if self.regions else maps[0]

    def groups(self) -> dict[str, list[int]]:
        """Plane numbers of each group, groups in order of first appearance."""
        members: dict[str, list[int]] = {}
        for index, plane in enumerate(self.planes):
            members.setdefault(plane.group, []).append(index)
        return members

    def only(self, keep: Callable[[Plane], bool]) -> PlaneCache:
        """The same files with only the planes for which ``keep`` is true."""
        return replace(self, planes=tuple(plane for plane in self.planes if keep(plane)))

    def left_out(self) -> int:
        """Planes that are prepared anew whenever they are asked for."""
        return sum(plane.offset < 0 for plane in self.planes)

    def _read(self, name: str, dtype: np.dtype[Any], maps: int, plane: Plane, rows: tuple[int, int] | None) -> NDArray[Any]:
        height, width = plane.shape
        first, end = rows or (0, height)
        if not 0 <= first < end <= height:
            raise ValueError(f"'rows' must lie in 0…{height}, got {rows}")
        if plane.offset < 0:
            found = self._anew(name, plane)[..., first:end, :]
            return found if found.ndim == 3 else found[None]
        path = self.folder / name
        start = plane.offset * maps
        count = (end - first) * width
        try:
            if end - first == height:
                whole = np.fromfile(path, dtype, maps * count, offset=start * dtype.itemsize)
                return whole.reshape(maps, height, width)
            parts = [
                np.fromfile(path, dtype, count, offset=(start + (m * height + first) * width) * dtype.itemsize) for m in range(maps)
            ]
            return np.stack(parts).reshape(maps, end - first, width)
        except (OSError, ValueError) as error:  # deleted or cut short while training runs
            raise RunError("cache-damaged", path=path, reason=str(error)) from None

    def _anew(self, name: str, plane: Plane) -> NDArray[Any]:
        if self.reload is None:
            raise RunError("cache-damaged", path=self.folder, reason=f"no room for {plane.case}, and nothing to read it from")
        planes, labels = self.reload(plane.case)
        if plane.number >= len(planes) or planes.shape[2:] != plane.shape:
            raise RunError("cache-damaged", path=self.folder, reason=f"{plane.case} has changed")
        found: NDArray[Any] = planes[plane.number] if name == PLANES else labels[plane.number]
        return found


def open_cache(folder: Path) -> PlaneCache | None:
    """The finished cache in ``folder``; ``None`` where there is none, or where it is not whole."""
    if not (folder / INDEX).is_file():
        return None
    data = read_json(folder / INDEX)
    planes: list[Plane] = []
    offset = 0
    left_out = set(data.get("left_out", ()))
    for case, number, height, width, foreground in data["planes"]:
        name, group, person, position = data["cases"][case]
        place = -1 if case in left_out else offset
        planes.append(Plane(name, group, person, position, number, (height, width), tuple(foreground), place))
        offset += 0 if case in left_out else height * width
    failed = tuple((case, reason) for case, reason in data["failed"])
    cache = PlaneCache(
        folder,
        data["key"],
        data["channels"],
        data["regions"],
        data["classes"],
        tuple(planes),
        failed,
        neighbours=data["neighbours"],
        volumes=volumes_of(planes),
    )
    sizes = {PLANES: 2 * cache.channels * offset, LABELS: (cache.classes if cache.regions else 1) * offset}
    whole = all((folder / name).is_file() and (folder / name).stat().st_size == size for name, size in sizes.items())
    return cache if whole else None
