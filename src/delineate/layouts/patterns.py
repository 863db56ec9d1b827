"""Names a person describes: ``imgs/{case}.tif`` and ``gt/{case}_m.png``.

``{case}``, ``{patient}``, ``{n}`` (a number), ``{split}`` and ``{class}`` stand for parts of the name, ``*`` for anything within a
name, ``**`` for anything over folders. An image and a mask belong together when all placeholders both patterns have agree.
"""

from __future__ import annotations

import re
from collections import defaultdict

from delineate.domain import Case, Finding, Source
from delineate.errors import DataError, UsageError
from delineate.layouts.proposal import Proposal, numbered_classes
from delineate.layouts.tree import SERIES, Item, Tree

PLACEHOLDERS = ("case", "patient", "n", "split", "class")
_PIECE = re.compile(r"(\*\*/?|\*|\?|\{[^{}]*\})")


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """A pattern as a regular expression over the path below the root with ``/``. Raises UsageError ``bad-pattern``."""
    parts: list[str] = []
    seen: set[str] = set()
    for piece in _PIECE.split(pattern.replace("\\", "/").removeprefix("./")):
        if piece == "**/":
            parts.append(r"(?:.*/)?")
        elif piece == "**":
            parts.append(r".*")
        elif piece == "*":
            parts.append(r"[^/]*")
        elif piece == "?":
            parts.append(r"[^/]")
        elif piece.startswith("{"):
            name = piece[1:-1]
            if name not in PLACEHOLDERS:
                raise UsageError(
                    "bad-pattern", pattern=pattern, placeholder=piece, known=", ".join(f"{{{p}}}" for p in PLACEHOLDERS)
                )
            if name in seen:
                parts.append(f"(?P=p_{name})")
            else:
                parts.append(f"(?P<p_{name}>{r'[0-9]+' if name == 'n' else r'[^/]+?'})")
                seen.add(name)
        else:
            parts.append(re.escape(piece))
    return re.compile("".join(parts))


def values(expression: re.Pattern[str], text: str) -> dict[str, str] | None:
    """Placeholder → text where the whole path fits, else ``None``."""
    match = expression.fullmatch(text)
    return None if match is None else {name[2:]: value for name, value in match.groupdict().items()}


def full_name(item: Item) -> str:
    return "/".join((*item.folder, item.stem if item.suffix == SERIES else item.name))


def from_patterns(tree: Tree, image_pattern: str, mask_pattern: str) -> Proposal:
    """Cases of all files that fit. Raises UsageError ``patterns-share-nothing``, DataError ``pattern-fits-nothing``."""
    image_rule, mask_rule = compile_pattern(image_pattern), compile_pattern(mask_pattern)
    shared = sorted(name for name in image_rule.groupindex if name in mask_rule.groupindex and name != "p_class")
    if not shared:
        raise UsageError("patterns-share-nothing", image=image_pattern, mask=mask_pattern)
    masks: dict[tuple[str, ...], list[tuple[Item, str]]] = defaultdict(list)
    mask_paths = set()
    for item in tree.images:
        hit = values(mask_rule, full_name(item))
        if hit is not None:
            masks[tuple(hit[name[2:]] for name in shared)].append((item, hit.get("class", "")))
            mask_paths.add(item.path)
    classes = numbered_classes({name for group in masks.values() for _, name in group if name})
    images: dict[tuple[str, ...], list[tuple[Item, dict[str, str]]]] = defaultdict(list)
    for item in tree.images:
        if item.path in mask_paths:
            continue  # a name that fits both ("{case}.png", "{case}_mask.png") is a mask
        hit = values(image_rule, full_name(item))
        if hit is not None:
            images[tuple(hit[name[2:]] for name in shared)].append((item, hit))
    for what, pattern, empty in (("image", image_pattern, not images), ("mask", mask_pattern, not masks)):
        if empty:
            examples = ", ".join(full_name(item) for item in tree.images[:3])
            raise DataError("pattern-fits-nothing", what=what, pattern=pattern, examples=examples or "–")
    proposal = Proposal([], class_names={number: name for name, number in classes.items()})
    for key, group in images.items():
        if key not in masks:
            proposal.lone_images += [item for item, _ in group]
            continue
        if len(group) > 1:
            proposal.explained.update({item.path: "ambiguous-pair" for item, _ in group})
            proposal.findings.append(Finding("ambiguous-mask", "warning", masks[key][0][0].path))
            continue
        image, found = group[0]
        sources = tuple(Source(item.path, label=classes.get(name)) for item, name in masks[key])
        number = int(found["n"]) if "n" in found else None
        volume = "/".join(found[name] for name in ("patient", "case") if name in found) if number is not None else None
        proposal.cases.append(
            Case(
                image.rel,
                (Source(image.path),),
                sources,
                found.get("patient"),
                volume or None,
                number if volume else None,
                found.get("split"),
            )
        )
    proposal.lone_masks += [item for key, group in masks.items() if key not in images for item, _ in group]
    proposal.patients_given = "p_patient" in image_rule.groupindex
    proposal.evidence = {"pairs": len(proposal.cases), "image_pattern": image_pattern, "mask_pattern": mask_pattern}
    if not proposal.cases:
        raise DataError(
            "patterns-do-not-meet", image=image_pattern, mask=mask_pattern, keys=", ".join("/".join(k) for k in list(images)[:3])
        )
    return proposal
