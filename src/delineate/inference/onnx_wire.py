"""The few facts of an ONNX file that must be known before a runtime is let near it: metadata, outside files, foreign operators.

ONNX Runtime follows references to outside files while it loads, so the check has to come first, and the ``onnx`` package is no
part of the plain install. Only the protobuf wire format (https://protobuf.dev/programming-guides/encoding) is walked; weights
are skipped, not copied. Field numbers are those of onnx.proto3, which are fixed for good.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

_MAX_DEPTH = 24
_EXTERNAL = 1
_FLOATS = (1, 10, 11, 16)  # float, float16, double, bfloat16


class DamagedError(ValueError):
    """The bytes are not a well-formed ONNX model."""


@dataclass
class ModelFacts:
    """``metadata`` key → values (more than one is suspicious), ``domains`` of all nodes, ``external``: weights lie elsewhere.

    ``weights`` counts the floating-point numbers that the graph starts with, which is what the network learned.
    """

    metadata: dict[str, list[bytes]] = field(default_factory=dict)
    domains: set[str] = field(default_factory=set)
    functions: set[str] = field(default_factory=set)
    external: bool = False
    weights: int = 0
    has_graph: bool = False
    ir_version: int = 0


def read_facts(data: bytes) -> ModelFacts:
    """Walk a serialised ModelProto. Raises :class:`DamagedError`."""
    facts = ModelFacts()
    for number, value in _fields(memoryview(data)):
        if number == 1 and isinstance(value, int):
            facts.ir_version = value
        elif isinstance(value, int):
            continue
        elif number == 7:
            facts.has_graph = True
            _graph(value, facts, 0)
        elif number == 14:
            entry = {key: bytes(text) for key, text in _fields(value) if not isinstance(text, int)}
            facts.metadata.setdefault(_text(entry.get(1, b"")), []).append(entry.get(2, b""))
        elif number == 25:
            _function(value, facts)
    return facts


def _graph(view: memoryview, facts: ModelFacts, depth: int) -> None:
    if depth > _MAX_DEPTH:
        raise DamagedError("graphs are nested too deeply")
    for number, value in _fields(view):
        if isinstance(value, int):
            continue
        if number == 1:
            _node(value, facts, depth)
        elif number == 5:
            _tensor(value, facts)
            facts.weights += _size(value)
        elif number == 15:
            _sparse(value, facts)


def _function(view: memoryview, facts: ModelFacts) -> None:
    for number, value in _fields(view):
        if isinstance(value, int):
            continue
        if number == 10:
            facts.functions.add(_text(value))
        elif number == 7:
            _node(value, facts, 0)


def _node(view: memoryview, facts: ModelFacts, depth: int) -> None:
    domain = ""
    for number, value in _fields(view):
        if isinstance(value, int):
            continue
        if number == 7:
            domain = _text(value)
        elif number == 5:
            _attribute(value, facts, depth)
    facts.domains.add(domain)


def _attribute(view: memoryview, facts: ModelFacts, depth: int) -> None:
    for number, value in _fields(view):
        if isinstance(value, int):
            continue
        if number in (5, 10):
            _tensor(value, facts)
        elif number in (6, 11):
            _graph(value, facts, depth + 1)
        elif number in (22, 23):
            _sparse(value, facts)


def _sparse(view: memoryview, facts: ModelFacts) -> None:
    for number, value in _fields(view):
        if number in (1, 2) and not isinstance(value, int):
            _tensor(value, facts)


def _tensor(view: memoryview, facts: ModelFacts) -> None:
    for number, value in _fields(view):
        if number == 13 or (number == 14 and value == _EXTERNAL):
            facts.external = True


def _size(view: memoryview) -> int:
    """Numbers of a floating-point tensor by its shape (dimensions one by one or packed); 0 for any other."""
    size, kind = 1, 0
    for number, value in _fields(view):
        if number == 1 and isinstance(value, int):
            size *= value
        elif number == 1 and not isinstance(value, int):
            place = 0
            while place < len(value):
                dimension, place = _varint(value, place)
                size *= dimension
        elif number == 2 and isinstance(value, int):
            kind = value
    return size if kind in _FLOATS else 0


def _fields(view: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """(field number, varint or bytes) of one message; fixed-width numbers are skipped."""
    place, end = 0, len(view)
    while place < end:
        key, place = _varint(view, place)
        number, wire = key >> 3, key & 7
        if number == 0:
            raise DamagedError("field number 0")
        if wire == 0:
            value, place = _varint(view, place)
            yield number, value
        elif wire == 2:
            length, place = _varint(view, place)
            if length > end - place:
                raise DamagedError("the file ends too early")
            yield number, view[place : place + length]
            place += length
        elif wire in (1, 5):
            place += 8 if wire == 1 else 4
            if place > end:
                raise DamagedError("the file ends too early")
        else:
            raise DamagedError(f"wire type {wire}")


def _varint(view: memoryview, place: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(view):
            raise DamagedError("the file ends too early")
        byte = view[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
    raise DamagedError("number too long")


def _text(value: bytes | memoryview) -> str:
    try:
        return bytes(value).decode("utf-8")
    except UnicodeDecodeError:
        raise DamagedError("a name is not UTF-8") from None
