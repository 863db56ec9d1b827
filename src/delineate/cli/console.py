"""Events → what a person sees: live bars on a terminal, one line per stage and epoch in a log file."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from delineate.events import EpochFinished, Event, Note, StageFinished, StageStarted
from delineate.events import Progress as ProgressEvent
from delineate.i18n import has, translate


class Screen:
    """An event sink for a terminal. Use as a context manager; call it with events."""

    def __init__(self, language: str) -> None:
        self.language = language
        self.console = Console(stderr=True, highlight=False, soft_wrap=True)
        self.live = self.console.is_terminal
        self._bars: dict[str, Any] = {}
        self._progress: Progress | None = None
        self._last_line = 0.0

    def __enter__(self) -> Screen:
        if self.live:
            self._progress = Progress(
                SpinnerColumn(),
                TextColumn("{task.description}"),
                BarColumn(bar_width=28),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TextColumn("[dim]{task.fields[values]}[/dim]"),
                console=self.console,
                transient=True,
            )
            self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    def __call__(self, event: Event) -> None:
        if isinstance(event, StageStarted):
            self._start(event)
        elif isinstance(event, ProgressEvent):
            self._advance(event)
        elif isinstance(event, StageFinished):
            self._finish(event)
        elif isinstance(event, EpochFinished):
            self._epoch(event)
        elif isinstance(event, Note):
            self._note(event)

    def _t(self, key: str, **params: Any) -> str:
        return translate(key, self.language, **params)

    def _stage(self, name: str) -> str:
        return self._t(f"stage.{name}") if has(f"stage.{name}", self.language) else name

    def _start(self, event: StageStarted) -> None:
        if self._progress is not None:
            self._bars[event.name] = self._progress.add_task(self._stage(event.name), total=event.total, values="")
        else:
            print(f"{self._stage(event.name)} …", file=sys.stderr, flush=True)

    def _advance(self, event: ProgressEvent) -> None:
        if self._progress is None:
            return
        if event.stage not in self._bars:
            self._bars[event.stage] = self._progress.add_task(self._stage(event.stage), total=event.total, values="")
        self._progress.update(self._bars[event.stage], completed=event.done, total=event.total, values=self._values(event.values))

    def _values(self, values: Any) -> str:
        shown = []
        for name, value in values.items():
            if name in ("eta", "seconds_left"):
                shown.append(self._t("live.eta", time=clock(value)))
            elif name == "step":
                continue
            else:
                label = self._t(f"live.{name}") if has(f"live.{name}", self.language) else name
                shown.append(f"{label} {value:.4g}")
        return " · ".join(shown)

    def _finish(self, event: StageFinished) -> None:
        bar = self._bars.pop(event.name, None)
        if self._progress is not None and bar is not None:
            self._progress.remove_task(bar)
        self.console.print(f"[green]✓[/green] {self._stage(event.name)} [dim]{clock(event.seconds)}[/dim]")

    def _epoch(self, event: EpochFinished) -> None:
        now = time.monotonic()
        # A log file gets every epoch; a terminal at most one line every two seconds, and every new best.
        if self.live and not event.best and now - self._last_line < 2:
            return
        self._last_line = now
        metrics = event.metrics
        parts = [self._t("live.epoch", epoch=event.epoch, step=event.step)]
        for name in ("loss", "val_loss", "val_dice", "val_iou", "val_precision", "val_recall"):
            value = metrics.get(name)
            if value is not None and value == value:
                label = self._t(f"live.{name}") if has(f"live.{name}", self.language) else name
                parts.append(f"{label} {value:.4f}")
        if metrics.get("images_per_second"):
            parts.append(f"{metrics['images_per_second']:.0f} img/s")
        self.console.print("  " + " · ".join(parts) + (" [yellow]★[/yellow]" if event.best else ""))

    def _note(self, event: Note) -> None:
        mark = "[yellow]![/yellow]" if event.level == "warning" else "[blue]i[/blue]"
        text = self._t(f"note.{event.code}", **event.params)
        self.console.print(f"{mark} ", end="")
        self.console.print(text, markup=False)


def clock(seconds: float) -> str:
    """``75`` → ``1:15``; ``4.2`` → ``4.2 s``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
