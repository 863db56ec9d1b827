"""``delineate export --target web`` as a person uses it."""

from __future__ import annotations

from pathlib import Path

import pytest

from delineate.cli.main import main


def test_a_folder_is_written_once_in_both_languages(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "demo_web"
    assert main(["export", "demo", "--target", "web", "--out", str(out), "--quiet"]) == 0
    said = capsys.readouterr().out
    assert str(out) in said
    assert "README.md" in said
    assert main(["export", "demo", "--target", "web", "--out", str(out), "--quiet"]) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert main(["--lang", "zh", "export", "demo", "--target", "web", "--out", str(out), "--overwrite", "--quiet"]) == 0
    assert "README.zh.md" in capsys.readouterr().out
