"""What is compared: networks × losses × …, and free candidates, read and refused before any time is spent."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import product
from pathlib import Path
from typing import Any

from pydantic import Field

from delineate.errors import UsageError
from delineate.planning import apply_overrides
from delineate.recipe import AUGMENTATION_PRESETS, UNET_PRESETS, NetworkRecipe, Recipe, StrictModel
from delineate.workflows.grid.options import GridOptions

#: What every candidate has in common: a comparison in which these differ compares something else.
SHARED = ("preprocessing", "labels", "masks", "reasons", "version")
SHARED_TRAINING = ("steps", "epoch_steps", "stages", "crop", "patience", "seed", "threads", "device", "precision", "foreground")
_KEYS = ("network", "loss", "optimiser", "augmentation")


class Candidate(StrictModel):
    """``folder`` is the name as a folder; ``settings`` are further values of its recipe; ``None`` is what a run would use."""

    name: str
    folder: str
    network: NetworkRecipe
    loss: str | None = None
    optimiser: str | None = None
    augmentation: str | None = None
    settings: dict[str, Any] = Field(default_factory=dict)

    def overrides(self) -> dict[str, Any]:
        """Dotted recipe keys that make a shared recipe this candidate's."""
        found: dict[str, Any] = {"network": self.network.model_dump(mode="json")}
        if self.loss is not None:
            found["training.loss"] = self.loss
        if self.optimiser is not None:
            found["training.optimiser"] = self.optimiser
        return {**found, **self.settings}


def candidates_of(options: GridOptions) -> tuple[Candidate, ...]:
    """All candidates in the order they were named.

    Raises
    ------
    UsageError
        ``grid-needs-two``, ``grid-name-twice``, ``grid-bad-candidate``, ``grid-shared-setting``, ``grid-pretrained-nobody``, and
        ``unknown-choice`` for a name nobody knows.
    """
    for key in options.settings:
        if key == "training.seed":
            raise UsageError("grid-shared-setting", name="--set", key=key)
    axes: list[tuple[str | None, ...]] = [options.losses, options.optimisers, options.augmentations]
    found = []
    losses, optimisers, augmentations = (axis or (None,) for axis in axes)
    for network, loss, optimiser, augmentation in product(options.networks, losses, optimisers, augmentations):
        rest = (loss, optimiser, augmentation)
        told = [value for value, axis in zip(rest, axes, strict=True) if len(axis) > 1 and value is not None]
        found.append(_candidate("-".join([network, *told]), network, loss, optimiser, augmentation, {}))
    found += [_free(text, options) for text in options.candidates]
    found = _with_weights(found, options.pretrained)
    for what in ("name", "folder"):
        names = [getattr(candidate, what) for candidate in found]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise UsageError("grid-name-twice", name=twice)
    if len(found) < 2:
        raise UsageError("grid-needs-two", n=len(found))
    return tuple(found)


def _candidate(
    name: str, network: str, loss: str | None, optimiser: str | None, augmentation: str | None, settings: Mapping[str, Any]
) -> Candidate:
    from delineate.losses import losses, parse_expression
    from delineate.models import networks

    networks.get(network)
    for _, term in parse_expression(loss) if loss is not None else ():
        losses.get(term)
    if augmentation is not None and augmentation not in AUGMENTATION_PRESETS:
        choices = ", ".join(AUGMENTATION_PRESETS)
        raise UsageError("unknown-choice", kind="augmentation", name=augmentation, choices=choices)
    preset = UNET_PRESETS.get(network)
    recipe = NetworkRecipe(name=network, options=preset.model_dump(mode="json") if preset else {})
    made = Candidate(
        name=name,
        folder=re.sub(r"[^A-Za-z0-9._+-]+", "_", name).strip("._") or "candidate",
        network=recipe,
        loss=loss,
        optimiser=optimiser,
        augmentation=augmentation,
        settings=dict(settings),
    )
    apply_overrides(Recipe(), made.overrides(), f"--candidate {name}")  # an unknown key or optimiser is said now
    return made


def _free(text: str, options: GridOptions) -> Candidate:
    name, sign, rest = text.partition("=")
    items = [_item(item) for item in _split(rest)]
    if not sign or not name.strip() or not items or None in items:
        raise UsageError("grid-bad-candidate", text=text)
    values = dict(item for item in items if item is not None)
    first = {"network": options.networks, "loss": options.losses, "optimiser": options.optimisers}
    given = {key: values.pop(key, (*first.get(key, ()), None)[0]) for key in _KEYS}
    if given["network"] is None:
        raise UsageError("grid-bad-candidate", text=text)
    for key in values:
        room, _, rest = key.partition(".")
        if room in SHARED or (room == "training" and rest.partition(".")[0] in SHARED_TRAINING):
            raise UsageError("grid-shared-setting", name=name.strip(), key=key)
    return _candidate(name.strip(), given["network"], given["loss"], given["optimiser"], given["augmentation"], values)


def _item(text: str) -> tuple[str, str] | None:
    found = re.fullmatch(r"\s*([\w.]+)\s*[:=]\s*(.+?)\s*", text)
    if found is None or (found[1] not in _KEYS and "." not in found[1]):
        return None
    return found[1], found[2]


def _split(text: str) -> list[str]:
    """At commas that stand in no brackets."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter in "[{(") - (letter in "]})")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part for part in parts if part.strip()]


def _with_weights(found: Iterable[Candidate], pretrained: Iterable[str]) -> list[Candidate]:
    """``pretrained`` files put into the options of the networks they are for."""
    found = list(found)
    for text in pretrained:
        network, sign, file = text.partition("=")
        if not sign:
            network, file = "", text
        path = Path(file).resolve()
        if not path.is_file():
            raise UsageError("pretrained-missing", path=path)
        meant = [c for c in found if (c.network.name == network if network else _takes_weights(c.network.name))]
        if not meant:
            raise UsageError("grid-pretrained-nobody", path=path, names=", ".join(dict.fromkeys(c.network.name for c in found)))
        for candidate in meant:
            recipe = candidate.network.model_copy(update={"options": {**candidate.network.options, "pretrained": str(path)}})
            found[found.index(candidate)] = candidate.model_copy(update={"network": recipe})
    return found


def _takes_weights(network: str) -> bool:
    return network.startswith(("resnet", "smp:"))
