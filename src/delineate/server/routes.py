"""What is answered at ``/v1``."""

from __future__ import annotations

import asyncio
import json
import secrets
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, fields
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from delineate.domain import LabelSet
from delineate.errors import DelineateError, UsageError
from delineate.server import openapi
from delineate.server.audit import Audit
from delineate.server.desk import DISPLAY, Desk, Options, as_bytes
from delineate.server.forms import JSON, NATIVE, SUFFIX_OF, TYPE_OF, ZIP, only_one, wanted, zipped
from delineate.server.intake import GoneError, Upload, receive
from delineate.server.job_table import FAILED, FINAL, Record
from delineate.server.jobs import Jobs, load_result
from delineate.server.problems import body_of, from_system, respond
from delineate.server.schemas import JobState, Model, Models, Segmentation
from delineate.server.settings import Settings
from delineate.server.shapes import as_json
from delineate.server.shelf import Served, Shelf, describe
from delineate.server.telemetry import Telemetry
from delineate.server.work import classes_of, with_sentences

_CHOICES = {
    "clean": ("true", "false"),
    "identity": ("true", "false"),
    "measures": ("true", "false"),
    "mask": ("rle", "polygons", "none"),
}
_LOOK, _BEAT = 0.2, 15.0
_DRAIN = 4 << 20
Encoding = Literal["rle", "polygons", "none"]


@dataclass(frozen=True)
class Parts:
    """What the routes work with."""

    settings: Settings
    shelf: Shelf
    desk: Desk
    jobs: Jobs
    audit: Audit
    telemetry: Telemetry

    @property
    def uploads(self) -> Path:
        return self.settings.state / "uploads"


def make_router(parts: Parts) -> APIRouter:
    """The routes of ``/v1``."""
    router = APIRouter(prefix="/v1")

    @router.get("/models", response_model=Models, responses=openapi.problems(401), summary="Models and what is known of them")
    async def models(request: Request) -> Any:
        return await run_in_threadpool(_models, parts, request.state.language)

    @router.get("/models/{model}", response_model=Model, responses=openapi.problems(401, 404), summary="One model")
    async def model(model: str, request: Request) -> Any:
        served = parts.shelf.get(model)
        return _described(parts, served, request.state.language)

    @router.post(
        "/segment",
        response_class=Response,
        responses={**openapi.answers(Segmentation), **openapi.problems(*openapi.UPLOAD)},
        openapi_extra=openapi.upload_body(),
        summary="Segment one image",
    )
    async def segment(request: Request) -> Response:
        return await _answered(parts, request, "segment")

    @router.post(
        "/corrected",
        response_class=Response,
        responses={**openapi.answers(Segmentation), **openapi.problems(*openapi.UPLOAD)},
        openapi_extra=openapi.upload_body(labels=True),
        summary="Measure and convert a mask that a person corrected",
    )
    async def corrected(request: Request) -> Response:
        return await _answered(parts, request, "corrected", labels=True)

    @router.post(
        "/image",
        response_class=Response,
        responses={200: {"content": openapi.DISPLAYED}, **openapi.problems(*openapi.UPLOAD)},
        openapi_extra=openapi.upload_body(),
        summary="The image as a browser can show it",
    )
    async def image(request: Request) -> Response:
        await _early(request, parts.desk.check_room)
        upload, served, options = await _received(request, parts)
        outcome = "not-shown"
        try:
            answer = await parts.desk.answer(request, served, upload, DISPLAY, options, request.state.language)
            outcome = "done"
        except GoneError:
            outcome = "gone"
            parts.telemetry.gone.inc()
            return Response(status_code=400)
        finally:
            _audit(parts, request, "image", served, upload, outcome)
        modality = str(answer.facts["modality"] or "")
        headers = {"X-Delineate-Modality": modality} if modality.isalnum() and modality.isascii() else {}
        return Response(answer.body, media_type=answer.suffix, headers=headers)

    @router.post(
        "/jobs",
        status_code=202,
        response_model=JobState,
        responses=openapi.problems(*openapi.UPLOAD),
        openapi_extra=openapi.upload_body(),
        summary="Begin a job",
    )
    async def begin(request: Request) -> Response:
        await _early(request, parts.jobs.check_room)
        upload, served, options = await _received(request, parts)
        params = {field.name: getattr(options, field.name) for field in fields(options)}
        try:
            _audit(parts, request, "job-accepted", served, upload, "accepted")
            job = await run_in_threadpool(parts.jobs.accept, upload, model=served.id, who=request.state.who, params=params)
        finally:
            shutil.rmtree(upload.folder, ignore_errors=True)
        location = f"{request.scope.get('root_path', '')}/v1/jobs/{job.id}"
        return JSONResponse(_state(parts, job, request), 202, headers={"Location": location})

    @router.get("/jobs/{id}", response_model=JobState, responses=openapi.problems(401, 404), summary="How far a job is")
    async def job(id: str, request: Request) -> Response:  # noqa: A002 - the name clients see
        return JSONResponse(_state(parts, await _job(parts, id, request), request))

    @router.get(
        "/jobs/{id}/result",
        response_class=Response,
        responses={**openapi.answers(Segmentation), **openapi.problems(401, 404, 406, 409, 413, 415, 422, 503, 507)},
        summary="What a job found",
    )
    async def result(id: str, request: Request, mask: Annotated[Encoding | None, Query()] = None) -> Response:  # noqa: A002
        form = wanted(request.headers.get("accept", ""))
        found = await _job(parts, id, request)
        if found.state == FAILED and found.problem is not None:
            return respond(found.problem, request.state.language, f"urn:job:{found.id}")
        encoding = mask or found.params.get("mask", "rle")
        folder = parts.jobs.result(found)
        try:
            body, review = await run_in_threadpool(_stored, folder, form, encoding, request.state.language)
        except FileNotFoundError:
            raise UsageError("job-unknown") from None  # its time was over just now
        return Response(body, media_type=TYPE_OF[form], headers=_headers(form, review))

    @router.get(
        "/jobs/{id}/events",
        response_class=Response,
        responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}, **openapi.problems(401, 404)},
        summary="Follow a job (server-sent events)",
    )
    async def events(id: str, request: Request) -> Response:  # noqa: A002
        await _job(parts, id, request)
        return StreamingResponse(_events(parts, id, request), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})

    @router.delete("/jobs/{id}", status_code=204, responses=openapi.problems(401, 404), summary="Stop and forget a job")
    async def cancel(id: str, request: Request) -> Response:  # noqa: A002
        await run_in_threadpool(parts.jobs.cancel, id, request.state.who)
        parts.audit.write(event="job-deleted", request=request.state.id, who=request.state.who, ip=request.state.ip, job=id)
        return Response(status_code=204)

    return router


async def _answered(parts: Parts, request: Request, event: str, labels: bool = False) -> Response:
    """The body's image segmented, or with the mask in its part ``labels``; in the form that ``Accept`` asks for."""
    form = await _early(request, lambda: wanted(request.headers.get("accept", "")))
    await _early(request, parts.desk.check_room)
    upload, served, options = await _received(request, parts, labels)
    outcome = "server-bug"
    answered: dict[str, Any] = {}
    try:
        answer = await parts.desk.answer(request, served, upload, form, options, request.state.language)
        outcome, answered = "done", {"output_sha256": answer.sha256}
    except DelineateError as error:
        outcome = error.code
        raise
    except (OSError, MemoryError) as error:
        outcome = getattr(from_system(error), "code", "server-bug")
        raise
    except GoneError:
        outcome = "gone"
        parts.telemetry.gone.inc()
        return Response(status_code=400)
    finally:
        parts.telemetry.images.labels(served.id, outcome).inc()
        _audit(parts, request, event, served, upload, outcome, **answered)
    review = answer.facts["quality"]["needs_review"]
    parts.telemetry.review.labels(served.id, str(review).lower()).inc()
    return Response(answer.body, media_type=TYPE_OF[form], headers=_headers(form, review))


def _models(parts: Parts, language: str) -> dict[str, Any]:
    return {"models": [_described(parts, served, language) for served in parts.shelf]}


def _described(parts: Parts, served: Served, language: str) -> dict[str, Any]:
    first = next(iter(parts.shelf)).id
    forms = [form for form in TYPE_OF if form != "png" or served.predictor.record.labels.kind != "regions"]
    return {**describe(served, language, served.id == first), "formats": forms}


async def _early(request: Request, check: Any) -> Any:
    """``check()``; where it refuses, a body that is on its way is read first (up to a bound), or the client would see a broken
    connection instead of the reason."""
    try:
        return check()
    except DelineateError:
        await _drain(request)
        raise


async def _drain(request: Request) -> None:
    async def read() -> None:
        size = 0
        async for chunk in request.stream():
            size += len(chunk)
            if size > _DRAIN:
                return

    try:
        await asyncio.wait_for(read(), 5)
    except (asyncio.TimeoutError, TimeoutError, ClientDisconnect, RuntimeError):
        return


async def _received(request: Request, parts: Parts, labels: bool = False) -> tuple[Upload, Served, Options]:
    """The body on disk, and what it asks for. The folder is gone again where this raises."""
    folder = parts.uploads / secrets.token_hex(16)
    parts.desk.begin_upload()
    try:
        upload = await receive(request, folder, parts.settings)
        parts.telemetry.received.inc(upload.size)
        options = _options(upload.fields)
        if labels and upload.labels is None:
            raise UsageError("no-labels")
        if upload.labels is not None and not labels:
            raise UsageError("field-unknown", name="labels", known=", ".join(("file", "model", *_CHOICES)))
        return upload, parts.shelf.get(upload.fields.get("model")), options
    except BaseException as error:
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, GoneError):
            parts.telemetry.gone.inc()
            raise UsageError("upload-gone") from None
        if isinstance(error, DelineateError):
            await _drain(request)
        raise
    finally:
        parts.desk.end_upload()


def _options(given: dict[str, str]) -> Options:
    values: dict[str, Any] = {}
    for name, value in given.items():
        if name == "model":
            continue
        if name not in _CHOICES:
            raise UsageError("field-unknown", name=name[:80], known=", ".join(("file", "model", *_CHOICES)))
        if value not in _CHOICES[name]:
            raise UsageError("field-value", name=name, value=value[:80], choices=", ".join(_CHOICES[name]))
        values[name] = value if name == "mask" else value == "true"
    return Options(**values)


def _audit(parts: Parts, request: Request, event: str, served: Served, upload: Upload, outcome: str, **more: Any) -> None:
    state = request.state
    parts.audit.write(
        event=event, request=state.id, who=state.who, ip=state.ip, model=served.id, model_sha256=served.sha256,
        input_sha256=upload.sha256, bytes=upload.size, outcome=outcome, **more,
    )  # fmt: skip


def _headers(form: str, review: bool | None) -> dict[str, str]:
    headers = {"X-Delineate-Review": "unknown" if review is None else str(review).lower(), "Vary": "Accept, Accept-Language"}
    if form in SUFFIX_OF:
        headers["Content-Disposition"] = f'attachment; filename="mask{SUFFIX_OF[form]}"'
    return headers


async def _job(parts: Parts, name: str, request: Request) -> Record:
    return await run_in_threadpool(parts.jobs.get, name, request.state.who)


def _state(parts: Parts, job: Record, request: Request) -> dict[str, Any]:
    problem = None if job.problem is None else body_of(job.problem, request.state.language, f"urn:job:{job.id}")
    return {
        "id": job.id,
        "state": job.state,
        "model": job.model,
        "created": _time(job.created),
        "started": _time(job.started),
        "finished": _time(job.finished),
        "progress": parts.jobs.progress(job),
        "problem": problem,
    }


def _time(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _stored(folder: Path, form: str, encoding: str, language: str) -> tuple[bytes, bool | None]:
    """A finished job's result in the form wanted."""
    record, labels = load_result(folder)
    facts, forms = record["facts"], record["forms"]
    review: bool | None = facts["quality"]["needs_review"]
    said = with_sentences(facts, language)
    if form in (JSON, ZIP):
        classes = classes_of(LabelSet.model_validate(record["labels"]), labels)
        if form == ZIP:
            paths = [folder / NATIVE / name for name in forms[NATIVE]]
            return zipped(paths, {**said, "mask": None}), review
        shape = tuple(facts["input"]["shape"])
        return as_bytes({**said, "mask": None if encoding == "none" else as_json(encoding, classes, shape)}), review
    if form not in forms:
        raise UsageError(
            "not-acceptable", asked=TYPE_OF[form], choices=", ".join(TYPE_OF[one] for one in (JSON, ZIP, *forms) if one in TYPE_OF)
        )
    return only_one([folder / form / name for name in forms[form]]).read_bytes(), review


async def _events(parts: Parts, name: str, request: Request) -> AsyncIterator[str]:
    """``state`` and ``progress`` events, data is the job; the last is a final state (``cancelled`` where it was deleted)."""
    last: dict[str, Any] = {}
    quiet = 0.0
    while not parts.jobs.closing and not parts.desk.leaving:
        try:
            now = _state(parts, await _job(parts, name, request), request)
        except UsageError:
            now = {**last, "id": name, "state": "cancelled"}
        if now != last:
            kind = "state" if now.get("state") != last.get("state") else "progress"
            yield f"event: {kind}\ndata: {json.dumps(now, ensure_ascii=False)}\n\n"
            last, quiet = now, 0.0
        if now["state"] in FINAL:
            return
        await asyncio.sleep(_LOOK)
        quiet += _LOOK
        if quiet > _BEAT:
            yield ": still here\n\n"
            quiet = 0.0
