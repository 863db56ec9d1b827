"""Writes the synthetic data set as a folder of patients, in the layout of the brain-MRI set of Buda (2019)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray

from delineate.errors import ResourceError, UsageError
from delineate.synthetic.anatomy import draw_patient
from delineate.synthetic.scanner import ZERO_HU, acquire
from delineate.synthetic.slices import draw_slice

README = """SYNTHETIC DATA · 合成数据

These are NOT images of people. Every slice was drawn by the program delineate from random numbers (seed {seed}) so that the
whole way from a folder to a model can be tried without any medical data. They look like axial chest CT: lungs with vessels,
nodules and consolidations, heart, aorta, airways, ribs, spine, stomach and bowel gas, scanner table, noise.
A model trained on them is a demonstration and must not be used on patients.

这些图像不是真人影像。每一张切片都由 delineate 程序用随机数（种子 {seed}）绘制，目的是在没有任何医学数据的情况下，
体验从数据文件夹到模型的完整流程。图像模拟胸部 CT 横断面：肺、血管、结节、实变、心脏、主动脉、气道、肋骨、脊柱、
胃肠气体、检查床和噪声。用它们训练的模型仅供演示，不得用于患者。

patient_XXX/patient_XXX_N.tif        slice N, 16 bit, stored value = HU + {zero} (plus this scanner's own offset and gain)
patient_XXX/patient_XXX_N_mask.tif   0 background, 255 lung (airways, stomach and bowel gas are not lung)
"""


def make_dataset(folder: Path, *, patients: int = 24, slices: int = 10, size: int = 192, seed: int = 0) -> Path:
    """Draw ``patients`` × ``slices`` chest-CT-like slices (size × size, uint16) with lung masks {0, 255} into ``folder``.

    The same arguments give the same pixels. Patient k does not depend on how many patients there are. Existing files of the
    same names are replaced, others are left alone.

    Raises
    ------
    UsageError
        ``patients`` or ``slices`` below 1, ``size`` below 64.
    ResourceError
        The folder cannot be written.
    """
    for name, value, least in (("patients", patients, 1), ("slices", slices, 1), ("size", size, 64)):
        if value < least:
            raise UsageError("synthetic-too-small", name=name, value=value, least=least)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "README.txt").write_text(README.format(seed=seed, zero=ZERO_HU), encoding="utf-8")
        for number in range(1, patients + 1):
            name = f"patient_{number:03d}"
            (folder / name).mkdir(exist_ok=True)
            for position, (image, mask) in enumerate(draw_volume(seed, number, slices, size), start=1):
                stem = folder / name / f"{name}_{position}"
                _save(stem.with_name(stem.name + ".tif"), image)
                _save(stem.with_name(stem.name + "_mask.tif"), np.where(mask, 255, 0).astype(np.uint8))
    except OSError as error:
        raise ResourceError("cannot-write", path=folder, reason=error.strerror or str(error)) from None
    return folder


def draw_volume(seed: int, patient: int, slices: int, size: int) -> list[tuple[NDArray[np.uint16], NDArray[np.bool_]]]:
    """Slices of one patient from apex to base: stored values (size, size) and lungs (size, size)."""
    rng = np.random.default_rng((seed, patient))
    person = draw_patient(rng)
    step = 0.82 / max(slices, 1)
    made = []
    for position in range(slices):
        z = 0.06 + step * (position + 0.5) + float(rng.uniform(-0.2, 0.2)) * step
        hu, lungs = draw_slice(person, z, size, rng)
        made.append((acquire(person, hu, z, rng), lungs))
    return made


def _save(path: Path, pixels: NDArray[np.uint16] | NDArray[np.uint8]) -> None:
    tifffile.imwrite(
        path, pixels, compression="zlib", photometric="minisblack", description="SYNTHETIC - drawn by delineate, not a patient"
    )
