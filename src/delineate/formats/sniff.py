"""What kind of image a file is: by what is in it, then by its name."""

from __future__ import annotations

import zlib
from pathlib import Path

from delineate.errors import UnreadableFile
from delineate.formats.base import HEAD, registry
from delineate.formats.trouble import check_file, guarded
from delineate.formats.types import LIMITS


def suffix_of(path: Path) -> str:
    """The lower-case suffix that counts: ``.nii.gz`` whole, else the last."""
    name = path.name.lower()
    return ".nii.gz" if name.endswith(".nii.gz") else path.suffix.lower()


def format_of(path: Path) -> str | None:
    """Name of the format of ``path``, or None: not an image we know (a text renamed .tif, an empty file, a folder).

    Content decides, also against the suffix: a PNG named .jpg is a PNG. The suffix helps only where content cannot tell
    (DICOM without its preamble). Raises UnreadableFile where the file cannot be opened: missing, no permission, a loop of links.
    """
    path = Path(path)
    with guarded(path):
        if path.is_dir():
            return None
        try:
            check_file(path, LIMITS)
        except UnreadableFile as error:
            if error.code == "empty-file":
                return None
            raise
        head, suffix = _head(path), suffix_of(path)
        return next((format.name for format in registry if format.matches(head, suffix)), None)  # noqa: A001


def _head(path: Path) -> bytes:
    """The first bytes, of a gzip file those inside."""
    with path.open("rb") as file:
        head = file.read(4 * HEAD)
    if not head.startswith(b"\x1f\x8b"):
        return head[:HEAD]
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(head, HEAD)
    except zlib.error:
        return b""
