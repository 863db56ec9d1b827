"""Before any route: a number for the request, who asks, from where; after it: counters and one line in the log."""

from __future__ import annotations

import logging
import secrets
import time
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from delineate.errors import ResourceError, UsageError
from delineate.server.problems import from_system, language_of, respond, trace_of
from delineate.server.security import known_token, token_name
from delineate.server.settings import Settings
from delineate.server.telemetry import Telemetry

log = logging.getLogger("delineate.server")
_LOCAL = {"localhost", "127.0.0.1", "::1"}
_CLOSED = ("/v1", "/metrics")
_METHODS = {"GET", "HEAD", "POST", "DELETE", "OPTIONS", "PUT", "PATCH"}


class Guard:
    """Sets ``request.state``: ``id``, ``who`` (a token's name or ``local``), ``ip``, ``language``."""

    def __init__(self, app: ASGIApp, settings: Settings, telemetry: Telemetry) -> None:
        self._app, self._settings, self._telemetry = app, settings, telemetry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        headers = Headers(scope=scope)
        state: dict[str, Any] = scope.setdefault("state", {})
        state["id"] = secrets.token_hex(8)
        state["ip"] = (scope.get("client") or ("?", 0))[0]
        state["language"] = language_of(headers.get("accept-language", ""))
        status = 0

        async def counted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", state["id"].encode())]
            await send(message)

        try:
            state["who"] = self._who(scope, headers)
            await self._app(scope, receive, counted)
        except Exception as error:  # noqa: BLE001 - the last line of defence
            known = from_system(error)
            if known is None:
                log.error("request %s: a bug\n%s", state["id"], trace_of(error))
                known = ResourceError("server-bug")
            if not status:
                await respond(known, state["language"], f"urn:request:{state['id']}")(scope, receive, counted)
        finally:
            self._count(scope, status, time.perf_counter() - began, state["id"])

    def _who(self, scope: Scope, headers: Headers) -> str:
        """Raises UsageError ``host-wrong``, ``cross-site``, ``token-wrong``."""
        host = headers.get("host", "")
        if not self._settings.tokens and (urlsplit(f"//{host}").hostname or "") not in _LOCAL:
            # Another name for 127.0.0.1 in a browser's address bar is how a foreign page would get in (DNS rebinding).
            raise UsageError("host-wrong")
        origin = headers.get("origin")
        if scope["method"] not in ("GET", "HEAD") and origin is not None and urlsplit(origin).netloc != host:
            raise UsageError("cross-site")
        if headers.get("sec-fetch-site") == "cross-site" and scope["path"].startswith(_CLOSED):
            raise UsageError("cross-site")
        if not self._settings.tokens:
            return "local"
        kind, _, token = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and known_token(token.strip(), self._settings.tokens):
            return token_name(token.strip())
        if scope["path"].startswith(_CLOSED):
            raise UsageError("token-wrong")
        return "anyone"

    def _count(self, scope: Scope, status: int, seconds: float, name: str) -> None:
        route = getattr(scope.get("route"), "path", None) or ("/static" if scope["path"].startswith("/static") else "other")
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._telemetry.requests.labels(route, method, str(status)).inc()
        self._telemetry.seconds.labels(route).observe(seconds)
        log.info("%s %s %s %.0f ms %s", method, route, status or "gone", seconds * 1000, name)
