"""A trained network → its model file, converted once for all folds and runs that share a cache.

Converting to ONNX takes 10 to 20 seconds of Python, all the same for every network of a kind: what differs is the weights, which
are exchanged in the file that the first of them left in the cache, and checked against the network.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from delineate.recipe import ModelRecord, Recipe
from delineate.version import __version__

if TYPE_CHECKING:
    from torch import nn

EXAMPLE_SIZE = (64, 64)


def write_model_file(
    network: nn.Module,
    recipe: Recipe,
    record: ModelRecord,
    path: Path,
    *,
    converted: Path | None = None,
    shared: Path | None = None,
) -> None:
    """Write ``path``; raises as :func:`~delineate.export.export_onnx`.

    ``converted`` is a model file of the same network with other weights. Without one, the folder ``shared`` is looked into, and
    gets this one.
    """
    from delineate.export import export_onnx, export_other_weights

    kept = None if shared is None else shared / f"{_kind(recipe)}.onnx"
    if converted is None and kept is not None and kept.is_file():
        converted = kept
    inputs = recipe.preprocessing.inputs
    if converted is not None:
        export_other_weights(converted, network, record, path, in_channels=inputs, example_size=EXAMPLE_SIZE)
        return
    export_onnx(network, record, path, in_channels=inputs, example_size=EXAMPLE_SIZE)
    if kept is not None:
        with contextlib.suppress(OSError):  # it would have saved time, nothing else
            kept.parent.mkdir(parents=True, exist_ok=True)
            temporary = kept.with_name(f".{os.getpid()}.tmp")  # other processes may do the same
            shutil.copyfile(path, temporary)
            temporary.replace(kept)


def _kind(recipe: Recipe) -> str:
    """A name for all networks that are converted alike."""
    parts = (recipe.network.model_dump_json(), recipe.preprocessing.inputs, recipe.labels.channels, version("torch"), __version__)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
