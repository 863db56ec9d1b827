"""A window without a display, the person's settings and state in folders of their own, and images whose masks are known."""

from __future__ import annotations

import os

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")  # before Qt loads: without a display it would end the whole process

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PySide6.QtWidgets import QApplication

from delineate.desktop.program import settle
from delineate.desktop.window import MainWindow
from delineate.domain import Geometry
from delineate.editing.settings import SettingsFile
from delineate.formats import write_labels
from delineate.synthetic.dataset import draw_volume

Wait = Callable[[], None]


@pytest.fixture(autouse=True)
def folders_of_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DELINEATE_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("DELINEATE_CONFIG", str(tmp_path / "config"))


@pytest.fixture
def window(qapp: QApplication) -> Iterator[MainWindow]:
    """English, light, 1200 × 800, shown."""
    made = MainWindow(qapp, SettingsFile(), "en", "light")
    made.resize(1200, 800)
    made.show()
    qapp.processEvents()
    yield made
    made.workbench.jobs.stop_all()
    if made.workbench.session is not None:
        made.workbench.session.close()
    made.hide()
    made.deleteLater()
    qapp.processEvents()


@pytest.fixture
def wait(window: MainWindow) -> Wait:
    """Until no job runs."""

    def waited() -> None:
        assert settle(lambda: not window.workbench.jobs.running, 60_000)
        QApplication.processEvents()

    return waited


@pytest.fixture(scope="session")
def slice_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A synthetic chest slice, 128 × 128, 16 bit."""
    path = tmp_path_factory.mktemp("images") / "chest.tif"
    tifffile.imwrite(path, draw_volume(1, 1, 4, 128)[2][0], photometric="minisblack")
    return path


@pytest.fixture(scope="session")
def volume_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A volume of 12 × 40 × 50 voxels of 3 × 2 × 2 mm, head up; the value of a voxel is 100 × slice + row."""
    import nibabel as nib

    slices, rows, columns = np.mgrid[0:12, 0:40, 0:50]
    values = (100 * slices + rows + 0 * columns).astype(np.int16)
    path = tmp_path_factory.mktemp("volumes") / "volume.nii.gz"
    # rows run to the back, columns to the patient's left, slices to the head
    nib.save(nib.Nifti1Image(values.transpose(2, 1, 0), np.diag([-2.0, -2.0, 3.0, 1.0])), path)
    return path


@pytest.fixture
def opened(window: MainWindow, wait: Wait) -> Callable[[Path], MainWindow]:
    """The window with an image open."""

    def open_it(path: Path) -> MainWindow:
        window.open([path])
        wait()
        assert window.workbench.document is not None, window.message.sentence
        return window

    return open_it


@pytest.fixture
def mask_file(tmp_path: Path, slice_file: Path) -> Path:
    """A reference mask of ``slice_file``: a block of rows 20–59, columns 30–69."""
    labels = np.zeros((128, 128), np.uint8)
    labels[20:60, 30:70] = 1
    return write_labels(tmp_path / "mask.png", labels, Geometry((128, 128)))
