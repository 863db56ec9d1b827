"""Images and masks in one folder, told apart by their names; with or without a folder per patient.

``x.png`` + ``x_mask.png`` (LGG kaggle_3m, BUSI, ISIC, ACDC ``_gt``), ``breast1_image.nrrd`` + ``breast1_label.nrrd``,
``volume-0.nii`` + ``segmentation-0.nii``, ``Image_01L.jpg`` + ``Image_01L_1stHO.png`` + ``…_2ndHO.png`` (CHASE-DB1),
``…_flair.nii.gz`` + ``…_t1.nii.gz`` + ``…_seg.nii.gz`` (BraTS: several images are the channels of one).
"""

from __future__ import annotations

from collections import Counter, defaultdict

from delineate.domain import Case, Finding, Source
from delineate.layouts.building import Pairing, build
from delineate.layouts.matching import Match, match_names
from delineate.layouts.proposal import Proposal, layout
from delineate.layouts.tree import LOSSY_SUFFIXES, Item, Tree, fold, words_of
from delineate.layouts.words import OTHER_WORDS, folder_words, stem_words, tokens

#: Sequences and modalities whose files together are one image with channels.
MODALITIES = words_of("flair t1 t1w t1ce t1c t1gd t1n t1post t2 t2w t2f t2flair pd pdw adc dwi swi mra cbf cbv mtt tmax ct pet pt")
_LOSSLESS = frozenset((".png", ".bmp", ".gif", ".tif", ".tiff"))


@layout("patient-folders", specificity=60)
def patient_folders(tree: Tree) -> Proposal | None:
    """A folder per patient (its name is an id: it holds a number) with images and masks side by side."""
    from delineate.layouts.patients import folder_is_id

    proposal = side_by_side(tree)
    if proposal is None:
        return None
    folders = {case.path.parent for case in proposal.cases}
    named = [folder for folder in folders if folder != tree.root and folder_is_id(folder.name)]
    if len(folders) < 2 or len(named) < 0.8 * len(folders):
        return None
    proposal.evidence["folders"] = len(folders)
    return proposal


@layout("side-by-side", specificity=40)
def side_by_side(tree: Tree) -> Proposal | None:
    """Files of a pair in the same folder, whatever the folders are called."""
    pairings: list[Pairing] = []
    findings: list[Finding] = []
    channels: list[Case] = []
    waiting: dict[tuple[str, ...], Match] = {}
    for folder, items in tree.folders.items():
        images, masks, others = _roles(items)
        if not masks:
            continue
        match = match_names(images, masks, derive=False)
        _only_two(match)
        waiting[folder] = match
        pairings.append(Pairing(match, {item.path: "other-annotation" for item in others}))
    channels = _channels(list(waiting.values()))
    if not any(pairing.match.pairs or pairing.match.raters for pairing in pairings) and not channels:
        pairings, findings = _by_common_ending(tree)
    if not pairings:
        return None
    used = {source.path for case in channels for source in (*case.images, *case.masks)}
    for pairing in pairings:
        match = pairing.match
        match.lone_images = [item for item in match.lone_images if item.path not in used]
        match.lone_masks = [item for item in match.lone_masks if item.path not in used]
    proposal = build(tree, pairings, extra=channels)
    proposal.findings += findings
    return proposal if proposal.cases else None


def _roles(items: list[Item]) -> tuple[list[Item], list[Item], list[Item]]:
    images, masks, others = [], [], []
    for item in items:
        if any(token in OTHER_WORDS for token in tokens(item.stem)):
            others.append(item)
        elif stem_words(item.stem).mask_keys:
            masks.append(item)
        else:
            images.append(item)
    return images, masks, others


def _only_two(match: Match) -> None:
    """``Patient_01.nii.gz`` + ``GT.nii.gz``: a nameless mask belongs to the only image of its folder."""
    nameless = [mask for mask in match.lone_masks if set(stem_words(mask.stem).mask_keys) <= {""}]
    if len(nameless) == 1 and len(match.lone_images) == 1 and not match.pairs:
        image = match.lone_images.pop()
        match.lone_masks.remove(nameless[0])
        match.pairs[image].append((nameless[0], ""))
        match.rule["only-two"] += 1


def _channels(matches: list[Match]) -> list[Case]:
    """Cases whose image is several files named by sequence. Only the set of sequences that most cases have is used."""
    found: list[tuple[Item, dict[str, Item]]] = []
    for match in matches:
        by_case: dict[str, dict[str, Item]] = defaultdict(dict)
        for image in match.lone_images:
            words = tokens(image.stem)
            if words and words[-1] in MODALITIES:
                by_case["_".join(words[:-1])][words[-1]] = image
        for mask in match.lone_masks:
            for key in stem_words(mask.stem).mask_keys:
                if by_case.get(key):
                    found.append((mask, by_case[key]))
                    break
    if not found:
        return []
    (usual, _), *_ = Counter(tuple(sorted(files)) for _, files in found).most_common(1)
    cases = []
    for mask, files in found:
        if set(usual) <= files.keys():
            name = "/".join((*mask.folder, "_".join(tokens(files[usual[0]].stem)[:-1]) or "case"))
            cases.append(Case(name, tuple(Source(files[sequence].path) for sequence in usual), (Source(mask.path),)))
    return cases


def _by_common_ending(tree: Tree) -> tuple[list[Pairing], list[Finding]]:
    """No word says mask: then an ending that nearly every second file has (``x.png`` + ``x_lungs.png``), or the same name
    once lossy and once lossless (``x.jpg`` + ``x.png``). Said in a finding, because it is an assumption."""
    votes: Counter[str] = Counter()
    twins = 0
    items = [item for item in tree.images if folder_words(item.folder[-1] if item.folder else "").role not in ("mask", "other")]
    groups: dict[tuple[str, ...], dict[str, list[Item]]] = defaultdict(lambda: defaultdict(list))
    for item in items:
        groups[item.folder][fold(item.stem)].append(item)
    for names in groups.values():
        for name, group in names.items():
            kinds = {item.suffix in LOSSY_SUFFIXES for item in group}
            twins += len(group) == 2 and kinds == {True, False} and all(i.suffix in LOSSY_SUFFIXES | _LOSSLESS for i in group)
            for cut in range(1, len(name)):
                ending = name[cut:]
                if name[:cut] in names and not ending[0].isalnum() and not any(c.isdigit() for c in ending):
                    votes[ending] += 1
    ending, count = (votes.most_common(1) or [("", 0)])[0]
    if max(count, twins) < 3 or 2 * max(count, twins) < 0.8 * len(items):
        return [], []
    pairings = []
    for names in groups.values():
        match = Match()
        for name, group in names.items():
            if count >= twins and name.endswith(ending) and name[: -len(ending)] in names:
                continue  # a mask itself
            if count >= twins:
                partner = names.get(name + ending, [])
                if len(group) == 1 and len(partner) == 1:
                    match.pairs[group[0]].append((partner[0], ""))
                else:
                    match.lone_images += group
            elif len(group) == 2 and {item.suffix in LOSSY_SUFFIXES for item in group} == {True, False}:
                image, mask = sorted(group, key=lambda item: item.suffix not in LOSSY_SUFFIXES)
                match.pairs[image].append((mask, ""))
            else:
                match.lone_images += group
        match.rule["common-ending" if count >= twins else "jpeg-and-lossless"] += len(match.pairs)
        pairings.append(Pairing(match))
    rule = f"x … x{ending}" if count >= twins else "x.jpg … x.png"
    return pairings, [Finding("assumed-mask-rule", "warning", tree.root, params={"rule": rule, "pairs": max(count, twins)})]
