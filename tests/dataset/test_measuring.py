"""Facts against their definitions, failures as facts, and the fingerprint they add up to."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from tests.dataset.dataset_folders import disc, write

from delineate.dataset import Fingerprint, fingerprint_of, measure_cases, measure_fingerprint
from delineate.dataset.measuring import affine_difference, channel_statistics, pixel_hash
from delineate.dataset.plane_facts import black_border, difference_hash, object_facts, resize_ceiling
from delineate.domain import Case, Geometry, LabelSet, Scan, Source
from delineate.errors import DataError
from delineate.events import Event, Progress
from delineate.recipe import MaskRule, load, save_json

LABELS = LabelSet()
RULE = MaskRule(cutoff=0.5)


def test_facts_of_a_case(make_scan: Any) -> None:
    mask = disc(radius=6, row=10)
    image = (mask * 100 + 20).astype(np.uint8)
    facts = measure_cases(make_scan([mask], [image]), RULE, LABELS)[0]
    assert facts.usable
    assert (facts.person, facts.shape, facts.channels, facts.dtype, facts.format) == ("p00", (32, 32), 1, "uint8", "png")
    assert facts.class_pixels == (int(mask.sum()),)
    assert (facts.foreground_mean, facts.background_mean) == (120.0, 20.0)
    assert facts.mean[0] == pytest.approx(image.mean())
    assert facts.std[0] == pytest.approx(image.std())
    assert facts.minimum == (20.0,)
    assert facts.box == (13 / 32, 13 / 32)
    assert facts.objects[0] is not None
    assert facts.objects[0].sizes == (int(mask.sum()),)
    assert facts.planes == facts.planes_with_foreground == 1
    assert facts.ceiling[96] == 1.0
    assert facts.sha256 == pixel_hash(image[None])
    json.dumps(facts.to_json(), allow_nan=False)


def test_trouble_becomes_a_fact(make_scan: Any) -> None:
    scan = make_scan([disc(), disc(), disc(), None])
    scan.cases[0].images[0].path.write_bytes(b"text")
    write(scan.cases[1].masks[0].path, disc(16))
    facts = measure_cases(scan, RULE, LABELS)
    assert [item.error_part for item in facts] == ["image", "mask", None, None]
    assert [item.usable for item in facts] == [False, False, True, False]
    assert facts[1].error is not None
    assert facts[1].error.code == "mask-size-differs"
    assert facts[1].mask_shape == (16, 16)
    assert facts[1].shape == (32, 32)
    assert not facts[3].labelled
    assert json.dumps([item.to_json() for item in facts])
    fingerprint = fingerprint_of(facts, scan, LABELS)
    assert (fingerprint.cases, fingerprint.labelled, fingerprint.unreadable) == (3, 1, 1)


def test_values_outside_the_rule(make_scan: Any) -> None:
    mask = disc(value=1)
    mask[0, 0] = 7
    facts = measure_cases(make_scan([mask]), MaskRule(kind="values", values={0: 0, 1: 1}), LABELS)[0]
    assert facts.unknown_values == {"7": 1}
    assert facts.ignored_pixels == 1
    assert facts.class_pixels == (int(disc().sum()),)


def volume_scan(tmp_path: Path, shape: tuple[int, ...] = (5, 24, 20)) -> tuple[Scan, Any, Any]:
    import nibabel as nib

    rng = np.random.default_rng(3)
    pixels = rng.normal(100, 20, shape).astype(np.float32)
    pixels[0, 0, 0] = np.nan
    labels = np.zeros(shape, dtype=np.uint8)
    labels[1:4, 5:15, 4:16] = 1
    labels[2, 8:10, 8:10] = 2
    affine = np.diag([0.5, 0.5, 3.0, 1.0])
    moved = affine.copy()
    moved[0, 3] = 4.0
    for name, array, matrix in (("image", pixels, affine), ("mask", labels, moved)):
        nib.save(nib.Nifti1Image(array.transpose(2, 1, 0), matrix), tmp_path / f"{name}.nii.gz")
    case = Case("image", (Source(tmp_path / "image.nii.gz"),), (Source(tmp_path / "mask.nii.gz"),), patient="p")
    return Scan(tmp_path, "x", (case,)), pixels, labels


def test_facts_of_a_volume(tmp_path: Path) -> None:
    scan, pixels, labels = volume_scan(tmp_path)
    two = LabelSet(kind="exclusive", names=("a", "b"))
    facts = measure_cases(scan, MaskRule(kind="values", values={0: 0, 1: 1, 2: 2}), two)[0]
    assert facts.shape == (5, 24, 20)
    assert facts.spacing == pytest.approx((3.0, 0.5, 0.5))
    assert facts.nonfinite == 1
    assert facts.mean[0] == pytest.approx(np.nanmean(pixels), rel=1e-5)
    assert facts.class_pixels == (int((labels == 1).sum()), 4)
    assert facts.class_planes == (3, 1)
    assert (facts.planes, facts.planes_with_foreground) == (5, 3)
    assert facts.box == pytest.approx((3 / 5, 10 / 24, 12 / 20))
    assert facts.affine_difference_mm == pytest.approx(4.0)
    assert facts.spacing_difference_mm == pytest.approx(0.0)
    assert facts.foreground_mean == pytest.approx(pixels[labels > 0].mean(), rel=1e-5)
    fingerprint = fingerprint_of([facts], scan, two)
    assert fingerprint.dims == 3
    assert fingerprint.anisotropy == pytest.approx(6.0)
    assert [item.name for item in fingerprint.classes] == ["a", "b"]


def test_regions_are_measured_class_by_class(tmp_path: Path) -> None:
    image = write(tmp_path / "i.png", disc())
    sources = (
        Source(write(tmp_path / "a.png", disc(radius=10)), label=1),
        Source(write(tmp_path / "b.png", disc(radius=5)), label=2),
    )
    scan = Scan(tmp_path, "x", (Case("i", (Source(image),), sources),))
    facts = measure_cases(scan, MaskRule(kind="files"), LabelSet(kind="regions", names=("a", "b")))[0]
    assert facts.class_pixels == (int(disc(radius=10).sum()), int(disc(radius=5).sum()))
    assert facts.class_planes == (1, 1)
    assert facts.ceiling


@given(arrays(np.float32, st.integers(1, 300), elements=st.floats(-1e4, 1e4, width=32)))
def test_chunked_statistics_equal_numpy(values: Any) -> None:
    import delineate.dataset.measuring as measuring

    before, measuring.CHUNK = measuring.CHUNK, 7
    try:
        result = channel_statistics(values)
    finally:
        measuring.CHUNK = before
    wide = values.astype(np.float64)
    assert result.mean == pytest.approx(wide.mean(), abs=1e-6)
    assert result.std == pytest.approx(wide.std(), abs=1e-6)
    assert (result.minimum, result.maximum) == (wide.min(), wide.max())


def test_nothing_finite() -> None:
    result = channel_statistics(np.full((3, 3), np.nan))
    assert (result.mean, result.nonfinite) == (0.0, 9)


def test_hash_ignores_brightness_and_sees_content() -> None:
    plane = np.random.default_rng(0).random((60, 80), dtype=np.float32)
    one = difference_hash(plane)
    assert one == difference_hash(3 * plane + 10)
    other = difference_hash(plane[::-1].copy())
    assert one is not None
    assert other is not None
    assert (one ^ other).bit_count() > 10
    assert difference_hash(np.full((9, 9), 5, np.float32)) is None


def test_identical_pixels_have_one_hash_whatever_the_byte_order() -> None:
    pixels = np.arange(12, dtype=">u2").reshape(1, 3, 4)
    assert pixel_hash(pixels) == pixel_hash(pixels.astype("<u2"))
    assert pixel_hash(pixels) != pixel_hash(pixels.reshape(1, 4, 3))


@pytest.mark.parametrize("width", [1, 3, 5, 9])
def test_thickness_of_a_bar(width: int) -> None:
    plane = np.zeros((60, 40), dtype=bool)
    plane[5:55, 10 : 10 + width] = True
    facts = object_facts(plane)
    assert facts is not None
    assert facts.thickness == pytest.approx(width, abs=0.01)
    assert (facts.count, facts.sizes) == (1, (50 * width,))


def test_ceiling_falls_for_thin_structures_and_not_for_large_ones() -> None:
    thin, thick = np.zeros((2, 512, 512), np.uint8)
    thin[::40, :] = 1
    thick[100:400, 100:400] = 1
    low, high = resize_ceiling(thin, LABELS), resize_ceiling(thick, LABELS)
    assert low[128] < 0.3
    assert high[128] > 0.98
    assert low[512] == high[768] == 1.0
    assert resize_ceiling(np.zeros((8, 8), np.uint8), LABELS) == {}


def test_black_border() -> None:
    plane = np.zeros((20, 20), np.float32)
    plane[5:15, 2:18] = 1
    assert black_border(plane) == pytest.approx((10 + 4) / 40)


def test_corner_distance_of_turned_affines() -> None:
    one = Geometry((3, 4, 5), (1, 1, 1), np.eye(4))
    flipped = np.eye(4)
    flipped[0, 0], flipped[0, 3] = -1, 2
    assert affine_difference(one, Geometry((3, 4, 5), (1, 1, 1), flipped)) == pytest.approx(2.0)
    assert affine_difference(one, Geometry((3, 4, 5))) is None


def test_order_and_threads_change_nothing(make_scan: Any) -> None:
    scan = make_scan([disc(64, radius) for radius in range(2, 22)])
    forward = measure_cases(scan, RULE, LABELS, threads=3)
    backward = measure_cases(replace(scan, cases=scan.cases[::-1]), RULE, LABELS, threads=1)
    assert [item.to_json() for item in forward] == [item.to_json() for item in backward[::-1]]
    assert fingerprint_of(forward, scan, LABELS) == fingerprint_of(backward, scan, LABELS)


def test_persons_restrict_the_fingerprint(make_scan: Any) -> None:
    images = [np.full((32, 32), value, np.uint8) for value in (10, 20, 250)]
    scan = make_scan([disc(), disc(radius=3), disc(radius=12)], images)
    facts = measure_cases(scan, RULE, LABELS)
    fingerprint = fingerprint_of(facts, scan, LABELS, persons=["p00", "p01"])
    assert (fingerprint.cases, fingerprint.persons) == (2, 2)
    assert fingerprint.intensity[0].maximum == 20
    assert fingerprint.intensity[0].constant_images == 2
    assert fingerprint.intensity[0].between_images == pytest.approx(5.0)
    assert fingerprint.classes[0].pixel_share == pytest.approx((disc().sum() + disc(radius=3).sum()) / 2048)
    with pytest.raises(DataError):
        fingerprint_of(facts, scan, LABELS, persons=[])


def test_fingerprint_is_saved_and_read_back(make_scan: Any, tmp_path: Path) -> None:
    fingerprint = measure_fingerprint(make_scan([disc(), disc(radius=3)]), RULE, LABELS)
    save_json(tmp_path / "fingerprint.json", fingerprint)
    assert load(Fingerprint, tmp_path / "fingerprint.json") == fingerprint


def test_progress_is_reported(make_scan: Any) -> None:
    events: list[Event] = []
    measure_cases(make_scan([disc()] * 3), RULE, LABELS, events.append)
    assert [event.done for event in events if isinstance(event, Progress)] == [3]


def test_memory_stays_small(tmp_path: Path) -> None:
    """300 slices of one stack file: what is kept of each is a few kilobytes."""
    import tracemalloc

    stack = np.random.default_rng(0).integers(0, 255, (300, 128, 128), dtype=np.uint8)
    images, masks = write(tmp_path / "i.npy", stack), write(tmp_path / "m.npy", (stack > 128).astype(np.uint8))
    cases = tuple(Case(f"{i}", (Source(images, index=i),), (Source(masks, index=i),), patient=f"p{i // 20}") for i in range(300))
    del stack
    tracemalloc.start()
    measure_cases(Scan(tmp_path, "x", cases), RULE, LABELS, threads=2)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20e6
