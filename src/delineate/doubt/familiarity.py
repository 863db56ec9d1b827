"""Images of another kind than the model was made on, told by small statistics of the prepared image. No network looks at them.

The distance is Mahalanobis' (robustly standardised, correlations shrunk after Ledoit and Wolf 2004). Its limit is a conformal
quantile of persons left out of the fit a fifth at a time, so that about the stated share of persons of the same kind lies beyond.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from delineate.domain import Image
from delineate.doubt.image_facts import SIDE, ImageFacts, facts_of, is_flat, names_of
from delineate.preprocessing import Preparation, Statistics
from delineate.recipe import Familiar, Preprocessing

FALSE_ALARMS = 0.05
_PLANES = 5
_PARTS = 5
_MOST_PERMUTED = 4


@dataclass(frozen=True)
class Strangeness:
    """``distance`` in units of the limit (above 1: strange) and why: ``review.<code>`` with its placeholders."""

    distance: float
    code: str | None = None
    detail: str = ""


def describe_image(
    images: Image | Sequence[Image], recipe: Preprocessing, statistics: Statistics | None = None
) -> ImageFacts | None:
    """Mean facts of up to five prepared planes, evenly spaced over the middle four fifths of a volume.

    ``images``: an image, or the slices of one volume in order. ``None`` where these planes hold one value only. Raises what
    :class:`~delineate.preprocessing.Preparation` raises.
    """
    if isinstance(images, Image):
        if is_flat(images.pixels):
            return None
        work = Preparation(images, recipe, statistics)
        return facts_of(np.concatenate([work.planes(number, number + 1) for number in spread_over(work.trail.planes)]))
    chosen = [images[number] for number in spread_over(len(images))]
    planes = [Preparation(image, recipe, statistics).planes() for image in chosen if not is_flat(image.pixels)]
    return facts_of([plane for part in planes for plane in part]) if planes else None


def spread_over(count: int) -> list[int]:
    """Up to five numbers, evenly spaced over the middle four fifths of 0…count-1."""
    first, last = (0.1 * (count - 1), 0.9 * (count - 1)) if count > 2 else (0, count - 1)
    return sorted({round(at) for at in np.linspace(first, last, min(_PLANES, count))})


def fit_familiar(images: Sequence[tuple[str, ImageFacts]], *, false_alarms: float = FALSE_ALARMS) -> Familiar | None:
    """Learn from (person, facts) of training and validation; ``None`` with fewer than three images."""
    if len(images) < 3:
        return None
    persons = sorted({person for person, _ in images})
    part_of = {person: number % _PARTS for number, person in enumerate(persons)}
    far: dict[str, float] = {}
    undone: dict[str, float] = {}
    for part in range(_PARTS):
        rest = [facts for person, facts in images if part_of[person] != part]
        mine = [(person, facts) for person, facts in images if part_of[person] == part]
        if len(rest) < 2 or not mine:
            continue
        model = _fit(rest)
        for person, facts in mine:
            distance = _distance(facts, model)
            far[person] = max(far.get(person, 0.0), distance)
            undone[person] = max(undone.get(person, 0.0), distance / max(_nearest_undone(facts, model)[0], 1e-9))
    if not far:
        return None
    # Both kinds of strangeness on one scale, so that one quantile holds for them together.
    scale = np.array([np.quantile(list(values.values()), 0.9) for values in (far, undone)])
    joint = np.sort([max(far[person] / scale[0], undone[person] / scale[1]) for person in far])
    rank = math.ceil((len(joint) + 1) * (1 - false_alarms) - 1e-9)
    enough = 0 < rank <= len(joint)
    limits = scale * (float(joint[rank - 1]) if enough else 1.5 * float(joint[-1]))
    if not np.isfinite(limits).all() or limits[0] <= 0:
        return None
    return _fit([facts for _, facts in images]).model_copy(
        update={
            "limit": float(limits[0]),
            "limit_undone": max(1.0, float(limits[1])),
            "false_alarms": false_alarms if enough else None,
            "n": len(persons),
            "images": len(images),
        }
    )


def judge(facts: ImageFacts | None, familiar: Familiar) -> Strangeness:
    """How strange an image is. Beyond a limit the reason is looked for: inverted, channels in another order, else what stands out
    most (brightness, texture, arrangement, channels, shape)."""
    if facts is None:
        return Strangeness(math.inf, "empty-image")
    distance = _distance(facts, familiar)
    nearest, order = _nearest_undone(facts, familiar)
    times = max(distance / familiar.limit, distance / max(nearest, 1e-9) / familiar.limit_undone)
    if times <= 1:
        return Strangeness(times)
    if nearest <= 1.5 * familiar.limit and nearest < 0.7 * distance:
        return Strangeness(times, "channel-order" if order else "inverted", "-".join(str(c + 1) for c in order))
    return Strangeness(times, f"unfamiliar-{_standing_out(facts, familiar)}")


def _nearest_undone(facts: ImageFacts, familiar: Familiar) -> tuple[float, tuple[int, ...]]:
    """The least distance of the image with its brightness turned round (order ``()``) or its channels in another order."""
    found: list[tuple[float, tuple[int, ...]]] = [(_distance(facts.inverted(), familiar), ())]
    if 1 < facts.channels <= _MOST_PERMUTED:
        own = tuple(range(facts.channels))
        found += [(_distance(facts.reordered(order), familiar), order) for order in permutations(own) if order != own]
    return min(found)


def unusable(familiar: Familiar, channels: int) -> str | None:
    """What is wrong with the statistics in a model file, if anything."""
    n = len(familiar.names)
    sizes = (len(familiar.centre), len(familiar.scale), len(familiar.templates))
    if familiar.names != names_of(channels) or sizes != (n, n, channels) or len(familiar.inverse) != n * n:
        return "'familiar' does not fit the channels"
    if any(len(template) != SIDE * SIDE for template in familiar.templates) or not familiar.limit > 0 or min(familiar.scale) <= 0:
        return "'familiar' has wrong values"
    return None


def _fit(images: Sequence[ImageFacts]) -> Familiar:
    """Centre, scale and correlation over ``images``; limit 1."""
    channels = images[0].channels
    thumbs = np.mean([facts.thumbnails for facts in images], axis=0)
    templates = thumbs / (thumbs.std(axis=1, keepdims=True) + 1e-6)
    rows = np.array([facts.against(templates) for facts in images])
    centre = np.median(rows, axis=0)
    mad = 1.4826 * np.median(np.abs(rows - centre), axis=0)
    scale = np.maximum(np.maximum(mad, 0.5 * rows.std(axis=0)), 0.02)
    z = np.clip((rows - centre) / scale, -6, 6)
    n, p = z.shape
    correlation = z.T @ z / n
    mean = float(np.trace(correlation)) / p
    off = float(((correlation - mean * np.eye(p)) ** 2).sum())
    noise = float(((np.einsum("ni,nj->nij", z, z) - correlation) ** 2).sum()) / n**2
    share = float(np.clip(noise / off if off > 0 else 1.0, 0.1, 1.0))
    inverse = np.linalg.inv((1 - share) * correlation + share * mean * np.eye(p))
    return Familiar(
        names=names_of(channels),
        centre=_plain(centre),
        scale=_plain(scale),
        inverse=_plain(inverse.ravel()),
        templates=tuple(_plain(template) for template in templates),
        limit=1.0,
    )


def _plain(values: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(float(f"{v:.6g}") for v in values)


def _standardised(facts: ImageFacts, familiar: Familiar) -> NDArray[np.float64]:
    values = facts.against(np.array(familiar.templates))
    return np.asarray((values - np.array(familiar.centre)) / np.array(familiar.scale))


def _distance(facts: ImageFacts, familiar: Familiar) -> float:
    z = _standardised(facts, familiar)
    inverse = np.array(familiar.inverse).reshape(len(z), len(z))
    return float(np.sqrt(max(0.0, z @ inverse @ z) / len(z)))


def _standing_out(facts: ImageFacts, familiar: Familiar) -> str:
    z = np.abs(_standardised(facts, familiar))
    groups: dict[str, float] = {}
    for name, value in zip(familiar.names, z, strict=True):
        group = name.split(".")[0]
        groups[group] = max(groups.get(group, 0.0), float(value))
    return max(groups, key=lambda group: groups[group])


def reasons_of(strangeness: Strangeness) -> tuple[tuple[str, dict[str, Any]], ...]:
    """For :func:`delineate.doubt.review.review`."""
    if strangeness.code is None:
        return ()
    times = "∞" if math.isinf(strangeness.distance) else f"{strangeness.distance:.1f}"
    return ((strangeness.code, {"times": times, "order": strangeness.detail}),)
