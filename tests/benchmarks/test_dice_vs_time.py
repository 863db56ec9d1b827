"""benchmarks/dice_vs_time.py on made patients: every system learns, is scored by our code, and is not run twice."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from benchmarks.contestants import read_volumes  # noqa: E402
from benchmarks.made_volumes import write_patients  # noqa: E402

from benchmarks import dice_baselines, dice_vs_time  # noqa: E402
from delineate import layouts  # noqa: E402
from delineate.recipe import MaskRule, Recipe  # noqa: E402


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_patients(tmp_path_factory.mktemp("data"), patients=6, slices=3, size=64)


def test_a_race_and_its_going_on(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dice_baselines, "SIZE", 32)
    ticks = itertools.count()
    monkeypatch.setattr(dice_baselines, "now", lambda: next(ticks) / 20)  # a clock that does not depend on how busy the machine is
    out = tmp_path / "race"
    arguments = ["--data", str(data), "--out", str(out), "--threads", "1", "--systems", "r2", "--json", str(tmp_path / "race.json")]
    first = dice_vs_time.main([*arguments, "--minutes", "0.002,0.03"])
    assert [(d["system"], d["mark"]) for d in first["done"]] == [("r2", 0.12), ("r2", 1.8)]
    assert first["done"][1]["images"] > first["done"][0]["images"] > 0
    assert all(0 <= d["dice"]["mean"] <= 1 and d["dice"]["n"] == first["persons"]["test"] for d in first["done"])
    split = json.loads((out / "splits.json").read_text())["folds"][0]
    assert first["persons"] == {"train": len(split["train"]), "test": len(split["test"])}

    monkeypatch.setattr(dice_vs_time.Race, "_one", lambda *_: pytest.fail("done already"))
    assert dice_vs_time.main([*arguments, "--minutes", "0.03"])["done"] == first["done"]
    page = tmp_path / "page.md"
    page.write_text("<!-- dice: begin -->\n<!-- dice: end -->\n")
    dice_vs_time.main([*arguments, "--minutes", "0.03", "--write", str(page)])
    assert "R2's loop" in page.read_text()
    assert (tmp_path / "images" / "dice_vs_time.png").stat().st_size > 5_000


def test_what_cannot_run_is_said(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(*_: object) -> None:
        raise ImportError("No module named 'monai'")

    monkeypatch.setitem(dice_baselines.SYSTEMS, "monai", absent)  # type: ignore[misc]
    state = dice_vs_time.main(["--data", str(data), "--out", str(tmp_path), "--systems", "monai", "--minutes", "0.01"])
    assert "monai" in state["skipped"]["monai"]
    assert not state["done"]


@pytest.mark.parametrize(("name", "package"), [("smp", "segmentation_models_pytorch"), ("monai", "monai")])
def test_the_others_are_fair_opponents(name: str, package: str, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They learn: after some steps the loss is lower than at the beginning; and they predict on the volume's own grid."""
    pytest.importorskip(package)
    monkeypatch.setattr(dice_baselines, "SIZE", 32)
    monkeypatch.setattr(dice_baselines.Monai, "CROP", (32, 32))
    torch.set_num_threads(1)
    volumes = read_volumes(layouts.scan(data).cases, Recipe(masks=MaskRule(cutoff=127)))
    system = dice_baselines.SYSTEMS[name](volumes[:4], "cpu", 0)
    losses: list[float] = []
    loop = system.loop  # type: ignore[attr-defined]
    inner = loop.loss

    def noted(y: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        loss: torch.Tensor = inner(y, t)
        losses.append(float(loss.detach()))
        return loss

    loop.loss = noted
    for step in range(24):
        assert system.step(step / 24) > 0
    assert np.mean(losses[-6:]) < np.mean(losses[:6]) - 0.02
    probability = system.predict(volumes[5])
    assert probability.shape == volumes[5].masks.shape
    assert 0 <= probability.min() <= probability.max() <= 1
