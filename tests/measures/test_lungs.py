"""Left is the patient's left, whatever way the image is stored; joined lungs are cut at their waist; one lung stays one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from delineate.domain import AxisMap, Geometry
from delineate.measures import Options, measure_mask


def chest(joined: bool = False) -> tuple[Any, Geometry]:
    """Two blocks: 12 voxels wide on the patient's right, 9 on the left; columns run to the patient's left (LPS order)."""
    mask = np.zeros((10, 20, 40), bool)
    mask[1:9, 3:17, 4:16] = True
    mask[1:9, 3:17, 24:33] = True
    if joined:
        mask[3:6, 9:12, 16:24] = True
    affine = np.array([[0.0, 0, -2, 40], [0, -2, 0, 20], [3, 0, 0, 0], [0, 0, 0, 1]])
    return mask, Geometry(mask.shape, (3, 2, 2), affine)


def sides(mask: Any, geometry: Geometry, **options: Any) -> dict[str, int]:
    rows = measure_mask([(1, "lungs", mask)], geometry, options=Options(surface=False, **options)).rows
    return {row.part: row.values["voxel_count"] for row in rows if row.part in ("left", "right")}


@pytest.mark.parametrize("turn", [AxisMap((0, 1, 2), (False,) * 3), AxisMap((2, 0, 1), (True, False, True))])
def test_sides_are_the_patients(turn: AxisMap) -> None:
    mask, geometry = chest()
    found = sides(turn.apply(mask), turn.apply_geometry(geometry))
    assert found == {"right": 8 * 14 * 12, "left": 8 * 14 * 9}


def test_joined_lungs_are_cut_at_the_waist() -> None:
    mask, geometry = chest(joined=True)
    rows = measure_mask([(1, "lungs", mask)], geometry, options=Options(surface=False)).rows
    parts = {row.part: row.values for row in rows}
    assert parts["left"]["split_by"] == "midline"
    assert parts["left"]["voxel_count"] + parts["right"]["voxel_count"] == parts["all"]["voxel_count"]
    assert 8 * 14 * 12 <= parts["right"]["voxel_count"] <= 8 * 14 * 12 + 8 * 9


def test_specks_go_to_the_nearer_lung() -> None:
    mask, geometry = chest()
    mask[0, 0, 35:37] = True  # two voxels beside the left lung
    assert sides(mask, geometry) == {"right": 8 * 14 * 12, "left": 8 * 14 * 9 + 2}


def test_one_lung_is_not_two() -> None:
    mask, geometry = chest()
    mask[:, :, 20:] = False
    found = measure_mask([(1, "lungs", mask)], geometry, options=Options(surface=False))
    assert not {row.part for row in found.rows} & {"left", "right"}
    assert [code for code, _ in found.notes] == ["lungs-not-split"]


def test_lobes_above_each_other_are_not_two_lungs() -> None:
    mask = np.zeros((30, 20, 20), bool)
    mask[2:12, 5:15, 5:15] = mask[16:28, 5:15, 5:15] = True
    geometry = Geometry(mask.shape, (1, 1, 1), np.array([[0.0, 0, -1, 0], [0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1]]))
    assert sides(mask, geometry) == {}


def test_an_x_ray_needs_the_assumption_to_be_said() -> None:
    mask = chest()[0][4]
    geometry = Geometry(mask.shape)
    unsaid = measure_mask([(1, "lungs", mask)], geometry)
    assert [code for code, _ in unsaid.notes] == ["lungs-side-unknown"]
    assert sides(mask, geometry, radiological=True) == {"right": 14 * 12, "left": 14 * 9}


def test_other_classes_are_left_whole() -> None:
    mask, geometry = chest()
    rows = measure_mask([(1, "kidneys", mask)], geometry, options=Options(surface=False)).rows
    assert {row.part for row in rows} == {"all", "component"}
    named = measure_mask([(1, "kidneys", mask)], geometry, options=Options(surface=False, lungs="1")).rows
    assert {row.part for row in named} == {"all", "component", "left", "right"}
