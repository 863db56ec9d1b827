"""What survives a power cut: last.pt (everything) and best.safetensors (the averaged weights of the best epoch).

A file is written beside its place, flushed to the disk and renamed, so that at any moment either the old or the whole new one is
there. ``last.pt`` holds tensors and plain values only and is read with ``weights_only=True``: opening a run cannot run code.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import nn

from delineate.errors import ResourceError, RunError
from delineate.models import build
from delineate.recipe import Recipe
from delineate.training.disk import disk_error

FORMAT = 1
LAST = Path("checkpoints", "last.pt")
BEST = Path("checkpoints", "best.safetensors")
LOCK = Path("checkpoints", ".lock")


def recipe_digest(recipe: Recipe) -> str:
    """sha256 of what the weights depend on; reasons may be worded anew."""
    return hashlib.sha256(recipe.model_dump_json(exclude={"reasons"}).encode()).hexdigest()


def save_last(run_folder: Path, state: dict[str, Any]) -> None:
    """Write ``last.pt``; :class:`ResourceError` if it cannot be written, the old one then stays."""
    _write(run_folder / LAST, lambda file: torch.save({"format": FORMAT, **state}, file))


def load_last(run_folder: Path, digest: str) -> dict[str, Any] | None:
    """The state of ``last.pt``, ``None`` if there is none.

    Raises :class:`RunError` ``checkpoint-damaged`` or, when it was made with another recipe, ``recipe-changed``.
    """
    path = run_folder / LAST
    if not path.is_file():
        return None
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        if state["format"] != FORMAT:
            raise RunError("checkpoint-damaged", path=path, reason=f"format {state['format']}, expected {FORMAT}")
    except RunError:
        raise
    except Exception as error:  # noqa: BLE001 - torch raises many kinds for a damaged file
        raise RunError("checkpoint-damaged", path=path, reason=_first_line(error)) from None
    if state["digest"] != digest:
        raise RunError("recipe-changed", path=path)
    return state


def save_best(run_folder: Path, network: nn.Module, step: int, score: float) -> None:
    """Write the weights and buffers of ``network`` as ``best.safetensors`` with its step and score as metadata."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    # one entry only: safetensors writes several in random order, and equal runs should give equal files
    data = save(tensors, metadata={"delineate": json.dumps({"step": step, "score": score})})
    _write(run_folder / BEST, lambda file: file.write(data))


def load_final(run_folder: Path, recipe: Recipe) -> nn.Module:
    """The network of a run with its averaged weights at the last step, on the CPU, in evaluation mode.

    Raises as :func:`load_best`.
    """
    state = load_last(run_folder, recipe_digest(recipe))
    if state is None:
        raise RunError("no-checkpoint", path=run_folder / LAST)
    learner = state["learner"]  # without averaging the weights themselves
    return _network(recipe, learner["averaged"] or learner["network"], run_folder / LAST)


def load_best(run_folder: Path, recipe: Recipe) -> nn.Module:
    """The network of a run with its best averaged weights, on the CPU, in evaluation mode.

    Raises :class:`RunError`: ``no-checkpoint``, ``checkpoint-damaged``, or ``recipe-changed`` where the weights do not fit the
    recipe's network.
    """
    path = run_folder / BEST
    if not path.is_file():
        raise RunError("no-checkpoint", path=path)
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise RunError("checkpoint-damaged", path=path, reason=_first_line(error)) from None
    return _network(recipe, tensors, path)


def _network(recipe: Recipe, tensors: dict[str, Any], path: Path) -> nn.Module:
    network = build(recipe.network, recipe.preprocessing.inputs, recipe.labels.channels)
    try:
        network.load_state_dict(tensors)
    except RuntimeError:
        raise RunError("recipe-changed", path=path) from None
    return network.eval()


def _write(path: Path, write: Callable[[BinaryIO], Any]) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise disk_error(error, path) from None
    except RuntimeError as error:  # torch.save wraps a short write in its own error
        temporary.unlink(missing_ok=True)
        raise ResourceError("cannot-write", path=path, reason=_first_line(error)) from None


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


@contextmanager
def run_lock(run_folder: Path, lock: Path = LOCK) -> Iterator[None]:
    """Only one process trains in a run folder; :class:`RunError` ``run-in-use`` for the second.

    The operating system holds the lock and drops it when its process dies, however it dies: a lock file that was left behind
    stops nobody.
    """
    path = run_folder / lock
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+", encoding="ascii")
    except OSError as error:
        raise disk_error(error, path) from None
    with file:
        if not _take(file.fileno()):
            file.seek(0)
            raise RunError("run-in-use", path=run_folder, pid=file.read(20).strip() or "?")
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield  # the file stays: removing it could take the lock from under a process that has just opened it


def _take(descriptor: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(descriptor, 1000, os.SEEK_SET)  # lock a byte behind the text, which others may still read
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
