"""NPY and NPZ."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from delineate.errors import UnreadableFile
from delineate.formats import read_header, read_image, read_labels

RNG = np.random.default_rng(2)


@pytest.mark.parametrize(
    ("shape", "spatial", "channels", "items"),
    [
        ((7, 9), (7, 9), 1, 1),
        ((7, 9, 3), (7, 9), 3, 1),
        ((7, 9, 1), (7, 9), 1, 1),
        ((6, 7, 9), (7, 9), 1, 6),
        ((6, 7, 9, 3), (7, 9), 3, 6),
        ((6, 7, 9, 10), (7, 9), 10, 6),
    ],
)
@pytest.mark.parametrize("suffix", ["npy", "npz"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_axis_conventions(
    tmp_path: Path, shape: tuple[int, ...], spatial: tuple[int, int], channels: int, items: int, suffix: str, order: str
) -> None:
    values = RNG.integers(0, 1000, shape).astype(np.int16)
    path = tmp_path / f"a.{suffix}"
    stored = np.asfortranarray(values) if order == "F" else values
    np.save(path, stored) if suffix == "npy" else np.savez_compressed(path, x=stored)
    header = read_header(path)
    assert (header.shape, header.channels, header.items, header.dtype) == (spatial, channels, items, "int16")
    with_channels = values if (len(shape) in (2, 3) and items == 1 and len(shape) == 3) or len(shape) == 4 else values[..., None]
    assert np.array_equal(read_image(path).pixels, np.moveaxis(with_channels, -1, 0))
    if items > 1:
        assert np.array_equal(read_image(path, index=4).pixels, np.moveaxis(with_channels[4], -1, 0))
        with pytest.raises(UnreadableFile):
            read_image(path, index=items)


@pytest.mark.parametrize("dtype", [">u2", "<f4", "bool", "f2", "u1", "i8"])
def test_types(tmp_path: Path, dtype: str) -> None:
    values = RNG.integers(0, 2, (5, 6)).astype(dtype)
    np.save(tmp_path / "a.npy", values)
    image = read_image(tmp_path / "a.npy")
    assert image.pixels.dtype.isnative
    assert np.array_equal(image.pixels[0], values)
    assert read_header(tmp_path / "a.npy").dtype == image.pixels.dtype.name


@pytest.mark.parametrize(
    "values", [np.array([{"a": 1}] * 4, object).reshape(2, 2), np.full((2, 2), "text"), np.zeros((2, 2), complex)]
)
@pytest.mark.parametrize("suffix", ["npy", "npz"])
def test_pickles_texts_and_complex_are_refused(tmp_path: Path, values: np.ndarray, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    np.save(path, values) if suffix == "npy" else np.savez(path, x=values)
    for call in (read_header, read_image, read_labels):
        with pytest.raises(UnreadableFile) as caught:
            call(path)
        assert caught.value.code == "unsupported"


def test_arrays_of_an_npz_by_name(tmp_path: Path) -> None:
    images, masks = RNG.integers(0, 255, (5, 8, 9), dtype=np.uint8), RNG.integers(0, 2, (5, 8, 9)).astype(bool)
    path = tmp_path / "a.npz"
    np.savez(path, images=images, masks=masks, ids=np.arange(5), names=np.array(["a"] * 5))
    header = read_header(path)
    assert header.names == ("images", "masks")
    assert header.meta["arrays"] == {"images": [5, 8, 9], "masks": [5, 8, 9]}
    assert np.array_equal(read_image(path, item="images", index=3).pixels[0], images[3])
    assert np.array_equal(read_labels(path, item="masks", index=3).values, masks[3])
    for item in (None, "other"):
        with pytest.raises(UnreadableFile) as caught:
            read_image(path, item=item)
        assert "images" in str(caught.value)


def test_cut_npy(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((50, 50)))
    data = (tmp_path / "a.npy").read_bytes()
    (tmp_path / "a.npy").write_bytes(data[:-100])
    for call in (read_header, read_image):
        with pytest.raises(UnreadableFile) as caught:
            call(tmp_path / "a.npy")
        assert caught.value.code == "truncated"


def test_a_zip_of_other_things_is_no_image(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(UnreadableFile) as caught:
        read_image(tmp_path / "a.npz")
    assert caught.value.code == "not-an-image"


def test_lying_array_header_in_a_zip(tmp_path: Path) -> None:
    """A header that claims far more than the entry holds must cost no memory."""
    np.save(tmp_path / "small.npy", np.zeros((4, 4), np.uint8))
    data = (tmp_path / "small.npy").read_bytes().replace(b"(4, 4)", b"(32768, 32768)")
    head = data.index(b"}")
    data = data[: head + 1] + b" " * (127 - head - 1) + b"\n" + bytes(16)
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", data)
    with pytest.raises(UnreadableFile) as caught:
        read_image(tmp_path / "a.npz")
    assert caught.value.code == "truncated"
