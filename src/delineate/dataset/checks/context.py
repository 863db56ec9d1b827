"""What a check is given, and the registry of checks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from delineate.dataset.facts import CaseFacts
from delineate.domain import Case, Finding, LabelSet, Scan
from delineate.recipe import MaskRule, Splits
from delineate.registry import Registry


@dataclass(frozen=True)
class CheckContext:
    """The data set as far as it is known. ``splits`` is ``None`` before they are made. Checks that need pixels read them from
    ``cases``; all others go by ``facts``.
    """

    scan: Scan
    facts: Sequence[CaseFacts]
    rule: MaskRule
    labels: LabelSet
    splits: Splits | None = None

    @cached_property
    def cases(self) -> Mapping[str, Case]:
        return {case.id: case for case in self.scan.cases}

    @cached_property
    def readable(self) -> list[CaseFacts]:
        """Cases whose image could be read, whatever became of the mask."""
        return [fact for fact in self.facts if fact.error_part != "image" and fact.shape]

    @cached_property
    def usable(self) -> list[CaseFacts]:
        """Cases that can be learned from: image and mask read, and fitting each other."""
        return [fact for fact in self.facts if fact.usable]

    @cached_property
    def groups(self) -> Mapping[str, list[CaseFacts]]:
        """Usable cases by volume (or image on its own), in the scan's order."""
        result: dict[str, list[CaseFacts]] = {}
        for fact in self.usable:
            result.setdefault(fact.group, []).append(fact)
        return result

    def owner(self, fact: CaseFacts) -> str:
        """Under which key of ``splits`` a case is found: its person, or in a stack that was cut into blocks the case itself."""
        return fact.case if self.scan.unit == "block" else fact.person

    def path(self, case_id: str) -> Path | None:
        case = self.cases.get(case_id)
        return None if case is None else case.path

    def mask_path(self, case_id: str) -> Path | None:
        case = self.cases.get(case_id)
        return case.masks[0].path if case is not None and case.masks else self.path(case_id)


Check = Callable[[CheckContext], Iterable[Finding]]

checks: Registry[Check] = Registry("check")
"""Name → check. Plug-ins add theirs with an entry point in the group ``delineate.checks``."""
