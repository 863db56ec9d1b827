"""Writing an ONNX graph as one writes arithmetic: nodes are named after what they make, constants are stored once."""

from __future__ import annotations

from typing import Any

import numpy as np


class Nodes:
    """Nodes and constants under way to becoming a graph. Methods take and give names of values."""

    def __init__(self, prefix: str) -> None:
        from onnx import helper, numpy_helper

        self._helper, self._numpy_helper = helper, numpy_helper
        self._prefix, self._count = prefix, 0
        self._known: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []

    def constant(self, value: Any, dtype: Any) -> str:
        array = np.asarray(value, dtype=dtype)
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._known:
            self._known[key] = self._name("constant")
            self.initializers.append(self._numpy_helper.from_array(array, self._known[key]))
        return self._known[key]

    def whole(self, *values: int) -> str:
        """int64 vector."""
        return self.constant(values, np.int64)

    def double(self, value: Any) -> str:
        return self.constant(value, np.float64)

    def single(self, value: Any) -> str:
        return self.constant(value, np.float32)

    def __call__(self, kind: str, *inputs: str, **attributes: Any) -> str:
        name = self._name(kind)
        self.nodes.append(self._helper.make_node(kind, list(inputs), [name], name=name, **attributes))
        return name

    def rename(self, value: str, name: str) -> None:
        self.nodes.append(self._helper.make_node("Identity", [value], [name], name=f"{self._prefix}{name}"))

    def cast(self, value: str, dtype: Any) -> str:
        return self("Cast", value, to=self._helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def tail(self, value: str, depth: str, *, largest: bool) -> str:
        """The ``depth`` largest or smallest of each row of (C, n), in order."""
        values, places = self._name("TopK"), self._name("places")
        options = {"axis": 1, "largest": int(largest), "sorted": 1}
        self.nodes.append(self._helper.make_node("TopK", [value, depth], [values, places], name=values, **options))
        return values

    def part(self, value: str, axis: int, start: int, stop: int) -> str:
        return self("Slice", value, self.whole(start), self.whole(stop), self.whole(axis))

    def _name(self, kind: str) -> str:
        self._count += 1
        return f"{self._prefix}{kind}_{self._count}"
