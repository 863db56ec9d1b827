"""Real data sets as they were published (skipped where they are not at hand)."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.layouts.trees import all_accounted

from delineate.errors import DataError
from delineate.layouts import scan


@pytest.mark.parametrize(
    ("name", "layout", "unit"),
    [
        ("lgg_kaggle_3m", "patient-folders", "patient"),
        ("montgomery_shenzhen_512", "paired-folders", "patient"),
        ("isbi2012_em", "paired-folders", "block"),
        ("dsb2018_stage1", "instance-masks", "image"),
        ("msd_task04_hippocampus", "paired-folders", "patient"),
        ("chasedb1", "side-by-side", "patient"),
        ("pyradiomics_nrrd", "side-by-side", "patient"),
    ],
)
def test_layout_and_unit(real_data: Path, name: str, layout: str, unit: str) -> None:
    if not (real_data / name).is_dir():
        pytest.skip(f"{name} is not here")
    found = scan(real_data / name)
    all_accounted(found)
    assert (found.layout, found.unit) == (layout, unit)
    assert found.cases and all(case.masks for case in found.cases)
    assert not [finding for finding in found.findings if finding.severity == "error"]


@pytest.mark.parametrize("name", ["totalseg_tests", "dcmqi_ct_seg", "sct_testing"])
def test_collections_of_test_files_are_explained_errors(real_data: Path, name: str) -> None:
    if not (real_data / name).is_dir():
        pytest.skip(f"{name} is not here")
    with pytest.raises(DataError) as error:
        scan(real_data / name)
    assert error.value.code == "layout-unknown" and "--mask-pattern" in str(error.value)


def test_observers_eyes_and_slices(real_data: Path) -> None:
    eyes = scan(real_data / "chasedb1")
    assert all(set(case.raters) == {"observer2"} for case in eyes.cases)
    assert 2 * len({case.patient for case in eyes.cases}) == len(eyes.cases)
    brains = scan(real_data / "lgg_kaggle_3m")
    assert len({case.patient for case in brains.cases}) == len({case.path.parent for case in brains.cases})
    for volume in {case.volume for case in brains.cases}:
        positions = [case.position for case in brains.cases if case.volume == volume]
        assert positions == sorted(positions, key=lambda n: n or 0)


def test_a_real_pair_of_volumes_by_pattern(real_data: Path) -> None:
    found = scan(real_data / "totalseg_tests", image_pattern="{case}_ct.nii.gz", mask_pattern="{case}_seg.nii.gz")
    all_accounted(found)
    assert len(found.cases) == 1
