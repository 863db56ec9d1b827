"""One bad file, or a few: a finding names each, its case is left out, the rest goes on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tests.workflows.broken import PERSONS, SIZE, broken, image, mask, scene, sound, volumes
from tests.workflows.broken_files import (
    gzip_bomb,
    half,
    nifti,
    nifti_claiming_2_gb,
    npy_claiming_2_gb,
    npz_bomb,
    nrrd_claiming_2_gb,
    pickled_npy,
    png_claiming,
    save,
    table,
    tiff_claiming_2_gb,
)


@broken(unreadable_file="warning", named=["images/p03.png"], usable=9)
def truncated_png(root: Path) -> None:
    sound(root)
    half(image(root, 3))


@broken(empty_file="warning", named=["images/p03.png"], usable=9)
def zero_bytes(root: Path) -> None:
    sound(root)
    image(root, 3).write_bytes(b"")


@broken(empty_file="warning", named=["masks/p03.png"], usable=9)
def zero_bytes_mask(root: Path) -> None:
    sound(root)
    mask(root, 3).write_bytes(b"")


@broken(not_an_image="warning", named=["images/p03.tif"], usable=9)
def text_called_tif(root: Path) -> None:
    sound(root, suffix=".tif")
    image(root, 3, ".tif").write_text("404 not found\n")


@broken(image_mask_size_differs="warning", named=["masks/p03.png"], usable=9)
def one_size_differs(root: Path) -> None:
    sound(root)
    save(mask(root, 3), scene(3)[1][:40])


@broken(image_mask_size_differs="error", no_usable_cases="error", cannot_split="error", usable=0)
def all_sizes_differ(root: Path) -> None:
    sound(root)
    for number in range(PERSONS):
        save(mask(root, number), scene(number)[1][:, :-1])


@broken(image_without_mask="warning", named=["images/p03.png"], usable=9)
def mask_missing(root: Path) -> None:
    sound(root)
    mask(root, 3).unlink()


@broken(mask_without_image="warning", named=["masks/p03.png"], usable=9)
def image_missing(root: Path) -> None:
    sound(root)
    image(root, 3).unlink()


@broken(unreadable_file="warning", named=["images/p03.png"], usable=9)
def header_bomb(root: Path) -> None:
    sound(root)
    png_claiming(image(root, 3), 70_000, 70_000)


@broken(unreadable_file="warning", named=["images/p03.tif"], usable=9)
def tiff_bomb(root: Path) -> None:
    sound(root, suffix=".tif")
    tiff_claiming_2_gb(image(root, 3, ".tif"))


@broken(unreadable_file="warning", named=["images/p03.nii.gz", "masks/p04.nii.gz"], usable=8)
def nifti_bombs(root: Path) -> None:
    volumes(root)
    nifti_claiming_2_gb(image(root, 3, ".nii.gz"))
    nifti_claiming_2_gb(mask(root, 4, ".nii.gz"))


@broken(usable=10)
def nifti_with_half_a_gigabyte_behind(root: Path) -> None:
    """Only what the header tells of is unpacked."""
    volumes(root)
    gzip_bomb(image(root, 3, ".nii.gz"))
    nifti(mask(root, 3, ".nii.gz"), np.ones((8, 8, 2), np.uint8))


@broken(unreadable_file="warning", named=["images/p03.nrrd"], usable=9)
def nrrd_bomb(root: Path) -> None:
    sound(root)
    image(root, 3).unlink()
    nrrd_claiming_2_gb(image(root, 3, ".nrrd"))


@broken(unreadable_file="warning", named=["images/p03.npy", "images/p04.npy", "images/p05.npz"], usable=7)
def array_bombs(root: Path) -> None:
    """A header of 2 GB, an array of pickled objects, a zip bomb."""
    sound(root, suffix=".npy")
    npy_claiming_2_gb(image(root, 3, ".npy"))
    pickled_npy(image(root, 4, ".npy"))
    image(root, 5, ".npy").unlink()
    npz_bomb(image(root, 5, ".npz"))


@broken(
    unreadable_file="warning",
    usable=8,
    named=["images/p00.png", "images/p01.tif", "images/p02.nii.gz", "images/p04.nrrd", "images/p05.npy", "images/p06.npz"],
)
def all_bombs(root: Path) -> None:
    """One of each kind; ``p03`` is the NIfTI with half a gigabyte behind it, which can be read."""
    sound(root, 14)
    for number in range(1, 7):
        image(root, number).unlink()
    png_claiming(image(root, 0), 70_000, 70_000)
    tiff_claiming_2_gb(image(root, 1, ".tif"))
    nifti_claiming_2_gb(image(root, 2, ".nii.gz"))
    gzip_bomb(image(root, 3, ".nii.gz"))
    mask(root, 3).unlink()
    nifti(mask(root, 3, ".nii.gz"), np.ones((8, 8, 2), np.uint8) * 255)
    nrrd_claiming_2_gb(image(root, 4, ".nrrd"))
    npy_claiming_2_gb(image(root, 5, ".npy"))
    npz_bomb(image(root, 6, ".npz"))


@broken(broken_link="warning", symlink_loop="warning", named=["images/p03.png", "images/again"], usable=9)
def links_that_lead_nowhere(root: Path) -> None:
    sound(root)
    image(root, 3).unlink()
    image(root, 3).symlink_to("nowhere.png")
    (root / "images" / "again").symlink_to(root, target_is_directory=True)


@broken(no_permission="warning", named=["images/p03.png"], usable=9)
def no_permission(root: Path) -> None:
    sound(root)
    image(root, 3).chmod(0)


@broken(listed_file_missing="warning", named=["cases.csv:4"], usable=9, arguments=["--table", "{root}/cases.csv"])
def table_names_missing_files(root: Path) -> None:
    sound(root)
    image(root, 2).unlink()
    rows = [[f"images/p{n:02d}.png", f"masks/p{n:02d}.png", f"person{n}"] for n in range(PERSONS)]
    table(root / "cases.csv", [["image", "mask", "patient"], *rows])


@broken(error="table-empty", arguments=["--table", "{root}/cases.csv"])
def table_names_only_missing_files(root: Path) -> None:
    sound(root)
    table(root / "cases.csv", [["image", "mask"], ["elsewhere/a.png", "elsewhere/b.png"]])


@broken(error="table-columns", arguments=["--table", "{root}/cases.csv"])
def table_with_other_columns(root: Path) -> None:
    sound(root)
    table(root / "cases.csv", [["age", "sex"], ["61", "f"]])


@broken(
    unreadable_file="warning", empty_file="warning", image_mask_size_differs="warning", image_without_mask="warning",
    image_nan="warning", image_constant="warning", mask_full="warning", mask_empty="warning", jpeg_mask="warning",
    channels_mixed="warning", usable=13,
    named=["images/p03.tif", "masks/p04.tif", "masks/p05.tif", "images/p06.tif", "images/p07.tif", "images/p08.tif"],
)  # fmt: skip
def many_things_at_once(root: Path) -> None:
    sound(root, 18, ".tif")
    half(image(root, 3, ".tif"))
    mask(root, 4, ".tif").write_bytes(b"")
    save(mask(root, 5, ".tif"), scene(5)[1][1:])
    mask(root, 6, ".tif").unlink()
    save(image(root, 7, ".tif"), np.full((SIZE, SIZE), np.nan, np.float32))
    save(image(root, 8, ".tif"), np.zeros((SIZE, SIZE), np.uint16))
    save(mask(root, 9, ".tif"), np.full((SIZE, SIZE), 255, np.uint8))
    save(mask(root, 10, ".tif"), np.zeros((SIZE, SIZE), np.uint8))
    mask(root, 11, ".tif").unlink()
    save(mask(root, 11, ".jpg"), scene(11)[1])
    save(image(root, 12, ".tif"), np.stack([scene(12)[0]] * 3, -1))
    save(image(root, 13, ".tif"), np.full((1, 1), 7, np.uint8))
    save(mask(root, 13, ".tif"), np.zeros((1, 1), np.uint8))
