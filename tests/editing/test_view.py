"""Planes, views and pictures: known orientations and closed-form places."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from delineate.domain import Geometry, Image, LabelSet
from delineate.editing.document import Document
from delineate.editing.drawing import Renderer, render
from delineate.editing.planes import Plane
from delineate.editing.view import PRESETS, ViewState, Window, auto_window, scale_bar, to_patient, to_plane, to_screen


def volume(shape: tuple[int, int, int] = (6, 8, 10)) -> Document:
    """An LPS-ordered volume with a step of 2 mm between slices, 1 mm between rows and columns."""
    affine = np.array([[0, 0, -1.0, 5], [0, -1.0, 0, 7], [2.0, 0, 0, -3], [0, 0, 0, 1]])
    pixels = np.arange(np.prod(shape), dtype=np.int16).reshape(1, *shape)
    return Document(Image(pixels, Geometry(shape, (2, 1, 1), affine), meta={"modality": "CT"}))


def flat(height: int = 12, width: int = 16) -> Document:
    return Document(Image(np.full((1, height, width), 100, np.uint8), Geometry((height, width))))


def test_sides_are_as_readers_expect() -> None:
    grid = volume().grid
    assert grid.sides(Plane.AXIAL) == ("R", "L", "A", "P")
    assert grid.sides(Plane.CORONAL) == ("R", "L", "S", "I")
    assert grid.sides(Plane.SAGITTAL) == ("A", "P", "S", "I")


def test_a_turned_file_is_shown_alike_and_written_back_in_its_own_order() -> None:
    shape = (10, 8, 6)  # axes: to the right, to the front, to the head, as NIfTI files in RAS order are often stored
    image = Image(
        np.random.default_rng(0).integers(0, 99, (1, *shape), np.int16), Geometry(shape, (1, 1, 2), np.diag([1, 1, 2, 1.0]))
    )
    document = Document(image)
    assert document.grid.shape == (6, 8, 10)
    assert document.grid.sides(Plane.AXIAL) == ("R", "L", "A", "P")
    labels = np.zeros(shape, np.uint8)
    labels[1, 2, 3] = 1
    document.set_prediction(labels)
    assert np.array_equal(document.outward(), labels)
    place = tuple(int(i) for i in np.argwhere(document.edited[0])[0])
    assert document.grid.millimetres(place) == pytest.approx((1, 2, 6))  # type: ignore[arg-type]
    assert document.values_at(place) == (image.pixels[0, 1, 2, 3],)  # type: ignore[arg-type]


@given(
    st.sampled_from(list(Plane)), st.floats(0.1, 20), st.floats(-5, 15), st.floats(-5, 15), st.integers(1, 400), st.integers(1, 400)
)
def test_screen_and_plane_are_inverse(plane: Plane, zoom: float, v: float, u: float, height: int, width: int) -> None:
    document = volume()
    frame, view = document.frame(plane), replace(ViewState.of(document), zoom=zoom)
    x, y = to_screen(view, frame, v, u, (height, width))
    assert to_plane(view, frame, x, y, (height, width)) == pytest.approx((v, u), abs=1e-6)


@given(st.sampled_from(list(Plane)), st.floats(0.2, 5), st.floats(0, 100), st.floats(0, 80))
def test_zooming_keeps_what_is_under_the_pointer(plane: Plane, factor: float, x: float, y: float) -> None:
    document = volume()
    frame, view = document.frame(plane), ViewState.of(document)
    before = to_plane(view, frame, x, y, (80, 100))
    assert to_plane(view.zoomed(frame, factor, x, y, (80, 100)), frame, x, y, (80, 100)) == pytest.approx(before, abs=1e-6)


def test_crosshair_links_the_planes() -> None:
    document = volume()
    coronal = document.frame(Plane.CORONAL)
    view = ViewState.of(document).crossed(coronal, 0, 3)
    assert view.crosshair == (5, 4, 3)  # the top of a coronal plane is the head: the last slice
    assert view.slice_of(document.frame(Plane.AXIAL)) == 5
    assert view.scrolled(document.frame(Plane.AXIAL), 9).crosshair[0] == 5
    assert to_patient(document, view, coronal, 0, 3) == pytest.approx((2, 3, 7))


def test_scale_bar_and_presets() -> None:
    document = volume()
    view = replace(ViewState.of(document), zoom=3.0)
    assert scale_bar(document, view, 100) == (20, "mm", 60)
    assert scale_bar(flat(), replace(view, zoom=1.0), 100) == (100, "px", 100)
    assert (PRESETS["lung"].low, PRESETS["lung"].high) == (-1350, 150)


def test_window_maps_its_ends_to_black_and_white() -> None:
    document = volume()
    view = replace(ViewState.of(document), window=Window(240, 480), zoom=1.0).scrolled(document.frame(Plane.AXIAL), -9)
    picture = render(document, view, Plane.AXIAL, (8, 10))
    assert picture[0, 0].tolist() == [0, 0, 0]
    assert picture[7, 9].tolist() == [int(79 / 480 * 255)] * 3


@pytest.mark.parametrize("zoom", [0.3, 1.0, 4.0])
def test_a_part_is_what_the_whole_has_there(zoom: float) -> None:
    document = flat(64, 80)
    document.edited[0, 0, 10:30, 20:50] = 1
    document.pixels[0, 0] = np.random.default_rng(1).integers(0, 255, (64, 80))
    view = replace(ViewState.of(document), zoom=zoom)
    renderer = Renderer(document)
    picture = renderer.draw(view, Plane.AXIAL, (70, 90))
    part = renderer.draw(view, Plane.AXIAL, (70, 90), (30, 20, 25, 31))
    difference = np.abs(picture[20:51, 30:55].astype(int) - part.astype(int))
    assert difference.max() <= 16  # linear resampling rounds places to 1/32 of a pixel
    assert picture.shape == (70, 90, 3)


def test_fill_outline_and_backdrop() -> None:
    document = flat()
    document.edited[0, 0, 2:9, 3:12] = 1
    view = replace(ViewState.of(document), opacity=1.0, window=Window(127.5, 255), zoom=1.0)
    filled = render(document, view, Plane.AXIAL, (20, 20))
    orange = np.all(filled == (230, 159, 0), axis=-1)
    assert int(orange.sum()) == 7 * 9
    assert filled[0, 0].tolist() == [0, 0, 0]
    assert filled[4 + 1, 2 + 1].tolist() == [100, 100, 100]
    outline = render(document, replace(view, outline=True), Plane.AXIAL, (20, 20))
    assert int(np.all(outline == (230, 159, 0), axis=-1).sum()) == 2 * (7 + 9) - 4
    hidden = render(document, replace(view, hidden=frozenset({1})), Plane.AXIAL, (20, 20))
    assert not np.all(hidden == (230, 159, 0), axis=-1).any()


def test_threshold_is_live() -> None:
    document = flat(4, 4)
    shares = np.linspace(0, 1, 16, dtype=np.float32).reshape(1, 4, 4)
    document.set_prediction((shares[0] >= 0.5).astype(np.uint8), shares)
    assert [int(document.decided((t,)).sum()) for t in (0.0, 0.5, 0.95)] == [16, 8, 1]


def test_overlapping_classes_have_a_layer_each() -> None:
    names = LabelSet(kind="regions", names=("organ", "tumour"))
    document = Document(Image(np.zeros((1, 4, 4), np.uint8), Geometry((4, 4))), names)
    labels = np.zeros((2, 4, 4), np.uint8)
    labels[:, 1, 1] = 1
    document.set_prediction(labels)
    assert document.label_at((0, 1, 1)) == 2
    assert document.target(2) == (1, 1)
    assert np.array_equal(document.outward(), labels)


def test_air_around_a_patient_does_not_decide_the_window_of_ct() -> None:
    pixels = np.full((1, 4, 40, 40), -3024, np.int16)
    pixels[:, :, 10:30, 10:30] = np.linspace(-100, 300, 400).reshape(20, 20)
    image = Image(pixels, Geometry((4, 40, 40)), meta={"modality": "CT"})
    window = auto_window(Document(image))
    assert -100 <= window.low < -90
    assert 290 < window.high <= 300
    other = auto_window(Document(Image(pixels, image.geometry, meta={"modality": "MR"})))
    assert other.low == -3024
