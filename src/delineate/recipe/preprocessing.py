"""From an image as read to what a network sees. The same values serve training and prediction (they travel in the model file)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from delineate.recipe.strict import StrictModel


class Normalisation(StrictModel):
    """Intensity scaling, per channel: clip, subtract, divide.

    ``scheme``
        ``dataset``: ``low``/``high``/``mean``/``std`` were measured on training pixels and are fixed (CT, 8-bit series).
        ``image``: measured on each image (a volume counts as one image): clip to the ``percentiles``, then z-score.
        ``volume``: like ``image``, but slices in files of their own are measured together with the other slices of their
        volume where these are given.
        ``none``: pixel values divided by ``high`` only.
    ``nonzero``
        Measure mean and deviation on pixels above the image's minimum only (MR with a black background).
    ``low, high, mean, std``
        One value per channel, for ``dataset`` (all four) and ``none`` (``high``).
    """

    scheme: Literal["dataset", "image", "volume", "none"] = "image"
    percentiles: tuple[float, float] = (0.5, 99.5)
    nonzero: bool = False
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()


class Preprocessing(StrictModel):
    """
    ``channels``
        Channels of a plane.
    ``neighbours``
        Planes on either side of a volume's plane that the network sees with it (2.5-D). Where there is none, at the ends of a
        volume and of an image that is no slice, the nearest plane stands for it.
    ``colour``
        ``grey``: RGB is turned to luminance (Rec. 601), grey stays. ``rgb``: grey is repeated to three, alpha dropped.
        ``as-is``: the image must have exactly ``channels`` channels.
    ``slice_axis``
        Which axis of a volume (after canonical re-orientation: 0 feet-head, 1 front-back, 2 right-left) the 2-D network
        walks along. ``2-D`` images ignore it.
    ``crop``
        ``content``: cut to the bounding box of pixels above ``crop_above`` (raw units, any channel) before resizing (R2).
    ``fit``
        ``stretch``: resize to ``size`` whatever the aspect. ``letterbox``: keep the aspect, centre, pad with the
        background (normalised minimum of the image). ``scale``: multiply both sides by ``scale``; ``spacing``: resample so
        that a pixel is ``pixel_mm`` wide (falls back to ``scale`` with a note where an image has no spacing).
    ``size``
        (rows, columns) for ``stretch`` and ``letterbox``.
    ``multiple``
        Prepared planes are padded (edge values) to a multiple of this right before the network and cut after it.
    ``tile``
        Planes with a side longer than this are predicted in overlapping tiles of this side, blended without seams.
    """

    channels: int = 1
    neighbours: int = Field(default=0, ge=0, le=4)
    colour: Literal["grey", "rgb", "as-is"] = "as-is"
    slice_axis: Literal[0, 1, 2] = 0
    crop: Literal["none", "content"] = "none"
    crop_above: float = 0.0
    fit: Literal["stretch", "letterbox", "scale", "spacing"] = "letterbox"
    size: tuple[int, int] = (256, 256)
    scale: float = Field(default=1.0, gt=0)
    pixel_mm: float | None = Field(default=None, gt=0)
    multiple: int = Field(default=16, ge=1)
    tile: int = Field(default=1024, ge=64)
    tile_overlap: float = Field(default=0.25, ge=0, le=0.75)
    normalisation: Normalisation = Normalisation()

    @property
    def inputs(self) -> int:
        """Channels the network sees: those of the plane's neighbours in order, the plane's own in the middle."""
        return self.channels * (1 + 2 * self.neighbours)
