"""``delineate app``: the program from its start to its end, or one picture of it (``--screenshot``)."""

from __future__ import annotations

import logging
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QElapsedTimer, QEventLoop, QMessageLogContext, Qt, QTimer, QtMsgType, qInstallMessageHandler
from PySide6.QtWidgets import QApplication

from delineate.desktop import correcting_recovery
from delineate.desktop.models import open_model
from delineate.desktop.segmenting import SegmentDock
from delineate.desktop.window import MainWindow
from delineate.editing.settings import SettingsFile
from delineate.errors import EXIT_OK, ResourceError, UsageError

_log = logging.getLogger("delineate.desktop")
_SIZE = (1280, 820)
_MOST_MS = 600_000  # a picture that takes longer than ten minutes is given up


def run(image: str | None, model: str | None, language: str | None, theme: str, screenshot: str | None) -> int:
    """Open the window (with ``image`` and ``model`` where given) and stay until it is closed; returns the exit code.

    With ``screenshot`` the window is drawn without a display, the image is segmented if there is a model, the picture is saved, and
    that is all. Raises UsageError ``desktop-no-display``, and what opening or segmenting raised.
    """
    if screenshot is not None:
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
    elif not _has_display():
        raise UsageError("desktop-no-display")
    app = _application()
    qInstallMessageHandler(_qt_says)
    if screenshot is not None:
        with tempfile.TemporaryDirectory() as nobodys:  # a picture neither reads nor changes the person's settings
            window = MainWindow(app, SettingsFile(Path(nobodys)), language, theme)
            return _picture(app, window, image, model, Path(screenshot))
    window = MainWindow(app, None, language, theme)
    window.show()
    correcting_recovery.offer(window.workbench, window)
    if model is not None:
        open_model(window.workbench, model)
    if image is not None:
        window.open([Path(image)])
    with_ctrl_c(window)
    return app.exec()


def _application() -> QApplication:
    found = QApplication.instance()
    if isinstance(found, QApplication):
        return found
    QApplication.setHighDpiScaleFactorRoundingPolicy(Qt.HighDpiScaleFactorRoundingPolicy.PassThrough)
    app = QApplication(["delineate"])
    app.setApplicationName("Delineate")
    app.setDesktopFileName("delineate")
    return app


def _qt_says(kind: QtMsgType, context: QMessageLogContext, text: str) -> None:
    """Qt's own remarks go to the log: on a terminal they are noise (and the offscreen platform has many)."""
    _log.log(logging.ERROR if kind in (QtMsgType.QtCriticalMsg, QtMsgType.QtFatalMsg) else logging.DEBUG, text)


def _has_display() -> bool:
    if not sys.platform.startswith("linux") or os.environ.get("QT_QPA_PLATFORM"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def with_ctrl_c(window: MainWindow) -> None:
    """Let Ctrl-C in the terminal close the window: Python hears of it only while it runs."""
    signal.signal(signal.SIGINT, lambda *_: window.close())
    timer = QTimer(window)
    timer.timeout.connect(lambda: None)
    timer.start(250)


def _picture(app: QApplication, window: MainWindow, image: str | None, model: str | None, path: Path) -> int:
    errors: list[BaseException] = []
    bench = window.workbench
    bench.failed.connect(errors.append)
    window.resize(*_SIZE)
    window.show()
    if model is not None:
        open_model(bench, model)
        settle(lambda: not bench.jobs.running)
    if image is not None and not errors:
        window.open([Path(image)])
        settle(lambda: not bench.jobs.running)
        dock = window.view_page.dock("segment")
        if model is not None and bench.document is not None and isinstance(dock, SegmentDock):
            dock.segment()
            settle(lambda: not bench.jobs.running)
    app.processEvents()
    if errors:
        raise errors[0]
    save_picture(window, path)
    bench.jobs.stop_all()
    if bench.session is not None:
        bench.session.close()
    window.deleteLater()
    return EXIT_OK


def save_picture(window: MainWindow, path: Path) -> None:
    """The window as it looks now. Raises ResourceError ``cannot-write``."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ResourceError("cannot-write", path=path, reason=error.strerror or str(error)) from None
    if not window.grab().save(str(path)):
        raise ResourceError("cannot-write", path=path, reason="Qt")


def settle(until: Callable[[], bool], milliseconds: int = _MOST_MS) -> bool:
    """Let events happen until something is so; whether it became so in time."""
    clock = QElapsedTimer()
    clock.start()
    loop = QEventLoop()
    while not until():
        if clock.hasExpired(milliseconds):
            return False
        QTimer.singleShot(20, loop.quit)
        loop.exec()
    return True
