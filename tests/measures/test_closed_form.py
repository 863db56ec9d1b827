"""Sizes, places, surfaces and diameters of shapes known in closed form, on grids of every kind, and their convergence."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from tests.measures.shapes import STEPS, ball, box, cylinder, ellipsoid, rotation, sampled

from delineate.domain import Geometry
from delineate.measures import Options, measure_mask


def values(mask: Any, geometry: Geometry, **options: Any) -> dict[str, Any]:
    return measure_mask([(1, "it", mask)], geometry, options=Options(**options)).rows[0].values


@pytest.mark.parametrize("kind", STEPS)
def test_ball_on_every_kind_of_grid(kind: str) -> None:
    radius = 14.0
    found = values(*sampled(ball(radius), STEPS[kind], radius + 2))
    assert found["volume_ml"] == pytest.approx(4 / 3 * math.pi * radius**3 / 1000, rel=0.01)
    assert [found[f"centroid_mm_{side}"] for side in "ras"] == pytest.approx([3.1, -7.3, 11.9], abs=0.1)
    assert found["surface_area_mm2"] == pytest.approx(4 * math.pi * radius**2, rel=0.02)
    assert 0.97 < found["sphericity"] <= 1
    reach = float(np.abs(STEPS[kind]).sum(axis=1).max())
    for name in ("longest_diameter_mm", "perpendicular_diameter_mm", "maximum_feret_mm"):
        assert found[name] == pytest.approx(2 * radius, abs=reach), name
    for side, middle in zip("ras", (3.1, -7.3, 11.9), strict=True):
        assert found[f"bbox_min_mm_{side}"] == pytest.approx(middle - radius, abs=reach)
        assert found[f"bbox_max_mm_{side}"] == pytest.approx(middle + radius, abs=reach)


@pytest.mark.parametrize("turn", [0, 5])
def test_ellipsoid(turn: int) -> None:
    """Surface by Thomsen's formula (within 1.1 %); on the axial plane half axes 20 and 12."""
    a, b, c = 20.0, 12.0, 9.0
    step = np.eye(3) * 0.8 if not turn else rotation(turn) * 0.8
    found = values(*sampled(ellipsoid(a, b, c), step, 22), plane="axial")
    p = 1.6075
    area = 4 * math.pi * (((a * b) ** p + (a * c) ** p + (b * c) ** p) / 3) ** (1 / p)
    assert found["volume_ml"] == pytest.approx(4 / 3 * math.pi * a * b * c / 1000, rel=0.01)
    assert found["surface_area_mm2"] == pytest.approx(area, rel=0.02)
    assert found["maximum_feret_mm"] == pytest.approx(40, abs=1)
    if not turn:
        assert found["longest_diameter_mm"] == pytest.approx(40, abs=0.9)
        assert found["perpendicular_diameter_mm"] == pytest.approx(24, abs=0.9)


def test_box_to_the_last_digit() -> None:
    """Voxels fill a box exactly: volume, box, centroid and the shell's bounds have no error at all."""
    mask = np.zeros((9, 12, 15), bool)
    mask[2:7, 3:9, 4:14] = True  # 5 slices, 6 rows, 10 columns
    step = np.array([[0.0, 0.0, 0.5], [0.0, 2.0, 0.0], [3.0, 0.0, 0.0]])
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = step, (10, 20, 30)
    found = values(mask, Geometry(mask.shape, (3, 2, 0.5), affine))
    assert found["voxel_count"] == 300
    assert found["volume_ml"] == pytest.approx(300 * 3 / 1000)
    inner, outer = 300 - 3 * 4 * 8, 2 * (5 * 6 + 6 * 10 + 5 * 10)
    assert found["volume_low_ml"] == pytest.approx((300 - inner / 2) * 3 / 1000)
    assert found["volume_high_ml"] == pytest.approx((300 + outer / 2) * 3 / 1000)
    assert [found[f"bbox_min_mm_{side}"] for side in "ras"] == pytest.approx([11.75, 25, 34.5])
    assert [found[f"bbox_max_mm_{side}"] for side in "ras"] == pytest.approx([16.75, 37, 49.5])
    assert [found[f"centroid_mm_{side}"] for side in "ras"] == pytest.approx([14.25, 31, 42])
    assert [found[f"bbox_px_{axis}_{end}"] for axis in ("slice", "row", "column") for end in ("first", "last")] == [
        2,
        6,
        3,
        8,
        4,
        13,
    ]
    assert found["diameter_plane"] == "axial"
    assert not found["touches_border"]


def test_cylinder_across_the_grid() -> None:
    radius, height = 8.0, 40.0
    found = values(*sampled(cylinder(radius, height, np.array([0.2, 0.3, 0.93])), STEPS["oblique"] * 0.7, 24))
    assert found["volume_ml"] == pytest.approx(math.pi * radius**2 * height / 1000, rel=0.01)
    assert found["surface_area_mm2"] == pytest.approx(2 * math.pi * radius * (radius + height), rel=0.02)
    assert found["maximum_feret_mm"] == pytest.approx(math.hypot(2 * radius, height), abs=1.2)


@pytest.mark.parametrize(
    ("inside", "reach", "volume", "area", "feret"),
    [
        (ball(10), 11, 4 / 3 * math.pi * 1000, 4 * math.pi * 100, 20.0),
        (box(24, 16, 12), 15, 24 * 16 * 12, 2 * (24 * 16 + 24 * 12 + 16 * 12), math.hypot(24, 16, 12)),
    ],
    ids=["ball", "box"],
)
def test_finer_grids_come_nearer(inside: Any, reach: float, volume: float, area: float, feret: float) -> None:
    errors = []
    for size in (2.0, 1.0, 0.5):
        found = values(*sampled(inside, rotation(11) * size, reach))
        errors.append(
            [
                abs(found["volume_ml"] * 1000 / volume - 1),
                abs(found["surface_area_mm2"] / area - 1),
                abs(found["maximum_feret_mm"] / feret - 1),
            ]
        )
    coarse, _, fine = errors
    assert all(late < early or late < 0.004 for early, late in zip(coarse, fine, strict=True)), errors
    assert fine[0] < 0.005
    assert fine[1] < 0.03
    assert fine[2] < 0.04


def test_rectangle_in_two_dimensions() -> None:
    """Of a rectangle a x b the longest diameter is the diagonal d; at a right angle the longest chord is b d / a."""
    mask = np.zeros((200, 300), bool)
    mask[20:140, 30:270] = True  # 120 rows of 0.5 mm, 240 columns of 0.25 mm: 60 mm x 60 mm
    square = values(mask, Geometry(mask.shape, (0.5, 0.25)))
    assert square["area_mm2"] == pytest.approx(3600)
    assert square["longest_diameter_mm"] == pytest.approx(60 * math.sqrt(2), abs=0.6)
    assert square["perpendicular_diameter_mm"] == pytest.approx(60 * math.sqrt(2), abs=0.6)
    long = values(mask, Geometry(mask.shape, (0.25, 0.25)))  # 30 mm x 60 mm
    diagonal = math.hypot(30, 60)
    assert long["longest_diameter_mm"] == pytest.approx(diagonal, abs=0.4)
    assert long["perpendicular_diameter_mm"] == pytest.approx(30 * diagonal / 60, abs=0.4)
    assert not [
        name for name in long if name.endswith(("_ml", "_px")) and not name.startswith(("centroid", "bbox", "longest", "perp"))
    ]


def test_pixels_are_never_called_millimetres() -> None:
    mask = np.zeros((50, 60), bool)
    mask[10:20, 5:45] = True
    for shape, thing in ((mask.shape, mask), ((1, *mask.shape), mask[None])):
        found = values(thing, Geometry(shape))
        assert not [name for name in found if "mm" in name or "ml" in name]
        assert found["voxel_count"] == 400
        assert found["longest_diameter_px"] == pytest.approx(math.hypot(10, 40), abs=1)
    assert values(mask, Geometry(mask.shape))["area_px"] == 400


def test_spacing_that_a_person_gives() -> None:
    mask = np.ones((4, 5), bool)
    found = values(mask, Geometry(mask.shape), spacing_mm=(0.5, 0.2))
    assert found["area_mm2"] == pytest.approx(20 * 0.1)
    own = values(mask, Geometry(mask.shape, (1.0, 1.0)), spacing_mm=(0.5, 0.2))
    assert own["area_mm2"] == pytest.approx(20), "what the file says counts"


def test_single_voxel_has_every_measure() -> None:
    mask = np.zeros((3, 3, 3), bool)
    mask[1, 1, 1] = True
    found = values(mask, Geometry(mask.shape, (2.0, 1.0, 1.0), np.diag([1.0, 1.0, 2.0, 1])[:, [2, 1, 0, 3]]))
    assert found["volume_ml"] == pytest.approx(0.002)
    assert found["maximum_feret_mm"] == pytest.approx(2.0)
    assert 0.5 < found["sphericity"] <= 1


def test_plane_of_diameters_follows_the_acquisition() -> None:
    """A rod along the head: thick sagittal slices show its length, axial ones its section."""
    thick = np.array([[4.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    mask, geometry = sampled(box(8, 6, 30), thick, 18)
    assert values(mask, geometry)["diameter_plane"] == "sagittal"
    assert values(mask, geometry)["longest_diameter_mm"] == pytest.approx(math.hypot(6, 30), abs=1.5)
    assert values(mask, geometry, plane="axial")["longest_diameter_mm"] == pytest.approx(math.hypot(8, 6), abs=2)
