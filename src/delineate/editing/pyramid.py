"""Slices of an image at the size they are shown: halved by area again and again, and kept while they are of use."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from delineate.editing.document import Document
from delineate.editing.planes import Plane

#: Sagittal slices are read this many at once: their pixels lie in the same cache lines.
TOGETHER = 8
MAX_BYTES = 256 << 20


class Pyramid:
    """Slices of one document, (V, U) or (V, U, 3) of a type OpenCV can resample, level 0 full size, level n smaller by 2ⁿ.

    Only levels above 0, and slices that are slow to gather, are kept, the least recently used of them dropped at ``max_bytes``
    (the one asked for last stays whatever its size).
    """

    def __init__(self, document: Document, max_bytes: int = MAX_BYTES) -> None:
        self._document = document
        self._max_bytes = max_bytes
        self._kept: OrderedDict[tuple[Any, ...], NDArray[Any]] = OrderedDict()
        self._bytes = 0

    def level(self, plane: Plane, index: int, channel: int, level: int) -> NDArray[Any]:
        if level == 0:
            return self._full(plane, index, channel)
        key = (plane, index, channel, level)
        if (found := self._lookup(key)) is not None:
            return found
        finer = self.level(plane, index, channel, level - 1)
        height, width = (max(1, (n + 1) // 2) for n in finer.shape[:2])
        small = cv2.resize(np.ascontiguousarray(finer), (width, height), interpolation=cv2.INTER_AREA)
        return self._keep(key, np.asarray(small))

    def _full(self, plane: Plane, index: int, channel: int) -> NDArray[Any]:
        document = self._document
        frame = document.frame(plane)
        if document.image.colour == "rgb" and document.pixels.shape[0] == 3:
            return _plain(np.moveaxis(frame.view(document.pixels, index), 0, -1))
        if plane is not Plane.SAGITTAL:
            return _plain(frame.view(document.pixels[channel], index))
        first = index - index % TOGETHER
        key = (plane, first, channel, 0)
        block = self._lookup(key)
        if block is None:
            gathered = document.pixels[channel][:, :, first : first + TOGETHER]
            block = self._keep(key, _plain(np.ascontiguousarray(np.moveaxis(gathered, 2, 0))))
        found = block[index - first]
        return np.asarray(found[::-1] if frame.flip_v else found)

    def _lookup(self, key: tuple[Any, ...]) -> NDArray[Any] | None:
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
        return found

    def _keep(self, key: tuple[Any, ...], array: NDArray[Any]) -> NDArray[Any]:
        self._kept[key] = array
        self._bytes += array.nbytes
        while self._bytes > self._max_bytes and len(self._kept) > 1:
            _, dropped = self._kept.popitem(last=False)
            self._bytes -= dropped.nbytes
        return array


def _plain(array: NDArray[Any]) -> NDArray[Any]:
    """As a number type OpenCV resamples: 8 and 16 bits as they are, everything else float32."""
    if array.dtype in (np.uint8, np.uint16, np.int16, np.float32):
        return array
    return array.astype(np.uint8 if array.dtype in (np.bool_, np.int8) and array.min(initial=0) >= 0 else np.float32)
