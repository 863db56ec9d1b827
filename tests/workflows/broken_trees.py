"""Who is who, odd names, folders of the wrong kind, volumes and DICOM."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from tests.workflows.broken import PERSONS, SIZE, broken, image, mask, patients, scene, sound, volumes
from tests.workflows.broken_files import dicom, half, nifti, save


@broken(duplicate_exact_across="warning", named=["images/p09.png"], usable=10)
def same_picture_under_two_names(root: Path) -> None:
    sound(root)
    shutil.copy(image(root, 3), image(root, 9))
    shutil.copy(mask(root, 3), mask(root, 9))


@broken(patients_look_the_same="warning", duplicate_exact_across="warning", usable=20)
def same_patient_twice(root: Path) -> None:
    patients(root, PERSONS)
    for position in (1, 2):
        for end in ("", "_mask"):
            shutil.copy(root / "p03" / f"p03_{position}{end}.png", root / "p07" / f"p07_{position}{end}.png")


@broken(image_duplicate_near="warning", usable=10)
def nearly_the_same_picture(root: Path) -> None:
    sound(root)
    pixels = scene(3)[0].astype(int)
    save(image(root, 9), np.clip(pixels + 6 + (pixels % 3 == 0), 0, 255).astype(np.uint8))
    shutil.copy(mask(root, 3), mask(root, 9))


@broken(cannot_split="error", too_few_patients="warning", usable=4)
def one_patient(root: Path) -> None:
    patients(root, 1, slices=4)
    (root / "p00").rename(root / "patient00")


@broken(patient_unknown="warning", split_by_image="warning", too_few_images="warning", usable=4)
def perhaps_one_patient(root: Path) -> None:
    """One folder, numbered files: whether they are of one person nothing tells, so it is not claimed."""
    patients(root, 1, slices=4)


@broken(cannot_split="error", too_few_patients="warning", usable=8)
def two_patients(root: Path) -> None:
    patients(root, 2, slices=4)


@broken(person_crosses_published_split="error", usable=20)
def patient_crosses_the_published_split(root: Path) -> None:
    """``train/p03/…`` and ``test/p03/…``."""
    for part, numbers in (("train", range(7)), ("test", (3, 7, 8, 9))):
        folder = root / part
        for number in numbers:
            for position in (0, 1) if number != 3 else (0,) if part == "train" else (1,):
                pixels, inside = scene(100 * number + position)
                save(folder / f"p{number:02d}" / f"p{number:02d}_{position + 1}.png", pixels)
                save(folder / f"p{number:02d}" / f"p{number:02d}_{position + 1}_mask.png", inside)


# Names and trees.

#: Names that some system or program stumbles over; all are ordinary files here.
ODD_NAMES = (
    "影像 一号", "naïve café", "a b  c", "CON", "nul.x", "50%_{x}", "[1]", "-rf", "'quoted\"", "x" * 200,
    "e\u0301", "\u202etxet", "#1;2&3", "line\nbreak",
)  # fmt: skip


@broken(usable=len(ODD_NAMES))
def odd_names(root: Path) -> None:
    for number, name in enumerate(ODD_NAMES):
        pixels, inside = scene(number)
        save(root / "im ages" / f"{name}.png", pixels)
        save(root / "masks" / f"{name}.png", inside)


@broken(usable=10)
def names_that_differ_in_case(root: Path) -> None:
    sound(root, 8)
    for number, name in ((8, "A.png"), (9, "a.PNG")):
        pixels, inside = scene(number)
        save(root / "images" / name, pixels)
        save(root / "masks" / name, inside)


@broken(error="folder-empty")
def empty_folder(root: Path) -> None:
    root.mkdir(parents=True)


@broken(error="data-missing", exit=2)
def no_folder(root: Path) -> None:
    pass


@broken(error="data-missing", exit=2)
def file_for_a_folder(root: Path) -> None:
    save(root.with_suffix(".png"), scene(0)[0]).rename(root)


@broken(error="no-images")
def no_image_in_it(root: Path) -> None:
    root.mkdir(parents=True)
    (root / "notes.txt").write_text("to do")


@broken(error="layout-unknown")
def only_masks(root: Path) -> None:
    sound(root)
    shutil.rmtree(root / "images")


@broken(error="no-mask-files")
def only_images(root: Path) -> None:
    sound(root)
    shutil.rmtree(root / "masks")


@broken(error="no-usable-files")
def everything_empty(root: Path) -> None:
    sound(root)
    for path in root.rglob("*.png"):
        path.write_bytes(b"")


@broken(error="no-mask-files", named=["10 × broken-link: masks/p00.png"])
def masks_never_fetched(root: Path) -> None:
    """Links into a store that is not there, as git-annex leaves them."""
    sound(root)
    for number in range(PERSONS):
        mask(root, number).unlink()
        mask(root, number).symlink_to(f"../.git/annex/{number}")


@broken(error="no-images", named=["20 × broken-link: masks/p00.png"])
def nothing_fetched(root: Path) -> None:
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True)
        for number in range(PERSONS):
            (root / folder / f"p{number:02d}.png").symlink_to(f"../.git/annex/{number}")


# Volumes and DICOM.


@broken(image_mask_affine_differs="warning", named=["masks/p03.nii.gz"], usable=10)
def affine_differs(root: Path) -> None:
    volumes(root)
    elsewhere = np.diag([1.5, 1.5, 3, 1])
    elsewhere[:3, 3] = 20
    nifti(mask(root, 3, ".nii.gz"), np.ones((32, 32, 3), np.uint8), elsewhere)


@broken(spacing_missing="info", usable=10)
def spacing_missing(root: Path) -> None:
    sound(root)


@broken(channels_mixed="warning", named=["images/p03.nii.gz"], usable=10)
def time_series(root: Path) -> None:
    """A NIfTI of four dimensions among those of three: the fourth is read as channels."""
    volumes(root)
    nifti(image(root, 3, ".nii.gz"), np.zeros((32, 32, 3, 5), np.float32))


@broken(image_mask_size_differs="warning", named=["masks/p03.nii.gz"], usable=9)
def mask_in_three_dimensions_for_a_picture(root: Path) -> None:
    sound(root)
    mask(root, 3).unlink()
    nifti(mask(root, 3, ".nii.gz"), np.ones((SIZE, SIZE, 4), np.uint8))


@broken(unreadable_file="warning", named=["images/p03.dcm", "images/p04.dcm"], usable=8)
def dicom_without_pixels(root: Path) -> None:
    for number in range(PERSONS):
        pixels, inside = scene(number)
        dicom(image(root, number, ".dcm"), pixels if number != 3 else None, f"p{number}")
        save(mask(root, number), inside)
    half(image(root, 4, ".dcm"))
