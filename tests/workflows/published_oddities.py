"""Folders whose pictures differ in mode, size, shape and orientation, as collected data do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from tests.workflows.made_up import BY_IMAGE, colour, published, save, scene


@published(
    layout="paired-folders",
    cases=8,
    persons=8,
    unit="image",
    rule="threshold",
    warnings=(*BY_IMAGE, "channels-mixed", "bit-depth-mixed"),
)
def mixed_modes(root: Path) -> Path:
    """L, LA, P, RGB, RGBA, 1 and I;16 in one folder; masks L, 1, P and RGBA."""
    for number, mode in enumerate(("L", "LA", "P", "RGB", "RGBA", "1", "I;16", "L")):
        image, labels = scene(number, (56, 60))
        if mode == "I;16":
            picture = Image.fromarray(image.astype(np.uint16) * 200)
        elif mode in ("RGB", "RGBA", "P"):
            picture = Image.fromarray(colour(image)).convert(mode)
        else:
            picture = Image.fromarray(image).convert(mode)
        mask = Image.fromarray(labels * 255).convert(("L", "1", "P", "RGBA")[number % 4])
        save(root / "images" / f"picture_{number}.png", picture)
        save(root / "masks" / f"picture_{number}.png", mask)
    return root


@published(layout="paired-folders", cases=7, persons=7, unit="image", rule="threshold", warnings=BY_IMAGE)
def mixed_sizes(root: Path) -> Path:
    """From a thumbnail of 64 pixels to 2000."""
    for number, size in enumerate(((64, 64), (100, 80), (300, 200), (480, 640), (900, 1200), (2000, 1500), (71, 333))):
        image, labels = scene(number, size)
        save(root / "images" / f"wound-{number}.png", colour(image))
        save(root / "masks" / f"wound-{number}.png", labels * 255)
    return root


@published(layout="side-by-side", cases=6, persons=6, unit="image", rule="threshold", warnings=BY_IMAGE)
def narrow(root: Path) -> Path:
    """Strips twenty times as wide as high, one of them upright."""
    for number in range(6):
        image, labels = scene(number, (24, 480) if number else (480, 24))
        save(root / f"oct{number}.png", image)
        save(root / f"oct{number}_mask.png", labels * 255)
    return root


@published(layout="side-by-side", cases=6, persons=6, unit="image", rule="threshold", warnings=BY_IMAGE)
def turned_jpegs(root: Path) -> Path:
    """Photographs that a camera stored lying down; the masks were drawn on what the screen showed."""
    turned = {1: None, 3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}
    for number, orientation in enumerate((1, 3, 6, 8, 6, 1)):
        image, labels = scene(number, (48, 72))
        upright = Image.fromarray(colour(image))
        how = turned[orientation]
        stored = upright if how is None else upright.transpose(how)
        exif = Image.Exif()
        exif[0x0112] = orientation
        save(root / f"foot{number}.jpg", stored, exif=exif, quality=95)
        save(root / f"foot{number}_mask.png", labels * 255)
    return root


@published(layout="paired-folders", cases=6, persons=6, unit="image", rule="threshold", warnings=BY_IMAGE)
def cmyk_jpegs(root: Path) -> Path:
    """Scanned prints: four inks."""
    for number in range(6):
        image, labels = scene(number, (60, 50))
        save(root / "img" / f"print{number}.jpg", Image.fromarray(colour(image)).convert("CMYK"), quality=95)
        save(root / "gt" / f"print{number}.png", labels * 255)
    return root
