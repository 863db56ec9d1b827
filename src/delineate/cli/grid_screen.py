"""A grid on the screen: the plan, one bar for the whole, and below it the runs that are on; in a log a line per run."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from delineate.cli.console import Screen, clock
from delineate.events import Event, StageFinished
from delineate.i18n import translate
from delineate.workflows.grid.events import GridPlanned, RunChanged

#: Ended runs that stay in the table beside those that are on.
_LAST = 6


class GridScreen(Screen):
    """:class:`Screen` that knows runs. The table holds what is running and what ended last."""

    def __init__(self, language: str, *, quiet: bool = False) -> None:
        super().__init__(language, quiet=quiet)
        self._runs: dict[tuple[str, int, int], RunChanged] = {}
        self._table: Live | None = None

    def _show(self, event: Event) -> None:
        if isinstance(event, GridPlanned):
            self._plan(event)
        elif isinstance(event, RunChanged):
            self._run(event)
        else:
            if isinstance(event, StageFinished) and event.name == "grid":
                self._close_table()
            super()._show(event)

    def _plan(self, event: GridPlanned) -> None:
        if self.quiet:
            return
        low, high = event.steps
        primary = translate(f"comparison.metric.{event.primary}", self.language)
        params = {"runs": event.runs, "time": clock(event.seconds, whole=True), "primary": primary}
        if event.done:
            self._line(self._t("cli.grid.plan-resumed", done=event.done, left=event.runs - event.done, **params))
            return
        numbers = {"candidates": len(event.candidates), "folds": event.folds, "seeds": event.seeds}
        size = "×".join(map(str, event.size))
        steps = str(low) if low == high else f"{low}–{high}"
        self._line(self._t("cli.grid.plan", size=size, steps=steps, **numbers, **params))
        self._line("  " + ", ".join(event.candidates))

    def _run(self, event: RunChanged) -> None:
        self._runs[event.candidate, event.fold, event.seed] = event
        if event.state == "failed":
            reason = dict(event.reason).get(self.language, "?")
            self._line(Text.assemble(("!", "yellow"), " ", self._t("cli.grid.failed", run=self._name(event), reason=reason)))
        elif event.state == "finished" and not self.quiet and not self.live:
            said = self._t("cli.grid.finished", run=self._name(event), dice=_dice(event))
            self._line(Text.assemble((self.done, "green"), f" {said}", (f"  {clock(event.seconds or 0)}", "dim")))
        if self.live:
            self._draw()

    def _name(self, event: RunChanged) -> str:
        return self._t("cli.grid.run", name=event.candidate, fold=event.fold, seed=event.seed)

    def _draw(self) -> None:
        if self._table is None:
            if self._progress is None:
                return
            self._progress.stop()  # one live display at a time: the bars are drawn inside the table's
            self._table = Live(console=self.console, transient=True, refresh_per_second=4, get_renderable=self._both)
            self._table.start()

    def _both(self) -> RenderableType:
        assert self._progress is not None
        return Group(self._progress.get_renderable(), self._rows())

    def _rows(self) -> Table:
        table = Table(box=None, pad_edge=False, header_style="dim")
        for name in ("run", "state", "dice", "time"):
            table.add_column(self._t(f"cli.grid.head.{name}"), justify="left" if name in ("run", "state") else "right")
        running = [event for event in self._runs.values() if event.state == "running"]
        ended = [event for event in self._runs.values() if event.state != "running"]
        for event in [*ended[-_LAST:], *running]:
            state = self._t(f"cli.grid.state.{event.state}")
            style = {"finished": "green", "failed": "yellow", "running": "cyan"}[event.state]
            shown = f"{state} {event.share:4.0%}" if event.state == "running" else state
            table.add_row(self._name(event), Text(shown, style=style), _dice(event), clock(event.seconds or 0.0, whole=True))
        return table

    def _close_table(self) -> None:
        if self._table is None:
            return
        self._table.stop()
        self._table = None
        if self._progress is not None:
            self._progress.start()

    def __exit__(self, *error: object) -> None:
        self._close_table()
        super().__exit__(None, None, None)


def _dice(event: RunChanged) -> str:
    return "–" if event.val_dice is None else f"{event.val_dice:.4f}"
