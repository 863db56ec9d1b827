"""The interface as it is described holds for whatever a generator thinks of, and for bodies that were tampered with."""

from __future__ import annotations

import http.client
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import schemathesis
import uvicorn
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, status_code_conformance
from tests.server.conftest import lungs, png
from tests.server.test_segment import ct, encrypted, nifti_bomb, png_bomb, zip_of

from delineate.i18n import has
from delineate.server.app import create_app
from delineate.server.problems import STATUS
from delineate.server.serving import bind
from delineate.server.settings import Settings

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """A server in a thread of this process; small limits, so that nothing takes long."""
    values = {"threads": 1, "max_pixels": 1 << 20, "max_upload": 1 << 20, "max_unpacked": 4 << 20, "queue": 100_000}
    app = create_app(Settings(models=("demo",), state=tmp_path / "state", **values))  # type: ignore[arg-type]
    bound = bind("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, ws="none", timeout_graceful_shutdown=5))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield bound.getsockname()[1]
    server.should_exit = True
    thread.join()
    bound.close()


def test_the_document_is_openapi_3_1_and_names_every_route(client: TestClient) -> None:
    found = client.get("/openapi.json").json()
    assert found["openapi"].startswith("3.1")
    routes = {(path, method) for path, methods in found["paths"].items() for method in methods}
    assert {("/v1/segment", "post"), ("/v1/jobs/{id}", "delete"), ("/v1/jobs/{id}/events", "get"), ("/metrics", "get")} <= routes
    text = str(found)
    assert "HTTPValidationError" not in text
    for name in [part.split("'")[0] for part in text.split("#/components/schemas/")[1:]]:
        assert name in found["components"]["schemas"], name


def test_every_problem_has_a_sentence_in_both_languages() -> None:
    assert [code for code in STATUS for language in ("en", "zh") if not has(f"error.{code}", language)] == []


def fuzz(port: int, count: int) -> int:
    """Every operation with ``count`` requests that fit the document and ``count`` that do not; returns how many were sent."""
    url = f"http://127.0.0.1:{port}"
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    sent = 0
    for result in schema.get_all_operations():
        for mode in schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE:
            strategy = result.ok().as_strategy(generation_mode=mode)

            @settings(
                max_examples=count, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )  # fmt: skip
            @given(case=strategy)
            def one(case: schemathesis.Case) -> None:
                nonlocal sent
                sent += 1
                case.validate_response(case.call(base_url=url, timeout=30), checks=CHECKS)

            with suppress(Unsatisfiable):  # an operation without anything that could be wrong
                one()
    return sent


def test_generated_requests(port: int) -> None:
    assert fuzz(port, 5) > 40


@pytest.mark.slow  # thousands of requests
@pytest.mark.timeout(1800)
def test_thousands_of_generated_requests(port: int) -> None:
    assert fuzz(port, 300) > 3000


def bodies(tmp_path: Path) -> list[bytes]:
    """Valid and hostile contents, to be tampered with."""
    series = [path.read_bytes() for path in ct(tmp_path / "ct", 2)]
    contents = [png(lungs(32)), zip_of(("a.png", png(lungs(32)))), png_bomb(), nifti_bomb(), encrypted(), *series]
    head = b'--b\r\nContent-Disposition: form-data; name="%s"; filename="a%d"\r\nContent-Type: image/png\r\n\r\n'
    field = b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\ndemo\r\n'
    return [head % (b"file", n) + content[:40_000] + b"\r\n" + field + b"--b--\r\n" for n, content in enumerate(contents)]


def tampered(body: bytes, rng: random.Random) -> bytes:
    data = bytearray(body)
    for _ in range(rng.choice((1, 1, 2, 8))):
        at = rng.randrange(min(len(data), 400) if rng.random() < 0.6 else len(data)) if data else 0
        what = rng.randrange(5)
        if what == 0:
            data[at : at + 1] = bytes([rng.randrange(256)])
        elif what == 1:
            del data[at : at + rng.choice((1, 10, 1000))]
        elif what == 2:
            data[at:at] = bytes(rng.randrange(256) for _ in range(rng.choice((1, 4, 40))))
        elif what == 3:
            data[at:at] = rng.choice((b"\r\n", b"--b", b"--b--\r\n", b'name="file"', b"\x00", b"\xff\xff\xff\xff", b'"', b";"))
        else:
            del data[at:]
    return bytes(data)


def tamper(port: int, tmp_path: Path, count: int) -> Counter[int]:
    rng, whole, seen = random.Random(7), bodies(tmp_path), Counter[int]()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    for number in range(count):
        body = tampered(whole[number % len(whole)], rng)
        path = "/v1/jobs" if number % 10 == 0 else "/v1/segment"
        try:
            connection.request("POST", path, body, {"Content-Type": "multipart/form-data; boundary=b"})
            answer = connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            seen[0] += 1
            continue
        seen[answer.status] += 1
        assert answer.status < 500 or answer.status == 503, (number, text[:300])
        assert answer.status in (200, 202) or b'"code"' in text
    connection.close()
    return seen


def test_bodies_that_were_tampered_with(port: int, tmp_path: Path) -> None:
    seen = tamper(port, tmp_path, 150)
    assert seen[0] == 0
    assert sum(seen[status] for status in (400, 413, 415, 422)) > 75
    assert list((tmp_path / "state" / "uploads").iterdir()) == []


@pytest.mark.slow  # ten thousand requests
@pytest.mark.timeout(1800)
def test_ten_thousand_bodies_that_were_tampered_with(port: int, tmp_path: Path) -> None:
    seen = tamper(port, tmp_path, 10_000)
    assert seen[0] == 0
    assert list((tmp_path / "state" / "uploads").iterdir()) == []
