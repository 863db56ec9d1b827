"""Models for the client's own browser: ``/v1/models/ID/browser/…`` is a model folder for ``static/browser_run.js``.

Made in memory when first asked for, and kept as long as the model is served. Names of files are fixed; none is looked for on disk.
"""

from __future__ import annotations

import hashlib
import threading
from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from delineate.errors import UsageError
from delineate.portable import can_write, card_of, obstacle, raw_graph
from delineate.portable.card import as_text
from delineate.server import openapi
from delineate.server.shelf import Served, Shelf

_TYPES = {"model.onnx": "application/octet-stream", "card.json": "application/json"}
Name = Literal["model.onnx", "card.json"]


class BrowserModels:
    """Raw-pixel graphs of served models, by the hash of the model file."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._lock = threading.Lock()
        self._made: dict[str, dict[str, tuple[bytes, str]]] = {}

    def file(self, served: Served, name: Name) -> tuple[bytes, str]:
        """Content and entity tag. Raises UsageError ``browser-unable``."""
        model = served.predictor.model
        with self._lock:
            if served.sha256 not in self._made:
                if not can_write():
                    raise UsageError("browser-unable", name=served.id, reason="onnx")
                if error := obstacle(model):
                    raise UsageError("browser-unable", name=served.id, reason=error.code)
                alive = {one.sha256 for one in self._shelf}
                self._made = {sha256: files for sha256, files in self._made.items() if sha256 in alive}
                graph = raw_graph(model)
                card = as_text(card_of(model, graph, differs=("browser",))).encode()
                files = {"model.onnx": graph, "card.json": card}
                self._made[served.sha256] = {
                    name: (content, f'"{hashlib.sha256(content).hexdigest()[:32]}"') for name, content in files.items()
                }
            return self._made[served.sha256][name]


def make_browser_router(shelf: Shelf) -> APIRouter:
    """The one route."""
    router = APIRouter(prefix="/v1")
    models = BrowserModels(shelf)

    @router.get(
        "/models/{model}/browser/{name}",
        response_class=Response,
        responses={
            200: {
                "content": {
                    "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
                    "application/json": {"schema": {"type": "object"}},
                }
            },
            304: {"description": "Not Modified"},
            **openapi.problems(401, 404),
        },
        summary="A model for the client's browser: raw pixels in, mask out",
    )
    async def file(model: str, name: Name, request: Request) -> Any:
        content, tag = await run_in_threadpool(models.file, shelf.get(model), name)
        headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(content, media_type=_TYPES[name], headers=headers)

    return router
