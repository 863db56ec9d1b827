"""The cases of a finished run: its data folder read again, less what it left out, divided as it divided them."""

from __future__ import annotations

from collections.abc import Sequence

from delineate.dataset import fold_cases
from delineate.domain import Case
from delineate.errors import UsageError
from delineate.events import EventSink
from delineate.recipe import Splits, load, read_json
from delineate.workflows.examine import scan_folder
from delineate.workflows.folder import RunFolder


def own_cases(
    folder: RunFolder, splits: Splits, on_event: EventSink, *, fold: int = 0, cases: Sequence[Case] | None = None
) -> dict[str, tuple[Case, ...]]:
    """``train``, ``validation`` and ``test`` of one fold; each is there, if only empty.

    ``cases``: those of the data folder, where it has been read already.
    """
    if cases is None:
        options = folder.options()
        cases = scan_folder(options.data, options.reading, on_event).cases
    unusable = set(read_json(folder.need("unusable.json")))
    found = fold_cases([case for case in cases if case.masks and case.id not in unusable], splits, fold)
    return {part: tuple(found.get(part, ())) for part in ("train", "validation", "test")}


def only_split(folder: RunFolder, refusal: str) -> Splits:
    """The split of a run with one network; a cross-validation is refused with the error ``refusal``."""
    splits = load(Splits, folder.need("splits.json"))
    if len(splits.folds) > 1:
        raise UsageError(refusal, path=folder.path)
    return splits
