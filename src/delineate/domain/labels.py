"""What the numbers in a mask and the channels of a network mean: the one place that knows sigmoid from softmax."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, model_validator

IGNORE = 255
"""Label value of pixels that take no part in loss or score."""

#: Colours that stay apart on grey images and for most colour-blind readers (after Okabe & Ito 2008).
PALETTE = ("#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7", "#999999")


class LabelSet(BaseModel):
    """The classes of a task and how they share pixels.

    ``kind``
        ``binary``: one class against background, one logit, sigmoid. ``exclusive``: each pixel is background or exactly
        one class, K+1 logits, softmax (with one class this is R1's two-map softmax head). ``regions``: classes may
        overlap, K logits, a sigmoid each.
    ``names``
        Class names without background, in label order: the first is label 1.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["binary", "exclusive", "regions"] = "binary"
    names: tuple[str, ...] = ("foreground",)

    @model_validator(mode="after")
    def _check(self) -> LabelSet:
        if not self.names:
            raise ValueError("a label set needs at least one class")
        if len(set(self.names)) != len(self.names):
            raise ValueError("class names must differ")
        if self.kind == "binary" and len(self.names) != 1:
            raise ValueError("a binary label set has exactly one class")
        if len(self.names) >= IGNORE:
            raise ValueError(f"at most {IGNORE - 1} classes")
        return self

    @property
    def classes(self) -> int:
        """Number of foreground classes K."""
        return len(self.names)

    @property
    def channels(self) -> int:
        """Number of logits a network has to give."""
        return self.classes + 1 if self.kind == "exclusive" else self.classes

    @property
    def activation(self) -> Literal["sigmoid", "softmax"]:
        return "softmax" if self.kind == "exclusive" else "sigmoid"

    def colour(self, label: int) -> str:
        """Hex colour of class ``label`` (1…K)."""
        return PALETTE[(label - 1) % len(PALETTE)]

    def probabilities(self, logits: NDArray[np.floating]) -> NDArray[np.float32]:
        """(channels, *space) logits → (K, *space) probabilities of the foreground classes, float32."""
        logits = np.asarray(logits, dtype=np.float32)
        if self.activation == "sigmoid":
            return np.asarray(0.5 * (1.0 + np.tanh(0.5 * logits)), dtype=np.float32)  # no overflow for large |x|
        shifted = np.exp(logits - logits.max(axis=0, keepdims=True))
        return np.asarray(shifted[1:] / shifted.sum(axis=0, keepdims=True), dtype=np.float32)

    def decide(self, probabilities: NDArray[np.floating], thresholds: tuple[float, ...] | None = None) -> NDArray[np.uint8]:
        """(K, *space) probabilities → labels: (*space) of 0…K, or (K, *space) of 0/1 for regions.

        ``thresholds`` has one value per class (default 0.5 each) and counts for sigmoid kinds. Exclusive classes with K > 1
        take the most probable of background and classes; with K = 1 the threshold counts.
        """
        limits = np.full(self.classes, 0.5) if thresholds is None else np.asarray(thresholds, dtype=np.float64)
        if limits.shape != (self.classes,):
            raise ValueError(f"'thresholds' must have {self.classes} values, got {thresholds}")
        if self.kind == "exclusive" and self.classes > 1:
            background = 1.0 - probabilities.sum(axis=0, keepdims=True)
            return np.asarray(np.concatenate([background, probabilities]).argmax(axis=0), dtype=np.uint8)
        above = probabilities >= limits.reshape(-1, *([1] * (probabilities.ndim - 1)))
        return above.astype(np.uint8) if self.kind == "regions" else above[0].astype(np.uint8)

    def one_class(self, labels: NDArray[np.integer], label: int) -> NDArray[np.bool_]:
        """The pixels of class ``label`` (1…K) as a boolean array of the spatial shape."""
        if self.kind == "regions":
            return np.asarray(labels[label - 1] == 1)
        return np.asarray(labels == label)
