"""What the viewer of two models is fed with."""

from __future__ import annotations

import io
import math

import numpy as np
import pytest
from PIL import Image as Pillow
from pydantic import ValidationError

from delineate.domain import IGNORE, LabelSet
from delineate.evaluation.side_by_side import (
    MOST_SIDE,
    ShownCase,
    SideBySide,
    image_png,
    mask_png,
    most_different,
    plane_of_most_disagreement,
)


def opened(content: bytes) -> np.ndarray:
    return np.asarray(Pillow.open(io.BytesIO(content)))


def test_every_pair_gets_the_case_it_differs_most_on() -> None:
    values = {
        "a": {"one": 0.9, "two": 0.9, "three": 0.9, "four": math.nan},
        "b": {"one": 0.8, "two": 0.2, "three": 0.9, "four": 0.1},
        "c": {"one": 0.8, "two": 0.3, "three": 0.1, "four": 0.9},
    }
    # a–b: two, one, three; a–c: three, two, one; b–c: three and four alike (by name), two, one.
    assert most_different(values, 2) == ["two", "three"]
    assert most_different(values, 3) == ["two", "three", "four"] or most_different(values, 3) == ["two", "three", "one"]
    assert set(most_different(values, 12)) == {"one", "two", "three", "four"}
    assert most_different(values, 0) == [] and most_different({"a": {"one": 1.0}}, 5) == []


def test_masks_keep_their_labels() -> None:
    exclusive = LabelSet(kind="exclusive", names=("edema", "core"))
    labels = np.array([[0, 1], [2, IGNORE]], np.int16)
    assert opened(mask_png(labels, exclusive)).tolist() == [[0, 1], [2, 0]]
    regions = LabelSet(kind="regions", names=("whole", "core", "rim"))
    stack = np.array([[[1, 1]], [[0, 1]], [[IGNORE, 1]]], np.int16)
    assert opened(mask_png(stack, regions)).tolist() == [[1, 7]]


def test_pictures_are_small_and_fit_their_masks() -> None:
    rng = np.random.default_rng(0)
    ct = rng.normal(size=(700, 500)).astype(np.float32)
    mask = np.zeros((700, 500), np.uint8)
    mask[100:300, 100:300] = 1
    for spacing in (None, (0.5, 1.0)):
        image, drawn = opened(image_png(ct, spacing)), opened(mask_png(mask, LabelSet(), spacing))
        assert image.shape == drawn.shape and max(image.shape) == MOST_SIDE and image.ndim == 2
        assert set(np.unique(drawn)) == {0, 1}
    assert opened(image_png(ct, (0.5, 1.0))).shape == (224, 320)  # square pixels in mm
    assert opened(image_png(rng.integers(0, 255, (3, 40, 50)).astype(np.uint8))).shape == (40, 50, 3)
    assert len(mask_png(mask, LabelSet())) < 1000


@pytest.mark.parametrize("leading", [(), (2,)])
def test_the_plane_where_models_part(leading: tuple[int, ...]) -> None:
    masks = [np.zeros((*leading, 4, 8, 8), np.uint8) for _ in range(3)]
    assert plane_of_most_disagreement(masks) is None
    masks[0][..., 1, :2, :2] = 1
    masks[2][..., 3, :5, :5] = 1
    assert plane_of_most_disagreement(masks) == 3


def test_the_index_is_checked() -> None:
    one = ShownCase(group="g\udce9", person="p", image="i.png", truth="t.png", masks={"a": "m.png"}, values={"a": None})
    assert one.group == "g\ufffd"
    with pytest.raises(ValidationError):
        SideBySide.model_validate({"version": 1, "cases": [{"group": "g", "unknown": 1}]})
