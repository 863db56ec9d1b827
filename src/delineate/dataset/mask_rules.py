"""How mask pixels become classes: inferred from every mask, named by metadata or the person, and said in a sentence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pydantic import Field

from delineate.dataset.class_names import WantedClass, is_background, parse_classes
from delineate.dataset.mask_decision import Draft, Kind, draft_rule
from delineate.dataset.mask_survey import MaskSurvey, raise_if_nothing, survey_masks
from delineate.dataset.raw_masks import hex_of
from delineate.domain import IGNORE, Finding, LabelSet, Scan
from delineate.errors import UsageError
from delineate.events import EventSink, discard
from delineate.i18n import translate
from delineate.recipe import MaskRule, StrictModel

SHOWN_VALUES = 40


class SeenValue(StrictModel):
    """A raw value (or ``"#rrggbb"``, or the class number of a file), how much of it there is, and what the rule makes of it."""

    value: str
    pixels: int
    files: int
    label: int | None
    example: str | None = None


class MaskEvidence(StrictModel):
    """What was seen in the mask files.

    ``files`` mask files exist, ``looked`` were read (fewer where there are more than 5000), ``unreadable`` could not be;
    ``distinct`` raw values (or colours) occur, the most frequent are in ``values``. ``findings`` are for a person and are
    not saved with it.
    """

    kind: Kind
    files: int
    looked: int
    unreadable: int = 0
    distinct: int
    values: tuple[SeenValue, ...] = ()
    overlap: float = 0.0
    findings: tuple[Finding, ...] = Field(default=(), exclude=True)


def infer_mask_rule(
    scan: Scan, *, classes: str | None = None, on_event: EventSink = discard, threads: int = 2
) -> tuple[MaskRule, LabelSet, MaskEvidence]:
    """Look at every mask file (an even sample of 5000 where there are more) and decide what its values mean.

    Parameters
    ----------
    classes
        Names in the order of the raw values (``"lung,tumour"``) or an assignment (``"membrane=0"``, ``"liver=1,tumour=2"``,
        ``"nuclei=#ff0000"``); raw values left out become background. Without it names come from the scan's metadata.

    Returns
    -------
    The rule, the label set, and the evidence with its findings: an ``error`` among them (``masks-not-labels``,
    ``masks-all-empty``) means that the rule is a stand-in which must not be used unless a person allows it.

    Raises
    ------
    DataError
        ``no-masks``; or the ``UnreadableFile`` of the first mask where not one can be read.
    UsageError
        ``classes`` does not fit what the masks hold.
    """
    wanted = parse_classes(classes) if classes else ()
    survey = survey_masks(scan.cases, on_event, threads)
    raise_if_nothing(survey)
    draft = draft_rule(survey, scan.class_names, scan.class_colours)
    if wanted:
        draft = _as_wanted(draft, survey, wanted, classes or "")
    if survey.looked_files + len(survey.errors) < survey.total_files:
        params = {"looked": survey.looked_files, "files": survey.total_files}
        draft.findings.append(Finding("masks-sampled", "info", params=params))
    kind: Any = "regions" if draft.regions else "binary" if len(draft.names) == 1 else "exclusive"
    labels = LabelSet(kind=kind, names=_distinct(draft.names))
    return draft.rule, labels, _evidence(draft, survey)


def describe_rule(rule: MaskRule, labels: LabelSet, language: str = "en") -> str:
    """The rule as a sentence."""
    name = labels.names[0]
    if rule.kind == "threshold":
        return translate("mask.inverted" if rule.inverted else "mask.threshold", language, cutoff=f"{rule.cutoff:g}", name=name)
    if rule.kind == "files":
        key = "mask.files-regions" if labels.kind == "regions" else "mask.files"
        return translate(key, language, names=", ".join(labels.names), cutoff=f"{rule.cutoff:g}")
    table: dict[Any, int] = dict(rule.values) if rule.kind == "values" else dict(rule.colours)
    parts = [
        f"{value} = {_meaning(label, labels, language)}"
        for value, label in sorted(table.items(), key=lambda item: (item[1], str(item[0])))
    ]
    return translate(
        f"mask.{rule.kind}", language, table="; ".join(parts), others=translate(f"mask.others-{rule.others}", language)
    )


def _meaning(label: int, labels: LabelSet, language: str) -> str:
    if label == IGNORE:
        return translate("mask.ignored", language)
    return labels.names[label - 1] if 1 <= label <= labels.classes else translate("mask.background", language)


def _distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    """Class names must differ; metadata sometimes repeats one."""
    used: list[str] = []
    for name in names:
        title, number = name, 2
        while title in used:
            title, number = f"{name} {number}", number + 1
        used.append(title)
    return tuple(used)


def _as_wanted(draft: Draft, survey: MaskSurvey, wanted: tuple[WantedClass, ...], text: str) -> Draft:
    if wanted[0].value is None:
        names = tuple(item.name for item in wanted)
        if len(names) == len(draft.names) + 1 and is_background(names[0]):
            names = names[1:]
        if len(names) != len(draft.names):
            raise UsageError("classes-count", text=text, given=len(names), found=len(draft.names), values=_seen_text(draft, survey))
        return replace(draft, names=names)
    real = [item for item in wanted if not is_background(item.name)]
    if not real:
        raise UsageError("classes-invalid", text=text, piece=text)
    names = tuple(dict.fromkeys(item.name for item in real))
    labels = {item.value: names.index(item.name) + 1 for item in real}
    zeros: dict[Any, int] = {item.value: 0 for item in wanted if is_background(item.name)}
    if draft.kind in ("empty", "not-labels"):  # no rule to fit them to: the finding stays, only the first name is kept
        return replace(draft, names=names[:1])
    if draft.rule.kind == "threshold":
        return _wanted_threshold(draft, survey, labels, zeros, names, text)
    return _wanted_table(draft, survey, labels, zeros, names, text)


def _wanted_threshold(
    draft: Draft, survey: MaskSurvey, labels: dict[Any, int], zeros: dict[Any, int], names: tuple[str, ...], text: str
) -> Draft:
    seen = set(survey.values)
    _refuse_unknown(labels, {int(value) for value in seen} if survey.whole else set(), draft, survey, text)
    if len(labels) == 1:
        value = next(iter(labels))
        inverted = value <= draft.rule.cutoff
        return replace(draft, rule=draft.rule.model_copy(update={"inverted": inverted}), names=names)
    if draft.kind != "binary" or len(seen) != len({int(value) for value in seen}):
        raise UsageError("classes-count", text=text, given=len(names), found=1, values=_seen_text(draft, survey))
    table = {int(value): 0 for value in seen} | zeros | labels
    return replace(draft, kind="labels", rule=MaskRule(kind="values", values=table), names=names)


def _wanted_table(
    draft: Draft, survey: MaskSurvey, labels: dict[Any, int], zeros: dict[Any, int], names: tuple[str, ...], text: str
) -> Draft:
    rule = draft.rule
    known: dict[Any, int] = dict(rule.colours) if rule.kind == "colours" else dict(rule.values)
    if rule.kind == "files":
        known = {label: label for label in survey.labels} | {0: 0}
    _refuse_unknown(labels, set(known), draft, survey, text)
    left = sorted(
        (value for value, label in known.items() if label not in (0, IGNORE) and value not in labels and value not in zeros),
        key=str,
    )
    table = {value: IGNORE if label == IGNORE else 0 for value, label in known.items()} | zeros | labels
    findings = list(draft.findings)
    if left:
        findings.append(Finding("masks-values-to-background", "info", params={"values": ", ".join(str(value) for value in left)}))
    field = "colours" if rule.kind == "colours" else "values"
    regions = draft.regions and len(names) > 1
    return replace(draft, rule=rule.model_copy(update={field: table}), names=names, regions=regions, findings=findings)


def _refuse_unknown(labels: dict[Any, int], seen: set[Any], draft: Draft, survey: MaskSurvey, text: str) -> None:
    for value in labels:
        if value not in seen:
            raise UsageError("classes-value-unknown", text=text, value=value, values=_seen_text(draft, survey))


def _seen_text(draft: Draft, survey: MaskSurvey) -> str:
    if draft.rule.kind == "files":
        shown = [str(label) for label in sorted(survey.labels)]
    elif draft.rule.kind == "colours":
        shown = list(draft.rule.colours)
    else:
        shown = [f"{value:g}" for value in sorted(survey.values)]
    return ", ".join(shown[:20]) + (" …" if len(shown) > 20 else "")


def _evidence(draft: Draft, survey: MaskSurvey) -> MaskEvidence:
    rule = draft.rule
    values: list[SeenValue] = []
    if rule.kind == "colours":
        for number, pixels in survey.colours.most_common(SHOWN_VALUES):
            example = survey.colour_examples.get(number)
            colour = hex_of(number)
            label = rule.colours.get(colour)
            files = survey.colour_files[number]
            values.append(
                SeenValue(value=colour, pixels=pixels, files=files, label=label, example=str(example) if example else None)
            )
    else:
        for value, pixels in survey.values.most_common(SHOWN_VALUES):
            example = survey.examples.get(value)
            label = _label_of(rule, value)
            files = survey.files[value]
            values.append(
                SeenValue(value=f"{value:g}", pixels=pixels, files=files, label=label, example=str(example) if example else None)
            )
    distinct = len(survey.colours) if rule.kind == "colours" else max(len(survey.values), survey.most_values)
    return MaskEvidence(
        kind=draft.kind,
        files=survey.total_files,
        looked=survey.looked_files,
        unreadable=len(survey.errors),
        distinct=distinct,
        values=tuple(values),
        overlap=survey.overlapped / survey.covered if survey.covered else 0.0,
        findings=tuple(draft.findings),
    )


def _label_of(rule: MaskRule, value: float) -> int | None:
    if rule.kind == "values":
        return rule.values.get(int(value)) if value == int(value) else None
    if rule.kind == "files":
        return None if value > rule.cutoff else 0  # which class, the file says
    return int((value <= rule.cutoff) if rule.inverted else (value > rule.cutoff))
