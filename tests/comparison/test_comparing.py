"""Runs in, files out: what is refused, what is written, what is claimed."""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import re
from pathlib import Path

import pytest
from tests.comparison.made_runs import NAN, drawn, finished, persons

import delineate as dl
from delineate.cli.main import main
from delineate.comparison.files import tex
from delineate.errors import DataError, DelineateError, RunError, UsageError
from delineate.i18n import LANGUAGES


def made(tmp_path: Path, **shifts: float) -> list[str]:
    return [
        str(finished(tmp_path / name, drawn(24, seed=number, shift=shift), seconds=60.0 * (number + 1)))
        for number, (name, shift) in enumerate(shifts.items())
    ]


def test_comparison_json_is_as_documented(tmp_path: Path) -> None:
    result = dl.compare(made(tmp_path, good=0.05, fair=0.045, poor=-0.1), tmp_path / "cmp", bootstrap=300)
    data = json.loads((tmp_path / "cmp" / "comparison.json").read_text(encoding="utf-8"))
    assert set(data) == {"models", "pairs", "claim", "primary"}
    assert data["primary"] == "dice" and set(data["models"]) == {"good", "fair", "poor"}
    for model in data["models"].values():
        assert {"mean", "median", "sd", "ci95", "n", "unit"} <= model["dice"].keys()
        assert (model["dice"]["n"], model["dice"]["unit"]) == (24, "patient")
        assert model["hd95"]["measured_in"] == "px"
        assert model["classes"]["tumour"]["dice"]["mean"] == pytest.approx(model["dice"]["mean"])
        assert model["training_seconds"] in (60.0, 120.0, 180.0)
    assert len(data["pairs"]) == 3
    for pair in data["pairs"]:
        assert {"a", "b", "difference", "ci95", "p_holm", "p_a_better"} <= pair.keys()
        assert (pair["better"] is None) == ("poor" not in (pair["a"], pair["b"]))
    assert data["claim"]["code"] == "leaders" and data["claim"]["params"]["others"] == ["poor"]
    assert set(LANGUAGES) <= data["claim"].keys()
    assert list(result.comparison.models)[-1] == "poor"


def test_tables_for_others(tmp_path: Path) -> None:
    names = ("edema", "core")
    for name, value in (("a_1 & 100%", 0.8), ("b", 0.7)):
        finished(tmp_path / name, {p: (value, NAN if p == "P2" else value / 2) for p in persons(5)}, names=names)
    dl.compare([tmp_path / "a_1 & 100%", tmp_path / "b"], tmp_path / "cmp", bootstrap=100)
    with (tmp_path / "cmp" / "per_patient.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * 5 * 3
    first = {row["class"]: row["dice"] for row in rows if row["model"].startswith("a_1") and row["person"] == "P2"}
    assert first == {"": "0.8", "edema": "0.8", "core": ""}
    text = (tmp_path / "cmp" / "table.tex").read_text(encoding="utf-8")
    assert r"a\_1 \& 100\%" in text and text.count("\\\\\n") == 3
    assert tex("a\\b{c}\n~^#$") == r"a\textbackslash{}b\{c\} \textasciitilde{}\textasciicircum{}\#\$"


def test_two_models_that_are_alike(tmp_path: Path) -> None:
    claim = dl.compare(made(tmp_path, a=0.0, b=0.0), tmp_path / "cmp", bootstrap=200).comparison.claim
    assert claim.code.startswith("pair-same")
    assert "cannot be told apart on 24 patients" in claim.plain()["en"] and "24 名患者" in claim.plain()["zh"]


def test_equal_scores_are_no_error(tmp_path: Path) -> None:
    for name in "ab":
        finished(tmp_path / name, drawn(12))
    result = dl.compare([tmp_path / "a", tmp_path / "b"], tmp_path / "cmp", bootstrap=100).comparison
    pair = result.pairs[0].plain()
    assert (pair["p_holm"], pair["p_a_better"], pair["test"]["zeros_left_out"], pair["rank_biserial"]) == (1.0, 0.5, 12, 0.0)
    assert result.claim.code == "pair-same-forever" and ("zeros", {"n": 12, "unit": "patient"}) in result.claim.notes


def test_too_few_persons_claim_nothing(tmp_path: Path) -> None:
    for name, value in (("a", 0.9), ("b", 0.2)):
        finished(tmp_path / name, {p: value + 0.001 * i for i, p in enumerate(persons(5))})
    claim = dl.compare([tmp_path / "a", tmp_path / "b"], tmp_path / "cmp").comparison.claim
    assert claim.code == "too-few" and claim.params["smallest"] == 2.0**-4


def test_seeds_and_folds_are_one_model(tmp_path: Path) -> None:
    whole = persons(12)
    folds = [whole[:6], whole[6:]]
    runs = [f"a={finished(tmp_path / f'a{s}', drawn(12, seed=s), seed=s, folds=folds)}" for s in range(3)]
    for number, part in enumerate(folds):  # folds in folders of their own
        dice = {p: v for p, v in drawn(12, seed=9).items() if p in part}
        runs.append(f"b={finished(tmp_path / f'b{number}', dice, folds=[part])}")
    models = dl.compare(runs, tmp_path / "cmp", bootstrap=100).comparison.models
    assert (models["a"]["seeds"], models["a"]["folds"], models["b"]["folds"]) == ([0, 1, 2], 2, 2)
    assert models["a"]["variance"]["person"] > models["a"]["variance"]["rest"] > 0
    assert models["b"]["variance"]["seed"] is None and models["b"]["variance"]["fold"] is not None
    expected = sum(sum(drawn(12, seed=s).values()) / 12 for s in range(3)) / 3
    assert models["a"]["dice"]["mean"] == pytest.approx(expected)


def refused(tmp_path: Path, kind: type[DelineateError], code: str, *runs: str) -> str:
    with pytest.raises(kind) as caught:
        dl.compare(list(runs), tmp_path / "cmp")
    assert caught.value.code == code
    assert not re.search(r"\{\w+\}", str(caught.value))
    assert not (tmp_path / "cmp").exists()
    return str(caught.value)


def test_what_cannot_be_compared_is_refused(tmp_path: Path) -> None:
    a = str(finished(tmp_path / "a", drawn(6)))
    other = {f"Q{i}": 0.5 for i in range(1, 3)} | {"P1": 0.5}
    said = refused(tmp_path, DataError, "compare-persons-differ", a, str(finished(tmp_path / "b", other)))
    assert all(name in said for name in ("P2, P3, P4, P5, P6", "Q1, Q2", "both: 1"))
    refused(tmp_path, DataError, "compare-classes-differ", a, str(finished(tmp_path / "c", drawn(6), names=("lung",))))
    refused(tmp_path, DataError, "compare-truth-differs", a, str(finished(tmp_path / "d", drawn(6), truth=101)))
    refused(tmp_path, DataError, "compare-units-differ", a, str(finished(tmp_path / "e", drawn(6), unit="image")))
    refused(tmp_path, UsageError, "compare-needs-two", a, a)
    refused(tmp_path, UsageError, "compare-needs-two", f"x={a}", f"x={a}")
    refused(tmp_path, UsageError, "compare-same-seed", f"x={a}", f"x={finished(tmp_path / 'f', drawn(6))}", f"y={a}")
    half = finished(tmp_path / "g", dict.fromkeys(persons(3), 0.5), seed=1)
    refused(tmp_path, UsageError, "compare-seeds-unbalanced", f"x={a}", f"x={half}", f"y={a}")
    refused(tmp_path, RunError, "compare-not-scored", a, str(tmp_path / "nowhere"))


def test_the_metric_has_to_be_there(tmp_path: Path) -> None:
    runs = made(tmp_path, a=0.0, b=0.1)
    with pytest.raises(UsageError, match="hd95"):
        dl.compare(runs, tmp_path / "cmp", primary="beauty")
    best = dl.compare(runs, tmp_path / "cmp", primary="hd95", bootstrap=100).comparison
    assert best.order == ("b", "a") and best.pairs[0].winner == "b" and best.pairs[0].numbers["difference"] < 0


def test_names_are_as_short_as_they_can_be(tmp_path: Path) -> None:
    runs = [finished(tmp_path / side / "run", drawn(6, seed=n)) for n, side in enumerate(("left", "right"))]
    assert set(dl.compare(runs, tmp_path / "cmp", bootstrap=50).comparison.order) == {"left/run", "right/run"}


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = made(tmp_path, a=0.0, b=0.1)
    assert main(["compare", *runs, "--out", str(tmp_path / "cmp"), "--quiet"]) == 0
    said = capsys.readouterr().out
    assert "b is better than a on 24 patients" in said and "leaderboard.html" in said
    assert main(["compare", runs[0], "--out", str(tmp_path / "cmp")]) == 2


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_is_whole_and_harmless(tmp_path: Path, language: str) -> None:
    runs = [f"<script>x</script>={made(tmp_path, a=0.0)[0]}", *made(tmp_path / "more", b=0.05, c=0.051)]
    page = dl.compare(runs, tmp_path / "cmp", bootstrap=100, language=language).page.read_text(encoding="utf-8")
    (script,) = re.findall(r"<script[^>]*>(.*?)</script", page, flags=re.DOTALL)  # ours, and by its hash nothing else can run
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert page.count("<script") == 1 and f"script-src 'sha256-{digest}'" in page and "&lt;script&gt;" in page
    assert not re.search(r"<[^>]+\son\w+=", page)
    words = re.sub(r"<(style|script)>.*?</(style|script)>", "", page, flags=re.DOTALL)
    assert not re.search(r"(leaderboard|report|comparison)\.(?!json|html|zh)[a-z_]+", words), "a sentence is missing"
    assert set(re.findall(r"(?:src|href)=\"(?!#|data:)([^\"]+)", page)) == {
        "leaderboard.zh.html" if language == "en" else "leaderboard.html"
    }
    assert page.count('type="radio"') == 13 and page.count("<polyline") == 24
    assert ("24 patients, scored with every model" in page) == (language == "en")
