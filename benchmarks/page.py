"""Tables of docs/performance.md, written from the JSON of the benchmarks between markers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def write_section(path: Path, name: str, text: str) -> None:
    """Replace what stands between ``<!-- NAME: begin -->`` and ``<!-- NAME: end -->``; ``ValueError`` without the markers."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    whole = path.read_text(encoding="utf-8")
    if begin not in whole or end not in whole:
        raise ValueError(f"{path} has no markers {begin} … {end}")
    before, _, rest = whole.partition(begin)
    path.write_text(f"{before}{begin}\n{text.strip()}\n{end}{rest.partition(end)[2]}", encoding="utf-8")


def machine_line(result: Mapping[str, Any]) -> str:
    facts = result["machine"]
    libraries = ", ".join(f"{name} {version}" for name, version in facts["libraries"].items())
    features = ", ".join(facts["features"]) or "none of AVX2 … AMX"
    load = "" if result.get("load") is None else f" Load average when it ended: {result['load']}."
    device = f" Device: {facts['device']}." if "device" in facts else ""
    return f"{facts['processor']}, {facts['cores']} cores ({features}), {facts['memory_gib']} GiB.{device} {libraries}.{load}"


def spread(value: Mapping[str, float], scale: float = 1.0, unit: str = "") -> str:
    """``7.1 (6.8 … 7.3)``."""
    middle, low, high = (number(value[key] * scale) for key in ("median", "low", "high"))
    return f"{middle}{unit} ({low} … {high})"


def number(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def rows(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in body)])


def throughput_table(result: Mapping[str, Any]) -> str:
    setting, training, prediction = result["setting"], result["training"], result["prediction"]
    parts = [
        machine_line(result),
        "",
        f"{setting['network']}, {setting['size']}×{setting['size']}×3, batch {setting['batch']}, {setting['threads']} threads, "
        f"{setting['precision']}; {setting['flop_per_image_forward'] / 1e9:.1f} GFLOP forward and "
        f"{setting['flop_per_image_training'] / 1e9:.1f} GFLOP in training an image. Medians (ranges) of "
        f"{training['rates']['ours']['n']} and {prediction['rates']['r2']['n']} rounds.",
        "",
        rows(
            ["training", "images/s", "× R2's loop"],
            [
                [name, spread(rate), "1" if name == "r2" else spread(training["ratio"][name])]
                for name, rate in training["rates"].items()
            ],
        ),
        "",
        rows(
            ["prediction", "images/s", "× R2's loop"],
            [
                [name, spread(rate), "1" if name == "r2" else spread(prediction["ratio"][name])]
                for name, rate in prediction["rates"].items()
            ],
        ),
        "",
        rows(
            ["share", "measured"],
            [
                [
                    "matrix-product peak",
                    f"{spread(training['peak_gflops'])} GFLOP/s",
                ],
                ["training, of that peak", spread(training["peak_share"], 100, " %")],
                *(
                    [["training compiled, of that peak", spread(training["peak_share_compiled"], 100, " %")]]
                    if "peak_share_compiled" in training
                    else []
                ),
                [f"prediction ({prediction['ours']}), of that peak", spread(prediction["peak_share"], 100, " %")],
                ["waiting for data, of a training step", spread(training["data_share"], 100, " %")],
                ["making batches, of the cores' time during a step", spread(training["data_work_share"], 100, " %")],
            ],
        ),
    ]
    worked = [(part["by_processor_time"], name) for part, name in ((training, "ours"), (prediction, prediction["ours"]))]
    parts += [
        "",
        "By processor time, which other programs on the machine do not change: training "
        f"{spread(worked[0][0]['ratio']['ours'])} times R2's loop and {spread(worked[0][0]['peak_share'], 100, ' %')} of the peak, "
        f"prediction {spread(worked[1][0]['ratio'][worked[1][1]])} times and {spread(worked[1][0]['peak_share'], 100, ' %')}"
        + (f", in 8 bits {spread(worked[1][0]['ratio']['ours int8'])} times." if "ours int8" in worked[1][0]["ratio"] else "."),
    ]
    if prediction.get("latency_ms"):
        waits = ", ".join(f"{name} {value} ms" for name, value in prediction["latency_ms"].items())
        parts += ["", f"One image: {waits}. Largest memory of the whole benchmark: {prediction['peak_memory_mib']} MiB."]
    for name, reason in {**training["skipped"], **prediction["skipped"]}.items():
        parts += ["", f"Not measured: {name} ({reason})."]
    return "\n".join(parts)
