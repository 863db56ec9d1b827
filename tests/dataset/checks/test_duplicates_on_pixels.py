"""Near duplicates are found on real pixels and told from pictures that are merely alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from delineate.dataset import measure_cases
from delineate.dataset.checks import CheckContext, run_checks
from delineate.dataset.checks.likeness import HASH_DISTANCE, SAME_PICTURE, hash_pairs, likeness, thumbnail
from delineate.domain import Case, LabelSet, Scan, Source
from delineate.recipe import MaskRule
from delineate.synthetic.dataset import draw_volume


def small(pixels: NDArray[Any]) -> NDArray[np.float32]:
    result = thumbnail(pixels)
    assert result is not None
    return result


def alike(a: NDArray[Any], b: NDArray[Any]) -> float:
    return float(likeness(small(a)[None], small(b)[None])[0])


@pytest.fixture(scope="module")
def pictures() -> list[NDArray[np.uint8]]:
    """The middle slice of six made-up patients."""
    return [(draw_volume(5, n, 3, 192)[1][0] / 8).astype(np.uint8) for n in range(1, 7)]


def test_the_same_picture_again(pictures: list[NDArray[np.uint8]]) -> None:
    for picture in pictures:
        jpeg = cv2.imdecode(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 60])[1], cv2.IMREAD_UNCHANGED)
        larger = cv2.resize(picture, None, fx=1.5, fy=1.5)
        brighter = np.clip(picture * 1.2 + 10, 0, 255).astype(np.uint8)
        for other in (jpeg, larger, brighter):
            assert alike(picture[None], np.asarray(other)[None]) > SAME_PICTURE


def test_other_patients_are_not_the_same_picture(pictures: list[NDArray[np.uint8]]) -> None:
    for number, picture in enumerate(pictures):
        for other in pictures[:number]:
            assert alike(picture[None], other[None]) < SAME_PICTURE


def test_a_recompressed_copy_under_another_name_is_found(pictures: list[NDArray[np.uint8]], tmp_path: Path) -> None:
    """From files to findings: six patients, and the first one's image again as JPEG of a seventh."""
    cases = []
    for number, picture in enumerate([*pictures, pictures[0]]):
        name = f"p{number}" + (".jpg" if number == 6 else ".png")
        cv2.imwrite(str(tmp_path / name), picture)
        cv2.imwrite(str(tmp_path / f"p{number}_mask.png"), np.where(picture > 128, 255, 0).astype(np.uint8))
        cases.append(
            Case(f"p{number}", (Source(tmp_path / name),), (Source(tmp_path / f"p{number}_mask.png"),), patient=f"p{number}")
        )
    scan = Scan(tmp_path, "test", tuple(cases))
    rule, labels = MaskRule(cutoff=127), LabelSet()
    context = CheckContext(scan, measure_cases(scan, rule, labels), rule, labels)
    findings = [f for f in run_checks(context) if "duplicate" in f.code]
    assert [(f.code, f.case, f.params["other"]) for f in findings] == [("image-duplicate-near", "p6", "p0")]


def test_nothing_to_see_is_like_nothing() -> None:
    assert thumbnail(np.zeros((1, 40, 40), np.uint8)) is None
    assert thumbnail(np.full((3, 2, 40, 40), np.nan, np.float32)) is None


def test_hash_pairs_against_brute_force() -> None:
    rng = np.random.default_rng(0)
    centres = rng.integers(0, 2**63, 12, dtype=np.uint64)
    flips = np.array([[1 << int(bit) for bit in rng.integers(0, 64, 5)] for _ in range(120)], dtype=np.uint64)
    hashes = centres[rng.integers(0, 12, 120)] ^ np.bitwise_xor.reduce(flips, axis=1)
    owners = rng.integers(0, 9, 120)
    wanted = {
        (i, j)
        for i in range(120)
        for j in range(i + 1, 120)
        if owners[i] != owners[j] and (int(hashes[i]) ^ int(hashes[j])).bit_count() <= HASH_DISTANCE
    }
    pairs, dropped = hash_pairs(hashes, owners, block=50)
    assert {(i, j) for i, j in pairs.tolist()} == wanted
    assert wanted and dropped == 0


def test_real_persons_are_not_taken_for_one(real_data: Path) -> None:
    images = sorted((real_data / "chasedb1").rglob("*.jpg"))
    by_child = {path.name[:8]: path for path in images}
    thumbnails = [small(np.moveaxis(cv2.imread(str(path)), -1, 0)) for path in by_child.values()]
    for number, one in enumerate(thumbnails):
        for other in thumbnails[:number]:
            assert likeness(one[None], other[None])[0] < SAME_PICTURE
