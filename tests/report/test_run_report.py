"""report.html: the same numbers as summary.json, in both languages, from whatever is there, safe to open."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
from tests.report.fake_run import make_run, summary_of

from delineate.errors import RunError
from delineate.i18n import LANGUAGES
from delineate.report import write_report
from delineate.report.page import interval, number

FILES = [
    "recipe.json",
    "fingerprint.json",
    "splits.json",
    "findings.json",
    "history.csv",
    "cases.csv",
    "summary.json",
    "provenance.json",
    "choices.json",
    "pictures/index.json",
]
Copy = Callable[[], Path]
ODD = '{"test": {"n": 3, "dice": 4, "both_empty": 1, "classes": {"a": 2}, "hd95": "x"}, "validation": {"n": "many"}}'


class Reader(HTMLParser):
    """Text, and every attribute that could make a browser do something."""

    def __init__(self) -> None:
        super().__init__()
        self.text: list[str] = []
        self.addresses: list[str] = []
        self.tags: list[str] = []
        self.handlers: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name in ("src", "href", "action", "data", "srcset", "poster", "xlink:href"):
                self.addresses.append(value or "")
            if name.startswith("on"):
                self.handlers.append(name)

    def handle_data(self, data: str) -> None:
        if self.tags[-1:] != ["style"]:
            self.text.append(data)


def page(path: Path) -> Reader:
    reader = Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    return reader


def words(reader: Reader) -> str:
    return re.sub(r"\s+", " ", " ".join(reader.text))


@pytest.mark.parametrize("language", LANGUAGES)
def test_numbers_are_those_of_the_summary(run_copy: Copy, language: str) -> None:
    run = run_copy()
    path = write_report(run, language=language)
    assert path == run / ("report.html" if language == "en" else "report.zh.html")
    html = path.read_text(encoding="utf-8")
    for part in ("test", "validation"):
        for metric in ("dice", "iou", "precision", "recall", "f1", "hd95"):
            found = summary_of(run)[part][metric]
            digits = 2 if metric == "hd95" else 3
            row = (
                rf"<b>{number(found['mean'], digits)}</b></td>"
                rf'<td class="num">{interval(found["ci95"], digits)}</td>'
                rf'<td class="num">{number(found["median"], digits)}</td>'
            )
            assert row in html, (part, metric)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_is_there(run_copy: Copy, language: str) -> None:
    text = words(page(write_report(run_copy(), language=language)))
    assert not re.findall(r"\breport\.[a-z_]+(?:\.[a-z_]+)*", text.replace("report.html", ""))
    assert not re.findall(r"\{[a-z_]+\}", text)
    assert "nan" not in text.lower().split() and "None" not in text.split()
    if language == "zh":
        for english in ("Mean", "Median", "patients", "Training", "outline"):
            assert english not in text
        assert "测试集" in text


def test_nothing_is_asked_of_the_network_and_nothing_runs(run_copy: Copy) -> None:
    path = write_report(run_copy())
    reader = page(path)
    assert reader.addresses
    assert all(address.startswith(("data:image/", "#")) for address in reader.addresses)
    assert not {"script", "link", "iframe", "object", "embed", "base", "form"} & set(reader.tags)
    assert not reader.handlers
    html = re.sub(r"data:image/[a-z]+;base64,[A-Za-z0-9+/=]+", "", path.read_text(encoding="utf-8"))
    assert not re.search(r"(?:https?:)?//[a-z0-9]|url\(|@import", html)
    assert "default-src 'none'" in html


def test_links_lead_somewhere(run_copy: Copy) -> None:
    path = write_report(run_copy())
    html = path.read_text(encoding="utf-8")
    for target in re.findall(r'href="#([a-z]+)"', html):
        assert f'id="{target}"' in html


def test_hostile_names_stay_names(tmp_path: Path) -> None:
    hostile = '"><script>alert({})</script><img src=x onerror=alert(1)>'
    run = make_run(tmp_path / "run", tests=3, validations=1, animations=1, names=("<b>x</b>{{ 7*7 }}",), patient=hostile)
    provenance = json.loads((run / "provenance.json").read_text())
    provenance["name"] = hostile
    (run / "provenance.json").write_text(json.dumps(provenance))
    (run / "findings.json").write_text(
        json.dumps([{"code": hostile, "severity": "<i>", "path": hostile, "case": hostile, "params": {"a": hostile}}])
    )
    reader = page(write_report(run))
    assert "script" not in reader.tags and "b" in reader.tags
    assert not reader.handlers
    assert all(address.startswith(("data:image/", "#")) for address in reader.addresses)
    assert "<b>x</b>{{ 7*7 }}" in words(reader)


@pytest.mark.parametrize("absent", FILES)
@pytest.mark.parametrize("how", ["missing", "damaged"])
def test_a_gap_is_named(run_copy: Copy, absent: str, how: str) -> None:
    run = run_copy()
    if how == "missing":
        (run / absent).unlink()
    else:
        (run / absent).write_bytes(b'{"damaged": [\xff')
    text = words(page(write_report(run)))
    if absent == "history.csv" and how == "damaged":
        assert absent in text
    else:
        assert f"Not in the run folder or not readable: {absent}." in text
    assert ("Nothing in this folder proves" in text) == (absent == "splits.json")
    if absent == "summary.json":
        assert "not been scored" in text


@pytest.mark.parametrize("only", FILES)
def test_one_file_alone_is_enough(run_copy: Copy, tmp_path: Path, only: str) -> None:
    run = run_copy()
    alone = tmp_path / "alone"
    (alone / only).parent.mkdir(parents=True)
    (alone / only).write_bytes((run / only).read_bytes())
    for language in LANGUAGES:
        assert "Delineate" in words(page(write_report(alone, language=language)))


@pytest.mark.parametrize("name", ["summary.json", "provenance.json", "fingerprint.json", "choices.json", "findings.json"])
@pytest.mark.parametrize("content", ["[]", "{}", "null", '{"test": 3, "timing": [1], "folds": 2, "data": 4}', '[{"code": 3}]', ODD])
def test_json_of_another_shape_does_no_harm(run_copy: Copy, name: str, content: str) -> None:
    run = run_copy()
    (run / name).write_text(content)
    write_report(run)


def test_a_folder_without_a_run(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "not there"):
        with pytest.raises(RunError) as caught:
            write_report(folder)
        assert caught.value.code == "run-nothing"


def test_validation_only_says_that_it_is_too_kind(run_copy: Copy) -> None:
    run = run_copy()
    summary = summary_of(run)
    del summary["test"]
    (run / "summary.json").write_text(json.dumps(summary))
    text = words(page(write_report(run)))
    assert "mean validation Dice" in text and "too kind" in text


def test_cross_validation_shows_its_folds(run_copy: Copy) -> None:
    run = run_copy()
    summary = {**summary_of(run), "folds": {"k": 3, "dice": [0.71, 0.82, None], "model": "fold_1"}}
    (run / "summary.json").write_text(json.dumps(summary))
    for name in ("history.csv", "choices.json"):
        (run / name).unlink()
    text = words(page(write_report(run)))
    assert "Fold by fold" in text and "0.820 Fold 2" in text and "(fold_1)" in text


def test_synthetic_is_said_on_top(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", tests=3, validations=1, draw=False, synthetic=True)
    text = words(page(write_report(run)))
    assert "SYNTHETIC DATA" in text[:400]
    assert "never seen a patient" in text


def test_several_classes_and_many_persons(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", tests=45, validations=0, draw=False, names=("outer", "inner"), spacing=None)
    html = write_report(run).read_text(encoding="utf-8")
    numbers = summary_of(run)["test"]["classes"]["inner"]["dice"]
    assert f'<th scope="row">inner</th><td class="num"><b>{number(numbers["mean"])}</b>' in html
    assert html.count("<rect ") == summary_of(run)["test"]["dice"]["n"]
    assert "distances are in pixels" in html


def test_picture_names_cannot_leave_the_folder(run_copy: Copy) -> None:
    run = run_copy()
    (run / "secret.png").write_bytes((run / "pictures" / next((run / "pictures").glob("*.png")).name).read_bytes())
    index = json.loads((run / "pictures" / "index.json").read_text())
    index["pictures"] = [{**index["pictures"][0], "file": "../secret.png"}]
    (run / "pictures" / "index.json").write_text(json.dumps(index))
    reader = page(write_report(run))
    assert "img" not in reader.tags
    assert "1 picture is not on this page" in words(reader)


def test_choices_say_what_they_changed(run_copy: Copy) -> None:
    run = run_copy()
    row = {"class_name": "tumour", "before": 0.8, "after": 0.85, "better": 4, "worse": 1}
    kept = {**row, "step": "threshold", "value": "0.4", "kept": True}
    dropped = {**row, "step": "largest + fill_holes", "kept": False}
    (run / "choices.json").write_text(json.dumps({"n": 5, "choices": [kept, dropped]}))
    text = words(page(write_report(run)))
    assert "Threshold tumour 0.4 0.800 0.850 – 4 / 1 kept" in text
    assert "largest + fill_holes" in text


def test_out_names_another_file(run_copy: Copy, tmp_path: Path) -> None:
    assert write_report(run_copy(), out=tmp_path / "x" / "y.html").is_file()
    with pytest.raises(ValueError, match="language"):
        write_report(run_copy(), language="de")
