"""Real files of other people: read, cross-checked with the libraries themselves, and masks written beside them."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK
from PIL import Image as Pillow

from delineate.errors import UnreadableFile
from delineate.formats import find_series, format_of, patient_key, read_header, read_image, read_labels, write_labels


def some(folder: Path, pattern: str, count: int = 3) -> list[Path]:
    """A few files spread over the sorted list: which ones does not matter."""
    found = sorted(path for path in folder.rglob(pattern) if path.is_file())
    assert found, f"nothing like {pattern} in {folder}"
    return found[:: max(len(found) // count, 1)][:count]


def test_nifti_round_trips(real_data: Path, tmp_path: Path) -> None:
    """Masks on real grids: same sform, qform, codes, pixdim and units, and SimpleITK sees them in the same place."""
    files = some(real_data / "msd_task04_hippocampus", "*.nii.gz") + some(real_data / "sct_testing", "*.nii.gz", 25)
    checked = 0
    for path in files:
        try:
            image = read_image(path)
        except UnreadableFile as error:
            assert error.code == "unsupported"  # fMRI
            continue
        header = read_header(path)
        assert (header.shape, header.channels, header.dtype) == (image.geometry.shape, image.channels, image.pixels.dtype.name)
        mask = (image.pixels[0] > np.nanmean(image.pixels[0], dtype=np.float64)).astype(np.uint8)
        written = write_labels(tmp_path / path.name, mask, image.geometry, like=image)
        before, after = nibabel.load(path), nibabel.load(written)
        assert np.array_equal(before.affine, after.affine)
        for name in ("sform_code", "qform_code", "xyzt_units"):
            assert before.header[name] == after.header[name]
        assert np.array_equal(np.asarray(after.dataobj).T, mask)
        if image.channels == 1 and image.geometry.ndim == 3:
            one, two = SimpleITK.ReadImage(str(path)), SimpleITK.ReadImage(str(written))
            assert one.GetSize() == two.GetSize()
            assert np.allclose(one.GetOrigin(), two.GetOrigin(), atol=1e-4)
            assert np.allclose(one.GetDirection(), two.GetDirection(), atol=1e-5)
        checked += 1
    assert checked > 10


def test_nrrd_agrees_with_simpleitk(real_data: Path, tmp_path: Path) -> None:
    for path in some(real_data / "pyradiomics_nrrd", "*_image.nrrd") + some(real_data / "dcmqi_ct_seg", "*.nrrd"):
        image, peer = read_image(path), SimpleITK.ReadImage(str(path))
        assert np.array_equal(image.pixels[0], SimpleITK.GetArrayFromImage(peer))
        index = [int(n) - 1 for n in peer.GetSize()]
        assert image.geometry.affine is not None
        far = image.geometry.affine @ (*index[::-1], 1)
        assert np.allclose(far[:3] * (-1, -1, 1), peer.TransformIndexToPhysicalPoint(index), atol=1e-6)
        written = write_labels(tmp_path / path.name, (image.pixels[0] > 0).astype(np.uint8), image.geometry, like=image)
        assert read_labels(written).geometry.same_grid(image.geometry, 1e-9)


def test_dicom_series_agrees_with_gdcm(real_data: Path) -> None:
    folders = {path.parent for path in (real_data / "dcmqi_ct_seg").rglob("*.dcm") if path.parent.name in ("image", "ct-3slice")}
    folders |= {path.parent for path in (real_data / "msd_task04_hippocampus").rglob("*.dcm")}
    assert len(folders) >= 3
    for folder in folders:
        (series,) = find_series(folder)
        assert series.problems == ()
        image = read_image(folder, item=series.uid)
        reader = SimpleITK.ImageSeriesReader()
        reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder), series.uid))
        peer = reader.Execute()
        assert np.array_equal(image.pixels[0], SimpleITK.GetArrayFromImage(peer))
        assert image.geometry.affine is not None
        last = [int(n) - 1 for n in peer.GetSize()]
        assert np.allclose(
            (image.geometry.affine @ (*last[::-1], 1))[:3] * (-1, -1, 1), peer.TransformIndexToPhysicalPoint(last), atol=1e-3
        )
        assert patient_key(folder) == patient_key(series.files[-1])


def test_dicom_seg_agrees_with_the_label_maps_beside_it(real_data: Path) -> None:
    folder = real_data / "dcmqi_ct_seg"
    pairs = [(folder / "liver.dcm", folder / "liver_seg.nrrd")]
    pairs += [(path, path.parent.parent / "nrrd" / "label.nrrd") for path in folder.rglob("label.seg")]
    for seg, truth in pairs:
        labels, expected = read_labels(seg), read_labels(truth)
        assert labels.values is not None
        assert expected.values is not None
        assert labels.geometry.same_grid(expected.geometry, 1e-3)
        assert np.array_equal(labels.values > 0, expected.values > 0)
    multi = read_image(next(folder.rglob("mf.dcm")))
    assert multi.geometry.affine is not None


def test_overlapping_segments_one_by_one(real_data: Path) -> None:
    path = real_data / "dcmqi_ct_seg" / "partial_overlaps.dcm"
    with pytest.raises(UnreadableFile) as caught:
        read_labels(path)
    assert caught.value.code == "unsupported"
    for name in read_header(path).names:
        values = read_labels(path, item=name).values
        assert values is not None
        assert set(np.unique(values).tolist()) == {0, 1}


def test_pictures(real_data: Path) -> None:
    for path in some(real_data / "lgg_kaggle_3m", "*.tif", 8):
        image = read_image(path)
        assert np.array_equal(np.squeeze(np.moveaxis(image.pixels, 0, -1)), np.asarray(Pillow.open(path)))
        assert read_header(path).shape == image.geometry.shape
    for path in some(real_data / "chasedb1", "*.jpg"):
        assert np.array_equal(np.moveaxis(read_image(path).pixels, 0, -1), np.asarray(Pillow.open(path)))
        with pytest.raises(UnreadableFile) as caught:
            read_labels(path)
        assert caught.value.code == "lossy-mask"
    for path in some(real_data / "montgomery_shenzhen_512", "*.png", 12):
        assert read_image(path).colour == "grey"
    for path in some(real_data / "dsb2018_stage1", "*.png", 12):
        image = read_image(path)
        if "images" in path.parts:
            assert image.colour == "rgb"
            assert image.meta["alpha"] == "opaque"


def test_other_files_are_no_images(real_data: Path) -> None:
    for pattern in ("LICENSE*", "*.csv", "*.txt", "*.json", "README*"):
        for path in real_data.rglob(pattern):
            assert format_of(path) is None
