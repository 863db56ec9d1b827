"""Random changes: first drawn as plain numbers from the batch's generator, then applied to the whole batch at once.

Rotation, scaling, shear, shift, flips, elastic displacement, the crop and the resampling to the working size are one grid and one
bilinear interpolation of images and one-hot labels together. Outside the plane its edge is repeated (or its mirror image lies
there), in image and labels alike.
Where the working size is less than half of the plane, the plane is averaged over whole pixels first, so that nothing aliases.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from delineate.domain import IGNORE
from delineate.recipe import Augmentation

_SOMETIMES = 0.5  # share of images that get gamma and noise; the dear changes are not worth their time on every image
_RARELY = 0.25  # share of images that are blurred
_TRIES = 10
_QUARTERS = np.array([[[1, 0], [0, 1]], [[0, -1], [1, 0]], [[-1, 0], [0, -1]], [[0, 1], [-1, 0]]], dtype=np.float64)
_ONE_HOT_UP_TO = 4  # classes; beyond, labels are taken from the nearest pixel


@dataclass(frozen=True, eq=False)
class Changes:
    """What will happen to each of B images of C channels. All numbers, no pixels.

    Attributes
    ----------
    matrix
        (B, 2, 2): offset (x, y) from the centre in the result → offset in the source, both in pixels of the same width.
    shift
        (B, 2): (x, y) as a fraction of the source's side.
    gain, offset
        (B, C), C of all planes together: new = old·gain + mean·(1 - gain) + offset.
    exponent
        (B,): gamma; 1 for none.
    noise, blur
        (B,): standard deviations; 0 for none.
    holes
        (B, n, 4): row, column, height, width as fractions; holes of no height are none.
    bend
        (B, 2, g, g): displacement at knots in pixels, ``None`` for none.
    seed
        Of the noise.
    dark, mirror
        What fills holes (the darkest pixel, or the mean), and what lies outside of the plane (its mirror image, or its edge).
    """

    matrix: NDArray[np.float64]
    shift: NDArray[np.float64]
    gain: NDArray[np.float32]
    offset: NDArray[np.float32]
    exponent: NDArray[np.float32]
    noise: NDArray[np.float32]
    blur: NDArray[np.float32]
    holes: NDArray[np.float64]
    bend: NDArray[np.float32] | None
    seed: int
    dark: bool = False
    mirror: bool = False


def draw(
    recipe: Augmentation, rng: np.random.Generator, batch: int, channels: int, size: tuple[int, int], *, stacked: int = 1
) -> Changes:
    """Changes for ``batch`` images of ``stacked`` planes with ``channels`` each, all from ``rng``.

    Planes of one image are neighbours in a volume, so that all are changed alike.
    """

    def around(limit: float, *shape: int) -> NDArray[np.float64]:
        return rng.uniform(-limit, limit, (batch, *shape)) if limit else np.zeros((batch, *shape))

    def chance(probability: float) -> NDArray[np.bool_]:
        return rng.random(batch) < probability

    angle, shear = np.deg2rad(around(recipe.rotate)), np.tan(np.deg2rad(around(recipe.shear)))
    zoom = np.exp(around(math.log1p(recipe.scale)))  # as often larger as smaller
    moved = chance(recipe.affine_chance) if recipe.affine_chance < 1 else np.ones(batch, dtype=bool)
    angle, shear, zoom = angle * moved, shear * moved, np.where(moved, zoom, 1.0)
    cos, sin = np.cos(angle), np.sin(angle)
    matrix = np.empty((batch, 2, 2))
    matrix[:, 0, 0], matrix[:, 0, 1] = cos, -sin
    matrix[:, 1, 0], matrix[:, 1, 1] = sin, cos
    matrix[:, :, 1] += matrix[:, :, 0] * shear[:, None]
    matrix *= zoom[:, None, None]
    matrix[:, :, 0] *= np.where(chance(recipe.flip_horizontal), -1.0, 1.0)[:, None]
    matrix[:, :, 1] *= np.where(chance(recipe.flip_vertical), -1.0, 1.0)[:, None]
    swapped = chance(recipe.transpose)
    matrix[swapped] = matrix[swapped][:, :, ::-1]
    shift = around(recipe.shift, 2) * moved[:, None]
    if recipe.rotate_90:
        quarters = np.where(chance(recipe.rotate_90), rng.integers(0, 4, batch), 0)
        matrix = matrix @ _QUARTERS[quarters]
    if recipe.resized_crop is not None:
        part = _resized_crop(recipe.resized_crop, rng, batch, size)  # (B, 2) of the plane's (width, height)
        matrix = part[:, :, None] * matrix
        shift = part * shift + rng.uniform(-0.5, 0.5, (batch, 2)) * (1 - part)

    gain = np.tile(1.0 + around(min(recipe.contrast, 0.95), channels), (1, stacked))
    offset = np.tile(around(recipe.brightness, channels), (1, stacked))
    exponent = np.where(chance(_SOMETIMES), np.exp(around(math.log1p(recipe.gamma))), 1.0)
    noise = np.where(chance(_SOMETIMES), np.abs(around(recipe.noise)), 0.0)
    blur = np.where(chance(_RARELY), np.abs(around(recipe.blur)), 0.0)
    holes = np.concatenate([rng.random((batch, recipe.cutout, 2)), rng.uniform(0.05, 0.2, (batch, recipe.cutout, 2))], axis=2)
    if recipe.cutout_pixels:  # whole holes: they begin where they still fit
        holes[:, :, 2:] = np.minimum((recipe.cutout_pixels + 0.01) / np.array(size), 1.0)
        holes[:, :, :2] *= 1 - holes[:, :, 2:]
    if recipe.cutout_chance < 1:
        holes[~chance(recipe.cutout_chance), :, 2:] = 0.0
    bend = None
    if recipe.elastic:
        knots = max(4, min(size) // 32 + 2)  # about 32 pixels between knots: smooth, and small beside an organ
        bend = (rng.standard_normal((batch, 2, knots, knots)) * recipe.elastic / 2).astype(np.float32)
    seed = int(rng.integers(2**62))
    single = [a.astype(np.float32) for a in (gain, offset, exponent, noise, blur)]
    gains, offsets, exponents, noises, blurs = single
    return Changes(
        matrix, shift, gains, offsets, exponents, noises, blurs, holes, bend, seed, recipe.cutout_dark, recipe.mirror_border
    )


def _resized_crop(shares: tuple[float, float], rng: np.random.Generator, batch: int, size: tuple[int, int]) -> NDArray[np.float64]:
    """(B, 2): width and height of crops as shares of the plane's; area within ``shares`` of the plane's, width to height within
    3:4 … 4:3. As in Inception's training (Szegedy et al. 2014, arXiv:1409.4842): of ten draws the first that lies inside; where
    none does, the largest part of a fitting shape."""
    height, width = size
    area = rng.uniform(*shares, (batch, _TRIES))
    ratio = np.exp(rng.uniform(math.log(3 / 4), math.log(4 / 3), (batch, _TRIES)))
    sides = np.stack([np.sqrt(area * ratio * height / width), np.sqrt(area / ratio * width / height)], axis=2)  # (B, tries, 2)
    fits = np.logical_and(sides[:, :, 0] <= 1, sides[:, :, 1] <= 1)
    rows = np.arange(batch)
    chosen = sides[rows, fits.argmax(axis=1)]
    shape = min(max(width / height, 3 / 4), 4 / 3)
    whole = np.array([min(1.0, shape * height / width), min(1.0, width / (shape * height))])
    return np.where((chosen <= 1).all(axis=1, keepdims=True), chosen, whole)


def reach(changes: Changes, size: tuple[int, int]) -> tuple[int, int]:
    """(rows, columns) of the source window that crops of ``size`` = (rows, columns) can look at."""
    height, width = size
    corner = np.abs(changes.matrix) @ np.array([width / 2, height / 2])  # (B, 2): half width, half height
    margin = 2 + (0.0 if changes.bend is None else 2.5 * float(np.abs(changes.bend).max()))
    columns, rows = 2 * corner.max(axis=0) + margin
    return math.ceil(rows), math.ceil(columns)


def apply_geometry(
    changes: Changes,
    images: Tensor,
    labels: Tensor,
    size: tuple[int, int],
    *,
    members: NDArray[np.int64],
    zoom: float,
    centre: NDArray[np.float64] | None,
    classes: int,
) -> tuple[Tensor, Tensor]:
    """Resample images (b, C, h, w) float32 and labels (b, h, w) or (b, K, h, w) uint8 to ``size``.

    ``members`` says which rows of ``changes`` these b images are. ``zoom`` is source pixels per result pixel; ``centre`` (b, 2) the
    source position (x, y) of the result's centre, ``None`` for the middle of the plane.
    """
    count, _, height, width = images.shape
    rows, columns = size
    sides = np.array([width, height], dtype=np.float64)
    if centre is None:
        position = sides / 2 + changes.shift[members] * sides  # (b, 2) from the source's left and top edge
    else:
        position = centre + 0.5  # a crop lies anywhere already: no shift
    matrix = changes.matrix[members] * zoom
    bend = None if changes.bend is None else torch.from_numpy(changes.bend[members])

    def grid(step: int) -> Tensor:
        """(b, rows, columns, 2) in [-1, 1] of the source averaged over ``step`` × ``step`` pixels."""
        covered = np.array([width // step, height // step]) * step
        theta = np.concatenate(
            [matrix * np.array([columns, rows]) / covered[:, None], (2 * position / covered - 1)[..., None]], axis=2
        )
        result = F.affine_grid(torch.from_numpy(theta).float(), [count, 1, rows, columns], align_corners=False)
        if bend is not None:
            smooth = F.interpolate(bend, size=size, mode="bicubic", align_corners=True)
            result += smooth.permute(0, 2, 3, 1) * (2 * zoom / torch.from_numpy(covered).float())
        return result

    regions = labels.ndim == 4
    step = max(1, int(zoom + 0.01))
    soft = classes <= _ONE_HOT_UP_TO and not bool((labels == IGNORE).any())
    if soft:
        hot = labels.float() if regions else torch.stack([labels == k for k in range(1, classes + 1)], dim=1).float()
        stacked = torch.cat([images, hot], dim=1)
    else:
        stacked = images
    if step > 1:
        stacked = F.avg_pool2d(stacked, step)
    outside = "reflection" if changes.mirror else "border"
    warped = F.grid_sample(stacked, grid(step), mode="bilinear", padding_mode=outside, align_corners=False)
    if soft:
        shares = warped[:, images.shape[1] :]  # (b, K, rows, columns)
        if regions:
            target = (shares >= 0.5).to(torch.uint8)
        elif classes == 1:
            target = (shares[:, 0] >= 0.5).to(torch.uint8)
        else:
            target = torch.cat([1 - shares.sum(dim=1, keepdim=True), shares], dim=1).argmax(dim=1).to(torch.uint8)
        return warped[:, : images.shape[1]], target
    maps = labels if regions else labels[:, None]
    nearest = F.grid_sample(maps.float(), grid(1), mode="nearest", padding_mode=outside, align_corners=False).to(torch.uint8)
    return warped, nearest if regions else nearest[:, 0]


def apply_intensity(changes: Changes, images: Tensor) -> Tensor:
    """Gamma, contrast and brightness, blur, noise and holes on (B, C, H, W), changed in place where possible."""
    count, channels, height, width = images.shape
    mean = images.mean(dim=(2, 3), keepdim=True)

    bent = np.flatnonzero(changes.exponent != 1)
    if len(bent):
        some = torch.from_numpy(bent)
        part = images[some]
        low, high = part.amin(dim=(2, 3), keepdim=True), part.amax(dim=(2, 3), keepdim=True)
        spread = (high - low).clamp_min(1e-6)
        power = torch.from_numpy(changes.exponent[bent]).view(-1, 1, 1, 1)
        images[some] = ((part - low) / spread).pow_(power).mul_(spread).add_(low)

    gain, offset = (torch.from_numpy(a).view(count, channels, 1, 1) for a in (changes.gain, changes.offset))
    images = images.mul_(gain).add_(mean * (1 - gain) + offset)

    for row in np.flatnonzero(changes.blur > 0.1):
        images[row] = _blur(images[row], float(changes.blur[row]))

    noisy = np.flatnonzero(changes.noise)
    if len(noisy):
        generator = torch.Generator().manual_seed(changes.seed)
        grain = torch.randn((len(noisy), channels, height, width), generator=generator)
        images[torch.from_numpy(noisy)] += grain * torch.from_numpy(changes.noise[noisy]).view(-1, 1, 1, 1)

    for index, holes in enumerate(changes.holes):
        holes = holes[holes[:, 2] > 0]
        fill = images[index].amin(dim=(1, 2), keepdim=True) if changes.dark and len(holes) else mean[index]
        for top, left, tall, wide in holes:
            y, x = int(top * height), int(left * width)
            images[index, :, y : y + max(1, int(tall * height)), x : x + max(1, int(wide * width))] = fill
    return images


def _blur(image: Tensor, sigma: float) -> Tensor:
    """Gaussian blur of one (C, H, W) image, edges repeated."""
    radius = min(math.ceil(3 * sigma), min(image.shape[1:]) - 1)
    taps = torch.arange(-radius, radius + 1, dtype=torch.float32)
    kernel = torch.exp(-0.5 * (taps / sigma) ** 2)
    kernel = (kernel / kernel.sum()).view(1, 1, 1, -1)
    rows = F.conv2d(F.pad(image[:, None], (radius, radius, 0, 0), mode="replicate"), kernel)
    return F.conv2d(F.pad(rows, (0, 0, radius, radius), mode="replicate"), kernel.transpose(2, 3))[:, 0]
