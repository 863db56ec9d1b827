"""Whether a model that learned from corrected masks may take the old one's place: both on the same held-out patients."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from delineate.errors import DataError
from delineate.events import EventSink, discard
from delineate.i18n import translate
from delineate.recipe import Splits, load
from delineate.workflows.comparing import compare
from delineate.workflows.folder import RunFolder

Outcome = Literal["better", "worse", "open"]


@dataclass(frozen=True)
class Verdict:
    """``difference`` of mean Dice, new − old, over ``n`` held-out persons, with its 95 % interval (``None``: too few).

    ``outcome`` is ``better`` or ``worse`` only where the paired test and the interval carry it, else ``open``.
    """

    outcome: Outcome
    old: float | None
    new: float | None
    difference: float | None
    ci95: tuple[float, float] | None
    n: int
    unit: str
    p: float
    page: Path

    def sentence(self, language: str = "en") -> str:
        return translate(f"retrain.verdict.{self.outcome}", language, **self._words(language))

    def _words(self, language: str) -> dict[str, Any]:
        low, high = self.ci95 or (None, None)
        words = {name: _signed(value) for name, value in (("difference", self.difference), ("low", low), ("high", high))}
        unit = translate(f"comparison.{'one' if self.n == 1 else 'unit'}.{self.unit}", language)
        means = {"old": "–" if self.old is None else f"{self.old:.4f}", "new": "–" if self.new is None else f"{self.new:.4f}"}
        return {**words, **means, "n": self.n, "unit": unit}


def compare_retrained(
    old: str | Path, new: str | Path, out: str | Path, *, language: str = "en", pictures: int = 0, on_event: EventSink = discard
) -> Verdict:
    """Compare two finished runs on the patients that neither learned from nor chose with; the page and tables go to ``out``.

    Raises
    ------
    DataError
        ``retrain-leak``: one of the runs learned from a patient that is scored; ``compare-…`` where the runs do not fit together.
    """
    check_held_out(Path(old), Path(new))
    names = [translate(f"retrain.name.{which}", language) for which in ("old", "new")]
    named = [f"{name}={folder}" for name, folder in zip(names, (old, new), strict=True)]
    found = compare(named, out, language=language, pictures=pictures, on_event=on_event)
    pair = found.comparison.pairs[0]
    sign = 1.0 if pair.a == names[1] else -1.0
    difference, interval = pair.numbers["difference"], pair.numbers["ci95"]
    between = None if interval is None else tuple(sorted(sign * float(end) for end in interval))
    means = [found.comparison.models[name]["dice"]["mean"] for name in names]
    return Verdict(
        "open" if pair.winner is None else "better" if pair.winner == names[1] else "worse",
        means[0],
        means[1],
        None if difference is None else sign * float(difference),
        None if between is None else (between[0], between[1]),
        int(pair.numbers["n"]),
        str(pair.numbers["unit"]),
        pair.p_holm,
        found.page,
    )


def check_held_out(old: Path, new: Path) -> None:
    """Nobody who is scored was learned from or chosen with, in either run; both score the same persons."""
    splits = [load(Splits, RunFolder(run).need("splits.json")) for run in (old, new)]
    scored = [{person for fold in one.folds for person in fold.get("test", ())} for one in splits]
    for one in splits:
        for fold in one.folds:
            seen = {person for part, persons in fold.items() if part != "test" for person in persons}
            if leak := (scored[0] | scored[1]) & seen:
                raise DataError("retrain-leak", count=len(leak), persons=", ".join(sorted(leak)[:8]))


def _signed(value: float | None) -> str:
    if value is None:
        return "–"
    return "0.0000" if abs(value) < 0.00005 else f"{value:+.4f}".replace("-", "\u2212")
