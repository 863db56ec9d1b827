"""The synthetic data set: reproducible, labelled, varied, quick, and not solved by a threshold."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from scipy import ndimage

from delineate.errors import ResourceError, UsageError
from delineate.synthetic import make_dataset
from delineate.synthetic.dataset import draw_volume

Volume = list[tuple[NDArray[np.uint16], NDArray[np.bool_]]]


@pytest.fixture(scope="module")
def volumes() -> list[Volume]:
    return [draw_volume(0, patient, slices=6, size=192) for patient in range(1, 13)]


def dice(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


def dark(image: NDArray[np.uint16]) -> NDArray[np.bool_]:
    """Below Otsu's threshold."""
    smooth = cv2.GaussianBlur(image, (0, 0), 0.7)
    threshold, _ = cv2.threshold((smooth / 16).astype(np.uint8), 0, 255, cv2.THRESH_OTSU)
    return np.asarray(smooth <= threshold * 16 + 8)


def body(image: NDArray[np.uint16]) -> NDArray[np.bool_]:
    """The largest bright part with its holes filled."""
    parts, _ = ndimage.label(~dark(image))
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    return np.asarray(ndimage.binary_fill_holes(parts == sizes.argmax()))


def per_patient(volumes: list[Volume], guess: object) -> float:
    assert callable(guess)
    scores = [dice(np.stack([guess(image) for image, _ in v]), np.stack([lungs for _, lungs in v])) for v in volumes]
    return float(np.mean(scores))


def test_a_threshold_stays_clearly_below_what_is_asked(volumes: list[Volume]) -> None:
    assert per_patient(volumes, dark) < 0.5
    assert per_patient(volumes, lambda image: dark(image) & body(image)) < 0.91


def test_folder_layout_types_and_label(tmp_path: Path) -> None:
    root = make_dataset(tmp_path / "demo", patients=2, slices=3, size=96)
    assert sorted(p.relative_to(root).as_posix() for p in root.rglob("*.tif"))[:3] == [
        "patient_001/patient_001_1.tif",
        "patient_001/patient_001_1_mask.tif",
        "patient_001/patient_001_2.tif",
    ]
    image = tifffile.imread(root / "patient_002" / "patient_002_3.tif")
    mask = tifffile.imread(root / "patient_002" / "patient_002_3_mask.tif")
    assert image.shape == mask.shape == (96, 96)
    assert (image.dtype, mask.dtype) == (np.uint16, np.uint8)
    assert set(np.unique(mask)) <= {0, 255}
    readme = (root / "README.txt").read_text(encoding="utf-8")
    assert "SYNTHETIC" in readme and "合成" in readme
    with tifffile.TiffFile(root / "patient_001" / "patient_001_1.tif") as file:
        assert "SYNTHETIC" in file.pages[0].description  # type: ignore[union-attr]


def test_same_seed_same_pixels_other_seed_other_pixels(tmp_path: Path) -> None:
    def pixels(folder: str, **options: int) -> NDArray[np.uint16]:
        root = make_dataset(tmp_path / folder, slices=2, size=64, **options)
        return np.asarray(tifffile.imread(root / "patient_001" / "patient_001_2.tif"))

    first = pixels("a", patients=1, seed=3)
    assert np.array_equal(first, pixels("b", patients=2, seed=3))  # patient 1 does not depend on how many there are
    assert not np.array_equal(first, pixels("c", patients=1, seed=4))


def test_every_patient_has_two_lungs_of_their_own_size(volumes: list[Volume]) -> None:
    shares = []
    for volume in volumes:
        middle = volume[2][1]
        parts, _ = ndimage.label(middle)
        assert (np.bincount(parts.ravel())[1:] > 200).sum() == 2
        shares.append(float(middle.mean()))
    assert 0.05 < min(shares) < max(shares) < 0.4
    assert np.std(shares) > 0.01


def test_scanners_differ(volumes: list[Volume]) -> None:
    muscle = [float(np.median(image[body(image) & ~lungs])) for volume in volumes for image, lungs in volume[2:3]]
    assert np.std(muscle) > 20


def test_lungs_hold_dense_pixels_and_air_is_not_always_lung(volumes: list[Volume]) -> None:
    """Vessels, nodules and consolidations are lung; airways and bowel gas are not."""
    dense = [(lungs & ~dark(image)).sum() / lungs.sum() for v in volumes for image, lungs in v[2:4]]
    gas = [(dark(image) & body(image) & ~lungs).sum() / lungs.sum() for v in volumes for image, lungs in v]
    assert np.mean(dense) > 0.05
    assert np.mean(gas) > 0.03


@pytest.mark.parametrize("options", [{"patients": 0}, {"slices": 0}, {"size": 32}])
def test_useless_sizes_are_refused(tmp_path: Path, options: dict[str, int]) -> None:
    with pytest.raises(UsageError, match="at least"):
        make_dataset(tmp_path, **options)


def test_a_folder_that_cannot_be_made_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ResourceError):
        make_dataset(tmp_path / "file" / "demo", patients=1, slices=1, size=64)
