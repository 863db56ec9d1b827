"""What a person pointed at → masks with the images they belong to; every file used or explained."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from delineate.errors import DataError, DelineateError, UsageError
from delineate.formats import find_series, format_of, read_header, suffix_of
from delineate.measures.reading import Names
from delineate.measures.tables import CSV_NAME, JSON_NAME, LeftOut

_MASK_STEM = re.compile(r"^(?P<image>.+?)[ _.-](mask|masks|seg|segmentation|label|labels|gt)([ _.-]?\w+)?$", re.IGNORECASE)
_CHANNEL = re.compile(r"_0000$")
_EXTRAS = re.compile(r"_(overlay|probability|uncertainty)\.[^.]+(\.gz)?$")
_OURS = re.compile(rf"^(predictions(_\d+)?\.csv|{re.escape(CSV_NAME)}|{re.escape(JSON_NAME)})$")


@dataclass(frozen=True)
class ImageSource:
    """An image file, or a DICOM series: ``item`` of a folder."""

    path: Path
    item: str | None = None


@dataclass(frozen=True)
class MaskJob:
    """One case. ``masks``: one file, or one per class where a model's classes overlap; then ``names`` has one name per file."""

    case: str
    masks: tuple[Path, ...]
    image: ImageSource | None = None
    names: Names | None = None


@dataclass
class Gathered:
    jobs: list[MaskJob] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)


def gather(masks: Path, images: Path | None = None) -> Gathered:
    """The masks of ``masks`` (a file, a folder, or the folder ``predict`` wrote) and their images of ``images``.

    A mask's image is the one of its name: ``scan.nii.gz`` for ``scan_mask.nii.gz`` or ``scan.nii.gz``, in the same folder below the
    root first; a single image serves all masks. What ``predict`` wrote knows its images itself.

    Raises UsageError ``nothing-to-measure``, DataError ``path-missing``.
    """
    for path in (masks, images):
        if path is not None and not path.exists():
            raise DataError("measure-path-missing", path=path)
    found = Gathered()
    known = _Images(images, found) if images is not None else None
    tables = sorted(masks.glob("predictions*.csv")) if masks.is_dir() else []
    if tables:
        for job in _predicted(masks, tables, found):
            source = known.of(masks, job.masks[0]) if known else job.image
            found.jobs.append(MaskJob(job.case, job.masks, source, job.names))
    elif masks.is_dir():
        _folder(masks, known, found)
    else:
        image = known.of(masks.parent, masks) if known else None
        found.jobs.append(MaskJob(_stem(masks), (masks,), image))
    if known is not None:
        found.left_out += [LeftOut(one.path, "measure.image-without-mask", {"path": one.path}) for one in known.unused()]
    if not found.jobs:
        if len(found.left_out) == 1 and found.left_out[0].failed:
            raise DataError(found.left_out[0].key.partition(".")[2], **found.left_out[0].params)
        raise UsageError("nothing-to-measure", path=masks, files=len(found.left_out))
    return found


def _folder(root: Path, known: _Images | None, found: Gathered) -> None:
    files = list(_walk(root))
    stems = {(path.parent, _stem(path)): path for path in files}
    beside: dict[Path, Path] = {}  # mask → the image beside it
    for path in files:
        match = _MASK_STEM.match(_stem(path))
        picture = stems.get((path.parent, match["image"])) if match else None
        if picture is not None and not _is_segmentation(picture):
            beside[path] = picture
    pictures = set(beside.values())
    for path in files:
        if path in pictures:
            continue
        if (left := _no_mask(path)) is not None:
            found.left_out.append(left)
            continue
        image = known.of(root, path) if known else ImageSource(beside[path]) if path in beside else None
        found.jobs.append(MaskJob(str(path.parent.relative_to(root) / _stem(path)), (path,), image))


def _is_segmentation(path: Path) -> bool:
    try:
        return format_of(path) == "dicom" and read_header(path).meta.get("modality") == "SEG"
    except DelineateError:
        return False


def _no_mask(path: Path) -> LeftOut | None:
    """Why ``path`` cannot be a mask, as far as its first bytes tell."""
    try:
        kind = format_of(path)
        if kind == "dicom" and not _is_segmentation(path):
            return LeftOut(path, "measure.dicom-no-segmentation", {"path": path})
    except DelineateError as error:
        return LeftOut(path, error.key, dict(error.params))
    return LeftOut(path, "measure.not-an-image", {"path": path}) if kind is None else None


def _predicted(folder: Path, tables: list[Path], found: Gathered) -> Iterator[MaskJob]:
    """Jobs of predictions.csv; where an image was predicted again, its latest row."""
    jobs: dict[Path, MaskJob] = {}
    for table in tables:
        with table.open(encoding="utf-8", errors="replace", newline="") as file:
            reader = csv.DictReader(file)
            names = tuple(name[len("area_px_") :] for name in reader.fieldnames or () if name.startswith("area_px_"))
            for row in reader:
                outputs = [Path(name) for name in (row.get("output") or "").split(";") if name and not _EXTRAS.search(name)]
                if not outputs:
                    continue
                masks = [_moved(folder, path) for path in outputs]
                for path, mask in zip(outputs, masks, strict=True):
                    if mask is None:
                        found.left_out.append(LeftOut(path, "measure.mask-gone", {"path": path}))
                here = tuple(mask for mask in masks if mask is not None)
                if len(here) < len(outputs):
                    continue
                image = Path((row.get("input") or "").removeprefix("'"))
                per_file = len(here) > 1
                meant = Names({}, names) if per_file else Names(dict(enumerate(names, start=1)))
                below = here[0].parent.relative_to(folder) if here[0].is_relative_to(folder) else here[0].parent
                case = str(below / _image_stem(here[0]))
                jobs[here[0]] = MaskJob(case, here, ImageSource(image) if image.exists() else None, meant)
    yield from jobs.values()


def _moved(folder: Path, path: Path) -> Path | None:
    """Where a mask that was written as ``path`` lies now: there, or in ``folder`` should it have been moved."""
    if path.exists():
        return path
    for start in range(len(path.parts)):
        candidate = folder.joinpath(*path.parts[start:])
        if candidate.is_file() and not Path(*path.parts[start:]).is_absolute():
            return candidate
    return None


class _Images:
    """Images by name."""

    def __init__(self, root: Path, found: Gathered) -> None:
        self._root = root if root.is_dir() else root.parent
        self._all: list[tuple[Path, str, ImageSource]] = []  # folder below the root, name, source
        self._used: set[ImageSource] = set()
        if root.is_dir():
            self._folder(root, found)
        else:
            self._all.append((Path(), _stem(root), ImageSource(root)))

    def _folder(self, root: Path, found: Gathered) -> None:
        dicom: set[Path] = set()
        for path in _walk(root):
            try:
                kind = format_of(path)
            except DelineateError as error:
                found.left_out.append(LeftOut(path, error.key, dict(error.params)))
                continue
            below = path.parent.relative_to(root)
            if kind == "dicom":
                dicom.add(path.parent)
            elif kind is None:
                found.left_out.append(LeftOut(path, "measure.not-an-image", {"path": path}))
            else:
                self._all.append((below, _CHANNEL.sub("", _stem(path)), ImageSource(path)))
        for folder in sorted(dicom):
            series = find_series(folder)
            volumes = [one for one in series if len(one.files) > 1]
            for one in series:
                if len(one.files) == 1:
                    self._all.append((folder.relative_to(root), _stem(one.files[0]), ImageSource(one.files[0])))
                    continue
                name = folder.resolve().name
                stem = name if len(volumes) == 1 else f"{name}_{volumes.index(one) + 1}"
                self._all.append((folder.relative_to(root).parent, stem, ImageSource(folder, one.uid)))

    def of(self, root: Path, mask: Path) -> ImageSource | None:
        """The image of ``mask``, whose folder below ``root`` counts; ``None`` where none or several have its name."""
        below = mask.parent.relative_to(root) if mask.is_relative_to(root) else Path()
        for stem in (_stem(mask), _image_stem(mask)):
            same = [item for item in self._all if item[1] == stem]
            here = [item for item in same if item[0] == below] or same
            if len(here) == 1:
                self._used.add(here[0][2])
                return here[0][2]
        if len(self._all) == 1:
            self._used.add(self._all[0][2])
            return self._all[0][2]
        return None

    def unused(self) -> list[ImageSource]:
        return [source for _, _, source in self._all if source not in self._used]


def _walk(root: Path) -> Iterator[Path]:
    """Visible files below ``root`` in natural order, but our own tables."""
    for name, folders, files in os.walk(root):
        folders[:] = sorted((one for one in folders if not one.startswith((".", "__MACOSX"))), key=_natural)
        for file in sorted(files, key=_natural):
            if not file.startswith(".") and not _OURS.match(file) and not _EXTRAS.search(file):
                yield Path(name) / file


def _natural(name: str) -> list[tuple[int, int, str]]:
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part.lower()) for part in re.split(r"(\d+)", name) if part]


def _stem(path: Path) -> str:
    suffix = suffix_of(path)
    return path.name[: len(path.name) - len(suffix)] or path.name


def _image_stem(mask: Path) -> str:
    """The name of the image a mask is called after."""
    match = _MASK_STEM.match(_stem(mask))
    return match["image"] if match else _stem(mask)
