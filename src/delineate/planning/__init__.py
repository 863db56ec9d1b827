"""Fingerprint + budget + measurements → a recipe, with a one-line reason for every decision."""

from delineate.planning.budget import Choice, Task, choose_size_and_width, difficulty_of
from delineate.planning.draft import Draft, draft_recipe
from delineate.planning.overrides import apply_overrides, parse_assignment
from delineate.planning.presets import PRESETS, apply_preset, find_preset
from delineate.planning.schedule import BUDGET_WIDTHS, Machine, kept_for_after, plan_training, unet_options, width_of

__all__ = [
    "BUDGET_WIDTHS",
    "PRESETS",
    "Choice",
    "Draft",
    "Machine",
    "Task",
    "apply_overrides",
    "apply_preset",
    "choose_size_and_width",
    "difficulty_of",
    "draft_recipe",
    "find_preset",
    "kept_for_after",
    "parse_assignment",
    "plan_training",
    "unet_options",
    "width_of",
]
