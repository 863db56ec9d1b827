"""Scores of groups, and their way through cases.csv."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from delineate.domain import IGNORE, LabelSet
from delineate.errors import DataError
from delineate.evaluation import GroupScore, read_cases_csv, score_group, write_cases_csv
from delineate.metrics import Confusion, Lesions, hd95

BINARY = LabelSet()
TWO = LabelSet(kind="exclusive", names=("outer", "inner"))
REGIONS = LabelSet(kind="regions", names=("whole", "core"))


def square(at: int, side: int = 4, label: int = 1) -> np.ndarray:
    plane = np.zeros((12, 12), np.uint8)
    plane[at : at + side, 2 : 2 + side] = label
    return plane


def score(pred: np.ndarray, truth: np.ndarray, labels: LabelSet = BINARY, spacing: tuple[float, ...] | None = None) -> GroupScore:
    return score_group(pred, truth, labels, spacing, group="g", person="p", part="test")


def test_image_in_pixels() -> None:
    result = score(square(3), square(2))
    (one,) = result.classes
    assert (result.planes, result.distance_unit, one.truth_ml) == (1, "px", None)
    assert one.counts == Confusion(tp=12, fp=4, fn=4, tn=124)
    assert one.values["dice"] == pytest.approx(0.75)
    assert one.values["hd95"] == 1


def test_volume_in_millimetres() -> None:
    truth, pred = np.stack([square(2)] * 3), np.stack([square(3)] * 3)
    result = score(pred, truth, spacing=(5.0, 2.0, 0.5))
    (one,) = result.classes
    assert (result.planes, result.distance_unit) == (3, "mm")
    assert one.truth_ml == pytest.approx(48 * 5.0 * 2.0 * 0.5 / 1000)
    assert one.values["hd95"] == pytest.approx(hd95(pred > 0, truth > 0, (5.0, 2.0, 0.5))) == 2.0


def test_a_volume_is_not_the_mean_of_its_slices() -> None:
    truth, pred = np.stack([square(2, 6), square(2, 1)]), np.stack([square(2, 6), square(8, 1)])
    assert score(pred, truth).value("dice") == pytest.approx(2 * 36 / (37 + 37))


def test_classes_and_ignored_pixels() -> None:
    truth, pred = square(2, 6), square(2, 6)
    truth[3:5, 3:5] = 2
    pred[3:5, 3:6] = 2
    truth[3:5, 5] = IGNORE
    result = score(pred, truth, TWO)
    assert [c.name for c in result.classes] == ["outer", "inner"]
    assert result.classes[1].values["dice"] == 1
    assert result.value("dice") == 1
    assert result.classes[0].counts.total == 144 - 2


def test_regions_overlap() -> None:
    truth = np.stack([square(2, 6), square(2, 3)])
    result = score(truth, truth, REGIONS)
    assert result.value("iou") == 1
    assert [c.counts.truth for c in result.classes] == [36, 9]


def test_a_class_that_is_nowhere_is_left_out_of_the_mean() -> None:
    result = score(square(3), square(2), TWO)
    assert math.isnan(result.classes[1].values["dice"])
    assert result.value("dice") == pytest.approx(0.75)


def test_arrays_that_do_not_belong_together() -> None:
    with pytest.raises(DataError) as caught:
        score(np.zeros((2, 3), int), np.zeros((3, 2), int))
    assert caught.value.code == "score-shapes-differ"
    with pytest.raises(DataError, match="spacing"):
        score(square(1), square(1), spacing=(1.0, 1.0, 1.0))
    with pytest.raises(DataError, match="cannot score"):
        score(np.zeros((3, 4, 4), int), np.zeros((3, 4, 4), int), REGIONS)


def test_csv_gives_back_what_went_in(tmp_path: Path) -> None:
    scores = [
        score_group(
            np.stack([square(3)] * 2), np.stack([square(2)] * 2), TWO, (3.0, 0.7, 0.7), group="p10/v", person="p10", part="test"
        ),
        score_group(square(3), square(2), TWO, group='a "quoted", name', person="患者 2", part="validation"),
        score_group(square(3), square(2) * 0, TWO, group="p2/v", person="p2", part="test"),
    ]
    path = tmp_path / "cases.csv"
    write_cases_csv(path, scores)
    first = path.read_bytes()
    read = read_cases_csv(path)
    assert [s.group for s in read] == ["p2/v", "p10/v", 'a "quoted", name']
    by_group = {s.group: s for s in read}
    for expected in scores:
        found = by_group[expected.group]
        assert (found.person, found.part, found.planes, found.spacing_mm) == (
            expected.person,
            expected.part,
            expected.planes,
            expected.spacing_mm,
        )
        for mine, theirs in zip(found.classes, expected.classes, strict=True):
            assert (mine.name, mine.label, mine.counts, mine.truth_ml) == (
                theirs.name,
                theirs.label,
                theirs.counts,
                theirs.truth_ml,
            )
            np.testing.assert_equal(dict(mine.values), dict(theirs.values))
    write_cases_csv(path, read[::-1])
    assert path.read_bytes() == first


def test_the_tolerance_is_in_the_name_of_its_column(tmp_path: Path) -> None:
    path = tmp_path / "cases.csv"
    scores = [
        score_group(square(3), square(2), BINARY, group="g", person="p", part="test", nsd_tolerance=1.5),
        score_group(square(3), square(2), BINARY, (2.0, 2.0), group="h", person="q", part="test", nsd_tolerance=1.5),
    ]
    write_cases_csv(path, scores)
    header = path.read_text(encoding="utf-8").splitlines()[0].split(",")
    assert {"nsd_1.5mm", "nsd_1.5px", "assd_mm", "volume_difference_mm2", "lesions_hit", "lesion_f1"} <= set(header)
    read = read_cases_csv(path)
    assert [(s.nsd_tolerance, s.volume_unit) for s in read] == [(1.5, "px"), (1.5, "mm2")]
    assert [s.value("nsd") for s in read] == [s.value("nsd") for s in scores] and read[0].classes[0].lesions == Lesions(1, 1, 1)
    assert read[0].value("nsd") == 1 and read[1].value("nsd") < 1  # one pixel is near, 2 mm are not


def test_a_table_from_before_these_measures_is_read(tmp_path: Path) -> None:
    path = tmp_path / "cases.csv"
    path.write_text(
        "part,person,group,class,label,planes,spacing_mm,tp_px,fp_px,fn_px,tn_px,truth_px,prediction_px,truth_ml,prediction_ml,"
        "dice,iou,precision,recall,f1,hd95_mm,hd95_px,assd_mm,assd_px\n"
        "test,p,g,lung,1,3,2.0x1.0x1.0,60,40,20,880,80,100,0.16,0.2,0.6667,0.5,0.6,0.75,0.6667,3.5,,1.5,\n",
        encoding="utf-8",
    )
    (score,) = read_cases_csv(path)
    (one,) = score.classes
    assert (one.values["hd95"], one.values["assd"], one.lesions, "nsd" in one.values) == (3.5, 1.5, None, False)
    assert one.values["volume_difference"] == pytest.approx(0.04)  # follows from the counts
    assert one.values["relative_volume_difference"] == pytest.approx(0.25)


def test_csv_of_undecodable_names(tmp_path: Path) -> None:
    name = b"caf\xe9".decode("utf-8", "surrogateescape")
    write_cases_csv(tmp_path / "c.csv", [score_group(square(1), square(1), BINARY, group=name, person=name, part="test")])
    assert read_cases_csv(tmp_path / "c.csv")[0].group == "caf\ufffd"


@pytest.mark.parametrize("content", ["a,b\n1,2\n", "part,person,group\n", b"\xff\xfe\x00"])
def test_a_damaged_table_is_an_error_or_empty(tmp_path: Path, content: str | bytes) -> None:
    path = tmp_path / "cases.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    if content == "part,person,group\n":
        assert read_cases_csv(path) == []
    else:
        with pytest.raises(DataError) as caught:
            read_cases_csv(path)
        assert caught.value.code == "cases-csv"
