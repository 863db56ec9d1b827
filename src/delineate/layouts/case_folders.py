"""A folder per case with one image and a folder of mask files whose names do not repeat the image's.

``<id>/images/<id>.png`` + ``<id>/masks/*.png``: one file per object, the union is the mask (2018 Data Science Bowl).
``<case>/ct.nii.gz`` + ``<case>/segmentations/<organ>.nii.gz``: one file per class (TotalSegmentator).
"""

from __future__ import annotations

from collections import Counter, defaultdict

from delineate.domain import Case, Source
from delineate.layouts.building import split_of
from delineate.layouts.paired_folders import Folder, Place, places
from delineate.layouts.proposal import Proposal, layout, numbered_classes
from delineate.layouts.tree import LOSSY_SUFFIXES, SERIES, Item, Tree, fold
from delineate.layouts.words import LATERAL, MASK_WORDS, tokens

CaseFolder = tuple[Item, list[Item]]
#: Formats that hold one plane.
_PLANAR = LOSSY_SUFFIXES | {".png", ".bmp", ".gif"}


@layout("instance-masks", specificity=70)
def instance_masks(tree: Tree) -> Proposal | None:
    """One file per object: the names of the mask files say nothing that returns from case to case."""
    found, lone_images, lone_masks = _case_folders(tree)
    if not found or _organs(found):
        return None
    cases = [
        Case(image.rel, (Source(image.path),), tuple(Source(m.path) for m in masks), split=split_of(image.folder))
        for image, masks in found
    ]
    evidence = {"pairs": len(cases), "masks": sum(len(masks) for _, masks in found)}
    return Proposal(cases, lone_images, lone_masks, evidence=evidence)


@layout("class-per-file", specificity=70)
def class_per_file(tree: Tree) -> Proposal | None:
    """One file per class: the same names return in every case."""
    found, lone_images, lone_masks = _case_folders(tree)
    organs = _organs(found)
    if not organs:
        return None
    numbers = numbered_classes(organs)
    cases = []
    for image, masks in found:
        sources = tuple(Source(mask.path, label=numbers[_organ(mask)]) for mask in masks if _organ(mask) in numbers)
        cases.append(Case(image.rel, (Source(image.path),), sources, split=split_of(image.folder)))
    names = {number: name for name, number in numbers.items()}
    rest = {mask.path: "other-annotation" for _, masks in found for mask in masks if _organ(mask) not in numbers}
    evidence = {"pairs": len(cases), "masks": sum(len(masks) for _, masks in found), "classes": len(names)}
    return Proposal(cases, lone_images, lone_masks, rest, class_names=names, evidence=evidence)


def _case_folders(tree: Tree) -> tuple[list[CaseFolder], list[Item], list[Item]]:
    """Every case folder's image and masks. A mask folder belongs to the only image of its parent, or of its sister folder."""
    everywhere = places(tree)
    by_rest: dict[tuple[str, ...], list[Place]] = defaultdict(list)
    for place in everywhere:
        if place.role in ("image", ""):
            by_rest[place.folder[:-1] if place.role == "image" else place.folder].append(place)
    found: list[CaseFolder] = []
    lone_masks: list[Item] = []
    taken: set[Folder] = set()
    for place in everywhere:
        if place.role != "mask" or not place.folder:
            continue
        homes = [home for home in by_rest.get(place.folder[:-1], ()) if len(tree.folders[home.folder]) == 1]
        masks = tree.folders[place.folder]
        image = tree.folders[homes[0].folder][0] if len(homes) == 1 else None
        if image is not None and image.suffix == SERIES and any(mask.suffix in _PLANAR for mask in masks):
            image = None  # flat pictures are masks of the single DICOM files, not of a volume made of them
        if image is None or homes[0].folder in taken:  # a second mask folder of one image: nothing says which is meant
            lone_masks += masks
            continue
        taken.add(homes[0].folder)
        found.append((image, masks))
    waiting = [
        item for place in everywhere if place.role == "image" and place.folder not in taken for item in tree.folders[place.folder]
    ]
    if len(found) > 1 and all(len(masks) == 1 and _same_name(image, masks[0]) for image, masks in found):
        return [], [], []  # plain pairs: the paired-folders layout says it better
    return found, waiting, lone_masks


def _same_name(image: Item, mask: Item) -> bool:
    return fold(image.stem) in fold(mask.stem)


def _organ(mask: Item) -> str:
    return fold(mask.stem)


def _organs(found: list[CaseFolder]) -> set[str]:
    """Names that are words and return in most cases; with a single case, words without a number in them."""
    if not found:
        return set()
    counts = Counter(_organ(mask) for _, masks in found for mask in masks)
    needed = len(found) / 2 if len(found) > 1 else 1
    names = {name for name, count in counts.items() if count >= needed and _is_word(name)}
    files = sum(counts.values())
    if len(names) < 2 or sum(counts[name] for name in names) < 0.5 * files:
        return set()
    return {name for name in counts if _is_word(name)} if set(names) - LATERAL else set()


def _is_word(name: str) -> bool:
    """Letters that mean something: not a number, not a mask word with a number (``mask_3``), not a running number or hash
    (``00012f``)."""
    parts = [part for part in tokens(name) if part not in MASK_WORDS and not part.isdecimal()]
    return any(sum(c.isalpha() for c in part) > max(1, sum(c.isdigit() for c in part)) and len(part) <= 40 for part in parts)
