"""Cases: which files belong together, and to whom. No pixels here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Severity = Literal["info", "warning", "error"]
Unit = Literal["patient", "image", "block"]


@dataclass(frozen=True)
class Source:
    """Where pixels lie: a file, or one item of a file that holds many.

    ``index`` is the page of a multi-page TIFF, or the position on the first axis of an array file; ``None`` is the whole
    file. For a DICOM series ``path`` is its folder and ``item`` the SeriesInstanceUID. For NPZ ``item`` is the array's name.
    ``label`` is the class (1…K) that a mask file stands for by its name or folder, e.g. ``rightMask``; ``None`` where the
    pixel values say it.
    """

    path: Path
    index: int | None = None
    item: str | None = None
    label: int | None = None


@dataclass(frozen=True)
class Case:
    """The smallest thing that is segmented: one image file (2-D or 3-D), or one slice of a stack.

    Attributes
    ----------
    id
        Unique in the data set, stable between scans, relative to the root, with ``/`` between parts.
    images
        One source, or one per channel group (nnU-Net ``_0000``, ``_0001`` …): concatenated along channels.
    masks
        Sources merged into one mask by the mask rule; empty for an unlabelled image.
    patient
        Who it is of; ``None`` where nothing tells.
    volume
        Slices that share this belong to one volume; ``None`` for an image on its own (3-D files are volumes by themselves).
    position
        Place of a slice in its volume.
    split
        A split or fold the data's publisher gave: ``train``, ``validation``, ``test``, ``fold1`` …
    raters
        Masks of further observers, by name (CHASE-DB1's second observer); never trained on.
    """

    id: str
    images: tuple[Source, ...]
    masks: tuple[Source, ...] = ()
    patient: str | None = None
    volume: str | None = None
    position: int | None = None
    split: str | None = None
    raters: Mapping[str, tuple[Source, ...]] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        return self.images[0].path

    @property
    def group(self) -> str:
        """What is scored as one: the volume, or the image itself."""
        return self.volume or self.id

    @property
    def person(self) -> str:
        """What must not cross a split: the patient, or what stands in for one."""
        return self.patient or self.group


@dataclass(frozen=True)
class Finding:
    """Something a person should know about the data.

    The sentence is ``finding.<code>`` in the catalogue and what to do about it ``finding.<code>.remedy``; ``params`` fill
    the placeholders. ``path`` is the file (or folder) it is about.
    """

    code: str
    severity: Severity
    path: Path | None = None
    case: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Scan:
    """What a layout made of a folder.

    Attributes
    ----------
    layout
        Name of the layout that explained it, and ``evidence``: the numbers that spoke for it, for the check page
        (``{"pairs": 812, "suffix": "_mask"}``).
    cases
        In a stable, natural order (``slice_2`` before ``slice_10``).
    findings
        What could not be used, and why.
    unit
        What a statistic may count as independent: ``patient``; ``image`` where nothing tells the patient; ``block`` where the
        folder is one stack.
    class_names
        Raw mask value (or ``Source.label``) → name, where metadata says so (dataset.json, a class CSV, mask folders' names).
    class_colours
        ``"#rrggbb"`` → name, where metadata says so.
    explained
        Every file under the root that no case uses → the code of the reason (``readme``, ``metadata`` …).
    """

    root: Path
    layout: str
    cases: tuple[Case, ...]
    findings: tuple[Finding, ...] = ()
    unit: Unit = "patient"
    evidence: Mapping[str, Any] = field(default_factory=dict)
    class_names: Mapping[int, str] = field(default_factory=dict)
    class_colours: Mapping[str, str] = field(default_factory=dict)
    explained: Mapping[Path, str] = field(default_factory=dict)

    @property
    def consumed(self) -> frozenset[Path]:
        """Every file (or DICOM series folder) that a case uses."""
        return frozenset(
            source.path for case in self.cases for sources in (case.images, case.masks, *case.raters.values()) for source in sources
        )
