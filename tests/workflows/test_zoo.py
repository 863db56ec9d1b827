"""``delineate networks``: every network with its cost and where it comes from, for people and for programs."""

from __future__ import annotations

import json

import pytest

from delineate.cli.main import main
from delineate.models import describe
from delineate.models import networks as registry
from delineate.recipe import NetworkRecipe


def test_json_lists_the_zoo(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["networks", "--size", "64x96", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["size"] == [64, 96]
    lines = {line["name"]: line for line in found["networks"]}
    assert list(lines) == registry.names() + registry.members()
    assert {"unet_r2", "attention_unet", "resunet", "resnet34_unet", "unetplusplus"} <= lines.keys()
    cost = describe(NetworkRecipe(name="unet_r2"), 1, 1, (64, 96))
    assert {key: lines["unet_r2"][key] for key in ("parameters", "flops")} == cost
    assert all(line["about"] and line["origin"] for line in lines.values())


@pytest.mark.parametrize(("language", "word"), [("en", "attention gate"), ("zh", "注意力门")])
def test_people_read_a_table(language: str, word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--lang", language, "networks", "--size", "32"]) == 0
    out = capsys.readouterr().out
    assert word in out
    assert "Oktay" in out
    assert "32×32" in out


def test_a_wrong_size_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["networks", "--size", "huge"]) == 2
    assert "huge" in capsys.readouterr().err
