"""The cases two models differ on, predicted once more with the model files that were scored, for the viewer of the leaderboard."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from delineate.comparison import Candidate, Comparison, FinishedRun
from delineate.domain import Case, LabelSet
from delineate.errors import DelineateError, RunError
from delineate.evaluation import GroupScore, busiest_plane
from delineate.evaluation.cases import printable
from delineate.evaluation.side_by_side import (
    ShownCase,
    SideBySide,
    image_png,
    mask_png,
    most_different,
    plane_of_most_disagreement,
)
from delineate.events import EventSink, Progress, discard
from delineate.inference import ModelFile, Predictor, clean_labels
from delineate.recipe import Recipe, Splits, load, save_json
from delineate.workflows.examine import scan_folder
from delineate.workflows.fold import SCORING_ENGINE
from delineate.workflows.folder import RunFolder
from delineate.workflows.options import DataOptions
from delineate.workflows.own_cases import own_cases
from delineate.workflows.results import for_the_eye
from delineate.workflows.scoring import GroupPrediction, predict_groups

#: So many cases are shown. The page holds an image of each, and a mask per model.
CASES = 12
#: Images of large volumes are kept up to this size; what would go beyond is not shown.
KEEP_BYTES = 1 << 30

Labels = NDArray[np.integer]
#: (folder, how it was read) → its cases: a data set is looked through once for all runs of it.
Scans = dict[tuple[str, str], list[Case]]


@dataclass
class _Shown:
    """One case while its masks come in: a volume's are kept packed, so that thirty models of it fit in memory. Of ``first`` nothing
    but images and truth is used."""

    first: GroupPrediction
    masks: dict[str, bytes] = field(default_factory=dict)

    def add(self, model: str, decided: Labels) -> None:
        self.masks[model] = zlib.compress(decided.astype(np.uint8).tobytes(), 1)

    def mask(self, model: str) -> Labels:
        return np.frombuffer(zlib.decompress(self.masks[model]), np.uint8).reshape(self.first.truth.shape)


def draw_side_by_side(comparison: Comparison, folder: Path, *, most: int = CASES, on_event: EventSink) -> SideBySide:
    """Write ``viewer/`` of ``folder``: the image, the truth and every model's mask of the cases that the models differ most on.

    Each case is predicted by the model file that scored it (of the first seed; in a cross-validation, that of its fold). A model
    whose file or whose data cannot be found is left out, and ``failed`` says why: a comparison never depends on this.
    """
    models = dict(zip(comparison.order, comparison.candidates, strict=True))
    scores = {name: _first_seed(candidate) for name, candidate in models.items()}
    values = {name: {group: s.value(comparison.primary) for group, s in found.items()} for name, found in scores.items()}
    chosen = most_different(values, most)
    persons = {group: next(iter(scores.values()))[group].person for group in chosen}
    shown: dict[str, _Shown] = {}
    failed: dict[str, str] = {}
    scans: Scans = {}
    room = KEEP_BYTES
    for number, (name, candidate) in enumerate(models.items()):
        try:
            for found, decided in _predictions(candidate, persons, scans):
                group = printable(found.group)
                if group not in shown:
                    room -= sum(image.pixels.nbytes for image in found.images)
                    if group not in persons or room < 0:
                        persons.pop(group, None)
                        continue
                    shown[group] = _Shown(replace(found, probabilities=np.empty(0, np.float32)))
                if found.truth.shape == shown[group].first.truth.shape:
                    shown[group].add(name, decided)
        except DelineateError as error:
            failed[name] = error.code  # its sentence would tell where the folder lies, and pages are passed on
        except OSError as error:
            failed[name] = error.strerror or type(error).__name__
        on_event(Progress("side-by-side", number + 1, len(models)))
    labels = next(iter(models.values())).runs[0].labels
    cases = [
        _draw(shown[group], group, persons[group], labels, {name: values[name].get(group) for name in models}, folder, at)
        for at, group in enumerate(chosen)
        if group in shown
    ]
    index = SideBySide(
        metric=comparison.primary,
        classes=labels.names,
        overlapping=labels.kind == "regions",
        cases=tuple(cases),
        failed=failed,
    )
    save_json(folder / "viewer" / "index.json", index)
    return index


def _first_seed(candidate: Candidate) -> dict[str, GroupScore]:
    return {printable(score.group): score for score in candidate.replicates[min(candidate.replicates)]}


def _predictions(candidate: Candidate, persons: Mapping[str, str], scans: Scans) -> Iterator[tuple[GroupPrediction, Labels]]:
    seed = min(candidate.replicates)
    for run in candidate.runs:
        if run.seed != seed:
            continue
        mine = {group for group, person in persons.items() if person in run.persons}
        for model, cases in _by_model(run, mine, scans):
            recipe = load(Recipe, run.folder / "recipe.json")
            predictor = Predictor(ModelFile.open(model), engine=SCORING_ENGINE, threads=recipe.training.threads)
            record = predictor.record
            for found in predict_groups(predictor, cases, recipe.masks, record.labels, stage="side-by-side", on_event=discard):
                decided = clean_labels(record.labels.decide(found.probabilities, record.thresholds), record.labels, record.clean)
                yield found, decided


def _by_model(run: FinishedRun, groups: set[str], scans: Scans) -> Iterator[tuple[Path, list[Case]]]:
    """Model file → the wanted cases that it was tested on."""
    folder = RunFolder(run.folder)
    if not folder.is_run() or not (run.folder / "splits.json").is_file():
        raise RunError("run-missing", path=run.folder)
    options = folder.options()
    cases = _cases(options.data, options.reading, scans)
    splits = load(Splits, folder.need("splits.json"))
    for number in range(len(splits.folds)):
        tested = own_cases(folder, splits, discard, fold=number, cases=cases)["test"]
        wanted = [case for case in tested if {printable(case.group), printable(case.id)} & groups]
        if wanted:
            model = folder.model if len(splits.folds) == 1 else run.folder / f"fold_{number}" / "model.onnx"
            yield (model if model.is_file() else folder.need("model.onnx")), wanted


def _cases(data: Path, reading: DataOptions, scans: Scans) -> list[Case]:
    key = (str(data), reading.model_dump_json())
    if key not in scans:
        scans[key] = list(scan_folder(data, reading, discard).cases)
    return scans[key]


def _draw(
    case: _Shown, group: str, person: str, labels: LabelSet, values: Mapping[str, float | None], folder: Path, at: int
) -> ShownCase:
    pixels, truth, _, spacing = for_the_eye(case.first, case.first.truth)
    turned = {name: for_the_eye(case.first, case.mask(name))[2] for name in case.masks}
    plane: int | None = None
    planes = 1
    if pixels.ndim == 4:
        planes = pixels.shape[0]
        plane = plane_of_most_disagreement(list(turned.values()))
        if plane is None:
            plane = busiest_plane(truth, next(iter(turned.values())), labels)
        pixels, truth = pixels[plane], truth[..., plane, :, :]
        turned = {name: mask[..., plane, :, :] for name, mask in turned.items()}
    viewer = folder / "viewer"
    viewer.mkdir(parents=True, exist_ok=True)

    def save(name: str, content: bytes) -> str:
        (viewer / name).write_bytes(content)
        return name

    return ShownCase(
        group=group,
        person=person,
        plane=plane,
        planes=planes,
        image=save(f"{at:02}_image.png", image_png(pixels, spacing)),
        truth=save(f"{at:02}_truth.png", mask_png(truth, labels, spacing)),
        masks={
            name: save(f"{at:02}_model_{number:02}.png", mask_png(mask, labels, spacing))
            for number, (name, mask) in enumerate(turned.items())
        },
        values={name: None if value is None or np.isnan(value) else value for name, value in values.items()},
    )
