"""The model file computed by PyTorch: on an NVIDIA GPU where there is one, else on the CPU. Optional, like OpenVINO.

The ONNX graph is walked node by node with torch's own functions, for the operators that networks of :mod:`delineate.models` are
exported to (ONNX operator set 18). What is not among them is refused, and another engine has to compute it.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np

from delineate.errors import MissingExtra, ModelFileError, ResourceError
from delineate.inference.engines import Batch, check_ends, first_line
from delineate.inference.model_file import ModelFile

Step = tuple[Callable[..., Any], tuple[str, ...], str, tuple[str, ...]]


class TorchEngine:
    """PyTorch in channels-last order, in bfloat16 where the device computes it natively."""

    name = "torch"

    def __init__(self, model: ModelFile, threads: int) -> None:
        if find_spec("torch") is None or find_spec("onnx") is None:
            raise MissingExtra("missing-extra", extra="train")
        import onnx
        import torch

        from delineate.inference.torch_operators import OPERATORS, attributes

        graph = onnx.load_model_from_string(model.data).graph
        shapes = [[d.dim_value or -1 for d in end.type.tensor_type.shape.dim] for end in (*graph.input, *graph.output)]
        types = ["tensor(float)" if end.type.tensor_type.elem_type == 1 else "other" for end in graph.input]
        check_ends(model, shapes[: len(graph.input)], shapes[len(graph.input) :], types)
        unknown = sorted({node.op_type for node in graph.node} - OPERATORS.keys())
        if unknown:
            raise ModelFileError("engine-lacks-operators", engine=self.name, path=model.path, operators=", ".join(unknown))
        self._gpu = torch.cuda.is_available()
        self._device = torch.device("cuda" if self._gpu else "cpu")
        native = torch.cuda.is_bf16_supported() if self._gpu else torch.cpu._is_avx512_bf16_supported()
        self._type = torch.bfloat16 if native else torch.float32
        self._threads = threads
        self._input, self._output = graph.input[0].name, graph.output[0].name
        self._constants = {entry.name: self._constant(onnx.numpy_helper.to_array(entry)) for entry in graph.initializer}
        last_use = {name: number for number, node in enumerate(graph.node) for name in node.input}
        self._steps: list[Step] = []
        for number, node in enumerate(graph.node):
            done = tuple(name for name in dict.fromkeys(node.input) if name and last_use[name] == number)
            run = OPERATORS[node.op_type](attributes(node))
            self._steps.append((run, tuple(node.input), node.output[0], done))

    def _constant(self, values: np.ndarray[Any, Any]) -> Any:
        import torch

        tensor = torch.from_numpy(np.array(values))
        if not tensor.is_floating_point():
            return tensor  # shapes and axes are worked out beside the device
        if tensor.dim() == 0 or (tensor.numel() < 8 and tensor.dim() == 1):
            return tensor.to(self._device)  # scales of a resizing and the like stay exact
        tensor = tensor.to(self._device, self._type)
        return tensor.contiguous(memory_format=torch.channels_last) if tensor.dim() == 4 else tensor

    def run(self, batch: Batch) -> Batch:
        import torch

        before = torch.get_num_threads()
        if not self._gpu and before != self._threads:
            torch.set_num_threads(self._threads)
        try:
            with torch.inference_mode():
                image = torch.from_numpy(np.ascontiguousarray(batch)).to(self._device, self._type)
                values = {**self._constants, self._input: image.contiguous(memory_format=torch.channels_last)}
                for run, inputs, output, done in self._steps:
                    values[output] = run(*(values[name] if name else None for name in inputs))
                    for name in done:
                        if name not in self._constants:
                            del values[name]
                return np.ascontiguousarray(values[self._output].float().cpu().numpy())
        except (RuntimeError, IndexError, KeyError, ValueError) as error:
            shape = "×".join(map(str, batch.shape))
            raise ResourceError("engine-failed", engine=self.name, shape=shape, reason=first_line(error)) from None
        finally:
            if not self._gpu and torch.get_num_threads() != before:
                torch.set_num_threads(before)
