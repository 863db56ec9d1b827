"""Opening: dialogs, recent files, the next image of a folder, the packaged example. Reading happens in a job."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QFileDialog, QInputDialog, QWidget

import delineate.formats as formats
from delineate.desktop import example, opening
from delineate.desktop.jobs import Job
from delineate.desktop.leaving import may_leave
from delineate.desktop.models import open_model
from delineate.desktop.workbench import Workbench
from delineate.formats import Series

MODEL_SUFFIX = ".onnx"


class Files(QObject):
    """What a person opens goes through here; ``window`` is the parent of dialogs."""

    def __init__(self, workbench: Workbench, window: QWidget) -> None:
        super().__init__(window)
        self._workbench, self._window = workbench, window
        self._job: Job | None = None
        workbench.open_among = self.open_among

    @property
    def busy(self) -> bool:
        return self._job is not None and self._job.running

    def ask(self, what: str) -> None:
        """``image`` or ``folder`` by a dialog; ``example``: the packaged synthetic scan."""
        words = self._workbench.text
        begin = self._beginning()
        if what == "example":
            self._start([], None)
        elif what == "folder":
            chosen = QFileDialog.getExistingDirectory(self._window, words("desktop.ask.folder"), begin)
            self.open([Path(chosen)] if chosen else [])
        else:
            patterns = " ".join(f"*{suffix}" for suffix in sorted(formats.IMAGE_SUFFIXES))
            kinds = f"{words('desktop.ask.images')} ({patterns});;{words('desktop.ask.all')} (*)"
            names, _ = QFileDialog.getOpenFileNames(self._window, words("desktop.ask.image"), begin, kinds)
            self.open([Path(name) for name in names])

    def open(self, paths: Sequence[Path], series: str | None = None) -> None:
        """Open images (the first; the others follow by keys), a folder, or a model file."""
        models = [path for path in paths if path.suffix.lower() == MODEL_SUFFIX]
        if models:
            open_model(self._workbench, models[0])
        images = [path for path in paths if path not in models]
        if images:
            self._start(images, series)

    def open_among(self, path: Path, among: Sequence[Path], series: str | None = None) -> None:
        """Open ``path``; the keys go on to the others of ``among``."""
        self._start([path], series, tuple(among))

    def step(self, by: int) -> None:
        """The next or the previous of the images that were opened together."""
        document, siblings = self._workbench.document, self._workbench.siblings
        path = None if document is None else document.image.path
        if path not in siblings or self.busy:
            return
        place = siblings.index(path) + by
        if 0 <= place < len(siblings):
            self._start([siblings[place]], None, siblings)
        else:
            self._workbench.say("info", "desktop.no-more-images", n=len(siblings))

    def close(self) -> None:
        """Close the open image."""
        if self._workbench.document is not None and may_leave(self._workbench, self._window):
            self._workbench.show(None)
            self._workbench.siblings = ()

    def _start(self, paths: Sequence[Path], series: str | None, siblings: tuple[Path, ...] = ()) -> None:
        if not may_leave(self._workbench, self._window):
            return
        if self._job is not None and self._job.running:
            self._job.stop()
        name = paths[0].name if paths else self._workbench.text("desktop.example")

        def work(job: Job) -> opening.Opened | opening.ManySeries:
            return opening.read(paths or [example.scan()], job, series)

        def done(result: opening.Opened | opening.ManySeries) -> None:
            if isinstance(result, opening.ManySeries):
                self._choose(result)
            else:
                self._show(result, siblings or result.siblings, paths[0] if paths else None)

        def failed(error: Exception) -> None:
            self._stay()
            self._workbench.say_error(error)

        self._job = self._workbench.jobs.start(self._workbench.text("desktop.job.open", name=name), work, done, failed)
        self._job.stopped.connect(self._stay)

    def _stay(self) -> None:
        self._workbench.keep_unsaved = False  # the document stays, and so do its corrections

    def _show(self, opened: opening.Opened, siblings: tuple[Path, ...], asked: Path | None) -> None:
        bench = self._workbench
        bench.siblings = siblings
        bench.show(opened.document, renderer=opened.renderer, view=opened.view)
        if opened.document.irregular:
            bench.say("warning", "desktop.irregular")
        elif len(siblings) > 1:
            place = siblings.index(opened.path) + 1 if opened.path in siblings else 1
            bench.say("info", "desktop.one-of-many", place=place, n=len(siblings))
        if asked is not None and (error := bench.settings.keep_recent(asked)) is not None:
            bench.say_error(error)

    def _choose(self, many: opening.ManySeries) -> None:
        words = self._workbench.text
        lines = [f"{number}.  {_described(one, words('desktop.ask.slices'))}" for number, one in enumerate(many.series, start=1)]
        title, question = words("desktop.ask.series"), words("desktop.ask.series.which", n=len(lines), folder=many.folder.name)
        line, chosen = QInputDialog.getItem(self._window, title, question, lines, 0, False)
        if chosen:
            self.open([many.folder], many.series[lines.index(line)].uid)

    def _beginning(self) -> str:
        """The folder a dialog begins in: that of the last file."""
        recent = self._workbench.settings.value.recent
        return str(Path(recent[0]).parent) if recent else ""


def _described(series: Series, slices: str) -> str:
    told = series.facts.get("split_by")
    return f"{series.modality}   {len(series.files)} {slices}   …{series.uid[-12:]}" + (f"   ({told})" if told else "")
