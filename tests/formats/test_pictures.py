"""PNG in every mode, JPEG, BMP and GIF."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from PIL import Image as Pillow

from delineate.errors import UnreadableFile
from delineate.formats import read_header, read_image, read_labels

RNG = np.random.default_rng(0)


def png(path: Path, rows: list[bytes], width: int, depth: int, colour: int, extra: bytes = b"") -> Path:
    """A PNG made by hand, so that the test does not depend on the encoder's idea of a mode."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, len(rows), depth, colour, 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + row for row in rows))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", body) + chunk(b"IEND", b""))
    return path


def agrees(path: Path) -> None:
    """Header and image say the same."""
    header, image = read_header(path), read_image(path)
    assert header.shape == image.geometry.shape
    assert (header.channels, header.colour) == (image.channels, image.colour)
    assert header.dtype == image.pixels.dtype.name
    assert header.spacing is None
    assert image.geometry.spacing is None


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_grey_bits_are_stretched_to_255(tmp_path: Path, depth: int) -> None:
    top = (1 << depth) - 1
    per_byte = 8 // depth
    values = np.arange(8) % (top + 1)
    packed = bytes(
        sum(int(v) << (8 - depth * (i + 1)) for i, v in enumerate(values[start : start + per_byte]))
        for start in range(0, 8, per_byte)
    )
    path = png(tmp_path / "a.png", [packed], 8, depth, 0)
    assert read_image(path).pixels[0, 0].tolist() == [int(v) * 255 // top for v in values]
    assert read_labels(path).values is not None
    agrees(path)


@pytest.mark.parametrize(("shape", "channels"), [((7, 9), 1), ((7, 9, 2), 1), ((7, 9, 3), 3), ((7, 9, 4), 3)])
def test_16_bit_is_not_reduced(tmp_path: Path, shape: tuple[int, ...], channels: int) -> None:
    values = RNG.integers(0, 65536, shape, dtype=np.uint16)
    path = tmp_path / "a.png"
    path.write_bytes(imagecodecs.png_encode(values))
    image = read_image(path)
    assert image.pixels.dtype == np.uint16
    expected = values[..., None] if values.ndim == 2 else values
    assert np.array_equal(image.pixels, np.moveaxis(expected[..., :channels], -1, 0))
    agrees(path)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_alpha_is_dropped(tmp_path: Path, mode: str) -> None:
    bands = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}[mode]
    values = RNG.integers(0, 256, (5, 6, bands), dtype=np.uint8)
    if bands in (2, 4):
        values[..., -1] = 255
    path = tmp_path / "a.png"
    Pillow.fromarray(values[..., 0] if bands == 1 else values).save(path)
    image = read_image(path)
    colours = 1 if bands < 3 else 3
    assert np.array_equal(image.pixels, np.moveaxis(values[..., :colours], -1, 0))
    assert image.meta.get("alpha") == ("opaque" if bands in (2, 4) else None)
    agrees(path)


def test_varying_alpha_is_told(tmp_path: Path) -> None:
    values = RNG.integers(0, 256, (5, 6, 4), dtype=np.uint8)
    Pillow.fromarray(values).save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png").meta["alpha"] == "varying"


@pytest.mark.parametrize("transparent", [False, True])
def test_palette_image_is_expanded_and_palette_mask_is_not(tmp_path: Path, transparent: bool) -> None:
    indices = RNG.integers(0, 3, (6, 7), dtype=np.uint8)
    colours = np.array([[0, 0, 0], [255, 0, 0], [0, 128, 255]], np.uint8)
    picture = Pillow.fromarray(indices)
    picture.putpalette(colours.ravel().tolist())
    path = tmp_path / "a.png"
    if transparent:
        picture.save(path, transparency=0)
    else:
        picture.save(path)
    assert np.array_equal(np.moveaxis(read_image(path).pixels, 0, -1), colours[indices])
    labels = read_labels(path)
    assert labels.values is not None
    assert labels.palette is not None
    assert np.array_equal(labels.values, indices)
    assert np.array_equal(labels.palette[:3], colours)
    agrees(path)


def test_palette_of_greys_is_a_grey_image(tmp_path: Path) -> None:
    picture = Pillow.fromarray(np.array([[0, 1], [2, 3]], np.uint8))
    picture.putpalette([v for grey in (9, 50, 100, 200) for v in (grey, grey, grey)])
    picture.save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png").pixels.tolist() == [[[9, 50], [100, 200]]]
    agrees(tmp_path / "a.png")


def test_palette_index_out_of_range_is_damage(tmp_path: Path) -> None:
    palette = b"\0\0\0\xff\0\0"
    chunk = struct.pack(">I", 6) + b"PLTE" + palette + struct.pack(">I", zlib.crc32(b"PLTE" + palette))
    path = png(tmp_path / "a.png", [bytes([0, 1, 7])], 3, 8, 3, chunk)
    with pytest.raises(UnreadableFile) as caught:
        read_image(path)
    assert caught.value.code == "damaged"


@pytest.mark.parametrize("bits", [8, 16])
def test_interlaced(tmp_path: Path, bits: int) -> None:
    """Adam7 by hand: each pass is a small picture of its own (ISO 15948, 8.2)."""
    dtype = np.uint8 if bits == 8 else np.uint16
    values = RNG.integers(0, 1 << bits, (9, 11, 3)).astype(dtype)
    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    raw = b""
    for row, column, down, right in passes:
        part = values[row::down, column::right].astype(f">u{bits // 8}")
        raw += b"".join(b"\0" + line.tobytes() for line in part) if part.size else b""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    path = tmp_path / "a.png"
    header = struct.pack(">IIBBBBB", 11, 9, bits, 2, 0, 0, 1)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b""))
    assert np.array_equal(read_image(path).pixels, np.moveaxis(values, -1, 0))


def test_equal_colours_are_values_others_are_colours(tmp_path: Path) -> None:
    grey = RNG.integers(0, 3, (4, 5), dtype=np.uint8)
    Pillow.fromarray(np.stack([grey] * 3 + [np.full_like(grey, 7)], -1)).save(tmp_path / "grey.png")
    assert np.array_equal(read_labels(tmp_path / "grey.png").values, grey)
    colour = np.stack([grey, grey * 0, grey], -1)
    Pillow.fromarray(colour).save(tmp_path / "colour.png")
    labels = read_labels(tmp_path / "colour.png")
    assert labels.values is None
    assert np.array_equal(labels.colours, colour)


def test_wide_colour_mask_only_where_nothing_is_merged(tmp_path: Path) -> None:
    colours = RNG.integers(0, 256, (4, 5, 3), dtype=np.uint16)
    path = tmp_path / "a.png"
    path.write_bytes(imagecodecs.png_encode(colours * 257))
    assert np.array_equal(read_labels(path).colours, colours)
    path.write_bytes(imagecodecs.png_encode(colours * 257 // 2 + 1))
    with pytest.raises(UnreadableFile) as caught:
        read_labels(path)
    assert caught.value.code == "unsupported"


def test_jpeg_image_and_refused_mask(tmp_path: Path) -> None:
    values = np.full((16, 24, 3), (200, 30, 40), np.uint8)
    Pillow.fromarray(values).save(tmp_path / "a.jpg", quality=95)
    image = read_image(tmp_path / "a.jpg")
    assert image.pixels.shape == (3, 16, 24)
    assert np.abs(image.pixels.astype(int) - np.moveaxis(values, -1, 0)).max() < 6
    with pytest.raises(UnreadableFile) as caught:
        read_labels(tmp_path / "a.jpg")
    assert caught.value.code == "lossy-mask"
    agrees(tmp_path / "a.jpg")


@pytest.mark.parametrize("number", range(1, 9))
def test_exif_orientation_is_applied_in_header_and_pixels(tmp_path: Path, number: int) -> None:
    """What the viewer shows, checked with the definition of EXIF 2.32 (0th row, 0th column)."""
    upright = np.zeros((16, 32), np.uint8)
    upright[:8, :8] = 255  # top left corner
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.T,
        6: np.rot90(upright),
        7: upright[::-1, ::-1].T,
        8: np.rot90(upright, -1),
    }[number]
    exif = Pillow.Exif()
    exif[0x0112] = number
    path = tmp_path / "a.jpg"
    Pillow.fromarray(np.ascontiguousarray(stored)).save(path, quality=100, exif=exif)
    image = read_image(path)
    assert np.abs(image.pixels[0].astype(int) - upright).max() < 10
    agrees(path)


def test_cmyk_jpeg_is_colour(tmp_path: Path) -> None:
    Pillow.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "a.jpg", quality=100)
    red = read_image(tmp_path / "a.jpg").pixels[:, 4, 4]
    assert red[0] > 200
    assert red[1:].max() < 60
    agrees(tmp_path / "a.jpg")


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB"])
@pytest.mark.parametrize("suffix", ["bmp", "gif"])
def test_bmp_and_gif(tmp_path: Path, mode: str, suffix: str) -> None:
    values = (RNG.integers(0, 2, (6, 10)) * 255).astype(np.uint8)
    path = tmp_path / f"a.{suffix}"
    Pillow.fromarray(values).convert(mode).save(path)
    image = read_image(path)
    assert all(np.array_equal(channel, values) for channel in image.pixels)
    agrees(path)


def test_frames_of_a_gif(tmp_path: Path) -> None:
    frames = [Pillow.fromarray(np.full((4, 4), value, np.uint8)) for value in (10, 200)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert read_header(tmp_path / "a.gif").items == 2
    assert read_image(tmp_path / "a.gif", index=1).pixels.max() == 200
    with pytest.raises(UnreadableFile):
        read_image(tmp_path / "a.gif", index=2)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP"])
@pytest.mark.parametrize("wide", [False, True])
def test_cut_files_raise_instead_of_grey(tmp_path: Path, kind: str, wide: bool) -> None:
    values = RNG.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Pillow.fromarray(values).save(buffer, kind)
    data = buffer.getvalue()
    if wide and kind == "PNG":
        data = imagecodecs.png_encode(values.astype(np.uint16) * 200)
    path = tmp_path / "a.img"
    for part in (0.3, 0.6, 0.95):
        path.write_bytes(data[: int(len(data) * part)])
        with pytest.raises(UnreadableFile) as caught:
            read_image(path)
        assert caught.value.code in ("truncated", "damaged")
