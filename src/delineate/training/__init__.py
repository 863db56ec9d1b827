"""From cases to a trained network: cached planes, sampling, augmentation, the loop, checkpoints, measured speed.

Read :mod:`~delineate.training.loop` first: it is the whole training from top to bottom. torch is imported when something that
needs it is first used, so that ``import delineate.training`` costs nothing and the cache works without torch.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from delineate.errors import MissingExtra

if TYPE_CHECKING:
    from delineate.training.cache import build_cache
    from delineate.training.checkpoints import load_best, load_final
    from delineate.training.loop import TrainingResult, train
    from delineate.training.measure import MachineProfile, machine_profile, prefers_channels_last, time_inference, time_step
    from delineate.training.memory import give_back
    from delineate.training.planes import Plane, PlaneCache

if "torch" not in sys.modules:
    # torch's threads (GNU OpenMP) wait for each other by spinning for milliseconds. As soon as another program wants a core that
    # costs a multiple of the work itself (measured: 2.7 s instead of 0.2 s a step). Spin for some 0.1 ms, then sleep.
    os.environ.setdefault("GOMP_SPINCOUNT", "2000")

_HOME = {
    "build_cache": "cache",
    "Plane": "planes",
    "PlaneCache": "planes",
    "train": "loop",
    "TrainingResult": "loop",
    "load_best": "checkpoints",
    "load_final": "checkpoints",
    "give_back": "memory",
    "MachineProfile": "measure",
    "machine_profile": "measure",
    "prefers_channels_last": "measure",
    "time_step": "measure",
    "time_inference": "measure",
}

__all__ = [
    "MachineProfile",
    "Plane",
    "PlaneCache",
    "TrainingResult",
    "build_cache",
    "give_back",
    "load_best",
    "load_final",
    "machine_profile",
    "prefers_channels_last",
    "require",
    "time_inference",
    "time_step",
    "train",
]


def require() -> None:
    """Raise :class:`MissingExtra` where training could not be done here: before anybody has waited for it, and without loading
    torch."""
    for name in ("torch", "safetensors", "onnx", "onnxscript"):
        if find_spec(name) is None:
            raise MissingExtra("missing-extra", extra="train")


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    except ModuleNotFoundError as error:
        if error.name in ("torch", "safetensors"):
            raise MissingExtra("missing-extra", extra="train") from None
        raise
