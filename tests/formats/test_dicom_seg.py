"""DICOM segmentations as labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from delineate.errors import UnreadableFile
from delineate.formats import read_header, read_image, read_labels
from formats.dicom_objects import make_seg

LEFT, RIGHT = np.zeros((4, 6), np.uint8), np.zeros((4, 6), np.uint8)
LEFT[:, :3], RIGHT[:, 3:] = 1, 1


def test_frames_are_placed_by_position(tmp_path: Path) -> None:
    """In any order, with empty planes left out."""
    path = make_seg(tmp_path / "s.dcm", [(2, 6.0, RIGHT), (1, 0.0, LEFT), (2, 0.0, RIGHT)])
    labels = read_labels(path)
    assert labels.values is not None
    assert labels.values.shape == (4, 4, 6)
    assert np.array_equal(labels.values[0], LEFT + 2 * RIGHT)
    assert not labels.values[1:3].any()
    assert np.array_equal(labels.values[3], 2 * RIGHT)
    assert labels.geometry.spacing == (2, 0.5, 0.75)
    assert labels.geometry.affine is not None
    assert np.allclose(labels.geometry.affine @ (3, 1, 1, 1), (-10.75, -20.5, 6, 1))
    header = read_header(path)
    assert (header.shape, header.names) == ((4, 4, 6), ("1", "2"))
    assert header.meta["segments"] == {1: "part 1", 2: "part 2"}


def test_overlap_is_refused_and_segments_can_be_read_alone(tmp_path: Path) -> None:
    path = make_seg(tmp_path / "s.dcm", [(1, 0.0, LEFT), (2, 0.0, LEFT), (2, 2.0, RIGHT)])
    with pytest.raises(UnreadableFile) as caught:
        read_labels(path)
    assert caught.value.code == "unsupported"
    two = read_labels(path, item="2").values
    assert two is not None
    assert two.tolist() == np.stack([LEFT, RIGHT]).tolist()
    with pytest.raises(UnreadableFile) as caught:
        read_labels(path, item="7")
    assert caught.value.code == "not-found"


def test_fractions(tmp_path: Path) -> None:
    path = make_seg(tmp_path / "s.dcm", [(1, 0.0, LEFT * 100)], "FRACTIONAL", MaximumFractionalValue=200)
    values = read_labels(path).values
    assert values is not None
    assert values.max() == 0.5


def test_it_is_no_image(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile) as caught:
        read_image(make_seg(tmp_path / "s.dcm", [(1, 0.0, LEFT)]))
    assert caught.value.code == "unsupported"


def test_uneven_planes_are_refused(tmp_path: Path) -> None:
    path = make_seg(tmp_path / "s.dcm", [(1, 0.0, LEFT), (1, 2.0, LEFT), (1, 5.0, LEFT)], step=2.0)
    with pytest.raises(UnreadableFile) as caught:
        read_labels(path)
    assert caught.value.code == "unsupported"
