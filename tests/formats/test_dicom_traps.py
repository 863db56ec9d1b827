"""DICOM as it comes: colours in every coding, many frames, several volumes in a series, gaps and tilt."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pydicom
import pytest
from PIL import Image as Pillow
from pydicom.encaps import encapsulate
from pydicom.pixels import convert_color_space
from pydicom.sequence import Sequence
from pydicom.uid import JPEG2000, JPEG2000Lossless, JPEGBaseline8Bit, JPEGLSLossless, RLELossless

from delineate.domain import Geometry
from delineate.errors import UnreadableFile
from delineate.formats import find_series, is_irregular, read_header, read_image, read_labels, write_labels
from delineate.formats.series_facts import series_numbers
from formats.dicom_objects import item, make, make_slice

RNG = np.random.default_rng(11)
COLOURS = RNG.integers(0, 256, (6, 8, 3), dtype=np.uint8)


def shown(path: Path) -> np.ndarray:
    return np.moveaxis(read_image(path).pixels, 0, -1)


@pytest.mark.parametrize("planar", [0, 1])
@pytest.mark.parametrize("photometric", ["RGB", "YBR_FULL"])
@pytest.mark.parametrize("frames", [1, 3])
def test_colours_uncompressed(tmp_path: Path, photometric: str, planar: int, frames: int) -> None:
    colours = COLOURS if frames == 1 else np.stack([np.roll(COLOURS, k, 0) for k in range(frames)])
    stored = colours if photometric == "RGB" else convert_color_space(colours, "RGB", "YBR_FULL")
    data = np.moveaxis(stored, -1, -3) if planar else stored
    path = make(
        tmp_path / "a.dcm", colours, PhotometricInterpretation=photometric, PlanarConfiguration=planar, PixelData=data.tobytes()
    )
    assert np.abs(shown(path).astype(int) - colours).max() <= (0 if photometric == "RGB" else 2)
    assert read_image(path).colour == "rgb"


def test_subsampled_ybr_uncompressed(tmp_path: Path) -> None:
    """YBR_FULL_422 holds two luminances with one pair of colours: Y Y B R (PS3.3 C.7.6.3.1.2)."""
    flat = np.repeat(COLOURS[:, ::2], 2, axis=1)
    ybr = convert_color_space(flat, "RGB", "YBR_FULL")
    data = np.stack([ybr[:, ::2, 0], ybr[:, 1::2, 0], ybr[:, ::2, 1], ybr[:, ::2, 2]], axis=-1)
    path = make(tmp_path / "a.dcm", flat, PhotometricInterpretation="YBR_FULL_422", PixelData=data.tobytes())
    assert np.abs(shown(path).astype(int) - flat).max() <= 2


@pytest.mark.parametrize("coding", ["rle", "jpegls-rgb", "jpegls-ybr", "j2k-rct", "j2k-ict", "jpeg-ybr", "jpeg-rgb"])
def test_colours_compressed(tmp_path: Path, coding: str) -> None:
    smooth = np.stack(np.broadcast_arrays(np.arange(6)[:, None] * 20, np.arange(8)[None] * 15, np.full((6, 8), 90)), -1).astype(
        np.uint8
    )
    path, near = tmp_path / "a.dcm", 0
    if coding == "rle":
        dataset = pydicom.dcmread(make(tmp_path / "plain.dcm", smooth))
        dataset.compress(RLELossless)
        dataset.save_as(path)
    else:
        stored, photometric, syntax = smooth, "RGB", JPEGLSLossless
        extra: dict[str, Any] = {}
        if coding == "jpegls-ybr":
            stored, photometric, near = convert_color_space(smooth, "RGB", "YBR_FULL"), "YBR_FULL", 2
        if coding.startswith("jpegls"):
            frame = imagecodecs.jpegls_encode(np.ascontiguousarray(stored))
        elif coding.startswith("j2k"):
            lossy = coding.endswith("ict")
            photometric, syntax, near = ("YBR_ICT", JPEG2000, 6) if lossy else ("YBR_RCT", JPEG2000Lossless, 0)
            frame = imagecodecs.jpeg2k_encode(
                stored, reversible=not lossy, level=0 if not lossy else 60, mct=True, codecformat="j2k"
            )
        else:
            photometric, syntax, near = ("YBR_FULL" if coding.endswith("ybr") else "RGB"), JPEGBaseline8Bit, 8
            buffer = io.BytesIO()
            Pillow.fromarray(smooth).save(buffer, "JPEG", quality=98, subsampling=0, keep_rgb=coding.endswith("rgb"))
            frame, extra = buffer.getvalue(), {"LossyImageCompression": "01"}
        frame += b"\0" * (len(frame) % 2)
        make(path, smooth, PixelData=encapsulate([frame]), PhotometricInterpretation=photometric, syntax=syntax, **extra)
    assert np.abs(shown(path).astype(int) - smooth).max() <= near


def frame_group(position: list[float], **more: Any) -> Any:
    return item(PlanePositionSequence=Sequence([item(ImagePositionPatient=position)]), **more)


def multi_frame(path: Path, groups: list[Any], orientation: list[float] | None = None, **attributes: Any) -> Path:
    pixels = np.arange(len(groups) * 12, dtype=np.uint16).reshape(len(groups), 3, 4)
    shared = item(PixelMeasuresSequence=Sequence([item(PixelSpacing=[0.5, 0.75], SliceThickness=2.0)]))
    if orientation is not None:
        shared.PlaneOrientationSequence = Sequence([item(ImageOrientationPatient=orientation)])
    return make(
        path,
        pixels,
        SOPClassUID="1.2.840.10008.5.1.4.1.1.4.1",
        Modality="MR",
        PerFrameFunctionalGroupsSequence=Sequence(groups),
        SharedFunctionalGroupsSequence=Sequence([shared]),
        **attributes,
    )


def test_enhanced_frames_each_with_its_slope_and_window(tmp_path: Path) -> None:
    groups = [
        frame_group(
            [0.0, 0.0, 2.0 * place],
            PixelValueTransformationSequence=Sequence([item(RescaleSlope=1.0 + place, RescaleIntercept=-10.0, RescaleType="US")]),
            FrameVOILUTSequence=Sequence([item(WindowCenter=[40.0, 300.0], WindowWidth=[400.0, 1500.0])]),
        )
        for place in (2, 0, 1)
    ]
    image = read_image(multi_frame(tmp_path / "a.dcm", groups, [1, 0, 0, 0, 1, 0]))
    stored = np.arange(36).reshape(3, 3, 4)
    assert np.array_equal(image.pixels[0], np.stack([stored[1] * 1 - 10, stored[2] * 2 - 10, stored[0] * 3 - 10]))
    assert image.meta["window"] == (40.0, 400.0)
    assert image.geometry.spacing == (2.0, 0.5, 0.75)
    assert image.geometry.voxel_mm3 == pytest.approx(0.75)


def test_frames_that_are_no_volume_say_why(tmp_path: Path) -> None:
    turned = [
        frame_group([0, 0, k], PlaneOrientationSequence=Sequence([item(ImageOrientationPatient=way)]))
        for k, way in enumerate(([1, 0, 0, 0, 1, 0], [0, 1, 0, 0, 0, -1]))
    ]
    cases = {
        "mixed-orientation": multi_frame(tmp_path / "o.dcm", turned),
        "duplicate-position": multi_frame(tmp_path / "e.dcm", [frame_group([0, 0, z]) for z in (0, 0, 1, 1)], [1, 0, 0, 0, 1, 0]),
    }
    for problem, path in cases.items():
        image = read_image(path)
        assert image.meta["problems"] == (problem,)
        assert image.geometry.affine is None
        assert image.geometry.spacing is None
        assert read_image(path, index=1).geometry.spacing == (0.5, 0.75)
        assert read_header(path).items == len(image.pixels[0])


def plane(value: int) -> np.ndarray:
    return np.full((6, 8), value, np.int16)


@pytest.mark.parametrize(
    ("attribute", "values"),
    [("EchoTime", (10.0, 80.0)), ("TemporalPositionIdentifier", (1, 2)), ("ImageType", (["ORIGINAL", "M"], ["ORIGINAL", "P"]))],
)
def test_several_volumes_of_one_series_are_told_apart(tmp_path: Path, attribute: str, values: tuple[Any, Any]) -> None:
    for number in range(6):  # names and instance numbers interleave the volumes
        which = number % 2
        z = float(number // 2)
        make_slice(
            tmp_path / f"{number}.dcm",
            plane(100 * which + number // 2),
            (0, 0, z),
            InstanceNumber=number,
            **{attribute: values[which]},
        )
    found = find_series(tmp_path)
    assert [len(series.files) for series in found] == [3, 3]
    assert all(series.problems == ("several-volumes",) and series.facts["split_by"] == attribute for series in found)
    volumes = [read_image(tmp_path, item=series.uid) for series in found]
    assert [volume.pixels[0, :, 0, 0].tolist() for volume in volumes] == [[0, 1, 2], [100, 101, 102]]
    assert volumes[0].geometry == volumes[1].geometry


def test_slices_twice_and_nothing_that_tells_is_refused(tmp_path: Path) -> None:
    for number in range(4):
        make_slice(tmp_path / f"{number}.dcm", plane(number), (0, 0, number // 2))
    (series,) = find_series(tmp_path)
    assert series.problems == ("duplicate-position",)
    with pytest.raises(UnreadableFile):
        read_image(tmp_path)


def test_missing_slices_are_counted_and_masks_claim_no_position(tmp_path: Path) -> None:
    for number, z in enumerate((0, 2, 4, 10, 12, 16)):
        make_slice(tmp_path / f"{number}.dcm", plane(number), (0, 0, float(z)))
    image = read_image(tmp_path)
    assert image.meta["gaps"] == ((3, 4, 2), (5, 6, 1))
    assert series_numbers(image.meta)["gaps"] == "3–4 (2), 5–6 (1)"
    assert is_irregular(image.meta)
    mask = (image.pixels[0] > 2).astype(np.uint8)
    for kind in ("nifti", "nrrd", "mha"):
        read = read_labels(write_labels(tmp_path / "out" / "m", mask, image.geometry, like=image, format=kind))
        assert np.array_equal(read.values, mask)
        assert read.geometry.affine is None
        assert read.geometry.spacing is None


def test_uneven_steps_and_tilt_have_numbers(tmp_path: Path) -> None:
    for number, z in enumerate((0.0, 2.0, 4.5, 6.5)):
        make_slice(tmp_path / f"{number}.dcm", plane(number), (0, 0, z))
    numbers = series_numbers(read_image(tmp_path).meta)
    assert (numbers["least"], numbers["most"]) == ("2.0", "2.5")
    tilted = tmp_path / "tilted"
    tilted.mkdir()
    for number in range(4):
        make_slice(tilted / f"{number}.dcm", plane(number), (0, 2.0 * number * np.tan(np.radians(20)), 2.0 * number))
    image = read_image(tilted)
    assert image.meta["tilt_degrees"] == pytest.approx(20, abs=0.01)
    assert not is_irregular(image.meta)
    assert image.geometry.spacing is not None
    assert image.geometry.spacing[0] == pytest.approx(2 / np.cos(np.radians(20)), abs=1e-6)
    assert image.geometry.voxel_mm3 == pytest.approx(2 * 0.5 * 0.75)  # slices lean, but are 2 mm apart


def test_voxels_without_an_affine() -> None:
    assert Geometry((2, 3, 4), (2, 3, 4)).voxel_mm3 == 24
    assert Geometry((2, 3, 4)).voxel_mm3 is None
    assert Geometry((3, 4), (3, 4)).voxel_mm3 is None
