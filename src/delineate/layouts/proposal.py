"""What a layout proposes, and the registry of layouts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from delineate.domain import Case, Finding, Unit
from delineate.layouts.tree import Item, Tree
from delineate.registry import Registry


@dataclass
class Proposal:
    """Cases a layout makes of a tree, and what it says of the other files it understands.

    ``lone_images`` and ``lone_masks`` belong to the layout but miss their partner: each becomes a finding. ``explained`` are
    files the layout knows the meaning of. ``unit`` overrides what the patient rules find (stacks: ``block``).
    ``declared``: somebody wrote down what belongs together, so that little coverage is no doubt.
    """

    cases: list[Case]
    lone_images: list[Item] = field(default_factory=list)
    lone_masks: list[Item] = field(default_factory=list)
    explained: dict[Path, str] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    class_names: dict[int, str] = field(default_factory=dict)
    evidence: dict[str, Any] = field(default_factory=dict)
    unit: Unit | None = None
    patients_given: bool = False
    declared: bool = False

    @property
    def used(self) -> set[Path]:
        return {
            source.path for case in self.cases for group in (case.images, case.masks, *case.raters.values()) for source in group
        }

    def score(self, tree: Tree) -> float:
        """Share of the image-like files explained: those in cases and those whose meaning is known count whole, an image
        that waits for its mask half, a mask without an image not at all."""
        if not tree.images or not self.cases:
            return 0.0
        paths = {item.path for item in tree.images}
        used = self.used
        inside = sum(path in paths for path in used)
        known = sum(path in paths and path not in used for path in self.explained)
        waiting = sum(item.path not in used and item.path not in self.explained for item in self.lone_images)
        return min(1.0, (inside + known + 0.5 * waiting) / len(paths))


Layout = Callable[[Tree], "Proposal | None"]


@dataclass(frozen=True)
class LayoutEntry:
    """A layout with its specificity: of two that explain a tree equally well the more specific one wins."""

    name: str
    propose: Layout
    specificity: int


LAYOUTS: Registry[LayoutEntry] = Registry("layout")


def layout(name: str, specificity: int) -> Callable[[Layout], Layout]:
    """Register a layout under ``name``."""

    def add(propose: Layout) -> Layout:
        LAYOUTS.add(name, LayoutEntry(name, propose, specificity))
        return propose

    return add


def numbered_classes(names: Mapping[str, str] | list[str] | set[str]) -> dict[str, int]:
    """Class names → 1…K in natural order of the names, so that the numbers do not depend on the order of files."""
    from delineate.layouts.tree import natural

    return {name: number for number, name in enumerate(sorted(names, key=natural), start=1)}
