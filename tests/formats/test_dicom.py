"""Single DICOM objects made here, and what may be told of them."""

from __future__ import annotations

import io
import zlib
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pydicom
import pytest
from PIL import Image as Pillow
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    HTJ2KLossless,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from delineate.errors import UnreadableFile
from delineate.formats import Limits, format_of, patient_key, read_header, read_image, read_labels
from formats.dicom_objects import item, make

RNG = np.random.default_rng(4)
STORED = RNG.integers(0, 4000, (6, 8)).astype(np.uint16)


@pytest.mark.parametrize(
    ("slope", "intercept", "dtype"),
    [(1, -1024, "int16"), (2, 0, "int16"), (0.5, 0, "float32"), (1, -100000, "int32"), (1, 0, "uint16")],
)
def test_rescaling(tmp_path: Path, slope: float, intercept: float, dtype: str) -> None:
    path = make(tmp_path / "a.dcm", STORED, RescaleSlope=slope, RescaleIntercept=intercept)
    image = read_image(path)
    assert image.pixels.dtype == np.dtype(dtype)
    assert np.allclose(image.pixels[0], STORED.astype(float) * slope + intercept)
    assert image.geometry.spacing is None
    assert read_header(path).shape == (6, 8)


@pytest.mark.parametrize(("signed", "bits"), [(False, 12), (False, 16), (True, 16)])
def test_monochrome1_is_turned(tmp_path: Path, signed: bool, bits: int) -> None:
    stored = np.array([[-100, 0], [5, 100]], np.int16) if signed else np.array([[0, 1], [7, (1 << bits) - 1]], np.uint16)
    path = make(
        tmp_path / "a.dcm", stored, PhotometricInterpretation="MONOCHROME1", BitsStored=bits, HighBit=bits - 1, Modality="DX"
    )
    image = read_image(path)
    assert image.meta["inverted"] is True
    order = np.argsort(image.pixels[0].ravel(), kind="stable")
    assert order.tolist() == np.argsort(-stored.ravel().astype(int), kind="stable").tolist()
    if not signed:
        assert image.pixels.max() == (1 << bits) - 1
        assert image.pixels.min() == 0
    quantity = make(tmp_path / "b.dcm", stored, PhotometricInterpretation="MONOCHROME1", Modality="PT")
    assert np.array_equal(read_image(quantity).pixels[0], stored)
    assert "inverted" not in read_image(quantity).meta


def test_spacing_and_where_it_is_from(tmp_path: Path) -> None:
    plain = read_image(make(tmp_path / "a.dcm", STORED, PixelSpacing=[0.5, 0.75]))
    assert plain.geometry.spacing == (0.5, 0.75)
    detector = read_image(make(tmp_path / "b.dcm", STORED, ImagerPixelSpacing=[0.1, 0.2]))
    assert detector.geometry.spacing == (0.1, 0.2)
    assert detector.meta["spacing_from"] == "ImagerPixelSpacing"
    region = item(PhysicalUnitsXDirection=3, PhysicalUnitsYDirection=3, PhysicalDeltaX=0.02, PhysicalDeltaY=0.03)
    sound = read_image(make(tmp_path / "c.dcm", STORED, SequenceOfUltrasoundRegions=Sequence([region])))
    assert sound.geometry.spacing == pytest.approx((0.3, 0.2))
    assert read_image(make(tmp_path / "d.dcm", STORED, PixelSpacing=[0, 0])).geometry.spacing is None


def test_colour_and_palette(tmp_path: Path) -> None:
    colours = RNG.integers(0, 255, (6, 8, 3), dtype=np.uint8)
    image = read_image(make(tmp_path / "a.dcm", colours))
    assert image.colour == "rgb"
    assert np.array_equal(np.moveaxis(image.pixels, 0, -1), colours)
    indices = RNG.integers(0, 4, (6, 8), dtype=np.uint8)
    table = np.array([[0, 0, 0], [255, 0, 0], [0, 255, 0], [9, 8, 7]], np.uint8)
    extra: dict[str, Any] = {"PhotometricInterpretation": "PALETTE COLOR"}
    for name, column in zip(("Red", "Green", "Blue"), table.T, strict=True):
        extra[f"{name}PaletteColorLookupTableDescriptor"] = [4, 0, 8]
        extra[f"{name}PaletteColorLookupTableData"] = column.tobytes()
    path = make(tmp_path / "p.dcm", indices, **extra)
    assert np.array_equal(np.moveaxis(read_image(path).pixels, 0, -1), table[indices])
    assert np.array_equal(read_labels(path).values, indices)
    assert read_header(path).channels == 3


def test_ybr_jpeg_becomes_rgb_and_is_no_mask(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Pillow.new("RGB", (8, 6), (200, 30, 40)).save(buffer, "JPEG", quality=95)
    path = make(
        tmp_path / "a.dcm",
        np.zeros((6, 8, 3), np.uint8),
        PixelData=encapsulate([buffer.getvalue()]),
        PhotometricInterpretation="YBR_FULL_422",
        LossyImageCompression="01",
        syntax=JPEGBaseline8Bit,
    )
    assert np.abs(read_image(path).pixels[:, 3, 3].astype(int) - (200, 30, 40)).max() < 8
    with pytest.raises(UnreadableFile) as caught:
        read_labels(path)
    assert caught.value.code == "lossy-mask"


def test_run_lengths(tmp_path: Path) -> None:
    dataset = pydicom.dcmread(make(tmp_path / "a.dcm", STORED))
    dataset.compress(RLELossless)
    dataset.save_as(tmp_path / "b.dcm")
    assert np.array_equal(read_image(tmp_path / "b.dcm").pixels[0], STORED)


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("syntax", [JPEGLossless, JPEGLosslessSV1, JPEGLSLossless, JPEG2000Lossless])
def test_lossless_compressions(tmp_path: Path, syntax: str, signed: bool) -> None:
    values = (STORED.astype(np.int16) - 1500) if signed else STORED
    if syntax == JPEG2000Lossless:
        frame = imagecodecs.jpeg2k_encode(values, reversible=True, level=0, codecformat="j2k", bitspersample=16)
    elif syntax == JPEGLSLossless:
        frame = imagecodecs.jpegls_encode(values.view(np.uint16))
    else:
        frame = imagecodecs.ljpeg_encode(values.view(np.uint16), bitspersample=16)
    path = make(tmp_path / "a.dcm", values, PixelData=encapsulate([frame]), syntax=syntax)
    assert np.array_equal(read_image(path).pixels[0], values)
    assert np.array_equal(read_labels(path).values, values)


@pytest.mark.parametrize("bits", [10, 12])
def test_signed_values_of_few_bits(tmp_path: Path, bits: int) -> None:
    values = np.array([[-5, 0, 3], [-512, 511, -1]], np.int16)
    frame = imagecodecs.jpegls_encode((values & ((1 << bits) - 1)).astype(np.uint16))
    path = make(
        tmp_path / "a.dcm", values, PixelData=encapsulate([frame]), syntax=JPEGLSLossless, BitsStored=bits, HighBit=bits - 1
    )
    assert np.array_equal(read_image(path).pixels[0], values)


def test_a_frame_that_is_not_what_it_says(tmp_path: Path) -> None:
    for frame in (b"\xff\xd8\xff\xc3" + bytes(60), imagecodecs.ljpeg_encode(np.zeros((9, 9), np.uint16), bitspersample=16)):
        path = make(tmp_path / "a.dcm", STORED, PixelData=encapsulate([frame + b"\0" * (len(frame) % 2)]), syntax=JPEGLossless)
        with pytest.raises(UnreadableFile) as caught:
            read_image(path)
        assert caught.value.code == "damaged"


def test_a_compression_without_decoder_is_named(tmp_path: Path) -> None:
    path = make(tmp_path / "a.dcm", STORED, PixelData=encapsulate([bytes(64)]), syntax=HTJ2KLossless)
    with pytest.raises(UnreadableFile) as caught:
        read_image(path)
    assert caught.value.code in ("unsupported", "damaged")


def test_without_preamble_by_name(tmp_path: Path) -> None:
    for name in ("a.dcm", "IM0001", "a.IMA"):
        path = make(tmp_path / name, STORED, preamble=False)
        assert format_of(path) == "dicom"
        assert np.array_equal(read_image(path).pixels[0], STORED)
    assert format_of(make(tmp_path / "a.txt", STORED, preamble=False)) is None


def test_frames_without_place_are_items(tmp_path: Path) -> None:
    frames = RNG.integers(0, 255, (4, 6, 8), dtype=np.uint8)
    path = make(tmp_path / "a.dcm", frames, Modality="US")
    header = read_header(path)
    assert (header.shape, header.items) == ((6, 8), 4)
    assert np.array_equal(read_image(path, index=2).pixels[0], frames[2])
    assert np.array_equal(read_image(path).pixels[0], frames)


def test_frames_with_place_are_a_volume_in_order(tmp_path: Path) -> None:
    frames = RNG.integers(0, 255, (3, 6, 8)).astype(np.uint16)
    heights = (5.0, 1.0, 3.0)
    groups = [item(PlanePositionSequence=Sequence([item(ImagePositionPatient=[0, 0, z])])) for z in heights]
    for group, slope in zip(groups, (1, 2, 3), strict=True):
        group.PixelValueTransformationSequence = Sequence([item(RescaleSlope=slope, RescaleIntercept=0)])
    shared = item(
        PlaneOrientationSequence=Sequence([item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])]),
        PixelMeasuresSequence=Sequence([item(PixelSpacing=[0.5, 0.75])]),
    )
    path = make(
        tmp_path / "a.dcm",
        frames,
        PerFrameFunctionalGroupsSequence=Sequence(groups),
        SharedFunctionalGroupsSequence=Sequence([shared]),
    )
    image = read_image(path)
    assert image.geometry.spacing == (2, 0.5, 0.75)
    assert np.array_equal(image.pixels[0], np.stack([frames[1] * 2, frames[2] * 3, frames[0]]))
    assert image.geometry.affine is not None
    assert np.allclose(image.geometry.affine @ (2, 1, 1, 1), (-0.75, -0.5, 5, 1))
    assert read_header(path).shape == (3, 6, 8)
    assert read_image(path, index=2).geometry.spacing == (0.5, 0.75)


def test_nothing_of_the_patient_leaves(tmp_path: Path) -> None:
    path = make(tmp_path / "a.dcm", STORED)
    for value in (read_image(path).meta, read_header(path).meta, read_labels(path).meta):
        assert "secret" not in repr(value).lower()
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UnreadableFile) as caught:
        read_image(path)
    assert "secret" not in str(caught.value).lower()


def test_patient_key(tmp_path: Path) -> None:
    one, same = make(tmp_path / "a.dcm", STORED), make(tmp_path / "b.dcm", STORED, PatientID="SECRET-ID ")
    other, none = make(tmp_path / "c.dcm", STORED, PatientID="X"), make(tmp_path / "d.dcm", STORED, PatientID="")
    key = patient_key(one)
    assert key is not None
    assert len(key) == 12
    assert key == patient_key(same) == patient_key(tmp_path)
    assert patient_key(other) not in (key, None)
    assert patient_key(none) is None


def test_deflated_and_a_deflated_bomb(tmp_path: Path) -> None:
    dataset = pydicom.dcmread(make(tmp_path / "a.dcm", STORED))
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    dataset.save_as(tmp_path / "b.dcm")
    assert np.array_equal(read_image(tmp_path / "b.dcm").pixels[0], STORED)
    data = (tmp_path / "b.dcm").read_bytes()
    start = 144 + int.from_bytes(data[140:144], "little")
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(64)) + packer.flush()
    (tmp_path / "b.dcm").write_bytes(data[:start] + bomb)
    for call in (read_header, read_image):
        with pytest.raises(UnreadableFile) as caught:
            call(tmp_path / "b.dcm", limits=Limits(max_bytes=32 << 20))
        assert caught.value.code == "too-large"


def test_objects_without_an_image(tmp_path: Path) -> None:
    dataset = pydicom.dcmread(make(tmp_path / "a.dcm", STORED))
    for name in ("Rows", "Columns", "PixelData"):
        delattr(dataset, name)
    dataset.save_as(tmp_path / "a.dcm")
    for call in (read_header, read_image, read_labels):
        with pytest.raises(UnreadableFile) as caught:
            call(tmp_path / "a.dcm")
        assert caught.value.code == "not-an-image"
