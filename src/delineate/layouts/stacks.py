"""Files that hold many images: multi-page TIFF stacks (ISBI ``train-volume.tif`` + ``train-labels.tif``) and array files.

Every page with its label page is a case; the pages of a stack are one volume. Headers are read of few files only: a folder
with hundreds of TIFFs is no stack data set.
"""

from __future__ import annotations

from dataclasses import replace

from delineate.domain import Case, Finding, Source
from delineate.errors import DelineateError
from delineate.formats import read_header
from delineate.layouts.paired_folders import paired_folders
from delineate.layouts.proposal import Proposal, layout
from delineate.layouts.side_by_side import side_by_side
from delineate.layouts.tree import Item, Tree
from delineate.layouts.words import tokens

_STACKS = frozenset((".tif", ".tiff", ".npy"))
_MAX_HEADERS = 64


@layout("stacks", specificity=80)
def stacks(tree: Tree) -> Proposal | None:
    """Pairs of stacks with equally many pages."""
    candidates = [item for item in tree.images if item.suffix in _STACKS]
    if not candidates or len(candidates) > _MAX_HEADERS:
        return None
    pages = {item.path: count for item in candidates if (count := _pages(item)) > 1}
    if len(pages) < 2:
        return None
    inner = replace(tree, images=tuple(item for item in tree.images if item.path in pages))
    inside = [found for propose in (side_by_side, paired_folders, _x_and_y) if (found := propose(inner)) is not None]
    if not inside:
        return None
    whole = max(inside, key=lambda proposal: len(proposal.cases))
    proposal = Proposal([], whole.lone_images, whole.lone_masks, whole.explained, whole.findings, whole.class_names)
    for case in whole.cases:
        image = case.images[0]
        count = pages[image.path]
        if any(pages[source.path] != count for source in (*case.images, *case.masks)):
            proposal.explained.update({source.path: "pages-differ" for source in (*case.images, *case.masks)})
            counts = ", ".join(str(pages[source.path]) for source in (*case.images, *case.masks))
            proposal.findings.append(Finding("pages-differ", "warning", image.path, params={"pages": counts}))
            continue
        for page in range(count):
            proposal.cases.append(
                Case(
                    f"{case.id}/{page}",
                    tuple(replace(source, index=page) for source in case.images),
                    tuple(replace(source, index=page) for source in case.masks),
                    volume=case.id,
                    position=page,
                    split=case.split,
                    raters={name: tuple(replace(s, index=page) for s in sources) for name, sources in case.raters.items()},
                )
            )
    volumes = {case.volume for case in proposal.cases}
    if len(volumes) == 1:
        proposal.unit = "block"
        proposal.findings.append(
            Finding("stack-without-patients", "warning", proposal.cases[0].path, params={"slices": len(proposal.cases)})
        )
    proposal.evidence = {"pairs": len(proposal.cases), "stacks": len(volumes)}
    return proposal if proposal.cases else None


def _pages(item: Item) -> int:
    try:
        header = read_header(item.path)
    except DelineateError:
        return 0  # said later, when the file is read
    return max(header.items, int(header.meta.get("pages", 1)))


def _x_and_y(tree: Tree) -> Proposal | None:
    """``X_train.npy`` + ``Y_train.npy``: images and masks as array programs name them."""
    names = {(item.folder, tokens(item.stem)): item for item in tree.images}
    cases = []
    for (folder, words), image in names.items():
        mask = names.get((folder, tuple("y" if word == "x" else word for word in words)))
        if "x" in words and mask is not None:
            cases.append(Case(image.rel, (Source(image.path),), (Source(mask.path),)))
    return Proposal(cases) if cases else None
