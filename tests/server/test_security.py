"""Who may ask, what every answer carries, what is written down."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from tests.server.conftest import lungs, png
from tests.server.test_segment import problem, send

from delineate.errors import UsageError
from delineate.server.security import known_token
from delineate.server.settings import Settings, is_loopback

TOKEN = "f00dfacef00dfacef00dface"
OTHER = "beadbeadbeadbeadbeadbead"


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def test_every_answer_has_a_strict_policy(client: TestClient) -> None:
    for path in ("/", "/docs", "/v1/models", "/nothing", "/openapi.json", "/metrics"):
        answer = client.get(path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe-inline" not in policy
        assert "'unsafe-eval'" not in policy
        assert "http:" not in policy
        assert "https:" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert "access-control-allow-origin" not in answer.headers
    assert client.get("/static/../app.py").status_code == 404
    assert client.get("/static/%2e%2e/app.py").status_code == 404


def test_the_docs_page_needs_nothing_from_elsewhere(client: TestClient) -> None:
    for path in ("/docs", "/docs/docs.js", "/docs/docs.css"):
        answer = client.get(path)
        assert answer.status_code == 200
        assert "//" not in answer.text.replace("// ", "").replace("://127", "")


def test_other_addresses_need_a_token() -> None:
    with pytest.raises(UsageError, match="token"):
        Settings(models=("demo",), state=Path(), host="0.0.0.0")
    with pytest.raises(UsageError, match="guessed"):
        Settings(models=("demo",), state=Path(), tokens=("short",))
    Settings(models=("demo",), state=Path(), host="0.0.0.0", tokens=(TOKEN,))
    assert [is_loopback(host) for host in ("127.0.0.1", "127.3.2.1", "::1", "[::1]", "localhost")] == [True] * 5
    assert [is_loopback(host) for host in ("0.0.0.0", "::", "10.0.0.1", "localhost.evil.com", "")] == [False] * 5


def test_tokens(serve: Callable[..., TestClient]) -> None:
    client = serve(tokens=(TOKEN, OTHER))
    for path in ("/", "/docs", "/healthz", "/readyz", "/openapi.json"):
        assert client.get(path).status_code == 200
    for headers in ({}, bearer("wrong"), bearer(""), {"authorization": TOKEN}, {"authorization": f"Basic {TOKEN}"}):
        for path in ("/v1/models", "/metrics", "/v1/jobs/x", "/v1/nothing"):
            answer = client.get(path, headers=headers)
            problem(answer, 401, "token-wrong")
            assert answer.headers["www-authenticate"].startswith("Bearer")
    assert client.get("/v1/models", headers=bearer(OTHER)).status_code == 200
    begun = client.post("/v1/jobs", files={"file": ("a.png", png(lungs()))}, headers=bearer(TOKEN)).json()
    assert client.get(f"/v1/jobs/{begun['id']}", headers=bearer(TOKEN)).status_code == 200
    problem(client.get(f"/v1/jobs/{begun['id']}", headers=bearer(OTHER)), 404, "job-unknown")
    problem(client.delete(f"/v1/jobs/{begun['id']}", headers=bearer(OTHER)), 404, "job-unknown")
    assert known_token(TOKEN, (OTHER, TOKEN))
    assert not known_token("", (OTHER, TOKEN))


def test_foreign_pages_do_not_get_in(client: TestClient) -> None:
    problem(client.get("/v1/models", headers={"host": "evil.example"}), 421, "host-wrong")
    problem(client.get("/", headers={"host": "127.0.0.1.evil.example"}), 421, "host-wrong")
    files = {"file": ("a.png", png(lungs()))}
    problem(client.post("/v1/segment", files=files, headers={"origin": "http://evil.example"}), 403, "cross-site")
    problem(client.post("/v1/segment", files=files, headers={"origin": "null"}), 403, "cross-site")
    problem(client.get("/v1/models", headers={"sec-fetch-site": "cross-site"}), 403, "cross-site")
    assert client.post("/v1/segment", files=files, headers={"origin": "http://127.0.0.1"}).status_code == 200


def test_the_audit_log_says_who_what_and_what_came_of_it(serve: Callable[..., TestClient], tmp_path: Path) -> None:
    client = serve(tokens=(TOKEN,))
    files = {"file": ("Quill_Zebulon_19530217.png", png(lungs()))}
    good = client.post("/v1/segment", files=files, headers=bearer(TOKEN))
    client.post("/v1/segment", files={"file": ("Quill.png", b"nothing")}, headers=bearer(TOKEN))
    text = (tmp_path / "state" / "audit.jsonl").read_text(encoding="utf-8")
    first, second = (json.loads(line) for line in text.splitlines())
    assert (first["event"], first["outcome"], second["outcome"]) == ("segment", "done", "not-an-image")
    assert first["request"] == good.headers["x-request-id"]
    import hashlib

    assert first["input_sha256"] == hashlib.sha256(files["file"][1]).hexdigest()
    assert first["output_sha256"] == hashlib.sha256(good.content).hexdigest()
    assert first["who"] != "local"
    assert TOKEN not in text
    assert "Quill" not in text


def test_no_answer_without_its_line_in_the_audit_log(client: TestClient, tmp_path: Path) -> None:
    (tmp_path / "state" / "audit.jsonl").mkdir()
    problem(send(client, png(lungs())), 507, "cannot-write")


def test_metrics_and_readiness(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    send(client, png(lungs()))
    client.get("/v1/models/abc")
    client.get("/some/secret/path")
    text = client.get("/metrics").text
    assert 'delineate_requests_total{method="POST",route="/v1/segment",status="200"} 1.0' in text
    assert 'route="/v1/models/{model}"' in text
    assert "secret" not in text
    assert 'delineate_images_total{model="demo",outcome="done"} 1.0' in text
    assert client.get("/readyz").json() == {"ready": True, "models": 1, "reason": None}
    client.app.state.parts.desk.leaving = True  # type: ignore[attr-defined]
    assert client.get("/readyz").status_code == 503
