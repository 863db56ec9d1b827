"""Images of another kind are told apart, with the reason; images of the same kind are not."""

from __future__ import annotations

import numpy as np
import pytest

from delineate.domain import Geometry, Image
from delineate.doubt import ImageFacts, describe_image, fit_familiar, judge, unusable
from delineate.recipe import Familiar, Preprocessing

GREY = Preprocessing(channels=1, size=(64, 64))
COLOUR = Preprocessing(channels=3, size=(64, 64))


def image(pixels: np.ndarray) -> Image:
    return Image(pixels.astype(np.float32), Geometry(pixels.shape[1:]))


def scan(rng: np.random.Generator, channels: int = 1) -> np.ndarray:
    """(C, 80, 80): a bright body with two dark holes on black, each channel with its own contrast."""
    y, x = np.mgrid[-1:1:80j, -1:1:80j]
    wide, tall = rng.uniform(0.6, 0.8), rng.uniform(0.75, 0.9)
    body = ((x / wide) ** 2 + (y / tall) ** 2 < 1).astype(float)
    for side in (-1, 1):
        hole = ((x - side * 0.35 * wide) / 0.2) ** 2 + (y / rng.uniform(0.35, 0.5)) ** 2 < 1
        body[hole] = 0.3
    planes = [body ** (1 + c) * (200 - 60 * c) + 30 * c * (1 - body) + rng.normal(0, 4, body.shape) for c in range(channels)]
    return np.stack(planes)


def learned(recipe: Preprocessing, n: int = 40) -> Familiar:
    rng = np.random.default_rng(0)
    facts = [(f"p{i}", describe_image(image(scan(rng, recipe.channels)), recipe)) for i in range(n)]
    known = [(person, one) for person, one in facts if one is not None]
    found = fit_familiar(known)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def grey() -> Familiar:
    return learned(GREY)


def verdict(pixels: np.ndarray, recipe: Preprocessing, familiar: Familiar) -> str | None:
    return judge(describe_image(image(pixels), recipe), familiar).code


def test_images_of_the_same_kind_pass_at_the_stated_rate(grey: Familiar) -> None:
    rng = np.random.default_rng(1)
    flagged = sum(verdict(scan(rng), GREY, grey) is not None for _ in range(100))
    assert grey.false_alarms == 0.05
    assert flagged <= 12  # 5 expected; 12 is three standard deviations more


def test_an_inverted_image_is_called_inverted(grey: Familiar) -> None:
    rng = np.random.default_rng(2)
    assert [verdict(255 - scan(rng), GREY, grey) for _ in range(10)] == ["inverted"] * 10


def test_noise_and_stripes_are_unfamiliar(grey: Familiar) -> None:
    rng = np.random.default_rng(3)
    assert str(verdict(rng.normal(100, 30, (1, 80, 80)), GREY, grey)).startswith("unfamiliar")
    assert verdict(np.tile(np.arange(80) % 2 * 255.0, (1, 80, 1)), GREY, grey) is not None


def test_a_flat_image_is_empty(grey: Familiar) -> None:
    assert verdict(np.full((1, 80, 80), 7.0), GREY, grey) == "empty-image"


def test_channels_in_another_order_are_said() -> None:
    familiar = learned(COLOUR)
    rng = np.random.default_rng(4)
    found = [judge(describe_image(image(scan(rng, 3)[[2, 1, 0]]), COLOUR), familiar) for _ in range(10)]
    assert {one.code for one in found} == {"channel-order"}
    assert {one.detail for one in found} == {"3-2-1"}
    own = [verdict(scan(rng, 3), COLOUR, familiar) for _ in range(20)]
    assert sum(code is not None for code in own) <= 4


def test_facts_of_changed_images_are_changed_facts() -> None:
    """Inverting and re-ordering is done on the facts; here on the pixels."""
    planes = np.random.default_rng(5).normal(0, 1, (3, 64, 64)).cumsum(axis=2).astype(np.float32)
    plain = _facts(planes)
    assert np.allclose(plain.inverted().values, _facts(-planes).values, atol=1e-4)
    assert np.allclose(plain.reordered((2, 0, 1)).values, _facts(planes[[2, 0, 1]]).values, atol=1e-4)
    assert np.allclose(plain.reordered((2, 0, 1)).thumbnails, _facts(planes[[2, 0, 1]]).thumbnails, atol=1e-4)


def _facts(planes: np.ndarray) -> ImageFacts:
    from delineate.doubt.image_facts import facts_of

    return facts_of([planes])


def test_a_volume_is_described_by_its_middle_planes() -> None:
    rng = np.random.default_rng(6)
    slices = [image(scan(rng)) for _ in range(20)]
    assert describe_image(slices, GREY) is not None
    blank = [image(np.zeros((1, 80, 80)))] * 20
    assert describe_image(blank, GREY) is None


def test_few_persons_state_no_rate() -> None:
    assert learned(GREY, 8).false_alarms is None
    assert fit_familiar([]) is None


def test_wrong_statistics_are_refused(grey: Familiar) -> None:
    assert unusable(grey, 1) is None
    assert unusable(grey, 3) is not None
    assert unusable(grey.model_copy(update={"inverse": grey.inverse[:-1]}), 1) is not None
    assert unusable(grey.model_copy(update={"limit": 0.0}), 1) is not None
