"""What a server answers, as values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FINAL = ("done", "failed", "cancelled")


@dataclass(frozen=True)
class Segmentation:
    """The JSON answer (docs/server.md); ``plain`` is all of it."""

    plain: Mapping[str, Any]

    @property
    def model(self) -> str:
        return str(self.plain["model"]["id"])

    @property
    def shape(self) -> tuple[int, ...]:
        """(rows, columns) or (slices, rows, columns)."""
        return tuple(self.plain["input"]["shape"])

    @property
    def classes(self) -> Mapping[str, int]:
        """Pixels or voxels of each class."""
        return {one["name"]: int(one["voxels"]) for one in self.plain["classes"]}

    @property
    def measures(self) -> Sequence[Mapping[str, Any]]:
        """Rows as in measures.csv (docs/measures.md); units are in the names."""
        found: Sequence[Mapping[str, Any]] = (self.plain.get("measures") or {}).get("rows", [])
        return found

    @property
    def quality(self) -> Mapping[str, Any]:
        """``needs_review`` (``None``: the model knows no doubt), ``predicted_dice``, ``reasons``."""
        found: Mapping[str, Any] = self.plain["quality"]
        return found

    @property
    def warnings(self) -> Sequence[str]:
        return [str(one["text"]) for one in self.plain["warnings"]]

    def mask(self, name: str | None = None) -> NDArray[np.bool_]:
        """The class ``name`` (default: the first) as a boolean array of :attr:`shape`.

        Raises
        ------
        KeyError
            There is no such class, or the answer was asked for without run lengths.
        """
        import numpy as np

        sent = self.plain.get("mask") or {}
        if sent.get("encoding") != "rle":
            raise KeyError("the answer holds no run lengths: ask for mask='rle'")
        lengths = np.asarray(sent["classes"][name or self.plain["classes"][0]["name"]], dtype=np.int64)
        inside = np.zeros(len(lengths), dtype=bool)
        inside[1::2] = True
        return np.repeat(inside, lengths).reshape(self.shape)


@dataclass(frozen=True)
class Job:
    """``state``: queued, running, done, failed, cancelled. ``done`` of ``total`` planes; ``problem`` of a failed one."""

    id: str
    state: str
    model: str
    done: int
    total: int
    problem: Mapping[str, Any] | None

    @property
    def ended(self) -> bool:
        return self.state in FINAL

    @staticmethod
    def of(plain: Mapping[str, Any]) -> Job:
        progress = plain["progress"]
        return Job(plain["id"], plain["state"], plain["model"], progress["done"], progress["total"], plain["problem"])
