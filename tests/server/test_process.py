"""The real thing: a process that is killed, asked to end, left by its clients, fed with nonsense."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import psutil
import pytest
from PIL import Image as Pillow
from tests.server.conftest import lungs, png

from delineate.cli.main import main
from delineate.client import Client, ServerProblem

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
Start = Callable[..., "Server"]


class Server:
    """``delineate serve`` in a process of its own, on a free port."""

    def __init__(self, state: Path, *arguments: str, models: tuple[str, ...] = ("demo",)) -> None:
        command = [sys.executable, "-m", "delineate", "serve", "--port", "0", "--state", str(state), "--threads", "1"]
        for model in models:
            command += ["--model", model]
        environment = {**os.environ, "DELINEATE_LANG": "en", "PYTHONUNBUFFERED": "1"}
        environment.pop("DELINEATE_TOKEN", None)
        self.log = state.parent / f"log{time.monotonic_ns()}"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, stderr=log, env=environment, text=True)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        found = re.search(r"http://[\d.]+:(\d+)", line)
        assert found, line + self.log.read_text()
        self.url, self.port = found[0], int(found[1])

    def client(self, **options: Any) -> Client:
        return Client(self.url, patience=options.pop("patience", 20), **options)

    def stop(self, number: int = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(40)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    running: list[Server] = []

    def begin(*arguments: str, **options: Any) -> Server:
        running.append(Server(tmp_path / "state", *arguments, **options))
        return running[-1]

    yield begin
    for server in running:
        if server.process.poll() is None:
            server.stop(signal.SIGKILL)


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A volume whose job takes seconds."""
    pixels = np.stack([lungs(128, seed=z % 7) for z in range(110)]).transpose(2, 1, 0)
    path = tmp_path / "large.nii"
    nibabel.save(nibabel.Nifti1Image(pixels, np.diag([-1.0, 1, 2, 1])), path)
    return path


def running(client: Client, name: str) -> None:
    until = time.monotonic() + 60
    while (state := client.job(name).state) != "running":
        assert state == "queued", state
        assert time.monotonic() < until
        time.sleep(0.02)


def test_killed_in_the_middle_of_a_job(start: Start, large: Path, tmp_path: Path) -> None:
    first = start()
    with first.client() as client:
        names = [client.submit(large, measures=False).id, client.submit(large, measures=False).id]
        running(client, names[0])
    first.stop(signal.SIGKILL)
    (tmp_path / "state" / "uploads" / "left").mkdir()  # as an upload that was under way
    second = start()
    with second.client() as client:
        for name in names:
            assert client.wait(name, timeout=100).state == "done"
        found = client.result(names[0])
        assert found.classes["lung"] == found.mask().sum() > 0
    assert second.stop() == 0
    assert list((tmp_path / "state").glob("uploads/*")) == []


def test_sigterm_answers_what_was_begun_and_keeps_jobs(start: Start, large: Path, tmp_path: Path) -> None:
    server = start()
    answers: list[Any] = []

    def ask() -> None:
        with server.client() as client:
            answers.append(client.segment(large, measures=False))

    with server.client() as client:
        job = client.submit(large, measures=False)
        running(client, job.id)
    asking = threading.Thread(target=ask)
    asking.start()
    metrics = 0.0
    until = time.monotonic() + 20
    while metrics < 1 and time.monotonic() < until:
        with server.client() as client:
            text = client._ask("GET", "/metrics").decode()
        metrics = float(re.search(r"^delineate_requests_admitted (\S+)", text, re.MULTILINE)[1])  # type: ignore[index]
    code = server.stop()
    asking.join()
    assert code == 0
    assert answers[0].classes["lung"] > 0
    again = start()
    with again.client() as client:
        assert client.wait(job, timeout=100).state == "done"
    assert again.stop() == 0


def test_a_model_file_that_is_exchanged(start: Start, tmp_path: Path) -> None:
    from tests.inference.conftest import network, save

    from delineate.recipe import ModelRecord, Preprocessing

    def model(sign: int, path: Path) -> None:
        record = ModelRecord(preprocessing=Preprocessing(fit="scale"))
        save(network([np.full((1, 1, 1, 1), sign)], 0.0), path, json.dumps(record.model_dump(mode="json")))

    folder = tmp_path / "models"
    folder.mkdir()
    path = folder / "one.onnx"
    model(1, path)
    (tmp_path / "a.png").write_bytes(png(lungs()))
    folder.chmod(0o500)
    server = start(models=(str(path),))
    with server.client() as client:
        before = client.segment(tmp_path / "a.png")
        assert client.models()[0]["stale"] is False
        folder.chmod(0o700)
        model(-1, tmp_path / "new.onnx")
        (tmp_path / "new.onnx").replace(path)
        assert client.models()[0]["stale"] is True
        assert client.segment(tmp_path / "a.png").plain["mask"] == before.plain["mask"]
        server.process.send_signal(signal.SIGHUP)
        until = time.monotonic() + 20
        while client.models()[0]["stale"] and time.monotonic() < until:
            time.sleep(0.05)
        after = client.segment(tmp_path / "a.png")
        assert np.array_equal(after.mask(), ~before.mask())
        path.write_bytes(b"broken")
        server.process.send_signal(signal.SIGHUP)
        until = time.monotonic() + 20
        while "not reloaded" not in server.log.read_text() and time.monotonic() < until:
            time.sleep(0.05)
        assert "not reloaded" in server.log.read_text()
        assert client.segment(tmp_path / "a.png").plain["mask"] == after.plain["mask"]
    assert server.stop() == 0


HEAD = b"POST /v1/segment HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: multipart/form-data; boundary=b\r\n"
PART = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
NONSENSE = [
    b"",
    b"\x00" * 50,
    b"GET\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"POST /v1/segment HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: abc\r\n\r\n",
    b"POST /v1/segment HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -5\r\n\r\n",
    b"POST /v1/segment HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
    HEAD + b"Content-Length: 4\r\n\r\nxxxx",
    HEAD + b"Content-Length: 0\r\n\r\n",
    HEAD + b"Content-Length: 10\r\n\r\n--b--\r\n--b",
    HEAD + b"Content-Length: %d\r\n\r\n" % len(PART) + PART,
    HEAD + b"Content-Length: 40\r\n\r\n--b\r\nContent-Disposition: form-data\r\n\r\nxx",
    HEAD + b"Content-Length: 9000\r\n\r\n--b\r\n" + b"X: y\r\n" * 1500,
    b"GET /v1/models?" + b"a" * 70000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
]


def raw(port: int, data: bytes, wait: float = 5.0) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=wait) as connection:
        got = b""
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            while piece := connection.recv(65536):
                got += piece
        except OSError:
            pass
        return got


def test_clients_that_leave_and_clients_that_talk_nonsense(start: Start, tmp_path: Path) -> None:
    server = start()
    with server.client() as client:
        (tmp_path / "a.png").write_bytes(png(lungs()))
        client.segment(tmp_path / "a.png")
        for data in NONSENSE:
            answer = raw(server.port, data)
            assert not answer or 400 <= int(answer.split()[1]) < 500, (data[:80], answer[:200])
        for share in (10, 200, 3000):  # gone in the middle of an upload
            with socket.create_connection(("127.0.0.1", server.port)) as connection:
                connection.sendall(HEAD + b"Content-Length: 100000\r\n\r\n" + PART + bytes(share))
        until = time.monotonic() + 20
        while list((tmp_path / "state" / "uploads").iterdir()) and time.monotonic() < until:
            time.sleep(0.05)
        assert list((tmp_path / "state" / "uploads").iterdir()) == []
        files = psutil.Process(server.process.pid).open_files()
        assert not [one.path for one in files if "uploads" in one.path]
        assert client.segment(tmp_path / "a.png").classes["lung"] > 0
    assert server.stop() == 0
    assert " 500 " not in server.log.read_text()


@pytest.mark.skipif(shutil.which("mount") is None or os.geteuid() != 0, reason="a small file system needs root")
def test_a_disk_that_is_really_full(start: Start, tmp_path: Path) -> None:
    large = tmp_path / "more_than_fits.nii"
    nibabel.save(nibabel.Nifti1Image(np.zeros((256, 256, 100), np.uint8), np.diag([-1.0, 1, 2, 1])), large)
    state = tmp_path / "state"
    state.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(state)], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("mounting is not allowed here")
    try:
        server = start()
        with server.client(patience=0) as client:
            for _ in range(3):
                with pytest.raises(ServerProblem) as caught:
                    client.submit(large)
                assert caught.value.code == "cannot-write"
            with pytest.raises(ServerProblem) as caught:
                client.segment(large)
            assert (caught.value.code, caught.value.status) == ("cannot-write", 507)
            small = tmp_path / "a.png"
            small.write_bytes(png(lungs()))
            job = client.submit(small)
            assert client.wait(job, timeout=60).state == "done"
            assert client.segment(small).classes["lung"] > 0
        assert server.stop() == 0
    finally:
        subprocess.run(["umount", "-l", str(state)], check=True)


def test_the_client_sees_everything(start: Start, tmp_path: Path) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text("# for tests\nf00dfacef00dfacef00dface\n")
    server = start("--token-file", str(tokens), "--max-upload", "1")
    image = tmp_path / "a.png"
    image.write_bytes(png(lungs()))
    with server.client() as client, pytest.raises(ServerProblem) as caught:
        client.models()
    assert (caught.value.code, caught.value.status) == ("token-wrong", 401)
    with server.client(token="f00dfacef00dfacef00dface") as client:
        assert client.models()[0]["labels"] == [{"value": 1, "name": "lung"}]
        found = client.segment(image)
        picture = np.asarray(Pillow.open(io.BytesIO(client.segment_bytes(image, "png"))))
        assert np.array_equal(found.mask("lung"), picture > 0)
        assert found.classes["lung"] == found.mask().sum()
        assert found.measures[0]["area_px"] == found.mask().sum()
        states = [job.state for job in client.events(client.submit(image))]
        assert states[-1] == "done"
        job = client.wait(client.submit([image], clean=False), timeout=60)
        assert client.result(job).shape == (96, 96)
        assert client.result_bytes(job, "png")[:4] == b"\x89PNG"
        client.cancel(job)
        with pytest.raises(ServerProblem, match="no such job"):
            client.job(job.id)
        (tmp_path / "big.png").write_bytes(os.urandom(5 << 20))
        with pytest.raises(ServerProblem) as caught:
            client.segment(tmp_path / "big.png")
        assert caught.value.code in ("upload-too-large", "no-connection")
        assert client.segment(image).quality["needs_review"] is None
    assert server.stop(signal.SIGINT) == 0
    with Client(server.url) as client, pytest.raises(ServerProblem) as caught:
        client.models()
    assert caught.value.code == "no-connection"


def test_what_cannot_be_served_is_one_sentence(start: Start, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DELINEATE_TOKEN", raising=False)
    server = start()
    state = ["--state", str(tmp_path / "other")]
    for arguments, code, words in (
        (["--model", "demo", "--port", str(server.port), *state], 2, "cannot be used"),
        (["--model", "demo", "--port", "0", "--state", str(tmp_path / "state")], 6, "Another server"),
        (["--model", "demo", "--host", "0.0.0.0", "--port", "0", *state], 2, "needs a token"),
        (["--port", "0", *state], 2, "no model"),
        (["--model", "nothing.onnx", "--port", "0", *state], 5, "nothing.onnx"),
        (["--model", "demo", "--model", "demo", "--port", "0", *state], 2, "called 'demo'"),
        (["--model", "demo", "--workers", "0", *state], 2, "at least 1"),
    ):
        assert main(["serve", *arguments]) == code, arguments
        said = capsys.readouterr().err
        assert words in said, said
        assert "Traceback" not in said
    assert server.stop() == 0
