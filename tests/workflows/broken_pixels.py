"""What images and masks hold: NaN, nothing, photographs, strangers among labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tests.workflows.broken import PERSONS, SIZE, broken, image, mask, scene, sound, volumes
from tests.workflows.broken_files import nifti, save


@broken(image_nan="warning", named=["images/p03.nii.gz"], usable=10)
def nan_in_a_volume(root: Path) -> None:
    volumes(root)
    pixels = np.random.default_rng(0).normal(100, 20, (32, 32, 3)).astype(np.float32)
    pixels[::2] = np.nan
    nifti(image(root, 3, ".nii.gz"), pixels)


@broken(image_nan="warning", named=["images/p03.nii.gz"], usable=10)
def nan_only(root: Path) -> None:
    volumes(root)
    nifti(image(root, 3, ".nii.gz"), np.full((32, 32, 3), np.nan, np.float32))


@broken(image_constant="warning", named=["images/p03.png"], usable=10)
def one_constant_image(root: Path) -> None:
    sound(root)
    save(image(root, 3), np.full((SIZE, SIZE), 90, np.uint8))


@broken(image_constant="warning", usable=10)
def all_images_constant(root: Path) -> None:
    sound(root)
    for number in range(PERSONS):
        save(image(root, number), np.full((SIZE, SIZE), 10 * number, np.uint8))


@broken(intensity_inverted="warning", named=["images/p03.png"], usable=10)
def one_inverted_image(root: Path) -> None:
    sound(root)
    save(image(root, 3), 255 - scene(3)[0])


@broken(channels_mixed="warning", usable=10)
def grey_and_colour(root: Path) -> None:
    sound(root)
    for number in (3, 4):
        save(image(root, number), np.stack([scene(number)[0]] * 3, -1) // np.uint8([1, 2, 3]))
    save(image(root, 5), np.dstack([scene(5)[0]] * 3 + [np.full((SIZE, SIZE), 128, np.uint8)]))


@broken(bit_depth_mixed="warning", usable=10)
def eight_and_sixteen_bit(root: Path) -> None:
    sound(root, suffix=".tif")
    for number in (3, 4, 5):
        save(image(root, number, ".tif"), scene(number)[0].astype(np.uint16) * 200)


@broken(usable=10)
def many_sizes(root: Path) -> None:
    """Nothing is wrong with pictures of different sizes."""
    sound(root)
    for number, size in enumerate([(30, 70), (64, 64), (91, 33)]):
        pixels, inside = scene(number, size)
        save(image(root, number), pixels)
        save(mask(root, number), inside)


@broken(usable=10)
def tiny_images(root: Path) -> None:
    """One pixel, one row, one column, beside usual ones."""
    sound(root)
    for number, size in enumerate([(1, 1), (1, SIZE), (SIZE, 1)]):
        save(image(root, number), np.random.default_rng(number).integers(0, 255, size).astype(np.uint8))
        save(mask(root, number), np.full(size, 255, np.uint8) * (np.arange(size[1]) % 2 == 0).astype(np.uint8))


@broken(too_few_images="warning", image_constant="warning", exit=0, usable=6)
def one_pixel_each(root: Path) -> None:
    for number in range(6):
        save(image(root, number), np.full((1, 1), 40 * number, np.uint8))
        save(mask(root, number), np.full((1, 1), 255 * (number % 2), np.uint8))


# Masks that are none, or not what the others are.


@broken(error="lossy-mask", named=["masks/p00.jpg"])
def jpeg_masks(root: Path) -> None:
    sound(root)
    for number in range(PERSONS):
        mask(root, number).unlink()
        save(mask(root, number, ".jpg"), scene(number)[1])


@broken(jpeg_mask="warning", unreadable_file="warning", named=["masks/p03.jpg"], usable=9)
def one_jpeg_mask(root: Path) -> None:
    sound(root)
    mask(root, 3).unlink()
    save(mask(root, 3, ".jpg"), scene(3)[1])


@broken(masks_all_empty="error", usable=10)
def all_masks_empty(root: Path) -> None:
    sound(root)
    for number in range(PERSONS):
        save(mask(root, number), np.zeros((SIZE, SIZE), np.uint8))


@broken(mask_empty="warning", named=["masks/p03.png"], usable=10)
def one_mask_empty(root: Path) -> None:
    sound(root)
    save(mask(root, 3), np.zeros((SIZE, SIZE), np.uint8))


@broken(mask_full="warning", named=["masks/p03.png"], usable=10)
def one_mask_full(root: Path) -> None:
    sound(root)
    save(mask(root, 3), np.full((SIZE, SIZE), 255, np.uint8))


@broken(masks_not_labels="error")
def masks_are_photos(root: Path) -> None:
    sound(root)
    for number in range(PERSONS):
        save(mask(root, number), scene(number + 50)[0])


@broken(label_value_rare="warning", named=["masks/p03.png"], usable=10, arguments=["--classes", "a=100,b=200"])
def value_outside_the_named_ones(root: Path) -> None:
    sound(root)
    for number in range(PERSONS):
        labels = (scene(number)[1] > 0) * np.uint8(100)
        labels[-6:] = 200
        labels[0, :3] = 77 if number == 3 else 0
        save(mask(root, number), labels)


@broken(label_value_rare="warning", usable=10)
def colours_with_a_stray_one(root: Path) -> None:
    sound(root)
    for number in range(PERSONS):
        colours = np.zeros((SIZE, SIZE, 3), np.uint8)
        colours[scene(number)[1] > 0] = (255, 0, 0)
        colours[-6:] = (0, 255, 0)
        if number == 3:
            colours[0, 0] = (254, 1, 7)
        save(mask(root, number), colours)


@broken(class_rare="warning", class_missing_in_test="warning", usable=10, arguments=["--classes", "disc=1,stripe=2"])
def class_missing_in_a_part(root: Path) -> None:
    """Only the first person has a stripe."""
    sound(root)
    for number in range(PERSONS):
        labels = (scene(number)[1] > 0).astype(np.uint8)
        labels[-6:] = 2 if number == 0 else 0
        save(mask(root, number), labels)
