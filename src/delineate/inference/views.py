"""Test-time augmentation: turned copies of a plane are predicted too, turned back, and the probabilities averaged.

The mean is one of probabilities, as for ensembles, and is handed on as logits, so that everything after the network stays the same.
Only what training showed the network is offered: a view it never saw would be answered badly.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from delineate.domain import LabelSet
from delineate.recipe import Augmentation, View

_TURNS = {"rotate_90": 1, "rotate_180": 2, "rotate_270": 3}
_TINY = 1e-7

Planes = NDArray[np.float32]


def sensible_views(augmentation: Augmentation) -> tuple[View, ...]:
    """The views that training with ``augmentation`` has made familiar; empty where it mirrored nothing."""
    across, down = augmentation.flip_horizontal > 0, augmentation.flip_vertical > 0
    quarter = getattr(augmentation, "rotate_90", 0.0) > 0 or (augmentation.transpose > 0 and across and down)
    views: list[View] = []
    if across:
        views.append("flip_horizontal")
    if down:
        views.append("flip_vertical")
    if (across and down) or quarter:
        views.append("rotate_180")
    if quarter:
        views += ["rotate_90", "rotate_270"]
    return tuple(views)


def turned(planes: NDArray[Any], view: View) -> NDArray[Any]:
    """(…, h, w) → the same seen as ``view``."""
    if view == "flip_horizontal":
        return planes[..., ::-1]
    if view == "flip_vertical":
        return planes[..., ::-1, :]
    return np.rot90(planes, _TURNS[view], axes=(-2, -1))


def turned_back(planes: NDArray[Any], view: View) -> NDArray[Any]:
    """The inverse of :func:`turned`."""
    return turned(planes, view) if view.startswith("flip") else np.rot90(planes, -_TURNS[view], axes=(-2, -1))


def all_shares(logits: Planes, labels: LabelSet) -> Planes:
    """(n, channels, h, w) logits → probabilities of every channel, the background's among them for exclusive classes."""
    if labels.activation == "sigmoid":
        return np.asarray(0.5 * (1.0 + np.tanh(0.5 * logits)), dtype=np.float32)
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True), dtype=np.float32)


def as_logits(probabilities: Planes, labels: LabelSet) -> Planes:
    """The inverse of :func:`all_shares` (up to a constant for softmax)."""
    p = np.clip(probabilities, _TINY, 1.0 - _TINY)
    return np.asarray(np.log(p) if labels.activation == "softmax" else np.log(p) - np.log1p(-p), dtype=np.float32)


def entropy_of_shares(probabilities: Planes, labels: LabelSet) -> Planes:
    """(n, channels, h, w) of :func:`all_shares` → (n, 1, h, w), 0…1 as :func:`delineate.doubt.entropy`."""
    p = np.clip(probabilities, 1e-12, 1.0)
    if labels.activation == "softmax":
        return np.asarray(-(p * np.log(p)).sum(axis=1, keepdims=True) / np.log(p.shape[1]), dtype=np.float32)
    q = np.clip(1.0 - probabilities, 1e-12, 1.0)
    return np.asarray((-(p * np.log(p) + q * np.log(q)) / np.log(2.0)).max(axis=1, keepdims=True), dtype=np.float32)
