"""The app: settings → ASGI application. What it answers is in docs/server.md."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from delineate.errors import DelineateError, ResourceError, UsageError
from delineate.server import openapi
from delineate.server.audit import Audit
from delineate.server.browser import make_browser_router
from delineate.server.desk import Desk
from delineate.server.guard import Guard
from delineate.server.jobs import Jobs
from delineate.server.problems import respond
from delineate.server.routes import Parts, make_router
from delineate.server.schemas import Health, Ready, Segmentation
from delineate.server.security import Headers
from delineate.server.settings import Settings
from delineate.server.shelf import Shelf
from delineate.server.telemetry import CONTENT_TYPE, Telemetry
from delineate.version import __version__

WEB = Path(__file__).parent / "web"
ASSETS = Path(__file__).parent / "assets"
_ABOUT = "Segmentation models over HTTP. Errors are problem details (RFC 9457) with stable codes."


def create_app(settings: Settings) -> FastAPI:
    """The application of one server process; ``app.state.parts`` holds what it works with.

    Raises
    ------
    ModelFileError
        A model cannot be opened.
    ResourceError
        ``state-in-use``: another server works in ``settings.state``; ``cannot-write``.
    """
    parts = _make_parts(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        parts.jobs.start()
        try:
            yield
        finally:
            await run_in_threadpool(parts.desk.close)
            await run_in_threadpool(parts.jobs.close)
            shutil.rmtree(parts.uploads, ignore_errors=True)

    app = FastAPI(
        title="Delineate",
        version=__version__,
        description=_ABOUT,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        root_path=settings.root_path,
        lifespan=lifespan,
    )
    app.state.parts = parts
    app.add_middleware(Guard, settings=settings, telemetry=parts.telemetry)
    app.add_middleware(Headers)
    app.include_router(make_router(parts))
    app.include_router(make_browser_router(parts.shelf))
    _add_supervision(app, parts)
    _add_pages(app)
    _add_errors(app)

    def document() -> dict[str, Any]:
        if not app.openapi_schema:
            app.openapi_schema = openapi.describe_app(app, (Segmentation,), closed=bool(settings.tokens))
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]
    return app


def _make_parts(settings: Settings) -> Parts:
    shelf = Shelf(settings)
    try:
        settings.state.mkdir(parents=True, exist_ok=True, mode=0o700)
        uploads = settings.state / "uploads"
        telemetry, audit = Telemetry(), Audit(settings.state / "audit.jsonl")
        jobs = Jobs(settings, shelf, audit, telemetry)
        shutil.rmtree(uploads, ignore_errors=True)  # of a process that was killed
        uploads.mkdir()
    except OSError as error:
        raise ResourceError("cannot-write", path=settings.state, reason=error.strerror or str(error)) from None
    telemetry.watch("delineate_jobs", "Jobs by state", jobs.counts, "state")
    telemetry.watch("delineate_engine_runs", "Runs of the engine", lambda: {m.id: m.predictor.gate.runs for m in shelf}, "model")
    telemetry.watch("delineate_engine_planes", "Planes computed", lambda: {m.id: m.predictor.gate.planes for m in shelf}, "model")
    telemetry.watch(
        "delineate_model_stale", "1: the file is another one than is served", lambda: {m.id: m.stale for m in shelf}, "model"
    )
    return Parts(settings, shelf, Desk(settings, telemetry), jobs, audit, telemetry)


def _add_supervision(app: FastAPI, parts: Parts) -> None:
    @app.get("/healthz", response_model=Health, summary="The process answers")
    async def health() -> Any:
        return {"status": "ok"}

    @app.get("/readyz", response_model=Ready, responses={503: {"model": Ready}}, summary="Requests can be computed")
    async def ready() -> Any:
        reason = await run_in_threadpool(_not_ready, parts)
        body = {"ready": reason is None, "models": sum(1 for _ in parts.shelf), "reason": reason}
        return JSONResponse(body, 200 if reason is None else 503)

    @app.get(
        "/metrics",
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **openapi.problems(401)},
        summary="For Prometheus",
    )
    async def metrics() -> Response:
        return Response(await run_in_threadpool(parts.telemetry.text), headers={"Content-Type": CONTENT_TYPE})


def _not_ready(parts: Parts) -> str | None:
    if parts.jobs.closing or parts.desk.leaving:
        return "closing"
    try:
        free = shutil.disk_usage(parts.settings.state).free
    except OSError:
        return "the state folder cannot be read"
    return "the disk is full" if free < 16 << 20 else None


def _add_pages(app: FastAPI) -> None:
    app.mount("/static", StaticFiles(directory=WEB), name="static")

    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(WEB / "index.html", media_type="text/html; charset=utf-8")

    for path, name, kind in (
        ("/docs", "docs.html", "text/html; charset=utf-8"),
        ("/docs/docs.js", "docs.js", "text/javascript"),
        ("/docs/docs.css", "docs.css", "text/css"),
    ):
        app.add_api_route(path, _file(ASSETS / name, kind), include_in_schema=False)


def _file(path: Path, kind: str) -> Any:
    async def answer() -> FileResponse:
        return FileResponse(path, media_type=kind)

    return answer


def _add_errors(app: FastAPI) -> None:
    def said(request: Request, error: DelineateError, headers: Any = None) -> JSONResponse:
        return respond(error, request.state.language, f"urn:request:{request.state.id}", headers)

    @app.exception_handler(DelineateError)
    async def ours(request: Request, error: DelineateError) -> JSONResponse:
        return said(request, error)

    @app.exception_handler(HTTPException)
    async def theirs(request: Request, error: HTTPException) -> JSONResponse:
        if error.status_code == 404:
            return said(request, UsageError("path-unknown"))
        if error.status_code == 405:
            return said(request, UsageError("method-wrong"), error.headers)
        return said(request, UsageError("request-wrong", reason=str(error.detail)[:200]))

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        reasons = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()[:3])
        return said(request, UsageError("request-wrong", reason=reasons[:200]))
