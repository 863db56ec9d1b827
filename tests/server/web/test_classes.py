"""Several classes: those that exclude each other, and those that overlap."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from PIL import Image as Pillow
from tests.inference.conftest import MakeModel
from tests.inference.conftest import make_model as make_model
from tests.server.conftest import png
from tests.server.web.conftest import Open, brush, disc, on_screen, save, serving, upload

SHAPE = (40, 50)
NAMES = ["bright", "<b>dark</b>"]  # a name is text and never markup


def stripes() -> np.ndarray[Any, Any]:
    image = np.full(SHAPE, 100, np.uint8)
    image[:20, :25], image[20:, 25:] = 220, 20
    return image


def steep(make_model: MakeModel, kind: str) -> Path:
    """``exclusive``: class 1 everywhere. ``regions``: class 1 where a pixel is above 150, class 2 nowhere."""
    logits = [1.0, -1.0] if kind == "regions" else [0.0, 1.0, -1.0]
    labels = {"kind": kind, "names": NAMES}
    weights = [np.array(logits).reshape(-1, 1, 1, 1)]
    bias = -150.0 if kind == "regions" else 0.0
    return make_model(weights, bias, name="classes.onnx", labels=labels, thresholds=(0.5, 0.5), clean=({}, {}))


def test_a_stroke_of_one_class_takes_the_place_of_another(visit: Open, make_model: MakeModel, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png(stripes()))
    with serving(tmp_path / "state", models=(str(steep(make_model, "exclusive")), "demo")) as address:
        page = visit(address)
        assert page.locator("#model option").all_text_contents()[1] == "demo"
        upload(page, tmp_path / "a.png")
        before = np.asarray(Pillow.open(io.BytesIO(save(page, "png"))))
        assert (before == 1).all()
        page.keyboard.press("b")
        page.keyboard.press("2")
        assert page.locator("#label").input_value() == "2"
        brush(page, 11)
        page.mouse.click(*on_screen(page, SHAPE, 25.0, 20.0))
        expected = before.copy()
        expected[disc(SHAPE, 25.0, 20.0, 11)] = 2
        np.testing.assert_array_equal(np.asarray(Pillow.open(io.BytesIO(save(page, "corrected-png")))), expected)
        nifti = nibabel.Nifti1Image.from_bytes(gzip.decompress(save(page, "corrected-nifti")))
        np.testing.assert_array_equal(np.asarray(nifti.dataobj).reshape(SHAPE[::-1]).T, expected)
        counted = {
            row["name"]: row["voxel_count"] for row in json.loads(save(page, "json"))["corrected"]["rows"] if row["part"] == "all"
        }
        assert counted == {name: int((expected == value).sum()) for value, name in enumerate(NAMES, start=1)}
        assert page.locator("#classes .name").all_text_contents() == NAMES
        page.click("#undo")
        page.wait_for_selector("#edited", state="hidden")


@pytest.mark.slow  # one page more, and WebGL
def test_overlapping_classes_have_a_layer_each(visit: Open, make_model: MakeModel, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png(stripes()))
    volume = np.stack([stripes()] * 6, axis=-1).astype(np.int16)
    nibabel.save(nibabel.Nifti1Image(volume, np.diag([-1.0, -1, 2, 1])), tmp_path / "v.nii.gz")
    with serving(tmp_path / "state", models=(str(steep(make_model, "regions")),)) as address:
        page = visit(address, viewport={"width": 700, "height": 560})
        upload(page, tmp_path / "a.png")
        assert page.locator("[data-save=png]").count() == 0, "one picture cannot hold overlapping classes"
        sizes = [int(text.split()[0].replace(",", "")) for text in page.locator("#classes .value").all_text_contents()]
        page.keyboard.press("b")
        brush(page, 9)
        page.mouse.click(*on_screen(page, SHAPE, 25.0, 20.0))
        page.keyboard.press("2")
        page.mouse.click(*on_screen(page, SHAPE, 25.0, 20.0))
        rows = [row for row in json.loads(save(page, "json"))["corrected"]["rows"] if row["part"] == "all"]
        inside = disc(SHAPE, 25.0, 20.0, 9).sum()
        assert all(size < row["voxel_count"] <= size + inside for size, row in zip(sizes, rows, strict=True))
        downloads: list[Any] = []
        page.on("download", lambda download: downloads.append(download))
        page.click("[data-save=corrected-png]")
        for _ in range(100):
            if len(downloads) == 2:
                break
            page.wait_for_timeout(50)
        planes = [np.asarray(Pillow.open(download.path())) > 0 for download in downloads]
        both = planes[0] & planes[1]
        assert both[disc(SHAPE, 25.0, 20.0, 9)].all(), "where both were drawn, both are"
        page.click("#new")
        page.wait_for_selector("main[data-state=empty]")
        upload(page, tmp_path / "v.nii.gz")
        assert page.locator("#uneditable").is_visible()
        page.keyboard.press("b")
        assert page.locator("#tools [data-tool=move]").get_attribute("aria-pressed") == "true"
        assert save(page, "zip").startswith(b"PK")
