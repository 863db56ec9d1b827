"""What the masks hold."""

from __future__ import annotations

from collections.abc import Iterator

from delineate.dataset.checks.context import CheckContext, checks
from delineate.domain import Finding, Severity

SHOWN_VALUES = 8


@checks.register("all-masks-empty")
def all_masks_empty(context: CheckContext) -> Iterator[Finding]:
    """No mask has a pixel of any class: wrong files, or a rule that does not fit."""
    if context.usable and not any(fact.foreground_pixels for fact in context.usable):
        yield Finding("all-masks-empty", "error", context.scan.root, None, {"n": len(context.usable)})


@checks.register("mask-empty")
def mask_empty(context: CheckContext) -> Iterator[Finding]:
    """Empty slices are natural in a volume and only counted; a whole image or volume without anything is named."""
    if not any(fact.foreground_pixels for fact in context.usable):
        return  # said by all-masks-empty
    slices = empty = 0
    for group, facts in context.groups.items():
        if not any(fact.foreground_pixels for fact in facts):
            yield Finding("mask-empty", "warning", context.mask_path(facts[0].case), facts[0].case, {"name": group})
            continue
        planes = sum(fact.planes for fact in facts)
        if planes > 1:
            slices += planes
            empty += planes - sum(fact.planes_with_foreground for fact in facts)
    if empty:
        yield Finding(
            "mask-empty-slices", "info", None, None, {"n": empty, "total": slices, "percent": round(100 * empty / slices)}
        )


@checks.register("mask-full")
def mask_full(context: CheckContext) -> Iterator[Finding]:
    """A mask without background teaches nothing, and is often an inverted or a wrong file."""
    for fact in context.usable:
        counted = fact.pixels - fact.ignored_pixels
        if counted > 0 and context.labels.kind != "regions" and fact.foreground_pixels >= counted:
            yield Finding("mask-full", "warning", context.mask_path(fact.case), fact.case)


@checks.register("label-value-outside")
def label_value_outside(context: CheckContext) -> Iterator[Finding]:
    """Mask pixels whose value the mask rule does not know."""
    severity: Severity = "error" if context.rule.others == "error" else "info"
    for fact in context.usable:
        if fact.unknown_values:
            values = list(fact.unknown_values)
            shown = ", ".join(values[:SHOWN_VALUES]) + (" …" if len(values) > SHOWN_VALUES else "")
            params = {"values": shown, "pixels": sum(fact.unknown_values.values()), "becomes": context.rule.others}
            yield Finding("label-value-outside", severity, context.mask_path(fact.case), fact.case, params)
