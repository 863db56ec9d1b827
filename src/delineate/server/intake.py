"""Multipart bodies, streamed to disk as they come: counted, hashed, timed. Of a client's names only a known suffix is kept."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect, Request

from delineate.errors import ResourceError, UsageError
from delineate.server.settings import MIB, Settings
from delineate.server.unpack import safe_suffix

MAX_FIELD = 4096
MAX_FIELDS = 32
#: What a body may have beside its files: part headers and fields.
_SLACK = MIB


class GoneError(Exception):
    """The client closed the connection before its body was complete."""


@dataclass
class Upload:
    """A received body: ``files`` lie in ``folder`` under our own names; ``sha256`` is the one file's, or of all hashes in order.
    ``labels`` is the part of that name: a mask that a person corrected."""

    folder: Path
    files: list[Path] = field(default_factory=list)
    fields: dict[str, str] = field(default_factory=dict)
    hashes: list[str] = field(default_factory=list)
    size: int = 0
    labels: Path | None = None

    @property
    def sha256(self) -> str:
        return self.hashes[0] if len(self.hashes) == 1 else hashlib.sha256("".join(self.hashes).encode()).hexdigest()


class _Writer:
    """The parser's callbacks: parts named ``file`` become files, all others fields."""

    def __init__(self, upload: Upload, settings: Settings) -> None:
        self._upload, self._settings = upload, settings
        self._header = self._value = b""
        self._headers: dict[str, bytes] = {}
        self._name = ""
        self._text: bytearray | None = None
        self._file: BinaryIO | None = None
        self._hash = hashlib.sha256()
        self.complete = False

    def part_begin(self) -> None:
        self._headers, self._name, self._text = {}, "", None

    def header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def header_end(self) -> None:
        self._headers[self._header.decode("latin-1").lower()] = self._value
        self._header = self._value = b""

    def headers_finished(self) -> None:
        _, options = parse_options_header(self._headers.get("content-disposition", b""))
        self._name = options.get(b"name", b"").decode("utf-8", "replace")
        if not self._name:
            raise UsageError("bad-multipart", reason="a part without a name")
        if self._name == "labels":
            if self._upload.labels is not None:
                raise UsageError("field-twice", name="labels")
            (self._upload.folder / "corrected").mkdir()  # apart from what is looked through for a series
            self._upload.labels = self._upload.folder / "corrected" / "labels"
            self._file = self._upload.labels.open("xb")
            return
        if self._name != "file":
            if len(self._upload.fields) >= MAX_FIELDS:
                raise UsageError("bad-multipart", reason="too many fields")
            if self._name in self._upload.fields:
                raise UsageError("field-twice", name=self._name[:80])
            self._text = bytearray()
            return
        number = len(self._upload.files)
        if number >= self._settings.max_files:
            raise UsageError("upload-many-files", n=number + 1, most=self._settings.max_files)
        path = self._upload.folder / f"{number:06d}{safe_suffix(options.get(b'filename', b'').decode('utf-8', 'replace'))}"
        self._upload.files.append(path)
        self._file = path.open("xb")
        self._hash = hashlib.sha256()

    def part_data(self, data: bytes, start: int, end: int) -> None:
        piece = data[start:end]
        if self._file is not None:
            self._hash.update(piece)
            self._file.write(piece)
        elif self._text is not None:
            self._text += piece
            if len(self._text) > MAX_FIELD:
                raise UsageError("bad-multipart", reason=f"field {self._name[:80]!r} is longer than {MAX_FIELD} bytes")

    def part_end(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
            if self._name == "file":
                self._upload.hashes.append(self._hash.hexdigest())
        elif self._text is not None:
            try:
                self._upload.fields[self._name] = self._text.decode("utf-8")
            except UnicodeDecodeError:
                raise UsageError("field-value", name=self._name[:80], value="?", choices="UTF-8") from None

    def end(self) -> None:
        self.complete = True

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def callbacks(self) -> Any:
        names = ("part_begin", "part_data", "part_end", "header_field", "header_value", "header_end", "headers_finished", "end")
        return {f"on_{name}": getattr(self, name) for name in names}


async def receive(request: Request, folder: Path, settings: Settings) -> Upload:
    """Read the body into ``folder`` (made here; removing it is the caller's, also on errors).

    Raises
    ------
    UsageError
        ``not-multipart``, ``bad-multipart``, ``no-file``, ``field-twice``, ``upload-too-large``, ``upload-many-files``,
        ``upload-too-slow``.
    GoneError
        The client is gone.
    """
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind != b"multipart/form-data":
        raise UsageError("not-multipart")
    boundary = options.get(b"boundary", b"")
    if not 1 <= len(boundary) <= 200:
        raise UsageError("bad-multipart", reason="no boundary")
    most = settings.max_upload + _SLACK
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > most:
        raise UsageError("upload-too-large", megabytes=settings.max_upload // MIB)
    folder.mkdir(parents=True)
    upload = Upload(folder)
    writer = _Writer(upload, settings)
    try:
        await asyncio.wait_for(_stream(request, writer, upload, boundary, most, settings), settings.upload_timeout)
    except (asyncio.TimeoutError, TimeoutError):
        raise UsageError("upload-too-slow", seconds=round(settings.upload_timeout)) from None
    except ClientDisconnect:
        raise GoneError from None
    except FormParserError as error:
        raise UsageError("bad-multipart", reason=str(error)[:120]) from None
    finally:
        writer.close()
    if not upload.files:
        raise UsageError("no-file")
    return upload


async def _stream(request: Request, writer: _Writer, upload: Upload, boundary: bytes, most: int, settings: Settings) -> None:
    parser = MultipartParser(boundary, writer.callbacks())
    async for chunk in request.stream():
        upload.size += len(chunk)
        if upload.size > most:
            raise UsageError("upload-too-large", megabytes=settings.max_upload // MIB)
        try:
            parser.write(chunk)
        except OSError as error:
            raise ResourceError("cannot-write", path="server", reason=error.strerror or "disk") from None
    parser.finalize()
    if not writer.complete:
        raise UsageError("bad-multipart", reason="it ends before its last boundary")
