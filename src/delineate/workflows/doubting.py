"""Doubt in a run: learned from validation, checked on the parts that are scored, written to doubt.json."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from delineate.dataset import load_image
from delineate.domain import IGNORE, Case, Image, LabelSet
from delineate.doubt import (
    Evidence,
    ImageFacts,
    Judged,
    Reliability,
    calibrate,
    describe_image,
    fit_familiar,
    fit_review,
    judge,
    reasons_of,
    region_of_interest,
    review,
    spread_over,
)
from delineate.errors import DelineateError
from delineate.evaluation import GroupScore
from delineate.events import EventSink, Note
from delineate.inference import ValidationCase, clean_labels
from delineate.preprocessing import measure, measured_jointly
from delineate.recipe import ModelRecord, Preprocessing
from delineate.workflows.observing import Observers
from delineate.workflows.scoring import GroupPrediction, by_group

#: Groups whose images are read again for the statistics of what is familiar.
MOST_GROUPS = 150


def dice_of(mask: NDArray[np.integer[Any]], truth: NDArray[np.integer[Any]], labels: LabelSet) -> float:
    """Mean Dice over classes that truth or mask has; NaN where neither has any."""
    values = []
    for label in range(1, labels.classes + 1):
        counted = (truth[label - 1] if labels.kind == "regions" else truth) != IGNORE
        a, b = labels.one_class(mask, label) & counted, labels.one_class(truth, label)
        total = np.count_nonzero(a) + np.count_nonzero(b)
        if total:
            values.append(2 * np.count_nonzero(a & b) / total)
    return float(np.mean(values)) if values else math.nan


def learn_doubt(
    record: ModelRecord,
    cases: Callable[[], Iterable[ValidationCase]],
    images: Sequence[Case],
    *,
    dice_bar: float,
    alpha: float,
    on_event: EventSink,
) -> dict[str, Any]:
    """``review`` and ``familiar`` of the record, from calibrated validation ``cases`` and the images of training and validation."""
    familiar = fit_familiar(_facts_of_groups(images, record.preprocessing, on_event))
    labels = record.labels
    judged = []
    for case in cases():
        mask = clean_labels(labels.decide(case.probabilities, record.thresholds), labels, record.clean)
        evidence = Evidence(labels).add(case.probabilities, mask)
        real = Evidence(labels).add(case.probabilities, np.where(case.truth == IGNORE, 0, case.truth))
        judged.append(
            Judged(
                case.person or case.group,
                evidence.expected_dice,
                dice_of(mask, case.truth, labels),
                evidence.log_share,
                evidence.nothing_found,
                log_share_truth=None if real.nothing_found else real.log_share,
            )
        )
    return {"familiar": familiar, "review": fit_review(judged, dice_bar=dice_bar, alpha=alpha) if judged else None}


def _facts_of_groups(cases: Sequence[Case], recipe: Preprocessing, on_event: EventSink) -> list[tuple[str, ImageFacts]]:
    groups = by_group(cases)
    if len(groups) > MOST_GROUPS:
        chosen = np.random.default_rng(0).choice(len(groups), MOST_GROUPS, replace=False)
        groups = [groups[number] for number in sorted(chosen)]
    found = []
    for _, members in groups:
        try:
            images = [load_image(members[number]) for number in spread_over(len(members))]
            facts = facts_of_images(images, recipe)
        except DelineateError as error:
            on_event(Note("case-left-out", {"case": members[0].id, "reason": str(error)}, "warning"))
            continue
        if facts is not None:
            found.append((members[0].person, facts))
    return found


def facts_of_images(images: Sequence[Image], recipe: Preprocessing) -> ImageFacts | None:
    """Of one image, or of some slices of a volume."""
    if len(images) == 1:
        return describe_image(images[0], recipe)
    return describe_image(images, recipe, measure(list(images), recipe) if measured_jointly(recipe) else None)


@dataclass
class DoubtCheck:
    """Watches scored groups: what the model said of itself against what came out."""

    record: ModelRecord
    observers: Observers
    rows: list[dict[str, Any]] = field(default_factory=list)
    reliability: dict[str, Reliability] = field(default_factory=dict)

    def watch(self, found: GroupPrediction, mask: NDArray[np.integer[Any]], score: GroupScore) -> None:
        """One scored group. Validation persons chose the temperature and the rule: they are listed, not counted."""
        labels = self.record.labels
        evidence = Evidence(labels).add(found.probabilities, mask)
        reasons: tuple[tuple[str, dict[str, Any]], ...] = ()
        distance = None
        if self.record.familiar is not None:
            images = [found.images[number] for number in spread_over(len(found.images))]
            strange = judge(facts_of_images(images, self.record.preprocessing), self.record.familiar)
            reasons, distance = reasons_of(strange), strange.distance
        verdict = review(evidence.expected_dice, evidence.log_share, evidence.nothing_found, self.record.review, reasons)
        dice = score.value("dice")
        self.rows.append(
            {
                "part": score.part,
                "person": score.person,
                "group": score.group,
                "dice": None if math.isnan(dice) else dice,
                "expected_dice": evidence.expected_dice,
                "predicted_dice": verdict.predicted,
                "low": verdict.low,
                "high": verdict.high,
                "needs_review": verdict.needs_review,
                "reasons": [{"code": code, **params} for code, params in verdict.reasons],
                "unfamiliar": None if distance is None or math.isinf(distance) else round(distance, 3),
            }
        )
        if score.part == "test":
            self._count(found)
            self.observers.watch(found, mask)

    def _count(self, found: GroupPrediction) -> None:
        labels, temperatures = self.record.labels, self.record.temperatures
        p = found.probabilities
        raw = p if not temperatures else calibrate(p.copy(), tuple(1 / t for t in temperatures), labels)
        box = region_of_interest(p, found.truth, labels)
        for name, values in (("before", raw), ("after", p)):
            self.reliability.setdefault(f"image.{name}", Reliability()).add(found.person, values, found.truth, labels)
            if box is not None:
                whole = (slice(None),)
                truth = found.truth[whole + box if labels.kind == "regions" else box]
                self.reliability.setdefault(f"region.{name}", Reliability()).add(found.person, values[whole + box], truth, labels)

    def result(self) -> dict[str, Any]:
        """doubt.json."""
        tested = [row for row in self.rows if row["part"] == "test"]
        record = self.record
        calibration: dict[str, Any] = {"temperatures": list(record.temperatures)}
        for place in ("image", "region"):
            if f"{place}.after" in self.reliability:
                calibration[place] = {when: self.reliability[f"{place}.{when}"].summary() for when in ("before", "after")}
        return {
            "version": 1,
            "calibration": calibration,
            "review": None
            if record.review is None
            else {**record.review.model_dump(mode="json"), "test": _coverage(tested, record)},
            "familiar": None
            if record.familiar is None
            else {
                "false_alarms": record.familiar.false_alarms,
                "n": record.familiar.n,
                "flagged": sum(
                    any(r["code"] in _STRANGE or r["code"].startswith("unfamiliar") for r in row["reasons"]) for row in tested
                ),
                "of": len(tested),
            },
            "observers": self.observers.result(),
            "cases": self.rows,
        }


_STRANGE = ("unfamiliar", "inverted", "channel-order", "empty-image")


def _coverage(rows: Sequence[dict[str, Any]], record: ModelRecord) -> dict[str, Any]:
    """How flags and intervals fared, person by person: a person is flagged if any of their cases is, and under the bar alike."""
    assert record.review is not None
    flagged: dict[str, bool] = {}
    under: dict[str, bool] = {}
    inside: dict[str, bool] = {}
    for row in rows:
        person, dice = row["person"], row["dice"]
        flagged[person] = flagged.get(person, False) or row["needs_review"]
        under[person] = under.get(person, False) or (dice is not None and dice < record.review.dice_bar)
        if dice is not None and row["predicted_dice"] is not None:
            inside[person] = inside.get(person, True) and row["low"] <= dice <= row["high"]
    free = [person for person in flagged if not flagged[person]]
    wrong = sum(under[person] for person in free)
    pairs = [(r["predicted_dice"], r["dice"]) for r in rows if r["dice"] is not None and r["predicted_dice"] is not None]
    exact = stats.binomtest(wrong, len(free)).proportion_ci(0.95, method="exact") if free else None
    return {
        "n": len(flagged),
        "flagged": len(flagged) - len(free),
        "unflagged": len(free),
        "unflagged_under_bar": wrong,
        "unflagged_under_bar_ci95": None if exact is None else [float(exact.low), float(exact.high)],
        "under_bar": sum(under.values()),
        "interval_holds": sum(inside.values()),
        "interval_of": len(inside),
        "mean_error": float(np.mean([abs(a - b) for a, b in pairs])) if pairs else None,
        "rank_correlation": _rank_correlation(pairs),
    }


def _rank_correlation(pairs: Sequence[tuple[float, float]]) -> float | None:
    if len(pairs) < 5 or len({a for a, _ in pairs}) < 2 or len({b for _, b in pairs}) < 2:
        return None
    return float(stats.spearmanr([a for a, _ in pairs], [b for _, b in pairs]).statistic)
