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
        return facts_of(np.concatenate([work.planes(number, number + 1) for number in _spread(work.trail.planes)]))
    chosen = [images[number] for number in _spread(len(images))]
    planes = [Preparation(image, recipe, statistics).planes() for image in chosen if not is_flat(image.pixels)]
    return facts_of([plane for part in planes for plane in part]) if planes else None


def _spread(count: int) -> list[int]:
    first, last = (0.1 * (count - 1), 0.9 * (count - 1)) if count > 2 else (0, count - 1)
    return sorted({round(at) for at in np.linspace(first, last, min(_PLANES, count))})


def fit_familiar(images: Sequence[tuple[str, ImageFacts]], *, false_alarms: float = FALSE_ALARMS) -> Familiar | None:
    """Learn from (person, facts) of training and validation; ``None`` with fewer than three images."""
    if len(images) < 3:
        return None
    persons = sorted({person for person, _ in images})
    part_of = {person: number % _PARTS for number, person in enumerate(persons)}
    worst: dict[str, float] = {}
    for part in range(_PARTS):
        rest = [facts for person, facts in images if part_of[person] != part]
        mine = [(person, facts) for person, facts in images if part_of[person] == part]
        if len(rest) < 2 or not mine:
            continue
        model = _fit(rest)
        for person, facts in mine:
            worst[person] = max(worst.get(person, 0.0), _distance(facts, model))
    distances = np.sort(list(worst.values()))
    rank = math.ceil((len(distances) + 1) * (1 - false_alarms) - 1e-9)
    enough = 0 < rank <= len(distances)
    limit = float(distances[rank - 1]) if enough else 1.5 * float(distances[-1]) if len(distances) else math.inf
    if not math.isfinite(limit) or limit <= 0:
        return None
    whole = _fit([facts for _, facts in images])
    return whole.model_copy(
        update={"limit": limit, "false_alarms": false_alarms if enough else None, "n": len(persons), "images": len(images)}
    )


def judge(facts: ImageFacts | None, familiar: Familiar) -> Strangeness:
    """How strange an image is. Beyond the limit the reason is looked for: inverted, channels in another order, else what stands
    out most (brightness, texture, arrangement, channels, shape)."""
    if facts is None:
        return Strangeness(math.inf, "empty-image")
    distance = _distance(facts, familiar) / familiar.limit
    if distance <= 1:
        return Strangeness(distance)
    # "Explained" by a change: undoing it brings the image back among its like, or most of the way.
    least = max(1.0, 0.5 * distance)
    if (undone := _distance(facts.inverted(), familiar) / familiar.limit) < least:
        return Strangeness(distance, "inverted")
    channels = facts.channels
    if 1 < channels <= _MOST_PERMUTED:
        orders = [order for order in permutations(range(channels)) if order != tuple(range(channels))]
        undone, best = min((_distance(facts.reordered(order), familiar) / familiar.limit, order) for order in orders)
        if undone < least:
            return Strangeness(distance, "channel-order", "-".join(str(c + 1) for c in best))
    return Strangeness(distance, f"unfamiliar-{_standing_out(facts, familiar)}")


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
