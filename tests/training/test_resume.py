"""After kill -9, Ctrl-C or a wish to stop: the same weights as without."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch
from tests.training import killable
from tests.training.small import discs, small_recipe

from delineate.errors import RunError
from delineate.events import Event, Note, Progress
from delineate.training import checkpoints, load_best, loop, train

ROOT = Path(__file__).resolve().parents[2]


def same_run(a: Path, b: Path) -> None:
    one, two = (torch.load(run / checkpoints.LAST, weights_only=True) for run in (a, b))
    for part in ("network", "averaged") if one["learner"]["averaged"] else ("network",):
        assert one["learner"][part].keys() == two["learner"][part].keys()
        for name, tensor in one["learner"][part].items():
            assert torch.equal(tensor, two["learner"][part][name]), name
    assert (a / checkpoints.BEST).read_bytes() == (b / checkpoints.BEST).read_bytes()
    timing = ("seconds", "images_per_second", "data_share")
    rows = [[{k: v for k, v in row.items() if k not in timing} for row in run["state"]["history"]] for run in (one, two)]
    assert rows[0] == rows[1]
    assert (
        len((a / "history.csv").read_text().splitlines()) == len((b / "history.csv").read_text().splitlines()) == len(rows[0]) + 1
    )


def run_process(run: Path, data: Path, slow: float = 0.0) -> subprocess.Popen[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "2"}
    command = [sys.executable, "-m", "tests.training.killable", str(run), str(data), str(slow)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs kill -9")
def test_killed_twice_in_mid_epoch_and_resumed_equals_uninterrupted(tmp_path: Path) -> None:
    discs(tmp_path / "data" / "train")
    discs(tmp_path / "data" / "validation", seed=1, groups=3)
    for until in (7, 23):
        process = run_process(tmp_path / "killed", tmp_path / "data", slow=0.02)
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("Progress") and int(line.split()[1]) >= until:
                break
        else:
            pytest.fail("training ended before it could be killed")
        process.kill()
        process.communicate()
        saved = torch.load(tmp_path / "killed" / checkpoints.LAST, weights_only=True)
        assert 0 < saved["state"]["step"] < 30
    killable.main(tmp_path / "killed", tmp_path / "data", 0.0)
    killable.main(tmp_path / "whole", tmp_path / "data", 0.0)
    same_run(tmp_path / "killed", tmp_path / "whole")


@pytest.mark.parametrize("recipe", [small_recipe(), small_recipe(optimiser="sgd", ema=0.0, schedule="plateau", precision="bf16")])
def test_stopped_between_any_two_steps_equals_uninterrupted(
    tmp_path: Path, recipe: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "_TELL_EVERY", 0.0)
    cache, validation = discs(tmp_path / "c"), discs(tmp_path / "v", seed=1, groups=2)
    train(recipe, cache, validation, tmp_path / "whole")
    stops = [1, 8, 15]
    for until in stops:
        stop = threading.Event()

        def tell(event: Event, until: int = until, stop: threading.Event = stop) -> None:
            if isinstance(event, Progress) and event.done >= until:
                stop.set()

        result = train(recipe, cache, validation, tmp_path / "parts", resume=True, on_event=tell, stop=stop)
        assert result.stopped == "interrupted"
        assert result.steps == until
    result = train(recipe, cache, validation, tmp_path / "parts", resume=True)
    assert result.stopped == "finished"
    same_run(tmp_path / "whole", tmp_path / "parts")
    again = train(recipe, cache, validation, tmp_path / "parts", resume=True)
    assert (again.best_step, again.best_score, again.steps) == (result.best_step, result.best_score, 24)


def test_ctrl_c_writes_a_checkpoint_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "_TELL_EVERY", 0.0)
    recipe, cache, validation = small_recipe(), discs(tmp_path / "c"), discs(tmp_path / "v", seed=1, groups=2)

    def tell(event: Event) -> None:
        if isinstance(event, Progress) and event.done == 11:
            signal.raise_signal(signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        train(recipe, cache, validation, tmp_path / "run", on_event=tell)
    assert signal.getsignal(signal.SIGINT) is before
    assert torch.load(tmp_path / "run" / checkpoints.LAST, weights_only=True)["state"]["step"] == 11
    train(recipe, cache, validation, tmp_path / "run", resume=True)
    train(recipe, cache, validation, tmp_path / "whole")
    same_run(tmp_path / "run", tmp_path / "whole")


def test_a_training_is_not_overwritten_or_mixed_up(tmp_path: Path) -> None:
    recipe, cache = small_recipe(steps=2, epoch_steps=1), discs(tmp_path / "c")
    train(recipe, cache, None, tmp_path / "run")
    with pytest.raises(RunError) as caught:
        train(recipe, cache, None, tmp_path / "run")
    assert caught.value.code == "training-exists"
    with pytest.raises(RunError) as caught:
        train(small_recipe(steps=2, epoch_steps=1, lr=0.5), cache, None, tmp_path / "run", resume=True)
    assert caught.value.code == "recipe-changed"
    last = tmp_path / "run" / checkpoints.LAST
    last.write_bytes(last.read_bytes()[:1000])
    with pytest.raises(RunError) as caught:
        train(recipe, cache, None, tmp_path / "run", resume=True)
    assert caught.value.code == "checkpoint-damaged"


def test_changed_data_is_told(tmp_path: Path) -> None:
    recipe = small_recipe(steps=2, epoch_steps=1)
    train(recipe, discs(tmp_path / "a"), None, tmp_path / "run")
    notes: list[Event] = []
    train(recipe, discs(tmp_path / "b", seed=2), None, tmp_path / "run", resume=True, on_event=notes.append)
    assert "data-changed" in [note.code for note in notes if isinstance(note, Note)]


def test_one_process_at_a_time_and_no_stale_lock(tmp_path: Path) -> None:
    lock = tmp_path / checkpoints.LOCK
    lock.parent.mkdir(parents=True)
    lock.write_text("999999999")  # left by a process that is gone
    with checkpoints.run_lock(tmp_path):
        assert lock.read_text() == str(os.getpid())
        with pytest.raises(RunError) as caught, checkpoints.run_lock(tmp_path):
            pass
        assert caught.value.code == "run-in-use"
        assert str(os.getpid()) in str(caught.value)
    with checkpoints.run_lock(tmp_path):
        pass


def test_best_weights_are_those_that_were_scored(tmp_path: Path) -> None:
    recipe, cache, validation = small_recipe(ema=0.0), discs(tmp_path / "c"), discs(tmp_path / "v", seed=1, groups=2)
    result = train(recipe, cache, validation, tmp_path / "run")
    network = load_best(tmp_path / "run", recipe)
    assert not network.training
    if result.best_step == result.steps:
        last = torch.load(tmp_path / "run" / checkpoints.LAST, weights_only=True)["learner"]["network"]
        assert all(torch.equal(tensor, last[name]) for name, tensor in network.state_dict().items())
    wider = recipe.model_copy(update={"network": recipe.network.model_copy(update={"options": {"widths": [8, 16]}})})
    with pytest.raises(RunError) as caught:
        load_best(tmp_path / "run", wider)
    assert caught.value.code == "recipe-changed"
    with pytest.raises(RunError) as caught:
        load_best(tmp_path / "nothing", recipe)
    assert caught.value.code == "no-checkpoint"
