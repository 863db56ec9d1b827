"""Exported folders: complete, honest, and usable without us."""

from __future__ import annotations

import ast
import hashlib
import json
import runpy
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.portable.tiny import model_file, picture

from delineate import portable
from delineate.domain import LabelSet
from delineate.errors import DelineateError
from delineate.export.quantise import quantise
from delineate.formats import read_image
from delineate.inference import ModelFile, Predictor, clean_labels
from delineate.portable import write_folder
from delineate.recipe import Clean, Normalisation, Preprocessing

LEAST = 0.999


def segment(folder: Path, image: Path, out: Path) -> str:
    """What the folder's example prints; it may not see this package."""
    command = [sys.executable, "-E", str(folder / "example.py"), str(image), str(out)]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout


def imports(script: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(script.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(str(node.module))
    return found


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pictures")
    made = {
        "grey": Image.fromarray(picture(150, 210).pixels[0]),
        "colour": Image.fromarray(np.ascontiguousarray(np.moveaxis(picture(96, 131, 3).pixels, 0, -1))),
        "deep": Image.fromarray(picture(120, 90, dtype=np.uint16).pixels[0]),
        "palette": Image.fromarray(picture(100, 140).pixels[0]).convert("P"),
    }
    for name, image in made.items():
        image.save(folder / f"{name}.png")
    return {name: folder / f"{name}.png" for name in made}


@pytest.mark.parametrize(("target", "engine"), [("web", "onnxruntime"), ("openvino", "openvino")])
def test_the_example_gives_the_predictors_mask(target: Any, engine: str, pictures: dict[str, Path], tmp_path: Path) -> None:
    pytest.importorskip(engine)
    model = ModelFile.open("demo")
    files = write_folder(model, target, tmp_path / "out")
    assert all(path.stat().st_size > 0 for path in files)
    script = tmp_path / "out" / "example.py"
    assert imports(script) == {"json", "sys", "pathlib", "numpy", "PIL", "clean_up", engine}
    assert imports(tmp_path / "out" / "clean_up.py") == {"numpy"}
    predictor = Predictor(model, engine="onnxruntime", threads=1)
    for name in ("grey", "deep") if target == "openvino" else pictures:
        said = segment(tmp_path / "out", pictures[name], tmp_path / "mask.png")
        with Image.open(tmp_path / "mask.png") as image:
            found = np.asarray(image)
        wanted = predictor.predict(read_image(pictures[name])).mask.labels
        assert 0.02 < (wanted > 0).mean() < 0.98
        assert (found == wanted).mean() >= LEAST, name
        assert said.startswith(f"lung: {(found == 1).sum()} pixels, ")


def test_int8_and_overlapping_classes(tmp_path: Path) -> None:
    labels = LabelSet(kind="regions", names=("a", "b"))
    model = model_file(tmp_path, labels, preprocessing=Preprocessing(colour="grey", size=(64, 48)))
    planes = [np.random.default_rng(0).normal(0, 1.5, (2, 1, 64, 48)).astype(np.float32)]
    model.path.write_bytes(quantise(model.data, planes))
    small = ModelFile.open(model.path)
    write_folder(small, "int8", tmp_path / "out")
    Image.fromarray(picture(90, 120).pixels[0]).save(tmp_path / "picture.png")
    segment(tmp_path / "out", tmp_path / "picture.png", tmp_path / "mask.png")
    wanted = Predictor(small, engine="onnxruntime", threads=1).predict(read_image(tmp_path / "picture.png")).mask.labels
    for number in (1, 2):
        with Image.open(tmp_path / f"mask.{number}.png") as image:
            assert (np.asarray(image) == wanted[number - 1]).mean() >= LEAST


def test_the_card_says_what_is_known_and_what_is_not(tmp_path: Path) -> None:
    preprocessing = Preprocessing(fit="scale", scale=0.5, tile=128, normalisation=Normalisation(scheme="volume"))
    more: dict[str, Any] = {
        "clean": (Clean(largest=True, min_pixels=7),),
        "thresholds": (0.35,),
        "scores": {"test": {"n": 12, "unit": "image", "dice": {"mean": 0.8, "ci95": [0.7, float("nan")]}}},
        "provenance": {"intended_use": "to try"},
    }
    model = model_file(tmp_path, LabelSet(), preprocessing=preprocessing, **more)
    out = tmp_path / "out"
    write_folder(model, "web", out)

    def refuse(text: str) -> Any:
        raise AssertionError(f"{text} is no JSON")

    card = json.loads((out / "card.json").read_text(encoding="utf-8"), parse_constant=refuse)
    assert card["model"]["sha256"] == hashlib.sha256((out / "model.onnx").read_bytes()).hexdigest()
    cleaning = {"largest": True, "min_pixels": 7, "fill_holes": False}
    assert card["labels"] == [{"value": 1, "name": "foreground", "colour": "#e69f00", "threshold": 0.35, "clean": cleaning}]
    assert card["input"]["largest_side"] == 257  # 257 × 0.5 rounds to 128
    assert card["input"]["channels"] == [1]
    assert card["intended_use"] == {"en": "to try", "zh": "to try"}
    told = " ".join(card["differs"]["en"])
    for words in ("Volumes", "own intensities", "257 pixels", "largest connected region", "fewer than 7 pixels"):
        assert words in told
    assert len(card["differs"]["zh"]) == len(card["differs"]["en"])
    for name in ("README.md", "README.zh.md"):
        text = (out / name).read_text(encoding="utf-8")
        assert "| 12 | 0.800 |" in text
        assert "{" not in text
        assert card["model"]["sha256"] in text


def test_what_is_there_is_kept_unless_told(tmp_path: Path) -> None:
    model = model_file(tmp_path, LabelSet(), preprocessing=Preprocessing(size=(64, 48)))
    out = tmp_path / "out"
    out.mkdir()
    write_folder(model, "int8", out)  # an empty folder is no reason to refuse
    (out / "mine.txt").write_text("mine")
    (out / "README.md").write_text("old")
    with pytest.raises(DelineateError) as refused:
        write_folder(model, "int8", out)
    assert refused.value.code == "export-exists"
    write_folder(model, "int8", out, overwrite=True)
    assert (out / "mine.txt").read_text() == "mine"
    assert (out / "README.md").read_text(encoding="utf-8") != "old"
    with pytest.raises(DelineateError) as refused:
        write_folder(model, "int8", out / "README.md", overwrite=True)
    assert refused.value.code == "export-not-folder"


def test_a_graph_that_decides_otherwise_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_file(tmp_path, LabelSet(), preprocessing=Preprocessing(size=(64, 48)), thresholds=(0.5,))
    other = model_file(tmp_path, LabelSet(), preprocessing=Preprocessing(size=(64, 48)), thresholds=(0.55,))
    monkeypatch.setattr(portable.folder, "raw_graph", lambda _: portable.raw_graph(other))
    with pytest.raises(DelineateError) as refused:
        write_folder(model, "web", tmp_path / "out")
    assert refused.value.code == "raw-differs"
    assert [path.name for path in tmp_path.iterdir()] == ["model.onnx"]  # nothing half-made is left


def test_clean_up_by_numpy_alone_is_ours(masks: list[Any]) -> None:
    script = files("delineate").joinpath("portable/templates/clean_up.py")
    clean = runpy.run_path(str(script))["clean"]
    for labels, mask, options in masks:
        entries = [{"value": value, "clean": option.model_dump()} for value, option in enumerate(options, start=1)]
        wanted = clean_labels(mask, labels, options)
        np.testing.assert_array_equal(clean(mask, {"overlapping": labels.kind == "regions", "labels": entries}), wanted)
