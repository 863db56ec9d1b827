"""``export --int8``: calibrate on training images, refuse by validation persons, report on test persons, measure the speed."""

from __future__ import annotations

import json
import math
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from delineate.dataset import load_image
from delineate.domain import Case
from delineate.errors import DataError, DelineateError, UsageError
from delineate.evaluation import GroupScore, person_values, score_group
from delineate.evaluation.intervals import describe
from delineate.events import EventSink, Note, Progress
from delineate.inference import ModelFile, Predictor, clean_labels
from delineate.inference.engines import openvino_installed, physical_cores, registry
from delineate.preprocessing import Preparation, measure, measured_jointly, network_input, network_input_of_slices
from delineate.recipe import MaskRule, ModelRecord
from delineate.workflows.scoring import by_group, predict_groups
from delineate.workflows.stages import stage

PLANES = 96
"""Calibration planes: ranges settle with some dozens (Krishnamoorthi 2018, arXiv:1806.08342)."""
SIDE = 512  # of a calibration plane at most: a piece of a large plane has the same ranges
_ROUNDS = 5


@dataclass(frozen=True)
class Change:
    """What quantisation did to the Dice of a part's persons: means before and after, and the paired differences' description."""

    part: str
    before: float
    after: float
    difference: Mapping[str, Any]


@dataclass(frozen=True)
class Speed:
    """Milliseconds a plane, by engine, of the file before and after; ``ratio`` compares the fastest engines of both."""

    before: Mapping[str, float]
    after: Mapping[str, float]
    planes: tuple[int, ...]

    @property
    def ratio(self) -> float:
        return min(self.before.values()) / min(self.after.values())


@dataclass
class Int8:
    """The quantised file's bytes, and what it costs and gains."""

    content: bytes
    layers: tuple[int, int]
    planes: int
    speed: Speed
    changes: list[Change] = field(default_factory=list)

    def plain(self, margin: float) -> dict[str, Any]:
        """As kept in the model record's provenance."""
        return {
            "bits": 8,
            "layers": list(self.layers),
            "calibration_planes": self.planes,
            "margin": margin,
            "dice": {c.part: {"before": c.before, "after": c.after, "difference": dict(c.difference)} for c in self.changes},
            "ms_per_plane": {"before": dict(self.speed.before), "after": dict(self.speed.after), "shape": list(self.speed.planes)},
        }


def quantise_model(
    model: ModelFile,
    calibration: Sequence[Case],
    scored: Mapping[str, Sequence[Case]],
    rule: MaskRule | None,
    *,
    margin: float,
    engine: str,
    threads: int | None,
    on_event: EventSink,
) -> Int8:
    """Quantise ``model``; refuse what loses more than ``margin`` of mean Dice on ``scored["validation"]``.

    All convolutions are tried first; where that loses too much, the first and the last stay in floating point. The choice is made
    on validation persons only; other parts are scored afterwards with what was chosen.

    Raises :class:`DataError` ``int8-loses``.
    """
    from delineate.export.quantise import quantise, quantised_convolutions

    with stage("calibrate", on_event):
        planes = calibration_planes(calibration, model.record, on_event)
    choosing = "validation" if scored.get("validation") else None
    before = {}
    if choosing and rule is not None:
        before[choosing] = _scores(model, scored[choosing], rule, choosing, engine, threads, on_event)
    made: Int8 | None = None
    lost: Change | None = None
    for ends in (False, True):
        with stage("quantise", on_event):
            content = quantise(model.data, planes, float_ends=ends)
        candidate = replace(model, data=content)
        changes = []
        if choosing and rule is not None:
            after = _scores(candidate, scored[choosing], rule, choosing, engine, threads, on_event)
            change = change_of(choosing, before[choosing], after)
            changes.append(change)
            if change.difference["mean"] is not None and -change.difference["mean"] > margin:
                lost = change
                continue
        sample = planes[0] if len(planes[0]) > 1 else np.repeat(planes[0], 4, axis=0)
        speed = speed_of(model, candidate, sample, threads)
        made = Int8(content, quantised_convolutions(content), len(planes), speed, changes)
        break
    if made is None:
        assert lost is not None
        raise DataError("int8-loses", loss=f"{-lost.difference['mean']:.4f}", margin=margin, n=lost.difference["n"])
    for part in scored:
        if part != choosing and scored[part] and rule is not None:
            reference = _scores(model, scored[part], rule, part, engine, threads, on_event)
            after = _scores(replace(model, data=made.content), scored[part], rule, part, engine, threads, on_event)
            made.changes.append(change_of(part, reference, after))
    return made


def calibration_planes(cases: Sequence[Case], record: ModelRecord, on_event: EventSink) -> list[NDArray[np.float32]]:
    """Up to :data:`PLANES` prepared planes, (1, inputs, h, w) each, spread evenly over groups and within volumes."""
    recipe = record.preprocessing
    groups = by_group(cases)
    step = max(1, len(groups) // PLANES)
    chosen = groups[::step]
    each = max(1, math.ceil(PLANES / max(1, len(chosen))))
    found: list[NDArray[np.float32]] = []
    for number, (_, members) in enumerate(chosen):
        images = []
        for case in _spread(members, None if measured_jointly(recipe) else each):
            try:
                images.append(load_image(case))
            except DataError as error:
                on_event(Note("case-left-out", {"case": case.id, "reason": str(error)}, "warning"))
        if not images:
            continue
        try:
            statistics_of = measure(images, recipe) if measured_jointly(recipe) and len(images) > 1 else None
            works = [Preparation(image, recipe, statistics_of) for image in images]
            if len(works) > 1:  # slices of a volume
                seen = [network_input_of_slices(works, at, at + 1) for at in _spread(range(len(works)), each)]
            else:
                seen = [network_input(works[0], at, at + 1) for at in _spread(range(works[0].trail.planes), each)]
            found += [_piece(one, recipe.multiple) for one in seen]
        except DataError as error:
            on_event(Note("case-left-out", {"case": members[0].id, "reason": str(error)}, "warning"))
        on_event(Progress("calibrate", number + 1, len(chosen)))
    if not found:
        raise UsageError("int8-needs-images")
    return list(islice(found, 2 * PLANES))


def _spread(members: Sequence[Any], count: int | None) -> list[Any]:
    """``count`` of them, each from the middle of its stretch: the ends of a volume are mostly empty."""
    if count is None or len(members) <= count:
        return list(members)
    return [members[int((at + 0.5) * len(members) / count)] for at in range(count)]


def _piece(plane: NDArray[np.float32], multiple: int) -> NDArray[np.float32]:
    """The middle of a plane, at most :data:`SIDE` wide, padded to ``multiple`` as the predictor does."""
    height, width = plane.shape[2:]
    top, left = max(0, (height - SIDE) // 2), max(0, (width - SIDE) // 2)
    piece = plane[:, :, top : top + SIDE, left : left + SIDE]
    missing = [(-n) % multiple for n in piece.shape[2:]]
    return np.ascontiguousarray(np.pad(piece, ((0, 0), (0, 0), (0, missing[0]), (0, missing[1])), mode="edge"))


def _scores(
    model: ModelFile, cases: Sequence[Case], rule: MaskRule, part: str, engine: str, threads: int | None, on_event: EventSink
) -> list[GroupScore]:
    predictor = Predictor(model, engine=engine, threads=threads, on_event=on_event)
    record = predictor.record
    scores = []
    with stage("evaluate", on_event):
        for found in predict_groups(predictor, cases, rule, record.labels, stage="evaluate", on_event=on_event):
            decided = clean_labels(record.labels.decide(found.probabilities, record.thresholds), record.labels, record.clean)
            scores.append(
                score_group(decided, found.truth, record.labels, found.spacing, group=found.group, person=found.person, part=part)
            )
    return scores


def change_of(part: str, before: Sequence[GroupScore], after: Sequence[GroupScore]) -> Change:
    """Paired by person. Finding nothing in nothing has no Dice; where only one of the two files does so it counts as 1, so that
    a new false alarm (or one that went away) is seen."""
    first, second = person_values(before), person_values(after)
    pairs = []
    for person in first.keys() & second.keys():
        a, b = first[person], second[person]
        if not (math.isnan(a) and math.isnan(b)):
            pairs.append((1.0 if math.isnan(a) else a, 1.0 if math.isnan(b) else b))
    pairs.sort()  # persons' order must not decide what the bootstrap draws
    mean = [statistics.fmean(values) if values else math.nan for values in ([a for a, _ in pairs], [b for _, b in pairs])]
    return Change(part, mean[0], mean[1], describe([b - a for a, b in pairs]))


def speed_of(before: ModelFile, after: ModelFile, planes: NDArray[np.float32], threads: int | None) -> Speed:
    """Both files by each CPU engine, in turn, medians of :data:`_ROUNDS` after a warm-up."""
    planes = np.ascontiguousarray(np.repeat(planes, -(-8 // len(planes)), axis=0)[:8])
    names = ["onnxruntime", *(["openvino"] if openvino_installed() else [])]
    running = {}
    for name in names:
        for which, model in (("before", before), ("after", after)):
            try:
                engine = registry.get(name)(model, threads or physical_cores())
                engine.run(planes)
                running[which, name] = engine
            except DelineateError:  # an engine that cannot run the file has no speed
                continue
    seconds: dict[tuple[str, str], list[float]] = {key: [] for key in running}
    for _ in range(_ROUNDS):
        for key, engine in running.items():
            began = time.perf_counter()
            engine.run(planes)
            seconds[key].append(time.perf_counter() - began)
    ms = {key: round(1000 * statistics.median(values) / len(planes), 3) for key, values in seconds.items()}
    by = {which: {name: value for (kind, name), value in ms.items() if kind == which} for which in ("before", "after")}
    return Speed(by["before"], by["after"], tuple(planes.shape))


def write_int8(made: Int8, model: ModelFile, out: Path, margin: float) -> ModelRecord:
    """Write the file with its record: what it was made from, what it lost; the float file's scores are not this file's."""
    from delineate.export import network_sha256, stamp_record
    from delineate.export.record import write_model

    with tempfile.TemporaryDirectory(prefix="delineate-int8-") as folder:
        plain = Path(folder) / "model.onnx"
        plain.write_bytes(model.data)
        source = network_sha256(plain)
        staged = Path(folder) / "int8.onnx"
        staged.write_bytes(made.content)
        quantised = {**json.loads(json.dumps(made.plain(margin))), "of_network_sha256": source}
        provenance = {**model.record.provenance, "quantised": quantised}
        record = model.record.model_copy(update={"provenance": provenance, "scores": {}})
        stamp_record(staged, record)
        write_model(out, staged.read_bytes())
    return record
