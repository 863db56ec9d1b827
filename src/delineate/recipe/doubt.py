"""What a model file knows about its own doubt: calibration was fitted, the review rule and what its images look like."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from delineate.recipe.strict import StrictModel

View = Literal["flip_horizontal", "flip_vertical", "rotate_90", "rotate_180", "rotate_270"]
"""A turned copy of a prepared plane that is predicted beside it (test-time augmentation); rotations are counter-clockwise."""


class ReviewRule(StrictModel):
    """When a person should look at a predicted mask, learned from the validation persons.

    ``dice_bar``, ``alpha``
        The person's wish: Dice at least ``dice_bar``, missed by at most the share ``alpha``.
    ``guarantee``
        ``unflagged``: with probability ``confidence`` over the choice of validation persons, at most ``alpha`` of the unflagged
        are under the bar (learn then test, Angelopoulos et al. 2021, arXiv:2110.01052). ``all``: at most ``alpha`` of all are
        unflagged and under the bar, on average over validation sets (conformal risk control, Angelopoulos et al. 2022,
        arXiv:2208.02814). ``none``: too few persons for either, so that everything is flagged.
    ``above``
        A case whose expected Dice is above this is not flagged; ``None`` flags every case.
    ``n``, ``needed``
        Validation persons there were, and how many ``unflagged`` needs at least (``needed_all``: ``all``).
    ``intercept``, ``slope``, ``margin``
        Predicted Dice = intercept + slope · expected Dice; ± margin holds for ``1 - alpha`` of persons (``None``: unknown).
    ``log_size``, ``log_size_spread``
        Median and robust deviation of the logarithm of a case's foreground share in the validation truth.
    """

    dice_bar: float = Field(default=0.8, gt=0, lt=1)
    alpha: float = Field(default=0.1, gt=0, lt=1)
    confidence: float = Field(default=0.9, gt=0, lt=1)
    guarantee: Literal["unflagged", "all", "none"] = "none"
    above: float | None = None
    n: int = 0
    needed: int = 0
    needed_all: int = 0
    intercept: float = 0.0
    slope: float = 1.0
    margin: float | None = None
    log_size: float | None = None
    log_size_spread: float | None = None


class Familiar(StrictModel):
    """Small statistics of the images a model was made on, so that others can be told from them.

    ``names`` name the features; ``centre`` and ``scale`` standardise them, ``inverse`` is the inverse of their (shrunk) correlation
    matrix, row by row; ``templates`` the mean 16 × 16 thumbnail per channel. A distance beyond ``limit`` is unfamiliar, and so is
    an image that turning its brightness round, or putting its channels in another order, would bring nearer by the factor
    ``limit_undone``. About ``false_alarms`` of persons like those of training are flagged (``None``: too few to say; then the
    limits are 1.5 × the largest seen).
    """

    names: tuple[str, ...]
    centre: tuple[float, ...]
    scale: tuple[float, ...]
    inverse: tuple[float, ...]
    templates: tuple[tuple[float, ...], ...]
    limit: float
    limit_undone: float = 1e9
    false_alarms: float | None = None
    n: int = 0
    images: int = 0
