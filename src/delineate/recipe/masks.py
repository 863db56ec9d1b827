"""How the pixel values of mask files become classes: a rule that is recorded and shown, never guessed silently."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from delineate.domain.labels import LabelSet
from delineate.recipe.strict import StrictModel


class MaskRule(StrictModel):
    """Raw mask pixels → labels.

    ``kind``
        ``threshold``: one class, pixels above ``cutoff`` (masks of {0, 255}, {0, 1}, grey resampled edges).
        ``values``: ``values`` maps each raw value to a label (0 = background).
        ``colours``: ``colours`` maps each ``"#rrggbb"`` to a label.
        ``files``: a file stands for one class by its name or folder (``Source.label``); pixels above ``cutoff`` belong to it.
    ``cutoff``
        In raw units; a pixel counts when it is strictly above. Half of the largest value for masks with grey edges.
    ``inverted``
        ``threshold`` only: the class is what is at or below the cutoff (e.g. dark membranes on white).
    ``others``
        What a value outside ``values`` / ``colours`` becomes: an error finding, background, or ignore.
    """

    kind: Literal["threshold", "values", "colours", "files"] = "threshold"
    cutoff: float = 0.0
    inverted: bool = False
    values: dict[int, int] = Field(default_factory=dict)
    colours: dict[str, int] = Field(default_factory=dict)
    others: Literal["error", "background", "ignore"] = "error"


class MaskMeaning(StrictModel):
    """A rule with the classes it gives, where they are known and not to be inferred."""

    rule: MaskRule
    labels: LabelSet
