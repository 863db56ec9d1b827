"""The packaged example: a synthetic chest scan (no patient), drawn when it is first asked for."""

from __future__ import annotations

from pathlib import Path

from delineate.editing.folders import state_folder
from delineate.errors import ResourceError

NAME = "synthetic-chest.nii.gz"
SLICES, SIZE = 40, 192
_SPACING = (6.0, 1.9, 1.9)  # mm of slices, rows, columns: about a chest's size


def scan(folder: Path | None = None) -> Path:
    """The file of the example, written if it is not there yet. Raises ResourceError ``cannot-write``."""
    import nibabel as nib
    import numpy as np

    from delineate.formats.atomic import replacing
    from delineate.synthetic.dataset import draw_volume
    from delineate.synthetic.scanner import ZERO_HU

    path = (folder or state_folder() / "example") / NAME
    if path.exists():
        return path
    stored = np.stack([image for image, _ in draw_volume(7, 3, SLICES, SIZE)])
    values = (stored.astype(np.int32) - ZERO_HU).astype(np.int16)
    # From apex to base, front to back, the patient's right to left; NIfTI's axes are columns, rows, slices.
    affine = np.diag((-_SPACING[2], -_SPACING[1], -_SPACING[0], 1.0))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path, ".nii.gz") as temporary:
            nib.save(nib.Nifti1Image(values.transpose(2, 1, 0), affine), temporary)
    except OSError as error:
        raise ResourceError("cannot-write", path=path, reason=error.strerror or str(error)) from None
    return path
