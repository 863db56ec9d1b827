"""How a mask is put into each format. ``labels`` are (slice, row, column) or (row, column), in their smallest type."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from delineate.domain import Geometry, Image

_Palette = NDArray[np.uint8] | None


def png(path: Path, labels: NDArray[Any], geometry: Geometry, like: Image | None, palette: _Palette) -> None:
    """8-bit grey or palette; 16-bit grey for values above 255."""
    from PIL import Image as Pillow

    if labels.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"a PNG mask holds 0…65535, got {labels.dtype} values")
    picture = Pillow.fromarray(labels)
    if palette is not None and labels.dtype == np.uint8:
        picture.putpalette(np.asarray(palette, np.uint8).reshape(-1).tolist(), "RGB")
    picture.save(path, format="PNG", compress_level=6)


def tiff(path: Path, labels: NDArray[Any], geometry: Geometry, like: Image | None, palette: _Palette) -> None:
    """Deflate; a volume as pages. A spacing is written as ImageJ does, in µm (its only types are uint8, uint16 and float32)."""
    import tifffile

    options: dict[str, Any] = {"compression": "zlib", "photometric": "minisblack", "metadata": None}
    if palette is not None and labels.dtype == np.uint8:
        table = np.zeros((3, 256), np.uint16)
        table[:, : len(palette)] = np.asarray(palette, np.uint16).T * 257
        options |= {"photometric": "palette", "colormap": table}
    elif geometry.spacing is not None and labels.dtype in (np.uint8, np.uint16):
        rows, columns = geometry.spacing[-2:]
        metadata: dict[str, Any] = {"unit": "um", "axes": "ZYX"[-geometry.ndim :]}
        if geometry.ndim == 3:
            metadata["spacing"] = geometry.spacing[0] * 1000
        options |= {"imagej": True, "metadata": metadata, "resolution": (1e-3 / columns, 1e-3 / rows)}
    tifffile.imwrite(path, labels, **options)


def float_tiff(path: Path, values: NDArray[np.float32]) -> None:
    import tifffile

    tifffile.imwrite(path, values, compression="zlib", predictor=3, photometric="minisblack", metadata=None)


def nifti(path: Path, labels: NDArray[Any], geometry: Geometry, like: Image | None, palette: _Palette) -> None:
    """(k, j, i) back to (i, j, k); leading extra axes (probabilities) go last.

    Where the image was NIfTI and the grid is still its own, its matrices, codes, units and pixdim are written unchanged.
    """
    import nibabel

    extra = labels.ndim - geometry.ndim
    data = np.transpose(labels, (*range(labels.ndim - 1, extra - 1, -1), *range(extra)))
    if extra and geometry.ndim == 2:
        data = data[:, :, None]
    source = like.meta.get("nifti") if like is not None and like.geometry == geometry else None
    big = max(data.shape) > 32767 or (source or {}).get("version") == 2
    kind = nibabel.Nifti2Image if big else nibabel.Nifti1Image
    affine = None if geometry.affine is None else geometry.affine[:, [2, 1, 0, 3]]
    image = kind(data, None)
    header = image.header
    header.set_slope_inter(1, 0)
    if source is not None:
        header["pixdim"][1:4] = source["pixdim"][1:4]
        if source["qform"] is not None:
            image.set_qform(np.array(source["qform"]), code=source["qform_code"], update_affine=False)
        image.set_sform(np.array(source["sform"]), code=source["sform_code"], update_affine=False)
        header["pixdim"][0:4] = source["pixdim"][0:4]
        header["xyzt_units"] = source["xyzt_units"]
    else:
        if geometry.spacing is not None:
            header.set_zooms((*geometry.spacing[::-1], *(1.0,) * (data.ndim - geometry.ndim)))
        if affine is not None:
            image.set_sform(affine, code=1, update_affine=False)
            image.set_qform(affine, code=1 if _is_rigid(affine) else 0, update_affine=False)
        header.set_xyzt_units("mm" if geometry.spacing is not None or affine is not None else "unknown")
    # nibabel writes the affine of the image over sform and qform unless both agree: give it the header's own best one
    image._affine = None if not (header["sform_code"] or header["qform_code"]) else header.get_best_affine()
    nibabel.save(image, path)


def _is_rigid(affine: NDArray[np.float64]) -> bool:
    """Whether axes are at right angles, which is all that a qform can say."""
    unit = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    return bool(np.allclose(unit.T @ unit, np.eye(3), atol=1e-4))


def nrrd(path: Path, labels: NDArray[Any], geometry: Geometry, like: Image | None, palette: _Palette) -> None:
    _simple_itk(path, labels, geometry)
    if geometry.affine is None:
        spacings = [] if geometry.spacing is None else [b"spacings: " + " ".join(repr(s) for s in geometry.spacing[::-1]).encode()]
        _drop_lines(path, (b"space:", b"space dimension:", b"space directions:", b"space origin:", b"kinds:"), b"", spacings)


def mha(path: Path, labels: NDArray[Any], geometry: Geometry, like: Image | None, palette: _Palette) -> None:
    _simple_itk(path, labels, geometry)
    if geometry.affine is None:
        unknown: tuple[bytes, ...] = (b"TransformMatrix", b"Offset", b"CenterOfRotation", b"AnatomicalOrientation")
        _drop_lines(path, unknown + (() if geometry.spacing else (b"ElementSpacing",)), b"ElementDataFile", [])


def _simple_itk(path: Path, labels: NDArray[Any], geometry: Geometry) -> None:
    from delineate.formats.itk import LPS_TO_RAS, simple_itk

    sitk = simple_itk()
    image = sitk.GetImageFromArray(labels)
    if geometry.affine is not None:
        affine = LPS_TO_RAS @ geometry.affine[:, [2, 1, 0, 3]]
        steps = np.linalg.norm(affine[:3, :3], axis=0)
        image.SetSpacing(steps.tolist())
        image.SetDirection((affine[:3, :3] / steps).ravel().tolist())
        image.SetOrigin(affine[:3, 3].tolist())
    elif geometry.spacing is not None:
        image.SetSpacing(list(geometry.spacing[::-1]))
    sitk.WriteImage(image, str(path), useCompression=True)
    # ITK does not look whether its bytes arrived: on a full disk it ends without a word. So look.
    try:
        arrived = path.stat().st_size > 0 and np.array_equal(sitk.GetArrayFromImage(sitk.ReadImage(str(path))), labels)
    except RuntimeError:
        arrived = False
    if not arrived:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _drop_lines(path: Path, starts: tuple[bytes, ...], last: bytes, added: list[bytes]) -> None:
    """Take out of a text header what ITK had to make up, so that nobody takes it for a position in a patient.

    ``last`` begins the header's last line (empty: the empty line that ends NRRD's).
    """
    rest = path.read_bytes()
    kept: list[bytes] = []
    while rest:
        line, _, rest = rest.partition(b"\n")
        if (line.startswith(last) if last else not line.strip()) or not rest:
            path.write_bytes(b"\n".join([*kept, *added, line, rest]))
            return
        if not line.startswith(starts):
            kept.append(line)


def npy(path: Path, labels: NDArray[Any], geometry: Geometry, like: Image | None, palette: _Palette) -> None:
    np.save(path, labels, allow_pickle=False)


def npz(path: Path, labels: NDArray[Any], geometry: Geometry, like: Image | None, palette: _Palette) -> None:
    """One compressed array, ``mask``."""
    np.savez_compressed(path, mask=labels)
