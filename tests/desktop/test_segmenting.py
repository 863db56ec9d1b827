"""Segmenting, thresholds and saving: the same mask as the command line's, in a thread, stoppable."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog
from tests.desktop.test_opening import series

import delineate as dl
from delineate.desktop import predicting
from delineate.desktop.program import settle
from delineate.desktop.segmenting import SegmentDock
from delineate.desktop.window import MainWindow
from delineate.domain import Geometry, Image
from delineate.editing import tools
from delineate.editing.document import Document
from delineate.editing.planes import Plane
from delineate.formats import read_labels
from delineate.inference import ModelFile, Predictor

Open = Callable[[Path], MainWindow]
Wait = Callable[[], None]
LEFT = Qt.MouseButton.LeftButton


def dock_of(window: MainWindow) -> SegmentDock:
    found = window.view_page.dock("segment")
    assert isinstance(found, SegmentDock)
    return found


def segmented(window: MainWindow, wait: Wait) -> None:
    QTest.mouseClick(dock_of(window).button, LEFT)
    wait()
    wait()  # the model first, then the mask


def test_the_button_gives_the_mask_that_predict_gives(opened: Open, wait: Wait, slice_file: Path, tmp_path: Path) -> None:
    window = opened(slice_file)
    segmented(window, wait)
    document, view = window.workbench.document, window.workbench.view
    assert document is not None
    assert view is not None
    dl.predict("demo", slice_file, out=tmp_path / "out")
    expected = read_labels(tmp_path / "out" / "chest_mask.tif").values
    assert np.array_equal(document.outward() > 0, expected > 0)
    assert (document.outward() > 0).any()
    assert document.label_set.names == ("lung",)
    assert document.model is not None
    assert document.provenance["model_sha256"] == ModelFile.open("demo").sha256
    assert view.thresholds == document.model.thresholds
    assert not window.isWindowModified()
    assert "onnxruntime" in dock_of(window)._took.text()


def test_the_view_stays_as_it_was(opened: Open, wait: Wait, volume_file: Path) -> None:
    window = opened(volume_file)
    canvas = window.view_page.grid.canvas(Plane.AXIAL)
    QTest.keyClick(canvas, Qt.Key.Key_PageUp)
    QTest.keyClick(canvas, Qt.Key.Key_Plus)
    before = window.workbench.view
    QTest.keyClick(canvas, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    wait()
    wait()
    after = window.workbench.view
    assert before is not None
    assert after is not None
    assert window.workbench.document is not None
    assert window.workbench.document.predicted is not None
    assert (after.crosshair, after.zoom, after.centres) == (before.crosshair, before.zoom, before.centres)


def test_stop_ends_it_and_leaves_the_image_as_it_was(
    opened: Open, wait: Wait, volume_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = opened(volume_file)
    go_on = threading.Event()
    run = Predictor._run

    def slow(self: Predictor, batch: np.ndarray) -> np.ndarray:
        go_on.wait(20)
        return run(self, batch)

    monkeypatch.setattr(Predictor, "_run", slow)
    dock = dock_of(window)
    QTest.mouseClick(dock.button, LEFT)
    assert settle(lambda: dock.working, 20_000)
    QApplication.processEvents()
    assert dock.button.text() == "Stop"
    assert window.status.stop.isVisible()
    before = window.workbench.document
    QTest.mouseClick(dock.button, LEFT)
    go_on.set()
    wait()
    assert window.workbench.document is before
    assert before is not None
    assert before.predicted is None
    assert dock.button.text() == "Segment"
    assert dock.button.isEnabled()


def test_progress_is_told(opened: Open, wait: Wait, volume_file: Path) -> None:
    window = opened(volume_file)
    document, renderer = window.workbench.document, window.workbench.renderer
    assert document is not None
    assert renderer is not None
    seen: list[tuple[int, int]] = []
    model = ModelFile.open("demo")
    job = window.workbench.jobs.start("test", lambda job: predicting.segment(document, renderer, model, job))
    job.progress.connect(lambda done, total: seen.append((done, total)))
    wait()
    assert seen[0] == (0, 0)
    assert seen[-1] == (12, 12)


def test_an_image_that_does_not_fit_the_model_is_said(window: MainWindow, wait: Wait) -> None:
    document = Document(Image(np.zeros((2, 32, 32), np.uint8), Geometry((32, 32))))
    window.workbench.show(document)
    segmented(window, wait)
    assert window.message.level == "error"
    assert "channel" in window.message.sentence
    assert window.workbench.document is document


def test_the_threshold_is_seen_at_once_and_used_as_a_step(opened: Open, wait: Wait, slice_file: Path) -> None:
    window = opened(slice_file)
    segmented(window, wait)
    bench, dock = window.workbench, dock_of(window)
    document = bench.document
    assert document is not None
    assert document.probabilities is not None
    before = document.edited.copy()
    (slider,) = dock.thresholds.sliders
    slider.setFocus()
    for _ in range(3):
        QTest.keyClick(slider, Qt.Key.Key_PageDown)  # 0.05 each
    assert bench.view is not None
    assert bench.view.layer == "threshold"
    assert bench.view.thresholds[0] == pytest.approx(0.70 - 0.15, abs=0.002)
    assert np.array_equal(document.edited, before), "looking changes nothing"
    QTest.mouseClick(dock.thresholds.use, LEFT)
    wait()
    expected = document.probabilities >= bench.view.thresholds[0]
    assert np.array_equal(document.edited, expected)
    assert bench.view.layer == "edited"
    assert window.isWindowModified()
    assert bench.session is not None
    assert bench.session.undo()
    assert np.array_equal(document.edited, before)


def test_a_stroke_while_the_threshold_is_used_is_not_lost(opened: Open, wait: Wait, slice_file: Path) -> None:
    window = opened(slice_file)
    segmented(window, wait)
    bench, dock = window.workbench, dock_of(window)
    assert bench.document is not None
    assert bench.session is not None
    dock.thresholds.sliders[0].setValue(300)
    QTest.mouseClick(dock.thresholds.use, LEFT)
    bench.session.do("brush", tools.brush(bench.document, Plane.AXIAL, 0, [(3, 3)], 2, 1))
    wait()
    assert bench.document.edited[0, 0, 3, 3] == 1
    assert len(bench.session.stack.done) == 1


def test_before_and_after(opened: Open, wait: Wait, slice_file: Path) -> None:
    window = opened(slice_file)
    canvas = window.view_page.grid.canvas(Plane.AXIAL)
    plain = canvas.grab().toImage()
    segmented(window, wait)
    masked = canvas.grab().toImage()
    assert masked != plain
    QTest.keyClick(canvas, Qt.Key.Key_B)
    assert canvas.grab().toImage() == plain
    QTest.keyClick(canvas, Qt.Key.Key_B)
    assert canvas.grab().toImage() == masked


@pytest.mark.parametrize("suffix", [".png", ".tif", ".nii.gz"])
def test_the_mask_is_saved_as_its_suffix_says(
    opened: Open, wait: Wait, slice_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    window = opened(slice_file)
    segmented(window, wait)
    target = tmp_path / f"saved{suffix}"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(target), ""))
    QTest.keyClick(window, Qt.Key.Key_S, Qt.KeyboardModifier.ControlModifier)
    wait()
    assert window.message.sentence == f"Saved: {target}"
    assert window.workbench.document is not None
    assert np.array_equal(read_labels(target).values > 0, window.workbench.document.outward() > 0)


def test_the_picture_is_saved(opened: Open, wait: Wait, slice_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import Image

    window = opened(slice_file)
    segmented(window, wait)
    target = tmp_path / "picture.png"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(target), ""))
    QTest.mouseClick(dock_of(window).saving.buttons["overlay"], LEFT)
    wait()
    with Image.open(target) as picture:
        pixels = np.asarray(picture)
    assert pixels.shape == (128, 128, 3)
    assert (pixels == (230, 159, 0)).all(-1).any(), "the outline's colour"


@pytest.mark.slow  # highdicom takes seconds to load
def test_a_dicom_segmentation_names_its_images(opened: Open, wait: Wait, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pydicom = pytest.importorskip("pydicom")
    pytest.importorskip("highdicom")
    window = opened(series(tmp_path / "ct"))
    document, session = window.workbench.document, window.workbench.session
    assert document is not None
    assert session is not None
    session.do("brush", tools.brush(document, Plane.AXIAL, 1, [(4, 4)], 2, 1))
    target = tmp_path / "seg.dcm"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(target), ""))
    button = dock_of(window).saving.buttons["seg"]
    assert button.isVisible()
    QTest.mouseClick(button, LEFT)
    wait()
    assert window.message.level == "info", window.message.sentence
    saved = pydicom.dcmread(target)
    assert saved.Modality == "SEG"
    assert saved.NumberOfFrames == 1, "empty planes are left out"
    assert int(saved.pixel_array.sum()) == int(document.edited.sum())


def test_saving_where_nothing_can_be_written_is_said(opened: Open, wait: Wait, slice_file: Path, tmp_path: Path) -> None:
    window = opened(slice_file)
    (tmp_path / "file").write_text("")
    dock_of(window).saving.save("mask", tmp_path / "file" / "mask.png")
    wait()
    assert window.message.level == "error"
    assert window.workbench.document is not None


def test_the_model_is_chosen_and_remembered(
    opened: Open, wait: Wait, slice_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = opened(slice_file)
    model = tmp_path / "mine.onnx"
    model.write_bytes(ModelFile.open("demo").data)
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(model), ""))
    combo = dock_of(window).models
    combo.activated.emit(combo.count() - 1)  # "Choose a file…"
    wait()
    assert combo.currentText() == "mine.onnx"
    assert window.workbench.model is not None
    assert window.workbench.settings.value.recent_models == (str(model),)


def test_a_file_that_is_no_model_is_said(opened: Open, wait: Wait, slice_file: Path, tmp_path: Path) -> None:
    window = opened(slice_file)
    path = tmp_path / "bad.onnx"
    path.write_bytes(b"no model")
    window.open([path])
    wait()
    assert window.message.level == "error"
    assert window.workbench.model is None
