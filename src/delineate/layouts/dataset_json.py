"""Data sets that describe themselves in ``dataset.json``: Medical Segmentation Decathlon, and nnU-Net's raw format (v1 and v2)."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

from delineate.domain import Case, Finding, Source
from delineate.layouts.proposal import Proposal, layout
from delineate.layouts.tree import Item, Tree

_MAX_BYTES = 32 << 20
_CHANNEL = re.compile(r"(.+)_(\d{4})")


def read_json(path: Path) -> Any:
    """The parsed file, or ``None`` where it is damaged or too large (the caller says so in a finding)."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            return None
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return None


def _descriptions(tree: Tree) -> tuple[list[tuple[Item, dict[str, Any]]], list[Finding]]:
    found, findings = [], []
    for item in tree.others:
        if item.name.lower() == "dataset.json":
            data = read_json(item.path)
            if isinstance(data, dict):
                found.append((item, data))
            else:
                findings.append(Finding("metadata-damaged", "warning", item.path))
    return found, findings


def label_names(data: dict[str, Any]) -> dict[int, str]:
    """Value → name from ``labels``, which is value → name in MSD and nnU-Net v1, name → value in nnU-Net v2. Regions (lists of
    values) have no value of their own and are left out; so is background."""
    names: dict[int, str] = {}
    labels = data.get("labels")
    for key, value in labels.items() if isinstance(labels, dict) else ():
        number, name = (key, value) if str(key).lstrip("-").isdecimal() else (value, key)
        if isinstance(number, (int, str)) and not isinstance(number, bool) and str(number).isdecimal() and isinstance(name, str):
            names[int(number)] = name
    names.pop(0, None)
    return names


@layout("msd", specificity=90)
def msd(tree: Tree) -> Proposal | None:
    """The training list of ``dataset.json``, as far as its files are there."""
    descriptions, findings = _descriptions(tree)
    by_path = {item.path: item for item in tree.images}
    proposal = Proposal([], findings=findings)
    for item, data in descriptions:
        base = item.path.parent
        explained = False
        for entry in data["training"] if isinstance(data.get("training"), list) else ():
            if not isinstance(entry, dict):
                continue
            image, label = (_inside(base, entry.get(key)) for key in ("image", "label"))
            if image not in by_path or label not in by_path:
                missing = image if image not in by_path else label
                if missing is not None:
                    params = {"list": item.name, "file": missing.name}
                    proposal.findings.append(Finding("listed-file-missing", "warning", missing, params=params))
                continue
            explained = True
            proposal.cases.append(Case(by_path[image].rel, (Source(image),), (Source(label),)))
        if explained:
            proposal.explained[item.path] = "metadata"
            proposal.class_names.update(label_names(data))
            for entry in data["test"] if isinstance(data.get("test"), list) else ():
                path = _inside(base, entry.get("image") if isinstance(entry, dict) else entry)
                if path in by_path:
                    proposal.explained[path] = "unlabelled-test-image"
            proposal.evidence["name"] = str(data.get("name", item.path.parent.name))
            channels = data.get("modality") or data.get("channel_names")
            if isinstance(channels, dict):
                proposal.evidence["channels"] = [str(name) for name in channels.values()]
    proposal.declared = True
    proposal.evidence["pairs"] = len(proposal.cases)
    return proposal if proposal.cases else None


def _inside(base: Path, text: Any) -> Path | None:
    """A path of the list below the list's own folder; ``None`` for anything that is not text or leads out of it."""
    if not isinstance(text, str) or not text:
        return None
    parts = [part for part in text.replace("\\", "/").split("/") if part not in ("", ".")]
    return None if ".." in parts else base.joinpath(*parts)


@layout("nnunet", specificity=100)
def nnunet(tree: Tree) -> Proposal | None:
    """``imagesTr/<case>_0000.nii.gz`` (one file per channel) with ``labelsTr/<case>.nii.gz``; the same with ``Ts``."""
    descriptions, findings = _descriptions(tree)
    proposal = Proposal([], findings=findings)
    homes = {folder[:-1] for folder in tree.folders if folder and folder[-1] in ("imagesTr", "imagesTs")}
    for home in sorted(homes):
        for part, split in (("Tr", "train"), ("Ts", "test")):
            images: dict[str, dict[int, Item]] = defaultdict(dict)
            for item in tree.folders.get((*home, f"images{part}"), ()):
                match = _CHANNEL.fullmatch(item.stem)
                if match:
                    images[match[1]][int(match[2])] = item
                else:
                    proposal.lone_images.append(item)
            labels = {item.stem: item for item in tree.folders.get((*home, f"labels{part}"), ())}
            _pair(proposal, images, labels, split)
    for item, data in descriptions:
        if item.folder in homes:
            proposal.explained[item.path] = "metadata"
            proposal.class_names.update(label_names(data))
            channels = data.get("channel_names") or data.get("modality")
            if isinstance(channels, dict):
                proposal.evidence["channels"] = [str(name) for name in channels.values()]
    proposal.evidence |= {"pairs": len(proposal.cases)}
    return proposal if proposal.cases else None


def _pair(proposal: Proposal, images: dict[str, dict[int, Item]], labels: dict[str, Item], split: str) -> None:
    channels = {number for files in images.values() for number in files}
    for name, files in images.items():
        ordered = [files[number] for number in sorted(files)]
        if name not in labels and split == "test":
            proposal.explained.update({item.path: "unlabelled-test-image" for item in ordered})
        elif name not in labels:
            proposal.lone_images += ordered
        elif files.keys() != channels:
            proposal.explained.update({item.path: "channel-missing" for item in (*ordered, labels[name])})
            missing = ", ".join(f"_{number:04d}" for number in sorted(channels - files.keys()))
            proposal.findings.append(Finding("channel-missing", "warning", ordered[0].path, params={"channels": missing}))
        else:
            case = "/".join((*ordered[0].folder, name))
            proposal.cases.append(Case(case, tuple(Source(i.path) for i in ordered), (Source(labels[name].path),), split=split))
    proposal.lone_masks += [item for name, item in labels.items() if name not in images]
