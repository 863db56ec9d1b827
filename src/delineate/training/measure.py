"""What this machine is fast at, and what a step costs here: measured with the real network, loss and optimiser."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F

from delineate.recipe import Recipe
from delineate.training.memory import keep_freed
from delineate.training.step import Learner

_CLEARLY_FASTER = 0.9  # reduced precision has to be at least this much quicker to be worth it
_HOPELESS = 4.0  # what takes so many times as long at first is emulated, and is not tried again
_LAYOUT_STEPS = 3  # of each memory order, in turns; the first warms up
_AS_FAST = 1.05  # within the noise of such a trial
_PATIENCE = 3.0  # seconds after which no further repetition is begun


@dataclass(frozen=True)
class MachineProfile:
    """How to compute here. ``seconds`` holds the trial's measurements by name, for the recipe's reasons.

    ``cores`` are those this process may use (affinity and container quota), ``threads`` what torch should use.
    """

    device: str
    name: str
    precision: Literal["fp32", "bf16", "fp16"]
    channels_last: bool
    threads: int
    cores: int
    memory_bytes: int | None
    seconds: dict[str, float]


def machine_profile(device: str | None = None) -> MachineProfile:
    """Measure a small convolution (forward and backward) in the candidate precisions and memory layouts; about a second.

    A processor may run bf16 by emulation, slower than fp32: what counts is the clock, not the processor's flags. On a CPU it is one
    thread's processor time, so that other work on the machine does not decide.
    """
    if device is None:
        device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    cores = usable_cores()
    kind = torch.device(device).type
    trials: dict[str, tuple[torch.dtype | None, bool]] = {"fp32": (None, False), "fp32 channels_last": (None, True)}
    if kind != "mps":
        half = torch.bfloat16 if kind == "cpu" or torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
        trials["half channels_last"] = (half, True)
    seconds: dict[str, float] = {}
    for name, how in trials.items():
        seconds[name] = _conv_seconds(device, *how, hopeless=_HOPELESS * min(seconds.values(), default=float("inf")))
    fp32 = min(seconds["fp32"], seconds["fp32 channels_last"])
    reduced = seconds.get("half channels_last", float("inf")) < _CLEARLY_FASTER * fp32
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    if reduced:
        precision = "bf16" if trials["half channels_last"][0] == torch.bfloat16 else "fp16"
    layout = reduced or seconds["fp32 channels_last"] <= seconds["fp32"]
    name = torch.cuda.get_device_name(device) if kind == "cuda" else _processor()
    threads = max(1, min(torch.get_num_threads(), cores))
    return MachineProfile(device, name, precision, layout, threads, cores, _memory(kind), seconds)


def time_step(recipe: Recipe, size: tuple[int, int], batch: int, channels: int | None = None, repetitions: int = 5) -> float:
    """Seconds per training step of ``recipe``'s network at ``size`` = (rows, columns) and ``batch`` (median).

    The data are random and at hand: reading and augmentation are not in it. Ends after about 3 seconds even if fewer repetitions
    were made. Raises ``RuntimeError`` or ``MemoryError`` where memory does not suffice.
    """
    recipe = _with_channels(recipe, channels)
    with _threads(recipe.training.threads), keep_freed():
        learner = Learner(recipe)
        images, labels = random_batch(recipe, size, batch)
        counter = iter(range(1_000_000))
        return _median_seconds(lambda: learner.step(images, labels, next(counter), 1e-4), learner.device, repetitions)


def prefers_channels_last(recipe: Recipe, size: tuple[int, int], batch: int = 2) -> bool:
    """Whether steps of ``recipe``'s network are no slower with channels last than in plain memory order.

    In float32 neither is faster everywhere: on a processor with AVX2, channels last gained 5 % for widths of 16 … 256 and lost 25 %
    for 32 … 512 at 256², where a single convolution does not tell. In half precision and on other
    devices nothing is measured: there what :func:`machine_profile` found stands.
    """
    if recipe.training.precision != "fp32" or torch.device(recipe.training.device).type != "cpu":
        return recipe.training.channels_last
    seconds: dict[bool, list[float]] = {True: [], False: []}
    with _threads(recipe.training.threads), keep_freed():
        work = {}
        for layout in seconds:
            mine = recipe.model_copy(update={"training": recipe.training.model_copy(update={"channels_last": layout})})
            work[layout] = (Learner(mine), *random_batch(mine, size, batch))
        for number in range(_LAYOUT_STEPS):
            for layout, (learner, images, labels) in work.items():
                started = time.perf_counter()
                learner.step(images, labels, number, 1e-4)
                seconds[layout].append(time.perf_counter() - started)
    return min(seconds[True][1:]) <= _AS_FAST * min(seconds[False][1:])


def time_inference(recipe: Recipe, size: tuple[int, int], batch: int, channels: int | None = None, repetitions: int = 5) -> float:
    """Seconds per forward pass of a batch in evaluation mode (median), as in validation."""
    recipe = _with_channels(recipe, channels)
    with _threads(recipe.training.threads), torch.inference_mode():
        learner = Learner(recipe)
        images = random_batch(recipe, size, batch)[0].to(learner.device)
        network = learner.averaged.eval()

        def forward() -> None:
            with learner.autocast():
                network(images)

        return _median_seconds(forward, learner.device, repetitions)


def usable_cores() -> int:
    """Processor cores this process may use: affinity, and a container's quota where there is one."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        if quota != "max":
            cores = min(cores, max(1, round(int(quota) / int(period))))
    except (OSError, ValueError):
        pass  # no such container
    return cores


def _with_channels(recipe: Recipe, channels: int | None) -> Recipe:
    if channels is None:
        return recipe
    return recipe.model_copy(update={"preprocessing": recipe.preprocessing.model_copy(update={"channels": channels})})


def random_batch(recipe: Recipe, size: tuple[int, int], batch: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    images = torch.randn((batch, recipe.preprocessing.inputs, *size), generator=generator)
    if recipe.training.channels_last:
        images = images.contiguous(memory_format=torch.channels_last)
    shape = (batch, recipe.labels.classes, *size) if recipe.labels.kind == "regions" else (batch, *size)
    return images, torch.randint(0, 2, shape, generator=generator, dtype=torch.uint8)


def _conv_seconds(device: str, half: torch.dtype | None, channels_last: bool, hopeless: float) -> float:
    layout = torch.channels_last if channels_last else torch.contiguous_format
    images = torch.randn(4, 32, 96, 96, device=device).to(memory_format=layout)
    weight = torch.randn(32, 32, 3, 3, device=device).to(memory_format=layout).requires_grad_()
    kind = torch.device(device)

    def step() -> None:
        with torch.autocast(kind.type, dtype=half, enabled=half is not None):
            result = F.conv2d(F.relu(F.conv2d(images, weight, padding=1)), weight, padding=1)
        result.float().mean().backward()  # type: ignore[no-untyped-call]

    if kind.type == "cpu":
        with _threads(1):
            return _least_seconds(step, time.thread_time, hopeless)
    return _median_seconds(step, kind, 5)


def _least_seconds(work: Callable[[], object], clock: Callable[[], float], hopeless: float, repetitions: int = 5) -> float:
    """Least seconds of ``work`` after two calls to warm up, or of the second where that took ``hopeless`` seconds."""
    seconds: list[float] = []
    for call in range(repetitions + 2):
        started = clock()
        work()
        took = clock() - started
        if call == 1 and took > hopeless:
            return took
        if call > 1:
            seconds.append(took)
    return min(seconds)


def _median_seconds(work: Callable[[], object], device: torch.device, repetitions: int) -> float:
    """Median seconds of ``work``; two calls to warm up (first-use compilation, allocation) are not counted."""

    def timed() -> float:
        started = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        elif device.type == "mps":
            torch.mps.synchronize()
        return time.perf_counter() - started

    begun = time.perf_counter()
    timed()
    if time.perf_counter() - begun < _PATIENCE:
        timed()
    seconds = [timed()]
    while len(seconds) < repetitions and time.perf_counter() - begun < _PATIENCE:
        seconds.append(timed())
    return float(np.median(seconds))


class _threads:  # noqa: N801 - a context manager, used like a function
    """torch's number of threads for a while; ``None`` leaves it."""

    def __init__(self, number: int | None) -> None:
        self.number = number

    def __enter__(self) -> None:
        self.before = torch.get_num_threads()
        if self.number is not None:
            torch.set_num_threads(self.number)

    def __exit__(self, *_: object) -> None:
        torch.set_num_threads(self.before)


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _memory(kind: str) -> int | None:
    if kind == "cuda":
        return int(torch.cuda.get_device_properties(0).total_memory)
    try:
        return int(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, ValueError, OSError):
        return None
