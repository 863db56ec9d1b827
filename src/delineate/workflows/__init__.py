"""One function per use case, the same words as the commands: check, run, train, evaluate, export, predict, report, compare, demo.

Each is loaded when first used: ``predict`` must not pay for training, nor ``report`` for reading images.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from delineate.workflows.checking import check
    from delineate.workflows.comparing import compare
    from delineate.workflows.demonstration import demo
    from delineate.workflows.ensembling import ensemble
    from delineate.workflows.evaluating import evaluate
    from delineate.workflows.exporting import export
    from delineate.workflows.grid.running import compare_grid
    from delineate.workflows.measuring import measure
    from delineate.workflows.predicting import predict
    from delineate.workflows.refining import refine
    from delineate.workflows.reporting import report
    from delineate.workflows.running import run, train
    from delineate.workflows.surfacing import surface
    from delineate.workflows.zoo import networks

__all__ = [
    "check",
    "compare",
    "compare_grid",
    "demo",
    "ensemble",
    "evaluate",
    "export",
    "measure",
    "networks",
    "predict",
    "refine",
    "report",
    "run",
    "surface",
    "train",
]

#: Modules are not called like their functions: importing ``workflows.run`` would put the module in the function's place.
_HOME = {
    "check": "checking",
    "compare": "comparing",
    "compare_grid": "grid.running",
    "demo": "demonstration",
    "ensemble": "ensembling",
    "evaluate": "evaluating",
    "export": "exporting",
    "measure": "measuring",
    "networks": "zoo",
    "predict": "predicting",
    "refine": "refining",
    "report": "reporting",
    "run": "running",
    "surface": "surfacing",
    "train": "running",
}


def default_run_folder(data: Path) -> Path:
    """Where a run on ``data`` goes when nothing is said."""
    return Path("runs") / (data.resolve().name or "run")


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
