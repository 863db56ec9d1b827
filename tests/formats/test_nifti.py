"""NIfTI: every orientation, units, scaling, odd dimensions; cross-checked with SimpleITK."""

from __future__ import annotations

import gzip
import itertools
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK

from delineate.domain import Geometry
from delineate.errors import UnreadableFile
from delineate.formats import read_header, read_image, read_labels, write_labels

ORIENTATIONS = [(order, signs) for order in itertools.permutations(range(3)) for signs in itertools.product((1.0, -1.0), repeat=3)]


def oriented(order: tuple[int, ...], signs: tuple[float, ...]) -> np.ndarray:
    """An affine whose axis i runs along world axis order[i]."""
    affine = np.zeros((4, 4))
    for axis, (world, sign, step) in enumerate(zip(order, signs, (0.5, 0.75, 2.0), strict=True)):
        affine[world, axis] = sign * step
    affine[:, 3] = (10, -20, 30, 1)
    return affine


@pytest.mark.parametrize(("order", "signs"), ORIENTATIONS)
@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha"])
def test_a_marked_voxel_keeps_its_place(tmp_path: Path, order: tuple[int, ...], signs: tuple[float, ...], suffix: str) -> None:
    """Read by us, written by us in three formats, found by nibabel and by SimpleITK at the same millimetre."""
    data = np.zeros((4, 5, 6), np.uint8)
    data[1, 3, 2] = 7
    affine = oriented(order, signs)
    world = affine @ (1, 3, 2, 1)
    nibabel.save(nibabel.Nifti1Image(data, affine), tmp_path / "image.nii.gz")

    image = read_image(tmp_path / "image.nii.gz")
    assert image.geometry.affine is not None
    where = np.argwhere(image.pixels[0] == 7)[0]
    assert np.allclose(image.geometry.affine @ (*where, 1), world)
    assert image.geometry.spacing == pytest.approx((2.0, 0.75, 0.5))

    written = write_labels(tmp_path / f"mask{suffix}", image.pixels[0], image.geometry)
    again = read_labels(written)
    assert again.values is not None
    assert np.array_equal(again.values, image.pixels[0])
    assert again.geometry.same_grid(image.geometry, 1e-4)

    peer = SimpleITK.ReadImage(str(written))
    z, y, x = np.argwhere(SimpleITK.GetArrayFromImage(peer) == 7)[0].tolist()
    assert np.allclose(np.array(peer.TransformIndexToPhysicalPoint((x, y, z))) * (-1, -1, 1), world[:3], atol=1e-4)
    if suffix == ".nii.gz":
        nifti = nibabel.load(written)
        assert np.allclose(nifti.affine @ (*np.argwhere(np.asarray(nifti.dataobj) == 7)[0], 1), world)


def save(path: Path, image: nibabel.Nifti1Image) -> Path:
    nibabel.save(image, path)
    return path


@pytest.mark.parametrize(("qcode", "scode"), [(0, 0), (1, 0), (0, 2), (1, 1), (2, 4)])
@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
def test_codes_and_matrices_survive_in_the_mask(tmp_path: Path, qcode: int, scode: int, kind: type) -> None:
    """sform and qform may differ; both come back as they were."""
    angle = 0.3
    turned = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]]) * (0.5, 0.75, 2.0)
    rigid, sheared = np.eye(4), np.eye(4)
    rigid[:3, :3], rigid[:3, 3] = turned, (1, 2, 3)
    sheared[:3, :3], sheared[:3, 3] = turned + 0.01, (4, 5, 6)
    source = kind(np.zeros((4, 5, 6), np.int16), None)
    source.header.set_zooms((0.5, 0.75, 2.0))
    source.header.set_xyzt_units("mm", "sec")
    source.set_qform(rigid, qcode, update_affine=False)
    source.set_sform(sheared, scode, update_affine=False)
    source._affine = source.header.get_best_affine() if qcode or scode else None
    image = read_image(save(tmp_path / "a.nii", source))
    written = write_labels(tmp_path / "mask.nii.gz", np.ones((6, 5, 4), np.uint8), image.geometry, like=image)
    before, after = nibabel.load(tmp_path / "a.nii").header, nibabel.load(written).header
    assert type(before) is type(after)
    for name in ("qform_code", "sform_code", "xyzt_units", "srow_x", "srow_y", "srow_z", "quatern_b", "qoffset_x", "pixdim"):
        assert np.allclose(np.nan_to_num(before[name]), np.nan_to_num(after[name]), atol=1e-6), name
    assert read_labels(written).geometry.same_grid(image.geometry)
    if not qcode and not scode:
        assert image.geometry.affine is None
        assert image.geometry.spacing == pytest.approx((2.0, 0.75, 0.5))


def test_two_dimensions(tmp_path: Path) -> None:
    data = np.arange(20, dtype=np.int16).reshape(4, 5)
    image = nibabel.Nifti1Image(data, np.diag([0.5, 0.75, 1, 1]))
    read = read_image(save(tmp_path / "a.nii.gz", image))
    assert np.array_equal(read.pixels, data.T[None])
    assert read.geometry.spacing == pytest.approx((0.75, 0.5))
    assert read.geometry.affine is None
    written = write_labels(tmp_path / "m.nii.gz", data.T, read.geometry, like=read)
    assert np.array_equal(np.asarray(nibabel.load(written).dataobj), data)
    assert np.allclose(nibabel.load(written).affine, nibabel.load(tmp_path / "a.nii.gz").affine)


def test_channels_and_series(tmp_path: Path) -> None:
    data = np.random.default_rng(0).integers(0, 99, (4, 5, 6, 3)).astype(np.int16)
    read = read_image(save(tmp_path / "a.nii.gz", nibabel.Nifti1Image(data, np.eye(4))))
    assert np.array_equal(read.pixels, data.transpose(3, 2, 1, 0))
    assert read.colour == "channels"
    vectors = save(tmp_path / "v.nii.gz", nibabel.Nifti1Image(data[:, :, :, None], np.eye(4)))
    assert np.array_equal(read_image(vectors).pixels, data.transpose(3, 2, 1, 0))
    one = save(tmp_path / "one.nii.gz", nibabel.Nifti1Image(data[..., :1], np.eye(4)))
    assert read_image(one).pixels.shape == (1, 6, 5, 4)
    long = save(tmp_path / "b.nii.gz", nibabel.Nifti1Image(np.zeros((4, 5, 6, 40), np.int16), np.eye(4)))
    for call in (read_header, read_image):
        with pytest.raises(UnreadableFile) as caught:
            call(long)
        assert caught.value.code == "unsupported"
        assert "40" in str(caught.value)
    with pytest.raises(UnreadableFile):
        read_labels(tmp_path / "a.nii.gz")


def test_colour(tmp_path: Path) -> None:
    rgb = np.zeros((4, 5, 6), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    rgb["G"][1, 2, 3] = 9
    read = read_image(save(tmp_path / "a.nii.gz", nibabel.Nifti1Image(rgb, np.eye(4))))
    assert read.colour == "rgb"
    assert read.pixels[1, 3, 2, 1] == 9
    assert read.pixels.sum() == 9


def test_scaling_nan_and_types(tmp_path: Path) -> None:
    stored = nibabel.Nifti1Image(np.arange(24, dtype=np.int16).reshape(2, 3, 4), np.eye(4))
    stored.header.set_slope_inter(0.5, -3)
    path = save(tmp_path / "a.nii.gz", stored)
    raw = bytearray(gzip.decompress(path.read_bytes()))
    raw[112:120] = np.array([0.5, -3], "<f4").tobytes()
    raw[352:] = np.arange(24, dtype="<i2").tobytes()
    path.write_bytes(gzip.compress(bytes(raw)))
    read = read_image(path)
    assert read.pixels.dtype == np.float32
    assert read_header(path).dtype == "float32"
    assert np.allclose(read.pixels[0].ravel(), np.arange(24) * 0.5 - 3)

    values = np.full((2, 3, 4), np.nan, np.float32)
    assert np.isnan(read_image(save(tmp_path / "n.nii", nibabel.Nifti1Image(values, np.eye(4)))).pixels).all()


@pytest.mark.parametrize(("unit", "factor"), [("mm", 1.0), ("micron", 1e-3), ("meter", 1e3), ("unknown", 1.0)])
def test_units(tmp_path: Path, unit: str, factor: float) -> None:
    source = nibabel.Nifti1Image(np.zeros((4, 5, 6), np.uint8), np.diag([2.0, 3.0, 4.0, 1.0]))
    source.header.set_xyzt_units(unit)
    read = read_image(save(tmp_path / "a.nii", source))
    assert read.geometry.spacing == pytest.approx((4 * factor, 3 * factor, 2 * factor))
    assert read.geometry.affine is not None
    assert read.geometry.affine[2, 0] == pytest.approx(4 * factor)
    written = write_labels(tmp_path / "m.nii", np.zeros((6, 5, 4), np.uint8), read.geometry, like=read)
    assert read_labels(written).geometry.same_grid(read.geometry)


def test_pixdim_that_disagrees_with_the_affine(tmp_path: Path) -> None:
    source = nibabel.Nifti1Image(np.zeros((4, 5, 6), np.uint8), np.diag([2.0, 3.0, 4.0, 1.0]))
    path = save(tmp_path / "a.nii", source)
    raw = bytearray(path.read_bytes())
    raw[80:92] = np.ones(3, "<f4").tobytes()
    path.write_bytes(bytes(raw))
    read = read_image(path)
    assert read.geometry.spacing == pytest.approx((4, 3, 2))
    assert read.meta["spacing_conflict"] is True


def test_named_by_content_not_by_suffix(tmp_path: Path) -> None:
    save(tmp_path / "a.nii.gz", nibabel.Nifti1Image(np.ones((2, 3, 4), np.uint8), np.eye(4)))
    (tmp_path / "a.nii.gz").rename(tmp_path / "b.nii")
    assert read_image(tmp_path / "b.nii").pixels.all()


def test_a_slice_of_a_volume(tmp_path: Path) -> None:
    data = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    path = save(tmp_path / "a.nii", nibabel.Nifti1Image(data, np.diag([2.0, 3.0, 4.0, 1.0])))
    plane = read_image(path, index=3)
    assert np.array_equal(plane.pixels[0], data.T[3])
    assert plane.geometry.spacing == pytest.approx((3, 2))
    assert np.array_equal(read_labels(path, index=3).values, data.T[3])
    with pytest.raises(UnreadableFile):
        read_image(path, index=4)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_cut(tmp_path: Path, suffix: str) -> None:
    values = np.random.default_rng(0).integers(0, 30000, (20, 20, 20)).astype(np.int16)
    path = save(tmp_path / f"a{suffix}", nibabel.Nifti1Image(values, np.eye(4)))
    data = path.read_bytes()
    for part in (0.01, 0.5, 0.99):
        path.write_bytes(data[: int(len(data) * part)])
        with pytest.raises(UnreadableFile):
            read_image(path)


def test_a_header_that_nobody_filled_in_has_no_spacing(tmp_path: Path) -> None:
    for units, steps, expected in (("unknown", (1, 1, 1), None), ("mm", (1, 1, 1), (1, 1, 1)), ("unknown", (1, 1, 2), (2, 1, 1))):
        made = nibabel.Nifti1Image(np.zeros((3, 4, 5), np.uint8), None)
        made.header.set_zooms(steps)
        made.header.set_xyzt_units(units)
        nibabel.save(made, tmp_path / "a.nii")
        assert read_image(tmp_path / "a.nii").geometry.spacing == expected
    written = write_labels(tmp_path / "m", np.zeros((3, 4, 5), np.uint8), Geometry((3, 4, 5)), format="nifti")
    assert read_labels(written).geometry.spacing is None
