"""What can be said, and what cannot, in one sentence: a code and its parameters, worded in the reader's language."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from delineate.comparison.pairs import Pair
from delineate.comparison.signed_rank import smallest_p
from delineate.i18n import LANGUAGES, translate

#: More names than these would hide the sentence.
_MOST_NAMES = 8


@dataclass(frozen=True)
class Claim:
    """``code`` is one of those under ``comparison.claim.`` in the catalogue, where its sentence is.

    ``notes`` are codes with parameters of what limits it (``comparison.note.<code>``). Parameters hold names, numbers, and codes
    for ``unit`` and ``metric``, never words.
    """

    code: str
    params: dict[str, Any]
    notes: tuple[tuple[str, dict[str, Any]], ...] = field(default=())

    def plain(self) -> dict[str, Any]:
        return {
            "code": self.code,
            "params": self.params,
            **{language: claim_sentence(self.code, self.params, language) for language in LANGUAGES},
            "notes": [{"code": code, "params": params} for code, params in self.notes],
        }


def claim_sentence(code: str, params: dict[str, Any], language: str) -> str:
    """The sentence of a claim."""
    return translate(f"comparison.claim.{code}", language, **_words(params, language))


def note_sentences(notes: Sequence[dict[str, Any]], language: str) -> list[str]:
    return [translate(f"comparison.note.{n['code']}", language, **_words(n["params"], language)) for n in notes]


def _words(params: dict[str, Any], language: str) -> dict[str, Any]:
    said = dict(params)
    if "unit" in said:
        number = "one" if said.get("n") == 1 and "needed" not in said else "unit"
        said["unit"] = translate(f"comparison.{number}.{said['unit']}", language)
    if "metric" in said:
        said["metric"] = translate(f"comparison.metric.{said['metric']}", language)
    for key in ("difference", "low", "high"):
        if key in said and said[key] is None:  # too few for an interval
            said[key] = "–"
        if isinstance(said.get(key), float):
            said[key] = f"{said[key]:.3f}".replace("-", "\u2212")
    for key in ("p", "smallest"):
        if isinstance(said.get(key), float):
            said[key] = p_text(said[key])
    for key, value in said.items():
        if isinstance(value, list):
            said[key] = listed(value, language)
    return said


def listed(names: Sequence[str], language: str) -> str:
    """Names in a sentence; of many the first ones, and how many more there are."""
    if len(names) > _MOST_NAMES:
        shown = ", ".join(names[: _MOST_NAMES - 2])
        return translate("comparison.and-more", language, names=shown, n=len(names) - _MOST_NAMES + 2)
    return translate("comparison.and", language).join(names) if len(names) == 2 else ", ".join(names)


def p_text(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"= {p:.3f}"


def make_claim(
    order: Sequence[str],
    pairs: Sequence[Pair],
    *,
    unit: str,
    metric: str,
    n: int,
    alpha: float,
    notes: Sequence[tuple[str, dict[str, Any]]],
) -> Claim:
    """``order``: best first. Nothing is claimed that the corrected test does not carry."""
    common: dict[str, Any] = {"n": n, "unit": unit, "metric": metric}
    better = {(pair.winner, pair.b if pair.winner == pair.a else pair.a) for pair in pairs if pair.winner}
    kept = tuple(notes)
    least = min(1.0, smallest_p(n) * len(pairs))
    if least >= alpha:
        return Claim("too-few", {**common, "names": list(order), "smallest": least}, kept)
    if len(order) == 2:
        return _of_two(order, pairs[0], common, kept)
    first = order[0]
    beaten = [name for name in order[1:] if (first, name) in better]
    if len(beaten) == len(order) - 1:
        return Claim("best", {**common, "a": first, "others": beaten}, kept)
    if beaten:
        level = [first, *(name for name in order[1:] if name not in beaten)]
        return Claim("leaders", {**common, "a": first, "level": level[1:], "others": beaten}, kept)
    if better:
        return Claim("no-leader", {**common, "a": first, "level": list(order[1:])}, kept)
    return Claim("none", {**common, "names": list(order)}, kept)


def _of_two(order: Sequence[str], pair: Pair, common: dict[str, Any], notes: tuple[tuple[str, dict[str, Any]], ...]) -> Claim:
    interval = pair.numbers["ci95"] or [None, None]
    needed = pair.numbers["needed"]["wilcoxon"]
    params = {
        **common,
        "a": pair.a,
        "b": pair.b,
        "difference": pair.numbers["difference"],
        "low": interval[0],
        "high": interval[1],
        "p": pair.p_holm,
    }
    if pair.winner is None:
        return Claim("pair-same" if needed else "pair-same-forever", {**params, **({"needed": needed} if needed else {})}, notes)
    return Claim("pair-better", {**params, "winner": pair.winner, "loser": pair.b if pair.winner == pair.a else pair.a}, notes)
