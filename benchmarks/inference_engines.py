"""Prediction by every engine beside eager PyTorch, each in a process of its own, in turns.

    python benchmarks/inference_engines.py --json out.json             # a minute on a quiet 2-core machine
    python benchmarks/inference_engines.py --monai                     # also MONAI's sliding window over 2048² pixels
    python benchmarks/inference_engines.py --monai --json out.json --write docs/performance.md
    python benchmarks/inference_engines.py --batch 1 --size 512 --widths 16,32,64,128,256

The contestants take turns within every round; a ratio is the median of the rounds' own ratios. Latency is that of one image alone,
measured in rounds of its own. Memory is the process's largest, the model and what made it ready included. Each has a process of its
own (``apart.py`` says why). Weights are random: speed does not depend on them, and what quantisation costs in Dice is measured by
``delineate export --int8``.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

import page
from apart import Apart, serve
from measuring import Spread, document, interleaved, ratios, say, write_json

CONTESTANTS = (
    "eager",
    "eager channels_last bf16",
    "onnxruntime",
    "openvino",
    "torch",
    "int8 openvino",
    "int8 onnxruntime",
)
GEMM = 4096


def main(arguments: list[str] | None = None) -> dict[str, Any]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--widths", default="32,64,128,256,512")
    parser.add_argument("--decoder", choices=("transposed", "upsample"), default="transposed")
    parser.add_argument("--channels", type=int, default=3)
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", nargs="*", choices=CONTESTANTS)
    parser.add_argument("--monai", action="store_true", help="also MONAI's sliding_window_inference on 2048², roi 512, overlap 0.5")
    parser.add_argument("--json", type=Path, default=None)
    parser.add_argument("--write", type=Path, metavar="PAGE", help="put the table between the page's `engines` markers")
    parser.add_argument("--worker", nargs=2, metavar=("NAME", "FOLDER"), help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if chosen.worker:
        serve_one(chosen)
        return {}
    result = measure(chosen)
    write_json(chosen.json, result)
    if chosen.write:
        page.write_section(chosen.write, "engines", f"{page.machine_line(result)}\n\n{table(result)}")
    say(table(result))
    return result


def measure(chosen: argparse.Namespace) -> dict[str, Any]:
    names = [name for name in CONTESTANTS if not chosen.only or name in chosen.only or name == "eager"]
    with tempfile.TemporaryDirectory(prefix="delineate-engines-") as folder:
        flop = make_files(chosen, Path(folder))
        turns = take_turns([*names, "gemm"], chosen, folder)
        alone = take_turns(names, argparse.Namespace(**{**vars(chosen), "batch": 1}), folder)
        windows = {}
        if chosen.monai:
            windows = sliding_window(chosen, folder)
    rates = turns.rates
    gemm = rates.pop("gemm", None)
    found: dict[str, Any] = {
        "setting": {
            "network": f"unet {chosen.widths}, {chosen.decoder}",
            "size": chosen.size,
            "batch": chosen.batch,
            "channels": chosen.channels,
            "threads": chosen.threads,
            "gflop_per_image": flop / 1e9,
        },
        "unit": "images/s",
        "rates": {name: Spread.of(values).plain() for name, values in rates.items()},
        "ratio": {name: ratios(values, rates["eager"]).plain() for name, values in rates.items() if name != "eager"},
        "latency_ms": {name: Spread.of([1000 / value for value in values]).plain() for name, values in alone.rates.items()},
        "peak_mib": {name: peak for name, peak in turns.peaks.items() if name in rates},
        "skipped": turns.skipped,
        "sliding_window": windows,
    }
    if gemm:
        found["peak_gflops_bf16"] = Spread.of([value / 1e9 for value in gemm]).plain()
        share = {name: ratios([value * flop for value in values], gemm).plain() for name, values in rates.items()}
        found["peak_share"] = share
    return document("inference_engines", "cpu", found)


def make_files(chosen: argparse.Namespace, folder: Path) -> float:
    """model.onnx, int8.onnx and weights.pt of one network; gives its floating-point operations for an image."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from delineate.export import export_onnx
    from delineate.export.quantise import quantise
    from delineate.recipe import ModelRecord, Normalisation, Preprocessing

    network = build(chosen)
    with torch.no_grad():  # norms with statistics of their own, as after training
        network.train()(torch.randn(2, chosen.channels, 96, 96))
    torch.save(network.state_dict(), folder / "weights.pt")
    colour = "rgb" if chosen.channels == 3 else "as-is"
    preparation = Preprocessing(channels=chosen.channels, colour=colour, fit="scale", normalisation=Normalisation(scheme="none"))
    path = export_onnx(network.eval(), ModelRecord(preprocessing=preparation), folder / "model.onnx", in_channels=chosen.channels)
    planes = [np.random.default_rng(n).standard_normal((1, chosen.channels, 128, 128), dtype=np.float32) for n in range(4)]
    (folder / "int8.onnx").write_bytes(quantise(path.read_bytes(), planes))
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.zeros(1, chosen.channels, chosen.size, chosen.size))
    return float(counter.get_total_flops())


def build(chosen: argparse.Namespace) -> Any:
    import torch

    from delineate.models import build_unet

    torch.manual_seed(0)
    widths = [int(width) for width in chosen.widths.split(",")]
    return build_unet(chosen.channels, 1, {"widths": widths, "decoder": chosen.decoder})


def apart(name: str, chosen: argparse.Namespace, folder: str) -> Apart:
    """A contestant in a process of its own."""
    command = [str(Path(__file__).resolve()), "--worker", name, folder]
    for option in ("size", "batch", "widths", "decoder", "channels", "threads"):
        if getattr(chosen, option) is not None:
            command += [f"--{option}", str(getattr(chosen, option))]
    return Apart(command)


@dataclass(frozen=True)
class Turns:
    """Per contestant: its rate in every round, and its largest memory in MiB; and why one could not take part."""

    rates: dict[str, list[float]]
    peaks: dict[str, int]
    skipped: dict[str, str]


def take_turns(names: list[str], chosen: argparse.Namespace, folder: str) -> Turns:
    workers: dict[str, Apart] = {}
    skipped: dict[str, str] = {}
    for name in names:
        try:
            workers[name] = apart(name, chosen, folder)
        except RuntimeError as error:
            skipped[name] = str(error)
    try:
        rates = interleaved({name: partial(_rate, worker) for name, worker in workers.items()}, chosen.rounds)
        peaks = {name: round(peak) for name, worker in workers.items() if (peak := worker.peak_mib()) is not None}
        return Turns(rates, peaks, skipped)
    finally:
        for worker in workers.values():
            worker.end()


def _rate(worker: Apart) -> float:
    return worker().rate


def sliding_window(chosen: argparse.Namespace, folder: str) -> dict[str, Any]:
    """Seconds for one 2048² plane: MONAI's BasicUNet with its own sliding window, and the same network as our model file."""
    turns = take_turns(["monai window", "our window"], argparse.Namespace(**{**vars(chosen), "rounds": 3}), folder)
    rates = turns.rates
    if len(rates) < 2:
        return {"skipped": turns.skipped}
    return {
        "seconds": {name: Spread.of([1 / value for value in values]).plain() for name, values in rates.items()},
        "ratio": ratios(rates["our window"], rates["monai window"]).plain(),
    }


def serve_one(chosen: argparse.Namespace) -> None:
    """The process of one contestant."""
    name, folder = chosen.worker[0], Path(chosen.worker[1])

    def make() -> Callable[[], float]:
        run, amount = contestant(name, chosen, folder)

        def once() -> float:
            run()
            return amount

        return once

    serve(make)


def contestant(name: str, chosen: argparse.Namespace, folder: Path) -> tuple[Callable[[], Any], float]:
    """What one turn does, and how much that is (images, or operations for ``gemm``)."""
    batch = np.random.default_rng(0).standard_normal((chosen.batch, chosen.channels, chosen.size, chosen.size), dtype=np.float32)
    if name in ("gemm", "eager", "eager channels_last bf16"):
        return _torch(name, chosen, folder, batch)
    if name.endswith("window"):
        return _window(name, chosen, folder), 1.0
    from delineate.inference import ModelFile, engines_registry, physical_cores

    file = "int8.onnx" if name.startswith("int8") else "model.onnx"
    engine = engines_registry.get(name.split()[-1])(ModelFile.open(folder / file), chosen.threads or physical_cores())
    return lambda: engine.run(batch), chosen.batch


def _torch(name: str, chosen: argparse.Namespace, folder: Path, batch: Any) -> tuple[Callable[[], Any], float]:
    import torch

    if chosen.threads:
        torch.set_num_threads(chosen.threads)
    if name == "gemm":
        from delineate.training import machine_profile

        # Where bfloat16 is emulated one such product takes minutes, and the machine's peak is float32's.
        dtype = torch.float32 if machine_profile("cpu").precision == "fp32" else torch.bfloat16
        a, b = (torch.randn(GEMM, GEMM).to(dtype) for _ in range(2))
        return lambda: a @ b, 2.0 * GEMM**3
    network = build(chosen).eval()
    network.load_state_dict(torch.load(folder / "weights.pt", weights_only=True))
    images = torch.from_numpy(batch)
    if name == "eager":

        def run() -> Any:
            with torch.no_grad():
                return network(images).numpy()

        return run, chosen.batch
    network = network.to(memory_format=torch.channels_last)
    images = images.contiguous(memory_format=torch.channels_last)

    def run_bf16() -> Any:
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            return network(images).float().numpy()

    return run_bf16, chosen.batch


def _window(name: str, chosen: argparse.Namespace, folder: Path) -> Callable[[], Any]:
    import torch
    from monai.networks.nets import BasicUNet

    torch.manual_seed(0)
    network = BasicUNet(spatial_dims=2, in_channels=1, out_channels=1).eval()
    plane = np.random.default_rng(1).random((1, 1, 2048, 2048), dtype=np.float32)
    if name == "monai window":
        from monai.inferers import sliding_window_inference

        images = torch.from_numpy(plane)

        def theirs() -> Any:
            with torch.no_grad():
                return sliding_window_inference(images, (512, 512), 4, network, overlap=0.5, mode="gaussian")

        return theirs
    from delineate.export import export_onnx
    from delineate.export import network as exporting
    from delineate.inference import Predictor
    from delineate.recipe import ModelRecord, Normalisation, Preprocessing

    for part in network.modules():  # a branch on the size, for odd sizes, that cannot be exported and is not taken here
        if hasattr(part, "is_pad"):
            part.is_pad = False
    exporting._verify = lambda *_: None  # at an odd size, that is; the answer is compared below
    preparation = Preprocessing(fit="scale", tile=512, tile_overlap=0.5, normalisation=Normalisation(scheme="none"))
    path = export_onnx(network, ModelRecord(preprocessing=preparation), folder / "basic.onnx", in_channels=1)
    engine = "openvino"
    try:
        import openvino  # noqa: F401
    except ModuleNotFoundError:
        engine = "onnxruntime"
    predictor = Predictor(path, engine=engine, blend="gaussian", threads=chosen.threads)
    from monai.inferers import sliding_window_inference

    with torch.no_grad():
        wanted = sliding_window_inference(torch.from_numpy(plane), (512, 512), 4, network, overlap=0.5, mode="gaussian").numpy()
    away = float(np.abs(predictor.logits(plane) - wanted).mean() / wanted.std())
    if away > 0.05:  # bfloat16; and at the image's rim MONAI's weights have a floor that ours have not
        raise RuntimeError(f"the answers differ by {away:.3f} standard deviations on average")
    return lambda: predictor.logits(plane)


def table(result: dict[str, Any]) -> str:
    """Markdown: one line a contestant, then the sliding windows."""
    body = []
    for name, rate in result["rates"].items():
        ratio, share = result["ratio"].get(name), result.get("peak_share", {}).get(name)
        latency, peak = result["latency_ms"].get(name), result["peak_mib"].get(name)
        body.append(
            [
                name,
                page.spread(rate),
                "1" if ratio is None else page.spread(ratio),
                "–" if share is None else f"{100 * share['median']:.0f} %",
                "–" if latency is None else page.spread(latency, 1, " ms"),
                "–" if peak is None else f"{peak} MiB",
            ]
        )
    setting = result["setting"]
    head = ["engine", "images/s", "× eager", "of the bf16 peak", "one image", "memory"]
    size = f"{setting['size']}×{setting['size']}×{setting['channels']}"
    lines = [f"{setting['network']}, {size}, batch {setting['batch']}; medians (ranges).", "", page.rows(head, body)]
    window = result["sliding_window"]
    if "seconds" in window:
        seconds = [[name, page.spread(value, 1, " s")] for name, value in window["seconds"].items()]
        lines += ["", page.rows(["2048×2048, windows of 512, overlap 0.5, BasicUNet", "seconds"], seconds)]
        lines += ["", f"Ours is {page.spread(window['ratio'])} times as fast."]
    lines += [f"\nNot measured: {name} ({reason})." for name, reason in {**result["skipped"], **window.get("skipped", {})}.items()]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
