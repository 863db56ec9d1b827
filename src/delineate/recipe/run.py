"""The recipe: every decision of a run, with the reason for each, in one file a person can read, change and replay."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from delineate.domain.labels import LabelSet
from delineate.recipe.doubt import Familiar, ReviewRule, View
from delineate.recipe.masks import MaskRule
from delineate.recipe.network import NetworkRecipe
from delineate.recipe.preprocessing import Preprocessing
from delineate.recipe.strict import StrictModel
from delineate.recipe.training import Training


class Reason(StrictModel):
    """Why a value was chosen: ``reason.<code>`` in the catalogue with its placeholders. ``by`` says who decided."""

    code: str
    params: dict[str, Any] = Field(default_factory=dict)
    by: Literal["plan", "measured", "user"] = "plan"


class Scoring(StrictModel):
    """``nsd_tolerance``: distance up to which two surfaces agree; mm where the spacing is known, else pixels."""

    nsd_tolerance: float = Field(default=2.0, ge=0)


class Recipe(StrictModel):
    """recipe.json. ``reasons`` is keyed by the dotted path of the value, e.g. ``preprocessing.size``."""

    version: Literal[1] = 1
    labels: LabelSet = LabelSet()
    masks: MaskRule = MaskRule()
    preprocessing: Preprocessing = Preprocessing()
    network: NetworkRecipe = NetworkRecipe()
    training: Training = Training()
    scoring: Scoring = Scoring()
    reasons: dict[str, Reason] = Field(default_factory=dict)

    @model_serializer(mode="wrap")
    def _plain(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """What came after the first runs is written only where it is used: their recipes keep their digest, and go on."""
        data: dict[str, Any] = write(self)
        if data.get("scoring") == Scoring().model_dump():
            del data["scoring"]
        return data


class Clean(StrictModel):
    """Clean-up of a predicted mask, chosen on validation cases and recorded with what it changed there.

    ``largest`` keeps the largest connected component of a class; ``min_pixels`` drops components smaller than that (pixels
    or voxels of the original grid); ``fill_holes`` fills enclosed background. Volumes use 3-D components.
    """

    largest: bool = False
    min_pixels: int = Field(default=0, ge=0)
    fill_holes: bool = False


class ModelRecord(StrictModel):
    """Everything the model file carries beside the network, as JSON under the metadata key ``delineate``.

    ``thresholds`` and ``clean`` have one entry per class. ``scores`` is summary.json's ``test`` and ``validation``, added once
    the file has been scored (``scored_network_sha256`` ties them to the weights). ``notes`` holds sentences such as "demonstration
    model trained on synthetic images".

    ``temperatures`` divide the logits before anything else looks at them (one per class; one in all for exclusive classes; empty:
    not calibrated). ``views`` are predicted beside the plane itself, and their probabilities averaged. ``members`` counts the
    networks inside the file. ``review`` and ``familiar`` say what to doubt; ``None`` in older files.
    """

    version: Literal[1] = 1
    name: str = "model"
    labels: LabelSet = LabelSet()
    preprocessing: Preprocessing = Preprocessing()
    thresholds: tuple[float, ...] = (0.5,)
    clean: tuple[Clean, ...] = (Clean(),)
    provenance: dict[str, Any] = Field(default_factory=dict)
    scores: dict[str, Any] = Field(default_factory=dict)
    notes: tuple[str, ...] = ()
    temperatures: tuple[Annotated[float, Field(gt=0, lt=1e6)], ...] = ()
    views: tuple[View, ...] = ()
    members: int = Field(default=1, ge=1, le=64)
    review: ReviewRule | None = None
    familiar: Familiar | None = None


class Splits(StrictModel):
    """splits.json: who is in which part. Keyed by person (patient, or the group that stands in for one).

    ``folds`` is one assignment per fold for cross-validation; a plain hold-out split has exactly one.
    ``method`` e.g. ``holdout``, ``kfold``, ``published``, ``file``, ``sample(seed=42, n=10)``, ``blocks``.
    """

    version: Literal[1] = 1
    unit: Literal["patient", "image", "block"] = "patient"
    method: str = "holdout"
    seed: int = 0
    folds: tuple[dict[Literal["train", "validation", "test"], tuple[str, ...]], ...] = ()

    @model_validator(mode="after")
    def _nobody_twice(self) -> Splits:
        for number, fold in enumerate(self.folds):
            owner: dict[str, str] = {}
            for part, persons in fold.items():
                for person in persons:
                    if person in owner:
                        raise ValueError(f"{person} is in {owner[person]} and in {part} of fold {number}")
                    owner[person] = part
        return self
