"""Headers of every answer, and who may ask."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: The page computes with WebAssembly and draws on canvases; nothing may come from, or go to, another machine.
CSP = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self' 'wasm-unsafe-eval'",
        "worker-src 'self' blob:",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self' blob: data:",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS = tuple(
    (name.encode(), value.encode())
    for name, value in (
        ("content-security-policy", CSP),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("x-frame-options", "DENY"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("permissions-policy", "camera=(), microphone=(), geolocation=()"),
    )
)


class Headers:
    """Adds the security headers to every answer, errors too. What holds patients' data is never cached."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        store = b"no-cache" if scope["path"].startswith("/static/") else b"no-store"

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                have = {name for name, _ in message["headers"]}
                extra = (*_HEADERS, (b"cache-control", store))
                message["headers"] = [*message["headers"], *(pair for pair in extra if pair[0] not in have)]
            await send(message)

        await self._app(scope, receive, with_headers)


def token_name(token: str) -> str:
    """What stands for a token in logs: the start of its hash."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()[:12]


def known_token(given: str, tokens: Iterable[str]) -> bool:
    """Whether ``given`` is one of ``tokens``; takes as long for a wrong one as for a right one."""
    offered = hashlib.sha256(given.encode("utf-8", "surrogateescape")).digest()
    found = False
    for token in tokens:
        found |= hmac.compare_digest(offered, hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest())
    return found
