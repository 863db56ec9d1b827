"""The image as the page shows it: the numbers that were read, on the grid of the mask, without a name."""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from fastapi.testclient import TestClient
from PIL import Image as Pillow
from tests.server.conftest import lungs, png
from tests.server.test_segment import SECRETS, archive, ct, problem


def show(client: TestClient, content: bytes, name: str) -> Any:
    return client.post("/v1/image", files=[("file", (name, content))])


def nifti(content: bytes) -> Any:
    return nibabel.Nifti1Image.from_bytes(gzip.decompress(content))


def test_a_16_bit_picture_keeps_its_numbers(client: TestClient) -> None:
    pixels = lungs(40).astype(np.uint16) * 200 + 7
    pixels[0, 1] = 60_000
    answer = show(client, png(pixels), "a.png")
    assert answer.headers["content-type"] == "application/x-nifti"
    shown = np.asarray(nifti(answer.content).dataobj)
    np.testing.assert_array_equal(shown.T, pixels)


def test_a_picture_in_colour_is_a_png(client: TestClient) -> None:
    colours = np.stack([lungs(40, seed=seed) for seed in range(3)], axis=-1)
    answer = show(client, png(colours), "a.png")
    assert answer.headers["content-type"] == "image/png"
    np.testing.assert_array_equal(np.asarray(Pillow.open(io.BytesIO(answer.content))), colours)


def test_a_dicom_series_lies_where_its_mask_lies_and_names_nobody(client: TestClient, tmp_path: Path) -> None:
    content = archive(ct(tmp_path / "ct"))
    answer = show(client, content, "study.zip")
    image = nifti(answer.content)
    mask = client.post("/v1/segment", files=[("file", ("s.zip", content))], headers={"accept": "application/x-nifti"})
    np.testing.assert_allclose(image.affine, nifti(mask.content).affine)
    assert image.shape == nifti(mask.content).shape == (64, 64, 4)
    assert answer.headers["x-delineate-modality"] == "CT"
    for secret in SECRETS.values():
        assert secret.encode() not in gzip.decompress(answer.content)


def test_what_is_no_image_is_told(client: TestClient) -> None:
    problem(show(client, b"hello", "a.txt"), 415, "not-an-image")
    told = client.post("/v1/image", files=[("file", ("a.txt", b"hello"))], headers={"accept-language": "zh"})
    assert "上传的文件" in told.json()["detail"]
