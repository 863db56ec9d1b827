"""A mask that a person corrected: measured and written as the model's own masks are, and told to be corrected."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pydicom
import pytest
from fastapi.testclient import TestClient
from PIL import Image as Pillow
from tests.inference.conftest import MakeModel
from tests.inference.conftest import make_model as make_model
from tests.server.conftest import lungs, png
from tests.server.test_segment import archive, ct, problem


def correct(client: TestClient, image: bytes, labels: Any, accept: str = "application/json", name: str = "a.png") -> Any:
    packed = labels if isinstance(labels, bytes) else gzip.compress(np.ascontiguousarray(labels, np.uint8).tobytes())
    files = [("labels", ("x", packed)), ("file", (name, image))]
    return client.post("/v1/corrected", files=files, headers={"accept": accept})


def square(side: int = 64) -> np.ndarray[Any, Any]:
    labels = np.zeros((side, side), np.uint8)
    labels[10:20, 30:35] = 1
    return labels


def test_a_mask_of_known_size_is_measured_and_written(client: TestClient) -> None:
    image = png(lungs(64))
    said = correct(client, image, square()).json()
    assert said["classes"] == [{"value": 1, "name": "lung", "voxels": 50}]
    assert said["measures"]["rows"][0]["area_px"] == 50
    assert said["mask"]["classes"]["lung"][:2] == [10 * 64 + 30, 5]
    assert (said["engine"], said["quality"]["known"]) == ("hand", False)
    mask = np.asarray(Pillow.open(io.BytesIO(correct(client, image, square(), "image/png").content)))
    np.testing.assert_array_equal(mask, square() * 255)


def test_the_models_mask_unchanged_gives_the_models_answer(client: TestClient, tmp_path: Path) -> None:
    study = archive(ct(tmp_path / "ct"))
    model = client.post("/v1/segment", files=[("file", ("s.zip", study))], headers={"accept": "application/x-nifti"}).content
    labels = np.asarray(nibabel.Nifti1Image.from_bytes(gzip.decompress(model)).dataobj).T
    same = correct(client, study, labels, "application/x-nifti", "s.zip").content
    assert gzip.decompress(same) == gzip.decompress(model)
    measured = client.post("/v1/segment", files=[("file", ("s.zip", study))]).json()["measures"]
    assert correct(client, study, labels, name="s.zip").json()["measures"] == measured


def test_a_segmentation_says_that_a_person_had_a_hand_in_it(client: TestClient, tmp_path: Path) -> None:
    pytest.importorskip("highdicom")
    study = archive(ct(tmp_path / "ct"))
    labels = np.zeros((4, 64, 64), np.uint8)
    labels[1:3, 10:20, 30:35] = 1
    made = pydicom.dcmread(io.BytesIO(correct(client, study, labels, "application/dicom", "s.zip").content))
    assert made.SegmentSequence[0].SegmentAlgorithmType == "SEMIAUTOMATIC"
    assert int(made.pixel_array.sum()) == 100
    first = client.post("/v1/segment", files=[("file", ("s.zip", study))], headers={"accept": "application/dicom"})
    assert pydicom.dcmread(io.BytesIO(first.content)).SegmentSequence[0].SegmentAlgorithmType == "AUTOMATIC"


def test_overlapping_classes_come_one_after_the_other(serve: Callable[..., TestClient], make_model: MakeModel) -> None:
    weights = [np.stack([np.ones((1, 1, 1)), -np.ones((1, 1, 1))])]
    labels = {"kind": "regions", "names": ["bright", "dark"]}
    client = serve(models=(str(make_model(weights, 0.0, labels=labels, thresholds=(0.5, 0.5), clean=({}, {}))),))
    said = correct(client, png(lungs(64)), np.stack([square(), np.ones((64, 64))])).json()
    assert [one["voxels"] for one in said["classes"]] == [50, 64 * 64]


def test_what_does_not_fit_is_refused(client: TestClient) -> None:
    image = png(lungs(64))
    assert problem(correct(client, image, square(63)), 422, "labels-wrong")["params"]["reason"] == "not 64 × 64 bytes"
    problem(correct(client, image, square(65)), 422, "labels-wrong")
    problem(correct(client, image, square() * 2), 422, "labels-wrong")
    problem(correct(client, image, b"hello"), 422, "labels-wrong")
    problem(correct(client, image, gzip.compress(square().tobytes())[:-9]), 422, "labels-wrong")
    problem(correct(client, image, gzip.compress(bytes(1 << 24))), 422, "labels-wrong")
    problem(client.post("/v1/corrected", files=[("file", ("a.png", image))]), 400, "no-labels")
    problem(client.post("/v1/segment", files=[("file", ("a.png", image)), ("labels", ("x", b"y"))]), 400, "field-unknown")
    twice = [("file", ("a.png", image)), ("labels", ("x", b"y")), ("labels", ("x", b"y"))]
    problem(client.post("/v1/corrected", files=twice), 400, "field-twice")
