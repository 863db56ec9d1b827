"""The channels a network wants from the channels an image has."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from delineate.domain import Image
from delineate.errors import DataError
from delineate.recipe import Preprocessing

_REC601 = (0.299, 0.587, 0.114)


def working_dtype(dtype: np.dtype[Any]) -> type[np.float32] | type[np.float64]:
    """float32 where it holds every value of ``dtype`` exactly; float64 for wide integers and doubles, whose small
    differences on a large offset (counts, time stamps, 32-bit CT) would be rounded away before normalisation."""
    return np.float32 if dtype == np.float32 or dtype.itemsize <= 2 else np.float64


def check_channels(image: Image, recipe: Preprocessing) -> None:
    """Raise :class:`DataError` ``channels-mismatch`` where ``image`` cannot become ``recipe.channels`` channels."""
    if colour_channels(image.channels, recipe) != recipe.channels:
        raise DataError(
            "channels-mismatch",
            path=image.path or "image",
            wanted=recipe.channels,
            colour=recipe.colour,
            found=image.channels,
        )


def colour_channels(channels: int, recipe: Preprocessing) -> int:
    """How many channels :func:`convert_colour` gives for an image of ``channels`` channels; 0 where it cannot."""
    if recipe.colour == "grey" and channels in (1, 3, 4):
        return 1
    if recipe.colour == "rgb" and channels in (1, 3, 4):
        return 3
    return channels if recipe.colour == "as-is" else 0


def convert_colour(pixels: NDArray[Any], recipe: Preprocessing) -> NDArray[Any]:
    """(C, ...) raw pixels → (recipe.channels, ...) floats in raw units. A fourth channel beside RGB is alpha and dropped."""
    pixels = pixels.astype(working_dtype(pixels.dtype), copy=False)
    if recipe.colour == "grey" and pixels.shape[0] >= 3:
        red, green, blue = _REC601
        return np.asarray((red * pixels[0] + green * pixels[1] + blue * pixels[2])[np.newaxis], dtype=pixels.dtype)
    if recipe.colour == "rgb":
        return np.repeat(pixels, 3, axis=0) if pixels.shape[0] == 1 else pixels[:3]
    return pixels
