"""Settings survive anything: broken files, two windows, a folder that cannot be written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from delineate.editing.settings import MOST_RECENT, Settings, SettingsFile
from delineate.errors import RecipeError
from delineate.i18n import translate


def test_what_was_kept_is_there_at_the_next_start(tmp_path: Path) -> None:
    assert SettingsFile(tmp_path).value == Settings()
    first = SettingsFile(tmp_path)
    assert first.keep(theme="dark", language="zh", reviewer="李医生") is None
    first.keep_layout(window=b"\x00\xffbytes")
    again = SettingsFile(tmp_path)
    assert (again.value.theme, again.value.language, again.value.reviewer) == ("dark", "zh", "李医生")
    assert again.value.layout_bytes("window") == b"\x00\xffbytes"
    assert again.value.layout_bytes("docks") is None
    assert Settings(layout={"window": "no base64!"}).layout_bytes("window") is None


def test_recent_files_are_few_and_the_last_comes_first(tmp_path: Path) -> None:
    file = SettingsFile(tmp_path)
    for number in range(MOST_RECENT + 3):
        file.keep_recent(tmp_path / f"{number}.png")
    file.keep_recent(tmp_path / "5.png")
    names = [Path(one).name for one in SettingsFile(tmp_path).value.recent]
    assert names[:2] == ["5.png", f"{MOST_RECENT + 2}.png"]
    assert len(names) == len(set(names)) == MOST_RECENT
    file.keep_recent(tmp_path / "m.onnx", model=True)
    assert SettingsFile(tmp_path).value.recent_models == (str(tmp_path / "m.onnx"),)


def test_two_windows_do_not_forget_each_others(tmp_path: Path) -> None:
    one, other = SettingsFile(tmp_path), SettingsFile(tmp_path)
    one.keep_recent(tmp_path / "a.png")
    other.keep_recent(tmp_path / "b.png")
    one.keep(theme="light")
    found = SettingsFile(tmp_path).value
    assert [Path(path).name for path in found.recent] == ["b.png", "a.png"]
    assert found.theme == "light"


@pytest.mark.parametrize("text", ['{"theme": ', '{"theme": "purple"}', "[1]", "\udcff", '{"recent": 3}'])
def test_a_broken_file_is_put_aside_and_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "settings.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    (tmp_path / "settings-broken-1.json").write_text("an older one", encoding="utf-8")
    file = SettingsFile(tmp_path)
    assert file.value == Settings()
    assert file.trouble is not None
    for language in ("en", "zh"):
        assert "settings-broken-2.json" in translate(file.trouble.key, language, **file.trouble.params)
    assert (tmp_path / "settings-broken-2.json").read_bytes() == text.encode("utf-8", "surrogateescape")
    assert (tmp_path / "settings-broken-1.json").read_text(encoding="utf-8") == "an older one"
    assert file.keep(theme="dark") is None
    again = SettingsFile(tmp_path)
    assert (again.value.theme, again.trouble) == ("dark", None)


def test_keys_of_a_newer_version_do_not_stop_an_older_program(tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text('{"version": 2, "theme": "dark", "hologram": true}', encoding="utf-8")
    file = SettingsFile(tmp_path)
    assert (file.value.theme, file.trouble) == ("dark", None)


def test_a_mistake_of_the_program_is_not_written(tmp_path: Path) -> None:
    file = SettingsFile(tmp_path)
    with pytest.raises(RecipeError):
        file.keep(theme="purple")
    assert not file.path.exists()


@pytest.mark.skipif(os.name == "nt", reason="a file where a folder should be")
def test_a_folder_that_cannot_be_written_is_told_and_the_value_holds(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    file = SettingsFile(tmp_path / "file" / "config")
    trouble = file.keep(theme="dark")
    assert trouble is not None
    assert trouble.code == "cannot-write"
    assert file.value.theme == "dark"
