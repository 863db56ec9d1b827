"""The page in a real Chromium, against a real server on loopback."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uvicorn
from tests.server.conftest import lungs, png

from delineate.server.app import create_app
from delineate.server.serving import bind
from delineate.server.settings import Settings

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
ARGUMENTS = [
    "--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
]  # fmt: skip
OPEN = "main[data-state=open]"
Open = Callable[..., Any]


@contextmanager
def serving(state: Path, **changes: Any) -> Iterator[str]:
    """The address of a server in a thread of this process."""
    values: dict[str, Any] = {"models": ("demo",), "threads": 1, **changes}
    app = create_app(Settings(state=state, **values))
    bound = bind("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, ws="none", timeout_graceful_shutdown=3))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
    thread.start()
    while not server.started:
        time.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{bound.getsockname()[1]}/"
    finally:
        server.should_exit = True
        thread.join()
        bound.close()


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of the demonstration model without a token."""
    with serving(tmp_path_factory.mktemp("site") / "state") as address:
        yield address


@pytest.fixture(scope="package")  # no longer: while it is open no other test of this thread may begin an event loop
def chromium() -> Iterator[Any]:
    if BROWSER is None:
        if os.environ.get("CI") == "true":
            pytest.fail("no Chromium here")
        pytest.skip("no Chromium here")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path=BROWSER, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium: Any, site: str) -> Iterator[Open]:
    """Opens the page; at the end nothing may have gone wrong in it, and nothing have been asked of another machine."""
    contexts = []
    troubles: list[str] = []
    strangers: list[str] = []

    def open_page(address: str = site, ready: bool = True, **options: Any) -> Any:
        settings = {"locale": "en-US", "viewport": {"width": 1000, "height": 700}, "color_scheme": "light", **options}
        context = chromium.new_context(**settings)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", lambda message: troubles.append(message.text) if _bad(message) else None)
        page.on("request", lambda request: strangers.append(request.url) if _strange(request.url, address) else None)
        page.goto(address)
        if ready:
            page.wait_for_selector("html[data-ready=yes]", state="attached")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not troubles
    assert not strangers


def _bad(message: Any) -> bool:
    # That a request was refused is told on the console too, and is what some tests are about.
    return (
        message.type in ("error", "warning") and "Failed to load resource" not in message.text and "GPU stall" not in message.text
    )


def _strange(url: str, address: str) -> bool:
    return not url.startswith((address, "blob:", "data:"))


@pytest.fixture(scope="session")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An 8-bit picture, 120 columns by 100 rows."""
    path = tmp_path_factory.mktemp("picture") / "scan.png"
    path.write_bytes(png(lungs(120)[:100]))
    return path


def upload(page: Any, *paths: Path) -> str:
    """Give files to the page, wait until their mask is shown; the number of the job."""
    with page.expect_response(lambda answer: answer.url.endswith("/v1/jobs") and answer.request.method == "POST") as began:
        page.set_input_files("#files", [str(path) for path in paths])
    page.wait_for_selector(OPEN)
    name: str = began.value.json()["id"]
    return name


def save(page: Any, what: str) -> bytes:
    """The file that a button of the panel gives."""
    with page.expect_download() as waiting:
        page.click(f"[data-save='{what}']")
    return Path(waiting.value.path()).read_bytes()


def on_screen(page: Any, shape: tuple[int, int], x: float, y: float) -> tuple[float, float]:
    """Where a point of a picture (column, row; 0, 0 is its upper left corner) is on the screen when it is fitted to the window."""
    box = page.locator("#view canvas").bounding_box()
    rows, columns = shape
    scale = min(box["width"] / columns, box["height"] / rows) * 0.96
    return box["x"] + box["width"] / 2 + (x - columns / 2) * scale, box["y"] + box["height"] / 2 + (y - rows / 2) * scale


def disc(shape: tuple[int, int], x: float, y: float, diameter: float) -> np.ndarray[Any, Any]:
    """Pixels whose centres are in a disc."""
    rows, columns = np.mgrid[: shape[0], : shape[1]] + 0.5
    return np.asarray((columns - x) ** 2 + (rows - y) ** 2 <= (diameter / 2) ** 2)


def brush(page: Any, diameter: int) -> None:
    page.locator("#brush").evaluate("(e, v) => { e.value = v; e.dispatchEvent(new Event('input')); }", str(diameter))
