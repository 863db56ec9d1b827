"""Models given to the client's browser: the endpoint, and the module that runs them under the server's own policy."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import uvicorn
from fastapi.testclient import TestClient
from tests.portable.tiny import feeds, model_file, picture

from delineate.domain import LabelSet
from delineate.inference import ModelFile, Predictor
from delineate.recipe import Preprocessing
from delineate.server.app import create_app
from delineate.server.serving import bind
from delineate.server.settings import Settings

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
ARGUMENTS = [
    "--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync",
]  # fmt: skip
TOKEN = "a-token-of-enough-letters"


def test_a_model_is_given_as_a_graph_and_its_card(client: TestClient) -> None:
    assert client.get("/v1/models/demo").json()["browser"] is True
    graph = client.get("/v1/models/demo/browser/model.onnx")
    card = client.get("/v1/models/demo/browser/card.json")
    assert (graph.status_code, card.status_code) == (200, 200)
    assert graph.headers["content-type"] == "application/octet-stream"
    assert graph.headers["cache-control"] == "private, no-cache"
    assert card.json()["model"]["sha256"] == hashlib.sha256(graph.content).hexdigest()
    image = picture(120, 100)
    session = onnxruntime.InferenceSession(graph.content, providers=["CPUExecutionProvider"])
    wanted = Predictor(ModelFile.open("demo"), engine="onnxruntime", threads=1).predict(image).mask.labels
    assert (session.run(None, feeds(image))[0] == wanted).mean() >= 0.999
    again = client.get("/v1/models/demo/browser/model.onnx", headers={"If-None-Match": graph.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    ("path", "status"),
    [("demo/browser/index.html", 400), ("demo/browser/..%2f..%2fmodel.onnx", 404), ("nobody/browser/model.onnx", 404)],
)
def test_nothing_else_is_given(client: TestClient, path: str, status: int) -> None:
    answer = client.get(f"/v1/models/{path}")
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_model_that_cannot_says_so(serve: Callable[..., TestClient], tmp_path: Path) -> None:
    model = model_file(tmp_path, LabelSet(), preprocessing=Preprocessing(size=(64, 48)), views=("rotate_90",))
    client = serve(models=(f"turned={model.path}",))
    assert client.get("/v1/models/turned").json()["browser"] is False
    answer = client.get("/v1/models/turned/browser/model.onnx")
    assert (answer.status_code, answer.json()["code"]) == (404, "browser-unable")


def test_a_token_is_asked_for(serve: Callable[..., TestClient]) -> None:
    client = serve(tokens=(TOKEN,))
    assert client.get("/v1/models/demo/browser/card.json").status_code == 401
    assert client.get("/v1/models/demo/browser/card.json", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """A server with a token, in a thread."""
    app = create_app(Settings(models=("demo",), state=tmp_path / "state", threads=1, tokens=(TOKEN,)))
    bound = bind("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, ws="none", timeout_graceful_shutdown=5))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{bound.getsockname()[1]}"
    server.should_exit = True
    thread.join()
    bound.close()


SCRIPT = """
async ({pixels, height, width, token, stop}) => {
  const { runInBrowser } = await import("/static/browser_run.js");
  const stages = [];
  const signal = stop ? AbortSignal.timeout(0) : undefined;
  const values = Uint8Array.from(atob(pixels), (letter) => letter.charCodeAt(0));
  try {
    const told = (stage, share) => stages.push([stage, share]);
    const headers = token ? { Authorization: `Bearer ${token}` } : {};
    const found = await runInBrowser("/v1/models/demo/browser/", values, height, width, 1, told, { headers, signal });
    let text = "";
    for (const value of found.mask) text += String.fromCharCode(value);
    return { mask: btoa(text), height: found.height, width: found.width, layers: found.layers, stages };
  } catch (error) {
    return { code: error.code, message: error.message };
  }
}
"""


@pytest.mark.slow  # a browser takes seconds to start
@pytest.mark.skipif(BROWSER is None and os.environ.get("CI") != "true", reason="no Chromium here")
def test_the_module_runs_under_the_servers_policy(address: str) -> None:
    from playwright.sync_api import sync_playwright

    assert BROWSER is not None, "CI needs Chromium"
    image = picture(140, 200)
    wanted = Predictor(ModelFile.open("demo"), engine="onnxruntime", threads=1).predict(image).mask.labels
    asked = {"pixels": base64.b64encode(image.pixels.tobytes()).decode(), "height": 140, "width": 200}
    requests: list[str] = []
    troubles: list[str] = []
    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path=BROWSER, args=ARGUMENTS)
        page = browser.new_page()
        page.goto(f"{address}/docs")  # a page of the server that does nothing by itself
        page.on("request", lambda request: requests.append(request.url))
        page.on("console", lambda line: troubles.append(f"{line.text} {line.location}") if line.type != "log" else None)
        found = page.evaluate(SCRIPT, {**asked, "token": TOKEN})
        assert "mask" in found, found
        mask = np.frombuffer(base64.b64decode(found["mask"]), np.uint8).reshape(140, 200)
        assert (mask == wanted).mean() >= 0.999
        assert (found["height"], found["width"], found["layers"]) == (140, 200, 1)
        assert [stage for stage, _ in found["stages"]][-1] == "done"
        assert {"engine", "model", "network"} <= {stage for stage, _ in found["stages"]}
        assert all(0 <= share <= 1 for _, share in found["stages"])
        assert [line for line in troubles if "favicon" not in line] == []
        second = page.evaluate(SCRIPT, {**asked, "token": TOKEN})
        assert second["mask"] == found["mask"]
        assert {stage for stage, _ in second["stages"]} == {"network", "done"}, "engine and model are kept"
        assert page.evaluate(SCRIPT, {**asked, "token": TOKEN, "stop": True})["code"] == "stopped"
        assert page.evaluate(SCRIPT, {**asked, "token": ""})["code"] == "model-failed", json.dumps(requests)
        assert page.evaluate(SCRIPT, {**asked, "width": 3, "token": TOKEN})["code"] == "channels-wrong"
        browser.close()
    assert all(url.startswith(address) for url in requests)
