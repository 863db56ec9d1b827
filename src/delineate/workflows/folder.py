"""A run is a folder; this knows its files, what is done already, and who works in it."""

from __future__ import annotations

import platform
import shutil
import sys
import time
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from delineate.errors import ResourceError, RunError
from delineate.recipe import load, read_json, save_json
from delineate.version import __version__
from delineate.workflows.options import RunOptions

#: Packages whose versions decide what comes out.
REPORTED = ("numpy", "torch", "onnx", "onnxruntime", "opencv-python-headless", "pillow", "scipy")


class RunFolder:
    """Paths and progress of one run.

    ``stages.json`` lists the stages that are complete; each is added only after its files are on disk, so that a resumed
    run repeats at most the stage it was killed in (training continues from its own checkpoint).
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __truediv__(self, name: str) -> Path:
        return self.path / name

    @property
    def model(self) -> Path:
        return self.path / "model.onnx"

    def is_run(self) -> bool:
        return (self.path / "options.json").is_file()

    def begin(self, options: RunOptions, *, overwrite: bool) -> None:
        """Make the folder for a new run. Another run there is only removed with ``overwrite``, a foreign folder never."""
        if self.is_run():
            if not overwrite:
                raise RunError("run-exists", path=self.path)
            shutil.rmtree(self.path)
        elif self.path.exists() and (not self.path.is_dir() or any(self.path.iterdir())):
            raise RunError("run-not-empty", path=self.path)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ResourceError("cannot-write", path=self.path, reason=error.strerror or str(error)) from None
        save_json(self / "options.json", options)

    def options(self) -> RunOptions:
        if not self.is_run():
            raise RunError("run-missing", path=self.path)
        return load(RunOptions, self / "options.json")

    def done(self) -> dict[str, float]:
        """Finished stages → seconds they took."""
        path = self / "stages.json"
        return dict(read_json(path)) if path.exists() else {}

    def finish(self, stage: str, seconds: float) -> None:
        save_json(self / "stages.json", {**self.done(), stage: round(seconds, 3)})

    def need(self, name: str) -> Path:
        """The path of a file that a finished run has."""
        path = self.path / name
        if not path.exists():
            if not self.is_run():
                raise RunError("run-missing", path=self.path)
            raise RunError("run-unfinished", path=self.path, what=name)
        return path


class Clock:
    """Wall-clock since the start, going on where an interrupted run left off."""

    def __init__(self, before: float = 0.0) -> None:
        self._start = time.monotonic() - before

    def elapsed(self) -> float:
        return time.monotonic() - self._start

    def deadline(self, seconds: float) -> float:
        """The ``time.monotonic()`` at which ``seconds`` since the start have passed."""
        return self._start + seconds


def machine() -> dict[str, Any]:
    """What a result depends on beside data and seed: versions and processor. No user or host names."""
    versions = {}
    for name in REPORTED:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return {
        "delineate": __version__,
        "python": sys.version.split()[0],
        "system": f"{platform.system()} {platform.machine()}",
        "packages": versions,
    }


def now() -> str:
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
