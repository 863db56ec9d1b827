"""``--preset``: train as a reference system did, where the person says nothing else."""

from __future__ import annotations

from delineate.errors import UsageError
from delineate.planning import apply_overrides, apply_preset, find_preset
from delineate.recipe import Recipe
from delineate.workflows.options import RunOptions


def check_preset(options: RunOptions) -> None:
    """Refuse what cannot be meant before minutes are spent."""
    if options.preset is None:
        return
    find_preset(options.preset)
    if options.recipe_file is not None:
        raise UsageError("preset-and-recipe", preset=options.preset, recipe=options.recipe_file)


def with_preset(options: RunOptions) -> RunOptions:
    """Network, augmentation and size of the preset where the person named none."""
    if options.preset is None:
        return options
    preset = find_preset(options.preset)
    return options.model_copy(
        update={
            "network": options.network or preset.network,
            "augmentation": options.augmentation or preset.augmentation,
            "size": options.size or preset.size,
        }
    )


def with_settings(recipe: Recipe, options: RunOptions) -> Recipe:
    """A planned recipe with the preset's settings, then with what the person set by hand."""
    if options.preset is not None:
        recipe = apply_preset(recipe, options.preset, keep_time=options.budget is not None)
    return apply_overrides(recipe, options.settings)
