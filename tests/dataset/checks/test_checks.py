"""Each check on facts made by hand: it speaks when it should, and is silent on sound data."""

from __future__ import annotations

import json
import re
import string
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import delineate.i18n
from delineate.dataset.checks import CheckContext, blocking, checks, gather, run_checks, sentences
from delineate.dataset.facts import CaseFacts
from delineate.dataset.identical import duplicate_persons
from delineate.domain import Case, Finding, LabelSet, Scan, Source
from delineate.errors import DataError, UnreadableFile
from delineate.recipe import MaskRule, Splits

RULE = MaskRule(kind="threshold", cutoff=127)
LABELS = LabelSet()


def fact(number: int, **changes: Any) -> CaseFacts:
    """A sound 2-D image of person ``p<number>``."""
    rng = np.random.default_rng(number)
    base = CaseFacts(
        case=f"c{number}",
        person=f"p{number}",
        group=f"c{number}",
        labelled=True,
        sha256=f"sha-{number}",
        dhash=int(rng.integers(0, 2**63)),
        shape=(64, 64),
        spacing=(0.5, 0.5),
        channels=1,
        dtype="uint8",
        minimum=(0.0,),
        maximum=(255.0,),
        mean=(90.0,),
        std=(50.0,),
        border_mean=20.0,
        centre_mean=120.0,
        foreground_mean=180.0,
        background_mean=60.0,
        class_pixels=(400,),
        class_planes=(1,),
        pixels=64 * 64,
        planes_with_foreground=1,
        samples=(255 * rng.beta(1.5, 4, (300, 1))).astype(np.float32),
    )
    return replace(base, **changes)


def sound(n: int = 12, **changes: Any) -> list[CaseFacts]:
    return [fact(number, **changes) for number in range(n)]


def scan_of(facts: list[CaseFacts], unit: Any = "patient", findings: tuple[Finding, ...] = ()) -> Scan:
    root = Path("data")
    cases = tuple(
        Case(f.case, (Source(root / f"{f.case}.png"),), (Source(root / f"{f.case}_mask.png"),), patient=f.person, volume=None)
        for f in facts
    )
    return Scan(root, "paired", cases, findings, unit)


def context_of(facts: list[CaseFacts]) -> CheckContext:
    return CheckContext(scan_of(facts), facts, RULE, LABELS)


def found(name: str, facts: list[CaseFacts], splits: Splits | None = None, **options: Any) -> list[Finding]:
    context = CheckContext(
        scan_of(facts, options.pop("unit", "patient")), facts, options.pop("rule", RULE), options.pop("labels", LABELS), splits
    )
    return list(checks.get(name)(context))


def codes(findings: list[Finding]) -> list[tuple[str, str, str | None]]:
    return [(f.code, f.severity, f.case) for f in findings]


def test_sound_data_gives_no_finding() -> None:
    assert run_checks(context_of(sound())) == []


def test_unreadable_file_leaves_one_case_out_and_says_why() -> None:
    error = UnreadableFile("unreadable", path=Path("data/c3.png"))
    facts = [*sound(3), fact(3, error=error, error_part="image", shape=())]
    [finding] = found("unreadable-file", facts)
    assert codes([finding]) == [("unreadable-file", "warning", "c3")]
    assert finding.path == Path("data/c3.png")
    json.dumps(dict(finding.params))  # goes to findings.json


def test_a_folder_that_is_mostly_unreadable_is_an_error() -> None:
    error = UnreadableFile("unreadable", path=Path("data/x.png"))
    facts = [fact(0), *(fact(n, error=error, error_part="image", shape=()) for n in (1, 2, 3))]
    assert {f.severity for f in found("unreadable-file", facts)} == {"error"}


def test_no_usable_cases() -> None:
    error = UnreadableFile("unreadable", path=Path("x"))
    assert found("no-usable-cases", sound(1)) == []
    assert codes(found("no-usable-cases", [fact(0, error=error, error_part="mask")])) == [("no-usable-cases", "error", None)]
    assert codes(found("no-usable-cases", [])) == [("no-usable-cases", "error", None)]


def test_mask_of_another_size() -> None:
    error = DataError("mask-size-differs", path=Path("m"), case="c2")
    facts = [*sound(2), fact(2, error=error, error_part="mask", mask_shape=(32, 64))]
    [finding] = found("image-mask-size-differs", facts)
    assert finding.params == {"image": "64×64", "mask": "32×64"}
    assert finding.path == Path("data/c2_mask.png")
    assert found("unreadable-file", facts) == []


@pytest.mark.parametrize(("apart", "n"), [(None, 0), (0.0, 0), (0.04, 0), (0.06, 1), (30.0, 1)])
def test_affines_may_differ_by_a_tenth_of_a_pixel(apart: float | None, n: int) -> None:
    assert len(found("image-mask-affine-differs", [fact(0, affine_difference_mm=apart)])) == n


def test_empty_slices_are_counted_and_empty_volumes_named() -> None:
    empty = {"class_pixels": (0,), "planes_with_foreground": 0}
    volume = [fact(n, person="p", group="v", planes=4, **(empty if n else {})) for n in range(3)]
    lonely = fact(9, **empty)
    result = found("mask-empty", [*volume, lonely])
    assert codes(result) == [("mask-empty", "warning", "c9"), ("mask-empty-slices", "info", None)]
    assert result[1].params == {"n": 11, "total": 12, "percent": 92}


def test_all_masks_empty_is_one_error() -> None:
    facts = sound(12, class_pixels=(0,), planes_with_foreground=0)
    result = run_checks(context_of(facts))
    assert codes(result) == [("all-masks-empty", "error", None)]


def test_all_masks_empty_is_not_said_twice() -> None:
    facts = sound(12, class_pixels=(0,), planes_with_foreground=0)
    result = run_checks(context_of(facts), [Finding("masks-all-empty", "error")])
    assert [f.code for f in result] == ["masks-all-empty"]


def test_full_mask() -> None:
    assert found("mask-full", [fact(0, class_pixels=(4095,))]) == []
    assert codes(found("mask-full", [fact(0, class_pixels=(4096,))])) == [("mask-full", "warning", "c0")]
    assert len(found("mask-full", [fact(0, class_pixels=(4000,), ignored_pixels=96)])) == 1


@pytest.mark.parametrize(("others", "severity"), [("error", "error"), ("ignore", "info"), ("background", "info")])
def test_unknown_label_values(others: Any, severity: str) -> None:
    [finding] = found(
        "label-value-outside", [fact(0, unknown_values={"7": 12, "9": 3})], rule=MaskRule(kind="values", others=others)
    )
    assert (finding.severity, finding.params["values"], finding.params["pixels"]) == (severity, "7, 9", 15)


def test_constant_slices_are_natural_in_a_volume_constant_images_are_not() -> None:
    flat = {"minimum": (0.0,), "maximum": (0.0,), "std": (0.0,), "class_pixels": (0,)}
    volume = [fact(0, group="v"), fact(1, group="v", **flat)]
    assert found("image-constant", volume) == []
    assert codes(found("image-constant", [fact(2, **flat)])) == [("image-constant", "warning", "c2")]
    marked = [fact(0, group="v"), fact(1, group="v", **{**flat, "class_pixels": (5,)})]
    assert len(found("image-constant", marked)) == 1


def test_nan() -> None:
    [finding] = found("image-nan", [fact(0), fact(1, nonfinite=2048)])
    assert (finding.case, finding.params) == ("c1", {"n": 2048, "percent": "50"})


def negative(one: CaseFacts) -> CaseFacts:
    assert one.samples is not None and one.border_mean and one.centre_mean and one.foreground_mean and one.background_mean
    return replace(
        one,
        border_mean=255 - one.border_mean,
        centre_mean=255 - one.centre_mean,
        foreground_mean=255 - one.foreground_mean,
        background_mean=255 - one.background_mean,
        samples=255 - one.samples,
    )


def test_a_negative_among_positives_is_named() -> None:
    facts = [*sound(11), negative(fact(11))]
    assert codes(found("intensity-inverted", facts)) == [("intensity-inverted", "warning", "c11")]


def test_inverting_everything_gives_no_finding() -> None:
    assert found("intensity-inverted", [negative(one) for one in sound(12)]) == []


def test_half_and_half_is_a_kind_of_data_not_an_outlier() -> None:
    facts = [negative(one) if one.case in ("c0", "c2", "c4", "c6", "c8") else one for one in sound(12)]
    assert found("intensity-inverted", facts) == []


def test_many_negatives_are_said_once() -> None:
    facts = [negative(one) if number < 5 else one for number, one in enumerate(sound(40))]
    [finding] = found("intensity-inverted", facts)
    assert (finding.code, finding.params) == ("intensity-two-kinds", {"n": 5, "total": 40})


def test_kinds_are_counted() -> None:
    [finding] = found("channels-mixed", [*sound(3), fact(3, channels=3)])
    assert (finding.params["kinds"], finding.case) == ("1 (3), 3 (1)", "c3")
    [finding] = found("bit-depth-mixed", [*sound(3), fact(3, dtype="uint16")])
    assert finding.params["kinds"] == "uint8 (3), uint16 (1)"


def test_spacing() -> None:
    [finding] = found("spacing-missing", [fact(0), fact(1, spacing=None)])
    assert finding.severity == "info" and finding.params == {"n": 1, "total": 2}
    assert found("spacing-mixed", [fact(0), fact(1, spacing=(0.7, 0.7))]) == []
    [finding] = found("spacing-mixed", [fact(0), fact(1, spacing=(3.0, 0.8, 0.8))])
    assert finding.params == {"low": "0.5", "high": "0.8"}


def test_size_outlier_only_where_the_others_agree() -> None:
    facts = [*sound(30), fact(30, shape=(1024, 1024))]
    assert codes(found("size-outlier", facts)) == [("size-outlier", "warning", "c30")]
    mixed = [fact(n, shape=((64, 64), (512, 512), (1024, 1024))[n % 3]) for n in range(30)]
    assert found("size-outlier", mixed) == []


@pytest.mark.parametrize("unit", ["patient", "image", "block"])
def test_too_few(unit: str) -> None:
    assert found("too-few-persons", sound(10), unit=unit) == []
    assert codes(found("too-few-persons", sound(9), unit=unit)) == [(f"too-few-{unit}s", "warning", None)]


def test_rare_class() -> None:
    labels = LabelSet(kind="exclusive", names=("liver", "tumour"))
    facts = [fact(n, class_pixels=(50, 9 if n < 2 else 0)) for n in range(12)]
    [finding] = found("class-rare", facts, labels=labels)
    assert finding.params == {"name": "tumour", "n": 2, "total": 12}


def test_class_missing_in_part() -> None:
    labels = LabelSet(kind="exclusive", names=("liver", "tumour"))
    facts = [fact(n, class_pixels=(50, 9 if n == 0 else 0)) for n in range(6)]
    splits = Splits(folds=({"train": ("p1", "p2"), "validation": ("p0", "p3"), "test": ("p4", "p5")},))
    result = found("class-missing-in-part", facts, splits, labels=labels)
    assert [(f.code, f.severity, f.params["name"]) for f in result] == [
        ("class-missing-in-train", "error", "tumour"),
        ("class-missing-in-test", "warning", "tumour"),
    ]
    assert found("class-missing-in-part", facts, None, labels=labels) == []


def test_exact_duplicates_within_across_and_over_parts() -> None:
    facts = [fact(0), fact(1, person="p0", sha256="sha-0"), fact(2, sha256="sha-0"), fact(3)]
    assert [f.code for f in found("duplicate-exact", facts)] == ["duplicate-exact-within", "duplicate-exact-across"]
    apart = Splits(folds=({"train": ("p0", "p3"), "test": ("p2",)},))
    assert codes(found("duplicate-exact", facts, apart))[1] == ("duplicate-exact-across-parts", "error", "c2")
    together = Splits(folds=({"train": ("p0", "p2"), "test": ("p3",)},))
    assert codes(found("duplicate-exact", facts, together))[1] == ("duplicate-exact-across", "warning", "c2")


def test_in_a_stack_the_split_goes_by_case() -> None:
    facts = [fact(0, person="stack"), fact(1, person="stack", sha256="sha-0")]
    splits = Splits(unit="block", folds=({"train": ("c0",), "test": ("c1",)},))
    assert [f.code for f in found("duplicate-exact", facts, splits, unit="block")] == ["duplicate-exact-across-parts"]
    assert found("class-missing-in-part", facts, splits, unit="block") == []


def test_constant_images_are_not_duplicates() -> None:
    facts = [fact(n, sha256="black", maximum=(0.0,)) for n in range(3)]
    assert found("duplicate-exact", facts) == []
    assert duplicate_persons(facts) == []


def test_persons_who_share_images_are_joined() -> None:
    facts = [fact(0), fact(1, sha256="sha-0"), fact(2, sha256="x"), fact(3, person="p1", sha256="x"), fact(4)]
    assert duplicate_persons(facts) == [frozenset({"p0", "p1", "p2"})]


def test_two_names_of_one_patient() -> None:
    first = [fact(n, person="a") for n in range(4)]
    second = [fact(n + 4, person="b", sha256=f"sha-{n}", dhash=None) for n in range(3)]
    result = [f for f in found("image-duplicate-near", [*first, *second]) if f.code == "patients-look-the-same"]
    assert [(f.params["a"], f.params["b"], f.params["n"]) for f in result] == [("a", "b", 3)]


def test_one_bad_check_list_keeps_order_and_counts() -> None:
    many = [Finding("image-nan", "warning", case=str(n)) for n in range(332)]
    result = gather([Finding("spacing-missing", "info"), *many, Finding("no-usable-cases", "error")])
    assert [f.severity for f in result] == ["error"] + ["warning"] * 21 + ["info"]
    assert (result[21].code, result[21].params) == ("and-more", {"about": "image-nan", "n": 312})


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), st.sampled_from(["error", "warning", "info"])), max_size=80))
def test_nothing_is_dropped_silently(kinds: list[tuple[str, Any]]) -> None:
    result = gather([Finding(code, severity) for code, severity in kinds])
    assert sum(int(f.params["n"]) if f.code == "and-more" else 1 for f in result) == len(kinds)


def test_blocking_and_allow() -> None:
    findings = gather([Finding("label-value-outside", "error") for _ in range(30)] + [Finding("mask-full", "warning")])
    assert len(blocking(findings)) == 21
    assert blocking(findings, {"label-value-outside"}) == []


def test_layout_findings_come_along() -> None:
    scan = scan_of(sound(), findings=(Finding("mask-missing", "warning"),))
    assert [f.code for f in run_checks(CheckContext(scan, sound(), RULE, LABELS))] == ["mask-missing"]


def test_sentences_are_filled_and_translated() -> None:
    error = UnreadableFile("truncated", path=Path("data/c0.png"), detail="IEND")
    [finding] = found("unreadable-file", [fact(0, error=error, error_part="image", shape=()), fact(1), fact(2)])
    english, remedy = sentences(finding)
    chinese, _ = sentences(finding, "zh")
    assert "cannot be read" in english and remedy
    assert "无法读取" in chinese
    assert "{" not in english + remedy + chinese


def test_every_code_in_the_sources_has_a_sentence_and_a_remedy() -> None:
    folder = Path(delineate.i18n.__file__).parents[1] / "dataset" / "checks"
    english = json.loads((Path(delineate.i18n.__file__).parent / "catalogue" / "finding_check.en.json").read_text("utf-8"))
    used = {code for path in folder.glob("*.py") for code in re.findall(r'Finding\(\s*"([a-z-]+)"', path.read_text("utf-8"))}
    used |= {f"too-few-{unit}s" for unit in ("patient", "image", "block")}
    used |= {f"class-missing-in-{part}" for part in ("train", "validation", "test")}
    used |= {"channels-mixed", "bit-depth-mixed"}
    assert {f"finding.{code}" for code in used} | {f"finding.{code}.remedy" for code in used} == set(english)


PARAMS: Mapping[str, Mapping[str, Any]] = {
    "image-nan": {"nonfinite": 3},
    "mask-full": {"class_pixels": (4096,)},
    "label-value-outside": {"unknown_values": {"3": 1}},
    "image-mask-affine-differs": {"affine_difference_mm": 4.0},
}


@pytest.mark.parametrize("name", PARAMS)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_placeholders_are_filled(name: str, language: str) -> None:
    for finding in found(name, [fact(0, **PARAMS[name])]):
        for sentence in sentences(finding, language):
            assert not [key for _, key, _, _ in string.Formatter().parse(sentence) if key]
