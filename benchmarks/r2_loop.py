"""Reference system R2 as it is described: its data set, its loop, its prediction. The base that our speed is measured against.

Slices are decoded once, cut to the volume's content, padded to squares, resized and normalised per volume, and held in memory.
Every training slice is drawn with a weight for its foreground, scaled (±5 %), rotated (±15°) and flipped by itself; a
``DataLoader`` without workers collates them. The network is a U-Net of 32 … 512 features with transposed convolutions that ends in
a sigmoid, in float32 and plain memory order; soft Dice loss, Adam with 1e-4, batches of 16.

In R2's favour: OpenCV resamples here, several times faster than what is usual in Python; and nothing is validated while it trains.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

Array = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Volume:
    """(N, C, H, W) float32 slices as read and (N, H, W) masks of 0 and 1; slices of one volume share their size."""

    name: str
    images: Array
    masks: NDArray[np.uint8]


@dataclass(frozen=True)
class Frame:
    """Where the content was cut out, (top, left, bottom, right), and how the square around it was padded."""

    box: tuple[int, int, int, int]
    pad: tuple[int, int]


def prepared(volume: Volume, size: int) -> tuple[Array, Array, Frame]:
    """(N, C, size, size) images, (N, size, size) masks, and the way back."""
    content = (volume.images > 0.1 * volume.images.max()).any(axis=(0, 1))
    rows, columns = np.flatnonzero(content.any(axis=1)), np.flatnonzero(content.any(axis=0))
    box = (int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1) if len(rows) else (0, 0, *content.shape)
    height, width = box[2] - box[0], box[3] - box[1]
    side = max(height, width)
    pad = ((side - height) // 2, (side - width) // 2)

    def square(plane: Array, fast: int) -> Array:
        whole = np.zeros((side, side), dtype=np.float32)
        whole[pad[0] : pad[0] + height, pad[1] : pad[1] + width] = plane[box[0] : box[2], box[1] : box[3]]
        return np.asarray(cv2.resize(whole, (size, size), interpolation=fast))

    images = np.stack([[square(channel, cv2.INTER_LINEAR) for channel in image] for image in volume.images])
    masks = np.stack([square(mask.astype(np.float32), cv2.INTER_NEAREST) for mask in volume.masks])
    low, high = (np.float32(value) for value in np.percentile(images, (10, 99)))
    images = np.clip(images, low, high)
    axes = (0, 2, 3)
    spread = images.std(axis=axes, keepdims=True)
    return (images - images.mean(axis=axes, keepdims=True)) / np.maximum(spread, 1e-6), masks, Frame(box, pad)


def put_back(probability: Array, frame: Frame, shape: tuple[int, int]) -> Array:
    """(size, size) → (rows, columns) of the image as it was read."""
    top, left, bottom, right = frame.box
    height, width = bottom - top, right - left
    side = max(height, width)
    square = cv2.resize(probability, (side, side), interpolation=cv2.INTER_LINEAR)
    out = np.zeros(shape, dtype=np.float32)
    out[top:bottom, left:right] = square[frame.pad[0] : frame.pad[0] + height, frame.pad[1] : frame.pad[1] + width]
    return out


class Slices(Dataset):  # type: ignore[type-arg]
    """One changed slice at a time. As R2: the index only sets the length, the slice is drawn."""

    def __init__(self, volumes: Sequence[Volume], size: int, seed: int = 0) -> None:
        ready = [prepared(volume, size) for volume in volumes]
        self.images = [image for images, _, _ in ready for image in images]
        self.masks = [mask for _, masks, _ in ready for mask in masks]
        area = np.array([mask.sum() for mask in self.masks], dtype=np.float64)
        weight = area + max(0.1 * area.sum() / len(area), 1e-9)
        self.share = weight / weight.sum()
        self.rng = np.random.default_rng(seed)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        drawn = int(self.rng.choice(len(self.images), p=self.share))
        image, mask = self.images[drawn].transpose(1, 2, 0), self.masks[drawn]
        size = image.shape[0]
        matrix = cv2.getRotationMatrix2D(
            ((size - 1) / 2, (size - 1) / 2), float(self.rng.uniform(-15, 15)), float(self.rng.uniform(0.95, 1.05))
        )
        image = cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR)
        mask = cv2.warpAffine(mask, matrix, (size, size), flags=cv2.INTER_NEAREST)
        image = image[..., None] if image.ndim == 2 else image
        if self.rng.random() < 0.5:
            image, mask = image[:, ::-1], mask[:, ::-1]
        return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))), torch.from_numpy(mask.copy())[None]


def soft_dice(probability: Tensor, truth: Tensor) -> Tensor:
    hit = (probability * truth).sum()
    return 1 - (2 * hit + 1) / (probability.sum() + truth.sum() + 1)


class PlainLoop:
    """Network, optimiser, loader: ``step()`` does what a training step of such a loop does and returns the images seen."""

    def __init__(
        self,
        network: nn.Module,
        loader: DataLoader,  # type: ignore[type-arg]
        loss: Callable[[Tensor, Tensor], Tensor],
        optimiser: torch.optim.Optimizer,
        device: str = "cpu",
        after_step: Callable[[], None] = lambda: None,
    ) -> None:
        self.network, self.loader, self.loss, self.optimiser = network.to(device), loader, loss, optimiser
        self.device, self.after_step = device, after_step
        self._batches = self._endless()

    def _endless(self) -> Iterator[tuple[Tensor, Tensor]]:
        while True:
            yield from self.loader

    def step(self) -> int:
        images, masks = next(self._batches)
        images, masks = images.to(self.device), masks.to(self.device)
        self.network.train()
        self.optimiser.zero_grad()
        loss = self.loss(self.network(images), masks)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        self.after_step()
        loss.item()  # such loops print it
        return len(images)


def r2_network(channels: int, classes: int = 1) -> nn.Module:
    """R2's U-Net, ending in a sigmoid."""
    from delineate.models import build
    from delineate.recipe import NetworkRecipe

    return nn.Sequential(build(NetworkRecipe(name="unet_r2"), channels, classes), nn.Sigmoid())


def r2_loop(volumes: Sequence[Volume], *, size: int, batch: int = 16, seed: int = 0, device: str = "cpu") -> PlainLoop:
    """R2's training, ready to step."""
    torch.manual_seed(seed)
    network = r2_network(volumes[0].images.shape[1])
    data = Slices(volumes, size, seed)
    loader = DataLoader(data, batch_size=min(batch, len(data)), drop_last=True, num_workers=0)
    return PlainLoop(network, loader, soft_dice, torch.optim.Adam(network.parameters(), lr=1e-4), device)


@torch.no_grad()
def predict_volume(network: nn.Module, volume: Volume, size: int, device: str = "cpu", batch: int = 16) -> Array:
    """Probabilities (N, H, W) on the volume's own grid: eager, float32, a batch of slices at a time."""
    images, _, frame = prepared(volume, size)
    network.eval()
    shape = (volume.images.shape[2], volume.images.shape[3])
    out = []
    for start in range(0, len(images), batch):
        piece = torch.stack([torch.from_numpy(image) for image in images[start : start + batch]]).to(device)
        out += [put_back(one[0], frame, shape) for one in network(piece).float().cpu().numpy()]
    return np.stack(out)
