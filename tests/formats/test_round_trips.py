"""Every orientation a volume can be stored in × every format: the mask lies where the image does, seen by independent readers.

The images are written by nibabel, SimpleITK and pydicom themselves, read by us, and their masks are looked at with nibabel and
SimpleITK again: nothing of ours tells where a voxel is.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK

from delineate.formats import read_image, read_labels, write_labels
from delineate.formats.dicom_seg_place import read_segments
from delineate.formats.dicom_seg_write import write_segmentation
from formats.dicom_objects import make_slice

WAYS = [(order, signs) for order in itertools.permutations(range(3)) for signs in itertools.product((1, -1), repeat=3)]
IDS = ["".join("LPI"[axis] if sign > 0 else "RAS"[axis] for axis, sign in zip(*way, strict=True)) for way in WAYS]
TURN = np.array([[0.96, -0.28, 0.0], [0.28, 0.96, 0.0], [0.0, 0.0, 1.0]])  # an oblique acquisition: 16 degrees about the long axis
STEPS = (0.7, 1.25, 3.0)
SIZE = (4, 5, 3)
ORIGIN = (-31.5, 12.25, 7.0)


def directions(way: tuple[tuple[int, ...], tuple[int, ...]], oblique: bool) -> np.ndarray:
    """(3, 3): the unit vector of each array axis in its column."""
    order, signs = way
    found = np.zeros((3, 3))
    for column, (axis, sign) in enumerate(zip(order, signs, strict=True)):
        found[axis, column] = sign
    return TURN @ found if oblique else found


def values() -> np.ndarray:
    return np.random.default_rng(8).permutation(int(np.prod(SIZE))).reshape(SIZE).astype(np.int16)


def points(image: SimpleITK.Image) -> dict[tuple[float, ...], int]:
    """LPS position → value, by ITK."""
    array = SimpleITK.GetArrayFromImage(image)
    return {
        tuple(np.round(image.TransformIndexToPhysicalPoint([int(n) for n in place[::-1]]), 4) + 0.0): int(array[tuple(place)])
        for place in np.ndindex(array.shape)
    }


@pytest.mark.parametrize("oblique", [False, True], ids=["straight", "oblique"])
@pytest.mark.parametrize("way", WAYS, ids=IDS)
def test_nifti(tmp_path: Path, way: tuple[tuple[int, ...], tuple[int, ...]], oblique: bool) -> None:
    affine = np.eye(4)
    affine[:3, :3] = directions(way, oblique) * STEPS
    affine[:3, 3] = ORIGIN
    nibabel.save(nibabel.Nifti1Image(values(), affine), tmp_path / "i.nii.gz")
    image = read_image(tmp_path / "i.nii.gz")
    path = write_labels(tmp_path / "m", (image.pixels[0] % 3 == 0).astype(np.uint8), image.geometry, like=image)
    one, two = nibabel.load(tmp_path / "i.nii.gz"), nibabel.load(path)
    assert np.abs(one.affine - two.affine).max() <= 1e-4
    assert np.array_equal(np.asarray(two.dataobj), np.asarray(one.dataobj) % 3 == 0)


@pytest.mark.parametrize("kind", ["nrrd", "mha", "nifti"])
@pytest.mark.parametrize("oblique", [False, True], ids=["straight", "oblique"])
@pytest.mark.parametrize("way", WAYS, ids=IDS)
def test_itk_formats(tmp_path: Path, way: tuple[tuple[int, ...], tuple[int, ...]], oblique: bool, kind: str) -> None:
    """An image of either format, its mask in all three."""
    source = SimpleITK.GetImageFromArray(values())
    source.SetSpacing(STEPS)
    source.SetDirection(directions(way, oblique).ravel().tolist())
    source.SetOrigin(ORIGIN)
    suffix = ".mha" if kind == "nrrd" else ".nrrd"
    SimpleITK.WriteImage(source, str(tmp_path / f"i{suffix}"))
    image = read_image(tmp_path / f"i{suffix}")
    path = write_labels(tmp_path / "m", (image.pixels[0] % 3 == 0).astype(np.uint8), image.geometry, like=image, format=kind)
    mask = SimpleITK.ReadImage(str(path))
    assert mask.GetSize() == source.GetSize()
    assert np.allclose(mask.GetDirection(), source.GetDirection(), atol=1e-4)
    assert np.allclose(mask.GetOrigin(), source.GetOrigin(), atol=1e-4)
    assert np.allclose(mask.GetSpacing(), source.GetSpacing(), atol=1e-4)
    assert np.array_equal(SimpleITK.GetArrayFromImage(mask), SimpleITK.GetArrayFromImage(source) % 3 == 0)


@pytest.mark.parametrize("oblique", [False, True], ids=["straight", "oblique"])
@pytest.mark.parametrize("way", WAYS, ids=IDS)
def test_dicom_series(tmp_path: Path, way: tuple[tuple[int, ...], tuple[int, ...]], oblique: bool) -> None:
    """The same 48 ways as planes in any direction, stacked either way, numbered against it; masks as NIfTI, NRRD, MHA, SEG."""
    folder = tmp_path / "in"
    folder.mkdir()
    ways = directions(way, oblique)  # columns: slice, row, column axis of the array
    pixels = values()
    for k in range(SIZE[0]):
        position = np.array(ORIGIN) + ways[:, 0] * 3.0 * k
        make_slice(
            folder / f"{(k * 3) % 5}.dcm",
            pixels[k],
            tuple(float(f"{value:.9g}") for value in position),
            ImageOrientationPatient=[*ways[:, 2].tolist(), *ways[:, 1].tolist()],
            PixelSpacing=[1.25, 0.7],
            SliceThickness=3.0,
            InstanceNumber=99 - k,
        )
    truth = {}
    for place in np.ndindex(SIZE):
        where = np.array(ORIGIN) + ways @ (np.array(place) * (3.0, 1.25, 0.7))
        truth[tuple(np.round(where, 4) + 0.0)] = int(pixels[place] % 3 == 0)
    image = read_image(folder)
    mask = (image.pixels[0] % 3 == 0).astype(np.uint8)
    for kind in ("nifti", "nrrd", "mha"):
        path = write_labels(tmp_path / "m", mask, image.geometry, like=image, format=kind)
        assert points(SimpleITK.ReadImage(str(path))) == truth
    path = write_segmentation(tmp_path / "s.dcm", ["lung"], mask[None], image)
    assert np.array_equal(read_segments(path, image).masks[0], mask)


@pytest.mark.parametrize("kind", ["nifti", "nrrd", "mha"])
def test_a_tilted_gantry_leans_in_every_format(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for k in range(SIZE[0]):
        make_slice(folder / f"{k}.dcm", values()[k], (0.0, 1.1 * k, 3.0 * k), SliceThickness=3.0)
    image = read_image(folder)
    path = write_labels(tmp_path / "m", (image.pixels[0] % 3 == 0).astype(np.uint8), image.geometry, like=image, format=kind)
    back = read_labels(path)
    assert back.geometry.affine is not None
    assert image.geometry.affine is not None
    assert np.abs(back.geometry.affine - image.geometry.affine).max() <= 1e-4
    assert np.array_equal(back.values, values() % 3 == 0)
    if kind == "nifti":
        assert np.abs(nibabel.load(path).affine[:, [2, 1, 0, 3]] - image.geometry.affine).max() <= 1e-4
