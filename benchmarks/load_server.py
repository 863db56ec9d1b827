"""Load on a server: 32 clients at once, latencies, throughput beside the engine called directly in turn, memory over time.

    python benchmarks/load_server.py [--model demo] [--seconds 60] [--clients 32] [--side 256] [--batching] [--json FILE]

The server runs in a process of its own on loopback; the clients are threads of another (``delineate.client``, one kept connection
each). "Directly" is what the same requests cost without a server: reading the file, ``Predictor.predict``, encoding the mask, one
by one in one process with the same threads, measured before and after the load, since other work on a machine comes and goes.
"""

from __future__ import annotations

import argparse
import io
import json
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import psutil
from PIL import Image as Pillow

from delineate.client import Client, ServerProblem


def picture(side: int, seed: int) -> bytes:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] / (side - 1) * 2 - 1
    image = np.where(x**2 / 0.8 + y**2 / 0.7 < 1, 170.0, 10.0)
    for centre in (-0.38, 0.38):
        image[(x - centre) ** 2 / 0.06 + y**2 / 0.25 < 1] = 40
    buffer = io.BytesIO()
    Pillow.fromarray(np.clip(image + rng.normal(0, 4, image.shape), 0, 255).astype(np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def directly(model: str, paths: list[Path], threads: int, seconds: float) -> float:
    """Images per second without a server, and without two things side by side."""
    from delineate.formats import read_image, write_labels
    from delineate.inference import Predictor

    predictor = Predictor(model, engine="onnxruntime", threads=threads)
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "mask.png"

        def one(path: Path) -> None:
            image = read_image(path)
            mask = predictor.predict(image).mask
            write_labels(target, mask.labels * np.uint8(255), image.geometry, like=image, format="png")
            target.read_bytes()

        one(paths[0])
        began, count = time.perf_counter(), 0
        while time.perf_counter() - began < seconds:
            one(paths[count % len(paths)])
            count += 1
        return count / (time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="demo")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--batching", action="store_true")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        paths = []
        for seed in range(16):
            paths.append(root / f"{seed}.png")
            paths[-1].write_bytes(picture(given.side, seed))
        alone = [directly(given.model, paths, given.threads, max(2.0, given.seconds / 8))]
        command = [sys.executable, "-m", "delineate", "serve", "-q", "--port", "0", "--state", str(root / "state")]
        command += ["--model", given.model, "--threads", str(given.threads), "--workers", str(given.workers)]
        process = subprocess.Popen([*command, *(["--batching"] if given.batching else [])], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        found = re.search(r"http://[\d.]+:\d+", process.stdout.readline())
        assert found is not None
        seen = load(found[0], paths, given.clients, given.seconds, psutil.Process(process.pid))
        process.terminate()
        assert process.wait(60) == 0
        alone.append(directly(given.model, paths, given.threads, max(2.0, given.seconds / 8)))
    direct = statistics.mean(alone)
    seen |= {
        "directly_per_second": alone,
        "throughput_of_directly": round(seen["per_second"] / direct, 3),
        "batching": given.batching,
    }
    seen |= {"side": given.side, "threads": given.threads, "workers": given.workers, "clients": given.clients}
    print(json.dumps(seen, indent=1))
    if given.json:
        given.json.write_text(json.dumps(seen, indent=1), encoding="utf-8")


def load(url: str, paths: list[Path], clients: int, seconds: float, server: psutil.Process) -> dict[str, object]:
    times: list[float] = []
    errors: list[str] = []
    lock = threading.Lock()
    with Client(url) as first:
        first.segment_bytes(paths[0], "png")
    until = time.perf_counter() + seconds

    def ask(number: int) -> None:
        with Client(url, patience=0) as client:
            turn = number
            while time.perf_counter() < until:
                began = time.perf_counter()
                try:
                    client.segment_bytes(paths[turn % len(paths)], "png")
                except ServerProblem as problem:
                    with lock:
                        errors.append(problem.code)
                else:
                    with lock:
                        times.append(time.perf_counter() - began)
                turn += 1

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(clients)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    memory = []
    while any(thread.is_alive() for thread in threads):
        memory.append(server.memory_info().rss / 2**20)
        time.sleep(min(1.0, seconds / 20))
    for thread in threads:
        thread.join()
    took = time.perf_counter() - began
    cuts = np.percentile(times, [50, 95, 99]) * 1000
    quarter = max(1, len(memory) // 4)
    return {
        "requests": len(times),
        "errors": errors[:20],
        "per_second": round(len(times) / took, 2),
        "p50_ms": round(float(cuts[0]), 1),
        "p95_ms": round(float(cuts[1]), 1),
        "p99_ms": round(float(cuts[2]), 1),
        "rss_mib_second_quarter": round(statistics.mean(memory[quarter : 2 * quarter] or memory), 1),
        "rss_mib_last_quarter": round(statistics.mean(memory[-quarter:]), 1),
    }


if __name__ == "__main__":
    main()
