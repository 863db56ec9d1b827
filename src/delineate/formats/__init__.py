"""One file ↔ one image: readers and writers, each bounded, honest about geometry, and quiet.

Importing this costs no imaging library; each reader imports its own when it is used.
"""

# isort: off
from typing import Any

from delineate.formats import pictures, tiff, arrays, nifti, itk, dicom  # the order in which they are asked

# isort: on
from delineate.formats.base import Format, registry
from delineate.formats.dicom_identity import patient_key
from delineate.formats.dicom_series import find_series
from delineate.formats.reading import read_header, read_image, read_labels
from delineate.formats.sniff import format_of, suffix_of
from delineate.formats.trouble import CODES
from delineate.formats.types import LIMITS, Header, Limits, RawLabels, Series, is_irregular
from delineate.formats.writing import write_labels, write_probabilities

IMAGE_SUFFIXES: frozenset[str]
"""Lower-case suffixes of files that should be images; ``.nii.gz`` is one suffix."""


def __getattr__(name: str) -> Any:
    """``IMAGE_SUFFIXES`` when first asked for: plug-ins count, and they import this package."""
    if name == "IMAGE_SUFFIXES":
        return frozenset(suffix for entry in registry for suffix in entry.suffixes)
    raise AttributeError(name)


__all__ = [
    "CODES",
    "IMAGE_SUFFIXES",
    "LIMITS",
    "Format",
    "Header",
    "Limits",
    "RawLabels",
    "Series",
    "find_series",
    "format_of",
    "is_irregular",
    "patient_key",
    "read_header",
    "read_image",
    "read_labels",
    "registry",
    "suffix_of",
    "write_labels",
    "write_probabilities",
]

_ = (pictures, tiff, arrays, nifti, itk, dicom)  # imported for their registrations
