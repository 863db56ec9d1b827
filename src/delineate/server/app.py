"""The app: settings → ASGI application. What it answers is in docs/server.md."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles

from delineate.server.security import Headers
from delineate.server.settings import Settings
from delineate.version import __version__

WEB = Path(__file__).parent / "web"


def create_app(settings: Settings) -> FastAPI:
    """The application of one server process."""
    app = FastAPI(
        title="Delineate",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        root_path=settings.root_path,
    )
    app.add_middleware(Headers)
    app.mount("/static", StaticFiles(directory=WEB), name="static")

    @app.get("/", include_in_schema=False)
    def page() -> FileResponse:
        return FileResponse(WEB / "index.html", media_type="text/html; charset=utf-8")

    return app
