"""DICOM segmentations that begin where their first plane does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.formats.dicom_objects import make_slice

from delineate.dataset import load_mask
from delineate.dataset.placing import placed
from delineate.domain import Case, Geometry, LabelSet, Source
from delineate.errors import DataError, UnreadableFile
from delineate.formats import RawLabels, read_image, read_labels
from delineate.formats.dicom_seg_write import write_segmentation
from delineate.recipe import MaskRule

NOWHERE = Source(Path("nowhere"))
RULE = MaskRule(kind="values", values={0: 0, 1: 1, 2: 2})


def a_case(folder: Path, filled: slice) -> tuple[Case, np.ndarray]:
    for number in range(6):
        make_slice(folder / f"{number}.dcm", np.zeros((4, 5), np.int16), (1.0, 2.0, 3.0 * number), SliceThickness=3.0)
    image = read_image(folder)
    labels = np.zeros((6, 4, 5), np.uint8)
    labels[filled] = np.random.default_rng(1).integers(0, 3, labels[filled].shape)
    masks = np.stack([labels == 1, labels == 2]).astype(np.uint8)
    seg = write_segmentation(folder.parent / "seg.dcm", ["liver", "spleen"], masks, image)
    return Case("a", (Source(folder),), (Source(seg),)), labels


def test_a_sparse_segmentation_takes_its_place(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    case, labels = a_case(tmp_path / "in", slice(2, 4))
    assert read_labels(case.masks[0].path).geometry.shape == (2, 4, 5)
    geometry = read_image(case.path).geometry
    mask = load_mask(case, RULE, LabelSet(kind="exclusive", names=("liver", "spleen")), image_geometry=geometry)
    assert np.array_equal(mask.labels, labels)
    assert mask.geometry == geometry


def test_one_of_another_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    case, _ = a_case(tmp_path / "in", slice(2, 4))
    geometry = read_image(case.path).geometry
    assert geometry.affine is not None
    away = geometry.affine.copy()
    away[2, 3] += 1.0
    with pytest.raises(DataError) as caught:
        labels = LabelSet(kind="exclusive", names=("liver", "spleen"))
        load_mask(case, RULE, labels, image_geometry=Geometry(geometry.shape, geometry.spacing, away))
    assert caught.value.code == "mask-size-differs"


def test_a_series_with_a_gap(tmp_path: Path) -> None:
    """The object's own grid has as many planes as the series has slices, and they are others."""
    (tmp_path / "in").mkdir()
    case, labels = a_case(tmp_path / "in", slice(1, 6))
    (tmp_path / "in" / "3.dcm").unlink()
    image = read_image(case.path)
    assert image.geometry.affine is None
    assert read_labels(case.masks[0].path).geometry.shape == image.geometry.shape
    label_set = LabelSet(kind="exclusive", names=("liver", "spleen"))
    with pytest.raises(UnreadableFile):  # it was drawn on a slice that is missing
        load_mask(case, RULE, label_set, image_geometry=image.geometry)
    masks = np.stack([labels == 1, labels == 2]).astype(np.uint8)[:, [0, 1, 2, 4, 5]]
    write_segmentation(case.masks[0].path, ["liver", "spleen"], masks, image)
    mask = load_mask(case, RULE, label_set, image_geometry=image.geometry)
    assert np.array_equal(mask.labels, labels[[0, 1, 2, 4, 5]])


def test_turned_axes_and_other_formats() -> None:
    target = Geometry((4, 5, 6), (1, 1, 1), np.eye(4))
    affine = np.array([[0, 0, -1, 3], [1, 0, 0, 2], [0, 1, 0, 1], [0, 0, 0, 1]], float)  # own axes: column, slice …, one reversed
    values = np.arange(1, 7).reshape(1, 2, 3)
    raw = RawLabels(Geometry((1, 2, 3), (1, 1, 1), affine), values=values, meta={"modality": "SEG"})
    found = placed(raw, target, NOWHERE, NOWHERE).values
    assert found is not None
    for place in np.ndindex(values.shape):
        where = affine @ (*place, 1)
        assert found[tuple(where[:3].astype(int))] == values[place]
    assert (found != 0).sum() == 6
    plain = RawLabels(raw.geometry, values=values)
    assert placed(plain, target, NOWHERE, NOWHERE) is plain
