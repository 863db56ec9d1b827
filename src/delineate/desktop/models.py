"""Model files: opened away from the window, remembered for the next start."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from delineate.desktop.workbench import Workbench
from delineate.inference import ModelFile

DEMO = "demo"


def open_model(workbench: Workbench, model: str | Path, then: Callable[[], None] | None = None) -> None:
    """Take ``model`` (a model file, a run folder, or ``"demo"``) as the workbench's; ``then`` is called when it is."""

    def done(opened: ModelFile) -> None:
        workbench.set_model(opened)
        if model != DEMO and (error := workbench.settings.keep_recent(opened.path, model=True)) is not None:
            workbench.say_error(error)
        if then is not None:
            then()

    title = workbench.text("desktop.job.model", name=Path(model).name)
    workbench.jobs.start(title, lambda job: ModelFile.open(model), done, workbench.say_error)


def remembered(workbench: Workbench) -> list[Path]:
    """Model files used lately that are still there."""
    return [path for text in workbench.settings.value.recent_models if (path := Path(text)).exists()]
