"""What is compared: the product, free candidates, and what is refused before anything is done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from delineate.errors import DelineateError, RecipeError, UsageError
from delineate.workflows.grid.candidates import Candidate, candidates_of
from delineate.workflows.grid.options import GridOptions


def asked(**options: Any) -> tuple[Candidate, ...]:
    return candidates_of(GridOptions(data=Path("data"), **options))


def test_every_network_with_every_loss() -> None:
    found = asked(networks=("unet", "resunet"), losses=("dice", "bce_dice", "1.0*dice+0.8*bce"))
    assert [(c.network.name, c.loss) for c in found] == [
        ("unet", "dice"), ("unet", "bce_dice"), ("unet", "1.0*dice+0.8*bce"),
        ("resunet", "dice"), ("resunet", "bce_dice"), ("resunet", "1.0*dice+0.8*bce"),
    ]  # fmt: skip
    assert found[2].name == "unet-1.0*dice+0.8*bce"
    assert found[2].folder == "unet-1.0_dice+0.8_bce"


def test_names_say_what_differs_and_nothing_else() -> None:
    assert [c.name for c in asked(networks=("unet", "unet_r4"), losses=("dice",))] == ["unet", "unet_r4"]
    assert [c.name for c in asked(networks=("unet",), optimisers=("adam", "sgd"), augmentations=("light",))] == [
        "unet-adam",
        "unet-sgd",
    ]


def test_a_preset_brings_its_own_widths() -> None:
    assert asked(networks=("unet", "unet_r4"))[1].network.options["widths"] == [8, 16, 32, 64, 128]


def test_a_free_candidate_says_only_what_is_different() -> None:
    slow = asked(
        networks=("unet",), losses=("dice",), candidates=("slow=network:unet,training.lr=1e-4,network.options.widths=[8,16]",)
    )[1]
    assert (slow.name, slow.loss, slow.network.name) == ("slow", "dice", "unet")
    assert slow.settings == {"training.lr": "1e-4", "network.options.widths": "[8,16]"}
    assert asked(networks=("unet",), candidates=("own=network:resunet,loss:focal",))[1].loss == "focal"


def test_weights_go_to_the_networks_that_take_them(tmp_path: Path) -> None:
    file = tmp_path / "resnet.safetensors"
    file.touch()
    plain, loaded = asked(networks=("unet", "resnet34_unet"), pretrained=(str(file),))
    assert "pretrained" not in plain.network.options
    assert loaded.network.options["pretrained"] == str(file)
    named = asked(networks=("unet", "resnet34_unet"), pretrained=(f"resnet34_unet={file}",))
    assert named[1].network.options["pretrained"] == str(file)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"networks": ("unet",)}, "grid-needs-two"),
        ({"networks": ("unet", "unet")}, "grid-name-twice"),
        ({"networks": ("unet", "unett")}, "unknown-choice"),
        ({"networks": ("unet", "resunet"), "losses": ("dicee",)}, "unknown-choice"),
        ({"networks": ("unet", "resunet"), "losses": ("dice+",)}, "loss-expression"),
        ({"networks": ("unet",), "optimisers": ("adam", "adamm")}, "invalid-value"),
        ({"networks": ("unet",), "augmentations": ("light", "wild")}, "unknown-choice"),
        ({"networks": ("unet",), "candidates": ("slow",)}, "grid-bad-candidate"),
        ({"networks": ("unet",), "candidates": ("slow=lr",)}, "grid-bad-candidate"),
        ({"candidates": ("slow=loss:dice,training.lr=1",)}, "grid-bad-candidate"),
        ({"networks": ("unet",), "candidates": ("long=network:unet,training.steps=9",)}, "grid-shared-setting"),
        ({"networks": ("unet",), "candidates": ("big=network:unet,preprocessing.size=[9,9]",)}, "grid-shared-setting"),
        ({"networks": ("unet",), "candidates": ("odd=network:unet,training.lrr=9",)}, "unknown-key"),
        ({"networks": ("unet", "resunet"), "settings": {"training.seed": 3}}, "grid-shared-setting"),
        ({"networks": ("unet", "resunet"), "pretrained": ("nowhere.pth",)}, "pretrained-missing"),
        ({"networks": ("unet", "resunet"), "pretrained": (__file__,)}, "grid-pretrained-nobody"),
    ],
)
def test_refused(options: dict[str, Any], code: str) -> None:
    with pytest.raises(DelineateError) as caught:
        asked(**options)
    assert caught.value.code == code
    assert isinstance(caught.value, (UsageError, RecipeError))
