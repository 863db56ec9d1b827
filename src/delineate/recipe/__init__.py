"""Decisions as data: the JSON files of a run and of a model, as checked values."""

from delineate.recipe.doubt import Familiar, ReviewRule, View
from delineate.recipe.masks import MaskMeaning, MaskRule
from delineate.recipe.network import (
    TWO_MAP_PRESETS,
    UNET_PRESETS,
    AttentionUNetOptions,
    MonaiOptions,
    NetworkRecipe,
    ResNetUNetOptions,
    ResUNetOptions,
    SmpOptions,
    UNetOptions,
    UNetPlusPlusOptions,
)
from delineate.recipe.preprocessing import Normalisation, Preprocessing
from delineate.recipe.run import Clean, ModelRecord, Reason, Recipe, Scoring, Splits
from delineate.recipe.strict import StrictModel, load, parse, read_json, save_json, write_text
from delineate.recipe.training import AUGMENTATION_PRESETS, Augmentation, Stage, Training

__all__ = [
    "AUGMENTATION_PRESETS",
    "TWO_MAP_PRESETS",
    "UNET_PRESETS",
    "AttentionUNetOptions",
    "Augmentation",
    "Clean",
    "Familiar",
    "MaskMeaning",
    "MaskRule",
    "ModelRecord",
    "MonaiOptions",
    "NetworkRecipe",
    "Normalisation",
    "Preprocessing",
    "Reason",
    "Recipe",
    "ResNetUNetOptions",
    "ResUNetOptions",
    "ReviewRule",
    "Scoring",
    "SmpOptions",
    "Splits",
    "Stage",
    "StrictModel",
    "Training",
    "UNetOptions",
    "UNetPlusPlusOptions",
    "View",
    "load",
    "parse",
    "read_json",
    "save_json",
    "write_text",
]
