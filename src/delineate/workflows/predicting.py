"""``predict``: segment files, folders, patterns and series with a model file. Loads no torch."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from delineate.errors import UsageError
from delineate.events import EventSink, discard

if TYPE_CHECKING:
    from delineate.inference import PredictionRow
    from delineate.workflows.measuring import Measures


@dataclass(frozen=True)
class Predictions:
    """``rows``: what became of every input, as in predictions.csv of ``folder``; ``measures`` of its masks, where asked for."""

    rows: Sequence[PredictionRow]
    folder: Path
    seconds: float
    measures: Measures | None = None


def predict(
    model: str | Path,
    inputs: str | Path | Sequence[str | Path],
    *,
    out: str | Path = "masks",
    format: str | None = None,  # noqa: A002 - the word a person types
    overlay: bool = False,
    probabilities: bool = False,
    clean: bool = True,
    overwrite: bool = False,
    engine: str = "auto",
    threads: int | None = None,
    segment_codes: str | Path | None = None,
    identity: bool = True,
    measure: bool = False,
    uncertainty: bool = False,
    memory: str | int | None = None,
    level: int | None = None,
    blend: Literal["linear", "gaussian"] = "linear",
    language: str = "en",
    on_event: EventSink = discard,
    stop: Callable[[], bool] = lambda: False,
) -> Predictions:
    """Segment ``inputs`` with the model file ``model`` (or ``"demo"``); masks and predictions.csv go to ``out``.

    Masks have the geometry and format of their image, or ``format``. One bad file never ends the job: its row says why.
    ``segment_codes`` (a JSON file, see docs/formats.md) and ``identity`` are for ``format="dicom-seg"``: codes of classes the table
    does not know, and whether patient and study are copied from the source images.
    ``uncertainty`` also writes maps of doubt. Where the model file has a review rule, rows say who should be looked at.
    ``memory`` (bytes, or ``"2GB"``): TIFFs beyond it are read by bands; ``level`` is the pyramid level of TIFFs, ``blend`` the
    weights where tiles overlap.
    ``measure`` also writes measures.csv and measures.json of the masks, as :func:`delineate.measure` does.
    ``stop`` is asked between images; what is done by then stays.
    """
    from delineate.formats.segment_codes import load_codes
    from delineate.inference import ModelFile, Predictor, predict_paths
    from delineate.inference.memory import parse_memory
    from delineate.workflows.stages import stage

    began = time.monotonic()
    listed = [inputs] if isinstance(inputs, (str, Path)) else list(inputs)
    codes = load_codes(Path(segment_codes)) if segment_codes is not None else None
    if level is not None and level < 0:
        raise UsageError("bad-level", value=level)
    budget = parse_memory(memory) if isinstance(memory, str) else memory
    predictor = Predictor(ModelFile.open(model), engine=engine, threads=threads, blend=blend, memory=budget, on_event=on_event)
    with stage("predict", on_event):
        rows = predict_paths(
            predictor,
            listed,
            Path(out),
            format=format,
            overlay=overlay,
            probabilities=probabilities,
            clean=clean,
            overwrite=overwrite,
            language=language,
            on_event=on_event,
            stop=stop,
            segment_codes=codes,
            identity=identity,
            memory=budget,
            level=level,
            uncertainty=uncertainty,
        )
    found = None
    if measure and any(row.outputs for row in rows):
        from delineate.workflows.measuring import measure as measure_masks

        found = measure_masks(out, out=out, on_event=on_event)
    return Predictions(rows, Path(out), time.monotonic() - began, found)
