"""Help, languages and wrong arguments, as a person meets them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from delineate.cli.main import main
from delineate.cli.parser import COMMANDS, build_parser
from delineate.cli.width import cells

LANGUAGES = ("en", "zh")


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(arguments)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_is_whole_in_both_languages(command: str, language: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = said(capsys, "--lang", language, *([command] if command else []), "--help")
    assert code == 0
    assert not err
    assert not re.search(r"\bcli\.|\{\}|None", out), "a sentence is missing"
    assert ("用法" in out) == (language == "zh")
    assert "example" in out.lower() or "示例" in out
    if language == "zh":  # what argparse itself would say
        assert not re.search(r"show this|positional|optional arguments|usage", out, re.IGNORECASE)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("command", COMMANDS)
def test_help_keeps_to_the_terminal(
    command: str, language: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    _, out, _ = said(capsys, command, "--lang", language, "--help")
    options = [line for line in out.splitlines() if line.startswith(("  -", " " * 20))]
    assert options
    assert all(cells(line) < 80 for line in options)


def test_every_option_says_what_it_does() -> None:
    for language in LANGUAGES:
        parser = build_parser(language)
        subparsers = parser._subparsers._group_actions[0].choices  # type: ignore[union-attr]
        assert set(subparsers or ()) == set(COMMANDS)
        for made in (subparsers or {}).values():
            assert all(action.help and not action.help.startswith("cli.") for action in made._actions)


def test_nothing_said_gives_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = said(capsys)
    assert code == 0
    assert all(command in out for command in COMMANDS)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = said(capsys, "--version")
    assert code == 0
    assert re.fullmatch(r"delineate \d+\.\d+\.\d+\S*\n", out)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--lang", "zh", "report", "nowhere"),
        ("report", "nowhere", "--lang", "zh"),
        ("--lang=zh", "report", "nowhere"),
        ("report", "--lang=zh", "nowhere"),
    ],
)
def test_the_language_may_stand_anywhere(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = said(capsys, *arguments)
    assert code == 9
    assert not out
    assert err.startswith("错误：")


def test_the_environment_chooses_the_language(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DELINEATE_LANG", "zh_CN.UTF-8")
    assert "错误" in said(capsys, "report", "nowhere")[2]
    assert "Error" in said(capsys, "report", "nowhere", "--lang", "en")[2]


@pytest.mark.parametrize(
    ("arguments", "english", "chinese"),
    [
        (("chekc", "data"), "Did you mean check?", "您是否想用 check？"),
        (("run", "data", "--budgt", "3"), "Did you mean --budget?", "无法识别：--budgt"),
        (("run", "data", "--epochs", "many"), "'many' is not a whole number", "“many”不是整数"),
        (("run", "data", "--test-share", "most"), "'most' is not a number", "“most”不是数字"),
        (("run", "data", "--seed"), "a value is missing", "缺少取值"),
        (("run", "data", "--resume=3"), "takes no value", "不接受取值"),
        (("run", "data", "--a", "3"), "--augmentation, --alpha, --allow", "可能是"),
        (("run", "data", "--augmentation", "wild"), "none, light, medium, heavy", "没有“wild”"),
        (("predict",), "missing: MODEL", "缺少：MODEL"),
        (("check", "data", "more"), "not known here: more", "无法识别：more"),
    ],
)
def test_wrong_arguments(arguments: tuple[str, ...], english: str, chinese: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = said(capsys, *arguments)
    assert (code, out) == (2, "")
    assert english in err
    assert "--help" in err
    code, out, err = said(capsys, "--lang", "zh", *arguments)
    assert (code, out) == (2, "")
    assert chinese in err
    assert not re.search(r"\b(invalid|expected|required|unrecognized|ambiguous|argument)\b", err)


def test_an_unknown_language_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = said(capsys, "--lang", "fr", "check", "data")
    assert code == 2
    assert "en, zh" in err


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("run",), 2),
        (("run", "--resume"), 2),
        (("run", "nowhere", "--budget", "soon"), 2),
        (("run", "nowhere", "--epochs", "0"), 2),
        (("run", "nowhere", "--folds", "1"), 2),
        (("run", "nowhere", "--set", "training"), 4),
        (("run", "nowhere", "--size", "3"), 2),
        (("run", "nowhere"), 2),
        (("check", "nowhere"), 2),
        (("evaluate", "model.onnx"), 2),
        (("evaluate", "nowhere.onnx", "nowhere"), 5),
        (("predict", "nowhere.onnx", "nowhere"), 5),
        (("run", "--out", "nowhere", "--resume"), 9),
        (("report", "nowhere"), 9),
    ],
)
def test_exit_codes(
    arguments: tuple[str, ...], code: int, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for language in LANGUAGES:
        assert main([*arguments, "--lang", language]) == code
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        assert captured.err.strip()
        assert not re.search(r"\b(error|note|cli)\.[a-z-]+", captured.err), captured.err
    assert not list(tmp_path.iterdir()), "a wrong command leaves something behind"
