"""Writing masks and probabilities: on the grid and in the format of the image they belong to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from delineate.domain import Geometry, Image
from delineate.errors import UsageError
from delineate.formats import encoders
from delineate.formats.atomic import replacing
from delineate.formats.base import registry
from delineate.formats.sniff import suffix_of
from delineate.formats.types import is_irregular

_Encoder = Callable[[Path, NDArray[Any], Geometry, Image | None, NDArray[np.uint8] | None], None]

#: Format of the mask for an image's format. JPEG would blur labels; BMP and GIF have nothing that PNG has not.
MASK_FORMAT = {"jpeg": "png", "bmp": "png", "gif": "png", "dicom": "nifti", "array": "npy"}

_ENCODERS: dict[str, tuple[_Encoder, tuple[str, ...]]] = {
    "png": (encoders.png, (".png",)),
    "tiff": (encoders.tiff, (".tif", ".tiff")),
    "nifti": (encoders.nifti, (".nii.gz", ".nii")),
    "nrrd": (encoders.nrrd, (".nrrd",)),
    "mha": (encoders.mha, (".mha",)),
    "npy": (encoders.npy, (".npy",)),
    "npz": (encoders.npz, (".npz",)),
}


def write_labels(
    path: Path,
    labels: NDArray[Any],
    geometry: Geometry,
    *,
    like: Image | None = None,
    format: str | None = None,  # noqa: A002
    palette: NDArray[np.uint8] | None = None,
) -> Path:
    """Write an integer mask and return the path really written.

    Parameters
    ----------
    path
        Where; its suffix is changed where the format has another (``.jpg`` → ``.png``).
    labels
        Integers or booleans of the shape of ``geometry``; values are written as they are, in the smallest type that holds them.
    like
        The image the mask belongs to: its format is used, and for NIfTI its exact sform, qform and codes.
    format
        A format's name, instead of the image's. Without either the suffix decides, else PNG for 2-D and NIfTI for 3-D.
    palette
        (n, 3) uint8 colours of the values, for PNG and 8-bit TIFF.

    Raises ResourceError ``cannot-write``; UsageError ``unknown-choice``, or ``would-overwrite-input`` where the file to be
    written is the image itself. Volumes asked for as PNG become TIFF. Masks of a DICOM series with gaps or uneven steps are
    written without position and spacing, which these formats cannot tell rightly (a DICOM SEG can).
    """
    path, labels = Path(path), _smallest(labels, geometry)
    name = _format_name(path, format, like, geometry)
    geometry = _honest(geometry, like)
    encoder, suffixes = _ENCODERS[name]
    return _write(path, suffixes, like, lambda target: encoder(target, labels, geometry, like, palette))


def write_probabilities(path: Path, probs: NDArray[np.floating[Any]], geometry: Geometry, like: Image | None = None) -> Path:
    """Write (K, *space) probabilities as float32 and return the path really written.

    By the suffix of ``path``, else by the image's format: float TIFF (K pages, 2-D only), NIfTI (K on the fourth axis), else NPZ
    with the array ``probabilities``. Raises as :func:`write_labels`.
    """
    path = Path(path)
    if probs.shape[1:] != geometry.shape:
        raise ValueError(f"'probs' must be (K, *{geometry.shape}), got {probs.shape}")
    values, geometry = np.asarray(probs, np.float32), _honest(geometry, like)
    wanted = suffix_of(path)
    if wanted not in (".npz", ".nii", ".nii.gz", ".tif", ".tiff"):
        source = like.format if like is not None else ""
        wanted = ".nii.gz" if source in ("nifti", "nrrd", "mha", "dicom") else ".tif" if source == "tiff" else ".npz"
    if wanted in (".tif", ".tiff") and geometry.ndim == 2:
        return _write(path, (".tif", ".tiff"), like, lambda target: encoders.float_tiff(target, values))
    if wanted in (".nii", ".nii.gz"):
        return _write(path, (wanted,), like, lambda target: encoders.nifti(target, values, geometry, like, None))
    return _write(path, (".npz",), like, lambda target: np.savez_compressed(target, probabilities=values))


def _honest(geometry: Geometry, like: Image | None) -> Geometry:
    """Without position and spacing where slices are missing or unevenly spaced: one step for all of them would be a wrong one."""
    return Geometry(geometry.shape) if like is not None and is_irregular(like.meta) else geometry


def _smallest(labels: NDArray[Any], geometry: Geometry) -> NDArray[Any]:
    if labels.shape != geometry.shape:
        raise ValueError(f"'labels' must have the shape {geometry.shape}, got {labels.shape}")
    if labels.dtype == bool:
        return labels.astype(np.uint8)
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"'labels' must be integers, got {labels.dtype}")
    low, high = (int(labels.min()), int(labels.max())) if labels.size else (0, 0)
    kinds = (np.uint8, np.uint16, np.uint32) if low >= 0 else (np.int16, np.int32)
    for kind in kinds:
        if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max:
            return np.ascontiguousarray(labels.astype(kind))
    raise ValueError(f"'labels' must fit 32 bits, got {low}…{high}")


def _format_name(path: Path, asked: str | None, like: Image | None, geometry: Geometry) -> str:
    if asked is not None:
        name = MASK_FORMAT.get(asked, asked)
    elif like is not None:
        name = MASK_FORMAT.get(like.format, like.format)
    else:
        suffix = suffix_of(path)
        known = next((entry.name for entry in registry if suffix in entry.suffixes), "png" if geometry.ndim == 2 else "nifti")
        name = MASK_FORMAT.get(known, known)
    if name not in _ENCODERS:
        if asked is not None:
            raise UsageError("unknown-choice", kind="mask format", name=asked, choices=", ".join(_ENCODERS))
        name = "png" if geometry.ndim == 2 else "nifti"  # a plug-in's format that has no writer
    return "tiff" if name == "png" and geometry.ndim == 3 else name


def with_suffix(path: Path, suffixes: tuple[str, ...]) -> Path:
    """``path`` with one of ``suffixes``: kept if it has one, else its image suffix replaced by the first."""
    suffix = suffix_of(path)
    if suffix in suffixes:
        return path
    known = {known for entry in registry for known in entry.suffixes}
    stem = path.name[: -len(suffix)] if suffix in known else path.name
    return path.with_name(stem + suffixes[0])


def _write(path: Path, suffixes: tuple[str, ...], like: Image | None, encode: Callable[[Path], object]) -> Path:
    target = with_suffix(path, suffixes)
    if like is not None and like.path is not None and target.exists() and like.path.exists() and target.samefile(like.path):
        raise UsageError("would-overwrite-input", path=target)
    with replacing(target, suffix_of(target)) as temporary:
        encode(temporary)
    return target
