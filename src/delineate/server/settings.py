"""What a server is told when it starts, as one checked value."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

MIB = 1 << 20


@dataclass(frozen=True)
class Settings:
    """Defaults suit one machine on a desk; docs/server.md explains each.

    ``models``: model files, run folders or ``"demo"``. ``tokens``: who may ask; empty is allowed on a loopback address only.
    ``state``: folder for jobs, results and the audit log. Bytes and seconds throughout.
    """

    models: tuple[str, ...]
    state: Path
    host: str = "127.0.0.1"
    port: int = 8080
    tokens: tuple[str, ...] = field(default=(), repr=False)
    max_upload: int = 512 * MIB
    max_files: int = 4096
    max_unpacked: int = 2048 * MIB
    max_pixels: int = 1 << 28
    workers: int = 1
    threads: int | None = None
    engine: str = "onnxruntime"
    queue: int = 64
    timeout: float = 120.0
    job_timeout: float = 3600.0
    upload_timeout: float = 300.0
    drain: float = 30.0
    retention: float = 24 * 3600.0
    max_stored: int = 8192 * MIB
    refuse_unfamiliar: bool = False
    batching: bool = False
    root_path: str = ""
