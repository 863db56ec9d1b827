"""What a claim says."""

from __future__ import annotations

from delineate.comparison.claim import claim_sentence


def test_one_patient_is_not_patients() -> None:
    params = {"names": "a, b", "metric": "dice", "unit": "patient", "smallest": 1.0}
    assert "on 1 patient:" in claim_sentence("too-few", {**params, "n": 1}, "en")
    assert "on 2 patients:" in claim_sentence("too-few", {**params, "n": 2}, "en")
    assert "1 名患者" in claim_sentence("too-few", {**params, "n": 1}, "zh")
