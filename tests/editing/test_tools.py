"""Tools by closed forms; undo∘do is the identity, redo is do."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from delineate.domain import Geometry, Image, LabelSet
from delineate.editing import rulers, tools
from delineate.editing.between import interpolate
from delineate.editing.changes import Change, pack, unpack
from delineate.editing.document import Document
from delineate.editing.planes import Plane
from delineate.editing.undo import UndoStack

AXIAL = Plane.AXIAL


def made(shape: tuple[int, int, int] = (1, 64, 64), classes: int = 2, spacing: tuple[float, float, float] = (1, 1, 1)) -> Document:
    affine = np.array([[0, 0, -spacing[2], 0], [0, -spacing[1], 0, 0], [spacing[0], 0, 0, 0], [0, 0, 0, 1]])
    names = LabelSet(kind="exclusive", names=tuple(f"c{k}" for k in range(1, classes + 1)))
    return Document(Image(np.zeros((1, *shape), np.int16), Geometry(shape, spacing, affine)), names)


def done(document: Document, change: object) -> int:
    assert change is not None
    document.apply(change)  # type: ignore[arg-type]
    return int(np.count_nonzero(document.edited))


@pytest.mark.parametrize("radius", [1, 5, 12, 25])
def test_a_dab_is_a_disc(radius: int) -> None:
    """As many pixels as there are integer points in a circle (Gauss)."""
    count = sum(1 for v in range(-radius, radius + 1) for u in range(-radius, radius + 1) if v * v + u * u <= radius * radius)
    document = made()
    assert done(document, tools.brush(document, AXIAL, 0, [(30, 31)], radius, 1)) == count


def test_a_brush_is_round_in_the_patient() -> None:
    document = made((40, 40, 40), spacing=(2, 1, 1))
    count = done(document, tools.brush(document, Plane.CORONAL, 20, [(20, 20)], 10, 1))
    assert count == pytest.approx(math.pi * 100 / 2, rel=0.03)
    ranges = [np.ptp(axis) + 1 for axis in np.nonzero(document.edited[0])]
    assert ranges == [11, 1, 21]


def test_a_stroke_is_a_stadium() -> None:
    document = made()
    count = done(document, tools.brush(document, AXIAL, 0, [(32, 12), (32, 52)], 6, 1))
    assert count == pytest.approx(math.pi * 36 + 12 * 40, rel=0.08)


def test_polygon_and_its_edges() -> None:
    document = made()
    assert done(document, tools.lasso(document, AXIAL, 0, [(9.5, 9.5), (9.5, 29.5), (19.5, 29.5), (19.5, 9.5)], 1)) == 10 * 20
    assert tools.lasso(document, AXIAL, 0, [(1, 1), (2, 2)], 1) is None
    assert tools.lasso(document, AXIAL, 0, [(-9, -9), (-9, -5), (-5, -5)], 1) is None


def test_eraser_takes_its_class_only() -> None:
    document = made()
    done(document, tools.lasso(document, AXIAL, 0, [(-1, -1), (-1, 31.5), (64, 31.5), (64, -1)], 1))
    done(document, tools.lasso(document, AXIAL, 0, [(-1, 31.5), (-1, 64), (64, 64), (64, 31.5)], 2))
    done(document, tools.eraser(document, AXIAL, 0, [(32, 32)], 50, 1))
    assert set(np.unique(document.edited)) == {0, 2}


def test_flood_fill_keeps_to_its_tolerance() -> None:
    document = made()
    document.pixels[0, 0, 10:20, 10:20] = 100
    document.pixels[0, 0, 15, 15] = 104
    assert done(document, tools.fill(document, AXIAL, 0, (12, 12), 3, 1)) == 99
    assert done(document, tools.fill(document, AXIAL, 0, (12, 12), 4, 1)) == 100


def test_smart_brush_stops_at_an_edge() -> None:
    document = made()
    document.pixels[0, 0, :, 32:] = 100
    document.pixels[0, 0] += np.random.default_rng(0).integers(-3, 4, (64, 64), np.int16)
    done(document, tools.smart_brush(document, AXIAL, 0, [(30, 25), (40, 25)], 12, 1))
    assert not document.edited[0, 0, :, 32:].any()
    assert document.edited[0, 0, 30:41, 20:32].mean() > 0.95


def test_grow_and_shrink_are_distances() -> None:
    """By brute force: all pairs of pixels."""
    document = made((1, 40, 40))
    done(document, tools.brush(document, AXIAL, 0, [(20, 20)], 8, 1))
    places = np.stack(np.indices((40, 40)), axis=-1).reshape(-1, 2)

    def squared(mask: np.ndarray) -> np.ndarray:
        return ((places[:, None] - places[mask.ravel()][None]) ** 2).sum(axis=-1).min(axis=1).reshape(40, 40)

    expected = squared(document.edited[0, 0] == 1) <= 16
    done(document, tools.grow(document, 1, 4))
    assert np.array_equal(document.edited[0, 0] == 1, expected)
    done(document, tools.grow(document, 1, -4))
    assert np.array_equal(document.edited[0, 0] == 1, squared(~expected) > 16)


def test_growing_respects_other_classes() -> None:
    document = made()
    document.edited[0, 0, 10, 10], document.edited[0, 0, 10, 11] = 1, 2
    done(document, tools.grow(document, 1, 3))
    assert document.edited[0, 0, 10, 11] == 2


def test_holes_and_components() -> None:
    document = made((3, 32, 32))
    document.edited[0, 1, 4:12, 4:12] = 1
    document.edited[0, 1, 6:8, 6:8] = 0
    document.edited[0, 2, 20:24, 20:24] = 1
    assert done(document, tools.fill_holes(document, 1, "slice", (1, 0, 0))) == 64 + 16
    assert done(document, tools.delete_component(document, (2, 21, 21))) == 64
    assert done(document, tools.delete_component(document, (1, 5, 5), "slice")) == 0
    assert tools.delete_component(document, (1, 5, 5)) is None


@pytest.mark.parametrize("plane", list(Plane))
def test_discs_between_two_discs_grow_monotonically(plane: Plane) -> None:
    document = made((24, 24, 24), classes=1)
    for index, radius in ((2, 4), (12, 9)):
        document.apply(tools.brush(document, plane, index, [(11, 11)], radius, 1))  # type: ignore[arg-type]
    done(document, interpolate(document, plane, 1, 2, 12))
    frame = document.frame(plane)
    areas = [int(frame.view(document.edited[0], i).sum()) for i in range(24)]
    assert areas[:2] == [0, 0]
    assert areas[2:13] == sorted(areas[2:13])
    assert areas[7] == pytest.approx(math.pi * 6.5**2, rel=0.1)
    assert not any(areas[13:])


def test_rulers() -> None:
    grid = made((10, 10, 10), spacing=(2, 1, 0.5)).grid
    assert rulers.distance(grid, (0, 0, 0), (2, 3, 0)) == (pytest.approx(5), "mm")
    assert rulers.angle(grid, (1, 0, 0), (0, 0, 0), (0, 0, 7)) == pytest.approx(90)
    assert rulers.angle(grid, (1, 0, 0), (1, 0, 0), (0, 0, 7)) is None
    bare = Document(Image(np.zeros((1, 5, 5), np.uint8), Geometry((5, 5)))).grid
    assert rulers.distance(bare, (0, 0, 0), (0, 3, 4)) == (5, "px")


OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(["brush", "eraser", "lasso", "grow", "holes", "delete", "stroke"]),
        st.sampled_from(list(Plane)),
        st.integers(0, 7),
        st.tuples(st.floats(-3, 11), st.floats(-3, 11)),
        st.floats(0.5, 5),
        st.integers(1, 2),
    ),
    max_size=8,
)


def _operation(
    document: Document, name: str, plane: Plane, index: int, v: float, u: float, size: float, label: int
) -> Change | None:
    if name == "brush":
        return tools.brush(document, plane, index, [(v, u)], size, label)
    if name == "eraser":
        return tools.eraser(document, plane, index, [(v, u)], size, label)
    if name == "lasso":
        return tools.lasso(document, plane, index, [(v, u), (v + size, u), (v, u + size)], label)
    if name == "grow":
        return tools.grow(document, label, size - 2)
    if name == "holes":
        return tools.fill_holes(document, label)
    return tools.delete_component(document, (index, index, index))


@settings(max_examples=40)
@given(OPERATIONS, st.sampled_from([0, 100, 1 << 20]))
def test_undo_of_do_is_the_identity_and_redo_is_do(operations: list[tuple], memory: int) -> None:  # type: ignore[type-arg]
    document, stack = made((8, 8, 8)), UndoStack(memory)
    states = [document.edited.copy()]
    for name, plane, index, (v, u), size, label in operations:
        if name == "stroke":
            stack.begin("brush")
            for point in ((v, u), (v + 2, u), (v, u + 3)):
                part = tools.brush(document, plane, index, [point], size, label)
                if part is not None:
                    document.apply(part)
                    stack.add(part)
            if stack.end(document.edited) is not None:
                states.append(document.edited.copy())
            continue
        change = _operation(document, name, plane, index, v, u, size, label)
        if change is not None:
            document.apply(change)
            stack.push(name, [change])
            states.append(document.edited.copy())
    for state in reversed(states[:-1]):
        for change in stack.undo():
            document.revert(change)
        assert np.array_equal(document.edited, state)
    assert stack.undo() == []
    for state in states[1:]:
        for change in stack.redo():
            document.apply(change)
        assert np.array_equal(document.edited, state)
    assert stack.redo() == []
    assert stack.memory <= max(memory, 4000)
    stack.close()


def test_packed_changes_come_back_and_damage_is_told() -> None:
    document = made()
    change = tools.brush(document, AXIAL, 0, [(9, 9)], 4, 2)
    assert change is not None
    blob = pack([change])
    (back,) = unpack(blob)
    assert (back.layer, back.box) == (0, change.box)
    assert np.array_equal(back.after, change.after)
    for bad in (b"", blob[:-8], blob[:10], b"\xff" * 40):
        with pytest.raises(ValueError):
            unpack(bad)


@pytest.mark.parametrize("plane", list(Plane))
def test_operations_on_the_slices_of_every_plane(plane: Plane) -> None:
    """A box of 8×10×12 voxels in a volume of 2 mm slices, 1 mm in them."""
    document = made((30, 40, 50), spacing=(2, 1, 1))
    document.edited[0, 10:18, 15:25, 20:32] = 1
    document.edited[0, 12, 18, 22] = 2  # a hole with something else in it stays
    document.edited[0, 13, 19, 23] = 0
    at = (13, 19, 23)
    normal = document.frame(plane).normal

    def touched(change: Change | None) -> list[int]:
        assert change is not None
        return [b - a for a, b in change.box]

    assert touched(tools.fill_holes(document, 1, "slice", at, plane)) == [1, 1, 1]
    grown = touched(tools.grow(document, 1, 4, "slice", at, plane))
    assert grown == [1 if axis == normal else size for axis, size in enumerate((8 + 4, 10 + 8, 12 + 8))]
    shrunk = tools.grow(document, 1, -1, "slice", at, plane)
    assert touched(shrunk)[normal] == 1
    deleted = tools.delete_component(document, (14, 20, 24), "slice", plane)
    assert deleted is not None
    assert deleted.changed == {0: 10 * 12, 1: 8 * 12, 2: 8 * 10}[normal]
    assert touched(tools.grow(document, 1, 4)) == [12, 18, 20]
    assert touched(tools.delete_component(document, (14, 20, 24))) == [8, 10, 12]
    assert tools.delete_component(document, (0, 0, 0), "slice", plane) is None
    assert tools.grow(document, 1, 4, "slice", (0, 0, 0), plane) is None
