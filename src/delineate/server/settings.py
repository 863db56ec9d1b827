"""What a server is told when it starts, as one checked value."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

from delineate.errors import UsageError

MIB = 1 << 20
MIN_TOKEN = 16


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
    workers: int = 2
    job_workers: int = 1
    uploads: int = 64
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

    def __post_init__(self) -> None:
        """Raises UsageError for what cannot be served safely."""
        if not self.tokens and not is_loopback(self.host):
            raise UsageError("token-needed", host=self.host)
        if any(len(token) < MIN_TOKEN for token in self.tokens):
            raise UsageError("token-short", least=MIN_TOKEN)


def is_loopback(host: str) -> bool:
    """Whether ``host`` can be reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
