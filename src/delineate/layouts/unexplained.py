"""The error for a folder that no layout explains: what was found, what was expected, how to say it oneself."""

from __future__ import annotations

from collections import Counter, defaultdict

from delineate.domain import Finding
from delineate.errors import DataError
from delineate.layouts.leftovers import explain_other
from delineate.layouts.proposal import LAYOUTS
from delineate.layouts.tree import Tree, count_by_suffix
from delineate.layouts.words import folder_words, stem_words

_SHOWN = 8

#: How the layouts look on disk; the same in every language.
SKETCHES = """\
  patient-folders   P01/P01_1.tif + P01/P01_1_mask.tif
  paired-folders    images/x.png + masks/x.png   (also train/images …, imgs, labels, gt …)
  side-by-side      x.jpg + x_mask.png   (also _seg, _gt, _label, _segmentation, a_image + a_label)
  instance-masks    x/images/x.png + x/masks/*.png
  class-per-file    x/ct.nii.gz + x/segmentations/liver.nii.gz …
  msd, nnunet       dataset.json + imagesTr/… + labelsTr/…
  stacks            train-volume.tif + train-labels.tif
  pannuke           Fold 1/images/fold1/images.npy + Fold 1/masks/fold1/masks.npy
  table             a CSV with the columns image, mask, patient, split"""


def cannot_explain(tree: Tree, layout: str | None, scores: dict[str, float]) -> DataError:
    """``folder-empty``, ``no-images``, ``no-mask-files`` ``layout-does-not-fit``, ``layout-unknown``."""
    if not tree.images and not tree.others and not tree.findings:
        return DataError("folder-empty", path=tree.root)
    found = describe(tree)
    if not tree.images:
        return DataError("no-images", path=tree.root, found=found)
    if layout is not None:
        return DataError("layout-does-not-fit", path=tree.root, layout=layout, found=found, layouts=", ".join(LAYOUTS.names()))
    masks = any(
        (item.folder and any(folder_words(part).role == "mask" for part in item.folder)) or stem_words(item.stem).mask_keys
        for item in tree.images
    )
    best = max(scores.items(), key=lambda pair: pair[1], default=None)
    nearest = f"{best[0]} ({best[1]:.0%})" if best else "–"
    return DataError(
        "layout-unknown" if masks else "no-mask-files", path=tree.root, found=found, expected=SKETCHES, nearest=nearest
    )


def describe(tree: Tree) -> str:
    """Counts by suffix, folders with their number of files, example names, and what could not be entered; a few lines."""
    lines = (
        ["  " + ", ".join(f"{count} × {suffix}" for suffix, count in list(count_by_suffix(tree.images).items())[:_SHOWN])]
        if tree.images
        else []
    )
    other = Counter(item.suffix or item.name for item in tree.others)
    if other:
        kinds = ", ".join(f"{count} × {suffix}" for suffix, count in other.most_common(_SHOWN))
        lines.append(f"  {kinds} ({', '.join(sorted({explain_other(item) for item in tree.others}))})")
    folders = list(tree.folders.items())
    for folder, items in folders[:_SHOWN]:
        examples = ", ".join(item.name for item in items[:3]) + (" …" if len(items) > 3 else "")
        lines.append(f"  {'/'.join(folder) or '.'}/  {len(items)}: {examples}")
    if len(folders) > _SHOWN:
        lines.append(f"  … +{len(folders) - _SHOWN}")
    # Masks may well lie behind a folder that is closed, or be links whose files were never fetched (git-annex).
    closed: dict[str, list[Finding]] = defaultdict(list)
    for finding in tree.findings:
        closed[finding.code].append(finding)
    for code, group in closed.items():
        where = group[0].path.relative_to(tree.root).as_posix() if group[0].path else "?"
        reason = f" ({group[0].params['reason']})" if "reason" in group[0].params else ""
        lines.append(f"  {len(group)} × {code}: {where}{reason}" + (" …" if len(group) > 1 else ""))
    return "\n".join(lines)
