"""TIFF: compressions, layouts, pages, palettes, spacing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from delineate.errors import UnreadableFile
from delineate.formats import read_header, read_image, read_labels

RNG = np.random.default_rng(1)
GREY = RNG.integers(0, 255, (33, 47), dtype=np.uint8)


def agrees(path: Path) -> None:
    header, image = read_header(path), read_image(path)
    if header.items == 1:
        assert header.shape == image.geometry.shape
    assert (header.channels, header.colour, header.dtype) == (image.channels, image.colour, image.pixels.dtype.name)
    assert header.spacing == (image.geometry.spacing if header.items == 1 else header.spacing)


@pytest.mark.parametrize("compression", [None, "lzw", "zlib", "packbits", "zstd", "lzma", "jpeg"])
@pytest.mark.parametrize("tile", [None, (16, 16)])
def test_compressions(tmp_path: Path, compression: str | None, tile: tuple[int, int] | None) -> None:
    path = tmp_path / "a.tif"
    smooth = np.add.outer(np.arange(33), np.arange(47)).astype(np.uint8)
    tifffile.imwrite(path, smooth, compression=compression, tile=tile, photometric="minisblack")
    difference = np.abs(read_image(path).pixels[0].astype(int) - smooth)
    assert difference.max() <= (4 if compression == "jpeg" else 0)
    agrees(path)
    if compression == "jpeg":
        with pytest.raises(UnreadableFile) as caught:
            read_labels(path)
        assert caught.value.code == "lossy-mask"
    else:
        assert np.array_equal(read_labels(path).values, smooth)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64"])
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_types_keep_their_values(tmp_path: Path, dtype: str, byteorder: str) -> None:
    values = (RNG.normal(0, 50, (9, 11)) if dtype.startswith("f") else RNG.integers(0, 100, (9, 11))).astype(dtype)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, values, byteorder=byteorder, photometric="minisblack")
    image = read_image(path)
    assert image.pixels.dtype == np.dtype(dtype)
    assert image.pixels.dtype.isnative
    assert np.array_equal(image.pixels[0], values)
    agrees(path)


def test_half_floats_and_complex(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.eye(4, dtype=np.float16), photometric="minisblack")
    assert read_image(path).pixels.dtype == np.float32
    agrees(path)
    tifffile.imwrite(path, np.eye(4, dtype=np.complex64), photometric="minisblack")
    with pytest.raises(UnreadableFile) as caught:
        read_image(path)
    assert caught.value.code == "unsupported"


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_colour_in_both_layouts(tmp_path: Path, planar: str, dtype: str) -> None:
    values = RNG.integers(0, 250, (3, 12, 17)).astype(dtype)
    path = tmp_path / "a.tif"
    stored = np.moveaxis(values, 0, -1) if planar == "contig" else values
    tifffile.imwrite(path, stored, photometric="rgb", planarconfig=planar)
    image = read_image(path)
    assert image.colour == "rgb"
    assert np.array_equal(image.pixels, values)
    assert np.array_equal(read_image(path, index=0).pixels, values)
    agrees(path)


def test_alpha_is_dropped_and_a_fourth_band_is_not(tmp_path: Path) -> None:
    values = RNG.integers(0, 255, (12, 17, 4), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "alpha.tif", values, photometric="rgb", extrasamples=["unassalpha"])
    tifffile.imwrite(tmp_path / "band.tif", values, photometric="rgb", extrasamples=["unspecified"])
    assert np.array_equal(read_image(tmp_path / "alpha.tif").pixels, np.moveaxis(values[..., :3], -1, 0))
    assert np.array_equal(read_image(tmp_path / "band.tif").pixels, np.moveaxis(values, -1, 0))
    agrees(tmp_path / "alpha.tif")
    agrees(tmp_path / "band.tif")


def test_bilevel_and_white_is_zero(tmp_path: Path) -> None:
    bits = RNG.integers(0, 2, (9, 13)).astype(bool)
    tifffile.imwrite(tmp_path / "bits.tif", bits, photometric="minisblack")
    assert np.array_equal(read_labels(tmp_path / "bits.tif").values, bits * np.uint8(255))
    tifffile.imwrite(tmp_path / "white.tif", bits, photometric="miniswhite")
    assert np.array_equal(read_labels(tmp_path / "white.tif").values, ~bits * np.uint8(255))
    tifffile.imwrite(tmp_path / "grey.tif", GREY, photometric="miniswhite")
    assert np.array_equal(read_image(tmp_path / "grey.tif").pixels[0], 255 - GREY)
    for name in ("bits", "white", "grey"):
        agrees(tmp_path / f"{name}.tif")


def test_palette(tmp_path: Path) -> None:
    indices = RNG.integers(0, 4, (9, 13), dtype=np.uint8)
    colours = np.zeros((3, 256), np.uint16)
    colours[:, 1:4] = np.array([[255, 0, 0], [0, 255, 0], [7, 8, 9]], np.uint16).T * 257
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, indices, photometric="palette", colormap=colours)
    labels = read_labels(path)
    assert np.array_equal(labels.values, indices)
    assert labels.palette is not None
    assert labels.palette[3].tolist() == [7, 8, 9]
    assert np.array_equal(np.moveaxis(read_image(path).pixels, 0, -1), labels.palette[indices])
    agrees(path)


@pytest.mark.parametrize("options", [{}, {"metadata": None}, {"metadata": None, "compression": "zlib"}, {"compression": "lzw"}])
def test_pages_are_items_or_a_volume(tmp_path: Path, options: dict[str, Any]) -> None:
    stack = RNG.integers(0, 255, (6, 20, 30), dtype=np.uint8)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, stack, photometric="minisblack", **options)
    header = read_header(path)
    assert (header.shape, header.items) == ((20, 30), 6)
    volume = read_image(path)
    assert np.array_equal(volume.pixels, stack[None])
    assert volume.geometry.affine is None
    for k in (0, 5):
        page = read_image(path, index=k)
        assert np.array_equal(page.pixels, stack[k : k + 1])
        assert np.array_equal(read_labels(path, index=k).values, stack[k])
    with pytest.raises(UnreadableFile):
        read_image(path, index=6)


def test_pages_of_colour(tmp_path: Path) -> None:
    stack = RNG.integers(0, 255, (4, 20, 30, 3), dtype=np.uint8)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, stack, photometric="rgb")
    assert read_header(path).items == 4
    assert np.array_equal(read_image(path).pixels, np.moveaxis(stack, -1, 0))
    assert np.array_equal(read_image(path, index=2).pixels, np.moveaxis(stack[2], -1, 0))


def test_pages_that_differ_are_read_one_by_one(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as writer:
        writer.write(GREY, photometric="minisblack", metadata=None)
        writer.write(GREY[:10, :10], photometric="minisblack", metadata=None)
    assert np.array_equal(read_image(path).pixels[0], GREY)
    assert read_header(path).meta["other_series"] == 1


def test_imagej_channels_and_spacing(tmp_path: Path) -> None:
    stack = RNG.integers(0, 255, (5, 2, 20, 30)).astype(np.uint16)
    path = tmp_path / "a.tif"
    metadata = {"axes": "ZCYX", "unit": "um", "spacing": 2.0}
    tifffile.imwrite(path, stack, imagej=True, metadata=metadata, resolution=(4, 5))
    image = read_image(path)
    assert np.array_equal(image.pixels, np.moveaxis(stack, 1, 0))
    assert image.geometry.spacing == pytest.approx((0.002, 0.0002, 0.00025))
    header = read_header(path)
    assert (header.shape, header.channels, header.items) == ((5, 20, 30), 2, 1)
    plane = read_image(path, index=3)
    assert np.array_equal(plane.pixels, stack[3])
    assert plane.geometry.spacing == pytest.approx((0.0002, 0.00025))
    agrees(path)


@pytest.mark.parametrize("unit", ["µm", "nm", "mm"])
def test_ome_spacing(tmp_path: Path, unit: str) -> None:
    factor = {"µm": 1e-3, "nm": 1e-6, "mm": 1.0}[unit]
    metadata = {f"PhysicalSize{a}": v for a, v in zip("XYZ", (0.5, 0.25, 3.0), strict=True)}
    metadata |= {f"PhysicalSize{a}Unit": unit for a in "XYZ"}
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(
        path, np.zeros((4, 20, 30), np.uint8), ome=True, photometric="minisblack", metadata={"axes": "ZYX", **metadata}
    )
    assert read_image(path).geometry.spacing == pytest.approx((3 * factor, 0.25 * factor, 0.5 * factor))
    agrees(path)


def test_dpi_is_no_spacing(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, GREY, resolution=(300, 300), resolutionunit="INCH", photometric="minisblack")
    assert read_image(path).geometry.spacing is None


@pytest.mark.parametrize("compression", [None, "zlib", "lzw"])
def test_cut_files_raise_instead_of_black(tmp_path: Path, compression: str | None) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, RNG.integers(0, 255, (4, 64, 64), dtype=np.uint8), compression=compression, photometric="minisblack")
    data = path.read_bytes()
    for part in (0.2, 0.5, 0.98):
        path.write_bytes(data[: int(len(data) * part)])
        for call in (read_image, read_labels):
            with pytest.raises(UnreadableFile) as caught:
                call(path)
            assert caught.value.code in ("truncated", "damaged")


def test_series_of_volumes_is_refused_as_one_and_read_by_plane(tmp_path: Path) -> None:
    stack = RNG.integers(0, 255, (2, 3, 8, 9), dtype=np.uint8)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, stack, imagej=True, metadata={"axes": "TZYX"})
    with pytest.raises(UnreadableFile) as caught:
        read_image(path)
    assert caught.value.code == "unsupported"
    assert np.array_equal(read_image(path, index=4).pixels[0], stack[1, 1])
