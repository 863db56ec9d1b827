"""Plain values everything else speaks in: geometry, images, labels, cases, findings."""

from delineate.domain.case import Case, Finding, Scan, Severity, Source, Unit
from delineate.domain.geometry import AxisMap, Geometry, between, to_canonical
from delineate.domain.image import Image, Mask
from delineate.domain.labels import IGNORE, PALETTE, LabelSet

__all__ = [
    "IGNORE",
    "PALETTE",
    "AxisMap",
    "Case",
    "Finding",
    "Geometry",
    "Image",
    "LabelSet",
    "Mask",
    "Scan",
    "Severity",
    "Source",
    "Unit",
    "between",
    "to_canonical",
]
