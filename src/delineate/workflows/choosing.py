"""Everything that is chosen on validation persons, with the exported file, before any test person is looked at.

In this order: weights of an earlier step or the last ones, test-time augmentation (if asked for), temperature, threshold per class,
clean-up per class; then the review rule is learned from the masks that result. Each is measured without and with it on the same
persons, and kept only where its rule says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from delineate.domain import Case, LabelSet, Unit
from delineate.doubt import TemperatureFit, calibrate, fit_temperatures, sample_pixels
from delineate.evaluation import Choice, Choices
from delineate.events import EventSink, Note
from delineate.inference import (
    MIN_GAIN,
    ModelFile,
    Predictor,
    ValidationCase,
    choose_thresholds_and_clean,
    paired_interval,
    sensible_views,
)
from delineate.recipe import Augmentation, MaskRule, ModelRecord, StrictModel, View
from delineate.workflows.doubting import dice_of, learn_doubt
from delineate.workflows.scoring import predict_groups
from delineate.workflows.stages import stage

#: Validation probabilities are kept in memory up to this size.
KEEP_BYTES = 1 << 30


class Wish(StrictModel):
    """What a person asks of masks and their review. ``tta``: try test-time augmentation. At most ``alpha`` of unflagged persons may
    be under ``dice_bar``."""

    tta: bool = False
    dice_bar: float = 0.8
    alpha: float = 0.1


@dataclass(frozen=True)
class Chosen:
    """``record`` for the model file, ``choices`` for choices.json, ``calibration`` how the temperatures were found."""

    record: ModelRecord
    choices: Choices
    calibration: TemperatureFit


def choose_on_validation(
    model: Path,
    cases: Sequence[Case],
    rule: MaskRule,
    unit: Unit,
    *,
    engine: str,
    threads: int | None,
    on_event: EventSink,
    training: Sequence[Case] = (),
    augmentation: Augmentation | None = None,
    wish: Wish | None = None,
) -> Chosen:
    """Choose on validation ``cases`` with the model file; its network and preprocessing stay, all else in its record is new.

    ``training`` cases lend their images to the statistics of what is familiar (their masks are not looked at).
    """
    wish = wish or Wish()
    file = ModelFile.open(model)
    labels = file.record.labels
    clean = tuple(ModelRecord().clean[0] for _ in range(labels.classes))
    plain = file.record.model_copy(
        update={
            "thresholds": (0.5,) * labels.classes,
            "clean": clean,
            "temperatures": (),
            "views": (),
            "review": None,
            "familiar": None,
            "scores": {},
        }
    )

    def predictor(record: ModelRecord) -> Predictor:
        made = Predictor(replace(file, record=record), engine=engine, threads=threads, on_event=on_event)
        made.expect(len(cases))
        return made

    groups = len({case.group for case in cases})
    with stage("choose", on_event, groups):
        stream = Stream(predictor(plain), cases, rule, on_event)
        views, tried = _choose_views(stream, predictor, plain, cases, rule, augmentation, wish, on_event)
        if views:
            plain = plain.model_copy(update={"views": views})
            stream = Stream(predictor(plain), cases, rule, on_event)
        samples = [
            (case.person, *sample_pixels(case.probabilities, case.truth, labels, seed=number))
            for number, case in enumerate(stream())
        ]
        fit = fit_temperatures(samples, labels)
        del samples
        stream.soften(fit.temperatures)
        chosen = choose_thresholds_and_clean(stream, labels)
        record = plain.model_copy(update={"temperatures": fit.temperatures, "thresholds": chosen.thresholds, "clean": chosen.clean})
        doubt = learn_doubt(record, stream, [*training, *cases], dice_bar=wish.dice_bar, alpha=wish.alpha, on_event=on_event)
        record = record.model_copy(update=doubt)
    rows = tuple(
        Choice(
            step=row.option if "+" in row.option else row.option.partition("=")[0],
            value=None if "+" in row.option else row.option.partition("=")[2] or None,
            kept=row.chosen,
            class_name=row.label,
            before=row.before,
            after=row.after,
            better=row.better,
            worse=row.worse,
            ci95=row.ci95,
        )
        for row in chosen.table
    )
    return Chosen(record, Choices(unit=unit, n=len({case.person for case in cases}), choices=(*tried, *rows)), fit)


def better_checkpoint(
    final: Path,
    earlier: Path,
    step: int,
    cases: Sequence[Case],
    rule: MaskRule,
    *,
    engine: str,
    threads: int | None,
    on_event: EventSink,
) -> Choice:
    """Whether the weights of an earlier ``step``, the best by the mean of what training looked at, are kept instead of the last.

    The schedule ends at its lowest rate, where weights are best; what stood out earlier on few persons did so mostly by chance.
    In 15 minutes on brain MR with 4 validation patients, step 366 of 5,085 was "best", and worse on each of 5 others, by 0.06 in
    the mean. So the earlier ones must be better for sure, as views must (:func:`_choose_views`).
    """
    dice = []
    for path in (final, earlier):
        predictor = Predictor(ModelFile.open(path), engine=engine, threads=threads, on_event=on_event)
        predictor.expect(len(cases))
        dice.append(_dice(Stream(predictor, cases, rule, on_event)(), predictor.record.labels))
    row = paired_choice("checkpoint", str(step), *dice)
    return row.model_copy(update={"kept": row.kept and row.ci95 is not None and row.ci95[0] > 0})


class Stream:
    """Validation cases with their probabilities, as often as they are asked for: predicted once where the answers fit in memory."""

    def __init__(self, predictor: Predictor, cases: Sequence[Case], rule: MaskRule, on_event: EventSink) -> None:
        self._predictor, self._cases, self._rule, self._on_event = predictor, cases, rule, on_event
        self._kept: list[ValidationCase] | None = None
        self._temperatures: tuple[float, ...] = ()

    def soften(self, temperatures: tuple[float, ...]) -> None:
        """From now on probabilities come calibrated."""
        self._temperatures = temperatures
        for case in self._kept or ():
            calibrate(case.probabilities, temperatures, self._predictor.record.labels)

    def __call__(self) -> Iterator[ValidationCase]:
        if self._kept is not None:
            yield from self._kept
            return
        kept: list[ValidationCase] = []
        labels = self._predictor.record.labels
        size = 0
        for found in predict_groups(self._predictor, self._cases, self._rule, labels, stage="choose", on_event=self._on_event):
            p = calibrate(np.ascontiguousarray(found.probabilities), self._temperatures, labels)
            case = ValidationCase(p, found.truth, found.group, found.person, found.spacing)
            size += p.nbytes + found.truth.nbytes
            if size <= KEEP_BYTES:
                kept.append(case)
            yield case
        if size <= KEEP_BYTES:
            self._kept = kept


def _choose_views(
    stream: Stream,
    predictor: Callable[[ModelRecord], Predictor],
    plain: ModelRecord,
    cases: Sequence[Case],
    rule: MaskRule,
    augmentation: Augmentation | None,
    wish: Wish,
    on_event: EventSink,
) -> tuple[tuple[View, ...], tuple[Choice, ...]]:
    """The views to keep. They multiply what every later prediction costs, so that a gain must be sure, not only likely: a mean of
    at least ``MIN_GAIN``, as many persons better as worse, and an interval above zero."""
    if not wish.tta:
        return (), ()
    views = sensible_views(augmentation) if augmentation is not None else ()
    if not views:
        on_event(Note("tta-nothing-mirrored", {}))
        return (), ()
    labels = plain.labels
    without = _dice(stream(), labels)
    with_views = _dice(Stream(predictor(plain.model_copy(update={"views": views})), cases, rule, on_event)(), labels)
    row = paired_choice("tta", " + ".join(views), without, with_views)
    kept = row.kept and row.ci95 is not None and row.ci95[0] > 0
    return (views if kept else ()), (row.model_copy(update={"kept": kept}),)


def _dice(cases: Iterable[ValidationCase], labels: LabelSet) -> dict[str, tuple[str, float]]:
    """Group → (person, Dice at 0.5; 1 where there is nothing to find and nothing found)."""
    found = {}
    for case in cases:
        dice = dice_of(labels.decide(case.probabilities), case.truth, labels)
        found[case.group] = (case.person, 1.0 if np.isnan(dice) else dice)
    return found


def paired_choice(step: str, value: Any, without: dict[str, tuple[str, float]], with_it: dict[str, tuple[str, float]]) -> Choice:
    """Group → (person, Dice) without and with an option, as a row of choices.json; ``kept`` by gain and consistency."""
    differences = {group: with_it[group][1] - dice for group, (_, dice) in without.items()}
    per_person: dict[str, list[float]] = {}
    for group, (person, _) in without.items():
        per_person.setdefault(person, []).append(differences[group])
    means = np.array([np.mean(values) for values in per_person.values()])
    gain = float(np.mean(list(differences.values()))) if differences else 0.0
    return Choice(
        step=step,
        value=value,
        kept=gain >= MIN_GAIN and bool((means > 0).sum() >= (means < 0).sum()) and len(means) >= 3,
        before=float(np.mean([dice for _, dice in without.values()])) if without else None,
        after=float(np.mean([dice for _, dice in with_it.values()])) if with_it else None,
        better=sum(d > 0 for d in differences.values()),
        worse=sum(d < 0 for d in differences.values()),
        ci95=paired_interval(means),
    )
