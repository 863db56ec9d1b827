"""The independent judge of DICOM objects: dciodvfy of dicom3tools."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

needs_dciodvfy = pytest.mark.skipif(
    shutil.which("dciodvfy") is None, reason="dciodvfy is not installed (Debian package dicom3tools)"
)


def errors_of(path: Path) -> list[str]:
    """The lines of dciodvfy's verdict that begin with Error."""
    done = subprocess.run(["dciodvfy", "-new", str(path)], capture_output=True, text=True, errors="replace", check=False)
    said = (done.stdout + done.stderr).splitlines()
    assert any(line.strip() == "Segmentation" for line in said), said  # it knew what to check
    return [line for line in said if line.startswith("Error")]
