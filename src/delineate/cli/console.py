"""Events → what a person sees: one live line on a terminal, a line per finished stage and now and then in a log file."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TaskID, TextColumn
from rich.text import Text

from delineate.cli.width import pad
from delineate.events import EpochFinished, Event, Note, StageFinished, StageStarted
from delineate.events import Progress as ProgressEvent
from delineate.i18n import translate

#: Columns of a stage's name in the list of finished stages, so that their times stand below each other.
STAGE_WIDTH = 46
#: Seconds between two lines about epochs, and in a log between two signs of life.
EPOCHS_EVERY = 10.0
ALIVE_EVERY = 30.0
_ROOMY = 100  # columns; less has no room for every number
_NUMBERS = ("loss", "val_dice", "val_iou", "images_per_second")


class _Console(Console):
    """A reader of our progress that goes away (``2>&1 | head``, a closed window) ends the telling, not the work."""

    def on_broken_pipe(self) -> None:
        self.quiet = True


class Screen:
    """An event sink for a terminal or a log. Use as a context manager; call it with events.

    ``quiet`` leaves warnings only.
    """

    def __init__(self, language: str, *, quiet: bool = False) -> None:
        self.language, self.quiet = language, quiet
        self.console = _Console(stderr=True, highlight=False, soft_wrap=True)
        self.live = self.console.is_terminal and not self.console.is_dumb_terminal and not quiet
        self.roomy = not self.live or self.console.width >= _ROOMY
        # Marks that the terminal can show.
        wide = (self.console.encoding or "").lower().startswith("utf")
        self.done, self.star, self.between = ("✓", "★", " · ") if wide else ("+", "*", "  ")
        self._progress: Progress | None = None
        self._idle = TaskID(0)  # seen while programs load and between two stages
        self._bars: dict[str, TaskID] = {}
        self._scores: dict[str, float] = {}  # of the latest validation, shown beside the loss
        self._untold: EpochFinished | None = None  # the latest epoch while it has no line of its own
        self._best = False  # a best epoch among those without a line
        self._told_epoch = self._told = -EPOCHS_EVERY

    def __enter__(self) -> Screen:
        if self.live:
            self._progress = Progress(
                SpinnerColumn(),
                TextColumn("{task.description}"),
                _Bar(bar_width=24 if self.roomy else 10),
                _Count(),
                _Time(self.language),
                _Values(),
                console=self.console,
                transient=True,
                refresh_per_second=5,
            )
            self._idle = self._progress.add_task(self._t("live.working"), total=None, values="", left=None)
            self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    def __call__(self, event: Event) -> None:
        try:
            self._show(event)
        except OSError:  # nobody can be told; the work goes on
            self.console.quiet = True

    def _show(self, event: Event) -> None:
        if isinstance(event, Note):
            self._note(event)
        elif self.quiet:
            return
        elif isinstance(event, StageStarted):
            self._start(event)
        elif isinstance(event, ProgressEvent):
            self._advance(event)
        elif isinstance(event, StageFinished):
            self._finish(event)
        elif isinstance(event, EpochFinished):
            self._epoch(event)

    def _t(self, key: str, **params: Any) -> str:
        return translate(key, self.language, **params)

    def _start(self, event: StageStarted) -> None:
        self._told = time.monotonic()
        if self._progress is not None:
            self._bar(event.name, event.total)

    def _bar(self, stage: str, total: int | None) -> TaskID:
        assert self._progress is not None
        if stage not in self._bars:
            self._bars[stage] = self._progress.add_task(self._t(f"stage.{stage}"), total=total, values="", left=None)
            self._progress.update(self._idle, visible=False)
        return self._bars[stage]

    def _advance(self, event: ProgressEvent) -> None:
        values = self._numbers({**event.values, **self._scores} if event.stage == "train" else event.values)
        left = event.values.get("seconds_left")
        if self._progress is not None:
            bar = self._bar(event.stage, event.total)
            self._progress.update(bar, completed=event.done, total=event.total, values=self.between.join(values), left=left)
        elif time.monotonic() - self._told >= ALIVE_EVERY:
            self._told = time.monotonic()
            parts = [f"{self._t(f'stage.{event.stage}')} {event.done}/{event.total}", *values]
            if left is not None:
                parts.append(self._t("live.left", time=clock(left)))
            self._line("  " + self.between.join(parts))

    def _numbers(self, values: Mapping[str, float]) -> list[str]:
        """The known ones, of fixed width, so that the line does not tremble."""
        shown = []
        for name in _NUMBERS:
            value = values.get(name)
            if value is None or value != value or (name == "val_iou" and not self.roomy):
                continue
            if name == "images_per_second":
                shown.append(f"{value:4.0f} {self._t('live.images_per_second')}")
            else:
                shown.append(f"{self._t(f'live.{name}')} {value:.4f}")
        return shown

    def _finish(self, event: StageFinished) -> None:
        if event.name == "train":
            self._tell_epoch()
            self._scores = {}
        bar = self._bars.pop(event.name, None)
        if self._progress is not None and bar is not None:
            self._progress.remove_task(bar)
            self._progress.reset(self._idle, visible=not self._bars)
        name = pad(self._t(f"stage.{event.name}"), STAGE_WIDTH)
        self._line(Text.assemble((self.done, "green"), f" {name}", (f"{clock(event.seconds):>8}", "dim")))

    def _epoch(self, event: EpochFinished) -> None:
        self._scores = {name: value for name, value in event.metrics.items() if name in ("val_dice", "val_iou")}
        self._untold = event
        self._best = self._best or event.best
        if time.monotonic() - self._told_epoch >= EPOCHS_EVERY:
            self._tell_epoch()

    def _tell_epoch(self) -> None:
        """One line; a star when it, or one before it that got no line, was the best so far."""
        event, self._untold = self._untold, None
        if event is None:
            return
        self._told_epoch = self._told = time.monotonic()
        parts = [self._t("live.epoch", epoch=f"{event.epoch:>3}"), self._t("live.step", step=f"{event.step:>5}")]
        for name in ("loss", "val_loss", "val_dice", "val_iou"):
            value = event.metrics.get(name)
            if value is not None and value == value and (name != "val_loss" or self.roomy):
                parts.append(f"{self._t(f'live.{name}')} {value:.4f}")
        if event.metrics.get("images_per_second"):
            parts.append(f"{event.metrics['images_per_second']:4.0f} {self._t('live.images_per_second')}")
        self._line(Text.assemble("  " + self.between.join(parts), (f" {self.star}", "yellow") if self._best else ""))
        self._best = False

    def _note(self, event: Note) -> None:
        warning = event.level == "warning"
        if self.quiet and not warning:
            return
        mark = ("!", "yellow") if warning else ("i", "blue")
        self._line(Text.assemble(mark, " ", self._t(f"note.{event.code}", **event.params)))

    def _line(self, text: str | Text) -> None:
        self.console.print(text, markup=False)


class _Bar(BarColumn):
    """A bar where the end is known; a pulse says nothing that the spinner does not say."""

    def render(self, task: Task) -> Any:
        return super().render(task) if task.total else Text("")


class _Count(ProgressColumn):
    def render(self, task: Task) -> Text:
        if not task.total:
            return Text("")
        total = f"{task.total:.0f}"
        return Text(f"{task.completed:>{len(total)}.0f}/{total}", style="progress.percentage")


class _Time(ProgressColumn):
    """Time left where it is known, else the time it has taken."""

    max_refresh = 0.5

    def __init__(self, language: str) -> None:
        self.language = language
        super().__init__()

    def render(self, task: Task) -> Text:
        left = task.fields.get("left")
        left = task.time_remaining if left is None else left
        if task.total and left is not None and task.completed:
            return Text(translate("live.left", self.language, time=f"{clock(round(left), whole=True):>5}"), style="cyan")
        return Text(clock(task.elapsed or 0.0, whole=True), style="dim")


class _Values(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(task.fields["values"], style="dim", no_wrap=True, overflow="ellipsis")


def clock(seconds: float, *, whole: bool = False) -> str:
    """``75`` → ``1:15``; ``4.2`` → ``4.2 s``, or ``0:04`` where only whole seconds are wanted."""
    if seconds < 59.95 and not whole:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
