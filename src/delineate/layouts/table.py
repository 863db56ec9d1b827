"""A CSV or TSV that lists image, mask and, if known, patient, split, volume and position of every case.

Column names are case-blind. Paths are relative to the table (or to the scanned folder). Several masks of one image stand in one
cell with ``;`` between them, or in columns ``mask_<class>``, one per class; so do the files of an image's channels. The folder of a
DICOM series is an image too. ``image_page`` (from 0) and ``image_item`` name a part of a file that holds many (see ``Source``).
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from delineate.domain import Case, Finding, Source
from delineate.errors import DataError
from delineate.layouts.proposal import Proposal, layout
from delineate.layouts.tree import Tree

_MAX_BYTES = 256 << 20
_IMAGE = ("image", "images", "image_path", "img", "filename", "file")
_MASK = ("mask", "masks", "mask_path", "label", "label_path", "segmentation")
_PATIENT = ("patient", "patient_id", "subject", "case_id", "person")
_SPLITS = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}


@dataclass(frozen=True)
class Columns:
    """Positions of the columns that were found; ``classes`` are (class name, position)."""

    image: int
    mask: int | None
    classes: tuple[tuple[str, int], ...]
    patient: int | None
    split: int | None
    volume: int | None
    position: int | None
    page: int | None = None
    item: int | None = None


@layout("table", specificity=110)
def any_table(tree: Tree) -> Proposal | None:
    """The first table at the top of the folder whose columns and files fit."""
    for item in tree.others:
        if len(item.folder) <= 1 and item.suffix in (".csv", ".tsv"):
            try:
                rows = read_rows(item.path)
            except DataError:
                continue
            columns = find_columns(rows[0]) if rows else None
            if columns is not None:
                proposal = from_rows(tree, item.path, rows, columns)
                if proposal.cases:
                    return proposal
    return None


def from_table(tree: Tree, path: Path) -> Proposal:
    """The table a person named. Raises DataError ``table-columns`` or ``table-unreadable``."""
    rows = read_rows(path)
    columns = find_columns(rows[0]) if rows else None
    if columns is None:
        raise DataError("table-columns", path=path, found=", ".join(rows[0]) if rows else "–")
    proposal = from_rows(tree, path, rows, columns)
    if not proposal.cases:
        raise DataError("table-empty", path=path, rows=len(rows) - 1)
    return proposal


def read_rows(path: Path) -> list[list[str]]:
    """All rows with something in them. UTF-8 with or without BOM, UTF-16 with BOM, else Windows Latin-1; ``, ; tab |``."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise DataError("table-unreadable", path=path, reason="> 256 MiB")
        data = path.read_bytes()
    except OSError as error:
        raise DataError("table-unreadable", path=path, reason=error.strerror or str(error)) from error
    codings = ("utf-16",) if data[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig", "gb18030", "latin-1")
    text = ""
    for coding in codings:
        try:
            text = data.decode(coding)
            break
        except UnicodeDecodeError:
            continue
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t|", key=first.count)
    try:
        rows = list(csv.reader(io.StringIO(text.replace("\0", "")), delimiter=delimiter))
    except csv.Error as error:
        raise DataError("table-unreadable", path=path, reason=str(error)) from error
    return [[cell.strip() for cell in row] for row in rows if any(cell.strip() for cell in row)]


def find_columns(header: list[str]) -> Columns | None:
    """Columns by name; ``None`` where there is no image column or no mask column."""
    names = [name.strip().lower().replace(" ", "_") for name in header]

    def place(choices: tuple[str, ...]) -> int | None:
        return next((names.index(choice) for choice in choices if choice in names), None)

    image, mask = place(_IMAGE), place(_MASK)
    classes = tuple(
        (header[i].strip()[5:], i)
        for i, name in enumerate(names)
        if name.startswith("mask_") and name not in _MASK and len(name) > 5
    )
    if image is None or (mask is None and not classes):
        return None
    split, volume, position = place(("split", "set", "part")), place(("volume",)), place(("position", "slice"))
    part_of_file = place(("image_page",)), place(("image_item",))
    return Columns(image, mask, classes, place(_PATIENT), split, volume, position, *part_of_file)


@dataclass(frozen=True)
class _Row:
    """A row that may be shorter than the header."""

    cells: list[str]

    def cell(self, place: int | None) -> str:
        return self.cells[place] if place is not None and place < len(self.cells) else ""


def from_rows(tree: Tree, path: Path, rows: list[list[str]], columns: Columns) -> Proposal:
    proposal = Proposal([], explained={path: "metadata"})
    seen: set[str] = set()
    numbers = {name: number for number, (name, _) in enumerate(columns.classes, start=1)}
    for line, row in enumerate(rows[1:], start=2):
        cell = _Row(row).cell
        images = _resolve_images(tree, path, cell(columns.image))
        masks: list[tuple[Path | str, int | None]] = [
            (_resolve(tree, path, name), None) for name in cell(columns.mask).split(";") if name.strip()
        ]
        masks += [(_resolve(tree, path, cell(place)), numbers[name]) for name, place in columns.classes if cell(place)]
        missing = next((name for name in (*images, *(mask for mask, _ in masks)) if isinstance(name, str)), None)
        if missing is not None or not masks:
            where = None if isinstance(images[0], str) else images[0]
            code = "listed-file-missing" if missing is not None else "image-without-mask"
            proposal.findings.append(
                Finding(code, "warning", where or path, params={"list": f"{path.name}:{line}", "file": missing or ""})
            )
            if where is not None:
                proposal.explained.setdefault(where, "image-without-mask")
            continue
        sources = _sources(images, cell(columns.page), cell(columns.item))
        image = sources[0].path
        name = _name(tree, image)
        if name in seen:
            proposal.findings.append(
                Finding("duplicate-case-id", "warning", image, case=name, params={"list": f"{path.name}:{line}"})
            )
            continue
        seen.add(name)
        split = cell(columns.split)
        position = cell(columns.position)
        proposal.cases.append(
            Case(
                name,
                sources,
                tuple(Source(mask, label=label) for mask, label in masks if isinstance(mask, Path)),
                patient=cell(columns.patient) or None,
                volume=cell(columns.volume) or None,
                position=int(position) if position.isdecimal() else None,
                split=_SPLITS.get(split.lower(), split) or None,
            )
        )
    proposal.declared = True
    proposal.patients_given = columns.patient is not None
    proposal.class_names = {number: name for name, number in numbers.items()}
    proposal.evidence = {"pairs": len(proposal.cases), "table": path.name, "rows": len(rows) - 1}
    for case in proposal.cases:  # a row left out does not take away a file that another row uses
        for source in (*case.images, *case.masks):
            proposal.explained.pop(source.path, None)
    return proposal


def _resolve_images(tree: Tree, table: Path, text: str) -> list[Path | str]:
    """The file or series folder a cell names, or the files of its channels."""
    whole = _resolve(tree, table, text, series=True)
    if isinstance(whole, Path) or ";" not in text:
        return [whole]
    return [_resolve(tree, table, name) for name in text.split(";") if name.strip()] or [whole]


def _sources(images: list[Path | str], page: str, item: str) -> tuple[Source, ...]:
    found = [image for image in images if isinstance(image, Path)]
    return tuple(Source(image, int(page) if page.isdecimal() else None, item or None) for image in found)


def _resolve(tree: Tree, table: Path, text: str, *, series: bool = False) -> Path | str:
    """The file a cell names, beside the table or under the root; the text itself where there is none."""
    text = text.strip().strip('"').replace("\\", "/")
    for base in (table.parent, tree.root):
        path = base / text
        try:
            if text and (path.is_file() or (series and path.is_dir())):
                return Path(*path.parts) if ".." not in path.parts else path.resolve()
        except (OSError, ValueError):
            continue
    return text or "–"


def _name(tree: Tree, image: Path) -> str:
    from delineate.layouts.tree import split_name

    try:
        parts = image.relative_to(tree.root).parts
    except ValueError:
        parts = image.parts[-2:]
    return "/".join((*parts[:-1], parts[-1] if image.is_dir() else split_name(parts[-1])[0]))
