"""How many persons there are, and whether each part of the split has something of each class."""

from __future__ import annotations

from collections.abc import Iterator

from delineate.dataset.checks.context import CheckContext, checks
from delineate.domain import Finding

FEW_PERSONS = 10
RARE_PERSONS = 3


@checks.register("too-few-persons")
def too_few_persons(context: CheckContext) -> Iterator[Finding]:
    """Below ten independent persons (or images, or blocks) a test score says little; an interval cannot mend that."""
    persons = {fact.person for fact in context.usable}
    if persons and len(persons) < FEW_PERSONS:
        yield Finding(
            f"too-few-{context.scan.unit}s", "warning", context.scan.root, None, {"n": len(persons), "wanted": FEW_PERSONS}
        )


@checks.register("class-rare")
def class_rare(context: CheckContext) -> Iterator[Finding]:
    """A class that fewer than three persons have cannot be in training, validation and test."""
    everyone = {fact.person for fact in context.usable}
    if not any(fact.foreground_pixels for fact in context.usable):
        return
    for number, name in enumerate(context.labels.names):
        owners = {fact.person for fact in context.usable if number < len(fact.class_pixels) and fact.class_pixels[number]}
        if len(owners) < min(RARE_PERSONS, len(everyone)):
            yield Finding("class-rare", "warning", None, None, {"name": name, "n": len(owners), "total": len(everyone)})


@checks.register("class-missing-in-part")
def class_missing_in_part(context: CheckContext) -> Iterator[Finding]:
    """A part of the split without a single pixel of a class: it cannot be learned (train) or scored (the others)."""
    if context.splits is None:
        return
    owned: dict[str, set[int]] = {}
    for fact in context.usable:
        owned.setdefault(context.owner(fact), set()).update(k for k, pixels in enumerate(fact.class_pixels) if pixels)
    if not any(owned.values()):
        return
    for fold, parts in enumerate(context.splits.folds):
        for part, persons in parts.items():
            present = set().union(*(owned.get(person, set()) for person in persons))
            for number, name in enumerate(context.labels.names):
                if persons and number not in present:
                    yield Finding(
                        f"class-missing-in-{part}",
                        "error" if part == "train" else "warning",
                        None,
                        None,
                        {"name": name, "fold": fold + 1},
                    )
