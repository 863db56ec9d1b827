"""choices.json: what was chosen on validation persons after training (threshold, clean-up), with the effect it had there."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from delineate.recipe import StrictModel


class Choice(StrictModel):
    """One option that was tried on validation persons.

    ``step``: ``threshold``, ``largest``, ``min_pixels``, ``fill_holes`` or another name. ``value`` is what was tried; ``before``
    and ``after`` are the mean validation Dice of the class (``class_name``; ``None``: mean over classes) without and with it;
    ``better`` and ``worse`` count the groups that gained and lost; ``ci95`` is the interval of the mean difference over persons;
    ``kept`` says whether the model file has it.
    """

    step: str
    kept: bool
    class_name: str | None = None
    value: float | int | bool | str | None = None
    before: float | None = None
    after: float | None = None
    better: int | None = None
    worse: int | None = None
    ci95: tuple[float, float] | None = None
    params: dict[str, Any] = Field(default_factory=dict)


class Choices(StrictModel):
    version: Literal[1] = 1
    unit: Literal["patient", "image", "block"] = "patient"
    n: int = 0
    """Validation persons that chose."""
    choices: tuple[Choice, ...] = ()
