"""What was measured of one case: small, without pixels, so that thousands fit in memory and checks need no second reading."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from delineate.errors import DataError

#: Longest sides at which the resize ceiling is measured.
WORKING_SIZES = (96, 128, 160, 192, 256, 320, 384, 512, 768)


@dataclass(frozen=True)
class ObjectFacts:
    """Objects of one class on the case's reference plane (its plane with most foreground; a 2-D image is its own).

    ``sizes`` are areas in pixels of the connected components (8-connected), largest first, at most 64 of ``count``;
    ``thickness`` the median of twice the distance to the edge along the objects' ridges, in pixels.
    """

    count: int
    sizes: tuple[int, ...]
    thickness: float | None


@dataclass(frozen=True, eq=False)
class CaseFacts:
    """One case as measured by :func:`measure_cases`.

    Attributes
    ----------
    case, person, group, position, split
        Copied from the :class:`Case`.
    labelled
        Whether the case has mask files (they may still be unreadable: see ``error_part``).
    error, error_part
        Why it could not be measured, and whether the ``image`` or the ``mask`` is to blame. With a mask error the image's
        facts are there; with an image error everything below is at its default.
    sha256
        Of the decoded pixels with their type and shape (hex): equal for the same image, however it was packed.
    dhash
        64-bit difference hash of the middle plane, channels averaged; ``None`` where that plane is (nearly) constant.
    shape, spacing, channels, dtype, colour, format
        Of the image; ``shape`` and ``spacing`` in array order.
    minimum, maximum, mean, std
        Per channel over finite pixels.
    nonfinite
        Number of NaN or infinite pixels over all channels.
    border_mean, centre_mean
        Mean over channels of the middle plane's outer 6 % frame and of its central half (by side), raw units.
    black_border
        Share of the middle plane's rows and columns, counted inwards from the four edges, that are constant at the plane's minimum.
    foreground_mean, background_mean
        Mean over channels of the image under the mask (any class) and outside it, raw units; ``None`` where there is none.
    mask_shape, mask_spacing
        Of the (first) mask file; its shape is kept also when it does not fit the image.
    mask_reoriented
        A mask file stored its axes in another order or direction than the image, and was turned to it.
    affine_difference_mm
        Largest distance in the patient between a corner of the image's grid and the same corner of the mask's; ``None`` where one
        of the two has no affine.
    spacing_difference_mm
        Largest difference of spacing on an axis; ``None`` where one is unknown.
    class_pixels
        Per class, in label order; empty without a readable mask.
    class_planes
        Per class, number of planes that hold it.
    ignored_pixels
        Pixels labelled IGNORE.
    pixels
        Pixels (voxels) of one channel.
    planes, planes_with_foreground
        Slices along the first axis of a volume; 1 for a 2-D image.
    unknown_values
        Raw values (or ``"#rrggbb"``) outside the mask rule → pixels, at most 20, most frequent first.
    box
        Extent of the foreground's bounding box as a share of the image per axis, ``None`` without foreground.
    objects
        Per class, ``None`` where the class is absent.
    ceiling
        Longest side → mean Dice over the present classes between the reference plane's mask and that mask shrunk to this side
        and restored. Measured on a sample of cases only; empty elsewhere.
    samples
        (n, C) float32: pixels drawn evenly from the case, for percentiles. Not part of the JSON form.
    """

    case: str
    person: str
    group: str
    position: int | None = None
    split: str | None = None
    labelled: bool = False
    error: DataError | None = None
    error_part: Literal["image", "mask"] | None = None
    sha256: str = ""
    dhash: int | None = None
    shape: tuple[int, ...] = ()
    spacing: tuple[float, ...] | None = None
    channels: int = 0
    dtype: str = ""
    colour: str = ""
    format: str = ""
    minimum: tuple[float, ...] = ()
    maximum: tuple[float, ...] = ()
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    nonfinite: int = 0
    border_mean: float | None = None
    centre_mean: float | None = None
    black_border: float = 0.0
    foreground_mean: float | None = None
    background_mean: float | None = None
    mask_shape: tuple[int, ...] | None = None
    mask_spacing: tuple[float, ...] | None = None
    mask_reoriented: bool = False
    affine_difference_mm: float | None = None
    spacing_difference_mm: float | None = None
    class_pixels: tuple[int, ...] = ()
    class_planes: tuple[int, ...] = ()
    ignored_pixels: int = 0
    pixels: int = 0
    planes: int = 1
    planes_with_foreground: int = 0
    unknown_values: Mapping[str, int] = field(default_factory=dict)
    box: tuple[float, ...] | None = None
    objects: tuple[ObjectFacts | None, ...] = ()
    ceiling: Mapping[int, float] = field(default_factory=dict)
    samples: NDArray[np.float32] | None = field(default=None, repr=False)

    @property
    def usable(self) -> bool:
        """Labelled, and both image and mask could be read and fit each other."""
        return self.labelled and self.error is None

    @property
    def foreground_pixels(self) -> int:
        return sum(self.class_pixels)

    def to_json(self) -> dict[str, Any]:
        """Plain data for a JSON file; the error as code and text, no pixel samples."""
        plain: dict[str, Any] = {
            name: _plain(getattr(self, name)) for name in self.__dataclass_fields__ if name not in ("error", "samples")
        }
        plain["error"] = None if self.error is None else {"code": self.error.code, "text": str(self.error)}
        return plain


def _plain(value: Any) -> Any:
    if isinstance(value, ObjectFacts):
        return {"count": value.count, "sizes": list(value.sizes), "thickness": value.thickness}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value
