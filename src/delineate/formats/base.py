"""What a format is: a name, its suffixes, how its content looks, and the functions that read it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from delineate.domain import Image
from delineate.formats.types import Header, Limits, RawLabels
from delineate.registry import Registry

HeaderReader = Callable[[Path, Limits], Header]
ImageReader = Callable[[Path, int | None, str | None, Limits], Image]
LabelReader = Callable[[Path, int | None, str | None, Limits], RawLabels]


@dataclass(frozen=True)
class Format:
    """One kind of image file.

    ``matches`` gets the first :data:`HEAD` bytes of a file (of its decompressed content for ``.gz``) and the file's suffix,
    and answers by content; the suffix is only for content that cannot tell by itself. The readers are called with a regular,
    non-empty file, within :func:`~delineate.formats.trouble.guarded`, and import their library themselves.
    """

    name: str
    suffixes: tuple[str, ...]
    matches: Callable[[bytes, str], bool]
    header: HeaderReader
    image: ImageReader
    labels: LabelReader


HEAD = 1024

registry: Registry[Format] = Registry("format")
"""Asked in the order of registration; a third party adds its own in the entry-point group ``delineate.formats``."""
