"""Real images of other people: masks in every format lie where the image lies, and segmentations pass the judge."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK

from delineate.domain import Image
from delineate.errors import UnreadableFile
from delineate.formats import read_header, read_image, read_labels, write_labels
from delineate.formats.dicom_seg_place import read_segments
from delineate.formats.dicom_seg_write import Author, write_segmentation
from formats.dciodvfy import errors_of, needs_dciodvfy

SETS = {
    "msd_task04_hippocampus": "images/*.nii.gz",
    "sct_testing": "**/*.nii.gz",
    "totalseg_tests": "**/*.nii.gz",
    "pyradiomics_nrrd": "*_image.nrrd",
    "dcmqi_ct_seg": "*.nrrd",
}


def a_mask(image: Image) -> np.ndarray:
    values = image.pixels[0].astype(np.float64)
    return (values > np.nanmean(values)).astype(np.uint8)


def corners(image: SimpleITK.Image) -> np.ndarray:
    sizes = [int(n) - 1 for n in image.GetSize()]
    return np.array(
        [
            image.TransformIndexToPhysicalPoint([a * sizes[0], b * sizes[1], c * sizes[2]])
            for a in (0, 1)
            for b in (0, 1)
            for c in (0, 1)
        ]
    )


@pytest.mark.parametrize("kind", ["nifti", "nrrd", "mha"])
@pytest.mark.parametrize("name", SETS)
def test_masks_of_real_volumes(real_data: Path, tmp_path: Path, name: str, kind: str) -> None:
    """Against ITK's reading of the image's own file."""
    files = sorted((real_data / name).glob(SETS[name])) or sorted((real_data / name).rglob("*.nii.gz"))
    checked = 0
    for path in files[:: max(1, len(files) // 5)]:
        try:
            image = read_image(path)
            peer = SimpleITK.ReadImage(str(path))
        except (UnreadableFile, RuntimeError):
            continue
        if image.channels != 1 or image.geometry.ndim != 3 or image.geometry.affine is None or peer.GetDimension() != 3:
            continue
        mask = a_mask(image)
        written = SimpleITK.ReadImage(str(write_labels(tmp_path / f"{checked}", mask, image.geometry, like=image, format=kind)))
        assert np.abs(corners(written) - corners(peer)).max() <= 1e-3
        truth = SimpleITK.GetArrayFromImage(peer)
        assert np.array_equal(SimpleITK.GetArrayFromImage(written), truth > np.nanmean(truth.astype(np.float64)))
        checked += 1
    assert checked >= 3


@needs_dciodvfy
def test_segmentations_of_real_dicom(real_data: Path, tmp_path: Path) -> None:
    """MR and CT series, and an enhanced multi-frame CT."""
    sources = sorted({path.parent for path in (real_data / "msd_task04_hippocampus").rglob("*.dcm")})
    sources += [real_data / "dcmqi_ct_seg" / "ct-3slice", real_data / "dcmqi_ct_seg" / "24x38x3" / "image"]
    sources += sorted((real_data / "dcmqi_ct_seg").rglob("mf.dcm"))
    assert len(sources) >= 5
    for number, source in enumerate(sources):
        image = read_image(source)
        masks = np.stack([a_mask(image), np.roll(a_mask(image), 2, axis=-1)])
        masks[:, image.geometry.shape[0] // 2] = 0
        path = write_segmentation(tmp_path / f"{number}.dcm", ["hippocampus", "lesion"], masks, image, author=Author("demo", "1"))
        assert errors_of(path) == []
        assert np.array_equal(read_segments(path, image).masks, masks)


def test_segments_agree_with_their_label_maps(real_data: Path) -> None:
    """dcmqi's objects, overlapping ones among them, on the grid of their images, against the NRRD label maps beside them."""
    folder = real_data / "dcmqi_ct_seg"
    image = read_image(folder / "ct-3slice")
    found = read_segments(folder / "partial_overlaps.dcm", image)
    assert found.numbers == (1, 2, 3, 4, 5)
    maps = [read_labels(path).values for path in sorted(folder.glob("partial_overlaps-*.nrrd"))]
    for number, mask in zip(found.numbers, found.masks, strict=True):
        assert sum(np.array_equal(mask == 1, values == number) for values in maps if values is not None) == 1
    assert (found.masks.sum(axis=0) > 1).any()
    assert np.array_equal(read_segments(folder / "liver.dcm", image).masks[0], read_labels(folder / "liver_seg.nrrd").values)
    small = read_image(folder / "24x38x3" / "image")
    for name in ("noppv", "ppv5"):
        path = folder / f"sparse-labelmap-{name}.dcm"
        sparse = read_segments(path, small)
        assert sparse.numbers == (1,)
        assert read_header(path).names == ("1",)
        assert np.array_equal(sparse.masks[0] == 1, read_labels(folder / f"sparse_labelmap_{name}_seg.nrrd").values == 1)
