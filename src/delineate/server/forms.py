"""Which form the client wants (``Accept``), and masks written in it: by the same writers as ``delineate predict``."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from delineate.errors import UsageError
from delineate.formats import suffix_of
from delineate.inference.inputs import Job
from delineate.inference.outputs import Form, Outputs, check_format, check_possible, write_masks
from delineate.server.shapes import as_json
from delineate.server.shelf import Served
from delineate.server.work import Segmented, classes_of, with_sentences

JSON, PNG, NIFTI, DICOM, ZIP = "json", "png", "nifti", "dicom-seg", "zip"
NATIVE = "native"
#: Media types in the order in which ``*/*`` takes them; the first of a form is what an answer is called.
MEDIA = {
    "application/json": JSON,
    "image/png": PNG,
    "application/x-nifti": NIFTI,
    "application/gzip": NIFTI,
    "application/x-gzip": NIFTI,
    "application/dicom": DICOM,
    "application/zip": ZIP,
}
TYPE_OF = {
    JSON: "application/json",
    PNG: "image/png",
    NIFTI: "application/x-nifti",
    DICOM: "application/dicom",
    ZIP: "application/zip",
}
SUFFIX_OF = {PNG: ".png", NIFTI: ".nii.gz", DICOM: ".dcm", ZIP: ".zip"}


def wanted(accept: str) -> str:
    """The form an ``Accept`` header asks for. Raises UsageError ``not-acceptable``."""
    if not accept.strip():
        return JSON
    best: tuple[float, int] = (0.0, 0)
    found = None
    for part in accept.split(",")[:50]:
        name, *options = (piece.strip().lower() for piece in part.split(";"))
        weight = 1.0
        for option in options:
            if match := re.fullmatch(r"q=([01](?:\.\d{0,3})?)", option):
                weight = float(match[1])
        for media, form in MEDIA.items():
            if name in (media, "*/*", media.partition("/")[0] + "/*"):
                exact = 2 if name == media else 0 if name == "*/*" else 1
                if weight > 0 and (weight, exact) > best:
                    best, found = (weight, exact), form
                break
    if found is None:
        raise UsageError("not-acceptable", asked=accept[:120], choices=", ".join(TYPE_OF.values()))
    return found


def write(found: Segmented, served: Served, folder: Path, asked: str, *, identity: bool) -> list[Path]:
    """Mask files in the form ``asked`` (``native``: as ``predict`` would write them), one or one a class.

    Raises
    ------
    DataError
        ``seg-needs-dicom``: a DICOM segmentation of something else.
    UsageError
        ``not-acceptable``: a volume as PNG.
    ResourceError
        ``cannot-write``.
    """
    image, record = found.image, served.predictor.record
    name = None if asked == NATIVE else asked
    if asked == PNG and image.geometry.ndim == 3:
        raise UsageError("not-acceptable", asked="image/png", choices="application/x-nifti, application/json, application/zip")
    check_format(name)
    check_possible(image, name)
    thresholds = {f"threshold {label}": f"{value:g}" for label, value in zip(record.labels.names, record.thresholds, strict=False)}
    form = Form(name, record.name, served.sha256[:16], thresholds, {}, identity, found.by_hand)
    # An answer's form has one suffix (NIfTI is always .nii.gz); only what stands for predict's own files keeps that of the image.
    suffix = suffix_of(image.path) if asked == NATIVE and image.path is not None and image.path.is_file() else ""
    folder.mkdir(parents=True, exist_ok=True)
    outputs = Outputs(folder, frozenset())
    job = Job(image.path or Path("image"), Path(), "image", suffix)
    paths = outputs.masks(folder / "image", image, job, record.labels, form)
    return write_masks(paths, found.mask, image, record.labels, form)


def possible(found: Segmented) -> Iterable[str]:
    """The forms a finished job keeps, beside JSON."""
    yield NATIVE
    if found.image.geometry.ndim == 2:
        yield PNG
    yield NIFTI
    if found.image.format == "dicom" and found.image.meta.get("files") and find_spec("highdicom") is not None:
        yield DICOM


def answer_json(found: Segmented, encoding: str, language: str) -> dict[str, Any]:
    """The JSON answer, with the mask in ``encoding`` (``rle``, ``polygons``, ``none``)."""
    said = with_sentences(found.facts, language)
    shape = found.image.geometry.shape
    said["mask"] = None if encoding == "none" else as_json(encoding, classes_of(found.labels, found.mask.labels), shape)
    return said


def only_one(paths: list[Path]) -> Path:
    """The single mask file; raises UsageError ``one-file-a-class`` where classes overlap and have one each."""
    if len(paths) != 1:
        raise UsageError("one-file-a-class", n=len(paths))
    return paths[0]


def zipped(paths: Iterable[Path], record: dict[str, Any]) -> bytes:
    """Mask files and result.json in one archive, the same bytes for the same content."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in paths:
            archive.writestr(zipfile.ZipInfo(path.name), path.read_bytes(), zipfile.ZIP_DEFLATED)
        text = json.dumps(record, ensure_ascii=False, indent=1)
        archive.writestr(zipfile.ZipInfo("result.json"), text, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
