"""``delineate serve``: arguments → settings, and the lines a person reads while it runs."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from delineate.errors import EXIT_OK, MissingExtra, UsageError
from delineate.i18n import translate

MODULES = ("fastapi", "uvicorn", "python_multipart", "prometheus_client")


def add_serve(made: argparse.ArgumentParser, group: Any, option: Any) -> None:
    """The arguments of ``serve``."""
    option(made, "--model", metavar="[NAME=]MODEL", action="append", dest="models", default=[], key="model-serve")
    option(made, "--host", metavar="ADDRESS", default="127.0.0.1")
    option(made, "--port", metavar="N", type=int, default=8080)
    option(made, "--state", metavar="DIR")
    option(made, "--token-file", metavar="FILE")
    limits = group(made, "limits")
    option(limits, "--max-upload", metavar="MIB", type=int, default=512)
    option(limits, "--timeout", metavar="SECONDS", type=float, default=120.0)
    option(limits, "--job-timeout", metavar="SECONDS", type=float, default=3600.0)
    option(limits, "--retention", metavar="HOURS", type=float, default=24.0)
    option(limits, "--max-stored", metavar="MIB", type=int, default=8192)
    option(limits, "--queue", metavar="N", type=int, default=64)
    option(limits, "--refuse-unfamiliar", action="store_true")
    work = group(made, "computing")
    option(work, "--workers", metavar="N", type=int, default=2)
    option(work, "--job-workers", metavar="N", type=int, default=1)
    option(work, "--threads", metavar="N", type=int)
    option(work, "--engine", metavar="NAME", default="onnxruntime", key="engine-serve")
    option(work, "--batching", action="store_true")
    proxy = group(made, "proxy")
    option(proxy, "--behind-proxy", action="store_true")
    option(proxy, "--root-path", metavar="PATH", default="")


def serve(arguments: argparse.Namespace, language: str) -> int:
    if any(find_spec(name) is None for name in MODULES):
        raise MissingExtra("missing-extra", extra="server")
    from delineate.server.serving import serve as run
    from delineate.server.settings import MIB, Settings

    for name in ("max_upload", "queue", "workers", "job_workers", "timeout", "job_timeout", "retention", "max_stored"):
        if getattr(arguments, name) <= 0:
            raise UsageError("not-positive", option="--" + name.replace("_", "-"), value=getattr(arguments, name))
    settings = Settings(
        models=tuple(arguments.models),
        state=Path(arguments.state) if arguments.state else _state_folder(),
        host=arguments.host,
        port=arguments.port,
        tokens=_tokens(arguments.token_file),
        max_upload=arguments.max_upload * MIB,
        timeout=arguments.timeout,
        job_timeout=arguments.job_timeout,
        retention=arguments.retention * 3600,
        max_stored=arguments.max_stored * MIB,
        queue=arguments.queue,
        refuse_unfamiliar=arguments.refuse_unfamiliar,
        workers=arguments.workers,
        job_workers=arguments.job_workers,
        threads=arguments.threads,
        engine=arguments.engine,
        batching=arguments.batching,
        root_path=arguments.root_path.rstrip("/"),
    )
    _log_to_stderr(quiet=arguments.quiet)

    def ready(address: str) -> None:
        print(translate("cli.serve.ready", language, address=address, state=settings.state), flush=True)

    run(settings, ready=ready, proxy=arguments.behind_proxy)
    print(translate("cli.serve.ended", language))
    return EXIT_OK


def _tokens(path: str | None) -> tuple[str, ...]:
    """From the file, one a line (``#`` begins a comment), and from ``DELINEATE_TOKEN``."""
    found = []
    if path is not None:
        lines = (line.strip() for line in Path(path).read_text(encoding="utf-8").splitlines())
        found = [line for line in lines if line and not line.startswith("#")]
        if not found:
            raise UsageError("token-file-empty", path=path)
    given = os.environ.get("DELINEATE_TOKEN", "").strip()
    return tuple(dict.fromkeys([*found, *([given] if given else [])]))


def _state_folder() -> Path:
    base = os.environ.get("XDG_STATE_HOME") or os.environ.get("LOCALAPPDATA")
    return (Path(base) if base else Path.home() / ".local" / "state") / "delineate" / "server"


def _log_to_stderr(*, quiet: bool) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log = logging.getLogger("delineate.server")
    log.handlers[:] = [handler]
    log.propagate = False
    log.setLevel(logging.WARNING if quiet else logging.INFO)
    for name in ("uvicorn", "uvicorn.error"):  # its own lines would repeat ours
        logging.getLogger(name).handlers[:] = [handler]
        logging.getLogger(name).setLevel(logging.ERROR)
    logging.getLogger("uvicorn.error").propagate = False
