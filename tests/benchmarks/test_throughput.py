"""benchmarks/throughput.py on a small network: the numbers it promises, from the product's own parts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from benchmarks.measuring import Spread, interleaved, ratios

from benchmarks import measuring, page, r2_loop


def test_takes_turns_and_reverses_every_second_round() -> None:
    order: list[str] = []

    def contestant(name: str) -> float:
        order.append(name)
        return float(len(order))

    measured = interleaved({"a": lambda: contestant("a"), "b": lambda: contestant("b")}, 2)
    assert order == ["a", "b", "b", "a"]
    assert measured == {"a": [1.0, 4.0], "b": [2.0, 3.0]}


def test_ratios_are_of_each_round() -> None:
    assert ratios([2.0, 30.0, 4.0], [1.0, 10.0, 1.0]) == Spread(3.0, 2.0, 4.0, 3)
    with pytest.raises(ValueError, match="nothing"):
        Spread.of([])


def test_ours_is_the_products_own_training(tmp_path: Path) -> None:
    """Batches from the cache through the prefetcher into the learner: what is learned is what the loop would have learned."""
    torch = pytest.importorskip("torch")
    from benchmarks.made_volumes import write_patients

    from benchmarks import contestants
    from delineate.training import machine_profile
    from delineate.training.batches import BatchMaker
    from delineate.training.step import Learner

    torch.set_num_threads(1)
    data = write_patients(tmp_path / "data", patients=1, slices=4, size=64)
    setting = contestants.Setting(data, tmp_path, 32, 2, 1, "cpu", machine_profile("cpu"), (4, 8, 16))
    ours = contestants.Ours(setting)
    assert [ours.step(), ours.step()] == [2, 2]
    ours.close()
    learner, maker = Learner(setting.recipe), BatchMaker(ours.maker.cache, setting.recipe)
    for number in range(2):
        learner.step(*maker.make(number, ours.stage), number, 1e-3)
    for mine, theirs in zip(ours.learner.network.parameters(), learner.network.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=0)
    assert len(ours.works) >= 2
    assert all(0 <= wait <= 1 for wait in ours.waits)


@pytest.mark.slow  # writing a model file and compiling it for OpenVINO takes seconds, whatever the network's size
def test_quick_gives_what_it_promises(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from benchmarks import throughput

    result = throughput.measure(quick=True, size=64, batch=2, rounds=1, threads=1, seconds=1.0, widths=(8, 16, 32), int8=False)
    measuring.write_json(tmp_path / "out.json", result)
    read = json.loads((tmp_path / "out.json").read_text())
    assert read["schema"] == measuring.SCHEMA
    for key in ("train_ratio", "predict_ratio", "train_peak_share", "predict_peak_share"):
        assert read[key] > 0
    # 3×3 convolutions, transposed ones and the head of an 8-16-32 U-Net at 64²: multiplications and additions by hand
    area = 64 * 64
    convolutions = area * 9 * (3 * 8 + 8 * 8 + 16 * 8 + 8 * 8) + area // 4 * 9 * (8 * 16 + 16 * 16 + 32 * 16 + 16 * 16)
    convolutions += area // 16 * 9 * (16 * 32 + 32 * 32)
    ups = area // 4 * 4 * 16 * 8 + area // 16 * 4 * 32 * 16
    assert read["setting"]["flop_per_image_forward"] == 2 * (convolutions + ups + area * 8)
    assert "R2's loop" in page.throughput_table(read)


def test_a_section_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text("a\n<!-- x: begin -->\nold\n<!-- x: end -->\nb\n")
    page.write_section(path, "x", "new")
    page.write_section(path, "x", "newer")
    assert path.read_text() == "a\n<!-- x: begin -->\nnewer\n<!-- x: end -->\nb\n"
    with pytest.raises(ValueError, match="no markers"):
        page.write_section(path, "y", "new")


def test_r2_crops_pads_and_puts_back() -> None:
    images = np.zeros((2, 1, 40, 60), dtype=np.float32)
    images[:, :, 10:30, 20:50] = 100 + np.random.default_rng(0).normal(0, 5, (2, 1, 20, 30))
    masks = np.zeros((2, 40, 60), dtype=np.uint8)
    masks[0, 15:25, 25:45] = 1
    ready, truth, frame = r2_loop.prepared(r2_loop.Volume("v", images, masks), 30)
    assert frame == r2_loop.Frame((10, 20, 30, 50), (5, 0))
    assert ready.shape == (2, 1, 30, 30)
    assert abs(float(ready.mean())) < 1e-4
    assert truth[0].sum() == masks[0].sum()  # 30 pixels wide already: nothing is lost
    back = r2_loop.put_back(truth[0], frame, (40, 60))
    np.testing.assert_array_equal(back > 0.5, masks[0] == 1)


def test_r2_learns_on_made_volumes(tmp_path: Path) -> None:
    """The base must be a fair one: its loss falls."""
    torch = pytest.importorskip("torch")
    from benchmarks.contestants import read_volumes
    from benchmarks.made_volumes import write_patients

    from delineate import layouts
    from delineate.recipe import MaskRule, Recipe

    torch.set_num_threads(1)
    cases = layouts.scan(write_patients(tmp_path, patients=2, slices=4, size=64)).cases
    volumes = read_volumes(cases, Recipe(masks=MaskRule(cutoff=127)))
    assert [volume.images.shape for volume in volumes] == [(4, 3, 64, 64)] * 2
    loop = r2_loop.r2_loop(volumes, size=32, batch=4)
    losses: list[float] = []
    inner = loop.loss
    loop.loss = lambda y, t: losses.append(float(inner(y, t).detach())) or inner(y, t)  # type: ignore[func-returns-value]
    for _ in range(40):
        assert loop.step() == 4
    assert np.mean(losses[-5:]) < np.mean(losses[:5]) - 0.015
