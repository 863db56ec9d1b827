"""One server process: sockets, signals, a clean end."""

from __future__ import annotations

import logging
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import uvicorn

from delineate.errors import DelineateError, UsageError
from delineate.server.app import create_app
from delineate.server.routes import Parts
from delineate.server.settings import Settings

log = logging.getLogger("delineate.server")


class _Server(uvicorn.Server):
    """uvicorn's, with our signals: SIGTERM and Ctrl-C let requests finish, SIGHUP reads the model files anew."""

    parts: Parts

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        wanted: dict[int, Any] = {signal.SIGINT: self._leave, signal.SIGTERM: self._leave}
        if hasattr(signal, "SIGHUP"):
            wanted[signal.SIGHUP] = self._reload
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, handler) for number, handler in wanted.items()}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _leave(self, number: int, frame: FrameType | None) -> None:
        self.parts.desk.leaving = True  # streams of events end, or they would be waited for
        self.handle_exit(number, frame)

    def _reload(self, number: int, frame: FrameType | None) -> None:
        threading.Thread(target=reload_models, args=(self.parts,), name="reload", daemon=True).start()


def reload_models(parts: Parts) -> None:
    """Exchange the models whose files changed. Where one cannot be opened all stay as they are, and the log says so."""
    try:
        changed = parts.shelf.reload()
    except DelineateError as error:
        log.error("models not reloaded: %s", error)
        return
    log.info("models reloaded: %s", ", ".join(changed) or "none changed")


def bind(host: str, port: int) -> socket.socket:
    """The listening socket (port 0: any free one). Raises UsageError ``port-in-use``."""
    name = host.strip("[]")
    family = socket.AF_INET6 if ":" in name else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((name, port))
        bound.listen(512)
    except (OSError, OverflowError) as error:
        bound.close()
        raise UsageError("port-in-use", host=host, port=port, reason=getattr(error, "strerror", None) or str(error)) from None
    return bound


def serve(settings: Settings, *, ready: Callable[[str], None], proxy: bool = False) -> None:
    """Serve until a signal. ``ready`` gets the address once the models are loaded and the port is open.

    ``proxy``: a reverse proxy on this machine says who the client is (``X-Forwarded-For``).
    """
    bound = bind(settings.host, settings.port)
    try:
        app = create_app(settings)
        config = uvicorn.Config(
            app,
            http="h11",
            loop="asyncio",
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=proxy,
            forwarded_allow_ips="127.0.0.1,::1" if proxy else "",
            timeout_keep_alive=30,
            timeout_graceful_shutdown=round(settings.drain),
            limit_concurrency=1000,
            backlog=512,
        )
        server = _Server(config)
        server.parts = app.state.parts
        host = f"[{settings.host.strip('[]')}]" if ":" in settings.host else settings.host
        ready(f"http://{host}:{bound.getsockname()[1]}{settings.root_path}")
        server.run(sockets=[bound])
    finally:
        bound.close()
