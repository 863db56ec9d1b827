"""Sizes of a document's labels: a block of known size, in every orientation the file may have."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from delineate.domain import Geometry, Image, LabelSet
from delineate.editing import sizes
from delineate.editing.document import Document
from delineate.errors import DataError

SHAPE = (10, 30, 24)


def block(turned: bool = False, kind: str = "exclusive") -> Document:
    """4 × 12 × 8 voxels of 3 × 2 × 2 mm of the second of two classes; the file's axes may run another way than the grid."""
    affine = np.array([[0, 0, -2.0, 0], [0, -2, 0, 0], [3, 0, 0, 0], [0, 0, 0, 1]])
    pixels, labels = np.zeros((1, *SHAPE), np.int16), np.zeros(SHAPE, np.uint8)
    labels[3:7, 8:20, 8:16] = 2
    pixels[0][labels == 2] = 40
    geometry = Geometry(SHAPE, (3, 2, 2), affine)
    if turned:
        pixels, labels = pixels.transpose(0, 3, 2, 1)[:, ::-1], labels.transpose(2, 1, 0)[::-1]
        turn = affine[:, [2, 1, 0, 3]]
        turn[:3, 3] += turn[:3, 0] * (SHAPE[2] - 1)
        turn[:3, 0] *= -1
        geometry = Geometry((24, 30, 10), (2, 2, 3), turn)
    names = LabelSet(kind=kind, names=("one", "two"))  # type: ignore[arg-type]
    document = Document(Image(np.ascontiguousarray(pixels), geometry, Path("block.nii.gz"), meta={"modality": "CT"}), names)
    document.set_prediction(labels if kind == "exclusive" else np.stack([labels == 1, labels == 2]).astype(np.uint8))
    return document


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("kind", ["exclusive", "regions"])
def test_a_block_has_its_volume_whichever_way_the_file_is(turned: bool, kind: str) -> None:
    found = sizes.measure(block(turned, kind))
    one, two, *components = found.rows
    assert one.values["voxel_count"] == 0
    assert two.values["volume_ml"] == pytest.approx(4 * 12 * 8 * 3 * 2 * 2 / 1000)
    assert two.values["longest_diameter_mm"] == pytest.approx(np.hypot(24, 16), rel=0.05)
    assert two.values["hu_mean"] == 40
    assert len(components) == 1
    assert [row.name for row in sizes.rows(found)] == ["one", "two"]
    assert sizes.columns(found) == (
        "volume_ml",
        "longest_diameter_mm",
        "perpendicular_diameter_mm",
        "surface_area_mm2",
        "hu_mean",
        "voxel_count",
    )


def test_several_components_are_rows_of_their_own(tmp_path: Path) -> None:
    document = block()
    document.edited[0, 0:2, 0:2, 0:2] = 2
    found = sizes.measure(document, surface=False)
    assert [(row.part, row.component) for row in sizes.rows(found)] == [
        ("all", None),
        ("all", None),
        ("component", 1),
        ("component", 2),
    ]
    assert "surface_area_mm2" not in sizes.columns(found)
    sizes.write_csv(tmp_path / "m.csv", document, found)
    with (tmp_path / "m.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert float(rows[2]["volume_ml"]) == pytest.approx(4.608)
    assert rows[0]["case"] == "block.nii.gz"


def test_uneven_slices_are_measured_in_pixels() -> None:
    document = block()
    document.irregular = True
    values = sizes.measure(document).rows[1].values
    assert "volume_ml" not in values
    assert values["voxel_count"] == 384
    with pytest.raises(DataError) as refused:
        sizes.write_surfaces_page(document, Path("never.html"), "en")
    assert refused.value.code == "spacing-unknown"


def test_a_page_of_surfaces(tmp_path: Path) -> None:
    path = sizes.write_surfaces_page(block(), tmp_path / "page.html", "zh")
    text = path.read_text(encoding="utf-8")
    assert '"two"' in text
    assert "block.nii.gz" in text
    empty = block()
    empty.edited[:] = 0
    flat = Document(Image(np.zeros((1, 8, 8), np.uint8), Geometry((8, 8))))
    for document, code in ((empty, "surface-empty"), (flat, "surface-not-3d")):
        with pytest.raises(DataError) as refused:
            sizes.write_surfaces_page(document, tmp_path / "no.html", "en")
        assert refused.value.code == code


def test_a_table_for_the_clipboard() -> None:
    assert sizes.tsv(["class", "mL"], [["a\tb", "1"], ["c\nd", "2"]]) == "class\tmL\na b\t1\nc d\t2\n"
