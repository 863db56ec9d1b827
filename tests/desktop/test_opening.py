"""Opening: by drop, menu, dialog, folder; what cannot be read is said in the window, which goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import PySide6
import pytest
import tifffile
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QInputDialog, QMessageBox, QPushButton
from tests.formats.dicom_objects import make_slice

from delineate.desktop import example, leaving
from delineate.desktop.window import MainWindow
from delineate.editing import tools
from delineate.editing.folders import state_folder
from delineate.editing.planes import Plane

Open = Callable[[Path], MainWindow]
Wait = Callable[[], None]
PLACE = QPointF if PySide6.__version_info__ >= (6, 12) else QPoint


def drop(window: MainWindow, *paths: Path) -> bool:
    """Whether the window takes what is dropped on it."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    buttons, keys, action = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, Qt.DropAction.CopyAction
    enter = QDragEnterEvent(PLACE(200, 200), action, data, buttons, keys)
    enter.ignore()
    QApplication.sendEvent(window, enter)
    if not enter.isAccepted():
        return False
    QApplication.sendEvent(window, QDropEvent(QPointF(200, 200), action, data, buttons, keys))
    return True


def series(folder: Path, uid: str = "1.2.3.4", slices: int = 3) -> Path:
    folder.mkdir(exist_ok=True)
    for number in range(slices):
        pixels = np.full((8, 10), 100 * number, np.int16)
        make_slice(folder / f"{uid}_{number}.dcm", pixels, (0, 0, 2.0 * number), SeriesInstanceUID=uid)
    return folder


def name(window: MainWindow) -> str:
    document = window.workbench.document
    return "" if document is None or document.image.path is None else document.image.path.name


def test_nothing_open_says_what_to_do(window: MainWindow) -> None:
    page = window.view_page
    assert page.empty.isVisible()
    assert not page.grid.isVisible()
    texts = " ".join(button.text() for button in page.empty.findChildren(QPushButton))
    assert "Open image" in texts
    assert "Try the example" in texts


def test_an_image_is_dropped(window: MainWindow, wait: Wait, slice_file: Path) -> None:
    assert drop(window, slice_file)
    wait()
    assert name(window) == "chest.tif"
    assert window.view_page.grid.isVisible()
    assert window.windowTitle() == "chest.tif[*] — Delineate"
    assert window.workbench.settings.value.recent == (str(slice_file),)


def test_text_is_not_dropped(window: MainWindow) -> None:
    data = QMimeData()
    data.setText("hello")
    enter = QDragEnterEvent(PLACE(5, 5), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    enter.ignore()
    QApplication.sendEvent(window, enter)
    assert not enter.isAccepted()


def test_a_model_is_dropped(window: MainWindow, wait: Wait, tmp_path: Path) -> None:
    from delineate.inference import ModelFile

    model = tmp_path / "lungs.onnx"
    model.write_bytes(ModelFile.open("demo").data)
    assert drop(window, model)
    wait()
    assert window.workbench.model is not None
    assert window.workbench.model.path == model
    assert window.workbench.settings.value.recent_models == (str(model),)


def test_the_example_opens_by_its_button(window: MainWindow, wait: Wait, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(example, "SLICES", 5)
    monkeypatch.setattr(example, "SIZE", 64)
    button = next(b for b in window.view_page.empty.findChildren(QPushButton) if b.text() == "Try the example")
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    wait()
    document = window.workbench.document
    assert document is not None
    assert document.grid.shape == (5, 64, 64)
    assert document.grid.sides(Plane.CORONAL) == ("R", "L", "S", "I")
    assert window.workbench.settings.value.recent == ()


def test_a_dialog_opens_several_and_keys_go_through_them(
    window: MainWindow, wait: Wait, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [tmp_path / f"image{number}.tif" for number in (1, 2, 10)]
    for number, path in enumerate(paths):
        tifffile.imwrite(path, np.full((9, 11), number, np.uint8), photometric="minisblack")
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_: ([str(path) for path in paths], ""))
    QTest.keyClick(window, Qt.Key.Key_O, Qt.KeyboardModifier.ControlModifier)
    wait()
    assert name(window) == "image1.tif"
    assert window.message.sentence.startswith("Image 1 of 3")
    for key, expected in (("N", "image2.tif"), ("N", "image10.tif"), ("N", "image10.tif"), ("P", "image2.tif")):
        QTest.keyClick(window, getattr(Qt.Key, f"Key_{key}"))
        wait()
        assert name(window) == expected


def test_a_folder_of_images_is_gone_through_in_natural_order(window: MainWindow, wait: Wait, tmp_path: Path) -> None:
    for number in (10, 2, 1):
        tifffile.imwrite(tmp_path / f"s{number}.tif", np.full((9, 11), number, np.uint8), photometric="minisblack")
    (tmp_path / "notes.txt").write_text("x")
    window.open([tmp_path])
    wait()
    assert [path.name for path in window.workbench.siblings] == ["s1.tif", "s2.tif", "s10.tif"]
    assert window.workbench.settings.value.recent == (str(tmp_path),)


def test_a_folder_with_a_series_is_one_volume(opened: Open, tmp_path: Path) -> None:
    window = opened(series(tmp_path / "ct"))
    document = window.workbench.document
    assert document is not None
    assert document.grid.shape == (3, 8, 10)
    assert document.unit == "HU"


def test_of_several_series_the_person_chooses(
    window: MainWindow, wait: Wait, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = series(series(tmp_path / "ct", "1.2.3.4", 3), "1.2.3.5", 4)
    asked: list[list[str]] = []

    def choose(parent: object, title: str, question: str, lines: list[str], *_: object) -> tuple[str, bool]:
        asked.append(lines)
        return lines[[line.split()[2] for line in lines].index("4")], True

    monkeypatch.setattr(QInputDialog, "getItem", choose)
    window.open([folder])
    wait()
    assert len(asked[0]) == 2
    assert window.workbench.document is not None
    assert window.workbench.document.grid.shape == (4, 8, 10)


@pytest.mark.parametrize("kind", ["damaged", "text", "missing", "empty folder"])
def test_what_cannot_be_read_is_said_and_the_window_goes_on(
    opened: Open, wait: Wait, tmp_path: Path, slice_file: Path, kind: str
) -> None:
    path = tmp_path / "bad.png"
    if kind == "damaged":
        path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 40)
    elif kind == "text":
        path.write_text("not an image")
    elif kind == "empty folder":
        path.mkdir()
    window = opened(slice_file)
    window.open([path])
    wait()
    assert window.message.isVisible()
    assert window.message.level == "error"
    assert "bad.png" in window.message.sentence
    assert name(window) == "chest.tif", "what was open stays"
    window.open([slice_file])
    wait()
    assert window.workbench.document is not None


def test_recent_files_are_in_the_menu_and_on_the_empty_page(opened: Open, wait: Wait, slice_file: Path, volume_file: Path) -> None:
    window = opened(slice_file)
    window = opened(volume_file)
    window.menus.recent.aboutToShow.emit()
    assert [action.text().split()[0] for action in window.menus.recent.actions()] == ["volume.nii.gz", "chest.tif"]
    window.menus.recent.actions()[1].trigger()
    wait()
    assert name(window) == "chest.tif"
    QTest.keyClick(window, Qt.Key.Key_W, Qt.KeyboardModifier.ControlModifier)
    assert window.workbench.document is None
    wait()
    links = [
        button
        for button in window.view_page.empty.findChildren(QPushButton)
        if button.objectName() == "link" and not button.isHidden()
    ]
    assert links[0].text().startswith("chest.tif")


@pytest.mark.parametrize(
    ("answer", "shown", "journals"),
    [("Give up", "volume.nii.gz", 0), ("Keep for the next start", "volume.nii.gz", 1), ("Cancel", "chest.tif", 1)],
)
def test_unsaved_corrections_are_asked_about(
    opened: Open,
    wait: Wait,
    slice_file: Path,
    volume_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
    shown: str,
    journals: int,
) -> None:
    window = opened(slice_file)
    document, session = window.workbench.document, window.workbench.session
    assert document is not None
    assert session is not None
    session.do("brush", tools.brush(document, Plane.AXIAL, 0, [(20, 20)], 5, 1))
    assert window.isWindowModified()

    def press(box: QMessageBox) -> int:
        next(button for button in box.buttons() if button.text() == answer).click()
        return 0

    monkeypatch.setattr(leaving.QMessageBox, "exec", press)
    window.open([volume_file])
    wait()
    assert name(window) == shown
    assert len(list(state_folder().rglob("*.journal"))) == journals
