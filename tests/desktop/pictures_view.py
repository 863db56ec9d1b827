"""The View page in docs/images, in both languages and themes, of drawn images: ``python -m tests.desktop.pictures_view``."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import tifffile
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from delineate.desktop import example
from delineate.desktop.program import settle
from delineate.desktop.segmenting import SegmentDock
from delineate.desktop.shortcuts import ShortcutsWindow
from delineate.desktop.window import MainWindow
from delineate.editing.planes import Plane
from delineate.editing.settings import SettingsFile
from delineate.synthetic.dataset import draw_volume

FOLDER = Path(__file__).parents[2] / "docs" / "images"
MOST_BYTES = 200_000


def save(widget: QWidget, name: str) -> Path:
    """With as many colours as fit: windows stay sharp, files small."""
    path = FOLDER / f"{name}.png"
    QApplication.processEvents()
    widget.grab().save(str(path))
    with Image.open(path) as picture:
        whole = picture.convert("RGB")
    for colours in (256, 128, 96, 64):
        whole.quantize(colours, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(path, optimize=True)
        if path.stat().st_size < MOST_BYTES:
            return path
    raise AssertionError(f"{path.name}: {path.stat().st_size} bytes")


def idle(window: MainWindow) -> None:
    assert settle(lambda: not window.workbench.jobs.running)
    QApplication.processEvents()


def open_segmented(window: MainWindow, path: Path) -> SegmentDock:
    window.open([path])
    idle(window)
    dock = window.view_page.dock("segment")
    assert isinstance(dock, SegmentDock)
    dock.segment()
    assert settle(lambda: window.workbench.document is not None and window.workbench.document.predicted is not None)
    idle(window)
    return dock


def empty(window: MainWindow, folder: Path) -> QWidget:
    return window


def volume(window: MainWindow, folder: Path) -> QWidget:
    open_segmented(window, example.scan())
    canvas = window.view_page.grid.canvas(Plane.AXIAL)
    QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=canvas.place(100, 58).toPoint())
    QTest.keyClick(canvas, Qt.Key.Key_X)
    QTest.mouseMove(canvas, canvas.place(90, 60).toPoint())
    return window


def plane(window: MainWindow, folder: Path) -> QWidget:
    path = folder / "chest.tif"
    tifffile.imwrite(path, draw_volume(1, 1, 4, 256)[2][0], photometric="minisblack")
    dock = open_segmented(window, path)
    bench = window.workbench
    assert bench.view is not None
    bench.set_view(replace(bench.view, outline=True))
    dock.thresholds.sliders[0].setValue(350)
    canvas = window.view_page.grid.canvas(Plane.AXIAL)
    QTest.mouseMove(canvas, canvas.place(120, 90).toPoint())
    return window


def shortcuts(window: MainWindow, folder: Path) -> QWidget:
    open_segmented(window, example.scan())
    window.menus.show_shortcuts()
    return window.findChildren(ShortcutsWindow)[-1]


SCREENS: dict[str, Callable[[MainWindow, Path], QWidget]] = {
    "empty": empty,
    "volume": volume,
    "plane": plane,
    "shortcuts": shortcuts,
}


def main() -> None:
    app = QApplication.instance() or QApplication([])
    assert isinstance(app, QApplication)
    FOLDER.mkdir(exist_ok=True)
    for language in ("en", "zh"):
        for theme in ("light", "dark"):
            for name, make in SCREENS.items():
                with tempfile.TemporaryDirectory() as text:
                    folder = Path(text)
                    os.environ["DELINEATE_STATE"] = str(folder / "state")
                    window = MainWindow(app, SettingsFile(folder), language, theme)
                    window.resize(1280, 820)
                    window.show()
                    QApplication.processEvents()
                    path = save(make(window, folder), f"app-{name}-{language}-{theme}")
                    print(f"{path.name}: {path.stat().st_size // 1000} kB")
                    window.workbench.jobs.stop_all()
                    window.close()
                    window.deleteLater()
                    QApplication.processEvents()


if __name__ == "__main__":
    main()
