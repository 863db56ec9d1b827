"""Two masks side by side: linked views, the map and the numbers, by real events."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog

from delineate.desktop.comparing import ComparePage
from delineate.desktop.comparing_choice import Chosen
from delineate.desktop.small_tables import content
from delineate.desktop.window import MainWindow
from delineate.editing import tools
from delineate.editing.difference import BOTH, COLOURS, ONLY_A, ONLY_B
from delineate.editing.planes import Plane
from delineate.inference import ModelFile, Predictor
from delineate.metrics import dice

Open = Callable[[Path], MainWindow]
Wait = Callable[[], None]
LEFT = Qt.MouseButton.LeftButton


def page_of(window: MainWindow) -> ComparePage:
    window.show_page("compare")
    QApplication.processEvents()
    page = window.page("compare")
    assert isinstance(page, ComparePage)
    return page


def predict(window: MainWindow, rows: slice) -> None:
    """What a model could have said: those rows of the slice."""
    document = window.workbench.document
    assert document is not None
    labels = np.zeros(document.image.geometry.shape, np.uint8)
    labels[..., rows, 20:100] = 1
    document.set_prediction(labels)
    window.workbench.document_changed.emit()


def corrected(window: MainWindow) -> None:
    """The prediction, and ten more rows by hand."""
    predict(window, slice(20, 60))
    document, session = window.workbench.document, window.workbench.session
    assert document is not None
    assert session is not None
    block = [(59.5, 19.5), (59.5, 99.5), (69.5, 99.5), (69.5, 19.5)]
    session.do("lasso", tools.lasso(document, Plane.AXIAL, 0, block, 1))


def test_a_mask_and_what_the_model_said(opened: Open, wait: Wait, slice_file: Path) -> None:
    window = opened(slice_file)
    corrected(window)
    page = page_of(window)
    page.choices[0].choose(Chosen("mask", "edited"))
    page.choices[1].choose(Chosen("mask", "predicted"))
    QTest.mouseClick(page.run, LEFT)
    wait()
    heads, cells = content(page.table)
    row = dict(zip(heads, cells[0], strict=True))
    assert row["Dice of A and B"] == f"{2 * 40 / 90:.3f}"
    assert (row["Only A, px"], row["Only B, px"], row["Both, px"]) == ("800", "0", "3,200")
    assert row["A and reference"] == "–"
    mapped = page.middle.bench.document
    assert mapped is not None
    assert set(np.unique(mapped.edited[0, 0, 60:70, 20:100])) == {ONLY_A}
    assert set(np.unique(mapped.edited[0, 0, 20:60, 20:100])) == {BOTH}
    assert page.middle.bench.view is not None
    assert page.middle.bench.view.colours == (COLOURS[ONLY_A], COLOURS[ONLY_B], COLOURS[BOTH])
    assert window.workbench.document is not None
    assert window.workbench.document.edited[0, 0, 65, 50] == 1  # nothing is edited here


def test_a_reference_gives_dice_of_both(
    opened: Open, wait: Wait, slice_file: Path, mask_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = opened(slice_file)
    corrected(window)
    page = page_of(window)
    page.choices[0].choose(Chosen("mask", "edited"))
    page.choices[1].choose(Chosen("mask", "predicted"))
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(mask_file), ""))
    QTest.mouseClick(page.truth, LEFT)  # rows 20–59, columns 30–69
    wait()
    page.compare()
    wait()
    heads, cells = content(page.table)
    row = dict(zip(heads, cells[0], strict=True))
    assert row["A and reference"] == f"{2 * 40 * 40 / (50 * 80 + 40 * 40):.3f}"
    assert row["B and reference"] == f"{2 * 40 * 40 / (40 * 80 + 40 * 40):.3f}"
    # chosen afterwards it counts too, and a bad file is told
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(slice_file), ""))
    page.ask_truth()
    wait()
    assert window.message.level == "error"
    page.use_truth(mask_file)
    wait()
    assert content(page.table)[1][0][2] == row["A and reference"]


def test_a_model_on_a_side_gives_the_mask_of_predict(opened: Open, wait: Wait, slice_file: Path) -> None:
    window = opened(slice_file)
    corrected(window)
    page = page_of(window)
    page.choices[0].choose(Chosen("mask", "edited"))
    page.choices[1].choose(Chosen("model", "demo"))
    QTest.keyClick(page, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    wait()
    document = window.workbench.document
    assert document is not None
    mask = Predictor(ModelFile.open("demo")).predict(document.image).mask.labels
    shown = page.right.bench.document
    assert shown is not None
    assert np.array_equal(shown.outward(), mask)
    heads, cells = content(page.table)
    assert cells[0][heads.index("Dice of A and B")] == f"{dice(document.outward() == 1, mask == 1):.3f}"
    page.choices[1].choose(Chosen("model", str(slice_file.with_name("no.onnx"))))
    page.compare()
    wait()
    assert window.message.level == "error"
    assert page.run.isEnabled()


def test_the_views_are_one(opened: Open, wait: Wait, volume_file: Path) -> None:
    window = opened(volume_file)
    page = page_of(window)
    views = [side.bench.view for side in page.sides]
    assert all(view is not None for view in views)
    canvas = page.right.canvas
    before = page.left.bench.view
    assert before is not None
    centre = QPointF(canvas.rect().center())
    event = QWheelEvent(
        centre, centre, QPoint(), QPoint(0, 120), Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(canvas, event)
    QTest.mousePress(canvas, Qt.MouseButton.RightButton, Qt.KeyboardModifier.NoModifier, QPoint(40, 40))
    QTest.mouseMove(canvas, QPoint(80, 60))
    QTest.mouseRelease(canvas, Qt.MouseButton.RightButton, Qt.KeyboardModifier.NoModifier, QPoint(80, 60))
    left, right, middle = (side.bench.view for side in page.sides)
    assert left is not None
    assert right is not None
    assert middle is not None
    assert left.crosshair == right.crosshair == middle.crosshair
    assert left.crosshair[0] == before.crosshair[0] + 1
    assert left.window == right.window == middle.window != before.window
    assert left.zoom == right.zoom == middle.zoom
    page.use_plane(Plane.CORONAL)
    assert {side.canvas.plane for side in page.sides} == {Plane.CORONAL}
    QTest.keyClick(page, Qt.Key.Key_W)
    assert page.left.bench.view is not None
    assert page.left.bench.view.crosshair[1] == left.crosshair[1] + 1


def test_another_image_and_another_language(opened: Open, wait: Wait, slice_file: Path, volume_file: Path) -> None:
    window = opened(slice_file)
    corrected(window)
    page = page_of(window)
    page.choices[0].choose(Chosen("mask", "edited"))
    page.choices[1].choose(Chosen("mask", "predicted"))
    page.compare()
    wait()
    window.workbench.texts.use("zh")
    assert content(page.table)[0][1] == "A 与 B 的 Dice"
    assert page.run.text() == "比较"
    assert window.workbench.session is not None
    window.workbench.session.saved()
    opened(volume_file)
    assert page.comparison is None
    assert content(page.table)[1] == []
    assert page.left.bench.document is not None
    assert page.left.bench.document.grid.shape == (12, 40, 50)
    assert page.choices[0].chosen == Chosen("model", "demo")  # there is no mask on this one
    window.show_page("compare")
    page.grab()  # draws without a document's mask
