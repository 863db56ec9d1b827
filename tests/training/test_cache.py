"""Every case once, in order, bounded, reused when nothing changed, never half-made."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from delineate.domain import Case, LabelSet, Source
from delineate.errors import DataError, DelineateError, RunError
from delineate.events import Event, Note, Progress
from delineate.preprocessing import prepare
from delineate.recipe import MaskRule, Normalisation, Preprocessing, Recipe
from delineate.training.cache import build_cache, cache_key
from delineate.training.planes import INDEX, LABELS, PLANES, open_cache

RECIPE = Recipe(
    masks=MaskRule(kind="threshold", cutoff=127),
    preprocessing=Preprocessing(channels=1, colour="grey", fit="scale", normalisation=Normalisation(scheme="image")),
)


def picture_case(folder: Path, number: int, shape: tuple[int, int] = (40, 48), volume: str | None = None) -> Case:
    rng = np.random.default_rng(number)
    mask = np.zeros(shape, dtype=np.uint8)
    mask[5:15, 5 : 10 + number] = 255
    pixels = rng.integers(0, 60, shape) + mask // 3 + 10 * number
    paths = folder / f"{number}.png", folder / f"{number}_mask.png"
    Picture.fromarray(pixels.astype(np.uint8)).save(paths[0])
    Picture.fromarray(mask).save(paths[1])
    return Case(str(number), (Source(paths[0]),), (Source(paths[1]),), patient=f"p{number // 2}", volume=volume, position=number)


def with_scheme(scheme: str) -> Recipe:
    normalisation = Normalisation(scheme=scheme)
    return RECIPE.model_copy(update={"preprocessing": RECIPE.preprocessing.model_copy(update={"normalisation": normalisation})})


def test_planes_come_back_as_they_were_prepared(tmp_path: Path) -> None:
    from delineate.dataset.loading import load_image

    cases = [picture_case(tmp_path, n, (40, 48) if n % 2 else (33, 57)) for n in range(5)]
    cache = build_cache(cases, RECIPE, tmp_path / "cache", workers=3)
    assert len(cache) == 5
    assert [plane.case for plane in cache.planes] == [case.id for case in cases]
    assert [plane.person for plane in cache.planes] == ["p0", "p0", "p1", "p1", "p2"]
    for index, case in enumerate(cases):
        expected = prepare(load_image(case), RECIPE.preprocessing).planes[0]
        assert np.allclose(cache.image(index), expected, atol=2e-3, rtol=1e-3)
        assert np.array_equal(cache.image(index, rows=(3, 17)), cache.image(index)[:, 3:17])
        truth = np.asarray(Picture.open(case.masks[0].path)) > 127
        assert np.array_equal(cache.labels(index), truth)
        assert np.array_equal(cache.labels(index, rows=(30, 33)), truth[30:33])
        assert cache.planes[index].foreground == (int(truth.sum()),)


def test_a_second_run_finds_it_and_any_change_makes_another(tmp_path: Path) -> None:
    cases = [picture_case(tmp_path, n) for n in range(3)]
    first = build_cache(cases, RECIPE, tmp_path / "cache")
    stamp = (first.folder / PLANES).stat().st_mtime_ns
    events: list[Event] = []
    again = build_cache(cases, RECIPE, tmp_path / "cache", on_event=events.append)
    assert again == first
    assert (again.folder / PLANES).stat().st_mtime_ns == stamp
    assert not [event for event in events if isinstance(event, Progress)]
    keys = {first.key, cache_key(cases[:2], RECIPE), cache_key(cases, with_scheme("volume")), cache_key(cases[::-1], RECIPE)}
    os.utime(cases[0].path, ns=(1, 1))
    keys.add(cache_key(cases, RECIPE))
    other = RECIPE.model_copy(update={"masks": MaskRule(cutoff=3)})
    keys |= {cache_key(cases, other), cache_key(cases, RECIPE.model_copy(update={"labels": LabelSet(names=("x",))}))}
    assert len(keys) == 7


def test_a_bad_file_is_told_and_left_out(tmp_path: Path) -> None:
    cases = [picture_case(tmp_path, n) for n in range(4)]
    cases[1].path.write_bytes(b"not a picture")
    cases[2].masks[0].path.unlink()
    events: list[Event] = []
    seen: list[str] = []
    for _ in range(2):  # also when it is found in the cache
        events.clear()
        cache = build_cache(
            cases, RECIPE, tmp_path / "cache", on_event=events.append, on_error=lambda case, error: seen.append(case.id)
        )
        assert [plane.case for plane in cache.planes] == ["0", "3"]
        assert [case for case, _ in cache.failed] == ["1", "2"]
        assert [event.params["case"] for event in events if isinstance(event, Note)] == ["1", "2"]
    assert seen == ["1", "2"]


def test_nothing_usable_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    case = picture_case(tmp_path, 0)
    case.path.write_bytes(b"")
    with pytest.raises(DataError) as caught:
        build_cache([case], RECIPE, tmp_path / "cache")
    assert caught.value.code == "no-usable-case"
    assert not list((tmp_path / "cache").iterdir())


def test_slices_of_a_volume_are_measured_together(tmp_path: Path) -> None:
    cases = [picture_case(tmp_path, n, volume="v") for n in range(4)]
    together = build_cache(cases, with_scheme("volume"), tmp_path / "cache")
    alone = build_cache(cases, with_scheme("image"), tmp_path / "cache")
    means = [together.image(i).astype(np.float32).mean() for i in range(4)]
    assert means == sorted(means)  # brighter slices stay brighter
    assert max(means) - min(means) > 0.5
    assert np.ptp([alone.image(i).astype(np.float32).mean() for i in range(4)]) < 0.1
    assert together.groups() == {"v": [0, 1, 2, 3]}
    cases[2].path.write_bytes(b"bad")
    assert len(build_cache(cases, with_scheme("volume"), tmp_path / "cache")) == 3


def test_volumes_become_planes(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    np.save(tmp_path / "image.npy", rng.normal(size=(6, 20, 24)).astype(np.float32))
    np.save(tmp_path / "mask.npy", np.pad(np.full((2, 5, 5), 255, np.uint8), ((3, 1), (5, 10), (5, 14))))
    case = Case("v", (Source(tmp_path / "image.npy"),), (Source(tmp_path / "mask.npy"),))
    cache = build_cache([case], with_scheme("image"), tmp_path / "cache")
    assert len(cache) == 6
    assert [plane.foreground for plane in cache.planes] == [(0,), (0,), (0,), (25,), (25,), (0,)]
    assert [plane.number for plane in cache.planes] == list(range(6))
    assert len(cache.only(lambda plane: any(plane.foreground))) == 2
    assert cache.only(lambda plane: plane.number == 4).image(0).shape == (1, 20, 24)
    assert np.array_equal(cache.only(lambda plane: plane.number == 4).image(0), cache.image(4))


def test_a_half_made_or_cut_cache_is_made_anew(tmp_path: Path) -> None:
    cases = [picture_case(tmp_path, n) for n in range(2)]
    cache = build_cache(cases, RECIPE, tmp_path / "cache")
    for name in (PLANES, LABELS):
        path = cache.folder / name
        path.write_bytes(path.read_bytes()[:-1])
        assert open_cache(cache.folder) is None
        with pytest.raises(RunError) as caught:
            (cache.image if name == PLANES else cache.labels)(1)
        assert caught.value.code == "cache-damaged"
        build_cache(cases, RECIPE, tmp_path / "cache")
        assert open_cache(cache.folder) is not None
    (cache.folder / INDEX).unlink()
    assert len(build_cache(cases, RECIPE, tmp_path / "cache")) == 2


def test_two_at_once_give_one_good_cache(tmp_path: Path) -> None:
    cases = [picture_case(tmp_path, n) for n in range(6)]
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(build_cache(cases, RECIPE, tmp_path / "cache", workers=2))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert all(cache == found[0] for cache in found)
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_the_cache_needs_no_torch() -> None:
    code = "import sys, delineate.training.cache; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("scheme", ["image", "volume"])
def test_what_does_not_fit_is_prepared_anew_and_is_the_same(tmp_path: Path, scheme: str) -> None:
    cases = [picture_case(tmp_path, n, volume=f"v{n // 3}") for n in range(6)]
    recipe = with_scheme(scheme)
    whole = build_cache(cases, recipe, tmp_path / "whole")
    events: list[Event] = []
    one = 40 * 48 * 3  # float16 of one channel and its labels
    small = build_cache(cases, recipe, tmp_path / "small", limit=2 * one, on_event=events.append)
    assert sum((small.folder / name).stat().st_size for name in (PLANES, LABELS)) == 2 * one
    assert small.left_out() == 4
    assert [event.params for event in events if isinstance(event, Note)] == [{"planes": 4, "all": 6}]
    for index in range(6):
        assert np.array_equal(small.image(index), whole.image(index))
        assert np.array_equal(small.image(index, rows=(3, 9)), whole.image(index, rows=(3, 9)))
        assert np.array_equal(small.labels(index), whole.labels(index))
        assert np.array_equal(small.labels(index, rows=(3, 9)), whole.labels(index, rows=(3, 9)))
        assert small.planes[index].foreground == whole.planes[index].foreground
    again = build_cache(cases, recipe, tmp_path / "small", limit=2 * one)
    assert again == small
    assert np.array_equal(again.only(lambda plane: plane.case == "5").image(0), whole.image(5))
    with pytest.raises(RunError, match="nothing to read it from"):
        open_cache(small.folder).image(5)  # type: ignore[union-attr]


def test_a_file_that_goes_away_is_told_when_it_is_needed_again(tmp_path: Path) -> None:
    cases = [picture_case(tmp_path, n) for n in range(2)]
    cache = build_cache(cases, RECIPE, tmp_path / "cache", limit=0)
    cases[1].path.unlink()
    assert cache.image(0).shape == (1, 40, 48)
    with pytest.raises(DelineateError, match=r"1\.png"):
        cache.image(1)


def test_two_processes_share_one_cache(tmp_path: Path) -> None:
    """Both build at once, or one finds what the other built: one good cache, nothing else."""
    code = """
import sys
from pathlib import Path
from tests.training.test_cache import RECIPE
from delineate.domain import Case, Source
from delineate.training.cache import build_cache
folder = Path(sys.argv[1])
cases = [Case(str(n), (Source(folder / "data" / f"{n}.png"),), (Source(folder / "data" / f"{n}_mask.png"),)) for n in range(8)]
for _ in range(3):
    cache = build_cache(cases, RECIPE, folder / "cache", workers=1)
    print(cache.key, sum(int(cache.labels(i).sum()) for i in range(len(cache))))
"""
    (tmp_path / "data").mkdir()
    for number in range(8):
        picture_case(tmp_path / "data", number)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    running = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = [line for one in running for line in one.communicate(timeout=120)[0].splitlines()]
    assert all(one.returncode == 0 for one in running)
    assert len(said) == 6
    assert len(set(said)) == 1
    assert len(list((tmp_path / "cache").iterdir())) == 1
