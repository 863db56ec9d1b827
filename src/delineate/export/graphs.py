"""Converted networks without their weights, kept so that networks of one kind are converted once.

Converting to ONNX takes 10 to 20 seconds of Python on a slow core, whatever the weights are. What is kept here is a model file
whose weights are left out, some ten kilobytes; a file that is damaged, foreign or cannot be written is as good as none.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

from torch import nn

MOST_FILES = 100
MOST_BYTES = 8 << 20


def with_weights(graph: Path, network: nn.Module) -> Any | None:
    """The ``onnx.ModelProto`` of ``graph`` with the weights of ``network``; ``None`` where none is or a weight has no place."""
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        if graph.stat().st_size > MOST_BYTES:
            return None
        model = onnx.load_model_from_string(graph.read_bytes())
    except (OSError, DecodeError):
        return None
    places = _places(model, network)
    if places is None:
        return None
    for name, value in _weights(network).items():
        places[name].CopyFrom(onnx.numpy_helper.from_array(value.numpy(), name))
        places[name].doc_string = ""  # as in a converted model, so that equal networks are equal files
    return model


def without_weights(model: Any, network: nn.Module) -> bytes | None:
    """``model`` (``onnx.ModelProto``) to be kept; ``None`` where the converter changed the weights of ``network``."""
    bare = type(model)()
    bare.CopyFrom(model)
    places = _places(bare, network)
    if places is None:
        return None
    for name in _weights(network):
        places[name].ClearField("raw_data")
    data: bytes = bare.SerializeToString()
    return data if len(data) <= MOST_BYTES else None


def leave(graph: Path, data: bytes) -> None:
    """Write ``graph``; the oldest of too many beside it go."""
    with contextlib.suppress(OSError):  # it would have saved time, nothing else
        graph.parent.mkdir(parents=True, exist_ok=True)
        temporary = graph.with_name(f".{graph.name}.{os.getpid()}.tmp")  # other processes may do the same
        temporary.write_bytes(data)
        temporary.replace(graph)
        others = sorted(graph.parent.glob("*.onnx"), key=lambda path: path.stat().st_mtime)
        for old in others[:-MOST_FILES]:
            old.unlink(missing_ok=True)


def _weights(network: nn.Module) -> dict[str, Any]:
    return {name: value for name, value in network.state_dict().items() if value.is_floating_point()}


def _places(model: Any, network: nn.Module) -> dict[str, Any] | None:
    """Where each weight stands; ``None`` where one does not: the converter joins weights that are equal, and may compute others."""
    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    weights = _weights(network)
    fits = all(name in stored and tuple(stored[name].dims) == tuple(value.shape) for name, value in weights.items())
    return stored if fits else None
