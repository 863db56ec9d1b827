"""What folders and pages are made of is in the package, whole and as published."""

from __future__ import annotations

import ast
import hashlib
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "delineate"


def test_the_wheel_takes_every_file() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    found = re.search(r"\[tool\.setuptools\.package-data\]\s+delineate = (\[.*?\])", text, re.DOTALL)
    assert found is not None
    taken: set[str] = set()
    for pattern in ast.literal_eval(found[1]):
        taken |= {path.relative_to(PACKAGE).as_posix() for path in PACKAGE.glob(pattern)}
    for room in ("server/web", "portable/page", "portable/templates"):
        own = [path for path in (PACKAGE / room).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
        assert own
        assert [path for path in own if path.relative_to(PACKAGE).as_posix() not in taken] == []


def test_the_engine_is_as_published() -> None:
    folder = PACKAGE / "server" / "web" / "vendor" / "ort"
    table = re.findall(r"^\| (\S+) \| ([0-9a-f]{64}) \|$", (folder / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert {name for name, _ in table} == {path.name for path in folder.iterdir() if path.suffix in (".mjs", ".wasm")}
    for name, digest in table:
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest, name
    assert "MIT License" in (folder / "LICENSE").read_text(encoding="utf-8")
