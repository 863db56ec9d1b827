"""Telling patients apart without telling who they are."""

from __future__ import annotations

import hashlib
from pathlib import Path

from delineate.formats.dicom_file import check_deflated
from delineate.formats.dicom_series import dicom_files
from delineate.formats.trouble import check_file, guarded
from delineate.formats.types import LIMITS


def patient_key(path: Path) -> str | None:
    """Twelve hex digits that are the same for the same PatientID, for grouping; None where the file has none.

    A plain SHA-256 (FIPS 180-4) cut short: it keeps identifiers out of tables and logs, but who can guess an identifier can
    check the guess. It is no anonymisation. ``path`` is a file, or a folder whose first DICOM file is asked.
    """
    import pydicom

    if path.is_dir():
        first = next(iter(dicom_files(path)), None)
        return patient_key(first) if first is not None else None
    check_file(path, LIMITS)
    with guarded(path):
        check_deflated(path, LIMITS)
        dataset = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=["PatientID"], force=True)
        identity = str(dataset.get("PatientID") or "").strip()
    return hashlib.sha256(f"delineate:{identity}".encode()).hexdigest()[:12] if identity else None
