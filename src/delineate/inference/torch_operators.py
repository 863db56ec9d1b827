"""ONNX operators (set 18, https://onnx.ai/onnx/operators) by torch's functions: attributes → function of the inputs.

Only what networks are exported to, on (B, C, H, W). An attribute or mode that is not understood raises ValueError.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

Attributes = dict[str, Any]
Operator = Callable[..., Any]


def attributes(node: Any) -> Attributes:
    """The attributes of an ``onnx.NodeProto`` as plain values."""
    import onnx

    found = {}
    for entry in node.attribute:
        value = onnx.helper.get_attribute_value(entry)
        if isinstance(value, bytes):
            value = value.decode()
        elif entry.name == "value":
            value = torch.from_numpy(onnx.numpy_helper.to_array(value).copy())
        found[entry.name] = value
    if found.get("auto_pad", "NOTSET") != "NOTSET":
        raise ValueError(f"auto_pad {found['auto_pad']}")
    return found


def _padded(x: Tensor, a: Attributes, value: float = 0.0) -> tuple[Tensor, list[int]]:
    """``x`` and the symmetric padding left to the operator."""
    top, left, bottom, right = a.get("pads", [0, 0, 0, 0])
    if (top, left) == (bottom, right):
        return x, [top, left]
    return F.pad(x, (left, right, top, bottom), value=value), [0, 0]


def _conv(a: Attributes) -> Operator:
    def run(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        x, padding = _padded(x, a)
        weight, bias = weight.to(x.dtype), None if bias is None else bias.to(x.dtype)
        return F.conv2d(x, weight, bias, a.get("strides", [1, 1]), padding, a.get("dilations", [1, 1]), a.get("group", 1))

    return run


def _conv_transpose(a: Attributes) -> Operator:
    top, left, bottom, right = a.get("pads", [0, 0, 0, 0])
    if (top, left) != (bottom, right) or "output_shape" in a:
        raise ValueError("ConvTranspose with unequal pads")

    def run(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        more = a.get("output_padding", [0, 0])
        weight, bias = weight.to(x.dtype), None if bias is None else bias.to(x.dtype)
        group, dilation = a.get("group", 1), a.get("dilations", [1, 1])
        return F.conv_transpose2d(x, weight, bias, a.get("strides", [1, 1]), [top, left], more, group, dilation)

    return run


def _max_pool(a: Attributes) -> Operator:
    kernel = a["kernel_shape"]

    def run(x: Tensor) -> Tensor:
        x, padding = _padded(x, a, float("-inf"))
        ceil = bool(a.get("ceil_mode", 0))
        return F.max_pool2d(x, kernel, a.get("strides", [1, 1]), padding, a.get("dilations", [1, 1]), ceil)

    return run


def _average_pool(a: Attributes) -> Operator:
    def run(x: Tensor) -> Tensor:
        padding = a.get("pads", [0, 0, 0, 0])[:2]
        count = bool(a.get("count_include_pad", 0))
        return F.avg_pool2d(x, a["kernel_shape"], a.get("strides", [1, 1]), padding, bool(a.get("ceil_mode", 0)), count)

    return run


def _resize(a: Attributes) -> Operator:
    mode, where = a.get("mode", "nearest"), a.get("coordinate_transformation_mode", "half_pixel")
    rounding = a.get("nearest_mode", "round_prefer_floor")
    known = {
        ("nearest", "asymmetric"): ("nearest", None),
        ("linear", "half_pixel"): ("bilinear", False),
        ("linear", "pytorch_half_pixel"): ("bilinear", False),
        ("linear", "align_corners"): ("bilinear", True),
    }
    if (mode, where) not in known or (mode == "nearest" and rounding != "floor") or a.get("antialias", 0):
        raise ValueError(f"Resize {mode} {where} {rounding}")
    name, corners = known[mode, where]

    def run(x: Tensor, roi: Any = None, scales: Tensor | None = None, sizes: Tensor | None = None) -> Tensor:
        if sizes is not None and sizes.numel():
            size = [int(n) for n in sizes[2:]]
        elif scales is not None:
            size = [int(n * float(s)) for n, s in zip(x.shape[2:], scales[2:], strict=True)]
        else:
            raise ValueError("Resize without scales and sizes")
        return F.interpolate(x, size=size, mode=name, align_corners=corners)

    return run


def _slice(a: Attributes) -> Operator:
    def run(x: Tensor, starts: Tensor, ends: Tensor, axes: Tensor | None = None, steps: Tensor | None = None) -> Tensor:
        chosen = range(len(starts)) if axes is None else [int(axis) for axis in axes]
        index = [slice(None)] * x.dim()
        for at, axis in enumerate(chosen):
            index[axis] = slice(int(starts[at]), int(ends[at]), 1 if steps is None else int(steps[at]))
        return x[tuple(index)]

    return run


def _pad(a: Attributes) -> Operator:
    mode = {"constant": "constant", "reflect": "reflect", "edge": "replicate"}[a.get("mode", "constant")]

    def run(x: Tensor, pads: Tensor, value: Tensor | None = None, axes: Tensor | None = None) -> Tensor:
        sides = [int(n) for n in pads]
        chosen = list(range(x.dim())) if axes is None else [int(axis) % x.dim() for axis in axes]
        before, after = dict(zip(chosen, sides[: len(chosen)], strict=True)), dict(zip(chosen, sides[len(chosen) :], strict=True))
        flat = [n for axis in reversed(range(x.dim())) for n in (before.get(axis, 0), after.get(axis, 0))]
        while len(flat) > 4 and flat[-2:] == [0, 0]:
            flat = flat[:-2]
        return F.pad(x, flat, mode, float(value) if value is not None and mode == "constant" else None)

    return run


def _divide(a: Tensor, b: Tensor) -> Tensor:
    return a / b if a.is_floating_point() or b.is_floating_point() else torch.div(a, b, rounding_mode="trunc")


def _shape(a: Attributes) -> Operator:
    return lambda x: torch.tensor(list(x.shape)[a.get("start", 0) : a.get("end")], dtype=torch.int64)


def _reshape(a: Attributes) -> Operator:
    def run(x: Tensor, shape: Tensor) -> Tensor:
        sizes = [int(n) for n in shape]
        if not a.get("allowzero", 0):
            sizes = [x.shape[at] if n == 0 else n for at, n in enumerate(sizes)]
        return x.reshape(sizes)

    return run


def _squeeze(x: Tensor, axes: Tensor | None = None) -> Tensor:
    return x.squeeze() if axes is None else x.squeeze(tuple(int(axis) for axis in axes))


def _unsqueeze(x: Tensor, axes: Tensor) -> Tensor:
    for axis in sorted(int(axis) for axis in axes):
        x = x.unsqueeze(axis)
    return x


def _reduce_mean(a: Attributes) -> Operator:
    def run(x: Tensor, axes: Tensor | None = None) -> Tensor:
        chosen = list(range(x.dim())) if axes is None else [int(axis) for axis in axes]
        return x.mean(chosen, keepdim=bool(a.get("keepdims", 1)))

    return run


def _cast(a: Attributes) -> Operator:
    kinds = {6: torch.int32, 7: torch.int64, 9: torch.bool}
    wanted = a["to"]

    def run(x: Tensor) -> Tensor:
        if wanted in (1, 10, 11, 16):  # floats of any width stay in the engine's own
            return x if x.is_floating_point() else x.float()
        return x.to(kinds[wanted])

    return run


def _group_norm(a: Attributes) -> Operator:
    return lambda x, scale, bias: F.group_norm(x, a["num_groups"], scale.to(x.dtype), bias.to(x.dtype), a.get("epsilon", 1e-5))


def _instance_norm(a: Attributes) -> Operator:
    def run(x: Tensor, scale: Tensor, bias: Tensor) -> Tensor:
        return F.instance_norm(x, weight=scale.to(x.dtype), bias=bias.to(x.dtype), eps=a.get("epsilon", 1e-5))

    return run


def _depth_to_space(a: Attributes) -> Operator:
    size = a["blocksize"]

    def run(x: Tensor) -> Tensor:
        b, c, h, w = x.shape
        if a.get("mode", "DCR") == "CRD":
            return F.pixel_shuffle(x, size)
        parts = x.reshape(b, size, size, c // size**2, h, w).permute(0, 3, 4, 1, 5, 2)
        return parts.reshape(b, c // size**2, h * size, w * size)

    return run


def _space_to_depth(a: Attributes) -> Operator:
    size = a["blocksize"]

    def run(x: Tensor) -> Tensor:
        b, c, h, w = x.shape
        parts = x.reshape(b, c, h // size, size, w // size, size).permute(0, 3, 5, 1, 2, 4)
        return parts.reshape(b, c * size**2, h // size, w // size)

    return run


def _same(function: Operator) -> Callable[[Attributes], Operator]:
    """An operator without attributes."""
    return lambda a: function


OPERATORS: dict[str, Callable[[Attributes], Operator]] = {
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "MaxPool": _max_pool,
    "AveragePool": _average_pool,
    "GlobalAveragePool": _same(lambda x: x.mean((2, 3), keepdim=True)),
    "Resize": _resize,
    "Slice": _slice,
    "Pad": _pad,
    "Relu": _same(torch.relu),
    "LeakyRelu": lambda a: lambda x: F.leaky_relu(x, a.get("alpha", 0.01)),
    "Sigmoid": _same(torch.sigmoid),
    "Tanh": _same(torch.tanh),
    "Erf": _same(torch.erf),
    "Exp": _same(torch.exp),
    "Sqrt": _same(torch.sqrt),
    "HardSigmoid": lambda a: lambda x: (x * a.get("alpha", 0.2) + a.get("beta", 0.5)).clamp(0, 1),
    "HardSwish": _same(F.hardswish),
    "Softmax": lambda a: lambda x: x.softmax(a.get("axis", -1)),
    "Clip": _same(
        lambda x, low=None, high=None: x.clamp(None if low is None else float(low), None if high is None else float(high))
    ),
    "Add": _same(torch.add),
    "Sub": _same(torch.sub),
    "Mul": _same(torch.mul),
    "Div": _same(_divide),
    "Mod": _same(torch.remainder),
    "Pow": _same(lambda x, y: torch.pow(x, y.to(x.dtype))),
    "Concat": lambda a: lambda *parts: torch.cat(parts, a["axis"]),
    "Shape": _shape,
    "Reshape": _reshape,
    "Squeeze": _same(_squeeze),
    "Unsqueeze": _same(_unsqueeze),
    "Transpose": lambda a: lambda x: x.permute(a["perm"]),
    "Gather": lambda a: (
        lambda x, index: x.index_select(a.get("axis", 0), index.reshape(-1)).reshape(
            *x.shape[: a.get("axis", 0)], *index.shape, *x.shape[a.get("axis", 0) + 1 :]
        )
    ),
    "ReduceMean": _reduce_mean,
    "Cast": _cast,
    "Identity": _same(lambda x: x),
    "Constant": lambda a: lambda: a["value"],
    "GroupNormalization": _group_norm,
    "InstanceNormalization": _instance_norm,
    "DepthToSpace": _depth_to_space,
    "SpaceToDepth": _space_to_depth,
}
