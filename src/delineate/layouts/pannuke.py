"""PanNuke (Gamper 2020): ``Fold k/images/foldk/images.npy`` (N, 256, 256, 3), ``masks.npy`` (N, 256, 256, 6), ``types.npy``.

The six mask channels hold instance numbers per nucleus class, the last one is background. Each of the five class channels
becomes one mask source: ``index`` is the patch, ``item`` the channel, ``label`` the class.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np

from delineate.domain import Case, Finding, Source
from delineate.layouts.proposal import Proposal, layout
from delineate.layouts.tree import Item, Tree
from delineate.layouts.words import folder_words

CLASSES = ("Neoplastic", "Inflammatory", "Connective", "Dead", "Epithelial")


@layout("pannuke", specificity=95)
def pannuke(tree: Tree) -> Proposal | None:
    """Every pair of ``images.npy`` and ``masks.npy`` whose folders name the same fold."""
    images, masks, types = (
        {key: item for item in tree.images if item.name.lower() == name and (key := _fold(item))}
        for name in ("images.npy", "masks.npy", "types.npy")
    )
    proposal = Proposal([], unit="image")
    tissues: Counter[str] = Counter()
    for key in sorted(images.keys() | masks.keys()):
        image, mask = images.get(key), masks.get(key)
        if image is None or mask is None:
            proposal.lone_images += [image] if image else []
            proposal.lone_masks += [mask] if mask else []
            continue
        mine, theirs = _shape(image.path), _shape(mask.path)
        if len(mine) != 4 or len(theirs) != 4 or theirs[3] != len(CLASSES) + 1 or mine[:3] != theirs[:3]:
            proposal.explained.update({image.path: "pages-differ", mask.path: "pages-differ"})
            proposal.findings.append(Finding("pages-differ", "warning", image.path, params={"pages": f"{mine}, {theirs}"}))
            continue
        split = key[-1]
        for i in range(mine[0]):
            sources = tuple(Source(mask.path, index=i, item=str(channel), label=channel + 1) for channel in range(len(CLASSES)))
            proposal.cases.append(Case(f"{image.rel}/{i}", (Source(image.path, index=i),), sources, split=split))
        if key in types:
            tissues.update(_tissues(types[key].path))
    if not proposal.cases:
        return None
    proposal.explained.update({item.path: "metadata" for item in types.values()})
    proposal.class_names = dict(enumerate(CLASSES, start=1))
    proposal.evidence = {
        "pairs": len(proposal.cases),
        "folds": len({case.split for case in proposal.cases}),
        "tissues": dict(tissues),
    }
    return proposal


def _fold(item: Item) -> tuple[str, ...]:
    """What identifies the fold: the folders without role words, so that images and masks of a fold meet; the fold's name last."""
    words = [folder_words(part) for part in item.folder]
    folds = [entry.split for entry in words if entry.split and entry.split.startswith("fold")]
    if not folds:
        return ()
    return (*(entry.rest for entry in words if entry.rest and not (entry.split or "").startswith("fold")), folds[-1])


def _shape(path: Path) -> tuple[int, ...]:
    """Shape of an NPY file; ``()`` where it is none."""
    try:
        return tuple(np.load(path, mmap_mode="r", allow_pickle=False).shape)
    except (OSError, ValueError, EOFError):
        return ()


def _tissues(path: Path) -> Counter[str]:
    try:
        names = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return Counter()
    return Counter(str(name) for name in names.ravel()) if names.dtype.kind == "U" and names.size < 1_000_000 else Counter()
