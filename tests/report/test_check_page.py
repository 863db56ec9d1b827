"""The check page: one file, no scripts, no outside requests, nobody's paths, the right verdict, both languages."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from delineate.dataset import fingerprint_of, measure_cases
from delineate.dataset.checks import CheckContext, run_checks
from delineate.dataset.facts import CaseFacts
from delineate.domain import Case, Finding, LabelSet, Scan, Source
from delineate.recipe import MaskRule, Splits
from delineate.report.check_page import finding_rows, part_rows, write_check_page
from delineate.report.check_pictures import outlined, varied
from delineate.report.histograms import intensity_curves, share_columns
from delineate.synthetic import make_dataset

LABELS = LabelSet(names=("lung",))
RULE = MaskRule(kind="threshold", cutoff=127.5)
SPLITS = Splits(folds=({"train": ("patient_001", "patient_002"), "validation": ("patient_003",), "test": ("patient_004",)},))


@dataclass
class Prepared:
    scan: Scan
    facts: list[CaseFacts]
    findings: list[Finding]

    def write(self, path: Path, **changes: Any) -> str:
        values: dict[str, Any] = {
            "scan": self.scan,
            "facts": self.facts,
            "findings": self.findings,
            "rule": RULE,
            "labels": LABELS,
            "splits": SPLITS,
            "fingerprint": None,
            "language": "en",
        }
        written = write_check_page(path, **{**values, **changes})
        assert written == path
        return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """Four made-up patients, one damaged image, one mask of another size, and a file name that tries to be a script."""
    root = make_dataset(tmp_path_factory.mktemp("secret_place") / "lungs", patients=4, slices=3, size=96)
    images = sorted(path for path in root.rglob("*.tif") if not path.stem.endswith("_mask"))
    images[0].write_bytes(b"II*\x00 cut short")
    small = images[1].with_name(images[1].stem + "_mask.tif")
    cv2.imwrite(str(small), np.zeros((40, 40), np.uint8))
    cases = tuple(
        Case(
            path.relative_to(root).with_suffix("").as_posix(),
            (Source(path),),
            (Source(path.with_name(path.stem + "_mask.tif")),),
            patient=path.parent.name,
            volume=path.parent.name,
            position=number,
        )
        for number, path in enumerate(images)
    )
    scan = Scan(
        root,
        "side-by-side",
        cases,
        evidence={"pairs": 12, "suffix": "_mask"},
        explained={root / "README.txt": "readme", root / "<script>alert(1)</script>.txt": "metadata"},
    )
    facts = measure_cases(scan, RULE, LABELS)
    return Prepared(scan, facts, run_checks(CheckContext(scan, facts, RULE, LABELS, SPLITS)))


class Requests(HTMLParser):
    """Everything on a page that a browser would fetch or run."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.ids: set[str] = set()
        self.links: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("src", "href", "srcset", "action", "data") and value and not value.startswith(("data:image/", "#")):
                self.found.append(value)
            if name == "href" and value and value.startswith("#"):
                self.links.add(value[1:])
            if name == "id" and value:
                self.ids.add(value)
            if name.startswith("on"):
                self.found.append(name)
        if tag in ("script", "iframe", "object", "embed", "link"):
            self.found.append(tag)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_one_file_without_scripts_or_requests(prepared: Prepared, tmp_path: Path, language: str) -> None:
    html = prepared.write(tmp_path / "check.html", language=language)
    page = Requests()
    page.feed(html)
    assert page.found == []
    assert page.links and page.links <= page.ids
    assert "<script>" not in html and "&lt;script&gt;" in html
    assert not re.search(r"url\(|@import", html)
    assert "secret_place" not in html
    shown = re.sub(r"data:image/[^\"]+|<style>.*</style>", "", html, flags=re.DOTALL)
    assert not re.search(r"checkpage\.[a-z]|finding\.[a-z]|report\.[a-z]+\.|\{[a-z_]+\}", shown)


def test_both_languages_have_their_own_words(prepared: Prepared, tmp_path: Path) -> None:
    english, chinese = prepared.write(tmp_path / "en.html"), prepared.write(tmp_path / "zh.html", language="zh")
    assert 'lang="en"' in english and "Ready to train" in english
    assert 'lang="zh-CN"' in chinese and "可以训练" in chinese and "Ready to train" not in chinese


def test_synthetic_images_are_labelled(prepared: Prepared, tmp_path: Path) -> None:
    assert "Synthetic images" in prepared.write(tmp_path / "check.html", synthetic=True)
    assert "Synthetic images" not in prepared.write(tmp_path / "check.html")


def test_what_was_left_out_is_named(prepared: Prepared, tmp_path: Path) -> None:
    html = prepared.write(tmp_path / "check.html")
    assert {f.code for f in prepared.findings} >= {"unreadable-file", "image-mask-size-differs"}
    assert "patient_001/patient_001_1.tif" in html
    assert "The mask has 40×40 pixels and its image 96×96" in html
    assert "README.txt" in html


@pytest.mark.parametrize(
    ("findings", "allow", "verdict"),
    [
        ([], (), "ready"),
        ([Finding("image-nan", "warning", params={"n": 1, "percent": "1"})], (), "warn"),
        ([Finding("all-masks-empty", "error", params={"n": 7})], (), "stop"),
        ([Finding("all-masks-empty", "error", params={"n": 7})], ("all-masks-empty",), "ready"),
    ],
)
def test_verdict(prepared: Prepared, tmp_path: Path, findings: list[Finding], allow: tuple[str, ...], verdict: str) -> None:
    html = prepared.write(tmp_path / "check.html", findings=findings, allow=allow)
    assert f'class="card verdict {verdict}"' in html
    if verdict == "stop":
        assert "<li>All 7 masks are empty" in html


def test_a_folder_with_nothing_usable_still_gets_a_page(prepared: Prepared, tmp_path: Path) -> None:
    empty = Scan(prepared.scan.root, "none", ())
    findings = run_checks(CheckContext(empty, [], RULE, LABELS))
    html = prepared.write(tmp_path / "check.html", scan=empty, facts=[], findings=findings, splits=None)
    assert "Cannot be trained on yet" in html and "No case could be shown" in html


def test_fingerprint_and_missing_splits_are_fine(prepared: Prepared, tmp_path: Path) -> None:
    fingerprint = fingerprint_of(prepared.facts, prepared.scan, LABELS)
    assert "How the folder was read" in prepared.write(tmp_path / "check.html", fingerprint=fingerprint, splits=None)


def test_split_table_counts_persons_cases_and_slices(prepared: Prepared) -> None:
    usable = [fact for fact in prepared.facts if fact.usable]
    rows = part_rows(SPLITS, usable, "patient", LABELS)
    assert [(row.part, row.persons, row.cases) for row in rows] == [("train", 2, 4), ("validation", 1, 3), ("test", 1, 3)]
    assert all(row.marked <= row.planes for row in rows)
    by_case = Splits(unit="block", folds=({"train": (usable[0].case, usable[1].case), "test": (usable[2].case,)},))
    assert [row.cases for row in part_rows(by_case, usable, "block", LABELS)] == [2, 0, 1]


def test_counted_findings_belong_to_their_kind() -> None:
    findings = [
        *(Finding("mask-full", "warning", Path(f"/data/{n}.png")) for n in range(3)),
        Finding("and-more", "warning", params={"about": "mask-full", "n": 9}),
    ]
    [row] = finding_rows(findings, Path("/data"), "en")
    assert (row.n, row.more, row.items[1][1]) == (12, 9, "1.png")


def test_montage_prefers_different_persons_and_different_sizes() -> None:
    facts = [
        CaseFacts(f"p{p}/{n}", f"p{p}", f"p{p}", labelled=True, shape=(10, 10), pixels=100, class_pixels=(1 + (7 * p + n) % 50,))
        for p in range(8)
        for n in range(5)
    ]
    chosen = varied(facts, 6)
    assert len({fact.person for fact in chosen}) == 6
    shares = [fact.foreground_pixels for fact in chosen]
    assert shares == sorted(shares) and shares[-1] > 2 * shares[0]
    assert len(varied(facts[:5], 6)) == 5


def test_outlines_are_drawn_on_the_edge_only() -> None:
    mask = np.zeros((20, 20), np.uint8)
    mask[5:15, 5:15] = 1
    picture = outlined(np.zeros((100, 100, 3), np.uint8), mask, LABELS)
    assert picture[50, 24:27].any() and picture[24:27, 50].any()
    assert not picture[50, 50].any() and not picture[5, 5].any()


def test_outlines_are_seen_on_white_too() -> None:
    mask = np.zeros((20, 20), np.uint8)
    mask[5:15, 5:15] = 1
    picture = outlined(np.full((100, 100, 3), 255, np.uint8), mask, LABELS)
    assert picture[50, 22:29].min() < 100
    assert (picture[50, 45:55] == 255).all()


def test_histograms() -> None:
    rng = np.random.default_rng(0)
    facts = [
        CaseFacts(
            str(n),
            str(n),
            str(n),
            labelled=True,
            shape=(10, 10),
            pixels=100,
            channels=2,
            class_pixels=(10 * n,),
            samples=rng.normal((100, 500), 10, (400, 2)).astype(np.float32),
        )
        for n in range(5)
    ]
    first, second = intensity_curves(facts)
    assert first.low < 100 < first.high < second.low < 500 < second.high
    columns = share_columns(facts)
    assert columns is not None and columns.high == 50 and sum(h > 0 for h in columns.heights) == 4
    grey = [replace(fact, samples=np.repeat(fact.samples[:, :1], 2, axis=1)) for fact in facts if fact.samples is not None]
    assert len(intensity_curves(grey)) == 1
    assert share_columns([]) is None and intensity_curves([]) == []
