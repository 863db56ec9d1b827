"""Model file + image → mask on the image's own grid. No torch.

Importing this loads no runtime and no imaging library; they come with the first prediction.
"""

from delineate.inference.choose import (
    MIN_GAIN,
    Choice,
    Choices,
    ValidationCase,
    as_rows,
    assemble_group,
    choose_thresholds_and_clean,
    paired_interval,
)
from delineate.inference.clean import clean_labels, clean_mask, postprocessors
from delineate.inference.engines import Engine, physical_cores
from delineate.inference.engines import registry as engines_registry
from delineate.inference.members import MEMBER_ENTROPY
from delineate.inference.model_file import METADATA_KEY, ModelFile
from delineate.inference.predict_files import predict_paths
from delineate.inference.predictor import Prediction, Predictor
from delineate.inference.reading_ahead import slices_form_volumes
from delineate.inference.rows import PredictionRow
from delineate.inference.views import sensible_views

__all__ = [
    "MEMBER_ENTROPY",
    "METADATA_KEY",
    "MIN_GAIN",
    "Choice",
    "Choices",
    "Engine",
    "ModelFile",
    "Prediction",
    "PredictionRow",
    "Predictor",
    "ValidationCase",
    "as_rows",
    "assemble_group",
    "choose_thresholds_and_clean",
    "clean_labels",
    "clean_mask",
    "engines_registry",
    "paired_interval",
    "physical_cores",
    "postprocessors",
    "predict_paths",
    "sensible_views",
    "slices_form_volumes",
]
