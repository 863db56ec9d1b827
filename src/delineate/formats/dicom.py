"""DICOM files as the rest of the program asks for them: images by ``dicom_object``, segmentations by ``dicom_seg``.

Series, which are folders, are read by ``dicom_series``.
"""

from __future__ import annotations

from pathlib import Path

from delineate.domain import Image
from delineate.formats.base import Format, registry
from delineate.formats.dicom_file import SEGMENTATIONS, check_dicom, open_dicom
from delineate.formats.dicom_object import object_header, object_labels, read_object
from delineate.formats.dicom_seg import seg_header, seg_labels
from delineate.formats.types import Header, Limits, RawLabels


def _header(path: Path, limits: Limits) -> Header:
    dataset = open_dicom(path, limits)
    check_dicom(path, dataset, limits)
    return (seg_header if dataset.get("SOPClassUID") in SEGMENTATIONS else object_header)(path, dataset, limits)


def _image(path: Path, index: int | None, item: str | None, limits: Limits) -> Image:
    return read_object(path, index, limits)


def _labels(path: Path, index: int | None, item: str | None, limits: Limits) -> RawLabels:
    if open_dicom(path, limits).get("SOPClassUID") in SEGMENTATIONS:
        return seg_labels(path, item, limits)
    return object_labels(path, index, limits)


def _matches(head: bytes, suffix: str) -> bool:
    """The preamble, or where it is missing a first element that only DICOM begins with, in a file named like one (or like none)."""
    if head[128:132] == b"DICM":
        return True
    if suffix not in (*_SUFFIXES, "") and not suffix[1:].isdigit():
        return False
    return head[:2] in (b"\x02\0", b"\x08\0") and head[3:4] == b"\0" and len(head) >= 16


_SUFFIXES = (".dcm", ".dicom", ".ima", ".dic")
registry.add("dicom", Format("dicom", _SUFFIXES, _matches, _header, _image, _labels))
