"""From an image as read to the planes a network sees, and back: the one preprocessing for training and prediction.

Order, the same on both paths: colour → canonical orientation → slices → content crop → NaN to low, clip, normalise → resize →
letterbox → neighbouring planes (2.5-D). Values are clipped and normalised *before* they are resized, so that one hot pixel or a
NaN cannot bleed into what lies around it. What comes back through :func:`restore` are probabilities, never logits (see
:mod:`.restore`).
"""

from delineate.preprocessing.labels import prepare_labels
from delineate.preprocessing.neighbours import around, network_input, network_input_of_slices
from delineate.preprocessing.prepare import Preparation, Prepared, prepare
from delineate.preprocessing.restore import assemble, restore, restore_slices
from delineate.preprocessing.statistics import Statistics, measure, measured_jointly
from delineate.preprocessing.trail import Trail, plan_trail, plane_axes

__all__ = [
    "Preparation",
    "Prepared",
    "Statistics",
    "Trail",
    "around",
    "assemble",
    "measure",
    "measured_jointly",
    "network_input",
    "network_input_of_slices",
    "plan_trail",
    "plane_axes",
    "prepare",
    "prepare_labels",
    "restore",
    "restore_slices",
]
