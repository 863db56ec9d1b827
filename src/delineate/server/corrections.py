"""A mask that a person corrected, as clients send it: bare numbers, counted before they are believed."""

from __future__ import annotations

import math
import zlib
from pathlib import Path

import numpy as np

from delineate.domain import Geometry, LabelSet, Mask
from delineate.errors import DataError

_GZIP = 31


def read_corrected(path: Path, labels: LabelSet, geometry: Geometry) -> Mask:
    """The mask in a gzipped file of bytes in C order: class values on the image's grid; where classes overlap a grid of 0 and 1 for
    each class, one after the other.

    Raises DataError ``labels-wrong``: no gzip, another number of values, a value that is no class.
    """
    shape = (labels.classes, *geometry.shape) if labels.kind == "regions" else geometry.shape
    count = math.prod(shape)
    unpacker = zlib.decompressobj(_GZIP)
    try:
        values = unpacker.decompress(path.read_bytes(), count + 1)
    except zlib.error:
        raise DataError("labels-wrong", reason="not gzip") from None
    if len(values) != count or not unpacker.eof:
        raise DataError("labels-wrong", reason=f"not {' × '.join(map(str, shape))} bytes")
    array = np.frombuffer(values, np.uint8).reshape(shape)
    most = 1 if labels.kind == "regions" else labels.classes
    if int(array.max(initial=0)) > most:
        raise DataError("labels-wrong", reason=f"a value above {most}")
    return Mask(array, geometry)
