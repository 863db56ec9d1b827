"""The Batch page: many images through the demonstration model, a row each, failures told and tried again, stopping."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from tests.desktop.conftest import Wait

from delineate import workflows
from delineate.desktop.batch import BatchPage
from delineate.desktop.program import settle
from delineate.desktop.window import MainWindow
from delineate.events import InputFinished, Progress, StageStarted
from delineate.synthetic.dataset import draw_volume
from delineate.workflows.predicting import Predictions


@pytest.fixture
def page(window: MainWindow) -> BatchPage:
    window.show_page("batch")
    found = window.current_page
    assert isinstance(found, BatchPage)
    return found


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Two slices and a file that was cut short."""
    folder = tmp_path / "scans"
    folder.mkdir()
    for number, (image, _) in enumerate(draw_volume(3, 1, 2, 64), start=1):
        tifffile.imwrite(folder / f"slice_{number}.tif", image)
    whole = (folder / "slice_1.tif").read_bytes()
    (folder / "broken.tif").write_bytes(whole[: len(whole) // 2])
    return folder


def drop(page: BatchPage, *paths: Path) -> None:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    buttons = (Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    page.dropEvent(QDropEvent(QPointF(600, 300), Qt.DropAction.CopyAction, mime, *buttons))


def press(page: BatchPage, name: str) -> None:
    QTest.mouseClick(page.buttons[name], Qt.MouseButton.LeftButton)


def states(page: BatchPage) -> dict[str, str]:
    return {row.path.name: row.state for row in page.rows.rows}


def test_a_dropped_folder_is_segmented_and_the_broken_file_is_tried_again(
    page: BatchPage, window: MainWindow, wait: Wait, images: Path
) -> None:
    drop(page, images)
    assert page.setup.out == images.parent / "scans-masks" and page.buttons["start"].isEnabled()
    press(page, "start")
    wait()
    wait()  # the model is opened first
    assert states(page) == {"slice_1.tif": "done", "slice_2.tif": "done", "broken.tif": "failed"}
    assert "2 done · 1 failed" in page.doing.text()
    place = [row.path.name for row in page.rows.rows].index("broken.tif")
    reason = page.rows.data(page.rows.index(place, 2))
    assert "broken.tif" in reason
    window.workbench.texts.use("zh")
    assert page.rows.data(page.rows.index(place, 2)) != reason and "完成 2" in page.doing.text()
    window.workbench.texts.use("en")
    masks = images.parent / "scans-masks"
    assert (masks / "slice_1_mask.tif").is_file() and (masks / "measures.csv").is_file()
    assert page.buttons["measures"].isVisible() and page.buttons["retry"].isVisible()
    tifffile.imwrite(images / "broken.tif", draw_volume(3, 2, 1, 64)[0][0])  # it was mended
    press(page, "retry")
    wait()
    assert set(states(page).values()) == {"done"} and len(page.rows.rows) == 3
    assert not page.buttons["retry"].isVisible()
    # A double click opens the image on the View page.
    QTest.mouseClick(page.table.viewport(), Qt.MouseButton.LeftButton, pos=page.table.visualRect(page.rows.index(0, 0)).center())
    QTest.mouseDClick(page.table.viewport(), Qt.MouseButton.LeftButton, pos=page.table.visualRect(page.rows.index(0, 0)).center())
    wait()
    assert window.workbench.document is not None
    assert window.workbench.document.image.path == page.rows.rows[0].path


def test_a_batch_is_stopped_between_images(
    page: BatchPage, window: MainWindow, wait: Wait, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = threading.Event()

    def slow(model: Any, inputs: Any, *, on_event: Callable[[Any], None], stop: Callable[[], bool], **_: Any) -> Predictions:
        on_event(StageStarted("predict"))
        on_event(InputFinished(str(images / "slice_1.tif"), "done", outputs=("m.tif",)))
        on_event(Progress("predict", 1, 3))
        for _ in range(1000):
            if stop():
                asked.set()
                break
            threading.Event().wait(0.01)
        return Predictions((), images, 0.0)

    monkeypatch.setitem(workflows.__dict__, "predict", slow)
    drop(page, images)
    press(page, "start")
    assert settle(lambda: page.rows.count("done") == 1 and page.bar.value() == 1, 20_000)
    assert not page.setup.folder_button.isEnabled() and not page.buttons["start"].isEnabled()
    press(page, "stop")
    wait()
    assert asked.is_set()
    assert states(page)["slice_2.tif"] == "waiting" and page.buttons["start"].isEnabled()


def test_trouble_with_all_of_it_is_said(page: BatchPage, window: MainWindow, wait: Wait, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    drop(page, tmp_path / "empty")
    press(page, "start")
    wait()
    wait()
    assert window.message.level == "error" and not page.working
    assert page.buttons["start"].isEnabled()


def test_what_is_asked_for_reaches_the_workflow(page: BatchPage, wait: Wait, images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    def record(model: Any, inputs: Any, **options: Any) -> Predictions:
        asked.update(options, inputs=inputs)
        return Predictions((), images, 0.0)

    monkeypatch.setitem(workflows.__dict__, "predict", record)
    drop(page, images / "slice_1.tif", images / "slice_2.tif")
    for name in ("measure", "overlay"):
        check = page.setup.checks[name]
        QTest.mouseClick(check, Qt.MouseButton.LeftButton, pos=check.rect().center() - check.rect().topRight() / 2.2)
    page.setup.folder.selectAll()
    QTest.keyClicks(page.setup.folder, str(images / "out"))
    press(page, "start")
    wait()
    wait()
    assert (asked["measure"], asked["overlay"], asked["overwrite"]) == (False, True, False)
    assert asked["out"] == images / "out" and len(asked["inputs"]) == 2
    assert np.all([row.state == "waiting" for row in page.rows.rows]) and len(page.rows.rows) == 2
    QApplication.processEvents()
