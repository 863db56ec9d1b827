"""What computes a network: ONNX Runtime always; OpenVINO and torch where they are installed and asked for, or found faster."""

from __future__ import annotations

import os
import sys
from collections import OrderedDict
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from delineate.errors import MissingExtra, ModelFileError, ResourceError
from delineate.inference.model_file import ModelFile
from delineate.registry import Registry

Batch = NDArray[np.float32]


class Engine(Protocol):
    """Runs one network. ``run`` takes (B, C, h, w) float32, C-contiguous, and gives (B, channels, h, w) logits."""

    name: str

    def run(self, batch: Batch) -> Batch: ...


EngineFactory = Callable[[ModelFile, int], Engine]
registry: Registry[EngineFactory] = Registry("engine")
"""Name → (model, threads) → engine."""


def physical_cores() -> int:
    """Cores this process may use: hyper-threads counted once (convolutions gain nothing from them), affinity and the
    container's CPU quota respected."""
    allowed = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))
    cores = {_core_of(cpu) for cpu in allowed}
    quota = _cgroup_quota()
    return max(1, min(len(cores), quota) if quota else len(cores))


def _core_of(cpu: int) -> tuple[str, str] | int:
    topology = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology")
    try:
        return (topology / "physical_package_id").read_text(encoding="ascii"), (topology / "core_id").read_text(encoding="ascii")
    except OSError:
        return cpu


def _cgroup_quota() -> int | None:
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        return None if quota == "max" else max(1, -(-int(quota) // int(period)))
    except (OSError, ValueError):
        return None


class OnnxRuntimeEngine:
    """ONNX Runtime on the CPU, full precision, all graph optimisations."""

    name = "onnxruntime"

    def __init__(self, model: ModelFile, threads: int) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(model.data, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # noqa: BLE001 - the runtime's exceptions share no base class; all mean: cannot load
            raise ModelFileError("model-not-onnx", path=model.path, reason=first_line(error)) from None
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        check_ends(model, [i.shape for i in inputs], [o.shape for o in outputs], [i.type for i in inputs])
        self._input = inputs[0].name

    def run(self, batch: Batch) -> Batch:
        try:
            return np.asarray(self._session.run(None, {self._input: batch})[0], dtype=np.float32)
        except Exception as error:  # noqa: BLE001 - as above; most often memory
            raise _failure(self.name, batch, error) from None


class OpenVinoEngine:
    """OpenVINO on the CPU, tuned for latency, in bfloat16 where the CPU computes it natively (about 3 decimal digits)."""

    name = "openvino"
    _KEPT_SHAPES = 6

    def __init__(self, model: ModelFile, threads: int) -> None:
        openvino = import_openvino()
        self._core = openvino.Core()
        try:
            self._data = model.data
            ends = self._core.read_model(model=model.data)
        except Exception as error:  # noqa: BLE001
            raise ModelFileError("model-not-onnx", path=model.path, reason=first_line(error)) from None
        shapes = [
            [int(d.get_length()) if d.is_static else -1 for d in port.partial_shape] for port in (*ends.inputs, *ends.outputs)
        ]
        check_ends(model, shapes[: len(ends.inputs)], shapes[len(ends.inputs) :], ["tensor(float)"] * len(ends.inputs))
        native = "BF16" in self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        self._config = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "bf16" if native else "f32",
            "INFERENCE_NUM_THREADS": threads,
        }
        self._compiled: OrderedDict[tuple[int, ...], Any] = OrderedDict()

    def run(self, batch: Batch) -> Batch:
        count = len(batch)
        larger = [s[0] for s in self._compiled if s[1:] == batch.shape[1:] and count < s[0] <= 2 * count]
        if larger and batch.shape not in self._compiled:  # a volume's last batch: filling up is cheaper than compiling again
            batch = np.concatenate([batch, np.repeat(batch[-1:], min(larger) - count, axis=0)])
        try:
            answer = self._for_shape(batch.shape)(batch)[0]
        except RuntimeError as error:
            raise _failure(self.name, batch, error) from None
        return np.array(answer[:count], dtype=np.float32)  # a copy: the output buffer is reused

    def _for_shape(self, shape: tuple[int, ...]) -> Any:
        """A network compiled for one fixed shape runs faster than a dynamic one; a few are kept, the oldest goes."""
        if shape not in self._compiled:
            model = self._core.read_model(model=self._data)
            model.reshape({model.inputs[0]: list(shape)})
            self._compiled[shape] = self._core.compile_model(model, "CPU", self._config)
            if len(self._compiled) > self._KEPT_SHAPES:
                self._compiled.popitem(last=False)
        self._compiled.move_to_end(shape)
        return self._compiled[shape]


def openvino_installed() -> bool:
    return find_spec("openvino") is not None


def import_openvino() -> Any:
    """``import openvino`` reports its use to a server unless its telemetry package is absent: hide that while importing."""
    if not openvino_installed():
        raise MissingExtra("missing-extra", extra="openvino")
    hidden = "openvino_telemetry"
    before = sys.modules.get(hidden)
    sys.modules[hidden] = None  # type: ignore[assignment]
    try:
        import openvino
    finally:
        if before is None:
            del sys.modules[hidden]
        else:
            sys.modules[hidden] = before
    return openvino


def check_ends(model: ModelFile, inputs: list[Any], outputs: list[Any], types: list[str]) -> None:
    """Raise ModelFileError where a network's ends (shapes; free sizes are no positive numbers) do not fit its record."""
    record = model.record
    wanted_in, wanted_out = record.preprocessing.inputs, record.labels.channels
    reason = None
    if len(inputs) != 1 or not outputs or len(inputs[0]) != 4 or len(outputs[0]) != 4 or types[0] != "tensor(float)":
        reason = "the network must map one (batch, channels, height, width) float image to logits of that shape"
    elif _fixed(inputs[0][1]) not in (None, wanted_in):
        reason = f"the network takes {inputs[0][1]} channels, its record says {wanted_in}"
    elif _fixed(outputs[0][1]) not in (None, wanted_out):
        reason = f"the network gives {outputs[0][1]} channels, its record says {wanted_out}"
    if reason:
        raise ModelFileError("model-record-damaged", path=model.path, reason=reason)


def _failure(engine: str, batch: Batch, error: Exception) -> ResourceError:
    return ResourceError("engine-failed", engine=engine, shape="×".join(map(str, batch.shape)), reason=first_line(error))


def _fixed(size: Any) -> int | None:
    return size if isinstance(size, int) and size > 0 else None


def first_line(error: Exception) -> str:
    """What an exception says, in one line."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]


def _torch_engine(model: ModelFile, threads: int) -> Engine:
    from delineate.inference.torch_engine import TorchEngine

    return TorchEngine(model, threads)


registry.add("onnxruntime", OnnxRuntimeEngine)
registry.add("openvino", OpenVinoEngine)
registry.add("torch", _torch_engine)
