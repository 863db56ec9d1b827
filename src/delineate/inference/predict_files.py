"""Files in, masks out: the whole job, in which one bad file never ends the rest."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from delineate.domain import Image, LabelSet, Mask
from delineate.doubt import Verdict
from delineate.errors import DataError, DelineateError, MissingExtra, ModelFileError, UsageError
from delineate.events import EventSink, InputFinished, Note, Progress, discard
from delineate.formats import IMAGE_SUFFIXES, suffix_of
from delineate.formats.segment_codes import SegmentCode
from delineate.inference.channel_files import with_channels
from delineate.inference.choose import assemble_group
from delineate.inference.clean import clean_labels
from delineate.inference.geometry_notes import tell_geometry
from delineate.inference.in_order import InOrder
from delineate.inference.inputs import Inputs, Job, collect, resolved
from delineate.inference.large import LargeImage, predict_large
from delineate.inference.memory import usual_memory
from delineate.inference.outputs import Form, Outputs, check_format, check_possible, write_doubt, write_masks, write_shares
from delineate.inference.predictor import Prediction, Predictor
from delineate.inference.reading_ahead import Ahead, Loaded, load, size_of, slices_form_volumes, units_of
from delineate.inference.rows import PredictionRow, RowWriter, done_row, earlier_outputs, failed_row
from delineate.inference.second_look import has_doubts, second_look, wants_probabilities
from delineate.preprocessing import Statistics, measure
from delineate.preprocessing.colour import check_channels
from delineate.recipe import Clean

MOST_AHEAD = 16
"""Units read ahead, and single images computed together, at most; fewer where they are large."""

Placed = tuple[Path, list[Path]]
Outcome = PredictionRow | Callable[[], PredictionRow]
"""A row, or what writes a job's files and gives its row; that may be done by another thread."""


@dataclass(frozen=True)
class _Options:
    form: Form
    overlay: bool
    probabilities: bool
    clean: bool
    overwrite: bool
    suspects: frozenset[Path] = frozenset()
    uncertainty: bool = False


def predict_paths(
    predictor: Predictor,
    inputs: Sequence[str | Path],
    out: Path,
    *,
    format: str | None = None,  # noqa: A002 - the word a person types
    overlay: bool = False,
    probabilities: bool = False,
    clean: bool = True,
    recursive: bool = True,
    overwrite: bool = False,
    language: str = "en",
    on_event: EventSink = discard,
    stop: Callable[[], bool] = lambda: False,
    segment_codes: Mapping[str, SegmentCode] | None = None,
    identity: bool = True,
    uncertainty: bool = False,
    memory: int | None = None,
    level: int | None = None,
) -> list[PredictionRow]:
    """Segment files, folders, patterns and DICOM series; write masks, ``predictions.csv`` and what else is asked to ``out``.

    Masks are called ``<stem>_mask<suffix>`` in the input's folder structure, geometry and format (PNG for JPEG and BMP, NIfTI for
    DICOM). Nothing is written over an input, nor over an existing mask without ``overwrite``.

    Channels in files of their own are put together where the model was trained on such (``channel_endings`` of its provenance).

    Where the model was trained on slices in files of their own (:func:`slices_form_volumes`), numbered 2-D images of one
    folder that share name and size (``scan_1.tif``, ``scan_2.tif`` …) are taken for one volume: measured together and cleaned in
    three dimensions, as in training and scoring.

    ``uncertainty`` writes maps of doubt beside the masks. Where the model file has a review rule, rows say whether to look.

    ``format="dicom-seg"`` writes DICOM segmentations of DICOM images, with ``segment_codes`` by class name where those of the table
    are not wanted; ``identity=False`` leaves patient and study out of them.

    TIFFs that would not fit ``memory`` (bytes; ``None``: half of what is free) are read by bands, and their masks are tiled TIFFs
    (:mod:`~delineate.inference.large`). ``level`` is the pyramid level of TIFFs to predict, 0 the finest; ``None``: the finest, of
    large ones that which suits the model.

    While images are computed, the next ones are read and the masks of the last ones are written; images of one size are
    computed together. Rows come in the order of the inputs. ``stop`` is asked between images.

    Raises
    ------
    UsageError
        ``nothing-to-predict``: no input holds an image; ``unknown-choice``: no such format; ``out-is-a-file``.
    ResourceError
        ``cannot-write``: the disk is full or read-only; what was done is in the CSV.
    ModelFileError
        The model cannot be computed. Trouble with single files is in their rows.
    """
    check_format(format)
    if suffix_of(out) in IMAGE_SUFFIXES and not out.is_dir():
        raise UsageError("out-is-a-file", path=out)
    found = collect(inputs, out, recursive=recursive)
    found.jobs = with_channels(found.jobs, predictor.record)
    rows: list[PredictionRow] = []
    if not found.jobs:
        _raise_nothing(found, inputs)
    # Masks of the data set that lie where ours would go are inputs too; those a former job of ours wrote are not.
    others = {resolved(left.path) for left in found.left_out} - earlier_outputs(out)
    options = _Options(
        _form(predictor, format, segment_codes, identity), overlay, probabilities, clean, overwrite, found.extended(), uncertainty
    )
    originals = {resolved(path) for job in found.jobs for path in (job.path, *job.channels)}
    outputs = Outputs(out, frozenset(originals | others))
    budget = memory or usual_memory()
    units = list(units_of(found.jobs, predictor.record))
    predictor.expect(len(found.jobs))
    with RowWriter(out, predictor.record.labels, language, has_doubts(predictor.record)) as table:

        def note(row: PredictionRow) -> None:
            rows.append(row)
            table.add(row)
            outputs = tuple(str(path) for path in row.outputs)
            on_event(InputFinished(str(row.input), row.status, row.key, row.params, outputs))

        for left in found.left_out:
            note(
                failed_row(left.path, left.error)
                if left.error
                else PredictionRow(left.path, "skipped", code=left.code, params={"path": left.path})
            )
        count = 0
        on_event(Progress("predict", 0, len(found.jobs)))
        ahead = Ahead(units, lambda unit: load(unit, predictor.record, budget, level), size_of, MOST_AHEAD, budget // 4)
        with InOrder(note) as results, ahead:
            for loaded in _computed_together(predictor, ahead, options):
                if stop():
                    on_event(Note("predict-stopped", {"done": count, "total": len(found.jobs)}, "warning"))
                    break
                for _, image in loaded:
                    if isinstance(image, Image):
                        tell_geometry(image, on_event)
                for outcome in _unit(predictor, loaded, outputs, options, on_event):
                    results.put(outcome)
                count += len(loaded)
                on_event(Progress("predict", count, len(found.jobs)))
    return rows


def _computed_together(predictor: Predictor, ahead: Ahead[list[Job], Loaded], options: _Options) -> Iterator[Loaded]:
    """The units in order; single images of one size that are ready are put through the network at once."""
    together = not slices_form_volumes(predictor.record) and not options.uncertainty
    while units := ahead.take(MOST_AHEAD if together else 1):
        images = [image for ((_, image),) in units if isinstance(image, Image)] if together else []
        predictor.together(images)
        yield from units


def _form(predictor: Predictor, asked: str | None, codes: Mapping[str, SegmentCode] | None, identity: bool) -> Form:
    record = predictor.record
    thresholds = {f"threshold {name}": f"{value:g}" for name, value in zip(record.labels.names, record.thresholds, strict=False)}
    return Form(asked, record.name, predictor.model.sha256[:16], thresholds, codes or {}, identity)


def _unit(predictor: Predictor, loaded: Loaded, outputs: Outputs, options: _Options, on_event: EventSink) -> Iterable[Outcome]:
    images = [image for _, image in loaded if isinstance(image, Image)]
    together = len(images) > 1
    statistics = None
    if together:
        with contextlib.suppress(DataError):  # images that do not fit the model say so one by one below
            statistics = measure(images, predictor.record.preprocessing)
    plain = all(option == Clean() for option in predictor.record.clean) or not options.clean
    beside = predictor.record.preprocessing.neighbours > 0
    if together and (not plain or beside or has_doubts(predictor.record)):
        yield from _volume(predictor, loaded, statistics, outputs, options)
        return
    for job, image in loaded:
        if isinstance(image, LargeImage):
            yield _large(predictor, job, image, outputs, options, on_event)
        else:
            yield _one(predictor, job, image, statistics, outputs, options)


def _large(
    predictor: Predictor, job: Job, image: LargeImage, outputs: Outputs, options: _Options, on_event: EventSink
) -> PredictionRow:
    """Computed and written in one go: its mask is never held."""
    base = outputs.base(job)
    if options.form.format not in (None, "tiff"):
        return failed_row(job.path, DataError("large-only-tiff", path=job.path, format=options.form.format))
    targets = outputs.tiffs(base, job, predictor.record.labels)
    if not options.overwrite and all(path.exists() for path in targets):
        return _exists(job, targets)
    if options.overlay or options.probabilities or options.uncertainty:
        on_event(Note("large-mask-only", {"path": job.path}, "warning"))
    try:
        return predict_large(predictor, image, targets, clean=options.clean, on_event=on_event)
    except DelineateError as error:
        return _failed(job, error)


def _one(
    predictor: Predictor,
    job: Job,
    image: Image | LargeImage | DelineateError,
    statistics: Statistics | None,
    outputs: Outputs,
    options: _Options,
) -> Outcome:
    place = _place(predictor, job, image, outputs, options)
    if isinstance(place, PredictionRow):
        return place
    assert isinstance(image, Image)
    try:
        found = _predict(predictor, image, statistics, options, clean=options.clean)
        return _writing(predictor, job, image, found, place, options, _look(predictor, [image], statistics, [found]))
    except DelineateError as error:
        return _failed(job, error)


def _volume(
    predictor: Predictor, loaded: Loaded, statistics: Statistics | None, outputs: Outputs, options: _Options
) -> Iterable[Outcome]:
    """Slices of one volume: predicted several at a time, cleaned as a whole, written one by one.

    Slices whose mask exists are computed again all the same, for the clean-up needs them; only those missing are written.
    """
    slices: list[tuple[Job, Image, Placed]] = []
    skipped = []
    for job, image in loaded:
        place = _place(predictor, job, image, outputs, replace(options, overwrite=True))
        if isinstance(place, PredictionRow) or not isinstance(image, Image):
            skipped.append(place)
            continue
        try:
            check_channels(image, predictor.record.preprocessing)
        except DataError as error:
            skipped.append(_failed(job, error))
        else:
            slices.append((job, image, place))
    yield from (row for row in skipped if isinstance(row, PredictionRow))
    if not slices:
        return
    shares = options.probabilities or wants_probabilities(predictor.record, slices[0][1])
    try:
        found_of = predictor.predict_slices(
            [image for _, image, _ in slices], statistics=statistics, probabilities=shares, uncertainty=options.uncertainty
        )
        kept = [(job, image, _smaller(found, options), place) for (job, image, place), found in zip(slices, found_of, strict=True)]
    except DelineateError as error:
        yield from (_failed(job, error) for job, _, _ in slices)
        return
    labels = predictor.record.labels
    axis = 1 if labels.kind == "regions" else 0
    volume = assemble_group([(number, found.mask.labels) for number, (*_, found, _place) in enumerate(kept)], leading=axis)
    volume = clean_labels(volume, labels, predictor.record.clean) if options.clean else volume
    kept = [
        (job, image, replace(found, mask=Mask(np.take(volume, number, axis=axis), image.geometry)), place)
        for number, (job, image, found, place) in enumerate(kept)
    ]
    verdict = _look(predictor, [image for _, image, *_ in kept], statistics, [found for *_, found, _ in kept])
    for job, image, found, place in kept:
        if not options.overwrite and all(path.exists() for path in place[1]):
            yield _exists(job, place[1])
            continue
        yield _writing(predictor, job, image, found, place, options, verdict)


def _predict(predictor: Predictor, image: Image, statistics: Statistics | None, options: _Options, *, clean: bool) -> Prediction:
    shares = options.probabilities or wants_probabilities(predictor.record, image)
    return predictor.predict(image, statistics=statistics, probabilities=shares, clean=clean, uncertainty=options.uncertainty)


def _smaller(found: Prediction, options: _Options) -> Prediction:
    """With probabilities in half the memory where they are only looked at: all slices of a volume are held at once."""
    if options.probabilities or found.probabilities is None:
        return found
    return replace(found, probabilities=found.probabilities.astype(np.float16))


def _look(predictor: Predictor, images: list[Image], statistics: Statistics | None, found: list[Prediction]) -> Verdict | None:
    shares = [one.probabilities for one in found if one.probabilities is not None]
    record = predictor.record
    known = shares if len(shares) == len(found) else None
    masks = [one.mask.labels for one in found]
    return second_look(record, images, statistics, known, masks, volumes=slices_form_volumes(record))


def _place(
    predictor: Predictor, job: Job, image: Image | LargeImage | DelineateError, outputs: Outputs, options: _Options
) -> PredictionRow | Placed:
    """Where the results of a job go, or the row that ends it before anything is computed."""
    base = outputs.base(job)
    if isinstance(image, DelineateError):
        return failed_row(job.path, image)
    assert isinstance(image, Image)  # large ones never stand in a volume
    if job.path in options.suspects and _has_two_values(image):
        return PredictionRow(job.path, "skipped", code="looks-like-mask", params={"path": job.path})
    try:
        check_possible(image, options.form.format)
    except DataError as error:
        return _failed(job, error)
    targets = outputs.masks(base, image, job, predictor.record.labels, options.form)
    if not options.overwrite and all(path.exists() for path in targets):
        return _exists(job, targets)
    return base, targets


def _has_two_values(image: Image) -> bool:
    low, high = image.pixels.min(), image.pixels.max()
    return bool(low < high and np.all((image.pixels == low) | (image.pixels == high)))


def _exists(job: Job, targets: list[Path]) -> PredictionRow:
    return PredictionRow(job.path, "skipped", tuple(targets), "exists", {"path": job.path, "output": targets[0]})


def _writing(
    predictor: Predictor,
    job: Job,
    image: Image,
    found: Prediction,
    place: Placed,
    options: _Options,
    verdict: Verdict | None = None,
) -> Callable[[], PredictionRow]:
    """What writes the results of a job, to be called by the thread that writes."""
    engine = predictor.engine  # a later trial may choose another one

    def write() -> PredictionRow:
        try:
            return _write(predictor.record.labels, engine, job, image, found, place, options, verdict)
        except DelineateError as error:
            return _failed(job, error)

    return write


def _write(
    labels: LabelSet,
    engine: str,
    job: Job,
    image: Image,
    found: Prediction,
    place: Placed,
    options: _Options,
    verdict: Verdict | None,
) -> PredictionRow:
    base, targets = place
    written = write_masks(targets, found.mask, image, labels, options.form)
    if options.overlay:
        from delineate.inference.overlay import write_overlay

        written.append(write_overlay(base.with_name(f"{base.name}_overlay.png"), image, found.mask, labels))
    if found.probabilities is not None and options.probabilities:
        written.append(write_shares(base, found.probabilities, image, labels, options.form))
    if found.uncertainty is not None:
        written.append(write_doubt(base, found.uncertainty, image))
    row = done_row(job.path, written, image, found.mask, labels, found.seconds, engine)
    return replace(row, verdict=verdict)


def _failed(job: Job, error: DelineateError) -> PredictionRow:
    """The row of a file's trouble. What would fail every further file too (a useless model, an engine that is not installed, a
    full disk) ends the job instead."""
    if isinstance(error, (ModelFileError, MissingExtra)) or error.code == "cannot-write":
        raise error
    return failed_row(job.path, error)


def _raise_nothing(found: Inputs, inputs: Sequence[str | Path]) -> None:
    if len(found.left_out) == 1 and found.left_out[0].error is not None:
        raise found.left_out[0].error
    raise UsageError("nothing-to-predict", inputs=", ".join(str(entry) for entry in inputs), files=len(found.left_out))
