"""DICOM segmentations beside their series, overlapping and with other numbers in other files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tests.formats.dicom_objects import make_slice

from delineate.dataset import infer_mask_rule, load_mask
from delineate.formats import read_image
from delineate.formats.dicom_seg_write import write_segmentation
from delineate.layouts import scan


def test_segments_become_classes(tmp_path: Path) -> None:
    truth = {}
    for p in range(3):
        folder = tmp_path / "images" / f"p{p}"
        folder.mkdir(parents=True)
        for k in range(5):
            make_slice(
                folder / f"{k}.dcm", np.full((8, 9), k, np.int16), (0, 0, 2.0 * k), SliceThickness=2.0, SeriesInstanceUID=f"1.{p}"
            )
        image = read_image(folder)
        liver, tumour = np.zeros((2, 5, 8, 9), np.uint8)
        liver[1:4, 2:7, 1:8] = 1
        tumour[2, 3:5, 3:5] = 1  # inside the liver
        names, masks = ["liver", "tumour"], [liver, tumour]
        if p == 2:  # another order of the same segments
            names, masks = names[::-1], masks[::-1]
        (tmp_path / "masks").mkdir(exist_ok=True)
        write_segmentation(tmp_path / "masks" / f"p{p}.dcm", names, np.stack(masks), image)
        truth[f"p{p}"] = np.stack([liver, tumour])
    found = scan(tmp_path)
    assert found.class_names == {1: "liver", 2: "tumour"}
    assert [[(source.item, source.label) for source in case.masks] for case in found.cases] == [
        [("1", 1), ("2", 2)],
        [("1", 1), ("2", 2)],
        [("1", 2), ("2", 1)],
    ]
    rule, labels = infer_mask_rule(found)[:2]
    assert labels.names == ("liver", "tumour")
    for case in found.cases:
        mask = load_mask(case, rule, labels, image_geometry=read_image(case.path).geometry).labels
        layers = truth[case.path.name]
        if labels.kind == "regions":
            assert np.array_equal(mask, layers)
        else:  # the smaller one is drawn into the larger
            assert np.array_equal(mask, np.where(layers[1], 2, layers[0]))
