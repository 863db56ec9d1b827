"""Languages, keys, tokens, troubles: the page as people meet it."""

from __future__ import annotations

import re
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.server.conftest import lungs, png
from tests.server.web.conftest import OPEN, Open, save, serving, upload

TOKEN = "a-token-of-enough-characters"


def visible(page: Any) -> str:
    return str(page.evaluate("document.body.innerText"))


def test_chinese_everywhere(visit: Open, picture: Path, tmp_path: Path) -> None:
    page = visit(locale="zh-CN")
    assert page.evaluate("document.documentElement.lang") == "zh-Hans"
    assert "将医学图像拖放到此处" in visible(page)
    upload(page, picture)
    text = visible(page)
    assert "结果" in text
    known = {"Delineate", "demo", "lung", "English", "NIfTI", "PNG", "Zip", "CSV", "JSON", "px", "scan", "Dice", "DICOM"}
    assert not set(re.findall(r"[A-Za-z]{2,}", text)) - known
    page.keyboard.press("m")
    assert "局限" in visible(page)
    assert "0.980 (0.979–0.981)" in visible(page)
    page.keyboard.press("Escape")
    (tmp_path / "note.txt").write_text("no image")
    page.set_input_files("#files", str(tmp_path / "note.txt"))
    page.wait_for_selector("#trouble:not([hidden])")
    assert page.locator("#trouble-title").text_content() == "无法识别的图像"
    page.click("#trouble-close")
    page.click("#language")
    page.wait_for_selector("html[lang=en]", state="attached")
    assert "Drop a medical image here" in visible(page)
    assert page.reload() is not None
    page.wait_for_selector("html[lang=en]", state="attached")


def test_by_keyboard_alone(visit: Open, picture: Path) -> None:
    page = visit()
    # From the start: the browser is told in good time that its own dialog is not wanted.
    page.on("filechooser", lambda chooser: chooser.set_files(str(picture)))
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "choose":
            break
    assert page.evaluate("document.activeElement.id") == "choose"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    page.wait_for_selector(OPEN)
    assert page.evaluate("document.activeElement.closest('#view') !== null"), "arrows and Space work at once"
    page.keyboard.press("?")
    assert page.locator("#help").is_visible()
    assert "Paint at the brush" in visible(page)
    page.keyboard.press("b")  # rests while a dialog is open
    page.keyboard.press("Escape")
    assert page.locator("#tools [data-tool=move]").get_attribute("aria-pressed") == "true"
    page.keyboard.press("b")
    assert page.locator("#tools [data-tool=brush]").get_attribute("aria-pressed") == "true"
    page.keyboard.press("]")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Space")
    page.wait_for_selector("#edited:not([hidden])")
    page.keyboard.press("Control+z")
    page.wait_for_selector("#edited", state="hidden")
    page.keyboard.press("h")
    assert not page.locator("#classes input").is_checked()
    page.keyboard.press("l")
    assert not page.locator("#outlines").is_checked()
    unnamed = page.evaluate(
        "[...document.querySelectorAll('button, input, select')].filter(e => e.checkVisibility() && !(e.innerText || e.ariaLabel"
        " || e.labels?.length)).map(e => e.outerHTML)"
    )
    assert unnamed == []


def test_a_token_is_asked_for_and_kept_by_the_tab_only(visit: Open, picture: Path, tmp_path: Path) -> None:
    with serving(tmp_path / "state", tokens=(TOKEN,)) as address:
        page = visit(address, ready=False)
        page.wait_for_selector("#token[open]")
        page.fill("#token-input", "another-token-that-is-wrong")
        page.keyboard.press("Enter")
        page.wait_for_selector("#token-wrong:not([hidden])")
        page.fill("#token-input", TOKEN)
        page.keyboard.press("Enter")
        page.wait_for_selector("html[data-ready=yes]", state="attached")
        upload(page, picture)
        assert save(page, "png").startswith(b"\x89PNG")
        assert TOKEN not in page.evaluate("JSON.stringify(localStorage) + document.cookie + location.href")
        assert page.evaluate("Object.values(sessionStorage)") == [TOKEN]


def test_troubles_are_told_and_another_image_can_be_opened(visit: Open, picture: Path, tmp_path: Path) -> None:
    page = visit()
    (tmp_path / "cut.png").write_bytes(picture.read_bytes()[:800])
    (tmp_path / "two.png").write_bytes(png(lungs(40)))
    for files, title in (
        (["cut.png"], "The image cannot be read"),
        (["two.png", "../two.png"], "One image at a time"),
    ):
        given = [str(tmp_path / "two.png") if "two" in name else str(tmp_path / name) for name in files]
        page.set_input_files("#files", given)
        page.wait_for_selector("#trouble:not([hidden])")
        assert page.locator("#trouble-title").text_content() == title
        assert page.locator("#drop").is_visible()
        page.keyboard.press("Escape")
        assert page.locator("#trouble").is_hidden()
    upload(page, picture)
    page.route("**/v1/**", lambda route: route.abort())
    page.click("[data-save=png]")
    page.wait_for_selector("#trouble:not([hidden])")
    assert page.locator("#trouble-title").text_content() == "The server cannot be reached"
    page.unroute("**/v1/**")
    page.click("#trouble-close")
    assert save(page, "png").startswith(b"\x89PNG"), "the image is still open"


@pytest.mark.slow  # a job that takes long is waited for
def test_cancelled_and_closed_images_leave_the_server(visit: Open, picture: Path, tmp_path: Path) -> None:
    with serving(tmp_path / "state") as address:
        page = visit(address)
        name = upload(page, picture)
        assert page.request.get(f"{address}v1/jobs/{name}").status == 200
        with page.expect_response(lambda answer: answer.request.method == "DELETE"):
            page.click("#new")
        assert page.request.get(f"{address}v1/jobs/{name}").status == 404
        # A job that takes long is in front of ours: ours waits, and is cancelled.
        np.save(tmp_path / "long.npy", np.stack([lungs(128)] * 200))
        long = page.request.post(
            f"{address}v1/jobs",
            multipart={"file": {"name": "a.npy", "mimeType": "x/y", "buffer": (tmp_path / "long.npy").read_bytes()}},
        ).json()
        with page.expect_response(lambda answer: answer.url.endswith("/v1/jobs")) as began:
            page.set_input_files("#files", str(picture))
        ours = began.value.json()["id"]
        page.wait_for_selector("#busy-text:has-text('turn')")
        with page.expect_response(lambda answer: answer.request.method == "DELETE"):
            page.keyboard.press("Escape")
        page.wait_for_selector("main[data-state=empty]")
        assert page.locator("#trouble").is_hidden()
        assert page.request.get(f"{address}v1/jobs/{ours}").status == 404
        page.request.delete(f"{address}v1/jobs/{long['id']}")
        upload(page, picture)
        (left,) = (tmp_path / "state" / "jobs").iterdir()
        page.goto("about:blank")
        for _ in range(50):
            page.wait_for_timeout(50)
            if not left.exists():
                break
        assert not left.exists(), "a page that is left takes its image along"


def test_dropped_files_open(visit: Open, picture: Path) -> None:
    page = visit()
    page.evaluate(
        """bytes => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([Uint8Array.from(bytes)], "dropped.png"));
            transfer.items.add(new File(["junk"], ".DS_Store"));
            document.body.dispatchEvent(new DragEvent("dragenter", { dataTransfer: transfer, bubbles: true }));
            document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
        }""",
        list(picture.read_bytes()),
    )
    page.wait_for_selector(OPEN)
    assert "dropped · 120 × 100" in page.locator("#caption").text_content()
    assert "dragging" not in (page.locator("body").get_attribute("class") or "")


def test_corrections_are_not_lost_unasked(visit: Open, picture: Path) -> None:
    page = visit()
    upload(page, picture)
    page.keyboard.press("b")
    page.keyboard.press("Space")
    page.wait_for_selector("#edited:not([hidden])")
    asked: list[str] = []
    page.once("dialog", lambda dialog: (asked.append(dialog.message), dialog.dismiss()))
    page.click("#new")
    assert asked
    assert page.locator(OPEN).count() == 1
    save(page, "corrected-png")
    page.click("#new")
    page.wait_for_selector("main[data-state=empty]")


def test_light_and_dark(visit: Open) -> None:
    page = visit(color_scheme="dark")
    ground = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(ground) == "rgb(15, 20, 25)"
    page.click("#theme")
    assert page.evaluate(ground) == "rgb(244, 246, 248)"
    page.reload()
    page.wait_for_selector("html[data-ready=yes]", state="attached")
    assert page.evaluate(ground) == "rgb(244, 246, 248)"


def test_the_page_is_strict_about_where_code_comes_from(site: str) -> None:
    with urllib.request.urlopen(site) as answer:
        policy = answer.headers["content-security-policy"]
    assert "unsafe-inline" not in policy
    assert "'unsafe-eval'" not in policy
    assert "default-src 'none'" in policy
