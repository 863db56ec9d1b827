"""Errors → problem details (RFC 9457) with stable codes, in the language the client reads."""

from __future__ import annotations

import errno
import re
import traceback
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from starlette.responses import JSONResponse

from delineate.errors import DataError, DelineateError, MissingExtra, ModelFileError, ResourceError, UnreadableFile, UsageError
from delineate.i18n import has, translate

PROBLEM = "application/problem+json"
CLIENT_FILE = "the upload"

#: Where the class of an error does not say which status it has.
STATUS = {
    "too-large": 413, "not-an-image": 415, "unsupported": 415, "lossy-mask": 415, "truncated": 422, "damaged": 422,
    "empty-file": 422,
    "seg-needs-dicom": 406, "image-exceeds-memory": 413, "cannot-write": 507, "engine-failed": 503, "missing-extra": 501,
    "no-memory": 503,
    "bad-multipart": 400, "not-multipart": 415, "no-file": 400, "field-twice": 400, "field-unknown": 400, "field-value": 400,
    "upload-too-large": 413, "upload-many-files": 413, "upload-too-slow": 408, "upload-gone": 400, "archive-too-large": 413,
    "no-labels": 400, "labels-wrong": 422,
    "archive-damaged": 422, "archive-unsupported": 415, "several-images": 422, "several-series": 422,
    "model-unknown": 404, "model-needed": 400, "not-acceptable": 406, "one-file-a-class": 406, "image-unfamiliar": 422,
    "server-busy": 429, "server-closing": 503, "storage-full": 507, "work-too-long": 503, "work-cancelled": 409,
    "token-wrong": 401, "host-wrong": 421, "cross-site": 403, "path-unknown": 404, "method-wrong": 405, "request-wrong": 400,
    "browser-unable": 404, "job-unknown": 404, "job-not-done": 409, "job-crashed": 422, "server-bug": 500,
}  # fmt: skip
_RETRY = {429, 503}


def status_of(error: DelineateError) -> int:
    """The HTTP status of an expected error: 4xx where the client can mend it."""
    if error.code in STATUS:
        return STATUS[error.code]
    for kind, status in ((UnreadableFile, 422), (DataError, 422), (UsageError, 400), (ResourceError, 503), (ModelFileError, 503)):
        if isinstance(error, kind):
            return status
    return 501 if isinstance(error, MissingExtra) else 500


def language_of(accept: str) -> str:
    """``zh`` where Chinese is what the client likes best of what we speak."""
    best, found = 0.0, "en"
    for part in accept.split(",")[:20]:
        name, _, quality = part.partition(";")
        match = re.fullmatch(r"\s*q=([01](?:\.\d{0,3})?)\s*", quality)
        weight = float(match[1]) if match else 1.0
        tag = name.strip().lower().split("-")[0]
        if tag in ("en", "zh") and weight > best:
            best, found = weight, tag
    return found


def plain(error: DelineateError) -> dict[str, Any]:
    """``{code, status, params}`` without any path of this machine: to be stored, and told to a client later."""
    params = {name: _harmless(value) for name, value in error.params.items()}
    return {"code": error.code, "status": status_of(error), "params": params}


def _harmless(value: Any) -> Any:
    if isinstance(value, PurePath):
        return CLIENT_FILE
    if isinstance(value, bool | int | float) or value is None:
        return value
    # A library's message may quote the file it was given.
    return re.sub(r"(?:[A-Za-z]:)?(?:[\\/][^\s\\/:'\"]+){2,}", CLIENT_FILE, str(value))[:300]


def from_system(error: BaseException) -> DelineateError | None:
    """What the operating system or memory says, as one of ours; ``None``: a bug."""
    if isinstance(error, DelineateError):
        return error
    if isinstance(error, MemoryError):
        return ResourceError("no-memory")
    if isinstance(error, OSError) and error.errno in (
        errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EMFILE, errno.ENFILE, errno.EIO, errno.EFBIG,
    ):  # fmt: skip
        return ResourceError("cannot-write", path="server", reason=error.strerror or str(error))
    return None


def body_of(stored: Mapping[str, Any], language: str, instance: str = "") -> dict[str, Any]:
    """The problem document of :func:`plain`."""
    code, params = str(stored["code"]), dict(stored["params"])
    # What stands for the client's file is told in its language too.
    said = {name: translate("server.upload", language) if value == CLIENT_FILE else value for name, value in params.items()}
    title = f"problem.{code}"
    return {
        "type": f"/docs#problem-{code}",
        "title": translate(title, language) if has(title, language) else code.replace("-", " "),
        "status": stored["status"],
        "detail": translate(f"error.{code}", language, **said),
        "code": code,
        "params": params,
        "instance": instance,
    }


def respond(
    error: DelineateError | Mapping[str, Any], language: str, instance: str = "", headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """The answer for an error."""
    stored = plain(error) if isinstance(error, DelineateError) else error
    extra = dict(headers or {})
    if stored["status"] in _RETRY:
        extra.setdefault("Retry-After", str(stored["params"].get("seconds", 5)))
    if stored["status"] == 401:
        extra["WWW-Authenticate"] = 'Bearer realm="delineate"'
    return JSONResponse(body_of(stored, language, instance), stored["status"], headers=extra, media_type=PROBLEM)


def trace_of(error: BaseException) -> str:
    """Where a bug is, without its message, which may quote what is in a file."""
    return "".join(traceback.format_tb(error.__traceback__)[-8:]) + type(error).__name__
