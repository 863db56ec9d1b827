"""Rows of a TIFF are the rows of the whole, whatever its pieces, and a mask written in rows is the mask."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from delineate.errors import UnreadableFile
from delineate.formats import read_image, read_labels
from delineate.formats.tiff_bands import tiff_bands
from delineate.formats.tiff_writing import write_tiff_rows

RNG = np.random.default_rng(3)
RGB = RNG.integers(0, 255, (301, 203, 3), dtype=np.uint8)
DEEP = RNG.integers(0, 60_000, (301, 203), dtype=np.uint16)
PALETTE = RNG.integers(0, 65_535, (3, 256), dtype=np.uint16)
PLANAR: dict[str, Any] = {"planarconfig": "separate", "photometric": "rgb"}
KINDS: dict[str, tuple[Any, dict[str, Any]]] = {
    "tiles, deflate": (RGB, {"tile": (64, 128), "compression": "deflate"}),
    "strips, lzw": (RGB, {"rowsperstrip": 37, "compression": "lzw"}),
    "raw": (RGB, {}),
    "one compressed strip": (RGB, {"rowsperstrip": 301, "compression": "deflate"}),
    "planes, tiles": (np.moveaxis(RGB, -1, 0), {**PLANAR, "tile": (64, 64), "compression": "deflate"}),
    "planes, raw": (np.moveaxis(RGB, -1, 0), PLANAR),
    "raw tiles": (RGB, {"tile": (64, 64)}),
    "predictor": (DEEP, {"tile": (64, 64), "compression": "deflate", "predictor": True}),
    "white is zero": (DEEP, {"photometric": "miniswhite", "rowsperstrip": 10, "compression": "deflate"}),
    "bits": (RGB[..., 0] > 128, {"rowsperstrip": 11, "compression": "deflate"}),
    "jpeg": (RGB, {"tile": (64, 64), "compression": "jpeg", "photometric": "ycbcr"}),
    "palette": (RGB[..., 0], {"photometric": "palette", "colormap": PALETTE, "tile": (64, 64), "compression": "deflate"}),
    "alpha": (
        np.concatenate([RGB, RGB[..., :1]], -1),
        {"extrasamples": ["unassalpha"], "tile": (64, 64), "compression": "deflate"},
    ),
    "floats": (DEEP.astype(np.float32), {"tile": (64, 64), "compression": "deflate"}),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("step", [1, 50, 301])
def test_rows_are_those_of_the_whole(kind: str, step: int, tmp_path: Path) -> None:
    pixels, how = KINDS[kind]
    path = tmp_path / "x.tif"
    tifffile.imwrite(path, pixels, metadata=None, **how)
    whole = read_image(path).pixels
    with tiff_bands(path) as bands:
        assert (bands.shape, bands.channels, bands.dtype) == ((301, 203), len(whole), whole.dtype)
        found = [bands.rows(top, min(301, top + step)) for top in range(0, 301, step)]
        np.testing.assert_array_equal(np.concatenate(found, axis=1), whole)
        np.testing.assert_array_equal(bands.rows(40, 43), whole[:, 40:43])  # going back is slow, not wrong


@pytest.fixture
def pyramid(tmp_path: Path) -> Path:
    """Three levels of an OME-TIFF, 0.5 µm a pixel at the finest; pixels say their level."""
    path = tmp_path / "x.ome.tif"
    metadata = {"axes": "YXS", "PhysicalSizeX": 0.5, "PhysicalSizeXUnit": "µm", "PhysicalSizeY": 0.5, "PhysicalSizeYUnit": "µm"}
    more: dict[str, Any] = {"tile": (64, 64), "photometric": "rgb", "compression": "deflate"}
    with tifffile.TiffWriter(path, ome=True) as file:
        file.write(np.full((400, 300, 3), 10, np.uint8), subifds=2, metadata=metadata, **more)
        file.write(np.full((200, 150, 3), 20, np.uint8), subfiletype=1, **more)
        file.write(np.full((100, 75, 3), 30, np.uint8), subfiletype=1, **more)
    return path


def test_levels_of_a_pyramid(pyramid: Path) -> None:
    for level, shape in enumerate([(400, 300), (200, 150), (100, 75)]):
        with tiff_bands(pyramid, level) as bands:
            assert bands.levels == ((400, 300), (200, 150), (100, 75))
            assert bands.shape == shape
            assert bands.spacing == pytest.approx((0.0005 * 2**level,) * 2)  # mm
            assert np.unique(bands.rows(0, shape[0])).tolist() == [10 * (level + 1)]
    with pytest.raises(UnreadableFile, match="level 3"), tiff_bands(pyramid, 3):
        pass


def test_channels_in_pages_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "x.ome.tif"
    pixels = np.moveaxis(RGB, -1, 0)
    tifffile.imwrite(
        path, pixels, ome=True, photometric="minisblack", metadata={"axes": "CYX"}, tile=(64, 64), compression="deflate"
    )
    with tiff_bands(path) as bands:
        np.testing.assert_array_equal(bands.rows(10, 100), read_image(path).pixels[:, 10:100])


def test_what_cannot_be_read_by_bands_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stack = tmp_path / "stack.tif"
    tifffile.imwrite(stack, np.zeros((5, 40, 30), np.uint8), photometric="minisblack")
    with pytest.raises(UnreadableFile) as caught, tiff_bands(stack):
        pass
    assert caught.value.code == "unsupported"
    monkeypatch.setattr("delineate.formats.tiff_bands.MAX_SEGMENT_BYTES", 1000)
    one = tmp_path / "one.tif"
    tifffile.imwrite(one, RGB, rowsperstrip=301, compression="deflate")
    with pytest.raises(UnreadableFile, match="one compressed piece"), tiff_bands(one):
        pass
    cut = tmp_path / "cut.tif"
    cut.write_bytes(one.read_bytes()[:5000])
    with pytest.raises(UnreadableFile), tiff_bands(cut):
        pass


@pytest.mark.parametrize("shape", [(1, 1), (512, 512), (513, 511), (1400, 700)])
def test_a_mask_written_in_rows(shape: tuple[int, int], tmp_path: Path) -> None:
    mask = RNG.integers(0, 2, shape, dtype=np.uint8)
    blocks = [mask[top : top + 100] for top in range(0, shape[0], 100)]
    path = write_tiff_rows(tmp_path / "below" / "mask.tif", blocks, shape, (0.01, 0.02))
    np.testing.assert_array_equal(read_labels(path).values, mask)
    with tifffile.TiffFile(path) as file:
        assert file.pages[0].is_tiled


def test_rows_that_end_early_leave_no_file(tmp_path: Path) -> None:
    def short() -> Any:
        yield np.zeros((100, 50), np.uint8)

    make: Callable[[], Path] = lambda: write_tiff_rows(tmp_path / "mask.tif", short(), (200, 50))  # noqa: E731
    with pytest.raises(ValueError, match="100 of 200"):
        make()
    assert list(tmp_path.iterdir()) == []
