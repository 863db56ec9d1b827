"""A trained network → its model file. A machine converts networks of a kind once: see :mod:`delineate.export.graphs`."""

from __future__ import annotations

import hashlib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from delineate.inference.remembered import cache_folder
from delineate.recipe import ModelRecord, Recipe
from delineate.version import __version__

if TYPE_CHECKING:
    from torch import nn

EXAMPLE_SIZE = (64, 64)
_LIBRARIES = ("torch", "onnx", "onnxscript", "segmentation_models_pytorch", "timm", "monai")


def write_model_file(network: nn.Module, recipe: Recipe, record: ModelRecord, path: Path) -> None:
    """Write ``path``; raises as :func:`~delineate.export.export_onnx`."""
    from delineate.export import export_onnx

    graph = cache_folder() / "graphs" / f"{_kind(recipe)}.onnx"
    export_onnx(network, record, path, in_channels=recipe.preprocessing.inputs, example_size=EXAMPLE_SIZE, graph=graph)


def _kind(recipe: Recipe) -> str:
    """A name for all networks that are converted alike."""
    parts = [__version__, recipe.network.model_dump_json(), str(recipe.preprocessing.inputs), str(recipe.labels.channels)]
    for name in _LIBRARIES:
        try:
            parts.append(version(name))
        except PackageNotFoundError:
            parts.append("")
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
