"""Headers of every answer."""

from __future__ import annotations

from pathlib import Path

from fastapi.testclient import TestClient

from delineate.server.app import create_app
from delineate.server.settings import Settings


def test_page_is_served_with_a_strict_policy(tmp_path: Path) -> None:
    with TestClient(create_app(Settings(models=("demo",), state=tmp_path)), base_url="http://127.0.0.1") as client:
        answer = client.get("/")
        assert answer.status_code == 200
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe-inline" not in policy
        assert "http:" not in policy
        assert "https:" not in policy
        assert client.get("/static/../app.py").status_code == 404
        assert client.get("/static/%2e%2e/app.py").status_code == 404
