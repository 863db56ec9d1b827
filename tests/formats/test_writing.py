"""Masks in the format of their image, whole or not at all."""

from __future__ import annotations

import errno
import subprocess
import sys
import textwrap
from pathlib import Path

import nibabel
import numpy as np
import pytest
import tifffile
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image as Pillow

from delineate.domain import Geometry, Image
from delineate.errors import ResourceError, UsageError
from delineate.formats import format_of, read_image, read_labels, write_labels, write_probabilities

PLANE, VOLUME = Geometry((4, 5)), Geometry((3, 4, 5))


def image(geometry: Geometry, format_name: str, path: Path | None = None) -> Image:
    return Image(np.zeros((1, *geometry.shape), np.uint8), geometry, path, format_name)


@pytest.mark.parametrize(
    ("source", "geometry", "asked", "written", "kind"),
    [
        ("png", PLANE, "a.png", "a.png", "png"),
        ("jpeg", PLANE, "a.jpg", "a.png", "png"),
        ("bmp", PLANE, "a.bmp", "a.png", "png"),
        ("gif", PLANE, "a.gif", "a.png", "png"),
        ("tiff", PLANE, "a.tif", "a.tif", "tiff"),
        ("tiff", VOLUME, "a.tiff", "a.tiff", "tiff"),
        ("nifti", VOLUME, "a.nii.gz", "a.nii.gz", "nifti"),
        ("nifti", VOLUME, "a.nii", "a.nii", "nifti"),
        ("nrrd", VOLUME, "a.nhdr", "a.nrrd", "nrrd"),
        ("mha", VOLUME, "a.mhd", "a.mha", "mha"),
        ("npy", PLANE, "a.npy", "a.npy", "npy"),
        ("npz", VOLUME, "a.npz", "a.npz", "npz"),
        ("dicom", VOLUME, "a.dcm", "a.nii.gz", "nifti"),
        ("dicom", PLANE, "IM0001.2.3", "IM0001.2.3.nii.gz", "nifti"),
        ("png", VOLUME, "a.png", "a.tif", "tiff"),
        ("png", PLANE, "case.v1", "case.v1.png", "png"),
        ("array", VOLUME, "a", "a.npy", "npy"),
    ],
)
def test_format_of_the_image(tmp_path: Path, source: str, geometry: Geometry, asked: str, written: str, kind: str) -> None:
    labels = np.random.default_rng(0).integers(0, 5, geometry.shape)
    path = write_labels(tmp_path / "new" / asked, labels, geometry, like=image(geometry, source))
    assert path == tmp_path / "new" / written
    assert format_of(path) == kind
    values = read_labels(path).values
    assert values is not None
    assert values.dtype == np.uint8
    assert np.array_equal(values, labels)
    assert [entry.name for entry in path.parent.iterdir()] == [written]


@settings(max_examples=40, deadline=None)
@given(
    labels=arrays.arrays(
        np.int64, arrays.array_shapes(min_dims=2, max_dims=3, min_side=1, max_side=6), elements=st.integers(0, 60000)
    ),
    suffix=st.sampled_from([".png", ".tif", ".nii", ".nii.gz", ".nrrd", ".mha", ".npz"]),
)
def test_values_come_back(tmp_path_factory: pytest.TempPathFactory, labels: np.ndarray, suffix: str) -> None:
    assume(suffix != ".npz" or labels.ndim == 2 or labels.shape[-1] > 4)  # a last axis of 4 is channels, by convention
    path = write_labels(tmp_path_factory.getbasetemp() / f"mask{suffix}", labels, Geometry(labels.shape))
    values = read_labels(path).values
    assert values is not None
    assert np.array_equal(np.squeeze(values), np.squeeze(labels))


def test_palette(tmp_path: Path) -> None:
    labels, colours = np.arange(20).reshape(4, 5) % 3, np.array([[0, 0, 0], [230, 159, 0], [86, 180, 233]], np.uint8)
    for name in ("a.png", "a.tif"):
        read = read_labels(write_labels(tmp_path / name, labels, PLANE, palette=colours))
        assert np.array_equal(read.values, labels)
        assert read.palette is not None
        assert np.array_equal(read.palette[:3], colours)
    with Pillow.open(tmp_path / "a.png") as picture:
        assert picture.mode == "P"


@pytest.mark.parametrize("geometry", [Geometry((4, 5), (0.002, 0.001)), Geometry((3, 4, 5), (0.005, 0.002, 0.001))])
def test_tiff_spacing(tmp_path: Path, geometry: Geometry) -> None:
    path = write_labels(tmp_path / "a.tif", np.ones(geometry.shape, np.uint8), geometry, like=image(geometry, "tiff"))
    assert read_labels(path).geometry.spacing == pytest.approx(geometry.spacing, rel=1e-5)


def test_large_values_and_negative_ones(tmp_path: Path) -> None:
    for name, labels in (
        ("a.nii", np.full((3, 4, 5), 70000)),
        ("b.nii", np.full((3, 4, 5), -3)),
        ("c.tif", np.full((3, 4, 5), 70000)),
    ):
        assert np.array_equal(read_labels(write_labels(tmp_path / name, labels, VOLUME)).values, labels)
    with pytest.raises(ValueError, match="PNG"):
        write_labels(tmp_path / "a.png", np.full((4, 5), -1), PLANE)
    with pytest.raises(ValueError, match="integers"):
        write_labels(tmp_path / "a.png", np.zeros((4, 5)), PLANE)
    with pytest.raises(ValueError, match="shape"):
        write_labels(tmp_path / "a.png", np.zeros((5, 4), int), PLANE)
    assert not list(tmp_path.glob("*.png"))


def test_a_cropped_grid_does_not_take_the_images_matrices(tmp_path: Path) -> None:
    nibabel.save(nibabel.Nifti1Image(np.zeros((5, 4, 3), np.uint8), np.diag([1, 2, 3, 1])), tmp_path / "a.nii")
    source = read_image(tmp_path / "a.nii")
    assert source.geometry.affine is not None
    moved = source.geometry.affine.copy()
    moved[:3, 3] = (7, 8, 9)
    cropped = Geometry((2, 4, 5), source.geometry.spacing, moved)
    path = write_labels(tmp_path / "m.nii", np.zeros((2, 4, 5), int), cropped, like=source)
    assert nibabel.load(path).affine[:3, 3].tolist() == [7, 8, 9]


def test_the_image_is_never_overwritten(tmp_path: Path) -> None:
    Pillow.new("L", (5, 4), 77).save(tmp_path / "a.png")
    source = read_image(tmp_path / "a.png")
    (tmp_path / "link.png").symlink_to(tmp_path / "a.png")
    for name in ("a.png", "link.png"):
        with pytest.raises(UsageError) as caught:
            write_labels(tmp_path / name, np.zeros((4, 5), int), PLANE, like=source)
        assert caught.value.code == "would-overwrite-input"
    assert read_image(tmp_path / "a.png").pixels.max() == 77


@pytest.mark.parametrize("suffix", [".png", ".tif", ".nii.gz", ".nrrd", ".mha", ".npy", ".npz"])
def test_a_full_disk_leaves_the_old_file(tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    geometry = PLANE if suffix == ".png" else VOLUME
    path = write_labels(tmp_path / f"a{suffix}", np.ones(geometry.shape, int), geometry)
    before = path.read_bytes()

    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("delineate.formats.atomic.os.replace", full)
    with pytest.raises(ResourceError) as caught:
        write_labels(path, np.zeros(geometry.shape, int), geometry)
    assert caught.value.code == "cannot-write"
    assert "No space left" in str(caught.value)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(sys.platform == "win32", reason="needs resource limits")
def test_when_bytes_really_do_not_fit(tmp_path: Path) -> None:
    """A process that may write 20 kB a file meets every encoder's own way to fail: always the same error, and nothing left."""
    code = """
        import pathlib, resource, sys
        import numpy as np
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        from delineate.domain import Geometry
        from delineate.errors import ResourceError
        from delineate.formats import write_labels, write_probabilities
        rng, folder = np.random.default_rng(0), pathlib.Path(sys.argv[1])
        for suffix in (".png", ".tif", ".nii", ".nii.gz", ".nrrd", ".mha", ".npy", ".npz"):
            shape = (512, 512) if suffix == ".png" else (8, 256, 256)
            for affine in (None, np.eye(4)):
                try:
                    write_labels(folder / f"a{suffix}", rng.integers(0, 200, shape), Geometry(shape, affine=affine))
                except ResourceError as error:
                    print(suffix, error.code)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code), tmp_path], capture_output=True, text=True)
    suffixes = (".png", ".tif", ".nii", ".nii.gz", ".nrrd", ".mha", ".npy", ".npz")
    assert done.stdout.splitlines() == [f"{suffix} cannot-write" for suffix in suffixes for _ in range(2)]
    noise = [line for line in done.stderr.splitlines() if not line.startswith("MetaImage:")]  # C++, straight to the terminal
    assert noise == []
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ResourceError) as caught:
        write_labels(tmp_path / "file" / "a.png", np.zeros((4, 5), int), PLANE)
    assert caught.value.code == "cannot-write"


def test_an_unknown_format_is_refused_and_jpeg_means_png(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        write_labels(tmp_path / "a.png", np.zeros((4, 5), int), PLANE, format="webp")
    assert write_labels(tmp_path / "a.jpg", np.zeros((4, 5), int), PLANE, format="jpeg").name == "a.png"


@pytest.mark.parametrize(
    ("source", "geometry", "name", "written"),
    [
        ("png", PLANE, "p.png", "p.npz"),
        ("tiff", PLANE, "p.tif", "p.tif"),
        ("tiff", VOLUME, "p.tif", "p.npz"),
        ("nifti", VOLUME, "p.nii.gz", "p.nii.gz"),
        ("dicom", VOLUME, "p.dcm", "p.nii.gz"),
        ("nifti", PLANE, "p.nii.gz", "p.nii.gz"),
    ],
)
def test_probabilities(tmp_path: Path, source: str, geometry: Geometry, name: str, written: str) -> None:
    probabilities = np.random.default_rng(0).random((2, *geometry.shape)).astype(np.float32)
    path = write_probabilities(tmp_path / name, probabilities, geometry, image(geometry, source))
    assert path.name == written
    if written.endswith(".npz"):
        assert np.array_equal(np.load(path)["probabilities"], probabilities)
    elif written.endswith(".tif"):
        assert np.array_equal(tifffile.imread(path), probabilities)
    else:
        assert np.array_equal(read_image(path).pixels.reshape(probabilities.shape), probabilities)
