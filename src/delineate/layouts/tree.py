"""What lies under a folder: names only, walked once. Nothing is opened except files without a suffix (they may be DICOM)."""

from __future__ import annotations

import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from delineate import formats
from delineate.domain import Finding
from delineate.formats.dicom_seg import is_segmentation

#: Formats that hold volumes with a position in the patient.
#: Compression that changes pixel values: fine for images, not for masks.
LOSSY_SUFFIXES = frozenset((".jpg", ".jpeg", ".jpe", ".jfif"))
VOLUME_SUFFIXES = frozenset([".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd"])
DICOM_SUFFIXES = frozenset((".dcm", ".dicom", ".dic", ".ima"))
#: Name given in place of a suffix to a folder that is read as one DICOM series.
SERIES = "/series"
_DETACHED = {".raw": (".mhd", ".nhdr"), ".zraw": (".mhd",), ".raw.gz": (".nhdr",)}
_DOUBLE = (".nii.gz", ".raw.gz", ".csv.gz", ".tar.gz", ".ome.tif", ".ome.tiff")
_JUNK_FOLDERS = frozenset(("__macosx", "@eadir", "$recycle.bin", "system volume information", "__pycache__", "lost+found"))
_JUNK_FILES = frozenset(("thumbs.db", "desktop.ini", "ehthumbs.db", "icon\r", "dicomdir"))


@dataclass(frozen=True, slots=True)
class Item:
    """One file (or one DICOM series folder): ``folder`` are the parts below the root, ``stem`` the name without suffix."""

    path: Path
    folder: tuple[str, ...]
    stem: str
    suffix: str

    @property
    def rel(self) -> str:
        """Path below the root with ``/``, without suffix."""
        return "/".join((*self.folder, self.stem))

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def volumetric(self) -> bool:
        return self.suffix in VOLUME_SUFFIXES or self.suffix == SERIES


@dataclass(frozen=True)
class Tree:
    """Everything under ``root``: ``images`` may hold pixels, ``others`` do not, ``explained`` are junk and companions."""

    root: Path
    images: tuple[Item, ...]
    others: tuple[Item, ...] = ()
    explained: dict[Path, str] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()

    @cached_property
    def folders(self) -> dict[tuple[str, ...], list[Item]]:
        """Image-like items by the folder they lie in."""
        found: dict[tuple[str, ...], list[Item]] = defaultdict(list)
        for item in self.images:
            found[item.folder].append(item)
        return dict(found)

    def collapsed(self) -> Tree | None:
        """The same tree with every folder of DICOM files seen as one item; ``None`` where there is no such folder.

        A folder of DICOM segmentations is none: each of its files is a mask by itself.
        """
        series = [
            folder
            for folder, items in self.folders.items()
            if folder and len(items) > 1 and all(i.suffix in DICOM_SUFFIXES for i in items) and not is_segmentation(items[0].path)
        ]
        if not series:
            return None
        chosen = set(series)
        kept = [item for item in self.images if item.folder not in chosen]
        kept += [Item(self.root.joinpath(*folder), folder[:-1], folder[-1], SERIES) for folder in series]
        return replace(self, images=tuple(sorted(kept, key=lambda item: natural(item.rel))))


def natural(text: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key that puts ``slice_2`` before ``slice_10``."""
    return tuple((0, int(part), part) if part.isdecimal() else (1, 0, part.casefold()) for part in re.split(r"(\d+)", text) if part)


def split_name(name: str) -> tuple[str, str]:
    """Stem and lower-case suffix; ``.nii.gz`` and its like are one suffix. A name without a known kind of suffix has ``""``."""
    lower = name.lower()
    for suffix in _DOUBLE:
        if lower.endswith(suffix) and len(name) > len(suffix):
            return name[: -len(suffix)], suffix if not suffix.startswith(".ome") else suffix[4:]
    stem, dot, suffix = name.rpartition(".")
    if not dot or not stem or not re.fullmatch(r"[A-Za-z][A-Za-z0-9]{0,9}", suffix):
        return name, ""
    return stem, "." + suffix.lower()


def walk(root: Path) -> Tree:
    """Walk ``root`` without recursion limits, loops or per-file stat calls.

    Links to files and folders are followed; a link that leads back into its own parents is reported and not entered, a folder
    that another path reaches too is entered once.
    """
    suffixes: frozenset[str] = formats.IMAGE_SUFFIXES
    images: list[Item] = []
    others: list[Item] = []
    explained: dict[Path, str] = {}
    findings: list[Finding] = []
    seen: set[tuple[int, int]] = set()
    waiting: list[tuple[Path, tuple[str, ...]]] = [(root, ())]
    while waiting:
        folder, parts = waiting.pop()
        try:
            status = folder.stat()
            if (status.st_dev, status.st_ino) in seen:
                findings.append(Finding("symlink-loop", "warning", folder))
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(folder) as scan:
                entries = sorted(scan, key=lambda entry: entry.name)
        except OSError as error:
            findings.append(Finding("unreadable-folder", "warning", folder, params={"reason": error.strerror or "?"}))
            continue
        linked: list[tuple[Path, tuple[str, ...]]] = []
        for entry in entries:
            path = Path(entry.path)
            try:
                is_folder = entry.is_dir()
                broken = entry.is_symlink() and not path.exists()
            except OSError:
                is_folder, broken = False, True
            if is_folder:
                if entry.name.startswith(".") or entry.name.lower() in _JUNK_FOLDERS:
                    explained.update(_everything_below(path))
                elif entry.is_symlink():
                    linked.append((path, (*parts, entry.name)))
                else:
                    waiting.append((path, (*parts, entry.name)))
            elif broken:
                explained[path] = "broken-link"
                findings.append(Finding("broken-link", "warning", path))
            elif entry.name.startswith(".") or entry.name.lower() in _JUNK_FILES or entry.name.endswith("~"):
                explained[path] = "hidden-or-system-file"
            else:
                stem, suffix = split_name(entry.name)
                item = Item(path, parts, stem, suffix)
                (images if suffix in suffixes else others).append(item)
        waiting = linked + waiting  # real folders first: a link to one of them is then known as seen
    images, others = _with_detached(images, others, explained)
    images, others = _with_bare_dicom(images, others)
    key = lambda item: natural(item.rel + item.suffix)  # noqa: E731
    return Tree(root, tuple(sorted(images, key=key)), tuple(sorted(others, key=key)), explained, tuple(findings))


def _everything_below(folder: Path) -> dict[Path, str]:
    """Files of a hidden or system folder, links not followed."""
    return {Path(top) / name: "hidden-or-system-file" for top, _, names in os.walk(folder) for name in names}


def _with_detached(images: list[Item], others: list[Item], explained: dict[Path, str]) -> tuple[list[Item], list[Item]]:
    """``scan.raw`` beside ``scan.mhd`` belongs to it."""
    names = {(item.folder, item.stem, item.suffix) for item in (*images, *others)}
    left: list[Item] = []
    for item in others:
        partners = _DETACHED.get(item.suffix, ())
        if not any((item.folder, item.stem, suffix) in names for suffix in partners):
            left.append(item)
        else:
            explained[item.path] = "companion-file"
    return images, left


def _with_bare_dicom(images: list[Item], others: list[Item]) -> tuple[list[Item], list[Item]]:
    """Files without a suffix may be DICOM (``IM000001``): one file per folder is looked into, then, if it is, all of them."""
    bare: dict[tuple[str, ...], list[Item]] = defaultdict(list)
    for item in others:
        if item.suffix == "":
            bare[item.folder].append(item)
    found: set[Path] = set()
    for items in bare.values():
        if any(_is_dicom(item.path) for item in items[:3]):
            found.update(item.path for item in items if _is_dicom(item.path))
    if not found:
        return images, others
    images = images + [replace(item, suffix=".dcm") for item in others if item.path in found]
    return images, [item for item in others if item.path not in found]


def _is_dicom(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False


def words_of(text: str) -> frozenset[str]:
    """A set of words written as one line."""
    return frozenset(text.split())


def fold(text: str) -> str:
    """Names as compared: one Unicode form (macOS writes decomposed names), no case."""
    return unicodedata.normalize("NFC", text).casefold()


def count_by_suffix(items: Iterable[Item]) -> dict[str, int]:
    counts: dict[str, int] = defaultdict(int)
    for item in items:
        counts[item.suffix if item.suffix != SERIES else "DICOM series"] += 1
    return dict(sorted(counts.items(), key=lambda pair: -pair[1]))
