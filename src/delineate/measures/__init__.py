"""Masks → measures in millimetres (or pixels, and then named so), and their surfaces. docs/measures.md defines every number."""

from delineate.measures.case import CaseMeasures, Measured, Options, measure_mask
from delineate.measures.files import Reading, measure_files
from delineate.measures.frame import PLANES, frame_of
from delineate.measures.reading import Names, open_mask
from delineate.measures.sources import gather
from delineate.measures.tables import COLUMNS, LeftOut, MeasuredFile, flat_rows, write_measures

__all__ = [
    "COLUMNS",
    "PLANES",
    "CaseMeasures",
    "LeftOut",
    "Measured",
    "MeasuredFile",
    "Names",
    "Options",
    "Reading",
    "flat_rows",
    "frame_of",
    "gather",
    "measure_files",
    "measure_mask",
    "open_mask",
    "write_measures",
]
