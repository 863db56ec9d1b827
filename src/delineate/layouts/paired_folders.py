"""Images in one folder, masks in another: ``images/`` + ``masks/`` under any of their names, with any rule between the names.

Folders are paired by their path without the words for image and mask (``train/images/p1`` ↔ ``train/masks/p1``,
``imagesTr`` ↔ ``labelsTr``, ``val`` ↔ ``val_labels``). Folders that keep a different rest (``ISIC2018_Task1-2_Training_Input`` ↔
``ISIC2018_Task1_Training_GroundTruth``) are paired with the sister they share most names with. One folder more on the mask side
is a class (IDRiD ``1. Microaneurysms``), a side to be merged (Montgomery ``leftMask``) or an observer (DRIVE ``1st_manual``).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from delineate.layouts.building import Pairing, build, split_of
from delineate.layouts.matching import Match, match_names
from delineate.layouts.proposal import Proposal, layout
from delineate.layouts.tree import Item, Tree
from delineate.layouts.words import LATERAL, Role, folder_words

Folder = tuple[str, ...]
_MANY = 20


@dataclass(frozen=True)
class Place:
    """A folder with files: its role, and ``rest``, its path without role words."""

    folder: Folder
    role: Role
    rest: tuple[str, ...]
    rater: int | None
    weak: bool


def places(tree: Tree) -> list[Place]:
    """Every folder with image-like files. The deepest folder name with a role counts; a folder above others with roles
    (``lung_segmentation/CXR_png``, ``…/masks``) is only their container and says nothing."""
    containers: set[Folder] = set()
    for folder in tree.folders:
        for depth in range(1, len(folder) + 1):
            if folder_words(folder[depth - 1]).role:
                containers.update(folder[:above] for above in range(1, depth))
    found = []
    for folder in tree.folders:
        role: Role = ""
        rater, weak = None, False
        rest = []
        for depth, part in enumerate(folder, start=1):
            words = folder_words(part)
            rest.append(words.rest)
            rater = words.rater or rater
            if words.role and folder[:depth] not in containers:
                role, weak = words.role, words.weak
        found.append(Place(folder, role, _tidy(rest), rater, weak))
    return found


def _tidy(rest: list[str]) -> tuple[str, ...]:
    """Without empty parts and without what the folder above said already (``IMD002/IMD002_lesion``)."""
    kept: list[str] = []
    for part in rest:
        if part and (not kept or part != kept[-1]):
            kept.append(part)
    return tuple(kept)


@layout("paired-folders", specificity=50)
def paired_folders(tree: Tree) -> Proposal | None:
    everywhere = places(tree)
    mask_places = [place for place in everywhere if place.role == "mask"]
    image_places = [place for place in everywhere if place.role in ("image", "")]
    if not mask_places or not image_places:
        return None
    by_rest: dict[tuple[str, ...], list[Place]] = defaultdict(list)
    for place in image_places:
        by_rest[place.rest].append(place)
    sisters = _Sisters(image_places)
    partners: dict[Folder, list[tuple[Place, str | None, Match]]] = defaultdict(list)
    homeless: list[Place] = []
    for place in mask_places:
        partner = _partner(tree, place, by_rest, sisters)
        if partner is None:
            homeless.append(place)
        else:
            partners[partner[0].folder].append((place, *partner[1:]))
    _share(tree, image_places, partners)
    pairings = [_merge(tree.folders[folder], found) for folder, found in partners.items()]
    if not pairings:
        return None
    proposal = build(tree, pairings)
    for place in homeless:
        proposal.lone_masks += tree.folders[place.folder]
    proposal.evidence["folders"] = len(partners)
    proposal.explained.update(_unlabelled(tree, everywhere, partners.keys()))
    return proposal if proposal.cases else None


def _partner(
    tree: Tree, place: Place, by_rest: dict[tuple[str, ...], list[Place]], sisters: _Sisters
) -> tuple[Place, str | None, Match] | None:
    """The image folder of a mask folder, the class its extra folder names, and how the names match."""
    masks = tree.folders[place.folder]
    options: list[tuple[Place, str | None]] = [(other, None) for other in by_rest.get(place.rest, ())]
    if not options:
        for i, part in enumerate(place.rest):
            options += [(other, part) for other in by_rest.get((*place.rest[:i], *place.rest[i + 1 :]), ())]
    best = _best(tree, place, masks, options, share=0.0)
    if best is None:
        best = _best(tree, place, masks, sisters.of(place), share=0.5)
    return best


def _share(tree: Tree, image_places: list[Place], partners: dict[Folder, list[tuple[Place, str | None, Match]]]) -> None:
    """One folder of masks for several of images (``images_part_1``, ``images_part_2``): masks that found nothing in the first look
    into image folders without masks of their own, which must find a mask for half of their images, by name."""
    waiting = [entry for found in partners.values() for entry in found if entry[2].lone_masks]
    for place, extra, match in waiting:
        for other in image_places:
            mine, theirs = split_of(place.folder), split_of(other.folder)
            if other.folder in partners or not match.lone_masks or (mine and theirs and mine != theirs):
                continue
            more = match_names(tree.folders[other.folder], match.lone_masks, derive=False)
            if 2 * len(more.pairs) >= len(tree.folders[other.folder]):
                match.lone_masks, more.lone_masks = more.lone_masks, []
                partners[other.folder].append((place, extra, more))


class _Sisters:
    """Image folders that differ from a mask folder in one part of the path."""

    def __init__(self, image_places: list[Place]) -> None:
        self.by_gap: dict[tuple[Folder, Folder], list[Place]] = defaultdict(list)
        self.at = {place.folder: place for place in image_places}
        for place in image_places:
            for i in range(len(place.folder)):
                self.by_gap[place.folder[:i], place.folder[i + 1 :]].append(place)

    def of(self, place: Place) -> list[tuple[Place, str | None]]:
        """Options with the class that an extra folder on the mask side names. Folders with very many sisters (a folder per
        patient) are no evidence and left out."""
        folder = place.folder
        found: dict[Folder, tuple[Place, str | None]] = {}
        for short, extra in ((folder, None), (folder[:-1], folder_words(folder[-1]).rest or None)):
            for i in range(len(short)):
                options = self.by_gap.get((short[:i], short[i + 1 :]), ())
                for other in options if len(options) <= _MANY else ():
                    found.setdefault(other.folder, (other, extra))
            if short[:-1] in self.at and short:
                found.setdefault(short[:-1], (self.at[short[:-1]], extra))
        return list(found.values())


def _best(
    tree: Tree, place: Place, masks: list[Item], options: list[tuple[Place, str | None]], share: float
) -> tuple[Place, str | None, Match] | None:
    """Of several image folders the one that most masks find their image in; at least ``share`` of the shorter list."""
    ranked = []
    for other, extra in options:
        mine, theirs = split_of(place.folder), split_of(other.folder)
        if mine and theirs and mine != theirs:
            continue
        match = match_names(tree.folders[other.folder], masks)
        pairs = len(match.pairs) + sum(image not in match.pairs for image in match.raters)
        if pairs and pairs >= share * min(len(masks), len(tree.folders[other.folder])):
            near = sum(a == b for a, b in zip(other.folder, place.folder, strict=False))
            ranked.append(((pairs, other.role == "image", near), other, extra, match))
    if not ranked:
        return None
    _, other, extra, match = max(ranked, key=lambda entry: entry[0])
    return other, extra, match


def _merge(images: list[Item], found: list[tuple[Place, str | None, Match]]) -> Pairing:
    """All mask folders of one image folder: observers, classes, sides; a second plain one is an alternative."""
    total = Match()
    classes: dict[Path, str] = {}
    explained: dict[Path, str] = {}
    rated = any(place.rater for place, _, _ in found)
    # leftMask, rightMask: one structure, to be merged; beside a folder "heart", left_lung and right_lung are classes like it
    sided = len({_without_side(extra) for _, extra, _ in found if extra}) == 1
    found = sorted(found, key=lambda entry: (entry[0].weak, -len(entry[2].pairs), entry[0].folder))
    for place, extra, match in found:
        drawn = match.pairs
        if rated and not place.rater and not extra:
            # DRIVE, HRF: beside an observer's drawings a folder "mask" is the camera's field of view, not the truth
            explained.update({mask.path: "field-of-view-mask" for masks in drawn.values() for mask, _ in masks})
            explained.update({mask.path: "field-of-view-mask" for mask in match.lone_masks})
            continue
        total.rule.update(match.rule)
        total.lone_masks += match.lone_masks
        total.ambiguous += match.ambiguous
        for image, masks in drawn.items():
            if place.rater:
                total.raters[image][place.rater] = masks[0][0]
                continue
            total.pairs[image] += masks
            side = next((word for word in extra.split("_") if word in LATERAL), "") if extra and sided else ""
            if extra and not side:
                classes.update({mask.path: extra for mask, _ in masks})
            elif side:
                others = total.pairs[image][: -len(masks)]
                total.pairs[image] = [*others, *((mask, rest or side) for mask, rest in masks)]
        for image, raters in match.raters.items():
            total.raters[image].update(raters)
    if len(set(classes.values())) == 1 and len(found) == 1:
        classes = {}  # one extra folder only: a name of the data, not a class
    total.lone_images = [image for image in images if image not in total.pairs and image not in total.raters]
    return Pairing(total, explained, classes)


def _without_side(name: str) -> str:
    return "_".join(word for word in name.split("_") if word not in LATERAL)


def _unlabelled(tree: Tree, everywhere: list[Place], paired: Collection[Folder]) -> dict[Path, str]:
    """Images in a published test part that has no masks: their meaning is known."""
    return {
        item.path: "unlabelled-test-image"
        for place in everywhere
        if place.role in ("image", "") and place.folder not in paired and split_of(place.folder) == "test"
        for item in tree.folders[place.folder]
    }
