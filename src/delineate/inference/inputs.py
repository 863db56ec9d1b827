"""What a person pointed at → the images to predict, and a reason for each file that is left out."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from delineate.errors import DelineateError, UnreadableFile
from delineate.formats import IMAGE_SUFFIXES, find_series, format_of, suffix_of

_MASK_STEM = re.compile(
    r"^(?P<image>.+?)[ _.-](mask|masks|seg|segmentation|label|labels|gt|overlay|probability)(_\w+)?$", re.IGNORECASE
)
_MASK_FOLDER = re.compile(r"^(.*[ _-])?(masks?|labels?|labelsT[rs]|ground[ _-]?truths?|gt|segmentations?)$", re.IGNORECASE)
_OURS = {"predictions.csv"}
_NUMBERED = re.compile(r"^(?P<name>.*?)(?P<number>\d+)$")


@dataclass(frozen=True)
class Job:
    """One image. ``below`` is its folder and ``stem`` its name in the output; ``item`` the UID of a DICOM series in ``path``;
    ``channels`` the files of its further channels."""

    path: Path
    below: Path
    stem: str
    suffix: str
    item: str | None = None
    channels: tuple[Path, ...] = ()

    @property
    def series(self) -> tuple[Path, str, str] | None:
        """What numbered slices of one volume share (folder, name without its last number, suffix)."""
        match = _NUMBERED.match(self.stem)
        return (self.path.parent, match["name"], self.suffix) if match and self.item is None else None

    @property
    def number(self) -> int:
        match = _NUMBERED.match(self.stem)
        return int(match["number"]) if match else 0


@dataclass(frozen=True)
class LeftOut:
    """A file that is no job: ``code`` (``skip.<code>``), or the error that its reading gave."""

    path: Path
    code: str = ""
    error: DelineateError | None = None


@dataclass
class Inputs:
    jobs: list[Job] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)

    def extended(self) -> frozenset[Path]:
        """Jobs whose name continues that of another image beside them (``eye_2ndObserver.png`` next to ``eye.jpg``): masks under a
        name we do not know, if their pixels look like it."""
        stems = {(job.path.parent, job.stem) for job in self.jobs}
        found = set()
        for job in self.jobs:
            cuts = [match.start() for match in re.finditer(r"[ _.-]", job.stem)]
            if any((job.path.parent, job.stem[:cut]) in stems for cut in cuts):
                found.add(job.path)
        return frozenset(found)


def collect(inputs: Sequence[str | Path], out: Path, *, recursive: bool = True) -> Inputs:
    """Resolve files, folders, patterns (``**`` too) and DICOM series folders, in natural order, each file once.

    Folders are mirrored: a job's ``below`` is its place relative to the folder given (to the pattern's fixed part). Left out with
    a reason: what is no image, masks beside their image (``x_mask.*`` next to ``x.*``, or a folder ``masks`` beside other
    folders), and everything inside ``out``.
    """
    found = Inputs()
    seen: set[Path] = set()
    avoid = resolved(out)
    several = len(inputs) > 1
    for entry in inputs:
        path = Path(entry)
        if path.is_dir():
            _folder(path, Path(path.name) if several else Path(), found, seen, avoid, recursive)
        elif path.exists() or path.is_symlink() or not glob.has_magic(str(entry)):
            _file(path, Path(), found, seen)
        else:
            root = _fixed_part(str(entry))
            matches = sorted((Path(name) for name in glob.iglob(str(entry), recursive=True)), key=natural)  # noqa: PTH207 - absolute patterns too
            if not matches:
                found.left_out.append(LeftOut(path, "no-match"))
            for match in matches:
                below = match.relative_to(root).parent if match.is_relative_to(root) else Path()
                if not match.is_dir():
                    _file(match, below, found, seen)
                elif not any(other != match and other.is_relative_to(match) for other in matches):
                    _folder(match, below / match.name, found, seen, avoid, recursive)
    return found


def natural(path: Path) -> list[tuple[int, int, str]]:
    """Sort key: ``slice_2`` before ``slice_10``."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part.lower()) for part in re.split(r"(\d+)", str(path)) if part]


def _folder(root: Path, below: Path, found: Inputs, seen: set[Path], avoid: Path, recursive: bool) -> None:
    for folder, files in _walk(root, avoid, recursive):
        place = below / folder.relative_to(root)
        if folder != root and _is_mask_folder(folder):
            found.left_out += [LeftOut(path, "looks-like-mask") for path in files]
            continue
        dicom = False
        for path in files:
            dicom = _file(path, place, found, seen, aside=True) or dicom
        if dicom:
            _series(folder, place, found, seen)


def _walk(root: Path, avoid: Path, recursive: bool) -> Iterator[tuple[Path, list[Path]]]:
    """Folders with their visible files, in natural order. Links to folders are followed, each folder once: loops end."""
    visited: set[Path] = set()
    for name, folders, files in os.walk(root, followlinks=True):
        folder = Path(name)
        real = resolved(folder)
        if real in visited or (real == avoid and folder != root):
            folders.clear()
            continue
        visited.add(real)
        folders[:] = (
            sorted((f for f in folders if not f.startswith((".", "__MACOSX"))), key=lambda f: natural(Path(f))) if recursive else []
        )
        yield folder, sorted((folder / file for file in files if not file.startswith(".") and file not in _OURS), key=natural)


def _file(path: Path, below: Path, found: Inputs, seen: set[Path], aside: bool = False) -> bool:
    """Add one file; with ``aside`` a DICOM file is only reported (True), to be read as part of its series."""
    real = resolved(path)
    if real in seen:
        return False
    if _is_mask(path):
        seen.add(real)
        found.left_out.append(LeftOut(path, "looks-like-mask"))
        return False
    try:
        kind = format_of(path)
    except UnreadableFile as error:
        found.left_out.append(LeftOut(path, error=error))
        kind = ""
    if kind == "dicom" and aside:
        return True
    seen.add(real)
    if kind is None:
        found.left_out.append(LeftOut(path, "not-an-image"))
    elif kind:
        suffix = suffix_of(path)
        found.jobs.append(Job(path, below, path.name[: len(path.name) - len(suffix)] or path.name, suffix))
    return False


def _series(folder: Path, below: Path, found: Inputs, seen: set[Path]) -> None:
    used: set[Path] = set()
    try:
        series = find_series(folder)
    except DelineateError as error:
        found.left_out.append(LeftOut(folder, error=error))
        return
    volumes = [one for one in series if len(one.files) > 1]
    for one in series:
        used.update(one.files)
        if len(one.files) == 1:
            _file(one.files[0], below, found, seen)
            continue
        name = resolved(folder).name or "series"
        stem = name if len(volumes) == 1 else f"{name}_{volumes.index(one) + 1}"
        found.jobs.append(Job(folder, below.parent if below.name == name else below, stem, ".dcm", one.uid))
    for path in sorted(folder.iterdir(), key=natural):
        if path.is_file() and path not in used and not path.name.startswith(".") and resolved(path) not in seen:
            found.left_out.append(LeftOut(path, "dicom-no-image"))


def _is_mask(path: Path) -> bool:
    """``x_mask.*`` where ``x.*`` lies beside it: a mask of the data set, or an earlier output of ours."""
    stem = path.name[: len(path.name) - len(suffix_of(path))]
    match = _MASK_STEM.match(stem)
    if match is None:
        return False
    pattern = glob.escape(match["image"]) + ".*"
    return any(suffix_of(other) in IMAGE_SUFFIXES for other in path.parent.glob(pattern))


def _is_mask_folder(folder: Path) -> bool:
    if not _MASK_FOLDER.match(folder.name):
        return False
    return any(
        other.is_dir() and other != folder and not _MASK_FOLDER.match(other.name) for other in folder.parent.iterdir()
    ) or any(other.is_file() and suffix_of(other) in IMAGE_SUFFIXES for other in folder.parent.iterdir())


def _fixed_part(pattern: str) -> Path:
    parts = Path(pattern).parts
    fixed = next((i for i, part in enumerate(parts) if glob.has_magic(part)), len(parts))
    return Path(*parts[:fixed]) if fixed else Path()


def resolved(path: Path) -> Path:
    """The file a path stands for, links followed; of a loop of links the path itself."""
    try:
        return path.resolve()
    except (OSError, RuntimeError):  # a loop of links
        return path.absolute()
