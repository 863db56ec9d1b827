"""The other systems of dice_vs_time.py, each in its own published way, on volumes read by our readers.

A system prepares itself from training volumes, then does steps; at a mark it predicts volumes. Preparing counts as time.
"""

from __future__ import annotations

import json
import math
import subprocess
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from benchmarks.r2_loop import Volume
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmarks import r2_loop

Masks = dict[str, NDArray[np.uint8]]
SIZE = 256
now = time.monotonic


class System(Protocol):
    """``step(share)`` does one training step, ``share`` 0…1 of the time being over, and returns the images in it."""

    def step(self, share: float) -> int: ...

    def predict(self, volume: Volume) -> NDArray[np.float32]:
        """Probabilities (N, H, W) on the volume's own grid."""
        ...


class R2:
    """R2's loop: 32 … 512, Adam 1e-4, batches of 16, weighted slices, ±5 % and ±15° and flips (:mod:`benchmarks.r2_loop`)."""

    def __init__(self, volumes: Sequence[Volume], device: str, seed: int) -> None:
        self.loop = r2_loop.r2_loop(volumes, size=SIZE, device=device, seed=seed)
        self.device = device

    def step(self, share: float) -> int:
        return self.loop.step()

    def predict(self, volume: Volume) -> NDArray[np.float32]:
        return r2_loop.predict_volume(self.loop.network, volume, SIZE, self.device)


class Smp:
    """A plain loop around segmentation_models_pytorch: U-Net with ResNet-34, 256², **no** pretrained weights (nothing is fetched).

    Its Dice loss on logits and Adam with a cosine to the end, as its examples have them; 1e-3 instead of 2e-4, which is for
    pretrained encoders, and R2's augmentation, which its examples do without: both in its favour.
    """

    def __init__(self, volumes: Sequence[Volume], device: str, seed: int) -> None:
        import segmentation_models_pytorch as smp

        torch.manual_seed(seed)
        network = smp.Unet("resnet34", encoder_weights=None, in_channels=volumes[0].images.shape[1], classes=1)
        data = r2_loop.Slices(volumes, SIZE, seed)
        loader = torch.utils.data.DataLoader(data, batch_size=min(16, len(data)), drop_last=True)
        loss = smp.losses.DiceLoss(mode="binary", from_logits=True)
        self.loop = r2_loop.PlainLoop(network, loader, loss, torch.optim.Adam(network.parameters(), lr=1e-3), device)
        self.device = device

    def step(self, share: float) -> int:
        for group in self.loop.optimiser.param_groups:
            group["lr"] = 1e-5 + (1e-3 - 1e-5) * 0.5 * (1 + math.cos(math.pi * min(1.0, share)))
        return self.loop.step()

    def predict(self, volume: Volume) -> NDArray[np.float32]:
        return r2_loop.predict_volume(nn.Sequential(self.loop.network, nn.Sigmoid()), volume, SIZE, self.device)


class Monai:
    """MONAI's 2-D tutorial (``2d_segmentation/torch/unet_training_dict.py``): residual U-Net 16 … 256, four crops of 96² from
    each of two images, half of them centred on foreground, turns by 90°, intensities to 0…1, Adam 1e-3, Dice; a sliding window
    in prediction. Images are held in memory, which the tutorial does not do.
    """

    CROP = (96, 96)

    def __init__(self, volumes: Sequence[Volume], device: str, seed: int) -> None:
        from monai.data import DataLoader, Dataset, list_data_collate
        from monai.losses import DiceLoss
        from monai.networks.nets import UNet
        from monai.transforms import (
            Compose,
            EnsureTyped,
            RandCropByPosNegLabeld,
            RandRotate90d,
            ScaleIntensityd,
            SpatialPadd,
        )
        from monai.utils import set_determinism

        set_determinism(seed)
        keys = ["image", "mask"]
        slices = [
            {"image": image, "mask": mask[None].astype(np.float32)}
            for volume in volumes
            for image, mask in zip(volume.images, volume.masks, strict=True)
        ]
        changes = Compose(
            [
                EnsureTyped(keys=keys),
                ScaleIntensityd(keys="image"),
                SpatialPadd(keys=keys, spatial_size=self.CROP),
                RandCropByPosNegLabeld(keys=keys, label_key="mask", spatial_size=self.CROP, pos=1, neg=1, num_samples=4),
                RandRotate90d(keys=keys, prob=0.5, spatial_axes=(0, 1)),
            ]
        )
        loader = DataLoader(Dataset(slices, changes), batch_size=2, shuffle=True, num_workers=0, collate_fn=list_data_collate)
        network = UNet(
            spatial_dims=2,
            in_channels=volumes[0].images.shape[1],
            out_channels=1,
            channels=(16, 32, 64, 128, 256),
            strides=(2, 2, 2, 2),
            num_res_units=2,
        )
        self.loop = r2_loop.PlainLoop(
            network, _Pairs(loader), DiceLoss(sigmoid=True), torch.optim.Adam(network.parameters(), 1e-3), device
        )
        self.device = device

    def step(self, share: float) -> int:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Num foregrounds", UserWarning)  # of every slice without foreground
            return self.loop.step()

    @torch.no_grad()
    def predict(self, volume: Volume) -> NDArray[np.float32]:
        from monai.inferers import sliding_window_inference
        from monai.transforms import ScaleIntensity

        self.loop.network.eval()
        scale, out = ScaleIntensity(), []
        for image in volume.images:
            ready = torch.as_tensor(np.asarray(scale(image)))[None].to(self.device)
            logits = sliding_window_inference(ready, self.CROP, 4, self.loop.network)
            out.append(torch.as_tensor(logits)[0, 0].sigmoid().cpu().numpy())
        return np.stack(out)


class _Pairs:
    """A loader of dictionaries as one of (image, mask)."""

    def __init__(self, loader: Any) -> None:
        self.loader = loader

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for batch in self.loader:
            yield batch["image"].as_tensor(), batch["mask"].as_tensor()


SYSTEMS: dict[str, Callable[[Sequence[Volume], str, int], System]] = {"r2": R2, "smp": Smp, "monai": Monai}
#: Their schedule ends with the time: a run of its own for every mark. The others are looked at on their way.
SCHEDULED = frozenset({"smp"})


def against_the_clock(
    name: str,
    read: Callable[[], Sequence[Volume]],
    test: Sequence[Volume],
    marks: Sequence[float],
    *,
    device: str,
    seed: int,
    at_mark: Callable[[float, dict[str, Any], Masks], None],
) -> None:
    """Train until each of ``marks`` (seconds) and hand the masks of ``test`` to ``at_mark``; predicting stops the clock."""
    begun, paused = now(), 0.0
    system = SYSTEMS[name](read(), device, seed)
    images = steps = 0
    quickest = 0.0  # no step is begun that would end after the mark even if it were as quick as any
    for mark in marks:
        while (spent := now() - begun - paused) + quickest <= mark or steps == 0:
            images += system.step(spent / mark)
            steps += 1
            took = now() - begun - paused - spent
            quickest = min(quickest or took, took)
        halted = now()
        masks = {volume.name: (system.predict(volume) > 0.5).astype(np.uint8) for volume in test}
        at_mark(mark, {"seconds": halted - begun - paused, "images": images, "steps": steps}, masks)
        paused += now() - halted


def nnunet_against_the_clock(
    python: str,
    folder: Path,
    train: Sequence[Volume],
    test: Sequence[Volume],
    marks: Sequence[float],
    *,
    threads: int,
    device: str,
    at_mark: Callable[[float, dict[str, Any], Masks], None],
) -> None:
    """The same with nnU-Net in a process of its own. Writing its raw data set is off the clock, its preprocessing on it.

    Raises ``RuntimeError`` where it fails, with the end of what it said.
    """
    dataset = "Dataset501_Benchmark"
    raw = folder / "raw" / dataset
    for part in ("imagesTr", "labelsTr", "imagesTs"):
        (raw / part).mkdir(parents=True, exist_ok=True)
    names = {volume.name: f"case_{number:04d}" for number, volume in enumerate([*train, *test])}
    for volume in train:
        _write_nrrd(volume, raw / "imagesTr", names[volume.name], raw / "labelsTr")
    files = {names[volume.name]: _write_nrrd(volume, raw / "imagesTs", names[volume.name]) for volume in test}
    channels = train[0].images.shape[1]
    description = {
        "channel_names": {str(c): f"channel{c}" for c in range(channels)},
        "labels": {"background": 0, "foreground": 1},
        "numTraining": len(train),
        "file_ending": ".nrrd",
    }
    (raw / "dataset.json").write_text(json.dumps(description), encoding="utf-8")
    job = {
        "folder": str(folder.resolve()),
        "dataset": dataset,
        "train": [names[volume.name] for volume in train],
        "test": files,
        "marks": list(marks),
        "threads": threads,
        "device": device,
        "begun": time.time(),
    }
    (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
    with (folder / "nnunet.log").open("w", encoding="utf-8") as log:
        ended = subprocess.run(
            [python, str(Path(__file__).with_name("nnunet_runner.py")), str(folder / "job.json")],
            stdout=log,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if ended.returncode:
        raise RuntimeError("nnU-Net failed: " + (folder / "nnunet.log").read_text(encoding="utf-8")[-600:])
    for done in json.loads((folder / "marks.json").read_text(encoding="utf-8")):
        masks = {}
        for volume in test:
            found = np.load(folder / f"masks_{done['mark']:g}" / f"{names[volume.name]}.npy")
            masks[volume.name] = (found.reshape(volume.masks.shape) == 1).astype(np.uint8)
        at_mark(done.pop("mark"), done, masks)


def _write_nrrd(volume: Volume, images: Path, name: str, labels: Path | None = None) -> list[str]:
    import SimpleITK as sitk  # noqa: N813 - the name everybody gives it

    spacing = (1.0, 1.0, 999.0 if len(volume.images) == 1 else 5.0)  # slices are apart: nnU-Net's own sign for 2-D is 999
    written = []
    for channel in range(volume.images.shape[1]):
        image = sitk.GetImageFromArray(np.ascontiguousarray(volume.images[:, channel]))
        image.SetSpacing(spacing)
        written.append(str((images / f"{name}_{channel:04d}.nrrd").resolve()))
        sitk.WriteImage(image, written[-1])
    if labels is not None:
        mask = sitk.GetImageFromArray(volume.masks)
        mask.SetSpacing(spacing)
        sitk.WriteImage(mask, str(labels / f"{name}.nrrd"))
    return written
