"""Folders that run without us: the graph, its card, an example in Python, a page for browsers."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from delineate.domain import Geometry, Image
from delineate.errors import MissingExtra, ResourceError, RunError, UsageError
from delineate.i18n import LANGUAGES
from delineate.inference import ModelFile, Predictor
from delineate.inference.engines import import_openvino, openvino_installed
from delineate.inference.trial import MAX_DIFFERENCE
from delineate.portable.card import NOISE_FLOOR, as_text, card_of
from delineate.portable.graph import largest_side, raw_channels, raw_graph
from delineate.portable.readme import readme

Target = Literal["openvino", "int8", "web"]
TARGETS: tuple[Target, ...] = ("openvino", "int8", "web")
_OURS = files("delineate")
_ENGINE = (
    "ort.wasm.min.mjs",
    "ort-wasm-simd-threaded.mjs",
    "ort-wasm-simd-threaded.wasm",
    "LICENSE",
    "ThirdPartyNotices.txt",
    "README.md",
)
_PAGE = ("index.html", "page.js", "page.css")
Run = Callable[[dict[str, Any]], NDArray[np.uint8]]


def write_folder(model: ModelFile, target: Target, out: Path, *, overwrite: bool = False) -> tuple[Path, ...]:
    """Write ``model`` as a folder for ``target``; nothing is left at ``out`` where it does not decide like the predictor.

    ``int8`` takes a model file that computes in 8 bits already. A folder that is there and not empty is replaced file by file with
    ``overwrite``; files of other names stay.

    Raises
    ------
    ModelFileError
        ``raw-views``, ``raw-tiles``: the preparation of this model is not possible inside a graph.
    RunError
        ``raw-differs``: on made-up pictures more than 0.1 % of the pixels are decided otherwise; ``export-failed``.
    UsageError, ResourceError, MissingExtra
        ``export-exists``, ``export-not-folder``; ``cannot-write``; packages that are missing.
    """
    check_place(out, overwrite=overwrite)
    if target == "openvino" and not openvino_installed():
        raise MissingExtra("missing-extra", extra="openvino")
    content = raw_graph(model)
    staged = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    try:
        shutil.rmtree(staged, ignore_errors=True)
        staged.mkdir(parents=True)
        _fill(staged, model, target, content)
        return _placed(staged, out)
    except OSError as error:
        raise ResourceError("cannot-write", path=out, reason=error.strerror or str(error)) from None
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def check_place(out: Path, *, overwrite: bool) -> None:
    """Raises UsageError ``export-not-folder``, ``export-exists``, before long work begins."""
    if out.exists() and not out.is_dir():
        raise UsageError("export-not-folder", path=out)
    if not overwrite and out.is_dir() and any(out.iterdir()):
        raise UsageError("export-exists", path=out)


def _fill(folder: Path, model: ModelFile, target: Target, content: bytes) -> None:
    file = "model.onnx"
    if target == "openvino":
        file, content, run = _openvino(folder, content)
    else:
        (folder / file).write_bytes(content)
        run = _onnxruntime(content)
    difference = _difference(model, run)
    if difference > MAX_DIFFERENCE:
        raise RunError("raw-differs", percent=f"{100 * difference:.3f}", allowed=100 * MAX_DIFFERENCE)
    quantised = model.record.provenance.get("quantised") is not None
    more = {"openvino": ["half"], "web": ["browser"], "int8": []}[target] + (["int8"] if quantised else [])
    card = card_of(model, content, file, more)
    if target == "openvino":
        weights = (folder / "model.bin").read_bytes()
        card["model"]["weights"] = {"file": "model.bin", "bytes": len(weights), "sha256": hashlib.sha256(weights).hexdigest()}
    (folder / "card.json").write_text(as_text(card), encoding="utf-8")
    for language, name in (("en", "README.md"), ("zh", "README.zh.md")):
        (folder / name).write_text(readme(card, target, language), encoding="utf-8")
    engine = "openvino" if target == "openvino" else "onnxruntime"
    _copy(f"portable/templates/example_{engine}.py", folder / "example.py")
    _copy("portable/templates/clean_up.py", folder / "clean_up.py")
    if target == "web":
        _add_page(folder)


def _add_page(folder: Path) -> None:
    for name in _PAGE:
        _copy(f"portable/page/{name}", folder / name)
    for name in ("browser_run.js", "browser_worker.js", "browser_clean.js", *(f"vendor/ort/{name}" for name in _ENGINE)):
        _copy(f"server/web/{name}", folder / name)
    said = {language: page_sentences(language) for language in LANGUAGES}
    (folder / "strings.json").write_text(json.dumps(said, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def page_sentences(language: str) -> dict[str, str]:
    """The page's sentences under their short keys, with placeholders."""
    catalogue = json.loads(_OURS.joinpath(f"i18n/catalogue/webpage.{language}.json").read_text(encoding="utf-8"))
    return {key.removeprefix("webpage."): text for key, text in catalogue.items()}


def _copy(source: str, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(_OURS.joinpath(source).read_bytes())


def _placed(staged: Path, out: Path) -> tuple[Path, ...]:
    names = sorted(path.relative_to(staged) for path in staged.rglob("*") if path.is_file())
    if not out.exists():
        staged.replace(out)
    else:
        for name in names:
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            (staged / name).replace(out / name)
    return tuple(out / name for name in names)


def _onnxruntime(content: bytes) -> Run:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    return lambda fed: np.asarray(session.run(["mask"], fed)[0])


def _openvino(folder: Path, content: bytes) -> tuple[str, bytes, Run]:
    """OpenVINO's own files, weights in half precision as its converter writes them."""
    openvino = import_openvino()
    core = openvino.Core()
    openvino.save_model(core.read_model(model=content), str(folder / "model.xml"), compress_to_fp16=True)
    network = core.compile_model(str(folder / "model.xml"), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return "model.xml", (folder / "model.xml").read_bytes(), lambda fed: np.asarray(network(fed)["mask"])


def _difference(model: ModelFile, run: Run) -> float:
    """Share of pixels that the graph and the predictor decide otherwise, on pictures of soft blobs."""
    predictor = Predictor(model, engine="onnxruntime")
    channels = raw_channels(model.record)[0]
    most = largest_side(model.record) or 400
    different = total = 0
    for seed, (rows, columns) in enumerate(((160, 120), (97, 211))):
        pixels = _blobs(channels, min(rows, most), min(columns, most), seed)
        image = Image(
            pixels, Geometry(pixels.shape[1:]), Path("blobs.png"), "png", {1: "grey", 3: "rgb"}.get(channels, "channels"), {}
        )
        wanted = predictor.predict(image, clean=False).mask.labels
        floor = np.array([NOISE_FLOOR["uint8"]], dtype=np.float32)
        found = run({"pixels": np.ascontiguousarray(np.moveaxis(pixels, 0, -1), dtype=np.float32), "noise_floor": floor})
        different += int((found != wanted).sum())
        total += wanted.size
    return different / total


def _blobs(channels: int, rows: int, columns: int, seed: int) -> NDArray[np.uint8]:
    """(channels, rows, columns): a sum of a few waves, so that borders are long and nowhere as fine as a pixel."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:rows, :columns] / max(rows, columns)
    waves = [np.sin(a * x + b * y + c) for a, b, c in rng.uniform(-14, 14, (6, 3))]
    field = 127 + 50 * np.sum(waves, axis=0)
    return np.stack([np.clip(field * share, 0, 255) for share in rng.uniform(0.7, 1.1, channels)]).astype(np.uint8)


def folder_name(model: ModelFile, target: Target) -> str:
    return f"{model.record.name or 'model'}.{target}"
