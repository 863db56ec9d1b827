"""Nobody in two parts, whatever the data, the method and the order."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delineate.dataset import CaseFacts, describe_splits, fold_cases, make_splits
from delineate.dataset.stratify import Profile, deal
from delineate.domain import Case, Scan, Source
from delineate.errors import DataError, DelineateError, RecipeError, UsageError
from delineate.i18n import has
from delineate.recipe import Splits

MASK = (Source(Path("m.png")),)


def cases_of(persons: int, slices: int = 1, *, split: Any = None) -> list[Case]:
    return [
        Case(f"s/p{i:03}/{k}.png", (Source(Path(f"{i}-{k}.png")),), MASK, f"p{i:03}", f"s/p{i:03}", k, split(i) if split else None)
        for i in range(persons)
        for k in range(slices)
    ]


def scan_of(cases: Sequence[Case], unit: Any = "patient") -> Scan:
    return Scan(Path("root"), "x", tuple(cases), unit=unit)


def facts_of(cases: Sequence[Case], classes: Any = lambda case: (1,)) -> list[CaseFacts]:
    """``classes(case)`` → labels present; each has pixels that grow with the person's number."""
    return [
        CaseFacts(
            case.id,
            case.person,
            case.group,
            labelled=True,
            pixels=1000,
            class_pixels=tuple(10 + int(case.person[1:4]) if label in classes(case) else 0 for label in (1, 2, 3)),
        )
        for case in cases
    ]


def codes(findings: Sequence[Any]) -> list[str]:
    for finding in findings:
        assert has(f"finding.{finding.code}"), finding.code
        assert has(f"finding.{finding.code}.remedy"), finding.code
    return [finding.code for finding in findings]


def sizes(splits: Splits) -> list[tuple[int, int, int]]:
    return [(len(fold["train"]), len(fold["validation"]), len(fold["test"])) for fold in splits.folds]


@given(st.integers(3, 80), st.integers(1, 3), st.integers(0, 5), st.randoms(use_true_random=False))
def test_hold_out_assigns_everybody_once_and_ignores_order(persons: int, slices: int, seed: int, shuffler: random.Random) -> None:
    cases = cases_of(persons, slices)
    facts = facts_of(cases, lambda case: {1} | ({2} if int(case.person[1:]) % 7 == 0 else set()))
    splits, findings = make_splits(scan_of(cases), facts, seed=seed)
    assert findings == []
    fold = splits.folds[0]
    assert sorted(person for part in fold.values() for person in part) == sorted({case.person for case in cases})
    assert all(fold.values())
    shuffled = list(cases)
    shuffler.shuffle(shuffled)
    assert make_splits(scan_of(shuffled), facts, seed=seed)[0] == splits
    parts = fold_cases(cases, splits)
    assert sum(len(part) for part in parts.values()) == len(cases)


@given(st.integers(3, 60), st.integers(2, 8), st.integers(0, 3))
def test_folds_test_everybody_exactly_once(persons: int, folds: int, seed: int) -> None:
    cases = cases_of(persons)
    if folds > persons:
        with pytest.raises(DataError):
            make_splits(scan_of(cases), folds=folds)
        return
    if persons - -(-persons // folds) < 2:
        with pytest.raises(DataError):
            make_splits(scan_of(cases), folds=folds)
        return
    splits, _ = make_splits(scan_of(cases), facts_of(cases), folds=folds, seed=seed)
    assert len(splits.folds) == folds
    tested = [person for fold in splits.folds for person in fold["test"]]
    assert sorted(tested) == sorted({case.person for case in cases})
    for fold in splits.folds:
        assert all(fold.values())
        assert len({person for part in fold.values() for person in part}) == persons


@given(st.integers(3, 90), st.integers(0, 9))
def test_blocks_are_contiguous_and_guarded(slices: int, seed: int) -> None:
    cases = [Case(f"slice_{k}", (Source(Path(f"{k}")),), MASK, None, "stack", k) for k in range(slices)]
    splits, findings = make_splits(scan_of(random.Random(seed).sample(cases, slices), "block"), seed=seed)
    assert codes(findings) == ["split-by-block"]
    assert splits.method == "blocks"
    place = {f"slice_{k}": k for k in range(slices)}
    fold = splits.folds[0]
    used = []
    for persons in fold.values():
        numbers = sorted(place[person] for person in persons)
        assert numbers
        assert numbers == list(range(numbers[0], numbers[-1] + 1))
        used += numbers
    dropped = slices - len(used)
    assert len(set(used)) == len(used)
    assert dropped == (2 if slices >= 10 else 0)
    if slices >= 10:
        owner = {place[person]: part for part, persons in fold.items() for person in persons}
        assert all(owner.get(k) == owner.get(k + 1) or None in (owner.get(k), owner.get(k + 1)) for k in range(slices - 1))


@given(st.integers(6, 60), st.integers(2, 5), st.integers(0, 3))
def test_block_folds_test_every_slice_once_with_guards(slices: int, folds: int, seed: int) -> None:
    cases = [Case(f"slice_{k}", (Source(Path(f"{k}")),), MASK, None, "stack", k) for k in range(slices)]
    splits, _ = make_splits(scan_of(cases, "block"), folds=folds, seed=seed)
    assert sorted(name for fold in splits.folds for name in fold["test"]) == sorted(case.id for case in cases)
    for fold in splits.folds:
        assert all(fold.values())
        if slices >= 10:
            owner = {int(name[6:]): part for part, names in fold.items() for name in names}
            for k in range(slices - 1):
                assert (
                    "test" not in (owner.get(k), owner.get(k + 1))
                    or owner.get(k) == owner.get(k + 1)
                    or None in (owner.get(k), owner.get(k + 1))
                )


@pytest.mark.parametrize(("persons", "expected"), [(3, (1, 1, 1)), (4, (2, 1, 1)), (10, (6, 2, 2)), (100, (65, 15, 20))])
def test_sizes(persons: int, expected: tuple[int, int, int]) -> None:
    cases = cases_of(persons)
    assert sizes(make_splits(scan_of(cases), facts_of(cases))[0]) == [expected]


@pytest.mark.parametrize("persons", [0, 1, 2])
def test_too_few_persons(persons: int) -> None:
    with pytest.raises(DataError) as caught:
        make_splits(scan_of(cases_of(persons, 20)))
    assert caught.value.code == "too-few-persons"


@pytest.mark.parametrize("arguments", [{"folds": 1}, {"test": 0.0}, {"validation": 0.6, "test": 0.5}])
def test_arguments_that_cannot_be(arguments: Any) -> None:
    with pytest.raises(UsageError):
        make_splits(scan_of(cases_of(9)), **arguments)


@given(st.integers(0, 30))
def test_a_rare_class_is_in_every_part_where_it_can_be(seed: int) -> None:
    cases = cases_of(20)
    facts = facts_of(cases, lambda case: {1} | ({2} if case.person in ("p003", "p004", "p012") else set()))
    fold = make_splits(scan_of(cases), facts, seed=seed)[0].folds[0]
    assert all(set(part) & {"p003", "p004", "p012"} for part in fold.values())
    facts = facts_of(cases, lambda case: {1} | ({2} if case.person == "p007" else set()))
    assert "p007" in make_splits(scan_of(cases), facts, seed=seed)[0].folds[0]["train"]


@given(st.lists(st.sets(st.integers(1, 4)), min_size=3, max_size=40), st.integers(0, 3))
def test_dealing_keeps_sizes_and_persons(classes: list[set[int]], seed: int) -> None:
    profiles = [Profile(f"{i:02}", frozenset(mine), len(mine) / 5) for i, mine in enumerate(classes)]
    wanted = {"train": len(profiles) - 2, "test": 1, "validation": 1}
    dealt = deal(profiles, wanted, seed)
    assert {part: len(members) for part, members in dealt.items()} == wanted
    assert sorted(person for members in dealt.values() for person in members) == sorted(profile.person for profile in profiles)


@given(st.lists(st.sets(st.integers(1, 3)), min_size=9, max_size=40), st.integers(0, 99))
def test_who_shares_a_picture_stays_together(classes: list[set[int]], seed: int) -> None:
    profiles = [Profile(f"p{n:02d}", frozenset(mine), n / 100) for n, mine in enumerate(classes)]
    sizes = {"train": len(profiles) - 4, "validation": 2, "test": 2}
    pairs = [frozenset({"p00", "p08"}), frozenset({"p03", "p05"})]
    dealt = deal(profiles, sizes, seed, pairs)
    assert {part: len(members) for part, members in dealt.items()} == sizes
    assert sorted(person for members in dealt.values() for person in members) == [profile.person for profile in profiles]
    for pair in pairs:
        assert sum(bool(pair & set(members)) for members in dealt.values()) == 1


def test_copies_are_dealt_into_one_part() -> None:
    scan = scan_of(cases_of(12))
    facts = [replace(fact, sha256="same" if n in (2, 9) else str(n), maximum=(1.0,)) for n, fact in enumerate(facts_of(scan.cases))]
    twins = {facts[2].person, facts[9].person}
    for seed in range(10):
        for folds in (None, 3):
            made, _ = make_splits(scan, facts, seed=seed, folds=folds)
            for fold in made.folds:
                assert sum(bool(twins & set(persons)) for persons in fold.values()) == 1


def copies(cases: Sequence[Case], *twins: int) -> list[CaseFacts]:
    return [replace(fact, sha256="same" if n in twins else str(n), maximum=(1.0,)) for n, fact in enumerate(facts_of(cases))]


def test_copies_do_not_cross_a_published_split() -> None:
    """Who is scored stays scored, as published; the copy is not learned from."""
    cases = cases_of(12, split=lambda i: "train" if i < 8 else "validation" if i < 10 else "test")
    made, found = make_splits(scan_of(cases), copies(cases, 3, 11))
    assert made.folds[0]["test"] == ("p010", "p011") and "p003" not in made.folds[0]["train"]
    assert codes(found) == ["same-image-left-out"] and found[0].params["persons"] == "p003"
    made, found = make_splits(scan_of(cases), copies(cases, 10, 11))
    assert made.folds[0]["test"] == ("p010", "p011") and codes(found) == ["same-image-kept-together"]


def test_copies_of_a_sample_and_in_a_file(tmp_path: Path) -> None:
    cases = cases_of(12)
    plain = make_splits(scan_of(cases), sample=(42, 3))[0].folds[0]
    tested, other = int(plain["test"][0][1:]), int(plain["train"][0][1:])
    made = make_splits(scan_of(cases), copies(cases, tested, other), sample=(42, 3))[0].folds[0]
    assert made["test"] == plain["test"] and plain["train"][0] not in (*made["train"], *made["validation"])
    path = tmp_path / "splits.json"
    path.write_text(json.dumps({"train": [f"p{n:03}" for n in range(8)], "validation": ["p008"], "test": ["p009", "p010"]}))
    made, found = make_splits(scan_of(cases), copies(cases, 0, 10), split_file=path)
    assert "p000" in made.folds[0]["train"] and "p010" in made.folds[0]["test"]  # the checks say so as an error
    assert codes(found) == ["persons-not-in-split-file"]


def test_parts_resemble_each_other_in_foreground_size() -> None:
    cases = cases_of(60)
    fold = make_splits(scan_of(cases), facts_of(cases))[0].folds[0]
    means = [sum(int(person[1:]) for person in part) / len(part) for part in fold.values()]
    assert max(means) - min(means) < 8  # of 0 … 59


def test_unlabelled_and_unreadable_cases_go_nowhere() -> None:
    cases = cases_of(6)
    cases += [Case("u", (Source(Path("u")),), patient="nobody")]
    facts = facts_of(cases[:6])
    facts[0] = CaseFacts("s/p000/0.png", "p000", "s/p000", labelled=True, error=DataError("no-masks"), error_part="mask")
    splits, _ = make_splits(scan_of(cases), facts)
    named = {person for part in splits.folds[0].values() for person in part}
    assert named == {f"p{i:03}" for i in range(1, 6)}
    parts = fold_cases(cases, splits, usable={"s/p001/0.png"})
    assert [case.id for part in parts.values() for case in part] == ["s/p001/0.png"]
    with pytest.raises(UsageError):
        fold_cases(cases, splits, 1)


def published(*words: str | None) -> Any:
    return lambda i: words[i % len(words)]


def test_published_parts_are_kept() -> None:
    cases = cases_of(12, 2, split=published("train", "train", "validation", "test"))
    splits, findings = make_splits(scan_of(cases), facts_of(cases))
    assert (splits.method, sizes(splits), findings) == ("published", [(6, 3, 3)], [])
    assert set(splits.folds[0]["test"]) == {"p003", "p007", "p011"}
    assert make_splits(scan_of(cases), keep_published=False)[0].method == "holdout"
    splits, findings = make_splits(scan_of(cases), folds=4)
    assert (splits.method, codes(findings)) == ("kfold", ["published-split-ignored"])


@pytest.mark.parametrize(
    ("words", "code", "kept"),
    [
        (("train", "train", "train", "test"), "validation-carved", "test"),
        (("train", "train", "train", "valid"), "test-carved", "validation"),
    ],
)
def test_what_a_published_split_lacks_is_carved_from_train(words: Any, code: str, kept: str) -> None:
    cases = cases_of(16, split=published(*words))
    splits, findings = make_splits(scan_of(cases), facts_of(cases))
    assert codes(findings) == [code]
    fold = splits.folds[0]
    assert all(fold.values())
    assert set(fold[kept]) == {"p003", "p007", "p011", "p015"}  # type: ignore[index]


def test_labelled_training_cases_alone_are_no_published_split() -> None:
    cases = cases_of(9, split=published("train"))
    assert make_splits(scan_of(cases))[0].method == "holdout"


def test_who_crosses_a_published_split_is_named_and_kept_from_the_test_part() -> None:
    cases = cases_of(9, split=published("train", "validation", "test"))
    cases.append(Case("x", (Source(Path("x")),), MASK, "p002", split="train"))
    splits, findings = make_splits(scan_of(cases))
    assert codes(findings) == ["person-crosses-published-split"]
    assert findings[0].severity == "error"
    assert "p002" in findings[0].params["persons"]
    assert "p002" in splits.folds[0]["train"]


def test_published_folds_rotate() -> None:
    cases = cases_of(9, split=published("fold1", "fold2", "fold3"))
    splits, findings = make_splits(scan_of(cases, "image"))
    assert codes(findings) == ["split-by-image"]
    assert sizes(splits) == [(3, 3, 3)] * 3
    assert splits.folds[0]["test"] == ("p000", "p003", "p006")
    assert splits.folds[0]["validation"] == ("p001", "p004", "p007")
    assert splits.folds[2]["validation"] == ("p000", "p003", "p006")
    two = make_splits(scan_of(cases_of(8, split=published("fold1", "fold2"))))[0]
    assert [fold["test"] for fold in two.folds] == [("p000", "p002", "p004", "p006"), ("p001", "p003", "p005", "p007")]


def test_sample_is_drawn_as_reference_system_r2_draws_it() -> None:
    cases = cases_of(30, 2)
    random.seed(42)
    expected = random.sample(sorted({case.group for case in cases}), 10)
    splits, findings = make_splits(scan_of(cases), facts_of(cases), sample=(42, 10))
    assert splits.method == "sample(seed=42, n=10)"
    assert set(splits.folds[0]["test"]) == {group.removeprefix("s/") for group in expected}
    assert codes(findings) == ["sample-is-test"]
    assert len(splits.folds[0]["validation"]) >= 1
    with pytest.raises(DataError):
        make_splits(scan_of(cases), sample=(42, 29))


def test_sampled_folders_of_one_person_stay_together() -> None:
    cases = [Case(f"f{i:02}", (Source(Path("i")),), MASK, f"p{i // 2}", f"f{i:02}") for i in range(20)]
    splits, _ = make_splits(scan_of(cases), sample=(1, 4))
    drawn = random.Random(1).sample(sorted(case.group for case in cases), 4)
    assert set(splits.folds[0]["test"]) == {f"p{int(name[1:]) // 2}" for name in drawn}


FORMS = {
    "person-part.json": json.dumps({f"p{i:03}": ("train", "val", "test")[i % 3] for i in range(9)}),
    "part-persons.json": json.dumps(
        {part: [f"p{i:03}" for i in range(k, 9, 3)] for k, part in enumerate(("train", "validation", "test"))}
    ),
    "header.csv": "patient,age,split\n" + "".join(f"p{i:03},50,{('train', 'valid', 'test')[i % 3]}\n" for i in range(9)),
    "plain.csv": "".join(f"p{i:03};{('train', 'dev', 'test')[i % 3]}\n" for i in range(9)),
    "volumes.json": json.dumps({f"s/p{i:03}": ("train", "val", "test")[i % 3] for i in range(9)}),
    "splits.json": json.dumps(
        {"folds": [{part: [f"p{i:03}" for i in range(k, 9, 3)] for k, part in enumerate(("train", "validation", "test"))}]}
    ),
}


@pytest.mark.parametrize("name", FORMS)
def test_split_files(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(FORMS[name], encoding="utf-8")
    splits, findings = make_splits(scan_of(cases_of(9)), split_file=tmp_path / name)
    assert (splits.method, findings) == ("file", [])
    assert splits.folds[0] == {
        "train": ("p000", "p003", "p006"),
        "validation": ("p001", "p004", "p007"),
        "test": ("p002", "p005", "p008"),
    }


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('{"p000": "train", "zebra": "test"}', "split-file-unknown"),
        ('{"train": ["p000"], "test": ["p000"]}', "split-file-crosses"),
        ('{"p000": "learning"}', "split-file-part"),
        ("[1, 2]", "split-file-shape"),
        ('{"train": [["p000"]]}', "split-file-shape"),
        ("{", "json-damaged"),
        ('{"folds": [{"train": ["p000"], "test": ["p000"]}]}', "invalid-value"),
    ],
)
def test_split_files_that_cannot_be_used(tmp_path: Path, text: str, code: str) -> None:
    path = tmp_path / "split.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RecipeError) as caught:
        make_splits(scan_of(cases_of(9)), split_file=path)
    assert caught.value.code == code
    assert str(caught.value)


@pytest.mark.parametrize("text", ["", "a\n", "patient,split\np000\n", "\x00\xff", "p000,learning\n"])
def test_damaged_csv_files(tmp_path: Path, text: str) -> None:
    path = tmp_path / "split.csv"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(RecipeError):
        make_splits(scan_of(cases_of(9)), split_file=path)


def test_persons_a_split_file_leaves_out_are_named(tmp_path: Path) -> None:
    path = tmp_path / "split.json"
    path.write_text('{"train": ["p000", "p001"], "test": ["p002"]}', encoding="utf-8")
    splits, findings = make_splits(scan_of(cases_of(4)), split_file=path)
    assert codes(findings) == ["persons-not-in-split-file", "validation-carved"]
    assert sizes(splits) == [(1, 1, 1)]
    with pytest.raises(DelineateError):
        make_splits(scan_of(cases_of(4)), split_file=tmp_path / "none.json")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_method_has_its_sentence(language: str) -> None:
    cases = cases_of(12)
    for arguments in ({}, {"folds": 3}, {"sample": (1, 2)}):
        sentence = describe_splits(make_splits(scan_of(cases), **arguments)[0], language)  # type: ignore[arg-type]
        assert "split." not in sentence
        assert "{" not in sentence
