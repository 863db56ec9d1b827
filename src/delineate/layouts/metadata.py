"""Class names and colours that data sets write beside their masks: ``label_class_dict.csv``, ``classes.txt``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from delineate.errors import DataError
from delineate.layouts.table import read_rows
from delineate.layouts.tree import Tree

_LISTS = frozenset(("classes.txt", "labels.txt", "class_names.txt", "label_names.txt", "obj_names.txt"))
_TABLES = frozenset(
    ("label_class_dict", "class_dict", "class_dict_seg", "classes", "labels", "label_colors", "class_colors", "colormap")
)
_BACKGROUND = frozenset(("background", "bg", "_background_", "__background__", "void"))
_MAX_CLASSES = 254


@dataclass
class Classes:
    """``names`` by raw value, ``colours`` by ``#rrggbb``; ``files`` they came from."""

    names: dict[int, str] = field(default_factory=dict)
    colours: dict[str, str] = field(default_factory=dict)
    files: list[Path] = field(default_factory=list)


def read_classes(tree: Tree) -> Classes:
    """From files in the first two levels of the folder; a file that does not have the expected form is no metadata."""
    found = Classes()
    for item in tree.others:
        if len(item.folder) > 1:
            continue
        if item.name.lower() in _LISTS and not found.names:
            names = _from_list(item.path)
        elif item.suffix == ".csv" and item.stem.lower() in _TABLES:
            names = {}
            if colours := _from_colours(item.path):
                found.colours |= colours
                found.files.append(item.path)
        else:
            continue
        if names:
            found.names = names
            found.files.append(item.path)
    return found


def _from_list(path: Path) -> dict[int, str]:
    """One name a line, counted from 0 where the first is background, else from 1; ``3: liver`` and ``3 liver`` say the number."""
    try:
        if path.stat().st_size > 1 << 16:
            return {}
        lines = [
            line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip() and not line.startswith("#")
        ]
    except (OSError, UnicodeDecodeError):
        return {}
    if not 0 < len(lines) <= _MAX_CLASSES or any(len(line) > 80 for line in lines):
        return {}
    numbered = [line.replace(":", " ").replace(",", " ").split(maxsplit=1) for line in lines]
    if all(len(pair) == 2 and pair[0].isdecimal() for pair in numbered):
        names = {int(number): name for number, name in numbered}
    else:
        names = dict(enumerate(lines, start=0 if lines[0].lower() in _BACKGROUND else 1))
    return {number: name for number, name in names.items() if number > 0}


def _from_colours(path: Path) -> dict[str, str]:
    """Rows of name, r, g, b (0…255) in any order of columns, as CamVid's ``class_dict.csv`` has them."""
    try:
        rows = read_rows(path)
    except DataError:
        return {}
    header = [cell.lower() for cell in rows[0]] if rows else []
    places = [next((header.index(name) for name in names if name in header), None) for names in _COLUMNS]
    if any(place is None for place in places):
        return {}
    colours = {}
    for row in rows[1:]:
        try:
            name, *rgb = (row[place] for place in places if place is not None)
            values = [int(value) for value in rgb]
        except (IndexError, ValueError):
            return {}
        if not all(0 <= value <= 255 for value in values):
            return {}
        colours["#" + "".join(f"{value:02x}" for value in values)] = name
    return colours


_COLUMNS = (("name", "class", "label", "class_name"), ("r", "red"), ("g", "green"), ("b", "blue"))
