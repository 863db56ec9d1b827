"""The whole room on real data: what nobody on this project made."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from delineate.dataset import fingerprint_of, fold_cases, infer_mask_rule, load_image, load_mask, make_splits, measure_cases
from delineate.layouts import scan

FOLDERS = {
    "lgg_kaggle_3m/kaggle_3m": ("threshold", "binary"),
    "montgomery_shenzhen_512": ("threshold", "grey-edges"),
    "isbi2012_em": ("threshold", "binary"),
    "msd_task04_hippocampus": ("values", "labels"),
    "chasedb1": ("threshold", "binary"),
}


@pytest.mark.parametrize("name", FOLDERS)
def test_real_folder(real_data: Path, name: str) -> None:
    if not (real_data / name).is_dir():
        pytest.skip(f"{name} is not there")
    found = scan(real_data / name)
    rule, labels, evidence = infer_mask_rule(found)
    assert (rule.kind, evidence.kind) == FOLDERS[name]
    assert not [finding for finding in evidence.findings if finding.severity == "error"]
    facts = measure_cases(found, rule, labels)
    assert not [item for item in facts if item.error or item.unknown_values]
    fingerprint = fingerprint_of(facts, found, labels)
    assert all(0 < item.pixel_share < 1 for item in fingerprint.classes)
    assert fingerprint.ceiling[768] >= fingerprint.ceiling[96] > 0.3
    splits, _ = make_splits(found, facts)
    parts = fold_cases(found.cases, splits)
    assert all(parts.values())
    persons = Counter(person for cases in parts.values() for person in {case.person for case in cases})
    assert found.unit == "block" or max(persons.values()) == 1
    case = parts["test"][0]
    image = load_image(case)
    mask = load_mask(case, rule, labels, image_geometry=image.geometry)
    assert mask.geometry == image.geometry
    assert np.isin(mask.labels, range(labels.classes + 1)).all()
