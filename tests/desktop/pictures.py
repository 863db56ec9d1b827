"""The pictures of Correct, Measure and Compare in docs/images, of the synthetic example: ``python -m tests.desktop.pictures``."""

from __future__ import annotations

import argparse
import io
import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PIL import Image
from PySide6.QtCore import QBuffer, QIODevice, QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from delineate.desktop.comparing import ComparePage
from delineate.desktop.comparing_choice import Chosen
from delineate.desktop.correcting import CorrectDock
from delineate.desktop.measuring import MeasureDock
from delineate.desktop.program import settle
from delineate.desktop.segmenting import SegmentDock
from delineate.desktop.window import MainWindow
from delineate.editing import tools
from delineate.editing.planes import Plane

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "images"
MOST_BYTES = 200_000
_LEFT, _NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=FOLDER)
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as nobodys:
        os.environ["DELINEATE_STATE"] = os.environ["DELINEATE_CONFIG"] = nobodys
        app = QApplication.instance() or QApplication([])
        assert isinstance(app, QApplication)
        for name, language, theme in (
            ("correct", "en", "dark"),
            ("correct", "zh", "light"),
            ("measure", "en", "light"),
            ("measure", "zh", "dark"),
            ("compare", "en", "light"),
            ("compare", "zh", "dark"),
        ):
            window = segmented(app, language, theme)
            {"correct": correct, "measure": measure, "compare": compare}[name](window)
            settle(lambda: False, 600)
            save(window, asked.out / f"app-{name}-{language}-{theme}.png")
            window.workbench.document.mark_saved()  # type: ignore[union-attr]
            window.close()


def segmented(app: QApplication, language: str, theme: str) -> MainWindow:
    window = MainWindow(app, None, language, theme)
    window.resize(1280, 820)
    window.show()
    window.files.ask("example")
    _wait(window)
    dock = window.view_page.dock("segment")
    assert isinstance(dock, SegmentDock)
    dock.segment()
    _wait(window)
    _wait(window)
    return window


def correct(window: MainWindow) -> None:
    """A brush in hand and two strokes made; in English the axial plane alone."""
    window.workbench.settings.keep(reviewer="R. Example")
    window.view_page.show_dock("display")
    window.view_page.show_dock("correct")
    if window.workbench.texts.language == "en":
        window.view_page.grid.show_alone(Plane.AXIAL)
        settle(lambda: False, 200)
    dock = window.view_page.dock("correct")
    assert isinstance(dock, CorrectDock)
    dock.retranslate()
    dock.options.set(radius=7.0)
    dock.actions_.use("brush")
    canvas = window.view_page.canvases[0]
    canvas.setFocus()
    path = [canvas.place(v, u).toPoint() for v, u in ((112, 57), (108, 62), (102, 66), (98, 71))]
    _drag(canvas, path)
    dock.actions_.use("smart-brush")
    _drag(canvas, [canvas.place(v, u).toPoint() for v, u in ((100, 150), (104, 154))])
    dock.actions_.use("brush")
    QTest.mouseMove(canvas, canvas.place(98, 71).toPoint())


def measure(window: MainWindow) -> None:
    window.view_page.show_dock("measure")
    dock = window.view_page.dock("measure")
    assert isinstance(dock, MeasureDock)
    dock.measure()
    _wait(window)
    canvas = window.view_page.canvases[0]
    for kind, points in (("distance", ((60, 30), (60, 165))), ("angle", ((72, 62), (120, 97), (72, 136)))):
        dock.use(kind)  # type: ignore[arg-type]
        for v, u in points:
            QTest.mouseClick(canvas, _LEFT, _NONE, canvas.place(v, u).toPoint())


def compare(window: MainWindow) -> None:
    """The model's mask, and what a person made of it."""
    bench = window.workbench
    document, session = bench.document, bench.session
    assert document is not None
    assert session is not None
    session.do("holes", tools.fill_holes(document, 1, "volume"))
    session.do("grow", tools.grow(document, 1, 2))
    session.do("lasso", tools.lasso(document, document.grid.planes[0], 20, [(40, 30), (40, 70), (90, 60), (100, 30)], 0))
    window.show_page("compare")
    page = window.page("compare")
    assert isinstance(page, ComparePage)
    page.choices[0].choose(Chosen("mask", "edited"))
    page.choices[1].choose(Chosen("model", "demo"))
    page.compare()
    _wait(window)
    _wait(window)


def save(widget: QWidget, path: Path) -> None:
    """As a PNG of as many colours as fit the size."""
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    widget.grab().save(buffer, "PNG")
    picture = Image.open(io.BytesIO(bytes(buffer.data().data()))).convert("RGB")
    for colours in (256, 128, 64, 32):
        data = io.BytesIO()
        picture.quantize(colours, dither=Image.Dither.NONE).save(data, "png", optimize=True)
        if data.tell() < MOST_BYTES:
            break
    path.write_bytes(data.getvalue())
    sys.stdout.write(f"{path.name}: {data.tell()} bytes, {colours} colours\n")


def _drag(canvas: QWidget, path: list[QPoint]) -> None:
    QTest.mousePress(canvas, _LEFT, _NONE, path[0])
    for point in path[1:]:
        QTest.mouseMove(canvas, point)
    QTest.mouseRelease(canvas, _LEFT, _NONE, path[-1])


def _wait(window: MainWindow) -> None:
    settle(lambda: not window.workbench.jobs.running, 120_000)
    QApplication.processEvents()


if __name__ == "__main__":
    main()
