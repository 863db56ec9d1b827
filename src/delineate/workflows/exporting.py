"""``export``: a model file in the form another program or machine wants: ONNX, OpenVINO IR, 8-bit integers, or a folder that
runs alone."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from delineate import portable
from delineate.domain import Case, Source
from delineate.errors import MissingExtra, RunError, UsageError
from delineate.events import EventSink, Note, discard
from delineate.inference import ModelFile
from delineate.inference.engines import import_openvino, openvino_installed, physical_cores, registry
from delineate.inference.inputs import collect
from delineate.inference.trial import MAX_DIFFERENCE, disagreement
from delineate.recipe import Recipe, load, save_json
from delineate.workflows.fold import SCORING_ENGINE
from delineate.workflows.folder import RunFolder
from delineate.workflows.own_cases import only_split, own_cases
from delineate.workflows.stages import stage

if TYPE_CHECKING:
    from delineate.workflows.quantising import Int8

TARGETS = ("onnx", "openvino", "int8", "web")
MARGIN = 0.005
"""Mean Dice that quantisation may cost on validation persons."""


@dataclass(frozen=True)
class Export:
    """``files`` that were written, ``folder`` where they make one; ``int8`` what quantisation did, where it was asked for."""

    target: str
    files: tuple[Path, ...]
    int8: Int8 | None = None
    folder: Path | None = None


def export(
    run: str | Path,
    *,
    target: str = "onnx",
    out: str | Path | None = None,
    calibrate: str | Path | None = None,
    margin: float = MARGIN,
    engine: str = SCORING_ENGINE,
    threads: int | None = None,
    overwrite: bool = False,
    on_event: EventSink = discard,
) -> Export:
    """Write the model of a run (or a model file) in another form.

    Parameters
    ----------
    run
        A finished run folder, a model file, or ``"demo"``.
    target
        ``onnx``: the model file itself, checked. ``openvino``: ``.xml`` + ``.bin`` for OpenVINO's own runtimes, with the record
        beside them as JSON. ``int8``: a model file whose convolutions compute in 8-bit integers; ``predict`` runs it. ``web``: a
        folder with a page that computes in the browser.
    out
        A file; or, for all targets but ``onnx``, a folder: what it then holds takes raw pixels and needs the engine alone
        (docs/export.md, :func:`delineate.portable.write_folder`).
    calibrate
        For ``int8`` of a model file: a folder of *training* images. A run folder knows its own.
    margin
        For ``int8``: refuse what loses more mean Dice than this on the run's validation persons.

    Raises :class:`UsageError` (``unknown-choice``, ``export-exists``, ``int8-needs-images``), :class:`DataError` ``int8-loses``,
    :class:`RunError` ``export-differs`` / ``quantisation-failed``, :class:`MissingExtra`.
    """
    if target not in TARGETS:
        raise UsageError("unknown-choice", kind="export target", name=target, choices=", ".join(TARGETS))
    if not 0 <= margin < 1:
        raise UsageError("bad-margin", value=margin)
    model = ModelFile.open(run)
    if (folder := _folder(Path(out) if out else None, target, model)) is not None:
        return _portable(run, model, folder, target, calibrate, margin, engine, threads, overwrite, on_event)
    place = _place(Path(out) if out else None, target, model)
    if place.exists() and not overwrite:
        raise UsageError("export-exists", path=place)
    if place.resolve() == model.path.resolve():
        raise UsageError("export-over-itself", path=place)
    if target == "onnx":
        from delineate.export.record import write_model

        write_model(place, model.data)
        return Export(target, (place,))
    if target == "openvino":
        with stage("export", on_event):
            return Export(target, _openvino(model, place, threads))
    return _int8(run, model, place, calibrate, margin, engine, threads, on_event)


def _folder(out: Path | None, target: str, model: ModelFile) -> Path | None:
    """The folder to write; ``None`` where a file is meant."""
    if target == "web":
        return out or Path(portable.folder_name(model, "web"))
    if target == "onnx" or out is None:
        return None
    return None if out.suffix.lower() in (".onnx", ".xml") else out


def _portable(
    run: str | Path,
    model: ModelFile,
    folder: Path,
    target: str,
    calibrate: str | Path | None,
    margin: float,
    engine: str,
    threads: int | None,
    overwrite: bool,
    on_event: EventSink,
) -> Export:
    form = next(name for name in portable.TARGETS if name == target)
    portable.check_place(folder, overwrite=overwrite)
    made = None
    if form == "int8":
        with tempfile.TemporaryDirectory(prefix="delineate-int8-") as scratch:
            file = Path(scratch) / "model.onnx"
            made = _int8(run, model, file, calibrate, margin, engine, threads, on_event).int8
            model = ModelFile.open(file)
    with stage("export", on_event):
        return Export(target, portable.write_folder(model, form, folder, overwrite=overwrite), made, folder)


def _place(out: Path | None, target: str, model: ModelFile) -> Path:
    suffix = {"onnx": ".onnx", "openvino": ".xml", "int8": ".onnx"}[target]
    if out is None:
        return Path(f"{model.record.name or 'model'}{'.int8' if target == 'int8' else ''}{suffix}")
    if out.is_dir():
        return out / f"model{'.int8' if target == 'int8' else ''}{suffix}"
    return out if out.suffix.lower() == suffix else out.with_name(out.name + suffix)


def _openvino(model: ModelFile, place: Path, threads: int | None) -> tuple[Path, ...]:
    """OpenVINO's own files, in half precision as its converter writes them; they must decide like the model file."""
    if not openvino_installed():
        raise MissingExtra("missing-extra", extra="openvino")
    openvino = import_openvino()
    core = openvino.Core()
    network = core.read_model(model=model.data)
    place.parent.mkdir(parents=True, exist_ok=True)
    openvino.save_model(network, str(place), compress_to_fp16=True)
    record = model.record
    recipe = record.preprocessing
    side = recipe.multiple * max(1, 128 // recipe.multiple)
    batch = np.random.default_rng(0).standard_normal((2, recipe.inputs, side, side), dtype=np.float32)
    answer = np.asarray(core.compile_model(str(place), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(batch)[0], dtype=np.float32)
    wanted = registry.get("onnxruntime")(model, threads or physical_cores()).run(batch)
    difference = disagreement(wanted, answer, record.labels, record.thresholds)
    if difference > MAX_DIFFERENCE:
        for path in (place, place.with_suffix(".bin")):
            path.unlink(missing_ok=True)
        raise RunError("export-decides-differently", percent=f"{100 * difference:.3f}", allowed=100 * MAX_DIFFERENCE)
    save_json(place.with_suffix(".json"), record)
    return place, place.with_suffix(".bin"), place.with_suffix(".json")


def _int8(
    run: str | Path,
    model: ModelFile,
    place: Path,
    calibrate: str | Path | None,
    margin: float,
    engine: str,
    threads: int | None,
    on_event: EventSink,
) -> Export:
    from delineate.workflows.quantising import quantise_model, write_int8

    rule = None
    scored: Mapping[str, Sequence[Case]] = {}
    calibration: Sequence[Case] = []
    if Path(run).is_dir():
        folder = RunFolder(Path(run))
        parts = own_cases(folder, only_split(folder, "export-folds"), on_event)
        rule = load(Recipe, folder.need("recipe.json")).masks
        calibration = parts["train"]
        scored = {part: parts[part] for part in ("validation", "test")}
    if calibrate is not None:
        jobs = collect([calibrate], place.parent / "nowhere").jobs
        calibration = [Case(str(job.path), (Source(job.path, item=job.item),)) for job in jobs]
    if not calibration:
        raise UsageError("int8-needs-images")
    made = quantise_model(model, calibration, scored, rule, margin=margin, engine=engine, threads=threads, on_event=on_event)
    if not made.changes:
        on_event(Note("int8-not-scored", {"path": place}, "warning"))
    write_int8(made, model, place, margin)
    return Export("int8", (place,), made)
