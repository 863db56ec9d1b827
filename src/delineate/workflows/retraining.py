"""Learn from corrected masks: a new data set beside the old one, and a run on it that keeps the old run's held-out patients.

The old data and the old run are only read. Patients never cross: whoever validated or was scored in the old run does so in the
new one, with the masks of then. Corrections of held-out patients are left out and said, because a mask that was drawn from a
model's own answer must not decide between models. New patients are learned from.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from delineate.dataset import load_image, split_key
from delineate.domain import Case, Source
from delineate.errors import DataError, DelineateError, RunError, UsageError
from delineate.events import EventSink, discard
from delineate.formats import suffix_of
from delineate.layouts.patients import Name, strong
from delineate.recipe import Recipe, Splits, load, read_json, save_json
from delineate.workflows.corrected_data import Entry, write_corrected_data
from delineate.workflows.corrected_masks import Correction, LeftOut, class_order, digest_of, find_corrections, match_case
from delineate.workflows.examine import scan_folder
from delineate.workflows.folder import RunFolder
from delineate.workflows.options import DataOptions, SplitOptions
from delineate.workflows.own_cases import only_split
from delineate.workflows.stages import stage

HELD_OUT = ("validation", "test")


@dataclass(frozen=True)
class Prepared:
    """``data`` is the new data set, ``run`` a run folder that is begun: ``delineate run --out RUN --resume`` does the work.

    ``replaced`` and ``added`` are ids of cases with a corrected mask: in the place of another, or where there was none.
    ``persons`` counts them by part.
    """

    data: Path
    run: Path
    replaced: tuple[str, ...]
    added: tuple[str, ...]
    left_out: tuple[LeftOut, ...]
    persons: Mapping[str, int]


def prepare_retraining(
    run: str | Path,
    corrections: Sequence[str | Path],
    data_out: str | Path,
    run_out: str | Path,
    *,
    patients: Mapping[str, str] | None = None,
    budget: float | None = None,
    on_event: EventSink = discard,
) -> Prepared:
    """Put reviewed masks into a copy of a run's data set and begin a run on it with the same options.

    Parameters
    ----------
    run
        A finished run with one network; its split is kept.
    corrections
        Folders with reviewed masks (``save_reviewed``), or the records themselves.
    data_out, run_out
        New folders; what is there already is refused.
    patients
        File name of a new image → whose it is. Without it the name must say it by itself, else each new image is taken for a new
        patient's, unless its name holds that of a held-out one.
    budget
        Seconds for the new run; default: what the old run had.

    Raises
    ------
    RunError, UsageError
        The old run is unfinished, has several folds (``retrain-folds``) or no patients (``retrain-block``); ``run-not-empty``.
    DataError
        ``retrain-nothing``: no correction can be used, with the reasons.
    """
    old, new = RunFolder(Path(run)), RunFolder(Path(run_out))
    for path in (Path(data_out), new.path):
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise RunError("run-not-empty", path=path)
    splits = only_split(old, "retrain-folds")
    if splits.unit == "block":
        raise UsageError("retrain-block", path=old.path)
    old.need("model.onnx")
    recipe, options = load(Recipe, old.need("recipe.json")), old.options()
    scan = scan_folder(options.data, options.reading, on_event)
    with stage("corrections", on_event):
        found, left = find_corrections([Path(place) for place in corrections])
        chooser = _Chooser(scan.cases, splits, recipe, dict(patients or {}))
        chosen = [entry for one in found if (entry := chooser.choose(one)) is not None]
    left += chooser.left
    if not chosen:
        reasons = "; ".join(dict.fromkeys(one.sentence("en") for one in left)) or "–"
        raise DataError("retrain-nothing", count=len(left), reasons=reasons)
    corrected = {entry.case.id for entry in chosen}
    unusable = set(read_json(old.need("unusable.json")))
    owner = {person: part for part, persons in splits.folds[0].items() for person in persons}
    kept = [
        Entry(case)
        for case in scan.cases
        if case.id not in corrected and case.id not in unusable and case.masks and split_key(case, splits.unit) in owner
    ]
    made = write_corrected_data(Path(data_out), [*kept, *chosen], recipe, options.data, on_event)
    left += made.failed
    written = [entry for entry in made.entries if entry.correction is not None]
    if not written:
        raise DataError("retrain-nothing", count=len(left), reasons="; ".join(one.sentence("en") for one in left))
    parts: dict[str, list[str]] = {part: [] for part in ("train", *HELD_OUT)}
    for person in dict.fromkeys(split_key(entry.case, splits.unit) for entry in made.entries):
        parts[owner.get(person, "train")].append(person)
    save_json(made.folder / "split.json", parts)
    reading = DataOptions(table=made.table.resolve(), mask_meaning=made.meaning.resolve())
    _check_read_back(made.folder, reading, made.entries, on_event)
    changed = {
        "data": made.folder.resolve(),
        "reading": reading,
        "splitting": SplitOptions(split_file=(made.folder / "split.json").resolve()),
        "cache": None,
        **({"budget": budget, "epochs": None} if budget is not None else {}),
    }
    new.begin(options.model_copy(update=changed), overwrite=False)
    replaced = tuple(entry.case.id for entry in written if entry.replaces)
    added = tuple(entry.case.id for entry in written if not entry.replaces)
    record = {
        "learned_before": str(old.path.resolve()),
        "replaced": replaced,
        "added": added,
        "left_out": [{"name": one.name, "code": one.code, "params": _plain(one.params)} for one in left],
    }
    save_json(new / "retraining.json", record)
    counts = {part: len(persons) for part, persons in parts.items()}
    return Prepared(made.folder, new.path, replaced, added, tuple(left), counts)


class _Chooser:
    """Which corrections may be learned from, and as which case."""

    def __init__(self, cases: Sequence[Case], splits: Splits, recipe: Recipe, patients: dict[str, str]) -> None:
        self.cases, self.splits, self.recipe, self.patients = cases, splits, recipe, patients
        self.owner = {person: part for part, persons in splits.folds[0].items() for person in persons}
        self.left: list[LeftOut] = []
        self._digests: dict[str, Case] | None = None
        self._ids = {case.id for case in cases}

    def choose(self, correction: Correction) -> Entry | None:
        try:
            class_order(correction.record.labels, self.recipe.labels)
        except ValueError:
            names = ", ".join(correction.record.labels.names), ", ".join(self.recipe.labels.names)
            return self._leave(correction, "classes", mask=names[0], data=names[1])
        found = match_case(correction, self.cases)
        if isinstance(found, LeftOut):
            self.left.append(found)
            return None
        if found is None:
            return self._new(correction)
        person = split_key(found, self.splits.unit)
        if (part := self.owner.get(person)) in HELD_OUT:
            return self._leave(correction, "held-out", person=person, part=str(part))
        return Entry(found, correction, bool(found.masks))

    def _new(self, correction: Correction) -> Entry | None:
        """An image that the data set does not have under this name."""
        twin = self._by_digest().get(correction.record.image_sha256)
        if twin is not None:
            if self.owner.get(split_key(twin, self.splits.unit)) in HELD_OUT:
                return self._leave(correction, "same-image", image=correction.name)
            return Entry(twin, correction, bool(twin.masks))
        path = correction.image_beside
        if path is None:
            return self._leave(correction, "image-missing", image=correction.name)
        stem = path.name[: -len(suffix_of(path))] if path.is_file() and suffix_of(path) else path.name
        said = self.patients.get(path.name)
        known = strong(Name((), stem, False))
        person = said or (known.key if known is not None else None)
        held = next((one for one in self.owner if self.owner[one] in HELD_OUT and _may_be(one, said, person, path)), None)
        if held is not None:
            return self._leave(correction, "maybe-held-out", image=path.name, person=held)
        case = Case(self._free_id(f"reviewed/{stem}"), (Source(path),))
        if self.splits.unit == "patient" or person is not None:
            case = replace(case, patient=person or f"reviewed-{stem}")
        try:
            digest = digest_of(load_image(case))
        except DelineateError as error:
            return self._leave(correction, "unreadable", reason=str(error))
        if digest != correction.record.image_sha256:
            return self._leave(correction, "image-changed", image=path.name)
        return Entry(case, correction, False)

    def _by_digest(self) -> dict[str, Case]:
        """Every case by its pixels, read when it is first needed: nobody comes back under another name, held out or not. Of equal
        images one that is held out counts."""
        if self._digests is None:
            self._digests = {}
            for case in sorted(self.cases, key=lambda case: self.owner.get(split_key(case, self.splits.unit)) in HELD_OUT):
                try:
                    self._digests[digest_of(load_image(case))] = case
                except DelineateError:
                    continue
        return self._digests

    def _free_id(self, wanted: str) -> str:
        name, number = wanted, 2
        while name in self._ids:
            name, number = f"{wanted}-{number}", number + 1
        self._ids.add(name)
        return name

    def _leave(self, correction: Correction, code: str, **params: Any) -> Entry | None:
        self.left.append(LeftOut(correction.path.name, code, params))
        return None


def _may_be(held: str, said: str | None, found: str | None, path: Path) -> bool:
    """Whether an image may be of the held-out person: that was said; or, where nothing was said, its name gives the same person or
    holds that person's name as a word of its own."""
    if said is not None:
        return said == held
    tail = held.rsplit("/", 1)[-1]
    pattern = rf"(?<![A-Za-z0-9]){re.escape(tail)}(?![A-Za-z0-9])"
    word = re.search(pattern, f"{path.parent.name}/{path.name}", re.IGNORECASE)
    return found == held or (len(tail) >= 2 and word is not None)


def _check_read_back(folder: Path, reading: DataOptions, entries: Sequence[Entry], on_event: EventSink) -> None:
    """The table gives the very cases, persons and volumes that were written: the split names them, and the comparison counts by
    them. Raises RunError ``retrain-mismatch``."""
    there = {case.id: (case.person, case.group) for case in scan_folder(folder, reading, on_event).cases}
    wanted = {entry.case.id: (entry.case.person, entry.case.group) for entry in entries}
    if there != wanted:
        odd = sorted({name for name in there.keys() | wanted.keys() if there.get(name) != wanted.get(name)})
        raise RunError("retrain-mismatch", path=folder, count=len(odd), names=", ".join(odd[:8]))


def _plain(params: Mapping[str, Any]) -> dict[str, Any]:
    return {key: str(value) if isinstance(value, Path) else value for key, value in params.items()}
