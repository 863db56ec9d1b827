"""HTTP to a Delineate server: files are streamed, problems are exceptions, a busy server is asked again."""

from __future__ import annotations

import contextlib
import http.client
import json
import secrets
import ssl
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from delineate.client.answers import Job, Segmentation

_CHUNK = 1 << 16
FORMS = {
    "json": "application/json",
    "png": "image/png",
    "nifti": "application/x-nifti",
    "dicom-seg": "application/dicom",
    "zip": "application/zip",
}
Paths = str | Path | Sequence[str | Path]


class ServerProblem(Exception):  # noqa: N818 - RFC 9457's word
    """The server refused. ``code`` is stable (docs/server.md), ``str()`` a sentence; ``status`` 0: it could not be reached."""

    def __init__(self, code: str, status: int, detail: str, params: Mapping[str, Any], retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.code, self.status, self.detail, self.params, self.retry_after = code, status, detail, dict(params), retry_after


class Client:
    """A connection that is kept; not for several threads at once.

    Parameters
    ----------
    url
        As ``delineate serve`` says it, e.g. ``http://127.0.0.1:8080``.
    token
        Where the server wants one.
    timeout
        Seconds without any answer.
    patience
        Seconds for which a busy server (429, 503) is asked again.
    language
        Of sentences: ``en`` or ``zh``.
    context
        TLS settings for ``https``, such as a client certificate.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        timeout: float = 300.0,
        patience: float = 60.0,
        language: str = "en",
        context: ssl.SSLContext | None = None,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"'url' must begin with http:// or https://, got {url!r}")
        self.url = url.rstrip("/")
        self._base = parts.path.rstrip("/")
        self._patience = patience
        self._headers = {"Accept-Language": language, "User-Agent": "delineate-client"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._made: http.client.HTTPConnection
        if parts.scheme == "https":
            self._made = http.client.HTTPSConnection(parts.hostname, parts.port, timeout=timeout, context=context)
        else:
            self._made = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._made.close()

    def models(self) -> list[dict[str, Any]]:
        """What the server holds: ids, labels, scores, intended use, limits."""
        found: list[dict[str, Any]] = json.loads(self._ask("GET", "/v1/models"))["models"]
        return found

    def segment(self, image: Paths, *, model: str | None = None, **fields: str | bool) -> Segmentation:
        """Segment an image file, a zip, a folder of one DICOM series, or several files of one.

        ``fields``: ``clean``, ``measures`` (booleans), ``mask`` (``rle``, ``polygons``, ``none``). Raises ServerProblem.
        """
        return Segmentation(json.loads(self._send("/v1/segment", image, model, fields)))

    def segment_bytes(self, image: Paths, form: str, *, model: str | None = None, **fields: str | bool) -> bytes:
        """As :meth:`segment`, the mask file itself: ``form`` is ``png``, ``nifti``, ``dicom-seg`` or ``zip``."""
        return self._send("/v1/segment", image, model, fields, FORMS[form])

    def submit(self, image: Paths, *, model: str | None = None, **fields: str | bool) -> Job:
        """Begin a job: for volumes that take long. It goes on when this program ends, and when the server is restarted."""
        return Job.of(json.loads(self._send("/v1/jobs", image, model, fields)))

    def job(self, name: str) -> Job:
        return Job.of(json.loads(self._ask("GET", f"/v1/jobs/{quote(name, safe='')}")))

    def wait(self, job: Job | str, *, timeout: float | None = None, every: float = 0.5) -> Job:
        """The job when it has ended. Raises TimeoutError, and ServerProblem where it failed."""
        name = job if isinstance(job, str) else job.id
        until = None if timeout is None else time.monotonic() + timeout
        while not (now := self.job(name)).ended:
            if until is not None and time.monotonic() > until:
                raise TimeoutError(f"job {name} is {now.state} after {timeout} s")
            time.sleep(every)
        if now.problem is not None:
            raise _problem(now.problem, 0.0)
        return now

    def events(self, job: Job | str) -> Iterator[Job]:
        """The job at every change until it has ended (server-sent events)."""
        name = job if isinstance(job, str) else job.id
        answer = self._open("GET", f"/v1/jobs/{quote(name, safe='')}/events", None, {"Accept": "text/event-stream"})
        try:
            for line in answer:
                if line.startswith(b"data: "):
                    yield Job.of(json.loads(line[6:]))
        finally:
            self.close()  # the stream may not be over: the next request takes a new connection

    def result(self, job: Job | str, *, mask: str = "rle") -> Segmentation:
        name = job if isinstance(job, str) else job.id
        return Segmentation(json.loads(self._ask("GET", f"/v1/jobs/{quote(name, safe='')}/result?mask={mask}")))

    def result_bytes(self, job: Job | str, form: str) -> bytes:
        name = job if isinstance(job, str) else job.id
        return self._ask("GET", f"/v1/jobs/{quote(name, safe='')}/result", {"Accept": FORMS[form]})

    def cancel(self, job: Job | str) -> None:
        """Stop the job if it runs, and delete all the server keeps of it."""
        self._ask("DELETE", f"/v1/jobs/{quote(job if isinstance(job, str) else job.id, safe='')}")

    def _send(
        self, path: str, image: Paths, model: str | None, fields: Mapping[str, str | bool], accept: str = "application/json"
    ) -> bytes:
        values = {name: str(value).lower() if isinstance(value, bool) else value for name, value in fields.items()}
        if model is not None:
            values["model"] = model
        return self._ask("POST", path, {"Accept": accept}, _Body(_files(image), values))

    def _ask(self, method: str, path: str, headers: Mapping[str, str] | None = None, body: _Body | None = None) -> bytes:
        until = time.monotonic() + self._patience
        while True:
            try:
                return self._open(method, path, body, headers or {}).read()
            except ServerProblem as problem:
                wait = problem.retry_after
                if wait is None or problem.status not in (429, 503) or time.monotonic() + wait > until:
                    raise
                time.sleep(wait)

    def _open(self, method: str, path: str, body: _Body | None, headers: Mapping[str, str]) -> http.client.HTTPResponse:
        sent = {**self._headers, "Accept": "application/json", **headers}
        if body is not None:
            sent |= {"Content-Type": f"multipart/form-data; boundary={body.boundary}", "Content-Length": str(body.length)}
        for attempt in (1, 2):
            try:
                self._made.request(method, self._base + path, body=None if body is None else iter(body), headers=sent)
                answer = self._made.getresponse()
                break
            except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError) as error:
                self.close()  # a kept connection that the server has closed meanwhile
                if attempt == 2 or method == "DELETE" or path == "/v1/jobs":
                    raise self._unreachable(error) from error
            except (OSError, http.client.HTTPException) as error:
                self.close()
                raise self._unreachable(error) from error
        if answer.status >= 400:
            text = answer.read()
            with contextlib.suppress(ValueError, KeyError):
                raise _problem(json.loads(text), _seconds(answer.headers.get("Retry-After")), answer.status)
            raise ServerProblem("not-delineate", answer.status, f"HTTP {answer.status} from {self.url}", {})
        return answer

    def _unreachable(self, error: Exception) -> ServerProblem:
        reason = str(error) or type(error).__name__
        return ServerProblem("no-connection", 0, f"The server at {self.url} cannot be reached: {reason}.", {"url": self.url})


def _problem(plain: Mapping[str, Any], retry_after: float | None, status: int | None = None) -> ServerProblem:
    return ServerProblem(plain["code"], status or int(plain["status"]), plain["detail"], plain["params"], retry_after)


def _seconds(text: str | None) -> float | None:
    return float(text) if text is not None and text.isdigit() else None


def _files(image: Paths) -> list[Path]:
    """The files of a path, a folder (those directly in it), or a list."""
    if not isinstance(image, str | Path):
        return [Path(one) for one in image]
    path = Path(image)
    return sorted(one for one in path.iterdir() if one.is_file() and not one.name.startswith(".")) if path.is_dir() else [path]


class _Body:
    """A multipart body of known length that reads its files while it is sent. Names of files are not sent, but for their suffix."""

    def __init__(self, files: Sequence[Path], fields: Mapping[str, str]) -> None:
        self.boundary = secrets.token_hex(16)
        self._files = [(self._head(number, path), path, path.stat().st_size) for number, path in enumerate(files)]
        self._fields = b"".join(
            f'--{self.boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
            for name, value in fields.items()
        )
        self._end = f"--{self.boundary}--\r\n".encode()
        self.length = len(self._fields) + len(self._end) + sum(len(head) + size + 2 for head, _, size in self._files)

    def _head(self, number: int, path: Path) -> bytes:
        suffix = ".nii.gz" if path.name.lower().endswith(".nii.gz") else "".join(c for c in path.suffix if c.isalnum() or c == ".")
        name = f"{number:06d}{suffix.encode('ascii', 'ignore').decode()}"
        lines = f'Content-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: application/octet-stream'
        return f"--{self.boundary}\r\n{lines}\r\n\r\n".encode()

    def __iter__(self) -> Iterator[bytes]:
        yield self._fields
        for head, path, size in self._files:
            yield head
            with path.open("rb") as file:
                while size > 0 and (chunk := file.read(min(_CHUNK, size))):
                    size -= len(chunk)
                    yield chunk
            yield b"\r\n"
        yield self._end
