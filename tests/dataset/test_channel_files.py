"""What the files of one image's channels are called."""

from __future__ import annotations

from pathlib import Path

import pytest

from delineate.dataset import channel_endings
from delineate.domain import Case, Source


def case(*names: str) -> Case:
    return Case(names[0], tuple(Source(Path(name)) for name in names))


@pytest.mark.parametrize(
    ("cases", "endings"),
    [
        ([("a/case_001_0000.nii.gz", "a/case_001_0001.nii.gz"), ("a/x_0000.nii.gz", "a/x_0001.nii.gz")], ("_0000", "_0001")),
        ([("p/BraTS_001_flair.nii", "p/BraTS_001_t1.nii", "p/BraTS_001_t1ce.nii")], ("_flair", "_t1", "_t1ce")),
        ([("a/1-T2.MHA", "a/1-ADC.MHA")], ("-T2", "-ADC")),
        ([("a/x.png",), ("a/y.png",)], ()),
        ([("a/x_0.png", "a/x_1.png"), ("a/y_a.png", "a/y_b.png")], ()),
        ([("t1/x.png", "t2/x.png")], ()),
        ([("a/left.png", "a/right.png")], ()),
        ([], ()),
    ],
)
def test_endings(cases: list[tuple[str, ...]], endings: tuple[str, ...]) -> None:
    assert channel_endings(case(*names) for names in cases) == endings
