"""What trials found is kept between jobs, in bounds, and a damaged file is as good as none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from delineate.inference import remembered
from delineate.inference.trial import Measured

FOUND = Measured("openvino", {"onnxruntime": 60.0, "openvino": 27.0}, {"onnxruntime": 0.0, "openvino": 900.0})


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DELINEATE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_what_was_found_comes_back_for_the_same_key_only() -> None:
    key = remembered.key_of("abc", (8, 3, 250, 256), 2)
    remembered.remember(key, FOUND)
    assert remembered.recall(key) == FOUND
    assert remembered.recall(remembered.key_of("abc", (7, 3, 200, 256), 2)) == FOUND  # same octaves
    for other in (
        ("abd", (8, 3, 256, 256), 2),
        ("abc", (8, 3, 512, 256), 2),
        ("abc", (1, 3, 256, 256), 2),
        ("abc", (8, 3, 256, 256), 1),
    ):
        assert remembered.recall(remembered.key_of(*other)) is None
    newer = Measured("onnxruntime", {"onnxruntime": 5.0}, {"onnxruntime": 0.0})
    remembered.remember(key, newer)
    assert remembered.recall(key) == newer


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b'{"version": 2, "entries": []}',
        b'{"version": 1, "entries": {"a": 1}}',
        b'{"version": 1, "entries": [1, {"key": null}, {"key": {}, "engine": 3, "ms": {}, "begin_ms": {}}]}',
        b"[" * 100_000,
    ],
)
def test_a_damaged_file_is_as_good_as_none(folder: Path, content: bytes) -> None:
    folder.mkdir()
    (folder / remembered.FILE).write_bytes(content)
    key = remembered.key_of("abc", (1, 1, 64, 64), 1)
    assert remembered.recall(key) is None
    assert remembered.recall({}) is None
    remembered.remember(key, FOUND)
    assert remembered.recall(key) == FOUND


@pytest.mark.parametrize(
    "changed",
    [
        {"engine": "unknown"},
        {"engine": ["openvino"]},
        {"ms": {"openvino": "fast"}},
        {"ms": {"openvino": True}},
        {"ms": {"openvino": -1}},
        {"ms": [1]},
        {"begin_ms": {}},
        {"begin_ms": None},
    ],
)
def test_an_entry_that_cannot_be_is_ignored(folder: Path, changed: dict[str, object]) -> None:
    entry = {"key": {"a": 1}, "engine": FOUND.engine, "ms": FOUND.ms, "begin_ms": FOUND.begin_ms}
    folder.mkdir()
    (folder / remembered.FILE).write_text(json.dumps({"version": 1, "entries": [entry]}))
    assert remembered.recall({"a": 1}) == FOUND
    (folder / remembered.FILE).write_text(json.dumps({"version": 1, "entries": [{**entry, **changed}]}))
    assert remembered.recall({"a": 1}) is None


def test_the_file_is_bounded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered, "MAX_ENTRIES", 5)
    for number in range(9):
        remembered.remember({"n": number}, FOUND)
    assert [remembered.recall({"n": number}) is not None for number in range(9)] == [False] * 4 + [True] * 5
    (folder / remembered.FILE).write_text(" " * (remembered.MAX_BYTES + 1))
    assert remembered.recall({"n": 8}) is None


def test_a_folder_that_cannot_be_written_is_no_trouble(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DELINEATE_CACHE", str(tmp_path / "file" / "below"))
    remembered.remember({"n": 1}, FOUND)
    assert remembered.recall({"n": 1}) is None


def test_the_folder_is_the_systems_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DELINEATE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    monkeypatch.setattr("sys.platform", "linux")
    assert remembered.cache_folder() == Path("/somewhere/delineate")
    monkeypatch.setattr("sys.platform", "darwin")
    assert remembered.cache_folder() == Path.home() / "Library" / "Caches" / "delineate"
