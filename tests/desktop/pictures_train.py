"""The pictures of Train, Cases and Batch in docs/images: ``python -m tests.desktop.pictures_train``.

Everything is real: synthetic data are checked, trained on for about a minute, corrected and trained on again, and a batch is
segmented with the model. ``--home`` is where that happens; its name is seen in the pictures.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
import tifffile
from PySide6.QtWidgets import QApplication
from tests.desktop.pictures import FOLDER, save

from delineate.desktop.batch import BatchPage
from delineate.desktop.cases import CasesDock
from delineate.desktop.program import settle
from delineate.desktop.training import TrainPage
from delineate.desktop.window import MainWindow
from delineate.editing.document import open_document
from delineate.editing.reviewed import save_reviewed
from delineate.recipe import Splits, load
from delineate.synthetic import make_dataset

_SMALL = ("--epochs", "30", "--size", "96", "--threads", "1", "--set", "network.options.widths=[8,16,32]")
_LOOKS = ((("en", "light"), ("zh", "dark")), (("en", "dark"), ("zh", "light")))


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=FOLDER)
    parser.add_argument("--home", type=Path, default=None)
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as nobodys:
        os.environ["DELINEATE_STATE"] = os.environ["DELINEATE_CONFIG"] = nobodys
        app = QApplication.instance() or QApplication([])
        assert isinstance(app, QApplication)
        home = asked.home or Path(nobodys)
        window = MainWindow(app, None, "en", "light")
        window.resize(1240, 800)
        window.show()
        _Pictures(window, home, asked.out).draw()
        window.close()


class _Pictures:
    def __init__(self, window: MainWindow, home: Path, out: Path) -> None:
        self.window, self.home, self.out = window, home, out
        self.data = make_dataset(home / "chest-ct", patients=16, slices=5, size=160, seed=5)
        self.run = home / "runs" / "chest-ct"
        page = window.page("train")
        assert isinstance(page, TrainPage)
        self.page = page

    def draw(self) -> None:
        page, window = self.page, self.window
        window.show_page("train")
        self.shoot("train-start", 1)
        page.choose(self.data)
        self.wait()
        page.setup.folder.setText(str(self.run))
        self.shoot("train-check", 0)
        page._begin(self.run, [str(self.data), "--out", str(self.run), *_SMALL])
        settle(lambda: len(page.live._epochs) >= 18 or not page.training, 600_000)
        self.shoot("train-live", 0)
        self.wait()
        self.shoot("train-result", 1)
        self.correct()
        page._again()
        self.wait()
        page.again.start()
        settle(lambda: page.training, 120_000)
        self.wait()
        self.shoot("train-again", 0)
        self.cases()
        self.batch()

    def correct(self) -> None:
        """Reviewed masks of three patients that were learned from and of one that was scored."""
        parts = load(Splits, self.run / "splits.json").folds[0]
        for number, person in enumerate((*parts["train"][:3], parts["test"][0]), start=1):
            folder = person.replace("patient", "patient_")
            image = self.data / folder / f"{folder}_{number}.tif"
            document = open_document(image)
            mask = tifffile.imread(image.with_name(f"{image.stem}_mask.tif")) > 0
            document.edited[0, 0] = mask.astype(np.uint8)
            document.edited[0, 0, 60:64, 60:64] = 1
            save_reviewed(document, image.parent / "reviewed", "R. Example")

    def cases(self) -> None:
        window, page = self.window, self.page
        page.open_run(self.run)
        page._use()
        self.wait()
        page._show_cases()
        self.wait()
        dock = window.view_page.dock("cases")
        assert isinstance(dock, CasesDock)
        dock._clicked(dock.model.index(0, 0))
        self.wait()
        window.view_page.dock("segment").segment()  # type: ignore[attr-defined]
        self.wait()
        settle(lambda: dock.model.wait(0), 30_000)
        self.shoot("cases", 1)

    def batch(self) -> None:
        folder = self.home / "ward"
        folder.mkdir()
        for number, image in enumerate(sorted(self.data.glob("patient_00*/*_?.tif"))[:20], start=1):
            shutil.copy(image, folder / f"chest_{number:02d}.tif")
        broken = folder / "chest_07.tif"
        broken.write_bytes(broken.read_bytes()[:9000])
        self.window.show_page("batch")
        page = self.window.page("batch")
        assert isinstance(page, BatchPage)
        page.add([folder])
        page.start()
        self.wait()
        self.shoot("batch", 0)

    def wait(self) -> None:
        page, jobs = self.page, self.window.workbench.jobs
        for _ in range(3):  # one job begins another
            settle(lambda: not jobs.running and (page.process is None or not page.process.running), 900_000)
            settle(lambda: False, 100)

    def shoot(self, name: str, look: int) -> None:
        self.window.message.hide()
        for language, theme in _LOOKS[look]:
            self.window.workbench.texts.use(language)
            self.window.workbench.theme.use(theme)
            settle(lambda: False, 400)
            save(self.window, self.out / f"app-{name}-{language}-{theme}.png")
        self.window.workbench.texts.use("en")
        self.window.workbench.theme.use("light")


if __name__ == "__main__":
    main()
