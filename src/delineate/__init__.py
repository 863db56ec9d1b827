"""Delineate: from a folder of medical images and masks to a trained, honestly scored segmentation model.

    import delineate as dl
    dl.run("data/", out="runs/lungs", budget="15m")
    dl.predict("runs/lungs/model.onnx", ["image.tif"], out="masks/")

Functions are loaded on first use, so that importing the package costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from delineate.version import __version__

if TYPE_CHECKING:
    from delineate.workflows import (
        check,
        compare,
        compare_grid,
        demo,
        ensemble,
        evaluate,
        measure,
        networks,
        predict,
        refine,
        report,
        run,
        surface,
        train,
    )

__all__ = [
    "__version__",
    "check",
    "compare",
    "compare_grid",
    "demo",
    "ensemble",
    "evaluate",
    "measure",
    "networks",
    "predict",
    "refine",
    "report",
    "run",
    "surface",
    "train",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from delineate import workflows

        return getattr(workflows, name)
    raise AttributeError(f"module 'delineate' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)
