"""Who takes part in throughput.py: our own training and prediction as the product runs them, and the loops of others."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks import r2_loop
from delineate import layouts
from delineate.dataset import load_image, load_mask
from delineate.domain import Case, Geometry, Image, LabelSet
from delineate.export import export_onnx
from delineate.inference import Predictor
from delineate.models import build
from delineate.recipe import (
    AUGMENTATION_PRESETS,
    MaskRule,
    ModelRecord,
    NetworkRecipe,
    Normalisation,
    Preprocessing,
    Recipe,
    Stage,
    Training,
)
from delineate.training import MachineProfile, build_cache
from delineate.training.batches import Batch, BatchMaker, Prefetcher
from delineate.training.step import Learner

Step = Callable[[], int]
"""Does one step and returns the number of images in it."""


@dataclass(frozen=True)
class Setting:
    """One network, one size, one batch, one machine: the same for everybody."""

    data: Path
    folder: Path
    size: int
    batch: int
    threads: int
    device: str
    profile: MachineProfile
    widths: tuple[int, ...]
    memo: dict[str, Any] = field(default_factory=dict, compare=False)

    @property
    def recipe(self) -> Recipe:
        """What the product would train: its default loss, augmentation and averaging, in its measured precision.

        By AdamW, as R2's loop goes by Adam, so that ratios tell how the machine is used; what Muon, the plan's own choice, costs a
        step is a row of its own.
        """
        return Recipe(
            labels=LabelSet(),
            masks=MaskRule(cutoff=127),
            preprocessing=Preprocessing(
                channels=3, colour="rgb", fit="stretch", size=(self.size, self.size), normalisation=Normalisation(scheme="volume")
            ),
            network=NetworkRecipe(name="unet", options={"widths": list(self.widths), "decoder": "transposed"}),
            training=Training(
                steps=1_000_000,
                stages=(Stage(size=(self.size, self.size), batch=self.batch),),
                augmentation=AUGMENTATION_PRESETS["medium"],
                precision=self.profile.precision,
                channels_last=self.profile.channels_last,
                threads=self.threads,
                device=self.device,
            ),
        )

    @cached_property
    def cases(self) -> tuple[Case, ...]:
        return tuple(layouts.scan(self.data).cases)

    @cached_property
    def volumes(self) -> list[r2_loop.Volume]:
        return read_volumes(self.cases, self.recipe)

    @property
    def flop_forward(self) -> float:
        return self._flop()[0]

    @property
    def flop_training(self) -> float:
        return self._flop()[1]

    def save(self) -> Path:
        """As a file, for contestants in processes of their own."""
        path = self.folder / "setting.json"
        values = {one.name: getattr(self, one.name) for one in fields(self) if one.name not in ("memo", "profile")}
        values = {name: str(value) if isinstance(value, Path) else value for name, value in values.items()}
        path.write_text(json.dumps({**values, "profile": asdict(self.profile)}), encoding="utf-8")
        return path

    @staticmethod
    def load(path: Path) -> Setting:
        values = json.loads(path.read_text(encoding="utf-8"))
        places = {name: Path(values.pop(name)) for name in ("data", "folder")}
        profile, widths = MachineProfile(**values.pop("profile")), tuple(values.pop("widths"))
        return Setting(**places, **values, profile=profile, widths=widths)

    def _flop(self) -> tuple[float, float]:
        """Of one image: forward; forward and backward. Counted by torch on tensors without storage; convolutions only."""
        if "flop" not in self.memo:
            from torch.utils.flop_counter import FlopCounterMode

            with torch.device("meta"):
                network = build(self.recipe.network, 3, 1)
                image = torch.empty(1, 3, self.size, self.size)
                with FlopCounterMode(display=False) as forward, torch.no_grad():
                    network(image)
                with FlopCounterMode(display=False) as both:
                    network(image).sum().backward()
            self.memo["flop"] = float(forward.get_total_flops()), float(both.get_total_flops())
        return self.memo["flop"]  # type: ignore[no-any-return]


def read_volumes(cases: tuple[Case, ...] | list[Case], recipe: Recipe) -> list[r2_loop.Volume]:
    """Cases → volumes as the plain loops want them, read by our readers, so that everybody sees the same pixels."""
    groups: dict[str, list[Case]] = {}
    for case in cases:
        groups.setdefault(case.group, []).append(case)
    volumes = []
    for name, members in groups.items():
        images, masks = [], []
        for case in members:
            image = load_image(case)
            mask = load_mask(case, recipe.masks, recipe.labels, image_geometry=image.geometry).labels
            pixels = image.pixels.astype(np.float32)
            images += [pixels] if pixels.ndim == 3 else list(pixels.transpose(1, 0, 2, 3))
            masks += [mask] if mask.ndim == 2 else list(mask)
        volumes.append(r2_loop.Volume(name, np.stack(images), (np.stack(masks) == 1).astype(np.uint8)))
    return volumes


def peak(setting: Setting) -> Callable[[list[float]], float]:
    """FLOP/s of the machine's matrix product, 2048 × 2048: bf16, or float32 where that is what training uses. FLOP per second of
    processor time is added to the list given."""
    side = 2048 if setting.device == "cpu" else 8192
    dtype = torch.float32 if setting.profile.precision == "fp32" else torch.bfloat16
    a, b = (torch.randn(side, side, device=setting.device).to(dtype) for _ in range(2))

    def measured(used: list[float]) -> float:
        best = 0.0
        worked = time.process_time()
        for _ in range(6):  # the best of a few: a peak is what can be reached, not what was left over
            begun = time.perf_counter()
            a @ b
            _wait(setting.device)
            best = max(best, 2 * side**3 / (time.perf_counter() - begun))
        used.append(6 * 2 * side**3 / max(time.process_time() - worked, 1e-9))
        return best

    measured([])
    return measured


class Ours:
    """The parts of :mod:`delineate.training.loop`, put together as it does: cache, batch maker, prefetcher, learner."""

    def __init__(self, setting: Setting, **training: Any) -> None:
        recipe = setting.recipe
        recipe = recipe.model_copy(update={"training": recipe.training.model_copy(update=training)})
        cache = build_cache(setting.cases, recipe, setting.folder / "cache", workers=setting.threads)
        stage = recipe.training.stages[0]
        self.stage, self.device = stage, setting.device
        self.learner = Learner(recipe)
        self.maker = BatchMaker(cache, recipe)
        self.batches = Prefetcher(self._make, lambda step: stage)
        self.number = 0
        self.waits: list[float] = []
        self.works: list[float] = []

    def _make(self, step: int, stage: Stage) -> Batch:
        begun = time.thread_time()
        batch = self.maker.make(step, stage)
        self.works.append(time.thread_time() - begun)
        return batch

    def step(self) -> int:
        begun = time.perf_counter()
        images, labels = self.batches.get(self.number, self.stage)
        arrived = time.perf_counter()
        self.learner.step(images, labels, self.number, 1e-3)
        _wait(self.device)
        self.waits.append((arrived - begun) / (time.perf_counter() - begun))
        self.number += 1
        return len(images)

    def forget(self) -> None:
        """Drop what was measured while warming up."""
        self.waits.clear()
        self.works.clear()

    def close(self) -> None:
        self.batches.__exit__(None, None, None)


def r2_steps(setting: Setting) -> Step:
    return r2_loop.r2_loop(setting.volumes, size=setting.size, batch=setting.batch, device=setting.device).step


def _plain(setting: Setting, network: torch.nn.Module) -> Step:
    """The same loop with another network that gives logits, Dice by segmentation_models_pytorch's or MONAI's own formula alike."""
    data = r2_loop.Slices(setting.volumes, setting.size)
    loader = torch.utils.data.DataLoader(data, batch_size=setting.batch, drop_last=True)
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-4)
    return r2_loop.PlainLoop(network, loader, lambda y, t: r2_loop.soft_dice(y.sigmoid(), t), optimiser, setting.device).step


def _smp(setting: Setting) -> Step:
    import segmentation_models_pytorch as smp

    return _plain(setting, smp.Unet("resnet34", encoder_weights=None, in_channels=3, classes=1))


def _monai(setting: Setting) -> Step:
    from monai.networks.nets import BasicUNet

    widths = (*setting.widths, setting.widths[0])
    return _plain(setting, BasicUNet(spatial_dims=2, in_channels=3, out_channels=1, features=widths))


def _nnunet(setting: Setting) -> Step:
    """nnU-Net's own network with the features above, two convolutions a stage and deep supervision off. Its own loop (SGD, heavy
    augmentation in other processes) is in dice_vs_time.py."""
    from dynamic_network_architectures.architectures.unet import PlainConvUNet

    count = len(setting.widths)
    network = PlainConvUNet(
        3,
        count,
        setting.widths,
        torch.nn.Conv2d,
        3,
        [1] + [2] * (count - 1),
        [2] * count,
        1,
        [2] * (count - 1),
        conv_bias=True,
        norm_op=torch.nn.InstanceNorm2d,
        norm_op_kwargs={"affine": True},
        nonlin=torch.nn.LeakyReLU,
        nonlin_kwargs={"inplace": True},
    )
    return _plain(setting, network)


OTHERS: dict[str, Callable[[Setting], Step]] = {
    "smp U-Net/ResNet-34": _smp,
    "MONAI BasicUNet": _monai,
    "nnU-Net PlainConvUNet": _nnunet,
}


#: Names of prediction's contestants, and the engine and file of ours.
ENGINES = {
    "ours openvino": ("openvino", False),
    "ours onnxruntime": ("onnxruntime", False),
    "ours int8": ("openvino", True),
}


def prediction(setting: Setting, name: str, planes: int) -> Step:
    """One prediction of a volume of ``planes`` slices, image in memory to mask. Raises what says why it cannot take part."""
    volume = _volume(setting, planes)
    if name == "r2":
        network = r2_loop.r2_network(3).to(setting.device)
        return lambda: len(r2_loop.predict_volume(network, volume, setting.size, setting.device))
    if setting.device != "cpu":
        raise RuntimeError("prediction runs on the CPU; on a GPU only training is compared")
    engine, eight_bits = ENGINES[name]
    image = image_of(volume)
    path = _int8_file(setting, image) if eight_bits else model_file(setting)
    return _predict(Predictor(path, engine=engine, threads=setting.threads), image)


def training(setting: Setting, name: str) -> Step:
    """The training loops of others."""
    return r2_steps(setting) if name == "r2" else OTHERS[name](setting)


def _predict(predictor: Predictor, image: Image) -> Step:
    count = image.geometry.shape[0]

    def run() -> int:
        predictor.predict(image)
        return int(count)

    return run


def _volume(setting: Setting, planes: int) -> r2_loop.Volume:
    first = setting.volumes[0]
    take = np.arange(planes) % len(first.images)
    return r2_loop.Volume("volume", first.images[take], first.masks[take])


def image_of(volume: r2_loop.Volume) -> Image:
    pixels = volume.images.transpose(1, 0, 2, 3).astype(np.uint8)
    return Image(np.ascontiguousarray(pixels), Geometry(pixels.shape[1:]), colour="rgb")


def model_file(setting: Setting) -> Path:
    """The same network, untrained, as the product exports it."""
    path = setting.folder / "model.onnx"
    if not path.exists():
        torch.manual_seed(0)
        recipe = setting.recipe
        record = ModelRecord(name="benchmark", labels=recipe.labels, preprocessing=recipe.preprocessing)
        export_onnx(build(recipe.network, 3, recipe.labels.channels), record, path, in_channels=3)
    return path


def _int8_file(setting: Setting, image: Image) -> Path:
    """The same model in 8 bits. Its network is not trained, so this is about time; what 8 bits cost in Dice is said by
    ``delineate export --int8`` for a trained one."""
    from delineate.export.quantise import quantise
    from delineate.preprocessing import prepare

    planes = prepare(image, setting.recipe.preprocessing).planes[: setting.batch]
    path = setting.folder / "model_int8.onnx"
    if not path.exists():
        path.write_bytes(quantise(model_file(setting).read_bytes(), [plane[None] for plane in planes]))
    return path


def memory_and_latency(setting: Setting) -> dict[str, Any]:
    """Milliseconds of one image by engine (median of 10), and the process's largest memory so far."""
    import resource

    latency: dict[str, float] = {}
    if setting.device == "cpu":
        image = image_of(_volume(setting, 1))
        for engine in ("onnxruntime", "openvino"):
            try:
                predictor = Predictor(model_file(setting), engine=engine, threads=setting.threads)
                predictor.predict(image)
            except Exception:  # noqa: BLE001, S112 - said under "skipped" already
                continue
            seconds = [predictor.predict(image).seconds for _ in range(10)]
            latency[engine] = round(1000 * float(np.median(seconds)), 1)
    return {
        "latency_ms": latency,
        "peak_memory_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def _wait(device: str) -> None:
    if device != "cpu":
        torch.cuda.synchronize(device)
