"""How the files of one image's channels are called: what prediction needs to find them again."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import takewhile

from delineate.domain import Case
from delineate.formats import suffix_of


def channel_endings(cases: Iterable[Case]) -> tuple[str, ...]:
    """``("_0000", "_0001")`` or ``("_flair", "_t1")``, in the order of the channels; empty where each image is one file, where the
    cases do not agree, or where channels lie in folders of their own."""
    found: set[tuple[str, ...]] = set()
    for case in cases:
        if len(case.images) < 2 or len({source.path.parent for source in case.images}) > 1:
            return ()
        names = [source.path.name for source in case.images]
        stems = [name[: len(name) - len(suffix_of(source.path))] for name, source in zip(names, case.images, strict=True)]
        alike = sum(1 for _ in takewhile(lambda letters: len(set(letters)) == 1, zip(*stems, strict=False)))
        shared = re.match(r".*(?=[ _.-])", stems[0][:alike])  # up to the last break: ``case_1_000`` says nothing
        if shared is None or len(set(stems)) < len(stems):
            return ()
        found.add(tuple(stem[shared.end() :] for stem in stems))
    return found.pop() if len(found) == 1 else ()
