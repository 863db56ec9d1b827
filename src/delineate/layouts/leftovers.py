"""Every file that no case uses gets the code of the reason (sentence: catalogue key ``explained.<code>``)."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from delineate.domain import Finding
from delineate.layouts.building import split_of
from delineate.layouts.proposal import Proposal
from delineate.layouts.tree import Item, Tree
from delineate.layouts.words import folder_words, tokens

_KINDS = {
    "documentation": ".md .txt .rst .pdf .doc .docx .rtf .html .htm .odt .tex .bib .ppt .pptx .cff",
    "metadata": ".csv .tsv .xls .xlsx .json .jsonl .xml .yaml .yml .cfg .ini .toml .bval .bvec .sql .ods .dat",
    "code": ".py .m .ipynb .r .sh .c .cpp .h .js .css .jar .bat",
    "archive": ".zip .tar .gz .tar.gz .tgz .rar .7z .bz2 .xz",
    "model-file": ".pth .pt .onnx .ckpt .safetensors .keras .tflite .pb",
    "video": ".avi .mp4 .mov .mkv .wmv .mpg",
    "unsupported-format": ".h5 .hdf5 .mat .pkl .pickle .svs .ndpi .mrxs .czi .lif .vsi .par .rec .stl .vtk .obj .ply "
    ".jp2 .heic .svg .zarr "
    ".img .hdr .raw .seg .webp .gif .psd .nd2 .oib .oif .xcf .ai .eps",
}
_BY_SUFFIX = {suffix: code for code, suffixes in _KINDS.items() for suffix in suffixes.split()}
_DOCUMENTS = re.compile(r"(readme|licen[cs]e|copying|citation|attribution|notice|changelog|authors)", re.IGNORECASE)
#: Findings of one code that are listed singly; the rest is counted.
LISTED = 100


def explain_other(item: Item) -> str:
    """The reason for a file that holds no pixels we read."""
    if _DOCUMENTS.match(item.name):
        return "documentation"
    return _BY_SUFFIX.get(item.suffix, "not-an-image")


def is_test(item: Item) -> bool:
    """Whether folder or name says that the file belongs to a published test part."""
    return split_of(item.folder) == "test" or any(token in ("test", "testing") for token in tokens(item.stem))


def explain(tree: Tree, proposal: Proposal, used: set[Path], explained: dict[Path, str]) -> list[Finding]:
    """Complete ``explained`` for all files of the tree; returns the findings for images and masks without partner."""
    findings: list[Finding] = []

    def taken(item: Item) -> bool:
        return item.path in used or item.path in explained or item.path.parent in used

    for item in proposal.lone_images:
        if taken(item):
            continue
        if is_test(item):
            explained[item.path] = "unlabelled-test-image"
        else:
            explained[item.path] = "image-without-mask"
            findings.append(Finding("image-without-mask", "warning", item.path))
    for item in proposal.lone_masks:
        if not taken(item):
            explained[item.path] = "mask-without-image"
            findings.append(Finding("mask-without-image", "warning", item.path))
    for item in tree.images:
        if not taken(item):
            other = any(folder_words(part).role == "other" for part in item.folder)
            explained[item.path] = "other-annotation" if other else "unlabelled-test-image" if is_test(item) else "unrelated-image"
    unsupported = [item for item in tree.others if not taken(item) and explain_other(item) == "unsupported-format"]
    for item in tree.others:
        if not taken(item):
            explained[item.path] = explain_other(item)
    if unsupported:
        suffixes = ", ".join(sorted({item.suffix for item in unsupported}))
        findings.append(
            Finding("unsupported-format", "info", unsupported[0].path, params={"n": len(unsupported), "suffixes": suffixes})
        )
    return findings


def shorten(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """At most :data:`LISTED` findings of a code, errors first; the rest is one finding that counts them."""
    by_code: dict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        by_code[finding.code].append(finding)
    result: list[Finding] = []
    for code, group in by_code.items():
        result += group[:LISTED]
        if len(group) > LISTED:
            result.append(Finding("and-more", group[0].severity, params={"n": len(group) - LISTED, "about": code}))
    order = {"error": 0, "warning": 1, "info": 2}
    return tuple(sorted(result, key=lambda finding: order[finding.severity]))
