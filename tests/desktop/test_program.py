"""``delineate app`` from outside: a picture without a display, words where there is none, and a real window under Xvfb."""

from __future__ import annotations

import configparser
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtWidgets import QApplication, QLabel

from delineate import desktop
from delineate.cli import app_command
from delineate.cli.main import main
from delineate.desktop import program

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


@pytest.fixture(autouse=True)
def own_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "qInstallMessageHandler", lambda _: None)  # pytest-qt has its own
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")


def test_a_picture_of_the_window_with_the_mask(qapp: QApplication, slice_file: Path, tmp_path: Path) -> None:
    target = tmp_path / "new" / "window.png"
    assert main(["app", str(slice_file), "--model", "demo", "--screenshot", str(target), "--lang", "en", "--theme", "dark"]) == 0
    with Image.open(target) as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    assert pixels.shape == (820, 1280, 3)
    orange = (pixels[..., 0] - pixels[..., 2] > 60) & (pixels[..., 0] > pixels[..., 1])
    assert orange[150:700, 300:900].mean() > 0.02, "the mask is seen"
    assert not (tmp_path / "config").exists(), "a picture changes no settings"


def test_a_bad_file_ends_a_picture_with_its_reason(qapp: QApplication, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["app", str(tmp_path / "missing.png"), "--screenshot", str(tmp_path / "x.png"), "--lang", "en"]) == 3
    assert "missing.png" in capsys.readouterr().err
    assert not (tmp_path / "x.png").exists()


def test_a_picture_that_cannot_be_written_is_said(qapp: QApplication, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main(["app", "--screenshot", str(tmp_path / "file" / "x.png"), "--lang", "en"]) == 6
    assert "x.png" in capsys.readouterr().err


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems always have a display")
def test_without_a_display_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    assert main(["app", "--lang", "en"]) == 2
    assert "--screenshot" in capsys.readouterr().err


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(app_command, "find_spec", lambda _: None)
    assert main(["app", "--lang", "en"]) == 7
    assert "delineate[desktop]" in capsys.readouterr().err


@pytest.mark.skipif(shutil.which("Xvfb") is None, reason="Xvfb is not installed")
def test_a_real_window(slice_file: Path, tmp_path: Path) -> None:
    """On an X server: the window is shown, an image opened and segmented, the window closed, with exit code 0."""
    script = tmp_path / "real.py"
    script.write_text(
        """
import sys
from pathlib import Path
from PySide6.QtCore import QTimer
from delineate.desktop import program, window

def look():
    main = next(w for w in program.QApplication.topLevelWidgets() if isinstance(w, window.MainWindow))
    assert program.QApplication.platformName() == "xcb"
    program.settle(lambda: main.workbench.document is not None, 30_000)
    main.view_page.dock("segment").segment()
    program.settle(lambda: main.workbench.document.predicted is not None, 30_000)
    print("visible", main.isVisible(), "shown", main.windowHandle().isExposed(), int(main.workbench.document.edited.sum()) > 0)
    main.close()

app = program._application()
QTimer.singleShot(200, look)
sys.exit(program.run(sys.argv[1], None, "zh", "dark", None))
"""
    )
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", "1", "-screen", "0", "1280x900x24", "-nolisten", "tcp"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert server.stdout is not None
        display = f":{server.stdout.readline().decode().strip()}"
        done = subprocess.run(
            [sys.executable, str(script), str(slice_file)],
            capture_output=True,
            text=True,
            timeout=120,
            env={**ENVIRONMENT, "DISPLAY": display, "QT_QPA_PLATFORM": "xcb"},
            check=False,
        )
    finally:
        server.terminate()
        server.wait(10)
        if server.stdout is not None:
            server.stdout.close()
    assert done.stdout.strip() == "visible True shown True True", done.stderr
    assert done.returncode == 0, done.stderr


def test_the_desktop_entry_in_the_package_is_that_of_deploy() -> None:
    packaged = Path(desktop.__file__).parent / "assets"
    entry = (packaged / "delineate.desktop").read_text(encoding="utf-8")
    assert entry == (Path(__file__).parents[2] / "deploy" / "delineate.desktop").read_text(encoding="utf-8")
    parser = configparser.ConfigParser(interpolation=None, strict=True)
    parser.read_string(entry)
    assert parser["Desktop Entry"]["Exec"] == "delineate app %f"
    assert (packaged / f"{parser['Desktop Entry']['Icon']}.svg").exists()


def test_qt_keeps_its_hands_off_none(qapp: QApplication) -> None:
    """The wheels of PySide6 6.12.0 lose a reference of None with every call on Python < 3.12, and die after minutes of use."""
    label = QLabel()
    before = sys.getrefcount(None)
    for _ in range(2000):
        label.setText("x")
    assert sys.getrefcount(None) > before - 500
