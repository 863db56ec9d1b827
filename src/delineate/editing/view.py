"""How an image is looked at: values without a window, and the arithmetic between screen, pixels and millimetres.

On the screen x grows to the right and y downwards, in device pixels; the middle of the first one is (0.5, 0.5).
On a plane the middle of the first pixel is (0, 0).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from delineate.editing.document import Document
from delineate.editing.planes import Frame, Plane, Voxel

Layer = Literal["edited", "predicted", "truth", "threshold", "none"]
Colour = tuple[int, int, int]
MIN_ZOOM, MAX_ZOOM = 1 / 256, 128.0


@dataclass(frozen=True)
class Window:
    """Values from ``centre - width / 2`` (black) to ``centre + width / 2`` (white)."""

    centre: float
    width: float

    @property
    def low(self) -> float:
        return self.centre - self.width / 2

    @property
    def high(self) -> float:
        return self.centre + self.width / 2

    def dragged(self, right: float, down: float, size: tuple[int, int]) -> Window:
        """After a drag in pixels: to the right widens, down darkens (a screen's size doubles, or moves by the width)."""
        width = max(self.width * 2 ** (2 * right / max(size[1], 1)), 1e-6)
        return Window(self.centre + self.width * down / max(size[0], 1), width)


#: Usual windows of CT in HU.
PRESETS: Mapping[str, Window] = {
    "lung": Window(-600, 1500),
    "bone": Window(400, 1800),
    "brain": Window(40, 80),
    "soft-tissue": Window(40, 400),
}

_AIR = -950  # HU


def auto_window(document: Document) -> Window:
    """From the 1st to the 99th percentile of about 100,000 pixels; the whole range for 8-bit colour. Of CT only what is denser than
    air counts: air and padding around the patient are most of a scan."""
    pixels = document.pixels
    if document.image.colour == "rgb" and pixels.dtype == np.uint8:
        return Window(127.5, 255)
    step = max(1, math.ceil((pixels.size / 100_000) ** (1 / 3)))
    some = pixels[:, ::step, ::step, ::step] if pixels.shape[1] > 1 else pixels[:, :, :: max(step, 1), ::step]
    values = some[np.isfinite(some)] if some.dtype.kind == "f" else some.ravel()
    if document.unit == "HU" and np.count_nonzero(values > _AIR) > values.size // 100:
        values = values[values > _AIR]
    if values.size == 0:
        return Window(0.5, 1)
    low, high = (float(value) for value in np.percentile(values, (1, 99)))
    if low == high:
        low, high = float(values.min()), float(values.max())
    return Window((low + high) / 2, max(high - low, 1e-6))


@dataclass(frozen=True)
class ViewState:
    """All that decides what the planes show. A value: each method returns a new one.

    ``zoom`` is device pixels per pixel of the finest axis, the same on all planes; ``crosshair`` the voxel all planes go through
    (its place along a plane's normal is that plane's slice); ``centres`` the point (v, u) in the middle of each plane's view.
    """

    crosshair: Voxel
    centres: Mapping[Plane, tuple[float, float]]
    window: Window
    zoom: float = 1.0
    layer: Layer = "edited"
    opacity: float = 0.4
    outline: bool = False
    show_crosshair: bool = False
    channel: int = 0
    colours: tuple[Colour, ...] = ()
    hidden: frozenset[int] = frozenset()
    thresholds: tuple[float, ...] = ()
    extra: Mapping[str, str] = field(default_factory=dict)

    @staticmethod
    def of(document: Document) -> ViewState:
        """Everything in the middle, automatic window, the label set's colours, the model's thresholds."""
        middle = tuple(n // 2 for n in document.grid.shape)
        centres = {p: tuple((n - 1) / 2 for n in document.frame(p).shape) for p in document.grid.planes}
        names = document.label_set
        thresholds = document.model.thresholds if document.model else (0.5,) * names.classes
        colours = tuple(hex_colour(names.colour(k)) for k in range(1, names.classes + 1))
        return ViewState(middle, centres, auto_window(document), colours=colours, thresholds=thresholds)  # type: ignore[arg-type]

    def slice_of(self, frame: Frame) -> int:
        return self.crosshair[frame.normal]

    def scrolled(self, frame: Frame, steps: int) -> ViewState:
        """``steps`` slices further along a plane's normal, staying inside."""
        moved = list(self.crosshair)
        moved[frame.normal] = min(max(moved[frame.normal] + steps, 0), frame.depth - 1)
        return replace(self, crosshair=(moved[0], moved[1], moved[2]))

    def crossed(self, frame: Frame, v: float, u: float) -> ViewState:
        """The crosshair at the point (v, u) of a plane: the other planes follow."""
        at = frame.voxel(self.slice_of(frame), *inside(frame, v, u))
        return replace(self, crosshair=(int(at[0]), int(at[1]), int(at[2])))

    def panned(self, frame: Frame, right: float, down: float) -> ViewState:
        """After the picture was dragged by device pixels."""
        v, u = self.centres[frame.plane]
        moved = (v - down / (self.zoom * frame.scale[0]), u - right / (self.zoom * frame.scale[1]))
        return replace(self, centres={**self.centres, frame.plane: moved})

    def zoomed(self, frame: Frame, factor: float, x: float, y: float, size: tuple[int, int]) -> ViewState:
        """``factor`` times larger; what is under (x, y) stays there."""
        zoom = min(max(self.zoom * factor, MIN_ZOOM), MAX_ZOOM)
        v, u = to_plane(self, frame, x, y, size)
        keep = (
            v - (y - size[0] / 2) / (zoom * frame.scale[0]),
            u - (x - size[1] / 2) / (zoom * frame.scale[1]),
        )
        return replace(self, zoom=zoom, centres={**self.centres, frame.plane: keep})

    def fitted(self, frame: Frame, size: tuple[int, int]) -> ViewState:
        """The whole plane in a view of ``size`` (height, width)."""
        (v, u), (sv, su) = frame.shape, frame.scale
        zoom = min(max(min(size[0] / (v * sv), size[1] / (u * su)), MIN_ZOOM), MAX_ZOOM)
        return replace(self, zoom=zoom, centres={**self.centres, frame.plane: ((v - 1) / 2, (u - 1) / 2)})


def hex_colour(text: str) -> Colour:
    """``"#e69f00"`` → (230, 159, 0)."""
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


def to_screen(view: ViewState, frame: Frame, v: float, u: float, size: tuple[int, int]) -> tuple[float, float]:
    """(x, y) of a point of the plane in a view of ``size`` (height, width)."""
    cv, cu = view.centres[frame.plane]
    return size[1] / 2 + (u - cu) * view.zoom * frame.scale[1], size[0] / 2 + (v - cv) * view.zoom * frame.scale[0]


def to_plane(view: ViewState, frame: Frame, x: float, y: float, size: tuple[int, int]) -> tuple[float, float]:
    """(v, u) under a point of the screen; may lie outside of the image."""
    cv, cu = view.centres[frame.plane]
    return cv + (y - size[0] / 2) / (view.zoom * frame.scale[0]), cu + (x - size[1] / 2) / (view.zoom * frame.scale[1])


def to_patient(document: Document, view: ViewState, frame: Frame, v: float, u: float) -> tuple[float, float, float] | None:
    """RAS+ mm of a point of the plane on its present slice; ``None`` where the file does not know."""
    return document.grid.millimetres(frame.voxel(view.slice_of(frame), v, u))


def inside(frame: Frame, v: float, u: float) -> tuple[int, int]:
    """The nearest pixel of the plane."""
    return min(max(round(v), 0), frame.shape[0] - 1), min(max(round(u), 0), frame.shape[1] - 1)


def scale_bar(document: Document, view: ViewState, widest: int) -> tuple[float, str, int]:
    """(length, ``"mm"`` or ``"px"``, device pixels): the longest of 1, 2, 5 × 10ⁿ that is at most ``widest`` device pixels."""
    per_unit = view.zoom / document.grid.unit
    room = max(widest, 1) / per_unit
    power = 10.0 ** math.floor(math.log10(room))
    length = next(power * step for step in (5, 2, 1) if power * step <= room * (1 + 1e-9))
    return length, "px" if document.grid.spacing is None else "mm", round(length * per_unit)
