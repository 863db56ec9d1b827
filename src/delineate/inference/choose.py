"""Thresholds and clean-up, chosen on validation cases and only where they help there. Test cases never come here.

A clean-up option is kept only if the mean Dice over groups rises and at least as many groups, and as many persons, get better as
get worse, with at least three persons: otherwise the noise of a small validation set would be written into the model. A threshold
leaves 0.5 only if, besides, the interval of the mean difference lies above zero: what one patient of four gains, whose tumour was
hardly found, would be lost again on new patients.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from delineate.domain import IGNORE, LabelSet
from delineate.errors import DataError
from delineate.inference.clean import clean_mask
from delineate.recipe import Clean

THRESHOLDS = tuple(round(0.1 * step, 1) for step in range(1, 10))
MIN_GAIN = 0.002
MIN_PERSONS = 3
_SIZE_SHARES = (0.01, 0.05, 0.2)  # "small" as a share of the class's median size in the validation truth

Counts = NDArray[np.int64]  # (2 · overlap, prediction + truth) summed over a group


@dataclass(frozen=True, eq=False)
class ValidationCase:
    """One validation image or whole volume: probabilities (K, *shape), truth labels (*shape) (regions: (K, *shape))."""

    probabilities: NDArray[np.floating[Any]]
    truth: NDArray[np.integer[Any]]
    group: str
    person: str = ""
    spacing: tuple[float, ...] | None = None


@dataclass(frozen=True)
class Choice:
    """What one option would do: mean Dice over ``n`` groups of ``persons`` without and with it, how many groups gain and lose, and
    the interval of the mean difference over persons (:func:`paired_interval`)."""

    label: str
    option: str
    before: float
    after: float
    better: int
    worse: int
    n: int
    persons: int
    chosen: bool
    ci95: tuple[float, float] | None = None


@dataclass(frozen=True)
class Choices:
    """For :class:`~delineate.recipe.ModelRecord`, with the table of all that was tried."""

    thresholds: tuple[float, ...]
    clean: tuple[Clean, ...]
    table: tuple[Choice, ...]


@dataclass
class _Tally:
    """Per class and option: group → counts; and who each group belongs to."""

    counts: dict[tuple[int, Any], dict[str, Counts]] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)

    def add(self, label: int, option: Any, case: ValidationCase, found: NDArray[np.bool_], truth: NDArray[np.bool_]) -> None:
        group = case.group
        self.owners[group] = case.person or group
        groups = self.counts.setdefault((label, option), {})
        both = np.array([2 * np.count_nonzero(found & truth), np.count_nonzero(found) + np.count_nonzero(truth)], dtype=np.int64)
        groups[group] = groups.get(group, np.zeros(2, dtype=np.int64)) + both

    def dice(self, label: int, option: Any) -> NDArray[np.float64]:
        """Dice per group; a group without the class in truth and prediction counts 1 (nothing to find, nothing found)."""
        counts = np.array(list(self.counts[label, option].values()), dtype=np.float64).reshape(-1, 2)
        return np.asarray(np.where(counts[:, 1] == 0, 1.0, counts[:, 0] / np.maximum(counts[:, 1], 1)))


def choose_thresholds_and_clean(cases: Callable[[], Iterable[ValidationCase]], labels: LabelSet) -> Choices:
    """Choose per class on the validation cases, which are streamed twice: once for the thresholds, once for the clean-up.

    Parameters
    ----------
    cases
        Gives a fresh iterator over all validation cases at each call. Cases with the same ``group`` are counted together; for a
        clean-up in 3-D a volume must come as one case (see :func:`assemble_group`).

    Notes
    -----
    With several exclusive classes the most probable one wins and there is no threshold to choose.
    """
    movable = labels.activation == "sigmoid" or labels.classes == 1
    tally, sizes = _Tally(), _Sizes()
    for case in cases():
        for label in range(1, labels.classes + 1):
            truth, counted = _truth(case, labels, label)
            sizes.add(label, case.group, int(np.count_nonzero(truth)))
            for threshold in THRESHOLDS if movable else ():
                tally.add(label, threshold, case, (case.probabilities[label - 1] >= threshold) & counted, truth)
    table: list[Choice] = []
    thresholds = []
    for label in range(1, labels.classes + 1):
        threshold = 0.5
        if movable and (label, 0.5) in tally.counts:
            options = [(f"threshold={t}", t) for t in THRESHOLDS if t != 0.5]
            best = _pick(tally, label, 0.5, options, labels.names[label - 1], MIN_GAIN, table, sure=True)
            threshold = 0.5 if best is None else float(best)
        thresholds.append(threshold)

    candidates = {label: sizes.candidates(label) for label in range(1, labels.classes + 1)}
    tally = _Tally()
    for case in cases():
        decided = labels.decide(case.probabilities, tuple(thresholds))
        for label, tried in candidates.items():
            truth, counted = _truth(case, labels, label)
            found = labels.one_class(decided, label)
            for option in tried:
                tally.add(label, option, case, clean_mask(found, option) & counted, truth)
    cleans = []
    for label, tried in candidates.items():
        chosen = None
        if (label, Clean()) in tally.counts:
            chosen = _pick(tally, label, Clean(), [(_name(o), o) for o in tried[1:]], labels.names[label - 1], 0.0, table)
        cleans.append(chosen if isinstance(chosen, Clean) else Clean())
    return Choices(tuple(thresholds), tuple(cleans), tuple(table))


def _pick(
    tally: _Tally,
    label: int,
    plain: Any,
    options: Sequence[tuple[str, Any]],
    name: str,
    least: float,
    table: list[Choice],
    *,
    sure: bool = False,
) -> Any | None:
    """The option with the highest mean among those that help; on a tie the first (simplest). All are written to ``table``.

    ``sure``: the interval of the mean difference must be above zero.
    """
    before = tally.dice(label, plain)
    best: tuple[float, Any] | None = None
    rows = []
    owners = [tally.owners[group] for group in tally.counts[label, plain]]
    persons = sorted(set(owners))
    belongs = np.array([[owner == person for owner in owners] for person in persons], dtype=np.float64)
    for text, option in options:
        after = tally.dice(label, option)
        per_person = belongs @ (after - before)  # both in the order in which groups first came
        gain = float(after.mean() - before.mean())
        better, worse = int((after > before).sum()), int((after < before).sum())
        consistent = better >= worse and (per_person > 0).sum() >= (per_person < 0).sum()
        interval = paired_interval(per_person / belongs.sum(axis=1))
        certain = interval is not None and (not sure or interval[0] > 0)
        helps = certain and gain > 0 and gain >= least and consistent
        if helps and (best is None or gain > best[0] + 1e-6):
            best = (gain, option)
        means = float(before.mean()), float(after.mean())
        rows.append((option, Choice(name, text, *means, better, worse, len(before), len(persons), chosen=False, ci95=interval)))
    for option, row in rows:
        kept = best is not None and option == best[1]
        table.append(Choice(**{**vars(row), "chosen": kept}))
    return None if best is None else best[1]


def paired_interval(differences: NDArray[np.float64], *, seed: int = 0, resamples: int = 2000) -> tuple[float, float] | None:
    """95 % percentile bootstrap interval of the mean of one difference per person; ``None`` with fewer than three persons."""
    if len(differences) < MIN_PERSONS:
        return None
    picks = np.random.default_rng(seed).integers(0, len(differences), (resamples, len(differences)))
    low, high = np.percentile(differences[picks].mean(axis=1), (2.5, 97.5))
    return float(low), float(high)


class _Sizes:
    """Pixels of each class in the truth, per group."""

    def __init__(self) -> None:
        self._pixels: dict[tuple[int, str], int] = {}

    def add(self, label: int, group: str, pixels: int) -> None:
        self._pixels[label, group] = self._pixels.get((label, group), 0) + pixels

    def candidates(self, label: int) -> list[Clean]:
        """Simplest first: each component option alone, holes alone, then both."""
        present = [pixels for (owner, _), pixels in self._pixels.items() if owner == label and pixels]
        median = float(np.median(present)) if present else 0.0
        limits = sorted({_round(median * share) for share in _SIZE_SHARES} - {0, 1})
        single = [Clean(largest=True), *(Clean(min_pixels=limit) for limit in limits)]
        both = [option.model_copy(update={"fill_holes": True}) for option in single]
        return [Clean(), *single, Clean(fill_holes=True), *both]


def _round(pixels: float) -> int:
    """Two significant digits: a limit like 347 would pretend to be exact."""
    return int(float(f"{pixels:.1e}"))


def _name(option: Clean) -> str:
    parts = ["largest"] if option.largest else []
    parts += [f"min_pixels={option.min_pixels}"] if option.min_pixels else []
    parts += ["fill_holes"] if option.fill_holes else []
    return " + ".join(parts)


def _truth(case: ValidationCase, labels: LabelSet, label: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(pixels of the class, pixels that count)."""
    values = case.truth[label - 1] if labels.kind == "regions" else case.truth
    return labels.one_class(case.truth, label), np.asarray(values != IGNORE)


def assemble_group(slices: Iterable[tuple[int | None, NDArray[Any]]], leading: int = 0) -> NDArray[Any]:
    """Slices in files of their own → one volume, sorted by position (stable where it is ``None``).

    Parameters
    ----------
    slices
        (position, array) with arrays of (*leading axes, H, W): labels (``leading=0``) or probabilities (K, H, W) (``leading=1``).

    Returns
    -------
    (*leading axes, N, H, W).

    Raises
    ------
    DataError
        ``group-shapes-differ`` or ``group-empty``.
    """
    ordered = sorted(slices, key=lambda item: (item[0] is None, item[0] or 0))
    shapes = {array.shape for _, array in ordered}
    if not ordered:
        raise DataError("group-empty")
    if len(shapes) > 1:
        raise DataError("group-shapes-differ", shapes=", ".join("×".join(str(n) for n in shape) for shape in sorted(shapes)))
    return np.stack([array for _, array in ordered], axis=leading)


def as_rows(table: Iterable[Choice]) -> list[Mapping[str, Any]]:
    """The table as plain data, for summary.json and the model's provenance."""
    return [dict(vars(choice)) for choice in table]
