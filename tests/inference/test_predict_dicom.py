"""Predicting DICOM: segmentations that belong to the study, what a person hears of the geometry, and no name elsewhere."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from tests.formats.dciodvfy import errors_of, needs_dciodvfy
from tests.formats.dicom_objects import make, make_slice
from tests.inference.conftest import MakeModel

from delineate.errors import MissingExtra, UsageError
from delineate.events import Event, Note
from delineate.formats import read_image, read_labels
from delineate.formats.dicom_seg_place import read_segments
from delineate.formats.segment_codes import Concept, SegmentCode
from delineate.inference import Predictor, predict_paths

SECRETS = {"PatientName": "Zebulon^Quill", "PatientID": "MRN-0815-4711", "PatientBirthDate": "19530217"}


def series(folder: Path, heights: list[float], lean: float = 0.0) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number, z in enumerate(heights):
        pixels = np.zeros((16, 16), np.int16)
        pixels[2 : 6 + number, 3:9] = 1
        make_slice(folder / f"{9 - number}.dcm", pixels, (0, lean * z, z), SliceThickness=2.0, AccessionNumber="ACC-99", **SECRETS)
    return folder


@needs_dciodvfy
def test_a_series_gives_one_segmentation(make_model: MakeModel, tmp_path: Path) -> None:
    folder, out = series(tmp_path / "ct", [0, 2, 4, 6]), tmp_path / "out"
    predictor = Predictor(make_model())
    given = {"foreground": SegmentCode(type=Concept(value="10200004", meaning="Liver"))}
    (row,) = predict_paths(predictor, [folder], out, format="dicom-seg", probabilities=True, segment_codes=given)
    assert row.status == "done", row
    assert sorted(path.name for path in row.outputs) == ["ct_mask.dcm", "ct_probability.dcm"]
    for path in row.outputs:
        assert errors_of(path) == []
    image = read_image(folder)
    (mask,) = read_segments(out / "ct_mask.dcm", image).masks
    assert np.array_equal(mask, predictor.predict(image).mask.labels)
    assert mask.any()
    assert not mask.all()
    dataset = pydicom.dcmread(out / "ct_mask.dcm")
    assert dataset.SegmentSequence[0].SegmentedPropertyTypeCodeSequence[0].CodeMeaning == "Liver"
    (again,) = predict_paths(predictor, [folder], out, format="dicom-seg", probabilities=True)
    assert again.code == "exists"


@pytest.mark.parametrize("kind", [None, "nrrd", "mha", "tiff", "npz", "npy", "dicom-seg"])
def test_nobody_is_named_in_what_is_written(make_model: MakeModel, tmp_path: Path, kind: str | None) -> None:
    out, told = tmp_path / "out", []
    folder = series(tmp_path / "ct", [0, 2, 4, 8])
    broken = series(tmp_path / "broken", [0, 2, 4]) / "9.dcm"
    broken.write_bytes(broken.read_bytes()[:-300])
    good, bad = predict_paths(
        Predictor(make_model()),
        [folder, broken],
        out,
        format=kind,
        overlay=True,
        probabilities=True,
        identity=False,
        on_event=told.append,
    )
    assert (good.status, bad.status) == ("done", "failed")
    files = [path for path in out.rglob("*") if path.is_file()]
    assert len(files) == 4  # the mask, the picture, the probabilities, the table
    written = [gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes() for path in files]
    everything = b"".join([*written, *(path.name.encode() for path in files), repr(told).encode(), repr(bad).encode()])
    for secret in ("Zebulon", "Quill", "MRN-0815-4711", "19530217", "ACC-99"):
        assert secret.encode() not in everything


def notes(model: Path, source: Path, out: Path, **options: Any) -> list[tuple[str, dict[str, Any]]]:
    told: list[Event] = []
    predict_paths(Predictor(model), [source], out, on_event=told.append, **options)
    return [(note.code, dict(note.params)) for note in told if isinstance(note, Note)]


def test_gaps_and_tilt_are_told(make_model: MakeModel, tmp_path: Path) -> None:
    model, out = make_model(), tmp_path / "out"
    ((code, numbers),) = notes(model, series(tmp_path / "gap", [0, 2, 4, 10]), out)
    assert (code, numbers["gaps"]) == ("series-missing-slice", "3–4 (2)")
    assert read_labels(out / "gap_mask.nii.gz").geometry.affine is None
    ((code, numbers),) = notes(model, series(tmp_path / "tilt", [0, 2, 4, 6], lean=0.2), out)
    assert (code, numbers["degrees"]) == ("series-gantry-tilt", "11.31")
    assert notes(model, series(tmp_path / "even", [0, 2, 4, 6]), out) == []


def test_volumes_in_the_table(make_model: MakeModel, tmp_path: Path) -> None:
    """By the true distance of slices; none where slices are missing."""
    model, out = make_model(), tmp_path / "out"
    rows = [
        predict_paths(Predictor(model), [series(tmp_path / name, heights, lean)], out)[0]
        for name, heights, lean in (("even", [0, 2, 4], 0.0), ("tilt", [0, 2, 4], 0.5), ("gap", [0, 2, 8], 0.0))
    ]
    area = rows[0].areas["foreground"]
    assert rows[0].volumes["foreground"] == pytest.approx(area * 2 * 0.5 * 0.75 / 1000)
    assert rows[1].volumes == pytest.approx(rows[0].volumes)
    assert rows[2].volumes == {}


def test_what_is_no_dicom_is_said_before_it_is_computed(make_model: MakeModel, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((8, 8), np.uint8))
    (row,) = predict_paths(Predictor(make_model()), [tmp_path / "a.npy"], tmp_path / "out", format="dicom-seg")
    assert (row.status, row.code) == ("failed", "seg-needs-dicom")
    assert "--format" in row.sentence()


def test_without_highdicom_nothing_begins(make_model: MakeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("delineate.inference.outputs.find_spec", lambda name: None)
    with pytest.raises(MissingExtra):
        predict_paths(Predictor(make_model()), [tmp_path], tmp_path / "out", format="dicom-seg")
    with pytest.raises(UsageError):
        predict_paths(Predictor(make_model()), [tmp_path], tmp_path / "out", format="webp")


@needs_dciodvfy
def test_a_radiograph(make_model: MakeModel, tmp_path: Path) -> None:
    pixels = np.zeros((16, 16), np.uint16)
    pixels[4:9, 2:7] = 1
    make(tmp_path / "x.dcm", pixels, SOPClassUID="1.2.840.10008.5.1.4.1.1.1.1", Modality="DX", **SECRETS)
    (row,) = predict_paths(Predictor(make_model()), [tmp_path / "x.dcm"], tmp_path / "out", format="dicom-seg")
    assert row.status == "done", row
    assert errors_of(tmp_path / "out" / "x_mask.dcm") == []
    (mask,) = read_segments(tmp_path / "out" / "x_mask.dcm", read_image(tmp_path / "x.dcm")).masks
    assert np.array_equal(mask, pixels)
