"""Prepared and restored in rows = prepared and restored at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from delineate.domain import Geometry, Image
from delineate.preprocessing import Preparation, bands, measure, prepare, restore
from delineate.preprocessing.bands import measure_rows, prepared_rows, resized_rows, restored_rows
from delineate.preprocessing.resize import resize
from delineate.recipe import Normalisation, Preprocessing


class Rows:
    """An image that gives out rows, and notes how many at once."""

    def __init__(self, pixels: np.ndarray[Any, Any]) -> None:
        self.pixels, self.most = pixels, 0
        self.shape = (pixels.shape[1], pixels.shape[2])
        self.channels, self.dtype = pixels.shape[0], pixels.dtype

    def rows(self, top: int, bottom: int) -> np.ndarray[Any, Any]:
        self.most = max(self.most, bottom - top)
        return self.pixels[:, top:bottom]


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 7), st.integers(0, 2**32 - 1))
def test_rows_resized_in_blocks(rows: int, wanted: int, step: int, seed: int) -> None:
    plane = np.random.default_rng(seed).random((2, rows, 5), dtype=np.float32)
    blocks = [plane[:, top : top + step] for top in range(0, rows, step)]
    found = np.concatenate(list(resized_rows(blocks, rows, wanted)), axis=1)
    np.testing.assert_allclose(found, resize(plane, (wanted, 5)), atol=2e-5)


CASES: dict[str, dict[str, Any]] = {
    "as it is": {"fit": "scale"},
    "shrunk": {"fit": "scale", "scale": 0.37},
    "grown": {"fit": "scale", "scale": 1.6},
    "letterbox": {"fit": "letterbox", "size": (64, 96)},
    "letterbox, tall": {"fit": "letterbox", "size": (128, 48)},
    "stretch": {"fit": "stretch", "size": (300, 40)},
    "spacing": {"fit": "spacing", "pixel_mm": 0.7},
    "cropped": {"fit": "letterbox", "size": (64, 96), "crop": "content", "crop_above": 5.0},
    "cropped, kept": {"fit": "scale", "crop": "content", "crop_above": 5.0},
    "fixed values": {
        "fit": "scale",
        "normalisation": Normalisation(scheme="dataset", low=(10,), high=(200,), mean=(90,), std=(40,)),
    },
}


@pytest.fixture
def image() -> Image:
    rng = np.random.default_rng(8)
    pixels = np.zeros((3, 211, 157))
    pixels[:, 30:180, 20:140] = rng.gamma(2.0, 30.0, (3, 150, 120))
    return Image(np.clip(pixels, 0, 255).astype(np.uint8), Geometry((211, 157), (1.0, 1.5)), colour="rgb")


@pytest.mark.parametrize("case", CASES)
def test_a_plane_in_rows_is_the_plane(case: str, image: Image, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bands, "BAND_BYTES", 3 * 157 * 10)
    recipe = Preprocessing(channels=3, colour="rgb", **CASES[case])
    source = Rows(image.pixels)
    statistics = measure_rows(source, recipe)
    whole = prepare(image, recipe)
    trail = whole.trail
    if recipe.crop == "content":
        assert statistics.box == (30, 20, 180, 140)
    blocks = list(prepared_rows(source, recipe, trail, statistics))
    assert source.most == 10
    np.testing.assert_allclose(np.concatenate(blocks, axis=1), whole.planes[0], atol=1e-4)
    shares = np.random.default_rng(1).random((2, *trail.size), dtype=np.float32)
    back = restored_rows([shares[:, top : top + 7] for top in range(0, trail.size[0], 7)], trail)
    np.testing.assert_allclose(np.concatenate(list(back), axis=1), restore(shares[np.newaxis], trail), atol=2e-5)


@pytest.mark.parametrize("scheme", ["image", "volume", "dataset", "none"])
@pytest.mark.parametrize("thinned", [False, True])
def test_measured_in_rows_is_measured(scheme: Any, thinned: bool, image: Image, monkeypatch: pytest.MonkeyPatch) -> None:
    """The very same numbers, also where not every pixel is looked at."""
    monkeypatch.setattr(bands, "BAND_BYTES", 3 * 157 * 13)
    if thinned:
        monkeypatch.setattr("delineate.preprocessing.statistics.SAMPLES", 1000)
    values = {"low": (0.0,), "high": (9.0,), "mean": (4.0,), "std": (2.0,)} if scheme == "dataset" else {}
    recipe = Preprocessing(
        channels=3, colour="rgb", crop="content", normalisation=Normalisation(scheme=scheme, nonzero=True, **values)
    )
    wanted, found = measure([image], recipe), measure_rows(Rows(image.pixels), recipe)
    assert found.box == wanted.box
    if scheme in ("image", "volume"):
        assert found == wanted
    else:
        assert found.mean == Preparation(image, recipe).statistics.mean


def test_a_black_plane_has_no_box() -> None:
    recipe = Preprocessing(fit="scale", crop="content")
    assert measure_rows(Rows(np.zeros((1, 40, 30), np.uint8)), recipe).box is None
