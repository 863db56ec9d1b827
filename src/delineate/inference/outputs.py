"""Where results go and in which form; never over an input, never over an earlier result unless asked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from delineate.domain import Image, LabelSet, Mask
from delineate.errors import DataError, MissingExtra, UsageError
from delineate.formats import write_labels, write_probabilities
from delineate.formats.segment_codes import SegmentCode
from delineate.formats.writing import MASK_FORMAT
from delineate.inference.inputs import Job, resolved

#: First suffix a mask format is written with; an input's own suffix is kept where it is one of them.
_SUFFIXES = {
    "png": (".png",),
    "tiff": (".tif", ".tiff"),
    "nifti": (".nii.gz", ".nii"),
    "nrrd": (".nrrd",),
    "mha": (".mha",),
    "npy": (".npy",),
    "npz": (".npz",),
    "dicom-seg": (".dcm",),
}
FORMATS = tuple(_SUFFIXES)
_SEG = "dicom-seg"
_PICTURES = ("png", "tiff")


@dataclass(frozen=True)
class Form:
    """In which form masks are written. ``format``: as asked, ``None`` that of the image. The rest is for DICOM segmentations: the
    ``model`` that made them and its ``version``, ``codes`` by class name, whether patient and study are copied (``identity``; see
    :mod:`delineate.formats.dicom_seg_write`), and whether a person ``corrected`` them."""

    format: str | None = None
    model: str = "model"
    version: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    codes: Mapping[str, SegmentCode] = field(default_factory=dict)
    identity: bool = True
    corrected: bool = False


@dataclass
class Outputs:
    """Hands out names under ``out``: the input's folders mirrored, ``<stem>_mask<suffix>``, numbered where two would collide."""

    out: Path
    inputs: frozenset[Path]
    taken: set[str] = field(default_factory=set)

    def base(self, job: Job) -> Path:
        """Path of a job's results without ``_mask`` and suffix, its own in this job also on systems that ignore case."""
        folder = self.out / job.below
        stems = [job.stem, f"{job.stem}_{job.suffix.strip('.').replace('.', '_')}" if job.suffix else f"{job.stem}_2"]
        number = 2
        while True:
            stem = stems.pop(0) if stems else f"{job.stem}_{(number := number + 1)}"
            path = folder / stem
            key = str(path).casefold()
            if key not in self.taken:
                self.taken.add(key)
                return path

    def masks(self, base: Path, image: Image, job: Job, labels: LabelSet, form: Form) -> list[Path]:
        """The mask files to be written for ``image``: one, or one per class where classes overlap (but in a DICOM segmentation)."""
        name = mask_format(image, form.format)
        suffixes = _SUFFIXES.get(name, (job.suffix,))
        suffix = job.suffix if job.suffix in suffixes else suffixes[0]
        parts = [f"_{_safe(part)}" for part in labels.names] if labels.kind == "regions" and name != _SEG else [""]
        return self._free(base, parts, suffix)

    def tiffs(self, base: Path, job: Job, labels: LabelSet) -> list[Path]:
        """The mask files of a large image, always TIFF."""
        parts = [f"_{_safe(part)}" for part in labels.names] if labels.kind == "regions" else [""]
        return self._free(base, parts, job.suffix if job.suffix in _SUFFIXES["tiff"] else ".tif")

    def _free(self, base: Path, parts: list[str], suffix: str) -> list[Path]:
        extra = ""
        while True:
            paths = [base.with_name(f"{base.name}_mask{extra}{part}{suffix}") for part in parts]
            if not any(resolved(path) in self.inputs for path in paths):
                return paths
            extra += "_predicted"


def check_format(asked: str | None) -> None:
    """Raise UsageError ``unknown-choice`` where masks cannot be written as ``asked``; MissingExtra if a part is not installed."""
    if asked is not None and MASK_FORMAT.get(asked, asked) not in _SUFFIXES:
        raise UsageError("unknown-choice", kind="mask format", name=asked, choices=", ".join(_SUFFIXES))
    if asked == _SEG and find_spec("highdicom") is None:
        raise MissingExtra("missing-extra", extra="dicom")


def check_possible(image: Image, asked: str | None) -> None:
    """Raise DataError ``seg-needs-dicom`` for an image that a DICOM segmentation cannot refer to: before it is computed."""
    if asked == _SEG and (image.format != "dicom" or not image.meta.get("files")):
        raise DataError("seg-needs-dicom", path=image.path or "image")


def mask_format(image: Image, asked: str | None) -> str:
    """The format's name a mask of ``image`` is written in."""
    name = MASK_FORMAT.get(asked or image.format, asked or image.format)
    if name not in _SUFFIXES and asked is None:
        name = "png" if image.geometry.ndim == 2 else "nifti"
    return "tiff" if name == "png" and image.geometry.ndim == 3 else name


def write_masks(paths: list[Path], mask: Mask, image: Image, labels: LabelSet, form: Form) -> list[Path]:
    """Write the mask(s) of ``image``. Two-dimensional pictures of one class are 0/255, so that any viewer shows them; all others
    hold the label values."""
    asked = form.format
    if mask_format(image, asked) == _SEG:
        return [
            _write_seg(
                paths[0], np.stack([labels.one_class(mask.labels, k + 1) for k in range(labels.classes)]), image, labels, form
            )
        ]
    values: list[NDArray[np.integer]] = list(mask.labels) if labels.kind == "regions" else [mask.labels]
    one_class = labels.kind == "regions" or labels.classes == 1
    if one_class and image.geometry.ndim == 2 and mask_format(image, asked) in _PICTURES:
        values = [value * np.uint8(255) for value in values]
    return [write_labels(path, value, image.geometry, like=image, format=asked) for path, value in zip(paths, values, strict=True)]


def write_shares(base: Path, probabilities: NDArray[np.float32], image: Image, labels: LabelSet, form: Form) -> Path:
    """Probabilities beside the mask: float TIFF, NIfTI or NPZ as the image's format suggests; a FRACTIONAL DICOM segmentation (in
    steps of 1/255) where masks are such."""
    if mask_format(image, form.format) == _SEG:
        return _write_seg(base.with_name(f"{base.name}_probability.dcm"), probabilities, image, labels, form)
    return write_probabilities(base.with_name(f"{base.name}_probability"), probabilities, image.geometry, like=image)


def _write_seg(path: Path, masks: NDArray[Any], image: Image, labels: LabelSet, form: Form) -> Path:
    from delineate.formats.dicom_seg_write import Author, write_segmentation

    author = Author(form.model, form.version, form.parameters, form.corrected)
    return write_segmentation(path, labels.names, masks, image, author=author, codes=form.codes, identity=form.identity)


def write_doubt(base: Path, uncertainty: NDArray[np.float32], image: Image) -> Path:
    """The maps of :attr:`~delineate.inference.Prediction.uncertainty` beside the mask, in the image's geometry: float TIFF for
    pictures, which viewers show, else as probabilities are written."""
    suffix = ".tif" if image.geometry.ndim == 2 else ""
    return write_probabilities(base.with_name(f"{base.name}_uncertainty{suffix}"), uncertainty, image.geometry, like=image)


def _safe(name: str) -> str:
    return re.sub(r"[^\w-]+", "-", name).strip("-") or "class"
