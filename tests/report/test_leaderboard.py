"""The leaderboard's parts: distributions, curves, how it was compared, and the pictures of two models."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from tests.comparison.made_runs import drawn, finished

import delineate as dl
from delineate.evaluation.side_by_side import ShownCase, SideBySide, image_png
from delineate.i18n import LANGUAGES
from delineate.recipe import save_json
from delineate.report import leaderboard_viewer, write_leaderboard
from delineate.report.leaderboard_fairness import fairness
from delineate.report.leaderboard_plots import box, colours, learning_charts, violin


def test_box_is_tukeys() -> None:
    values = [0.0, 4.0, 5.0, 5.5, 6.0, 7.0, 30.0]
    found = box(values, lambda v: v)
    low, middle, high = np.percentile(values, [25, 50, 75])
    assert found is not None and found["told"] == (low, middle, high)
    assert (found["bottom"], found["top"]) == (4.0, 7.0)  # 0 and 30 are farther out than 1.5 boxes
    assert box([1.0, 2.0], lambda v: v) is None


def test_violin_is_the_kernel_density() -> None:
    values = list(np.random.default_rng(0).normal(0.7, 0.1, 40))
    points = [tuple(map(float, p.split(","))) for p in violin(values, lambda v: 100 * v, 50.0, 20.0).split()]
    right = np.array(points[:60])
    density = stats.gaussian_kde(values)(1 - right[:, 1] / 100)
    np.testing.assert_allclose((right[:, 0] - 50) / 7.6, density / density.max(), atol=0.02)
    assert violin(values[:5], lambda v: v, 50, 20) == "" and violin([0.5] * 20, lambda v: v, 50, 20) == ""


def test_curves_are_means_with_a_band(tmp_path: Path) -> None:
    (tmp_path / "curves.csv").write_text(
        "model,seed,fold,epoch,loss,val_loss,val_dice,val_iou\n"
        "a,0,,1,1.0,,0.2,\na,0,,2,0.5,,0.4,\na,1,,1,0.0,,0.4,\na,1,,2,0.5,,0.8,\nb,0,,1,1.0,,,\n",
        encoding="utf-8",
    )
    charts = {chart["key"]: chart for chart in learning_charts(tmp_path / "curves.csv", ["a", "b", "c"], colours(["a", "b", "c"]))}
    assert set(charts) == {"loss", "val_dice"}
    a, b = charts["loss"]["series"]
    assert a["line"] == "0.00,50.00 100.00,50.00" and a["trainings"] == 2 and a["band"] and not b["band"]
    assert [s["name"] for s in charts["val_dice"]["series"]] == ["a"]
    assert learning_charts(tmp_path / "nothing.csv", ["a"], {}) == []


def test_thirty_models_have_thirty_colours() -> None:
    assert len(set(colours([str(n) for n in range(30)]).values())) == 30


GRID = {
    "version": 1,
    "options": {"equal": "steps", "budget": 7200, "primary": "dice"},
    "plan": {"folds": 3, "seeds": [0, 1], "size": [256, 320], "candidates": [{"name": "u", "loss": "dice", "steps": 1200}]},
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_how_it_was_compared(tmp_path: Path, language: str) -> None:
    assert fairness(tmp_path, {}, language) is None
    (tmp_path / "grid.json").write_text(json.dumps(GRID), encoding="utf-8")
    found = fairness(tmp_path, {}, language)
    assert found is not None
    values = [value for _, value in found["facts"]]
    assert {"Dice", "2 h 0 min", "256 × 320", "0, 1"} <= set(values)
    assert found["rows"] == [("u", ["dice", "1\u2009200"])]
    given = {
        "fairness": {"budget_rule": "time", "splits": {"folds": 5}, "something_new": 7, "missing": [{"candidate": "x", "fold": 1}]}
    }
    facts = fairness(tmp_path, given, "en")
    assert facts is not None and ("something new", "7") in facts["facts"] and "x" in facts["missing"][0]


@pytest.mark.parametrize("content", ["[]", "{", '{"plan": 3, "options": []}', '{"plan": {"candidates": [1, {}]}}'])
def test_a_grid_nobody_knows_is_no_error(tmp_path: Path, content: str) -> None:
    (tmp_path / "grid.json").write_text(content, encoding="utf-8")
    assert fairness(tmp_path, {}, "en") is None


def compared(tmp_path: Path) -> Path:
    runs = []
    for n, name in enumerate("ab"):
        dice = {person: (value, value / 2) for person, value in drawn(12, seed=n).items()}
        runs.append(finished(tmp_path / name, dice, names=("edema", "<core>")))
    for n, run in enumerate(runs):
        (run / "history.csv").write_text(
            f"epoch,loss,val_dice,images_per_second\n1,1,0.5,{10 + n}\n2,0.5,0.6,{20 + n}\n", encoding="utf-8"
        )
        (run / "tensorboard").mkdir()
    return dl.compare(runs, tmp_path / "cmp", bootstrap=50).folder


def test_speed_curves_and_tensorboard_are_on_the_page(tmp_path: Path) -> None:
    folder = compared(tmp_path)
    data = json.loads((folder / "comparison.json").read_text(encoding="utf-8"))
    assert [data["models"][name]["images_per_second"] for name in "ab"] == [15.0, 16.0]
    assert data["tensorboard"] == ".."
    page = (folder / "leaderboard.html").read_text(encoding="utf-8")
    assert "tensorboard --logdir .." in page and "Dice on validation" in page and "Dice against speed" in page
    assert "Parameters are not known of: a and b." in page or "Parameters are not known of: b and a." in page
    assert "Without masks" in page and str(tmp_path) not in page  # made-up runs have no model files; pages tell no paths
    table = (folder / "table.csv").read_text(encoding="utf-8").splitlines()
    assert len(table) == 1 + 2 * 3 * len(data["models"]["a"]["classes"]["edema"])


def test_pictures_are_embedded_within_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = compared(tmp_path)
    viewer = folder / "viewer"
    viewer.mkdir(exist_ok=True)
    for name in ("i.png", "m.png"):
        (viewer / name).write_bytes(image_png(np.random.default_rng(0).random((64, 64))))
    (folder / "secret.png").write_bytes(image_png(np.zeros((8, 8))))
    (viewer / "text.png").write_text("<script>", encoding="utf-8")
    case = ShownCase(
        group='"><script>alert(1)</script>',
        person="p",
        image="i.png",
        truth="m.png",
        masks={"a": "m.png", "b": "m.png"},
        values={"a": 0.5},
    )
    hostile = [
        case.model_copy(update={"image": "../secret.png"}),
        case.model_copy(update={"truth": "text.png"}),
        case.model_copy(update={"masks": {"a": "m.png", "b": "../secret.png"}}),
    ]
    save_json(viewer / "index.json", SideBySide(classes=("edema", "<core>"), cases=(case, *hostile)))
    page = write_leaderboard(folder).read_text(encoding="utf-8")
    assert page.count("<script") == 1 and "alert(1)</script" not in page
    shown = json.loads(html.unescape(re.search(r'data-cases="([^"]*)"', page)[1]))  # type: ignore[index]
    assert len(shown["cases"]) == 2 and shown["cases"][0]["group"] == case.group
    assert shown["cases"][1]["masks"][shown["models"].index("b")] is None  # a name that points out of the folder is no picture
    monkeypatch.setattr(leaderboard_viewer, "MOST_BYTES", 10)
    found = leaderboard_viewer.viewer(folder, ["a", "b"], "en")
    assert found is not None and found["shown"] == 0 and found["left_out"] == 4
