"""NRRD and MetaImage: what SimpleITK writes, what it cannot know, and headers that point elsewhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK

from delineate.domain import Geometry
from delineate.errors import UnreadableFile
from delineate.formats import read_header, read_image, read_labels, write_labels

RNG = np.random.default_rng(3)


@pytest.mark.parametrize("suffix", [".nrrd", ".nhdr", ".mha", ".mhd"])
@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "float32", "float64"])
@pytest.mark.parametrize("compressed", [False, True])
def test_written_by_simpleitk(tmp_path: Path, suffix: str, dtype: str, compressed: bool) -> None:
    values = RNG.integers(0, 100, (4, 5, 6)).astype(dtype)
    source = SimpleITK.GetImageFromArray(values)
    source.SetSpacing((0.5, 0.75, 2))
    source.SetOrigin((1, 2, 3))
    path = tmp_path / f"a{suffix}"
    SimpleITK.WriteImage(source, str(path), useCompression=compressed)
    image = read_image(path)
    assert np.array_equal(image.pixels[0], values)
    assert image.pixels.dtype.name == dtype == read_header(path).dtype
    assert image.geometry.spacing == pytest.approx((2, 0.75, 0.5))
    assert image.geometry.affine is not None
    assert np.allclose(image.geometry.affine @ (1, 1, 1, 1), (-1.5, -2.75, 5, 1))


@pytest.mark.parametrize("suffix", [".nrrd", ".mha"])
def test_vectors_fourth_axis_and_two_dimensions(tmp_path: Path, suffix: str) -> None:
    vectors = RNG.integers(0, 255, (4, 5, 6, 3), dtype=np.uint8)
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(vectors, isVector=True), str(tmp_path / f"v{suffix}"))
    image = read_image(tmp_path / f"v{suffix}")
    assert image.colour == "rgb" == read_header(tmp_path / f"v{suffix}").colour
    assert np.array_equal(image.pixels, np.moveaxis(vectors, -1, 0))

    four = RNG.integers(0, 255, (2, 4, 5, 6), dtype=np.uint8)
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(four, isVector=False), str(tmp_path / f"f{suffix}"))
    assert np.array_equal(read_image(tmp_path / f"f{suffix}").pixels, four)

    flat = SimpleITK.GetImageFromArray(RNG.integers(0, 255, (5, 6), dtype=np.uint8))
    flat.SetSpacing((0.5, 0.75))
    SimpleITK.WriteImage(flat, str(tmp_path / f"t{suffix}"))
    image = read_image(tmp_path / f"t{suffix}")
    assert image.geometry == Geometry((5, 6), (0.75, 0.5))


NRRD = "NRRD0004\ntype: uint8\ndimension: 3\nsizes: 4 3 2\n{extra}encoding: raw\n\n"


@pytest.mark.parametrize(
    ("extra", "spacing", "placed"),
    [
        ("", None, False),
        ("spacings: 0.5 0.75 2\n", (2, 0.75, 0.5), False),
        ("space dimension: 3\nspace directions: (0.5,0,0) (0,0.75,0) (0,0,2)\n", (2, 0.75, 0.5), False),
        ("space: RAS\nspace directions: (0.5,0,0) (0,0.75,0) (0,0,2)\nspace origin: (1,2,3)\n", (2, 0.75, 0.5), True),
        (
            'space: RAS\nspace directions: (500,0,0) (0,750,0) (0,0,2000)\nspace origin: (0,0,0)\nspace units: "um" "um" "um"\n',
            (2, 0.75, 0.5),
            True,
        ),
    ],
)
def test_nrrd_says_only_what_it_knows(tmp_path: Path, extra: str, spacing: tuple[float, ...] | None, placed: bool) -> None:
    path = tmp_path / "a.nrrd"
    path.write_bytes(NRRD.format(extra=extra).encode() + bytes(range(24)))
    geometry = read_image(path).geometry
    assert geometry.spacing == (None if spacing is None else pytest.approx(spacing))
    assert (geometry.affine is not None) == placed
    if placed and "um" not in extra:
        assert geometry.affine is not None
        assert np.allclose(geometry.affine @ (1, 1, 1, 1), (1.5, 2.75, 5, 1))  # RAS in, RAS out


@pytest.mark.parametrize(("extra", "spacing"), [("", None), ("ElementSpacing = 0.5 0.75 2\n", (2, 0.75, 0.5))])
def test_mha_says_only_what_it_knows(tmp_path: Path, extra: str, spacing: tuple[float, ...] | None) -> None:
    path = tmp_path / "a.mha"
    head = f"ObjectType = Image\nNDims = 3\nDimSize = 4 3 2\n{extra}ElementType = MET_UCHAR\nElementDataFile = LOCAL\n"
    path.write_bytes(head.encode() + bytes(range(24)))
    image = read_image(path)
    assert image.pixels.ravel().tolist() == list(range(24))
    assert image.geometry.spacing == (None if spacing is None else pytest.approx(spacing))
    assert image.geometry.affine is None


@pytest.mark.parametrize("suffix", [".nrrd", ".mha"])
@pytest.mark.parametrize(
    "geometry", [Geometry((2, 3, 4)), Geometry((2, 3, 4), (2.0, 0.75, 0.5)), Geometry((3, 4), (0.75, 0.5)), Geometry((3, 4))]
)
def test_writing_without_a_position_invents_none(tmp_path: Path, suffix: str, geometry: Geometry) -> None:
    labels = RNG.integers(0, 3, geometry.shape).astype(np.uint8)
    written = write_labels(tmp_path / f"m{suffix}", labels, geometry)
    again = read_labels(written)
    assert np.array_equal(again.values, labels)
    assert again.geometry == geometry
    assert np.array_equal(SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(written))), labels)


@pytest.mark.parametrize("target", ["/etc/hostname", "../secret.raw", "link.raw"])
@pytest.mark.parametrize("suffix", [".nhdr", ".mhd"])
def test_pixels_outside_the_folder_are_refused(tmp_path: Path, target: str, suffix: str) -> None:
    (tmp_path / "secret.raw").write_bytes(bytes(24))
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "link.raw").symlink_to(tmp_path / "secret.raw")
    if suffix == ".nhdr":
        text = NRRD.format(extra=f"data file: {target}\n")
    else:
        text = f"ObjectType = Image\nNDims = 3\nDimSize = 4 3 2\nElementType = MET_UCHAR\nElementDataFile = {target}\n"
    (folder / f"a{suffix}").write_text(text)
    for call in (read_header, read_image, read_labels):
        with pytest.raises(UnreadableFile) as caught:
            call(folder / f"a{suffix}")
        assert caught.value.code == "unsupported"


def test_pixels_beside_the_header(tmp_path: Path) -> None:
    (tmp_path / "my data.raw").write_bytes(bytes(range(24)))
    (tmp_path / "a.nhdr").write_text(NRRD.format(extra="data file: my data.raw\n"))
    assert read_image(tmp_path / "a.nhdr").pixels.ravel().tolist() == list(range(24))
    (tmp_path / "my data.raw").unlink()
    with pytest.raises(UnreadableFile) as caught:
        read_image(tmp_path / "a.nhdr")
    assert caught.value.code == "damaged"


@pytest.mark.parametrize("suffix", [".nrrd", ".mha"])
@pytest.mark.parametrize("compressed", [False, True])
def test_cut(tmp_path: Path, suffix: str, compressed: bool, capfd: pytest.CaptureFixture[str]) -> None:
    values = RNG.integers(0, 30000, (20, 20, 20)).astype(np.int16)
    path = tmp_path / f"a{suffix}"
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(values), str(path), useCompression=compressed)
    data = path.read_bytes()
    for part in (0.005, 0.5, 0.9):
        path.write_bytes(data[: int(len(data) * part)])
        with pytest.raises(UnreadableFile) as caught:
            read_image(path)
        assert caught.value.code in ("truncated", "damaged")
    assert capfd.readouterr().err == ""
