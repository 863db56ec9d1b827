"""SimpleITK's LabelShapeStatisticsImageFilter as an independent oracle, and measures that do not depend on how axes are stored."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from tests.measures.shapes import STEPS, rotation

from delineate.domain import AxisMap, Geometry
from delineate.measures import Options, measure_mask


def blob(seed: int, shape: tuple[int, int, int] = (20, 24, 28)) -> Any:
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), 2.5)
    inside = np.zeros(shape, bool)
    inside[2:-2, 2:-2, 2:-2] = True
    return inside & (noise > np.percentile(noise, 70))


def geometry_of(step: Any, shape: tuple[int, ...]) -> Geometry:
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = step, (-31, 17, 5)
    return Geometry(shape, tuple(np.linalg.norm(step, axis=0)), affine)


def itk_image(mask: Any, geometry: Geometry) -> Any:
    """The same voxels for SimpleITK: x, y, z are columns, rows, slices; LPS."""
    assert geometry.affine is not None
    image = sitk.GetImageFromArray(mask.astype(np.uint8))
    step = np.diag([-1, -1, 1]) @ geometry.affine[:3, :3][:, ::-1]
    lengths = np.linalg.norm(step, axis=0)
    image.SetSpacing([float(x) for x in lengths])
    image.SetDirection([float(x) for x in (step / lengths).ravel()])
    image.SetOrigin([float(x) for x in np.diag([-1, -1, 1]) @ geometry.affine[:3, 3]])
    return image


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", ["isotropic", "anisotropic", "oblique"])
def test_same_as_simpleitk(seed: int, kind: str) -> None:
    mask = blob(seed)
    geometry = geometry_of(STEPS[kind], mask.shape)
    rows = measure_mask([(1, "it", mask)], geometry).rows
    whole, parts = rows[0].values, [row.values for row in rows[1:]]
    image = itk_image(mask, geometry)
    labels = sitk.ConnectedComponent(image, True)
    oracle = sitk.LabelShapeStatisticsImageFilter()
    oracle.ComputeFeretDiameterOn()
    oracle.Execute(labels)
    assert len(parts) == whole["components"] == oracle.GetNumberOfLabels()
    assert whole["volume_ml"] * 1000 == pytest.approx(sum(oracle.GetPhysicalSize(label) for label in oracle.GetLabels()))
    by_place = {tuple(np.round(oracle.GetCentroid(label) * np.array([-1, -1, 1]), 3)): label for label in oracle.GetLabels()}
    for part in parts:
        place = np.array([part[f"centroid_mm_{side}"] for side in "ras"])
        nearest = min(by_place, key=lambda one: float(np.linalg.norm(np.array(one) - place)))
        assert np.allclose(nearest, place, atol=2e-3)
        label = by_place[nearest]
        assert part["voxel_count"] == oracle.GetNumberOfPixels(label)
        # ITK measures between centres of voxels; our ends lie half a step further out on either side.
        step = float(np.linalg.norm(STEPS[kind], axis=0).max())
        assert 0 <= part["maximum_feret_mm"] - oracle.GetFeretDiameter(label) <= step + 1e-6
        # Crofton's estimate there, a smoothed mesh here: two ways to the same area.
        if part["voxel_count"] > 300 and kind == "isotropic":
            assert part["surface_area_mm2"] == pytest.approx(oracle.GetPerimeter(label), rel=0.08)


def test_intensities_are_simpleitks() -> None:
    mask = blob(9)
    geometry = geometry_of(STEPS["oblique"], mask.shape)
    from delineate.domain import Image

    pixels = np.random.default_rng(1).normal(40, 30, mask.shape).astype(np.float32)
    image = Image(pixels[None], geometry, meta={"modality": "CT"})
    found = measure_mask([(1, "it", mask)], geometry, image).rows[0].values
    oracle = sitk.LabelStatisticsImageFilter()
    oracle.Execute(sitk.GetImageFromArray(pixels), sitk.GetImageFromArray(mask.astype(np.uint8)))
    assert found["hu_mean"] == pytest.approx(oracle.GetMean(1), rel=1e-5)
    assert found["hu_min"] == pytest.approx(oracle.GetMinimum(1))
    assert found["hu_max"] == pytest.approx(oracle.GetMaximum(1))
    count = int(mask.sum())
    assert found["hu_sd"] == pytest.approx(oracle.GetSigma(1) * ((count - 1) / count) ** 0.5, rel=1e-5)
    assert found["hu_median"] == pytest.approx(float(np.median(pixels[mask])), rel=1e-6)


@settings(max_examples=8)
@given(
    permutation=st.permutations([0, 1, 2]),
    flips=st.tuples(st.booleans(), st.booleans(), st.booleans()),
    kind=st.sampled_from(sorted(STEPS)),
    seed=st.integers(0, 3),
)
def test_how_axes_are_stored_changes_nothing(permutation: list[int], flips: tuple[bool, bool, bool], kind: str, seed: int) -> None:
    mask = blob(seed, (10, 11, 12))
    geometry = geometry_of(rotation(seed) @ STEPS[kind] if seed else STEPS[kind], mask.shape)
    turn = AxisMap(tuple(permutation), flips)
    one = measure_mask([(1, "it", mask)], geometry).rows
    other = measure_mask([(1, "it", turn.apply(mask))], turn.apply_geometry(geometry)).rows
    assert len(one) == len(other)
    for row, turned in zip(one, other, strict=True):
        names = [name for name in row.values if not name.endswith("_px") and "_px_" not in name and "diameter_slice" not in name]
        for name in names:
            assert turned.values[name] == (
                pytest.approx(row.values[name], rel=1e-6, abs=1e-6)
                if isinstance(row.values[name], float)
                else row.values[name]
                if not isinstance(row.values[name], list)
                else [pytest.approx(end, abs=2e-3) for end in row.values[name]]
            ), name


def test_image_stored_another_way_round() -> None:
    from delineate.domain import Image

    mask = blob(2)
    geometry = geometry_of(STEPS["oblique"], mask.shape)
    pixels = np.arange(mask.size, dtype=np.float32).reshape(mask.shape)
    turn = AxisMap((2, 0, 1), (True, False, True))
    image = Image(turn.apply(pixels)[None], turn.apply_geometry(geometry))
    found = measure_mask([(1, "it", mask)], geometry, image, Options(surface=False)).rows[0].values
    assert found["intensity_mean"] == pytest.approx(float(pixels[mask].mean()), rel=1e-6)
