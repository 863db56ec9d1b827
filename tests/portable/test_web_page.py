"""The web folder in a real browser, from a plain static server: the predictor's mask, and no request to anybody else."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.portable.static_server import serving
from tests.portable.tiny import model_file, picture

from delineate.domain import LabelSet
from delineate.formats import read_image
from delineate.inference import ModelFile, Predictor, clean_labels
from delineate.portable import write_folder
from delineate.recipe import Clean, Normalisation, Preprocessing

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
ARGUMENTS = [
    "--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync",
]  # fmt: skip
LEAST = 0.999
pytestmark = pytest.mark.skipif(BROWSER is None and os.environ.get("CI") != "true", reason="no Chromium here")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    assert BROWSER is not None, "CI needs Chromium"
    with sync_playwright() as player:
        opened = player.chromium.launch(executable_path=BROWSER, args=ARGUMENTS)
        yield opened
        opened.close()


class Visit:
    """A page of the folder; what it asks for and complains of is kept."""

    def __init__(self, browser: Any, address: str) -> None:
        self.requests: list[str] = []
        self.troubles: list[str] = []
        self.page = browser.new_page(viewport={"width": 1100, "height": 900}, locale="en-GB")
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda line: self.troubles.append(line.text) if line.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))
        self.page.goto(address)
        self.page.wait_for_selector("html[data-ready=yes]", state="attached")

    def choose(self, path: Path) -> str:
        """The status line after ``path`` was computed, or refused."""
        self.page.set_input_files("#file", path)
        self.page.wait_for_selector("html[data-busy=no]", state="attached", timeout=60_000)
        return str(self.page.locator("#status").text_content())

    def saved(self, number: int = 0) -> np.ndarray[Any, Any]:
        with self.page.expect_download() as waited:
            self.page.locator("#save button").nth(number).click()
        with Image.open(waited.value.path()) as image:
            values = np.asarray(image.convert("RGB"))
        assert (values == values[..., :1]).all()
        return values[..., 0]


def save(path: Path, pixels: Any) -> Path:
    Image.fromarray(np.ascontiguousarray(np.moveaxis(pixels, 0, -1).squeeze())).save(path)
    return path


def test_the_page_gives_the_predictors_mask_and_asks_nobody(browser: Any, tmp_path: Path) -> None:
    model = ModelFile.open("demo")
    predictor = Predictor(model, engine="onnxruntime", threads=1)
    write_folder(model, "web", tmp_path / "web")
    with serving(tmp_path / "web") as address:
        visit = Visit(browser, address)
        for name, image in (("grey", picture(150, 210)), ("colour", picture(96, 131, 3)), ("large", picture(900, 700))):
            path = save(tmp_path / f"{name}.png", image.pixels)
            wanted = predictor.predict(read_image(path)).mask.labels
            assert 0.02 < (wanted > 0).mean() < 0.98
            assert visit.choose(path).startswith("Done in ")
            found = visit.saved()
            assert found.shape == wanted.shape
            assert (found == wanted).mean() >= LEAST, name
            said = visit.page.locator("#areas td").nth(1).text_content()
            assert int(said.replace(",", "")) == (found == 1).sum()
        assert visit.page.locator("#scores td").first.text_content().startswith("Test")
        visit.page.click("#language")
        assert "仅显示轮廓" in visit.page.locator(".tick").text_content()
        assert visit.page.locator("#limits li").count() > 2
        bad = tmp_path / "bad.png"
        bad.write_bytes(b"no picture")
        assert "无法" in visit.choose(bad)
        assert all(url.startswith((address, "data:", "blob:")) for url in visit.requests), visit.requests
        assert visit.troubles == []


CLEAN = """
async (cases) => {
  const { cleanLabels } = await import("./browser_clean.js");
  return cases.map(({ mask, height, width, card }) => Array.from(cleanLabels(Uint8Array.from(mask), height, width, card)));
}
"""


def test_overlapping_classes_a_fixed_scale_and_clean_up(browser: Any, tmp_path: Path, masks: list[Any]) -> None:
    scale = Normalisation(scheme="dataset", low=(0.0,), high=(220.0,), mean=(40.0,), std=(30.0,))
    preprocessing = Preprocessing(colour="rgb", channels=3, fit="scale", scale=0.5, tile=64, normalisation=scale)
    labels = LabelSet(kind="regions", names=("a", "b"))
    model = model_file(tmp_path, labels, preprocessing=preprocessing, clean=(Clean(largest=True), Clean(min_pixels=9)))
    path = save(tmp_path / "picture.png", picture(90, 120, 3).pixels)
    wanted = Predictor(model, engine="onnxruntime", threads=1).predict(read_image(path)).mask.labels
    write_folder(model, "web", tmp_path / "web")
    with serving(tmp_path / "web") as address:
        visit = Visit(browser, address)
        assert visit.choose(path).startswith("Done in ")
        for number in range(2):
            assert 0.02 < wanted[number].mean() < 0.98
            assert (visit.saved(number) == wanted[number]).mean() >= LEAST
        large = save(tmp_path / "large.png", picture(140, 60, 3).pixels)
        assert "140 × 60, not more than 129" in visit.choose(large)
        assert visit.page.locator("#result").is_hidden()
        cases = []
        for labels, mask, options in masks:
            entries = [{"value": value, "clean": option.model_dump()} for value, option in enumerate(options, start=1)]
            card = {"overlapping": labels.kind == "regions", "labels": entries}
            cases.append({"mask": mask.ravel().tolist(), "height": mask.shape[-2], "width": mask.shape[-1], "card": card})
        for (labels, mask, options), found in zip(masks, visit.page.evaluate(CLEAN, cases), strict=True):
            np.testing.assert_array_equal(np.reshape(found, mask.shape), clean_labels(mask, labels, options))
