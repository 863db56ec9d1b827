"""Fingerprint + budget + measurements → a recipe, with a one-line reason for every decision."""

from delineate.planning.budget import Choice, Workload, choose_size_and_width
from delineate.planning.draft import draft_recipe
from delineate.planning.overrides import apply_overrides
from delineate.planning.schedule import plan_training

__all__ = ["Choice", "Workload", "apply_overrides", "choose_size_and_width", "draft_recipe", "plan_training"]
