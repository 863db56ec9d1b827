"""Data sets as they lie on disk, made of tiny real files; and what must hold for every scan."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from delineate.domain import Case, Scan


@cache
def content(suffix: str) -> bytes:
    """A tiny valid file of the kind."""
    grey = Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8))
    pillow = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".bmp": "BMP", ".gif": "GIF", ".tif": "TIFF", ".tiff": "TIFF"}
    if suffix in pillow:
        buffer = io.BytesIO()
        grey.save(buffer, pillow[suffix])
        return buffer.getvalue()
    if suffix in (".nii", ".nii.gz"):
        import gzip

        import nibabel

        data = nibabel.Nifti1Image(np.zeros((3, 4, 2), np.int16), np.eye(4)).to_bytes()
        return gzip.compress(data, 1) if suffix == ".nii.gz" else data
    if suffix == ".nrrd":
        return b"NRRD0004\ntype: uint8\ndimension: 3\nsizes: 2 2 2\nencoding: raw\nendian: little\n\n" + bytes(8)
    if suffix == ".npy":
        buffer = io.BytesIO()
        np.save(buffer, np.zeros((8, 8), np.uint8))
        return buffer.getvalue()
    return b"text\n"


def make(root: Path, *names: str) -> Path:
    """Create the files ``names`` below ``root`` with content that fits their suffix."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content(".nii.gz" if name.endswith(".nii.gz") else path.suffix.lower()))
    return root


def pairs(scan: Scan) -> dict[str, list[str]]:
    """Image path → its masks' paths, below the root."""
    below = lambda path: path.relative_to(scan.root).as_posix()  # noqa: E731
    return {below(case.path): [below(source.path) for source in case.masks] for case in scan.cases}


def by_name(scan: Scan) -> dict[str, Case]:
    return {case.path.name: case for case in scan.cases}


def codes(scan: Scan) -> set[str]:
    return {finding.code for finding in scan.findings}


def all_accounted(scan: Scan) -> None:
    """Every file is consumed or explained, never both; ids are unique; an explanation has its sentence."""
    from delineate.i18n import has

    files = {path for path in scan.root.rglob("*") if path.is_file() or path.is_symlink()}
    files = {path for path in files if not path.is_dir()}
    used = scan.consumed
    inside = {path for path in files if path in used or path.parent in used}
    explained = set(scan.explained)
    assert files - inside - explained == set()
    assert inside & explained == set()
    assert explained <= files
    assert len({case.id for case in scan.cases}) == len(scan.cases)
    for code in set(scan.explained.values()):
        assert has(f"explained.{code}"), code
    for finding in scan.findings:
        assert has(f"finding.{finding.code}") and has(f"finding.{finding.code}.remedy"), finding.code
    assert has(f"layout.{scan.layout}") and has(f"layout.{scan.layout}.evidence")
    for rule in scan.evidence["patient_rules"]:
        assert has(f"layout.patients.{rule}"), rule
