"""Pictures: right size and colours where they belong, any image, bounded files."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image as Pillow
from pydantic import ValidationError

from delineate.domain import LabelSet
from delineate.evaluation import (
    ClassScore,
    GroupScore,
    Picture,
    busiest_plane,
    case_picture,
    choose_examples,
    montage,
    picture_name,
    volume_gif,
)
from delineate.evaluation.drawing import PREDICTION, TRUTH, display
from delineate.metrics import Confusion

BINARY = LabelSet()


def disc(side: int = 48, radius: float = 12, at: tuple[float, float] = (24, 24)) -> np.ndarray:
    y, x = np.mgrid[:side, :side]
    return ((y - at[0]) ** 2 + (x - at[1]) ** 2 < radius**2).astype(np.uint8)


def opened(content: bytes) -> np.ndarray:
    return np.asarray(Pillow.open(io.BytesIO(content)).convert("RGB")).astype(int)


def near(picture: np.ndarray, colour: tuple[int, int, int], tolerance: int = 30) -> np.ndarray:
    return np.abs(picture - np.array(colour)).max(axis=-1) < tolerance


def test_outlines_lie_on_the_edges() -> None:
    picture = opened(case_picture(np.zeros((48, 48), np.uint8), disc(), disc(radius=6), BINARY))
    assert picture.shape[:2] == (384, 384)
    y, x = np.mgrid[:384, :384] / 8 - 0.5 + 1 / 16
    radius = np.hypot(y - 24, x - 24)
    green, red = near(picture, TRUTH), near(picture, PREDICTION)
    assert green.sum() > 300 and red.sum() > 100
    assert np.abs(radius[green] - 12).max() < 1.5
    assert np.abs(radius[red] - 6).max() < 1.5


def test_both_colours_are_seen_where_they_coincide() -> None:
    picture = opened(case_picture(np.zeros((48, 48), np.uint8), disc(), disc(), BINARY))
    assert near(picture, TRUTH).sum() > 200 and near(picture, PREDICTION).sum() > 200


def test_a_single_pixel_is_not_lost() -> None:
    pred = np.zeros((48, 48), np.uint8)
    pred[10, 30] = 1
    picture = opened(case_picture(np.zeros((48, 48)), pred * 0, pred, BINARY))
    rows, columns = np.nonzero(near(picture, PREDICTION, 60))
    assert rows.size and abs(rows.mean() / 8 - 10.4) < 1 and abs(columns.mean() / 8 - 30.4) < 1


def test_a_full_mask_is_outlined_at_the_border() -> None:
    picture = opened(case_picture(np.zeros((48, 48)), np.ones((48, 48), np.uint8), None, BINARY))
    assert near(picture[0, 20], TRUTH) and not near(picture[190, 190], TRUTH)


@pytest.mark.parametrize(
    "plane",
    [
        np.full((30, 40), np.nan),
        np.random.default_rng(0).normal(size=(30, 40)).astype(np.float64) * 1e6,
        np.zeros((30, 40), bool),
        np.arange(1200, dtype=np.int16).reshape(30, 40) - 1000,
        np.random.default_rng(0).integers(0, 65535, (3, 30, 40)).astype(np.uint16),
        np.random.default_rng(0).integers(0, 255, (5, 30, 40)).astype(np.uint8),
    ],
    ids=["nan", "large", "bool", "int16", "rgb16", "five"],
)
def test_any_image(plane: np.ndarray) -> None:
    picture = opened(case_picture(plane, np.zeros((30, 40), np.uint8), None, BINARY))
    assert picture.shape[:2] == (384, 512)


def test_spacing_makes_pixels_square_and_large_images_small() -> None:
    assert opened(case_picture(np.zeros((50, 50)), None, None, BINARY, spacing_mm=(3.0, 1.0))).shape[:2] == (900, 300)
    assert opened(case_picture(np.zeros((400, 2000)), None, None, BINARY)).shape[:2] == (180, 900)


def test_colour_photographs_are_shown_as_they_are() -> None:
    photo = np.random.default_rng(0).integers(60, 90, (1, 3, 8, 8)).astype(np.uint8)
    np.testing.assert_array_equal(display(photo)[0], np.moveaxis(photo[0], 0, -1))


def test_one_window_for_all_slices() -> None:
    stack = np.zeros((2, 1, 8, 8), np.int16)
    stack[0], stack[1] = np.arange(64).reshape(8, 8), np.arange(64).reshape(8, 8) + 100
    shown = display(stack)
    assert shown[0].mean() < 90 < 160 < shown[1].mean()


def test_gif_moves_through_the_organ_and_stays_small() -> None:
    rng = np.random.default_rng(0)
    planes = rng.integers(0, 4000, (40, 96, 96)).astype(np.uint16)
    truth = np.zeros((40, 96, 96), np.uint8)
    truth[10:20] = disc(96, 20, (48, 48))
    content = volume_gif(planes, truth, truth, BINARY, max_bytes=400_000)
    with Pillow.open(io.BytesIO(content)) as gif:
        assert gif.format == "GIF" and gif.is_animated
        assert 10 <= gif.n_frames <= 16  # ten slices with the organ, three before, three after
        gif.seek(gif.n_frames // 2)
        assert near(np.asarray(gif.convert("RGB")).astype(int), PREDICTION).sum() > 50
    assert len(content) <= 400_000


def test_gif_of_an_empty_volume_and_of_regions() -> None:
    empty = np.zeros((5, 20, 20), np.uint8)
    with Pillow.open(io.BytesIO(volume_gif(empty, empty, empty, BINARY))) as gif:
        assert gif.n_frames == 5
    regions = LabelSet(kind="regions", names=("a", "b"))
    labels = np.stack([np.stack([disc(32, 8, (16, 16))] * 5)] * 2)
    assert volume_gif(np.zeros((5, 3, 32, 32), np.uint8), labels, labels, regions).startswith(b"GIF89a")


def test_busiest_plane() -> None:
    truth = np.zeros((5, 20, 20), np.uint8)
    pred = truth.copy()
    assert busiest_plane(truth, pred, BINARY) == 2
    pred[4, :3] = 1
    assert busiest_plane(truth, pred, BINARY) == 4
    truth[1, :2] = 1
    assert busiest_plane(truth, pred, BINARY) == 1


def test_montage() -> None:
    one = case_picture(np.zeros((48, 48)), None, None, BINARY)
    assert opened(montage([one] * 4, columns=3)).shape[:2] == (2 * 384 + 8, 3 * 384 + 16)


def scored(name: str, dice: float) -> GroupScore:
    return GroupScore(name, name, "test", 1, (ClassScore("x", 1, Confusion(), {"dice": dice}),))


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 7, 20])
@pytest.mark.parametrize("n", [1, 2, 3, 6])
def test_examples_are_distinct_and_ordered(count: int, n: int) -> None:
    scores = [scored(f"g{i}", i / 20) for i in range(count)] + [scored("empty", float("nan"))]
    chosen = choose_examples(scores, n)
    names = [score.group for score, _ in chosen]
    assert len(set(names)) == len(names) == min(n, count)
    assert "empty" not in names
    if count >= 3 and n == 3:
        assert chosen[0][0].group == f"g{count - 1}" and chosen[2][0].group == "g0"
        assert chosen[1][0].value("dice") == pytest.approx(np.median([i / 20 for i in range(count)]), abs=0.026)
        assert [rank for _, rank in chosen] == ["best", "median", "worst"]


def test_picture_names_are_safe_and_never_shared() -> None:
    names = {picture_name("test", group, ".png") for group in ("a/b", "a_b", "a b", "../a/b", "患者", "", "a" * 300)}
    assert len(names) == 7
    assert all("/" not in name and ".." not in name and len(name) < 120 for name in names)
    assert picture_name("test", "TCGA_CS_4941", ".gif") == "test_TCGA_CS_4941.gif"


def test_index_refuses_unknown_kinds() -> None:
    with pytest.raises(ValidationError):
        Picture(group="g", person="p", part="test", dice=None, kind="film", file="a.png")  # type: ignore[arg-type]
