"""The Train page: data folder → check → time → a run in a process of its own, watched → its result → the model in use."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QEventLoop, Qt, QTemporaryDir, QTimer
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QMessageBox, QScrollArea, QStackedWidget, QVBoxLayout, QWidget

from delineate.desktop.icons import icon
from delineate.desktop.models import open_model
from delineate.desktop.training_again import AgainPanel
from delineate.desktop.training_check import CheckPanel
from delineate.desktop.training_live import LivePanel
from delineate.desktop.training_process import CommandProcess
from delineate.desktop.training_result import ResultPanel
from delineate.desktop.training_setup import SetupPanel, dropped_folder
from delineate.desktop.workbench import Workbench
from delineate.errors import DelineateError
from delineate.recipe import read_json

_CLOSING_MS = 30_000  # for a training to write its checkpoint while the window closes


class TrainPage(QWidget):
    """``process`` is the check or run at work, ``None`` where nothing is."""

    def __init__(self, workbench: Workbench, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.workbench = workbench
        self.process: CommandProcess | None = None
        self._kind = ""  # of the process: check or run
        self._paused: Path | None = None  # a run that was told to pause and can go on
        self._run: Path | None = None
        self._retraining = False
        self._checks = QTemporaryDir()
        self._check_folder = Path(self._checks.path())
        self._number = 0
        self.setup = SetupPanel(workbench)
        self.check, self.live = CheckPanel(workbench), LivePanel(workbench)
        self.result, self.again = ResultPanel(workbench), AgainPanel(workbench)
        self._welcome = QWidget()
        self._lay_out()
        self._connect()
        self.setAcceptDrops(True)
        self.workbench.theme.changed.connect(self._draw_welcome)
        self.retranslate()

    def _lay_out(self) -> None:
        self._welcome_title, self._welcome_what, self._welcome_picture = QLabel(), QLabel(), QLabel()
        self._welcome_title.setObjectName("headline")
        self._welcome_what.setObjectName("faint")
        column = QVBoxLayout(self._welcome)
        column.addStretch(2)
        for label in (self._welcome_picture, self._welcome_title, self._welcome_what):
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            label.setWordWrap(True)
            column.addWidget(label)
        column.addStretch(3)
        self.stack = QStackedWidget()
        for panel in (self._welcome, self.check, self.live, self.result, self.again):
            self.stack.addWidget(panel)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(self.setup)
        area.setFixedWidth(self.setup.width() + 6)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(area)
        row.addWidget(self.stack, 1)

    def _connect(self) -> None:
        self.setup.data_chosen.connect(self.choose)
        self.setup.start.connect(self.start)
        self.setup.open_run.connect(self.open_run)
        self.live.pause.connect(self.pause)
        self.live.resume.connect(self.resume)
        self.live.stop.connect(self.stop)
        self.result.use.connect(self._use)
        self.result.again.connect(self._again)
        self.result.cases.connect(self._show_cases)
        self.result.new.connect(self._new)
        self.again.prepared.connect(self._retrain)
        self.again.replace.connect(self._replace)
        self.again.back.connect(lambda: self.stack.setCurrentWidget(self.result))

    # -- for the window

    def retranslate(self) -> None:
        words = self.workbench.text
        self._welcome_title.setText(words("desktop.train.welcome.title"))
        self._welcome_what.setText(words("desktop.train.welcome.what"))
        self._draw_welcome()
        for panel in (self.setup, self.check, self.live, self.result, self.again):
            panel.retranslate()

    def _draw_welcome(self) -> None:
        self._welcome_picture.setPixmap(icon("train").pixmap(64, 64))

    def may_close(self) -> bool:
        if self.process is None or not self.process.running:
            return True
        if self._kind == "run" and not self._ask("desktop.train.close"):
            return False
        process = self.process
        if self._kind == "run":
            self.pause()
            self._wait_for(process)
        process.kill()
        return True

    def _wait_for(self, process: CommandProcess) -> None:
        """Until the checkpoint is written; the window is painted meanwhile, and says what it waits for."""
        loop = QEventLoop()
        process.ended.connect(loop.quit)
        QTimer.singleShot(_CLOSING_MS, loop.quit)
        if process.running:
            loop.exec(QEventLoop.ProcessEventsFlag.ExcludeUserInputEvents)

    @property
    def training(self) -> bool:
        return self._kind == "run" and self.process is not None and self.process.running

    # -- check

    def choose(self, folder: Path) -> None:
        """Take ``folder`` as the data, and look at it."""
        if self.training:
            return
        if self.process is not None:
            self.process.kill()
        self._number += 1
        out = self._check_folder / str(self._number)
        self.setup.set_data(folder)
        self.check.begin(folder.name)
        self.stack.setCurrentWidget(self.check)
        process = self._launch(
            "check", ["check", str(folder), "--out", str(out), *self.setup.reading, "--lang", self.workbench.texts.language]
        )
        process.told.connect(self.check.take)

        def ended(how: str) -> None:
            if process is not self.process:
                return  # another folder was chosen meanwhile
            self.process = None
            if how == "done":
                self.check.finish(out)
                self.setup.set_checked(bool(self.check.blocking))
            elif how == "failed":
                self.stack.setCurrentWidget(self._welcome)
                self._tell_failure(process)

        process.ended.connect(ended)

    # -- run

    def start(self) -> None:
        """Begin the run that the setup describes."""
        if not self.setup.ready or self.training or self.setup.data is None:
            return
        arguments = [str(self.setup.data), "--out", str(self.setup.run_folder), "--budget", f"{self.setup.minutes}m"]
        arguments += self.setup.reading
        if self.setup.anyway.isChecked():
            for code in self.check.blocking:
                arguments += ["--allow", code]
        self._retraining = False
        self._begin(self.setup.run_folder, arguments)

    def open_run(self, folder: Path) -> None:
        """Show a finished run, or go on with one that was paused."""
        if self.training:
            return
        self._retraining = self._learns_again(folder)
        if (folder / "summary.json").is_file() and (folder / "model.onnx").is_file():
            self._finished(folder)
        elif (folder / "options.json").is_file():
            self._begin(folder, ["--out", str(folder), "--resume"])
        else:
            self.workbench.say("error", "error.run-missing", path=folder)

    def _learns_again(self, folder: Path) -> bool:
        """Whether a run was begun to learn from corrections; its model is then judged against the old one, if that is there."""
        try:
            old = Path(str(read_json(folder / "retraining.json")["learned_before"]))
        except (DelineateError, KeyError, TypeError):
            return False
        if not (old / "summary.json").is_file():
            return False
        self.again.go_on(old, folder)
        return True

    def pause(self) -> None:
        """End the process after a checkpoint; :meth:`resume` goes on, also after the program was closed."""
        if self.training and self.process is not None:
            self._paused = self._run
            self.live.set_state("pausing")
            self.process.stop()

    def resume(self) -> None:
        if self._paused is not None and not self.training:
            self._begin(self._paused, ["--out", str(self._paused), "--resume"])

    def stop(self) -> None:
        """End the run; its folder stays, and can be gone on with."""
        if not self.training:
            if self._paused is not None:
                self._new()
            return
        if self.process is not None and self._ask("desktop.train.stop.ask"):
            self._paused = None
            self.live.set_state("stopping")
            self.process.stop()

    def _begin(self, folder: Path, arguments: list[str]) -> None:
        self._run, self._paused = folder, None
        process = self._launch("run", ["run", *arguments, "--lang", self.workbench.texts.language])
        process.told.connect(self.live.take)
        process.ended.connect(lambda how: self._ended(process, how))
        self.live.begin(folder)
        self.setup.set_busy(True)
        self.stack.setCurrentWidget(self.live)

    def _ended(self, process: CommandProcess, how: str) -> None:
        if process is self.process:
            self.process = None
        run = self._run
        assert run is not None
        if how == "stopped" and self._paused is not None:
            self.live.set_state("paused")
            return
        self.setup.set_busy(False)
        if how == "done":
            self._finished(run)
        elif how == "failed":
            self._paused = run if (run / "options.json").is_file() else None
            self._tell_failure(process)
            if self._paused is not None:
                self.live.set_state("paused")
            else:
                self.stack.setCurrentWidget(self.check if self.setup.data is not None else self._welcome)
        else:
            self._new()
            self.workbench.say("info", "desktop.train.stopped", path=run)

    def _finished(self, run: Path) -> None:
        self._run = run
        self.setup.set_data_again()
        if not self.result.show_run(run):
            return
        if self._retraining:
            self.stack.setCurrentWidget(self.again)
            self.again.judge(run)
        else:
            self.stack.setCurrentWidget(self.result)

    def _launch(self, kind: str, arguments: list[str]) -> CommandProcess:
        self._kind = kind
        self.process = CommandProcess(arguments, self)
        return self.process

    def _tell_failure(self, process: CommandProcess) -> None:
        sentence = process.sentences.get(self.workbench.texts.language)
        if sentence is None:
            last = [line for line in process.said.strip().splitlines() if line.strip()]
            sentence = self.workbench.text("desktop.train.failed", code=process.code, reason=last[-1] if last else "–")
        self.workbench.said.emit("error", sentence)

    # -- afterwards

    def _new(self) -> None:
        """Back to the data and their check."""
        self._paused = None
        self.setup.set_busy(False)
        self.setup.set_data_again()
        self.stack.setCurrentWidget(self.check if self.setup.data is not None else self._welcome)

    def _use(self) -> None:
        if (model := self.result.model) is not None:
            self._take(model)

    def _take(self, model: Path) -> None:
        open_model(self.workbench, model, lambda: self.workbench.say("info", "desktop.train.in-use", path=model))

    def _again(self) -> None:
        if self.result.run is not None:
            self.again.begin(self.result.run)
            self.stack.setCurrentWidget(self.again)

    def _retrain(self, run: Path) -> None:
        self._retraining = True
        self._begin(run, ["--out", str(run), "--resume"])

    def _replace(self, model: Path) -> None:
        verdict = self.again.verdict
        if verdict is None:
            return
        says = verdict.sentence(self.workbench.texts.language)
        if verdict.outcome == "better" or self._ask("desktop.train.again.sure", says=says):
            self._take(model)

    def _show_cases(self) -> None:
        if self.result.run is not None and self.workbench.show_cases is not None:
            self.workbench.show_cases(self.result.run)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802 - Qt's name
        if not self.training and dropped_folder(event) is not None:
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802
        if not self.training and (folder := dropped_folder(event)) is not None:
            event.acceptProposedAction()
            self.choose(folder)

    def _ask(self, key: str, **values: object) -> bool:
        """A question that can be answered with no; Escape is no."""
        words = self.workbench.text
        box = QMessageBox(QMessageBox.Icon.Question, words(f"{key}.title"), words(key, **values), parent=self.window())
        yes = box.addButton(words(f"{key}.yes"), QMessageBox.ButtonRole.AcceptRole)
        no = box.addButton(words("desktop.cancel"), QMessageBox.ButtonRole.RejectRole)
        box.setDefaultButton(no)
        box.exec()
        return box.clickedButton() is yes
