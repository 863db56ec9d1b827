"""Series: found, sorted by position, and their problems told."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from delineate.errors import UnreadableFile
from delineate.formats import find_series, read_header, read_image, read_labels, write_labels
from delineate.formats.dicom_planes import arrange
from formats.dicom_objects import make, make_seg, make_slice

RNG = np.random.default_rng(5)


def plane(value: int) -> np.ndarray:
    return np.full((6, 8), value, np.int16)


def test_sorted_by_position_not_by_name(tmp_path: Path) -> None:
    heights = [0.0, 2.0, 4.0, 6.0, 8.0]
    shuffled = heights[:]
    random.Random(1).shuffle(shuffled)
    for number, z in enumerate(shuffled):
        make_slice(
            tmp_path / f"{number}.dcm", plane(int(z)), (1, 2, z), InstanceNumber=99 - number, RescaleIntercept=0, RescaleSlope=1
        )
    (tmp_path / "notes.txt").write_text("nothing")
    (series,) = find_series(tmp_path)
    assert (series.modality, series.problems, len(series.files)) == ("CT", (), 5)
    image = read_image(tmp_path, item=series.uid)
    assert image.pixels[0, :, 0, 0].tolist() == [0, 2, 4, 6, 8]
    assert image.geometry.spacing == (2, 0.5, 0.75)
    assert image.geometry.affine is not None
    assert np.allclose(image.geometry.affine @ (1, 1, 1, 1), (-1.75, -2.5, 2, 1))
    header = read_header(tmp_path)
    assert (header.shape, header.spacing) == (image.geometry.shape, image.geometry.spacing)
    assert image.path == tmp_path
    written = write_labels(tmp_path / "out" / "mask.dcm", (image.pixels[0] > 3).astype(np.uint8), image.geometry, like=image)
    assert written.name == "mask.nii.gz"
    assert read_labels(written).geometry.same_grid(image.geometry)


@pytest.mark.parametrize(
    ("heights", "problem"),
    [([0, 2, 6, 8], "missing-slice"), ([0, 2, 2, 4], "duplicate-position"), ([0, 2, 4.5, 6.5], "uneven-spacing")],
)
def test_problems_of_positions(tmp_path: Path, heights: list[float], problem: str) -> None:
    for number, z in enumerate(heights):
        make_slice(tmp_path / f"{number}.dcm", plane(number), (0, 0, z))
    (series,) = find_series(tmp_path)
    assert series.problems == (problem,)
    if problem == "duplicate-position":
        with pytest.raises(UnreadableFile) as caught:
            read_image(tmp_path, item=series.uid)
        assert caught.value.code == "unsupported"
    else:
        assert read_image(tmp_path).meta["problems"] == (problem,)


def test_gantry_tilt_keeps_its_shear(tmp_path: Path) -> None:
    for number in range(4):
        make_slice(tmp_path / f"{number}.dcm", plane(number), (0, 0.5 * number, 2.0 * number))
    (series,) = find_series(tmp_path)
    assert series.problems == ("gantry-tilt",)
    affine = read_image(tmp_path).geometry.affine
    assert affine is not None
    assert np.allclose(affine @ (3, 0, 0, 1), (0, -1.5, 6, 1))


def test_mixed_orientation_and_size_are_parts(tmp_path: Path) -> None:
    for number in range(3):
        make_slice(tmp_path / f"a{number}.dcm", plane(number), (0, 0, number))
        make_slice(tmp_path / f"s{number}.dcm", plane(number), (number, 0, 0), ImageOrientationPatient=[0, 1, 0, 0, 0, -1])
    found = find_series(tmp_path)
    assert [len(series.files) for series in found] == [3, 3]
    assert {series.uid for series in found} == {"1.2.3.4#1", "1.2.3.4#2"}
    assert all(series.problems == ("mixed-orientation",) for series in found)
    for series in found:
        assert read_image(tmp_path, item=series.uid).pixels.shape == (1, 3, 6, 8)
    with pytest.raises(UnreadableFile):
        read_image(tmp_path)


def test_no_position(tmp_path: Path) -> None:
    for number in range(3):
        make(tmp_path / f"{number}.dcm", plane(number), InstanceNumber=10 - number)
    (series,) = find_series(tmp_path)
    assert series.problems == ("no-position",)
    image = read_image(tmp_path)
    assert image.pixels[0, :, 0, 0].tolist() == [2, 1, 0]
    assert image.geometry.spacing is None
    assert image.geometry.affine is None


def test_radiographs_of_one_series_are_images(tmp_path: Path) -> None:
    for number in range(2):
        make(tmp_path / f"{number}.dcm", plane(number), Modality="DX")
    assert [len(series.files) for series in find_series(tmp_path)] == [1, 1]
    assert read_image(tmp_path, item="1.2.3.4#2").pixels.shape == (1, 6, 8)


def test_segmentations_broken_files_and_other_series_stay_apart(tmp_path: Path) -> None:
    make_slice(tmp_path / "0.dcm", plane(0), (0, 0, 0))
    make_slice(tmp_path / "1.dcm", plane(1), (0, 0, 1))
    make_slice(tmp_path / "2.dcm", plane(2), (0, 0, 0), SeriesInstanceUID="9.9")
    make_seg(tmp_path / "seg.dcm", [(1, 0.0, plane(1))])
    (tmp_path / "broken.dcm").write_bytes((tmp_path / "0.dcm").read_bytes()[:300])
    (tmp_path / "empty.dcm").touch()
    (tmp_path / "loop.dcm").symlink_to(tmp_path / "loop.dcm")
    assert {(series.uid, len(series.files)) for series in find_series(tmp_path)} == {("1.2.3.4", 2), ("9.9", 1)}


def test_rescaling_per_slice(tmp_path: Path) -> None:
    for number in range(3):
        make_slice(
            tmp_path / f"{number}.dcm", plane(10), (0, 0, number), Modality="PT", RescaleSlope=0.5 + number, RescaleIntercept=0
        )
    assert read_image(tmp_path).pixels[0, :, 0, 0].tolist() == [5, 15, 25]


def test_a_folder_without_a_series(tmp_path: Path) -> None:
    for call in (read_image, read_header, read_labels):
        with pytest.raises(UnreadableFile) as caught:
            call(tmp_path)
        assert caught.value.code == "not-an-image"


@settings(max_examples=60, deadline=None)
@given(
    st.integers(2, 12),
    st.floats(0.2, 8),
    st.tuples(*[st.floats(-1, 1)] * 4).filter(lambda q: sum(v * v for v in q) > 0.1),
    st.randoms(use_true_random=False),
)
def test_any_orientation_any_order(count: int, step: float, quaternion: tuple[float, ...], shuffler: random.Random) -> None:
    """Planes handed over in any order come back in theirs, with the affine that places each one."""
    w, x, y, z = np.array(quaternion) / np.linalg.norm(quaternion)
    turn = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
    positions = [np.array([3.0, -5.0, 7.0]) + turn[:, 2] * step * k for k in range(count)]
    order = list(range(count))
    shuffler.shuffle(order)
    planes = arrange([positions[k] for k in order], turn[:, :2].T)
    assert planes.problems == ()
    assert [order[i] for i in planes.order] == list(range(count))
    geometry = planes.geometry((4, 5), (0.5, 0.75))
    assert geometry.affine is not None
    for k in (0, count - 1):
        assert np.allclose(geometry.affine @ (k, 0, 0, 1), [*(positions[k] * (-1, -1, 1)), 1])
