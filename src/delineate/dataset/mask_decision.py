"""From counted mask values to the rule that most plausibly made them. Pure: no files, no names asked for by a person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from delineate.dataset.class_names import is_background, is_undecided
from delineate.dataset.mask_survey import MAX_COLOURS, MaskSurvey
from delineate.dataset.raw_masks import hex_of, number_of
from delineate.domain import IGNORE, Finding
from delineate.recipe import MaskRule

Kind = Literal["binary", "grey-edges", "mixed-scale", "labels", "instances", "channels", "colours", "files", "empty", "not-labels"]

MAX_LABELS = 128
RARE_PIXELS = 25
RARE_FILES = 3
OVERLAP_SHARE = 0.01
"""Classes in files of their own that share more of their pixels than this are regions: one label a pixel would lose them."""


@dataclass
class Draft:
    """A rule with its class names in label order, and what to tell a person."""

    kind: Kind
    rule: MaskRule
    names: tuple[str, ...]
    regions: bool = False
    findings: list[Finding] = field(default_factory=list)


def draft_rule(survey: MaskSurvey, class_names: Mapping[int, str], class_colours: Mapping[str, str]) -> Draft:
    """The most plausible rule; where masks do not look like labels, an error finding and the least harmful rule."""
    names = {value: name for value, name in class_names.items() if name}
    if survey.labels and not survey.unlabelled_files:
        return _files(survey, names)
    mixed = bool(survey.palettes) and bool(survey.plain_files) and not survey.plain_values <= survey.palette_values | {0.0}
    if survey.coloured or mixed or _palettes_disagree(survey):
        return _colours(survey, names, class_colours)
    names = _names_from_colours(survey, class_colours) | names
    return _values(survey, names)


def _palettes_disagree(survey: MaskSurvey) -> bool:
    """Palettes often differ in entries nobody uses; what counts is whether an index that occurs means two colours."""
    used = [int(value) for value in survey.values]
    tables = [[palette[3 * index : 3 * index + 3] for index in used] for palette in survey.palettes]
    return any(len({table[i] for table in tables if table[i]}) > 1 for i in range(len(used)))


def _names_from_colours(survey: MaskSurvey, class_colours: Mapping[str, str]) -> dict[int, str]:
    """Names given by colour, for grey values and palette indices."""
    by_number = {number_of(colour): name for colour, name in class_colours.items()}
    found: dict[int, str] = {}
    for value in survey.values:
        if not survey.whole or not 0 <= value <= 255:
            continue
        grey = int(value) * 0x010101
        number = (
            int.from_bytes(next(iter(survey.palettes))[3 * int(value) : 3 * int(value) + 3], "big") if survey.palettes else grey
        )
        if number in by_number:
            found[int(value)] = by_number[number]
    return found


def _one_name(names: Mapping[int, str], value: float) -> str:
    """The name of a single class: of its value, or the only foreground name there is."""
    if value in names and not is_background(names[int(value)]):
        return names[int(value)]
    real = [name for key, name in names.items() if key != 0 and not is_background(name)]
    return real[0] if len(real) == 1 else "foreground"


def _cut(kind: Kind, cutoff: float, name: str, *findings: Finding) -> Draft:
    return Draft(kind, MaskRule(kind="threshold", cutoff=cutoff), (name,), findings=list(findings))


def _files(survey: MaskSurvey, names: Mapping[int, str]) -> Draft:
    values = sorted(survey.values)
    findings: list[Finding] = []
    if not any(values):
        findings.append(Finding("masks-all-empty", "error", params={"files": survey.looked_files}))
    # Numbered objects (PanNuke) count from 1: everything above 0. Two values, or greys between two: half-way.
    cutoff = (values[0] + values[-1]) / 2 if len(values) == 2 or (len(values) > 2 and _grey_edges(survey, values)) else 0.0
    labels = sorted(survey.labels | {label for label in names if label > 0})
    full = range(1, labels[-1] + 1)
    titles = tuple(names.get(label, f"class {label}") for label in full)
    draft = Draft("files", MaskRule(kind="files", cutoff=cutoff), titles, findings=findings)
    if survey.overlapped > OVERLAP_SHARE * max(survey.covered, 1):
        draft.regions = len(titles) > 1
        share = 100.0 * survey.overlapped / survey.covered
        draft.findings.append(Finding("masks-overlap", "info", params={"percent": round(share, 1)}))
    return draft


def _colours(survey: MaskSurvey, names: Mapping[int, str], class_colours: Mapping[str, str]) -> Draft:
    # Empty or purely grey files of a coloured set are read as values: their greys are colours too.
    pixels, files = survey.colours.copy(), survey.colour_files.copy()
    if survey.plain_files:
        for value, count in survey.values.items():
            if survey.whole and 0 <= value <= 255 and int(value) * 0x010101 not in pixels:
                pixels[int(value) * 0x010101] += count
                files[int(value) * 0x010101] += survey.files[value]
    known = {number_of(colour): name for colour, name in class_colours.items()}
    total, strange = sum(pixels.values()), sum(count for number, count in pixels.items() if number not in known)
    if survey.most_colours > MAX_COLOURS or (not known and len(pixels) > MAX_LABELS) or (known and strange > 0.01 * total):
        number = len(pixels)
        finding = Finding("masks-not-labels", "error", params={"values": number, "files": survey.looked_files})
        if not known:
            return _cut("not-labels", 127.5, _one_name(names, 255), finding)
        pixels = type(pixels)({number: count for number, count in pixels.items() if number in known})
        findings = [finding]
    else:
        findings = []
    rare = set() if known else _rare({float(n): c for n, c in pixels.items()}, {float(n): c for n, c in files.items()})
    findings += [
        _rare_finding(hex_of(int(n)), pixels[int(n)], files[int(n)], survey.colour_examples.get(int(n))) for n in sorted(rare)
    ]
    candidates = sorted({number for number in pixels if float(number) not in rare} | set(known))
    undecided = {number for number, name in known.items() if is_undecided(name)}
    background = {number for number, name in known.items() if is_background(name)}
    if not background and undecided:  # "void" and classes, nothing else: void is what is left over
        background, undecided = undecided, set()
    if not background:
        unnamed = [number for number in candidates if number not in known]
        if 0 in unnamed:
            background = {0}
        elif unnamed and survey.border:
            background = {max(unnamed, key=lambda number: (survey.border[number], -number))}
    table = {hex_of(number): 0 for number in background} | {hex_of(int(number)): IGNORE for number in {*rare, *undecided}}
    titles: list[str] = []
    for number in candidates:
        if number in background | undecided or (known and number not in known):
            continue
        titles.append(known.get(number, hex_of(number)))
        table[hex_of(number)] = len(titles)
    if not titles:
        return _cut("empty", 0.0, _one_name(names, 255), Finding("masks-all-empty", "error", params={"files": survey.looked_files}))
    return Draft("colours", MaskRule(kind="colours", colours=table), tuple(titles), findings=findings)


def _rare(pixels: Mapping[float, int], files: Mapping[float, int]) -> set[float]:
    """Values in a few pixels of a few files, where at least two values are not: slips of a pen, not classes."""
    few = {value for value in pixels if value != 0 and pixels[value] <= RARE_PIXELS and files[value] <= RARE_FILES}
    usual = [pixels[value] for value in pixels if value not in few]
    return few if len(usual) >= 2 and min(usual) > 100 * max((pixels[value] for value in few), default=0) else set()


def _rare_finding(value: str, pixels: int, files: int, path: object) -> Finding:
    where = path if isinstance(path, Path) else None
    return Finding("label-value-rare", "warning", where, params={"value": value, "pixels": pixels, "files": files})


def _values(survey: MaskSurvey, names: Mapping[int, str]) -> Draft:
    pixels: dict[float, int] = dict(survey.values)
    if not any(value != 0 for value in pixels):
        finding = Finding("masks-all-empty", "error", params={"files": survey.looked_files})
        return _cut("empty", 0.0, _one_name(names, 1), finding)
    if survey.stacks == survey.looked_files:
        return _labels(survey, pixels, names, set(), "channels")
    rare = {value for value in _rare(pixels, dict(survey.files)) if value not in names}
    findings = [_rare_finding(f"{v:g}", pixels[v], survey.files[v], survey.examples.get(v)) for v in sorted(rare)]
    values = sorted(set(pixels) - rare)
    low, high = values[0], values[-1]
    if len(values) == 1:
        return _cut("binary", high / 2, _one_name(names, high), *findings)
    if len(values) == 2:
        if low != 0 and low not in names:
            findings.append(Finding("masks-background-not-zero", "warning", params={"low": f"{low:g}", "high": f"{high:g}"}))
        return _cut("binary", (low + high) / 2, _one_name(names, high), *findings)
    if values == [0, 1, 255] and not any({1, 255} <= set(together) for together in survey.sets) and 255 not in names:
        findings.append(Finding("masks-mixed-scale", "warning", survey.examples.get(1), params={}))
        return _cut("mixed-scale", 0.0, _one_name(names, 255), *findings)
    if _grey_edges(survey, values):
        findings.append(Finding("masks-grey-edges", "info", params={"values": len(values), "cutoff": f"{(low + high) / 2:g}"}))
        return _cut("grey-edges", (low + high) / 2, _one_name(names, high), *findings)
    if not names and _instances(survey, values):
        findings.append(Finding("masks-instance-ids", "info", params={"most": max(survey.counts)}))
        return _cut("instances", 0.0, "foreground", *findings)
    if not _label_like(survey, values):
        finding = Finding(
            "masks-not-labels",
            "error",
            survey.examples.get(values[len(values) // 2]),
            params={"values": len(values), "files": survey.looked_files},
        )
        return _cut("not-labels", (low + high) / 2, _one_name(names, high), finding)
    draft = _labels(survey, pixels, names, rare, "labels")
    draft.findings[:0] = findings
    return draft


def _share(survey: MaskSurvey, values: list[float]) -> float:
    looked = sum(survey.looked[value] for value in values)
    return sum(survey.interior[value] for value in values) / looked if looked else 0.0


def _grey_edges(survey: MaskSurvey, values: list[float]) -> bool:
    """Two values fill areas and what lies between only lines their edges: a two-class mask that was resampled or compressed."""
    low, high = values[0], values[-1]
    if survey.whole and high - low < len(values) * 2 and high - low < 32:
        return False  # 0, 1, 2, 3: label numbers
    margin = 0.05 * (high - low)
    between = [value for value in values if low + margin < value < high - margin]
    pixels = survey.values
    middle = sum(pixels[value] for value in between)
    top = sum(pixels[value] for value in values if value >= high - margin)
    bottom = sum(pixels[value] for value in values if value <= low + margin)
    if not between:  # noise of compression around two values, or label numbers beside a far-off one (0, 1, 2, 255)
        return _share(survey, values[1:-1]) <= 0.1
    if middle > 2 * min(top, bottom) or _share(survey, between) > 0.1:
        return False
    if len(values) == 3:
        return middle < 0.02 * min(top, bottom)
    return len(values) > 8 or _share(survey, between) < 0.02


def _instances(survey: MaskSurvey, values: list[float]) -> bool:
    """Objects numbered 1…n in every file, with an n of its own: numbers are no classes."""
    numbered = survey.whole and survey.contiguous >= 0.9 * survey.looked_files
    return numbered and max(survey.counts) > 12 and len(survey.counts) > 2 and _share(survey, [v for v in values if v]) > 0.1


def _label_like(survey: MaskSurvey, values: list[float]) -> bool:
    if not survey.whole or len(values) > MAX_LABELS:
        return False
    if len(values) <= 16:
        return True
    usual = max(values, key=lambda value: survey.values[value])
    return _share(survey, [value for value in values if value != usual]) > 0.2


def _labels(survey: MaskSurvey, pixels: Mapping[float, int], names: Mapping[int, str], rare: set[float], kind: Kind) -> Draft:
    findings: list[Finding] = []
    background = {value for value, name in names.items() if is_background(name)} or {0}
    undecided = {value for value, name in names.items() if value and is_undecided(name)}
    seen = {int(value) for value in pixels if value not in rare}
    classes = sorted((seen | set(names)) - background - undecided - {0})
    table = dict.fromkeys(background | {0}, 0) | {int(value): IGNORE for value in {*rare, *undecided}}
    small = [value for value in classes if value != 255]
    if (
        255 in classes
        and 255 not in names
        and kind == "labels"
        and small
        and small[-1] <= MAX_LABELS
        and small == list(range(1, len(small) + 1))
    ):
        classes.remove(255)
        table[255] = IGNORE
        findings.append(Finding("masks-value-255-ignored", "info", survey.examples.get(255), params={"pixels": pixels[255]}))
    table |= {value: label for label, value in enumerate(classes, 1)}
    titles = tuple(names.get(value, f"class {value}") for value in classes)
    return Draft(kind, MaskRule(kind="values", values=table), titles, findings=findings)
