"""The text headers of NRRD and MetaImage, as far as safety and honesty need them.

SimpleITK decodes the pixels, but it does not tell a spacing that is stated from one it made up (1.0), and it would follow a
detached header to any file of the machine.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from delineate.formats.trouble import unreadable

_MAX_HEADER = 1 << 20
_POSITIONED = ("right", "left", "scanner-xyz", "ras", "las", "lps")
_UNITS = {"mm": 1.0, "um": 1e-3, "µm": 1e-3, "micron": 1e-3, "microns": 1e-3, "cm": 10.0, "m": 1000.0}


@dataclass(frozen=True)
class TextHeader:
    """What the header says: ``has_spacing``/``has_position``, the ``unit`` in mm, how pixels are coded and where they lie.

    ``stored`` is bytes of pixel data as stored (0 where that is not known); ``coding`` a key of ``bounds.GROWTH`` or "".
    """

    has_spacing: bool
    has_position: bool
    unit: float = 1.0
    coding: str = "none"
    stored: int = 0
    fields: dict[str, str] = field(default_factory=dict)


def read_text_header(path: Path, kind: str) -> TextHeader:
    """Parse the header of ``kind`` ("nrrd" or "mha"); raises UnreadableFile for data files outside the header's folder."""
    return _nrrd(path) if kind == "nrrd" else _meta_image(path)


def _fields(path: Path, separator: str, last: str | None) -> tuple[dict[str, str], int]:
    """Lower-case keys → values, and the length of the header. It ends at an empty line (NRRD) or with the key ``last``."""
    fields: dict[str, str] = {}
    length = 0
    with path.open("rb") as file:
        while length < _MAX_HEADER:
            line = file.readline(_MAX_HEADER)
            length += len(line)
            text = line.decode("utf-8", "replace").strip()
            if not line or (not text and last is None):
                return fields, length
            key, found, value = text.partition(separator)
            if found and not text.startswith("#"):
                fields[key.strip().lower()] = value.strip().lstrip("=").strip()
            if last is not None and key.strip().lower() == last:
                return fields, length
    raise unreadable("damaged", path, "its header does not end")


def _stored(path: Path, data_file: str, header_length: int) -> int:
    """Bytes of pixels, here or in the file beside it that the header names."""
    if not data_file or data_file.upper() == "LOCAL":
        return path.stat().st_size - header_length
    folder = path.resolve().parent
    if data_file.upper().startswith("LIST") or "%" in data_file:
        raise unreadable("unsupported", path, "pixels spread over several files")
    named = Path(data_file.replace("\\", "/"))
    target = (folder / named).resolve()
    if named.is_absolute() or not target.is_relative_to(folder):
        raise unreadable("unsupported", path, "its pixels lie outside its folder")
    if not target.is_file():
        raise unreadable("damaged", path, f"its pixels, {named.name}, are not there")
    return target.stat().st_size


def _nrrd(path: Path) -> TextHeader:
    fields, length = _fields(path, ":", None)
    data_file = fields.get("data file", fields.get("datafile", ""))
    stored = _stored(path, data_file, length)
    encoding = fields.get("encoding", "raw").lower()
    coding = {"raw": "none", "gzip": "deflate", "gz": "deflate"}.get(encoding, "")
    if encoding in ("txt", "text", "ascii", "hex"):
        coding = "none"
    directions = fields.get("space directions", "")
    spacings = fields.get("spacings", "")
    space = fields.get("space", "").lower()
    units = re.findall(r'"([^"]*)"', fields.get("space units", fields.get("units", "")))
    return TextHeader(
        has_spacing=bool(directions) or (bool(spacings) and "nan" not in [word.lower() for word in spacings.split()][:3]),
        has_position=bool(directions) and space.startswith(_POSITIONED),
        unit=_UNITS.get(units[0].strip().lower(), 1.0) if units else 1.0,
        coding=coding,
        stored=stored,
        fields=fields,
    )


def _meta_image(path: Path) -> TextHeader:
    fields, length = _fields(path, "=", "elementdatafile")
    if "elementdatafile" not in fields:
        raise unreadable("truncated", path, "its header does not end")
    stored = _stored(path, fields["elementdatafile"], length)
    compressed = fields.get("compresseddata", "false").lower() == "true"
    if (size := fields.get("compresseddatasize", "")).isdigit() and compressed and int(size) > stored:
        raise unreadable("truncated", path, f"{int(size):,} bytes expected, {stored:,} stored")
    placed = any(key in fields for key in ("transformmatrix", "rotation", "orientation"))
    return TextHeader(
        has_spacing="elementspacing" in fields or "elementsize" in fields,
        has_position=placed and any(key in fields for key in ("offset", "origin", "position")),
        coding="deflate" if compressed else "none",
        stored=stored,
        fields=fields,
    )
