"""Pictures and X-rays on the page: what is downloaded is what the server answers, and what was drawn."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow
from tests.server.conftest import lungs, png
from tests.server.web.conftest import OPEN, Open, brush, disc, on_screen, save, upload

SHAPE = (100, 120)


def pixels(content: bytes) -> np.ndarray[Any, Any]:
    return np.asarray(Pillow.open(io.BytesIO(content)))


def test_downloads_are_the_bytes_of_the_rest_answer(visit: Open, picture: Path, site: str) -> None:
    page = visit()
    job = upload(page, picture)
    request = page.request
    for what, accept in (("png", "image/png"), ("nifti", "application/x-nifti"), ("zip", "application/zip")):
        answer = request.get(f"{site}v1/jobs/{job}/result", headers={"accept": accept})
        assert save(page, what) == answer.body(), what
    direct = request.post(
        f"{site}v1/segment",
        headers={"accept": "image/png"},
        multipart={"file": {"name": "a.png", "mimeType": "image/png", "buffer": picture.read_bytes()}},
    )
    assert save(page, "png") == direct.body()
    said = json.loads(save(page, "json"))
    rest = request.get(f"{site}v1/jobs/{job}/result").json()
    assert said["measures"] == rest["measures"]
    assert said["corrected"] is None
    assert "mask" not in said
    rows = list(csv.DictReader(io.StringIO(save(page, "csv").decode("utf-8-sig"))))
    assert [float(row["area_px"]) for row in rows] == [row["area_px"] for row in rest["measures"]["rows"]]
    shown = page.locator("#classes li[data-value='1'] .value").text_content()
    assert shown.replace(",", "") == f"{rest['classes'][0]['voxels']} px"
    assert page.locator("[data-save=dicom-seg]").count() == 0
    assert page.locator("[data-save=corrected-png]").count() == 0


def test_what_is_drawn_is_what_is_saved(visit: Open, picture: Path) -> None:
    page = visit()
    upload(page, picture)
    before = pixels(save(page, "png")) > 0
    page.keyboard.press("b")
    brush(page, 9)
    page.mouse.click(*on_screen(page, SHAPE, 60.5, 20.5))
    drawn = before | disc(SHAPE, 60.5, 20.5, 9)
    assert (drawn ^ before).sum() > 30
    corrected = pixels(save(page, "corrected-png"))
    assert corrected.dtype == np.uint8
    np.testing.assert_array_equal(corrected, drawn * np.uint8(255))
    page.keyboard.press("e")
    page.mouse.move(*on_screen(page, SHAPE, 30.5, 50.5))
    page.mouse.down()
    page.mouse.move(*on_screen(page, SHAPE, 90.5, 50.5), steps=7)
    page.mouse.up()
    erased = drawn.copy()
    erased[46:55, 31:90] = False  # all along the line, and round caps at its ends
    for x in (30.5, 90.5):
        erased &= ~disc(SHAPE, x, 50.5, 9)
    after = pixels(save(page, "corrected-png")) > 0
    assert (after ^ erased).sum() <= 4, "the eraser's line, but for pixels on its border"
    saved = json.loads(save(page, "json"))
    assert saved["corrected"]["rows"][0]["voxel_count"] == after.sum()
    assert saved["corrected"]["rows"][0]["intensity_mean"] == pytest.approx(lungs(120)[:100][after].mean(), rel=1e-6)
    rows = list(csv.DictReader(io.StringIO(save(page, "csv").decode("utf-8-sig"))))
    assert [row["voxel_count"] for row in rows if row["mask"] == "corrected" and row["part"] == "all"] == [str(after.sum())]
    page.keyboard.press("Control+z")
    np.testing.assert_array_equal(pixels(save(page, "corrected-png")) > 0, drawn)
    page.keyboard.press("Control+y")
    np.testing.assert_array_equal(pixels(save(page, "corrected-png")) > 0, after)
    page.click("#restore")
    np.testing.assert_array_equal(pixels(save(page, "corrected-png")) > 0, before)
    for _ in range(3):
        page.click("#undo")
    assert page.locator("[data-save=corrected-png]").count() == 0, "all strokes undone: nothing is corrected"
    assert page.locator("#undo").is_disabled()
    np.testing.assert_array_equal(pixels(save(page, "png")) > 0, before)


@pytest.mark.slow  # what is quick is done by test_what_is_drawn_is_what_is_saved
def test_zoomed_and_moved_the_brush_still_hits_its_pixel(visit: Open, picture: Path) -> None:
    page = visit()
    upload(page, picture)
    before = pixels(save(page, "png")) > 0
    x, y = on_screen(page, SHAPE, 60.5, 20.5)
    page.mouse.move(x, y)
    page.mouse.wheel(0, -600)  # about the mouse: the pixel under it stays there
    page.mouse.down()
    page.mouse.move(x + 50, y + 40, steps=3)
    page.mouse.up()
    page.keyboard.press("b")
    brush(page, 7)
    page.mouse.click(x + 50, y + 40)
    np.testing.assert_array_equal(pixels(save(page, "corrected-png")) > 0, before | disc(SHAPE, 60.5, 20.5, 7))


def test_a_16_bit_x_ray_is_read_by_the_server_and_has_a_window(visit: Open, tmp_path: Path) -> None:
    values = lungs(96).astype(np.uint16) * 13 + 100
    values[0, 0] = 60_000  # a marker: the window must not be spoilt by it
    (tmp_path / "x.png").write_bytes(png(values))
    page = visit()
    upload(page, tmp_path / "x.png")
    assert page.locator("#preset").input_value() == "auto"
    assert float(page.locator("#width").input_value()) < 3000
    assert until(page, lambda: 150 < grey(page) < 256), "the body between the lungs is light"
    page.select_option("#preset", "full")
    assert until(page, lambda: grey(page) < 20)


def grey(page: Any) -> int:
    """The red of the pixel in the middle."""
    middle = "c => c.getContext('2d').getImageData(c.width / 2, c.height / 2, 1, 1).data[0]"
    return int(page.locator("#view canvas").evaluate(middle))


def until(page: Any, true: Callable[[], bool]) -> bool:
    """Whether it becomes true within seconds: what is drawn is drawn with the next frame."""
    for _ in range(100):
        if true():
            return True
        page.wait_for_timeout(50)
    return False


@pytest.mark.slow  # 14 MB of engine are loaded and started
def test_in_the_browser_nothing_is_sent_and_the_mask_is_the_servers(visit: Open, picture: Path) -> None:
    page = visit()
    upload(page, picture)
    theirs = pixels(save(page, "png"))
    page.click("#new")
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.method != "GET" and "jobs/" not in request.url else None)
    page.check("[name=where][value=browser]")
    page.set_input_files("#files", str(picture))
    page.wait_for_selector(OPEN, timeout=40_000)
    ours = pixels(save(page, "png"))
    assert not sent
    assert (ours == theirs).mean() >= 0.999
    assert page.locator("[data-save=nifti]").count() == 0
    assert json.loads(save(page, "json"))["engine"] == "onnxruntime-web"


@pytest.mark.slow  # gestures of several steps
def test_fingers_draw_and_two_of_them_zoom(visit: Open, picture: Path) -> None:
    diameter = 8
    page = visit(has_touch=True, viewport={"width": 820, "height": 1000})
    upload(page, picture)
    before = pixels(save(page, "png")) > 0
    hands = page.context.new_cdp_session(page)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        shown = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
        hands.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": shown})

    page.keyboard.press("b")
    brush(page, diameter)
    x, y = on_screen(page, SHAPE, 60.5, 20.5)
    touch("touchStart", (x - 20, y), (x + 20, y))
    for step in range(1, 6):
        touch("touchMove", (x - 20 - 8 * step, y), (x + 20 + 8 * step, y))
    touch("touchEnd")
    page.wait_for_timeout(100)
    assert page.locator("[data-save=corrected-png]").count() == 0, "two fingers do not draw"
    touch("touchStart", (x, y))
    touch("touchEnd")
    page.wait_for_selector("[data-save=corrected-png]")
    drawn = (pixels(save(page, "corrected-png")) > 0) ^ before
    rows, columns = np.nonzero(drawn)
    assert drawn.sum() == pytest.approx(np.pi * diameter**2 / 4, rel=0.15)
    assert (columns.mean() + 0.5, rows.mean() + 0.5) == pytest.approx((60.5, 20.5), abs=1), "zoomed about the fingers' middle"
