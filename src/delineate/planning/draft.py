"""What the data ask for, before time is considered: channels, scale, normalisation, augmentation, sampling, loss."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

from delineate.dataset import Fingerprint
from delineate.domain import LabelSet
from delineate.planning.budget import interpolated_ceiling, round_to
from delineate.recipe import AUGMENTATION_PRESETS, Augmentation, MaskRule, Normalisation, Preprocessing, Reason, Recipe

#: The Dice that the working size should leave possible: below it the eye sees blocks, above it little is left to gain.
GOOD_CEILING, FINE_CEILING = 0.96, 0.985
#: Whole images are shown to the network up to this side; finer structures are learned from crops.
LARGEST_WHOLE = 320
LARGEST_WORKING = 1536
CROP = 256
#: Structures at least this thick, in pixels, are worked on in blocks of 2 x 2 pixels; thinner ones pixel by pixel.
THICK = 6.0
#: Slices less than this many times as far apart as pixels are seen with their neighbours (measured: docs/performance.md).
NEAR = 2.0
#: Muon's learning rate: twice it and two fifths of it reached less on brain MRI (docs/performance.md).
MUON_RATE = 5e-3
#: Fewer planes with foreground than this are varied more strongly.
FEW_PLANES = 300


@dataclass(frozen=True)
class Draft:
    """A recipe without sizes and steps, and the sizes worth considering.

    ``sizes`` are (rows, columns) of the network's input in training; ``crop`` says that they are crops of a larger plane; ``block``
    is the U-Net's (see :class:`~delineate.recipe.UNetOptions`).
    """

    recipe: Recipe
    sizes: tuple[tuple[int, int], ...]
    crop: bool
    block: int = 1


def draft_recipe(fingerprint: Fingerprint, rule: MaskRule, labels: LabelSet, *, augmentation: str | None = None) -> Draft:
    """Decide everything that does not depend on time. Every decision has its reason in ``recipe.reasons``."""
    reasons: dict[str, Reason] = {
        "masks": Reason(code="mask-rule", params={"kind": rule.kind}, by="measured"),
        "labels": Reason(code=f"labels-{labels.kind}", params={"classes": ", ".join(labels.names)}),
    }
    preprocessing, sizes, crop = _scale(fingerprint, reasons)
    channels, colour = _channels(fingerprint, reasons)
    preprocessing = preprocessing.model_copy(
        update={
            "channels": channels,
            "colour": colour,
            "slice_axis": _slice_axis(fingerprint, reasons),
            "neighbours": _neighbours(fingerprint, reasons),
            "normalisation": _normalisation(fingerprint, channels, colour, reasons),
        }
    )
    recipe = Recipe(labels=labels, masks=rule, preprocessing=preprocessing)
    training = recipe.training.model_copy(
        update={
            "crop": crop,
            "augmentation": _augmentation(fingerprint, labels, crop, augmentation, reasons),
            "foreground": _foreground(fingerprint, crop, reasons),
            "optimiser": "muon",
            "lr": MUON_RATE,
        }
    )
    reasons["training.loss"] = Reason(code="loss-dice-ce", params={"share": round(_foreground_share(fingerprint), 4)})
    reasons["training.optimiser"] = Reason(code="muon-cosine")
    return Draft(recipe.model_copy(update={"training": training, "reasons": reasons}), sizes, crop, _block(fingerprint, sizes))


def _scale(fingerprint: Fingerprint, reasons: dict[str, Reason]) -> tuple[Preprocessing, tuple[tuple[int, int], ...], bool]:
    rows, columns = (axis.median for axis in fingerprint.shape[-2:])
    longest = max(rows, columns)
    largest = max(axis.maximum for axis in fingerprint.shape[-2:])
    ceilings = {side: value for side, value in fingerprint.ceiling.items() if side < longest}
    ceilings[int(longest)] = 1.0
    needed = _needed(ceilings, GOOD_CEILING)
    if longest <= 112:
        size = (round_to(fingerprint.shape[-2].maximum + 7), round_to(fingerprint.shape[-1].maximum + 7))
        reasons["preprocessing.fit"] = Reason(code="keep-small", params={"longest": int(largest)}, by="measured")
        return Preprocessing(fit="letterbox", size=size), (size,), False
    differ = largest > 1.5 * min(max(axis.minimum for axis in fingerprint.shape[-2:]), longest)
    if differ and _same_scale(fingerprint):
        # Sizes differ and many small objects lie on each image: a microscope's field of view, not a photograph's resolution.
        # Shrinking every image to one size would show the same cell at several sizes.
        params: dict[str, Any] = {"needed": needed, "working": int(longest), "crop": CROP, "thickness": _thickness(fingerprint)}
        reasons["preprocessing.fit"] = Reason(code="patches-same-scale", params=params, by="measured")
        return Preprocessing(fit="scale", scale=_keeping_scale(fingerprint)), ((192, 192), (CROP, CROP)), True
    if needed <= LARGEST_WHOLE:
        sides = sorted({s for s in (96, 128, 160, 192, 224, 256, 320, 384) if s <= max(longest, 96) and s <= _upper(ceilings)})
        sizes = tuple(_with_aspect(side, rows, columns) for side in sides or [round_to(longest)])
        params = {
            "needed": needed,
            "ceiling": round(interpolated_ceiling(ceilings, needed), 3),
            "n": fingerprint.ceiling_planes,
        }
        reasons["preprocessing.fit"] = Reason(code="whole-image", params=params, by="measured")
        return Preprocessing(fit="letterbox"), sizes, False
    working = min(_needed(ceilings, FINE_CEILING), LARGEST_WORKING)
    params = {"needed": needed, "working": working, "crop": CROP, "thickness": _thickness(fingerprint)}
    side = min(CROP, round_to(min(rows, columns) * min(1.0, working / longest)))
    sizes = ((side, side),) if side < CROP else ((192, 192), (CROP, CROP))
    reasons["preprocessing.fit"] = Reason(code="patches", params=params, by="measured")
    return Preprocessing(fit="letterbox", size=_with_aspect(working, rows, columns)), sizes, True


def _needed(ceilings: dict[int, float], target: float) -> int:
    """The smallest measured side that leaves ``target`` possible."""
    return min((side for side, value in ceilings.items() if value >= target), default=max(ceilings))


def _upper(ceilings: dict[int, float]) -> int:
    """Beyond this side whole images gain nothing worth the time."""
    return max(128, round_to(_needed(ceilings, 0.99) * 1.25))


def _with_aspect(side: int, rows: float, columns: float) -> tuple[int, int]:
    """``side`` for the longer axis, the other in proportion; nearly square is made square."""
    longest = max(rows, columns)
    if min(rows, columns) / longest > 0.85:
        return side, side
    return round_to(side * rows / longest), round_to(side * columns / longest)


def _same_scale(fingerprint: Fingerprint) -> bool:
    """Whether many small objects lie on each plane: then their size belongs to the scale, not to the image's."""
    counts = [c.objects_per_plane for c in fingerprint.classes if c.objects_per_plane is not None]
    return bool(counts) and max(counts) >= 5


def _keeping_scale(fingerprint: Fingerprint) -> float:
    """1, or less where even the thinnest class is so thick that half the pixels would do."""
    thickness = _thickness(fingerprint)
    return 1.0 if thickness is None or thickness < 48 else max(0.25, 24 / thickness)


def _thickness(fingerprint: Fingerprint) -> float | None:
    found = [c.thickness.median for c in fingerprint.classes if c.thickness is not None]
    return round(min(found), 1) if found else None


def _block(fingerprint: Fingerprint, sizes: tuple[tuple[int, int], ...]) -> int:
    """2 where the network may see 2 × 2 pixels as one place. On brain MRI that gave 0.88 at 192 pixels in the time in
    which single pixels gave 0.84 at 160 (mean volume Dice of 8 patients, 16 to learn from, one seed; size and blocks were not told
    apart); small planes are quick as they are."""
    thickness = _thickness(fingerprint)
    return 2 if max(sizes[-1]) > 112 and (thickness is None or thickness >= THICK) else 1


def _channels(fingerprint: Fingerprint, reasons: dict[str, Reason]) -> tuple[int, str]:
    colours = set(fingerprint.colours)
    if colours <= {"grey"}:
        reasons["preprocessing.colour"] = Reason(code="grey", by="measured")
        return 1, "grey"
    if colours <= {"rgb", "grey"}:
        mixed = len(colours) > 1
        reasons["preprocessing.colour"] = Reason(code="rgb-mixed" if mixed else "rgb", by="measured")
        return 3, "rgb"
    reasons["preprocessing.colour"] = Reason(code="channels", params={"channels": fingerprint.channels}, by="measured")
    return fingerprint.channels, "as-is"


def _slice_axis(fingerprint: Fingerprint, reasons: dict[str, Reason]) -> int:
    if fingerprint.dims != 3:
        return 0
    if fingerprint.spacing is None or fingerprint.anisotropy is None or fingerprint.anisotropy < 1.5:
        reasons["preprocessing.slice_axis"] = Reason(code="axial")
        return 0
    spacing = [axis.median for axis in fingerprint.spacing]
    coarse = max(range(3), key=lambda axis: spacing[axis])
    # Volumes are turned to feet-head, front-back, right-left before slicing; where files are stored otherwise the coarse
    # axis cannot be told from array order, and axial is the safe choice.
    reasons["preprocessing.slice_axis"] = Reason(code="coarse-axis" if coarse == 0 else "axial")
    return 0


def _neighbours(fingerprint: Fingerprint, reasons: dict[str, Reason]) -> int:
    if not _volumes(fingerprint):
        return 0
    apart = fingerprint.anisotropy
    near = fingerprint.dims == 3 and apart is not None and apart < NEAR
    params = {} if apart is None else {"times": round(apart, 1)}
    code = "neighbours" if near else "neighbours-unknown" if apart is None else "neighbours-far"
    reasons["preprocessing.neighbours"] = Reason(code=code, params=params, by="measured")
    return int(near)


def _volumes(fingerprint: Fingerprint) -> bool:
    """Whether planes are slices of volumes, in 3-D files or in files of their own."""
    return fingerprint.unit != "block" and (fingerprint.dims == 3 or fingerprint.groups < fingerprint.cases)


def _normalisation(fingerprint: Fingerprint, channels: int, colour: str, reasons: dict[str, Reason]) -> Normalisation:
    intensity = fingerprint.intensity
    if channels == 1 and len(intensity) > 1:  # grey made of colour
        intensity = intensity[:1]
    is_ct = fingerprint.dims == 3 and all(c.percentiles[0] < -500 for c in intensity)
    if is_ct:
        reasons["preprocessing.normalisation"] = Reason(code="normalise-ct", by="measured")
        chosen = intensity if channels == len(intensity) else intensity[:1] * channels
        return Normalisation(
            scheme="dataset",
            low=tuple(c.percentiles[0] for c in chosen),
            high=tuple(c.percentiles[4] if c.percentiles[4] > c.percentiles[0] else c.maximum for c in chosen),
            mean=tuple(c.mean for c in chosen),
            std=tuple(max(c.std, 1e-6) for c in chosen),
        )
    # Only CT has a scale that holds from one machine to the next. A fixed scaling measured on one hospital's films made a model
    # fail on another's: fitted to Shenzhen X-rays, Montgomery's darker ones came out at Dice 0.87.
    if _volumes(fingerprint):
        reasons["preprocessing.normalisation"] = Reason(code="normalise-volume", by="measured")
        return Normalisation(scheme="volume", nonzero=fingerprint.dims == 3 and fingerprint.black_border > 0.1)
    ratio = max((c.between_images / c.within_images if c.within_images > 0 else 0.0) for c in intensity)
    reasons["preprocessing.normalisation"] = Reason(code="normalise-image", params={"ratio": round(ratio, 2)}, by="measured")
    return Normalisation(scheme="image")


def _augmentation(
    fingerprint: Fingerprint, labels: LabelSet, crop: bool, wanted: str | None, reasons: dict[str, Reason]
) -> Augmentation:
    # With few images the network soon knows them by heart, and with them the one scanner they came from.
    strength = wanted or ("heavy" if fingerprint.planes_with_foreground < FEW_PLANES else "medium")
    preset = AUGMENTATION_PRESETS[strength]
    changes: dict[str, float] = {}
    sided = any(re.search(r"left|right|(^|[_\W])[lr]($|[_\W])|左|右", name, re.IGNORECASE) for name in labels.names)
    if wanted == "none":
        code = "augment-none"
    elif sided:
        # half a turn exchanges the sides as a mirror does
        changes, code = {"flip_horizontal": 0.0, "flip_vertical": 0.0, "transpose": 0.0, "rotate_90": 0.0}, "augment-sided"
    elif (crop and _same_scale(fingerprint)) or (crop and fingerprint.unit == "block"):
        changes = {"flip_horizontal": 0.5, "flip_vertical": 0.5, "transpose": 0.5}
        code = "augment-any-side-up"
    else:
        code = "augment-upright"
    by: Literal["user", "plan"] = "user" if wanted else "plan"
    reasons["training.augmentation"] = Reason(
        code=code, params={"preset": strength, "planes": fingerprint.planes_with_foreground}, by=by
    )
    return preset.model_copy(update=changes)


def _foreground_share(fingerprint: Fingerprint) -> float:
    return sum(c.pixel_share for c in fingerprint.classes)


def _foreground(fingerprint: Fingerprint, crop: bool, reasons: dict[str, Reason]) -> float:
    share = fingerprint.foreground_plane_share
    if crop:
        rare = _foreground_share(fingerprint) < 0.15
        reasons["training.foreground"] = Reason(code="crops-half" if rare else "crops-anywhere")
        return 2.0 if rare else 1.0
    if share < 0.7:
        reasons["training.foreground"] = Reason(code="foreground-often", params={"share": round(share, 2)}, by="measured")
        return 3.0
    reasons["training.foreground"] = Reason(code="foreground-even", params={"share": round(share, 2)}, by="measured")
    return 1.0
