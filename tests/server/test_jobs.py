"""Work that outlives its connection and its process."""

from __future__ import annotations

import gzip
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from fastapi.testclient import TestClient
from tests.server.conftest import BASE, lungs, png
from tests.server.test_segment import problem, send

from delineate.errors import ResourceError
from delineate.inference import Predictor
from delineate.server import jobs
from delineate.server.app import create_app
from delineate.server.job_table import JobTable, Record
from delineate.server.settings import Settings


def volume(slices: int = 6) -> bytes:
    pixels = np.stack([lungs(64, seed=z) for z in range(slices)]).transpose(2, 1, 0)
    return bytes(nibabel.Nifti1Image(pixels, np.diag([-2.0, 2, 5, 1])).to_bytes())


def begin(client: TestClient, content: bytes | None = None, **fields: str) -> str:
    answer = client.post("/v1/jobs", files={"file": ("v.nii", content or volume())}, data=fields)
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"/v1/jobs/{answer.json()['id']}"
    return str(answer.json()["id"])


def ended(client: TestClient, name: str, seconds: float = 60) -> dict[str, Any]:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        job: dict[str, Any] = client.get(f"/v1/jobs/{name}").json()
        if job["state"] in ("done", "failed", "cancelled"):
            return job
        time.sleep(0.05)
    raise AssertionError(job)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """The network waits for this event at every batch, once it is told to."""
    go_on = threading.Event()
    genuine = Predictor._run

    def slow(self: Predictor, batch: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        if not threading.current_thread().name.startswith(("Main", "AnyIO")):
            go_on.wait(20)
        return genuine(self, batch)

    monkeypatch.setattr(Predictor, "_run", slow)
    yield go_on
    go_on.set()


def test_a_job_gives_what_a_request_gives(client: TestClient, tmp_path: Path) -> None:
    name = begin(client)
    job = ended(client, name)
    assert job["state"] == "done"
    assert job["progress"]["done"] == job["progress"]["total"] > 0
    for accept in ("application/json", "application/x-nifti", "application/zip"):
        result = client.get(f"/v1/jobs/{name}/result", headers={"accept": accept})
        single = send(client, volume(), name="v.nii", accept=accept)
        if accept == "application/json":
            ours, theirs = result.json(), single.json()
            for key in ("model", "input", "classes", "mask", "measures", "quality"):
                assert ours[key] == theirs[key], key
        elif accept == "application/x-nifti":
            assert gzip.decompress(result.content) == gzip.decompress(single.content)
    problem(client.get(f"/v1/jobs/{name}/result", headers={"accept": "image/png"}), 406, "not-acceptable")
    problem(client.get(f"/v1/jobs/{name}/result?mask=circles"), 400, "request-wrong")
    assert not (tmp_path / "state" / "jobs" / name / "input").exists(), "the input is not kept"
    assert client.delete(f"/v1/jobs/{name}").status_code == 204
    problem(client.get(f"/v1/jobs/{name}"), 404, "job-unknown")
    assert list((tmp_path / "state" / "jobs").iterdir()) == []


def test_events_end_with_the_final_state(client: TestClient) -> None:
    name = begin(client)
    with client.stream("GET", f"/v1/jobs/{name}/events") as stream:
        lines = list(stream.iter_lines())
    assert stream.headers["content-type"].startswith("text/event-stream")
    data = [json.loads(line[6:]) for line in lines if line.startswith("data: ")]
    assert data[-1]["state"] == "done"
    assert [one for one in lines if one.startswith("event: ")][-1] == "event: state"


def test_a_failed_job_says_why(client: TestClient) -> None:
    name = begin(client, b"no image at all")
    job = ended(client, name)
    assert (job["state"], job["problem"]["code"], job["problem"]["status"]) == ("failed", "not-an-image", 415)
    problem(client.get(f"/v1/jobs/{name}/result"), 415, "not-an-image")


def test_cancelling_stops_the_work(client: TestClient, held: threading.Event, tmp_path: Path) -> None:
    name, other = begin(client), begin(client)
    while client.get(f"/v1/jobs/{name}").json()["state"] != "running":
        time.sleep(0.02)
    problem(client.get(f"/v1/jobs/{name}/result"), 409, "job-not-done")
    assert client.delete(f"/v1/jobs/{name}").status_code == 204
    problem(client.get(f"/v1/jobs/{name}"), 404, "job-unknown")
    held.set()
    assert ended(client, other)["state"] == "done"
    assert [path.name for path in (tmp_path / "state" / "jobs").iterdir()] == [other]


def test_accepted_jobs_survive_the_end_of_the_process(tmp_path: Path, held: threading.Event) -> None:
    settings = Settings(models=("demo",), state=tmp_path / "state", threads=1)
    with TestClient(create_app(settings), base_url=BASE) as first:
        names = [begin(first), begin(first)]
        while first.get(f"/v1/jobs/{names[0]}").json()["state"] != "running":
            time.sleep(0.02)
        threading.Timer(0.3, held.set).start()
    held.set()
    with TestClient(create_app(settings), base_url=BASE) as second:
        assert [ended(second, name)["state"] for name in names] == ["done", "done"]


def test_more_than_may_wait_are_told_when_to_come_again(serve: Callable[..., TestClient], held: threading.Event) -> None:
    client = serve(queue=2)
    running = begin(client)
    while client.get(f"/v1/jobs/{running}").json()["state"] != "running":
        time.sleep(0.02)
    names = [begin(client), begin(client)]
    answer = client.post("/v1/jobs", files={"file": ("v.nii", volume())})
    problem(answer, 429, "server-busy")
    assert int(answer.headers["retry-after"]) > 0
    held.set()
    assert all(ended(client, name)["state"] == "done" for name in [running, *names])


def test_too_many_requests_at_once(serve: Callable[..., TestClient], held: threading.Event) -> None:
    client = serve(queue=1, workers=1)
    answers: list[Any] = []
    threads = [threading.Thread(target=lambda: answers.append(send(client, png(lungs())))) for _ in range(5)]
    for thread in threads:
        thread.start()
    until = time.monotonic() + 10
    while len(answers) < 3 and time.monotonic() < until:
        time.sleep(0.02)
    held.set()
    for thread in threads:
        thread.join()
    codes = sorted(answer.status_code for answer in answers)
    assert codes == [200, 200, 429, 429, 429]
    assert all(int(answer.headers["retry-after"]) > 0 for answer in answers if answer.status_code == 429)


def test_what_takes_too_long_is_stopped(serve: Callable[..., TestClient], monkeypatch: pytest.MonkeyPatch) -> None:
    client = serve(timeout=0.2, job_timeout=0.2)
    genuine = Predictor._run

    def slow(self: Predictor, batch: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        time.sleep(0.3)
        return genuine(self, batch)

    monkeypatch.setattr(Predictor, "_run", slow)
    answer = send(client, volume(20), name="v.nii")
    problem(answer, 503, "work-too-long")
    assert ended(client, begin(client, volume(20)))["problem"]["code"] == "work-too-long"


def test_a_disk_that_is_full_when_the_result_is_written(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise ResourceError("cannot-write", path=tmp_path, reason="No space left on device")

    monkeypatch.setattr(jobs, "write", full)
    job = ended(client, begin(client))
    assert (job["state"], job["problem"]["code"], job["problem"]["status"]) == ("failed", "cannot-write", 507)
    assert str(tmp_path) not in json.dumps(job)


def test_a_disk_that_is_full_when_a_job_comes_accepts_nothing(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def full(*_: Any) -> None:
        raise ResourceError("cannot-write", path="jobs", reason="database or disk is full")

    monkeypatch.setattr(JobTable, "add", full)
    problem(client.post("/v1/jobs", files={"file": ("v.nii", volume())}), 507, "cannot-write")
    assert list((tmp_path / "state" / "jobs").iterdir()) == []
    assert list((tmp_path / "state" / "uploads").iterdir()) == []


def record(name: str, created: float = 0.0) -> Record:
    return Record(name, "queued", "demo", "local", {}, ["000000"], "0" * 64, 1, created)


def test_a_job_that_kills_the_process_is_not_tried_for_ever(tmp_path: Path) -> None:
    for attempt in range(3):
        table = JobTable(tmp_path / "jobs.sqlite")
        if not attempt:
            table.add(record("a"))
        table.recover()
        assert table.claim() is not None
        table._db.close()  # as a crash leaves it: running
    table = JobTable(tmp_path / "jobs.sqlite")
    assert table.recover() == ["a"]
    job = table.get("a")
    assert job is not None
    assert (job.state, (job.problem or {})["code"]) == ("failed", "job-crashed")
    table.close()


def test_the_table_is_first_come_first_served_and_for_one_process(tmp_path: Path) -> None:
    table = JobTable(tmp_path / "jobs.sqlite")
    for name, created in (("b", 2.0), ("a", 1.0), ("c", 3.0)):
        table.add(record(name, created))
    assert [(job := table.claim()) and job.id for _ in range(4)] == ["a", "b", "c", None]
    table.release("b")
    assert (job := table.claim()) is not None
    assert (job.id, job.attempts) == ("b", 1)
    assert table.finish("b", "done")
    assert not table.finish("b", "failed")
    with pytest.raises(ResourceError, match="Another server"):
        JobTable(tmp_path / "jobs.sqlite")
    table.close()
    (tmp_path / "bad.sqlite").write_bytes(b"nonsense" * 1000)
    with pytest.raises(ResourceError, match="damaged"):
        JobTable(tmp_path / "bad.sqlite")


def test_results_expire(serve: Callable[..., TestClient], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(jobs, "_SWEEP", 0.1)
    client = serve(retention=1.0)
    name = begin(client)
    ended(client, name)
    until = time.monotonic() + 20
    while client.get(f"/v1/jobs/{name}").status_code != 404 and time.monotonic() < until:
        time.sleep(0.1)
    problem(client.get(f"/v1/jobs/{name}/result"), 404, "job-unknown")
    folder = tmp_path / "state" / "jobs"
    while any(folder.iterdir()) and time.monotonic() < until:  # the name goes first, then the files
        time.sleep(0.05)
    assert list(folder.iterdir()) == []


def test_what_is_stored_is_bounded(serve: Callable[..., TestClient]) -> None:
    client = serve(max_stored=100)
    ended(client, begin(client))
    problem(client.post("/v1/jobs", files={"file": ("v.nii", volume())}), 507, "storage-full")
