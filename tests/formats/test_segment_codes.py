"""Class names → codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydicom.sr.codedict import codes

from delineate.errors import RecipeError
from delineate.formats import segment_codes
from delineate.formats.segment_codes import code_of, load_codes


@pytest.mark.parametrize(
    ("name", "type_", "side", "region"),
    [
        ("lungs", "Lung", None, None),
        ("left_lung", "Lung", "left", None),
        ("rightLung", "Lung", "right", None),
        ("Kidney R", "Kidney", "right", None),
        ("左肺", "Lung", "left", None),
        ("brain tumour", "Neoplasm", None, "Brain"),
        ("skin-lesion", "Lesion", None, "Skin"),
        ("left ventricle", "Left ventricle", None, None),
        ("hippocampus_anterior", "Hippocampus", None, None),
        ("retinal vessels", "Blood Vessel", None, "Retina"),
        ("nuclei", "Nucleus", None, None),
    ],
)
def test_names_that_are_understood(name: str, type_: str, side: str | None, region: str | None) -> None:
    code = code_of(name)
    assert (code.type.meaning, code.side, code.region.meaning if code.region else None) == (type_, side, region)
    assert not code.generic


@pytest.mark.parametrize("name", ["foreground", "membrane", "liver-like background", "leftMask", "", "7", "head", "left"])
def test_names_that_are_not_are_called_tissue(name: str) -> None:
    assert code_of(name).generic
    assert code_of(name).type.value == "85756007"


def test_every_code_is_one_that_dicom_knows() -> None:
    known = {code.value for keyword in codes.SCT.dir() for code in [getattr(codes.SCT, keyword)]}
    for table in (segment_codes._ANATOMY, segment_codes._ABNORMAL, segment_codes._FLUID):
        assert [entry for entry in table.values() if entry[0] not in known] == []
    for concept in (
        *segment_codes.SIDES.values(),
        segment_codes.TISSUE,
        segment_codes.ANATOMY,
        segment_codes.ABNORMAL,
        segment_codes.FLUID,
    ):
        assert concept.value in known
    names = {*segment_codes._ANATOMY, *segment_codes._ABNORMAL, *segment_codes._FLUID}
    assert set(segment_codes._SAME.values()) <= names


def test_a_file_of_codes(tmp_path: Path) -> None:
    path = tmp_path / "codes.json"
    path.write_text(json.dumps({"classes": {"Membrane": {"type": {"value": "X1", "scheme": "99US", "meaning": "Cell membrane"}}}}))
    given = load_codes(path)
    assert code_of("membrane", given).type.value == "X1"
    assert code_of("liver", given).type.meaning == "Liver"
    for text, code in (
        ('{"classes": {}, "class": {}}', "unknown-key"),
        ("{", "json-damaged"),
        ('{"classes": {"a": {}}}', "invalid-value"),
    ):
        path.write_text(text)
        with pytest.raises(RecipeError) as caught:
            load_codes(path)
        assert caught.value.code == code
    with pytest.raises(RecipeError):
        load_codes(tmp_path / "none.json")
