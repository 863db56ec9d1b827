"""dev.py: what it passes on, what it says when the machine lacks something, that it does nothing twice."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import venv
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def dev(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """dev.py as if it lay in an empty project."""
    spec = importlib.util.spec_from_file_location("dev", ROOT / "dev.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    home = tmp_path / ".venv"
    for name, value in {"ROOT": tmp_path, "VENV": home, "PYTHON": home / "bin" / "python", "STAMP": home / "stamp"}.items():
        monkeypatch.setattr(module, name, value)
    return module


@pytest.fixture
def calls(dev: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], Any]]:
    """Commands that would have been run, with their folder."""
    made: list[tuple[list[str], Any]] = []

    def call(command: list[str], **options: Any) -> int:
        made.append((command, options.get("cwd")))
        return 0

    monkeypatch.setattr(subprocess, "call", call)
    return made


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["test", "--", "-k", "png"], ["-k", "png"]),
        (["test", "-k", "png", "-x"], ["-k", "png", "-x"]),
        (["test", "tests/formats"], ["tests/formats"]),
        (["test", "--slow", "--", "-k", "png"], ["-m", "", "-k", "png"]),
    ],
)
def test_arguments_go_to_pytest(
    arguments: list[str], expected: list[str], dev: ModuleType, calls: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dev, "setup", lambda extra: None)
    monkeypatch.setattr(dev, "system_packages", lambda: None)
    monkeypatch.setattr(sys, "argv", ["dev.py", *arguments])
    assert dev.main() == 0
    assert [command[1:] for command, _ in calls] == [["-m", "pytest", *expected]]


@pytest.mark.parametrize("arguments", [["--lang", "zh", "--out", "x"], ["--", "--lang", "zh", "--out", "x"]])
def test_arguments_go_to_the_demonstration(
    arguments: list[str], dev: ModuleType, calls: list[Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(dev, "setup", lambda extra: None)
    monkeypatch.setattr(sys, "argv", ["dev.py", "demo", *arguments])
    monkeypatch.chdir(tmp_path)
    assert dev.main() == 0
    assert [command[1:] for command, _ in calls] == [["demo", "--lang", "zh", "--out", "x"]]
    assert calls[0][1] == tmp_path, "--out x lies where the person stands"


def test_setting_up_twice_does_nothing_the_second_time(dev: ModuleType, calls: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def make() -> None:
        dev.PYTHON.parent.mkdir(parents=True, exist_ok=True)
        dev.PYTHON.touch()

    monkeypatch.setattr(dev, "make_venv", make)
    dev.setup("train")
    first = len(calls)
    assert first > 0
    dev.setup("train")
    assert len(calls) == first
    dev.setup("dev")
    second = len(calls)
    assert second > first
    dev.setup("train")  # is part of dev
    dev.setup("dev")
    assert len(calls) == second
    (dev.ROOT / "pyproject.toml").write_text("[project]\nname = 'changed'\n")
    dev.setup("dev")
    assert len(calls) > second


def test_a_machine_without_venv(dev: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def create(*_: object, **__: object) -> None:
        raise subprocess.CalledProcessError(1, "ensurepip")

    monkeypatch.setattr(venv, "create", create)
    monkeypatch.setattr(dev, "may_install", lambda: None)
    with pytest.raises(SystemExit) as ended:
        dev.make_venv()
    assert ended.value.code == 1
    assert f"sudo apt-get install python{sys.version_info.major}.{sys.version_info.minor}-venv" in capsys.readouterr().out


def test_missing_system_packages_are_named(
    dev: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(dev, "SYSTEM", [("no-such-program", "some-package", "something")])
    monkeypatch.setattr(dev, "may_install", lambda: None)
    monkeypatch.setattr(dev, "IN_CI", False)
    dev.system_packages()
    assert "sudo apt-get install some-package" in capsys.readouterr().out
    monkeypatch.setattr(dev, "IN_CI", True)
    with pytest.raises(SystemExit):
        dev.system_packages()


def test_ci_runs_the_tests_and_says_nothing_after_them() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    assert script.rstrip().endswith("exec python3 dev.py test")
    source = (ROOT / "dev.py").read_text()
    after = source.split('"-m", "pytest"', 1)[1].split("\ndef ", 1)[0]
    assert "say(" not in after
