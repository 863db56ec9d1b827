"""The page of surfaces in a real browser: it draws, answers keys, changes language, and asks nobody for anything."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.measures.shapes import ball, box, sampled

from delineate.measures import frame_of
from delineate.measures.surfaces import surface_of
from delineate.measures.viewer import write_viewer

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
ARGUMENTS = [
    "--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
]  # fmt: skip


@pytest.mark.slow  # a browser takes seconds to start
@pytest.mark.skipif(BROWSER is None, reason="no Chromium here")
def test_page_draws_and_answers(tmp_path: Path) -> None:
    from playwright.sync_api import sync_playwright

    surfaces = []
    for label, inside in ((1, ball(14)), (2, box(60, 4, 4))):
        made = surface_of(label, f"thing {label}", *_framed(inside))
        assert made is not None
        surfaces.append(made)
    path = write_viewer(tmp_path / "x.html", surfaces, title="things", language="en")
    troubles: list[str] = []
    requests: list[str] = []
    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path=BROWSER, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1000, "height": 700})
        page.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(path.as_uri())
        page.wait_for_selector("html[data-ready=yes]", state="attached", timeout=60_000)
        page.keyboard.press("1")
        page.wait_for_timeout(300)
        front = colours(page)
        assert any(abs(int(c[0]) - 230) < 60 and c[2] < 90 for c in front), "the orange ball is seen"
        assert page.locator("#w").text_content() == "R", "from the front the patient's right is on the left"
        assert page.locator("#n").text_content() == "S"
        assert page.locator("#bar span").text_content() == "1 cm"
        rod = np.flatnonzero([any(c[2] > c[0] + 60 for c in column) for column in colours(page).reshape(140, -1, 3).swapaxes(0, 1)])
        bar = page.locator("#bar div").bounding_box()
        assert bar is not None
        assert 4 * (rod.max() - rod.min()) == pytest.approx(6 * bar["width"], rel=0.04), "the rod is 6 cm long"
        page.keyboard.press("2")
        page.wait_for_timeout(300)
        assert page.locator("#w").text_content() == "L"
        page.locator("input[type=checkbox]").first.uncheck()
        page.wait_for_timeout(300)
        assert not any(abs(int(c[0]) - 230) < 60 and c[2] < 90 for c in colours(page)), "the ball is hidden"
        page.locator("nav button").last.click()
        assert "的表面" in str(page.locator("h1").text_content())
        browser.close()
    assert not troubles
    assert requests == [path.as_uri()]


def _framed(inside: Any) -> tuple[Any, Any]:
    mask, geometry = sampled(inside, np.eye(3), 32)
    return mask, frame_of(geometry)


def colours(page: Any) -> Any:
    """A picture of the view beside the panel, every fourth pixel."""
    import io

    from PIL import Image

    shot = page.screenshot(clip={"x": 330, "y": 60, "width": 600, "height": 560})
    return np.asarray(Image.open(io.BytesIO(shot)).convert("RGB"), dtype=int)[::4, ::4].reshape(-1, 3)
