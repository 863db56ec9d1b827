"""Time and memory of tiled prediction from 1 to 400 megapixels, with a tiny network and 2 GB allowed.

    python benchmarks/tiled_scaling.py --json out.json                 # 1, 25, 100 and 400 megapixels
    python benchmarks/tiled_scaling.py --megapixels 1 25 --engine openvino
    python benchmarks/tiled_scaling.py --json out.json --write docs/performance.md

Each image is an RGB TIFF with 512² tiles, predicted by ``delineate predict --memory 2GB --level 0`` in a process of its own, whose
largest resident memory is what Linux reports. A network as small as this one makes reading, preparing, blending, writing visible.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

import page
from measuring import document, say, write_json

TILE = 512
#: The command in a process that says in the end what it took; ``ru_maxrss`` would count the parent's memory at the fork.
PROGRAM = """
import sys, time
from delineate.cli.main import main
status = main(sys.argv[1:])
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(time.process_time(), int(peak.split()[1]) / 1024)
sys.exit(status)
"""


def main(arguments: list[str] | None = None) -> dict[str, Any]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megapixels", type=int, nargs="+", default=[1, 25, 100, 400])
    parser.add_argument("--engine", default="onnxruntime")
    parser.add_argument("--memory", default="2GB")
    parser.add_argument("--blend", default="linear")
    parser.add_argument("--folder", type=Path, default=None, help="where the images are made (default: a temporary folder)")
    parser.add_argument("--json", type=Path, default=None)
    parser.add_argument("--write", type=Path, metavar="PAGE", help="put the table between the page's `tiled` markers")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="delineate-tiled-", dir=chosen.folder) as made:
        folder = Path(made)
        model = make_model(folder)
        sizes = [measure(size, model, folder, chosen) for size in chosen.megapixels]
    result = document("tiled_scaling", "cpu", {"engine": chosen.engine, "memory": chosen.memory, "sizes": sizes, **fit(sizes)})
    write_json(chosen.json, result)
    if chosen.write:
        page.write_section(chosen.write, "tiled", f"{page.machine_line(result)}\n\n{table(result)}")
    say(table(result))
    return result


def make_model(folder: Path) -> Path:
    import torch

    from delineate.export import export_onnx
    from delineate.models import build_unet
    from delineate.recipe import ModelRecord, Preprocessing

    torch.manual_seed(0)
    network = build_unet(3, 1, {"widths": [4, 8], "decoder": "transposed"}).eval()
    record = ModelRecord(preprocessing=Preprocessing(channels=3, colour="rgb", fit="scale", tile=1024))
    return export_onnx(network, record, folder / "tiny.onnx", in_channels=3)


def measure(megapixels: int, model: Path, folder: Path, chosen: argparse.Namespace) -> dict[str, Any]:
    side = round((megapixels * 1e6) ** 0.5)
    image = make_image(folder / f"{megapixels}.tif", side)
    out = folder / "out"
    arguments = ["predict", str(model), str(image), "--out", str(out), "--overwrite", "--quiet", "--memory", chosen.memory]
    arguments += ["--level", "0", "--engine", chosen.engine, "--blend", chosen.blend]
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", PROGRAM, *arguments], stdout=subprocess.PIPE, text=True)
    seconds = time.perf_counter() - began
    if done.returncode:
        raise SystemExit(f"delineate predict ended with {done.returncode}")
    processor, peak = (float(word) for word in done.stdout.split()[-2:])
    image.unlink()
    found = {
        "megapixels": side * side / 1e6,
        "side": side,
        "seconds": round(seconds, 2),
        "processor_seconds": processor,
        "peak_mib": round(peak),
    }
    say(str(found))
    return found


def make_image(path: Path, side: int) -> Path:
    """A picture that differs from place to place, in tiles, so that making it needs no memory either."""
    import tifffile

    def tiles() -> Iterator[np.ndarray[Any, Any]]:
        rng = np.random.default_rng(0)
        coarse = rng.integers(40, 215, (TILE // 8, TILE // 8, 3), dtype=np.uint8)
        base = np.repeat(np.repeat(coarse, 8, axis=0), 8, axis=1)
        across = -(-side // TILE)
        for number in range(across * across):
            yield np.roll(base, (37 * number, 91 * number), axis=(0, 1))

    more: dict[str, Any] = {"tile": (TILE, TILE), "photometric": "rgb", "compression": "deflate", "metadata": None}
    tifffile.imwrite(path, tiles(), shape=(side, side, 3), dtype=np.uint8, **more)
    return path


def fit(sizes: list[dict[str, Any]]) -> dict[str, Any]:
    """Whether it is linear: seconds a megapixel at the largest size over those at the second largest, and memory likewise."""
    if len(sizes) < 2:
        return {}
    before, last = sizes[-2], sizes[-1]
    per = [one["processor_seconds"] / one["megapixels"] for one in (before, last)]
    return {
        "processor_seconds_per_megapixel_ratio": round(per[1] / per[0], 3),
        "peak_ratio": round(last["peak_mib"] / before["peak_mib"], 3),
    }


def table(result: dict[str, Any]) -> str:
    body = [
        [f"{one['megapixels']:.0f}", f"{one['seconds']:.1f}", f"{one['processor_seconds']:.1f}", str(one["peak_mib"])]
        for one in result["sizes"]
    ]
    found = f"Network 4, 8 in tiles of 1024, {result['engine']}, {result['memory']} allowed."
    if "peak_ratio" in result:
        before, last = (one["megapixels"] for one in result["sizes"][-2:])
        found += (
            f" From {before:.0f} to {last:.0f} megapixels the processor time a megapixel grows "
            f"{result['processor_seconds_per_megapixel_ratio']} times, the memory {result['peak_ratio']} times."
        )
    return "\n".join([found, "", page.rows(["megapixels", "seconds", "processor seconds", "peak memory, MiB"], body)])


if __name__ == "__main__":
    main()
