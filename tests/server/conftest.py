"""A server of the demonstration model, in this process."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from delineate.server.app import create_app
from delineate.server.settings import Settings

BASE = "http://127.0.0.1"


def lungs(side: int = 96, seed: int = 0) -> np.ndarray[Any, Any]:
    """A bright body with two dark ellipses: the demonstration model finds something in it."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] / (side - 1) * 2 - 1
    image = np.where(x**2 / 0.8 + y**2 / 0.7 < 1, 170.0, 10.0)
    for centre in (-0.38, 0.38):
        image[(x - centre) ** 2 / 0.06 + y**2 / 0.25 < 1] = 40
    return np.clip(image + rng.normal(0, 4, image.shape), 0, 255).astype(np.uint8)


def png(array: np.ndarray[Any, Any]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., TestClient]]:
    """Starts servers with given settings; all are closed at the end."""
    opened: list[TestClient] = []

    def start(**changes: Any) -> TestClient:
        values: dict[str, Any] = {"models": ("demo",), "state": tmp_path / "state", "threads": 1, **changes}
        client = TestClient(create_app(Settings(**values)), base_url=BASE, raise_server_exceptions=False)
        client.__enter__()
        opened.append(client)
        return client

    yield start
    for client in opened:
        client.__exit__(None, None, None)


@pytest.fixture
def client(serve: Callable[..., TestClient]) -> TestClient:
    return serve()
