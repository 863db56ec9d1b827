"""The grid as a whole with pretended runs: one plan for all, what is repeated and what is not, what is said of failures."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from tests.workflows.grid.conftest import ASKED, Grids
from tests.workflows.grid.pretended import Pretended

from delineate.errors import RecipeError, RunError, UsageError
from delineate.events import Event
from delineate.recipe import Recipe, Splits, load
from delineate.workflows.grid.events import GridPlanned, RunChanged
from delineate.workflows.grid.folders import Grid

NAMES = {"unet-dice", "unet-bce_dice", "attention_unet-dice", "attention_unet-bce_dice"}


def test_every_candidate_is_trained_alike(pretend: Grids, tmp_path: Path) -> None:
    """Splits, preprocessing, stages and steps are the same; network, loss and seed are not."""
    from delineate.workflows.options import SplitOptions

    events: list[Event] = []
    result = pretend(tmp_path / "cmp", splitting=SplitOptions(folds=2), seeds=2, on_event=events.append)
    grid = Grid(tmp_path / "cmp")
    runs = grid.runs()
    assert len(runs) == 4 * 2 * 2 == result.runs
    assert not result.missing
    recipes = {(run.candidate.name, run.fold, run.seed): load(Recipe, run.folder / "recipe.json") for run in runs}
    shared = load(Splits, grid / "splits.json")
    for fold in range(2):
        mine = [recipe for (_, at, _), recipe in recipes.items() if at == fold]
        assert len({recipe.preprocessing for recipe in mine}) == 1
        alike = {(t.steps, t.epoch_steps, t.stages, t.augmentation, t.threads, t.lr) for t in (r.training for r in mine)}
        assert len(alike) == 1
    for run in runs:
        assert load(Splits, run.folder / "splits.json").folds == (shared.folds[run.fold],)
    assert {(r.network.name, r.training.loss) for r in recipes.values()} == {
        (network, loss) for network in ("unet", "attention_unet") for loss in ("dice", "bce_dice")
    }
    assert all(recipe.training.seed == seed for (_, _, seed), recipe in recipes.items())
    assert all(recipe.network.options["widths"] == [8, 16] for recipe in recipes.values())
    tested = [person for fold in shared.folds for person in fold["test"]]
    assert len(tested) == len(set(tested)) == 8, "every person is tested once"

    said = json.loads((grid / "comparison.json").read_text())
    assert set(said["models"]) == NAMES
    assert said["models"]["unet-dice"]["n"] == 8
    assert said["models"]["unet-dice"]["seeds"] == [0, 1]
    fairness = said["fairness"]
    assert fairness["budget_rule"] == "steps"
    assert fairness["primary"] == "dice"
    steps = recipes["unet-dice", 0, 0].training.steps
    assert {one["steps_per_run"] for one in fairness["candidates"].values()} == {steps}
    assert fairness["candidates"]["unet-dice"]["used"]["seconds"] == 4 * 6.0
    assert {note["code"] for note in said["claim"]["notes"]} >= {"grid-steps", "grid-alike"}
    for name in ("leaderboard.html", "per_patient.csv", "table.tex", "runs.csv", "grid.json"):
        assert (grid / name).stat().st_size > 0
    planned = next(event for event in events if isinstance(event, GridPlanned))
    assert (planned.runs, planned.folds, planned.seeds, planned.steps) == (16, 2, 2, (steps, steps))
    assert sum(isinstance(event, RunChanged) and event.state == "finished" for event in events) == 16


def test_a_stopped_grid_goes_on_and_repeats_nothing(pretend: Grids, tmp_path: Path) -> None:
    first = Pretended(stops_after=3)
    with pytest.raises(KeyboardInterrupt):
        pretend(tmp_path / "cmp", first)
    assert not (tmp_path / "cmp" / "comparison.json").exists()
    plan = (tmp_path / "cmp" / "grid.json").read_text()
    second = Pretended()
    result = pretend(tmp_path / "cmp", second, resume=True)
    assert len(first.did) == 3
    assert len(second.did) == 1
    assert not set(first.did) & set(second.did)
    assert not result.missing
    assert json.loads((tmp_path / "cmp" / "grid.json").read_text())["plan"] == json.loads(plan)["plan"]
    again = Pretended()
    pretend(tmp_path / "cmp", again, resume=True)
    assert again.did == []


def test_a_run_that_fails_ends_no_other_and_is_told(pretend: Grids, tmp_path: Path) -> None:
    result = pretend(tmp_path / "cmp", Pretended(lambda run: run.candidate.name == "unet-bce_dice"))
    assert [(one.candidate, one.state, one.code) for one in result.missing] == [("unet-bce_dice", "failed", "diverged")]
    assert "learning rate" in result.failed[0].reason["en"].lower() or "lr" in result.failed[0].reason["en"].lower()
    assert result.failed[0].reason["zh"] != result.failed[0].reason["en"]
    said = json.loads((tmp_path / "cmp" / "comparison.json").read_text())
    assert set(said["models"]) == NAMES - {"unet-bce_dice"}
    assert "grid-failed" in {note["code"] for note in said["claim"]["notes"]}
    assert said["fairness"]["missing"][0]["candidate"] == "unet-bce_dice"
    rows = list(csv.DictReader((tmp_path / "cmp" / "runs.csv").read_text(encoding="utf-8").splitlines()))
    assert [row["state"] for row in rows].count("failed") == 1
    assert next(row for row in rows if row["state"] == "failed")["reason"]
    mended = Pretended()
    assert not pretend(tmp_path / "cmp", mended, resume=True).missing
    assert mended.did == [("unet-bce_dice", 0, 0)], "a failed run is tried again, a finished one is not"
    assert set(json.loads((tmp_path / "cmp" / "comparison.json").read_text())["models"]) == NAMES


def test_where_nothing_can_be_compared_the_reason_is_said(pretend: Grids, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="nothing to compare") as caught:
        pretend(tmp_path / "cmp", Pretended(lambda run: True))
    assert caught.value.code == "grid-nothing-to-compare"
    assert (tmp_path / "cmp" / "runs.csv").exists()


def test_the_primary_metric_cannot_be_changed(pretend: Grids, tmp_path: Path) -> None:
    pretend(tmp_path / "cmp", primary="iou")
    assert json.loads((tmp_path / "cmp" / "comparison.json").read_text())["primary"] == "iou"
    with pytest.raises(UsageError, match="named before anybody looks"):
        pretend(tmp_path / "cmp", resume=True, given={"primary": "dice"})
    with pytest.raises(UsageError, match="--losses"):
        pretend(tmp_path / "cmp", resume=True, given={"losses": ("focal",)})
    pretend(tmp_path / "cmp", resume=True, given={"primary": "iou", "losses": ("dice", "bce_dice")})


def test_equal_time_gives_the_slower_network_fewer_steps(pretend: Grids, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from delineate.workflows.grid import timing

    monkeypatch.setattr(
        timing.StepCosts, "_of", lambda self, candidate: (0.004 if candidate.network.name == "unet" else 0.012, 0.0)
    )
    settings = {**ASKED["settings"], "training.steps": 3000, "training.epoch_steps": 100}
    pretend(tmp_path / "cmp", equal="time", losses=("dice",), settings=settings)
    steps = {candidate.name: candidate.steps for candidate in Grid(tmp_path / "cmp").plan.candidates}
    assert steps["unet"] == pytest.approx(3 * steps["attention_unet"], abs=3)
    assert sum(steps.values()) > 3000
    epochs = {c.name: c.steps / c.epoch_steps for c in Grid(tmp_path / "cmp").plan.candidates}
    assert epochs["unet"] == pytest.approx(epochs["attention_unet"], rel=0.03), "both are validated equally often"
    fairness = json.loads((tmp_path / "cmp" / "comparison.json").read_text())["fairness"]
    assert fairness["budget_rule"] == "time"


def test_a_budget_is_divided_and_one_that_is_too_small_is_refused(
    pretend: Grids, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from delineate.workflows.grid import timing

    monkeypatch.setattr(timing.StepCosts, "_of", lambda self, candidate: (0.02, 0.0))
    with pytest.raises(UsageError) as caught:
        pretend(tmp_path / "small", epochs=None, budget="60s")
    assert caught.value.code == "grid-budget-too-small"
    enough = caught.value.params["enough"]
    pretend(tmp_path / "enough", epochs=None, budget=f"{enough}m")
    few = Grid(tmp_path / "enough").plan
    pretend(tmp_path / "twice", epochs=None, budget=f"{2 * enough + 10}m", on_event=lambda event: None)
    many = Grid(tmp_path / "twice").plan
    assert 100 <= few.candidates[0].steps < many.candidates[0].steps
    assert few.seconds <= 60 * enough
    assert many.seconds <= 60 * (2 * enough + 10)
    assert many.seconds > 0.7 * 60 * (2 * enough + 10), "the time there is, is used"


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"epochs": None}, "grid-needs-budget"),
        ({"primary": "beauty"}, "compare-no-metric"),
        ({"jobs": 0}, "grid-bad-jobs"),
        ({"settings": {"network.options.wids": [8]}}, "unknown-key"),
        ({"settings": {"training.lrr": 1}}, "unknown-key"),
    ],
)
def test_refused_before_anything_is_trained(pretend: Grids, tmp_path: Path, options: dict[str, object], code: str) -> None:
    engine = Pretended()
    with pytest.raises((UsageError, RecipeError)) as caught:
        pretend(tmp_path / "cmp", engine, **options)
    assert caught.value.code == code
    assert not engine.did


def test_folders_of_others_are_left_alone(pretend: Grids, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(RunError, match="nothing in it is touched"):
        pretend(tmp_path / "mine")
    with pytest.raises(RunError, match=r"grid\.json"):
        pretend(tmp_path / "nowhere", resume=True)
    pretend(tmp_path / "cmp")
    with pytest.raises(RunError, match="--resume"):
        pretend(tmp_path / "cmp")
