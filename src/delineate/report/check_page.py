"""check.html: what was found in the folder, what the masks mean, what is wrong, and whether it can be trained on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from delineate.dataset import Fingerprint, describe_rule
from delineate.dataset.checks import blocking, sentences
from delineate.dataset.facts import CaseFacts
from delineate.domain import Finding, LabelSet, Scan
from delineate.i18n import has, translate
from delineate.recipe import MaskRule, Splits, write_text
from delineate.report.check_pictures import montage, rule_example
from delineate.report.histograms import intensity_curves, share_columns
from delineate.report.page import brief, render

PARTS = ("train", "validation", "test")
SHOWN_FILES = 40
SHOWN_EVIDENCE = 12
NOT_SHOWN = ("scores", "patients")
"""Evidence that only programs need, or that the page shows elsewhere."""


@dataclass
class FindingRow:
    """Findings of one code and severity. ``items`` are (sentence, file); ``more`` were counted and not kept."""

    code: str
    severity: str
    remedy: str
    items: list[tuple[str, str]] = field(default_factory=list)
    more: int = 0

    @property
    def n(self) -> int:
        return len(self.items) + self.more


@dataclass(frozen=True)
class PartRow:
    """One part of a split: how many persons, cases, and how many persons have each class."""

    fold: int
    part: str
    persons: int
    cases: int
    planes: int
    marked: int
    with_class: tuple[int, ...]


def write_check_page(
    path: Path,
    scan: Scan,
    facts: Sequence[CaseFacts],
    findings: Sequence[Finding],
    rule: MaskRule,
    labels: LabelSet,
    splits: Splits | None = None,
    fingerprint: Fingerprint | None = None,
    language: str = "en",
    *,
    allow: Collection[str] = (),
    synthetic: bool = False,
) -> Path:
    """Write the page as one self-contained file and give its path.

    ``allow`` are codes of errors that a person has overruled; ``synthetic`` puts a banner over images that a program drew. About a
    dozen images are read again for the pictures. Raises ``ResourceError`` where the file cannot be written.
    """
    cases = {case.id: case for case in scan.cases}
    usable = [fact for fact in facts if fact.usable]
    stopping = blocking(findings, allow)
    warnings = sum(finding.severity == "warning" for finding in findings)
    html = render(
        "check.html.j2",
        language,
        name=scan.root.resolve().name or str(scan.root),
        verdict="stop" if stopping else "warn" if warnings else "ready",
        reasons=list(dict.fromkeys(sentences(finding, language)[0] for finding in stopping if finding.code != "and-more"))[:4],
        counts=Counter(finding.severity for finding in findings),
        scan=scan,
        layout=_name("layout", scan.layout, language),
        evidence=_evidence(scan.evidence, language),
        labels=labels,
        rule=describe_rule(rule, labels, language),
        usable=usable,
        persons=len({fact.person for fact in usable}),
        volumes=len({fact.group for fact in usable}) if any(fact.planes > 1 or fact.group != fact.case for fact in usable) else 0,
        planes=sum(fact.planes for fact in usable),
        marked_planes=sum(fact.planes_with_foreground for fact in usable),
        kinds=_kinds(facts),
        classes=_classes(usable, labels),
        splits=splits,
        parts=part_rows(splits, usable, scan.unit, labels) if splits else [],
        example=rule_example(facts, cases, rule, labels),
        tiles=montage(facts, cases, rule, labels),
        curves=intensity_curves([fact for fact in facts if fact.shape]),
        columns=share_columns(facts),
        rows=finding_rows(findings, scan.root, language),
        left_out=_left_out(scan, facts, language),
        fingerprint=fingerprint,
        shown_files=SHOWN_FILES,
        synthetic=synthetic,
    )
    write_text(path, html)
    return path


def finding_rows(findings: Sequence[Finding], root: Path, language: str) -> list[FindingRow]:
    """One row per code and severity, in the order of the findings; the counts of ``and-more`` belong to the row before."""
    rows: dict[tuple[str, str], FindingRow] = {}
    for finding in findings:
        if finding.code == "and-more":
            row = rows.get((finding.severity, str(finding.params.get("about"))))
            if row is not None:
                row.more += int(finding.params.get("n", 0))
                continue
        sentence, remedy = sentences(_relative(finding, root), language)
        row = rows.setdefault((finding.severity, finding.code), FindingRow(finding.code, finding.severity, remedy))
        row.items.append((sentence, _short(finding.path, root)))
    return list(rows.values())


def part_rows(splits: Splits, facts: Sequence[CaseFacts], unit: str, labels: LabelSet) -> list[PartRow]:
    """What each part of each fold holds. In unit ``block`` the keys of a split are case ids."""
    rows = []
    for number, fold in enumerate(splits.folds, start=1):
        for part in PARTS:
            members = set(fold.get(part, ()))  # type: ignore[call-overload]
            mine = [fact for fact in facts if (fact.case if unit == "block" else fact.person) in members]
            owners = [
                len(
                    {
                        fact.case if unit == "block" else fact.person
                        for fact in mine
                        if k < len(fact.class_pixels) and fact.class_pixels[k]
                    }
                )
                for k in range(labels.classes)
            ]
            planes, marked = sum(fact.planes for fact in mine), sum(fact.planes_with_foreground for fact in mine)
            rows.append(PartRow(number, part, len(members), len(mine), planes, marked, tuple(owners)))
    return rows


def _relative(finding: Finding, root: Path) -> Finding:
    """Paths below the data folder: a page that is passed on must not tell where its owner keeps files."""
    params = {key: _short(value, root) if isinstance(value, Path) else value for key, value in finding.params.items()}
    inner: Any = params.get("reason_params")
    if inner:
        params["reason_params"] = {key: _short(Path(value), root) if key == "path" else value for key, value in inner.items()}
    path = None if finding.path is None else Path(_short(finding.path, root))
    return Finding(finding.code, finding.severity, path, finding.case, params)


def _short(path: Path | None, root: Path) -> str:
    if path is None or path == root:
        return ""
    try:
        return path.relative_to(root).as_posix()
    except ValueError:
        return path.name


def _name(kind: str, code: str, language: str) -> str:
    key = f"{kind}.{code}"
    return translate(key, language) if has(key, language) else code


def _evidence(evidence: Mapping[str, Any], language: str) -> list[tuple[str, str]]:
    plain = []
    for key, value in evidence.items():
        if key in NOT_SHOWN or value in (None, "", 0, [], {}, ()):
            continue
        title = f"checkpage.evidence.{key}"
        plain.append((translate(title, language) if has(title, language) else key.replace("_", " "), _plain(value)))
    return plain[:SHOWN_EVIDENCE]


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_plain(item)}" for key, item in list(value.items())[:8])
    if isinstance(value, (list, tuple, set, frozenset)):
        items = [_plain(item) for item in value]
        return ", ".join(items[:8]) + (" …" if len(items) > 8 else "")
    return brief(value) if isinstance(value, float) else str(value)


def _kinds(facts: Sequence[CaseFacts]) -> dict[str, str]:
    """What the images are, most frequent first: file format, number type, channels, size, spacing."""
    seen = [fact for fact in facts if fact.shape]
    if not seen:
        return {}
    sizes = Counter("×".join(map(str, fact.shape)) for fact in seen)
    spacings = Counter(" × ".join(f"{s:.3g}" for s in fact.spacing) + " mm" for fact in seen if fact.spacing)
    return {
        "format": _counted(Counter(fact.format for fact in seen)),
        "dtype": _counted(Counter(fact.dtype for fact in seen)),
        "channels": _counted(Counter(f"{fact.channels} ({fact.colour})" if fact.colour else str(fact.channels) for fact in seen)),
        "size": _counted(sizes),
        "spacing": _counted(spacings) or "–",
    }


def _counted(counts: Counter[str], most: int = 4) -> str:
    if len(counts) == 1:
        return next(iter(counts))
    shown = ", ".join(f"{kind} ({n})" for kind, n in counts.most_common(most))
    return shown + (f" … (+{len(counts) - most})" if len(counts) > most else "")


def _classes(usable: Sequence[CaseFacts], labels: LabelSet) -> list[dict[str, Any]]:
    total = sum(fact.pixels - fact.ignored_pixels for fact in usable) or 1
    rows = []
    for number, name in enumerate(labels.names):
        mine = [fact for fact in usable if number < len(fact.class_pixels) and fact.class_pixels[number]]
        rows.append(
            {
                "name": name,
                "colour": labels.colour(number + 1),
                "cases": len(mine),
                "persons": len({fact.person for fact in mine}),
                "share": 100 * sum(fact.class_pixels[number] for fact in mine) / total,
            }
        )
    return rows


def _left_out(scan: Scan, facts: Sequence[CaseFacts], language: str) -> list[tuple[str, list[str]]]:
    """(reason, files) for everything that is not trained on."""
    groups: dict[str, list[str]] = {}
    for fact in facts:
        if fact.error is not None:
            reason = translate(f"error.{fact.error.code}", language, **_safe(fact.error.params, scan.root))
            groups.setdefault(reason, []).append(fact.case)
        elif not fact.labelled:
            groups.setdefault(translate("checkpage.left.unlabelled", language), []).append(fact.case)
    for path, code in scan.explained.items():
        groups.setdefault(_name("explained", code, language), []).append(_short(path, scan.root))
    return sorted(groups.items(), key=lambda item: -len(item[1]))


def _safe(params: Mapping[str, Any], root: Path) -> dict[str, Any]:
    return {key: _short(value, root) if isinstance(value, Path) else value for key, value in params.items()}
