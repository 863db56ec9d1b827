"""A folder → Scan: which files are images and masks, whose they are, and why the rest is left out.

Layouts are small callables in :data:`LAYOUTS`; each proposes cases from names, the one that explains most wins. A third party adds
its own in the entry-point group ``delineate.layouts``.
"""

# isort: off
from delineate.layouts import (  # imported for their registrations, in the order they are asked
    side_by_side,
    paired_folders,
    case_folders,
    dataset_json,
    stacks,
    pannuke,
    table,
)

# isort: on
from delineate.layouts.proposal import LAYOUTS, Layout, LayoutEntry, Proposal
from delineate.layouts.scanning import scan
from delineate.layouts.tree import Item, Tree

__all__ = ["LAYOUTS", "Item", "Layout", "LayoutEntry", "Proposal", "Tree", "scan"]

_ = (side_by_side, paired_folders, case_folders, dataset_json, stacks, pannuke, table)
