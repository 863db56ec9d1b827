"""Images per second in training and prediction: ours beside the plain loops people write, and the share of the machine's peak.

    python benchmarks/throughput.py --quick --json out.json      two minutes on two cores: ours and R2's loop
    python benchmarks/throughput.py --json out.json --write docs/performance.md      also smp, MONAI, engines, memory

``train_ratio`` and ``predict_ratio`` are ours to R2's loop for the same network, size and batch, end to end: drawing, augmenting
and collating are in both. ``train_peak_share`` and ``predict_peak_share`` are the network's multiplications and additions a second
over those of the machine's own bf16 matrix product (float32 where that is faster), measured in the same rounds. Everybody but our
training has a process of its own (``apart.py`` says why).
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from benchmarks.apart import Apart, Turn, serve, take_turn  # noqa: E402
from benchmarks.made_volumes import write_patients  # noqa: E402
from benchmarks.measuring import Spread, interleaved, ratios, say  # noqa: E402

from benchmarks import contestants, measuring, page  # noqa: E402

#: A run this long finds its caches empty whoever was there before: no run of the turn is spent on warming them.
LONG = 2.0
#: Seconds that a step of a plain loop may take with --quick, and the share of the float32 peak that such a loop reaches.
QUICK_STEP, PLAIN_SHARE = 3.5, 0.5


def main(arguments: list[str] | None = None) -> dict[str, Any]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="ours and R2's loop only, under two minutes")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where the numbers go (default: standard output)")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="put the table between the markers of this Markdown page")
    parser.add_argument("--section", default="throughput", help="which markers of that page (default: %(default)s)")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--batch", type=int, help="default: 8, with --quick fewer where eight would take a plain loop too long")
    parser.add_argument("--rounds", type=int, help="default: 5, with --quick as many as fit, 3 at least")
    parser.add_argument("--threads", type=int, help="default: all cores this process may use")
    parser.add_argument("--worker", nargs=3, metavar=("PART", "NAME", "SETTING"), help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if asked.worker:
        contestant(*asked.worker)
        return {}
    result = measure(
        quick=asked.quick,
        device=asked.device,
        size=asked.size,
        batch=asked.batch,
        rounds=asked.rounds or 5,
        threads=asked.threads,
        seconds=25.0 if asked.quick else 900.0,
    )
    measuring.write_json(asked.json, result)
    if asked.write:
        page.write_section(asked.write, asked.section, page.throughput_table(result))
    return result


def measure(
    *,
    quick: bool,
    device: str = "cpu",
    size: int = 256,
    batch: int | None = None,
    rounds: int = 5,
    threads: int | None = None,
    seconds: float = 40.0,
    widths: tuple[int, ...] = (32, 64, 128, 256, 512),
    int8: bool = True,
) -> dict[str, Any]:
    """Everything, as plain values. ``seconds`` bounds the rounds of training, and those of prediction."""
    import torch

    from delineate.training import machine_profile, prefers_channels_last

    profile = machine_profile(None if device == "cpu" else device)
    threads = threads or profile.threads
    torch.set_num_threads(threads)
    say(f"machine: {profile.name}, {threads} threads, {profile.precision}")
    with tempfile.TemporaryDirectory() as place:
        data = write_patients(Path(place) / "data", patients=2 if quick else 4, slices=max(8, batch or 0), size=size)
        setting = contestants.Setting(data, Path(place), size, batch or 8, threads, device, profile, widths)
        if quick and batch is None:
            setting = replace(setting, batch=_quick_batch(setting))
            say(f"batches of {setting.batch}")
            if setting.batch < 8:  # all else takes longer too: fewer rounds keep it to two minutes
                seconds = min(seconds, 25.0)
        if profile.device == "cpu":
            profile = replace(profile, channels_last=prefers_channels_last(setting.recipe, (size, size)))
            setting = replace(setting, profile=profile)
        training = _training(setting, quick, rounds, seconds)
        prediction = _prediction(setting, quick, rounds, seconds, int8)
    result: dict[str, Any] = {
        "setting": {
            "network": f"U-Net {widths[0]}…{widths[-1]}",
            "size": size,
            "batch": setting.batch,
            "threads": threads,
            "precision": profile.precision,
            "channels_last": profile.channels_last,
            "flop_per_image_forward": setting.flop_forward,
            "flop_per_image_training": setting.flop_training,
        },
        "train_ratio": training["ratio"]["ours"]["median"],
        "predict_ratio": prediction["ratio"][prediction["ours"]]["median"],
        "int8_ratio": prediction["ratio"].get("ours int8", {}).get("median"),
        "train_peak_share": training["peak_share"]["median"],
        "predict_peak_share": prediction["peak_share"]["median"],
        "data_share": training["data_share"]["median"],
        "data_work_share": training["data_work_share"]["median"],
        "training": training,
        "prediction": prediction,
    }
    return measuring.document("throughput", device, result, quick=quick)


def _quick_batch(setting: contestants.Setting) -> int:
    """8, or as many fewer as keep a plain loop's step within ``QUICK_STEP``: a machine of 100 GFLOP/s would need five minutes."""
    import torch

    side = 1024
    square = torch.ones(side, side, device=setting.device)
    seconds = []
    for _ in range(3):
        begun = time.perf_counter()
        float((square @ square)[0, 0])  # waits for the device
        seconds.append(time.perf_counter() - begun)
    plain = PLAIN_SHARE * 2 * side**3 / min(seconds)
    return next((batch for batch in (8, 4) if batch * setting.flop_training <= QUICK_STEP * plain), 2)


def contestant(part: str, name: str, file: str) -> None:
    """The process of one contestant."""

    def make() -> Callable[[], float]:
        import torch

        setting = contestants.Setting.load(Path(file))
        torch.set_num_threads(setting.threads)
        return contestants.training(setting, name) if part == "train" else contestants.prediction(setting, name, 2 * setting.batch)

    serve(make)


def _apart(part: str, names: list[str], setting: contestants.Setting) -> tuple[dict[str, Apart], dict[str, str]]:
    """Those that could begin, and why others could not."""
    file, found, skipped = str(setting.save()), {}, {}
    for name in names:
        try:
            found[name] = Apart([str(Path(__file__).resolve()), "--worker", part, name, file])
        except RuntimeError as error:
            skipped[name] = str(error)
    return found, skipped


def _training(setting: contestants.Setting, quick: bool, rounds: int, seconds: float) -> dict[str, Any]:
    from delineate.training.memory import keep_freed

    peak = contestants.peak(setting)
    ours = {"ours": contestants.Ours(setting)}
    if not quick:
        ours["ours compiled"] = contestants.Ours(setting, compile=True)
        ours["ours with Muon"] = contestants.Ours(setting, optimiser="muon")
    others, skipped = _apart("train", ["r2", *([] if quick else contestants.OTHERS)], setting)

    def in_turn(mine: contestants.Ours, times: int) -> Turn:
        with keep_freed():  # as the product trains; for the turn only, since here the measuring itself lives beside it
            return take_turn(mine.step, times)

    turns: dict[str, Callable[[int], Turn]] = {
        **{name: partial(in_turn, mine) for name, mine in ours.items()},
        **others,
    }
    # As many steps of each per turn as make turns of about equal length: a short burst would meet an idle moment or miss it.
    one = {name: _one(turn) for name, turn in turns.items()}
    steps = {name: max(1, min(8, round(one["r2"] / seconds))) for name, seconds in one.items()}
    for mine in ours.values():
        mine.forget()
    used: dict[str, list[float]] = {name: [] for name in ("peak", *turns)}
    try:
        measured = interleaved(
            {
                "peak": lambda: peak(used["peak"]),
                **{name: _rate(turn, steps[name], used[name], warm=one[name] < LONG) for name, turn in turns.items()},
            },
            rounds,
            stop_after=seconds,
        )
    finally:
        for other in others.values():
            other.end()
    say("training: " + ", ".join(f"{name} {statistics.median(values):.3g}" for name, values in measured.items()))
    rates = {name: measured[name] for name in turns}
    achieved = [rate * setting.flop_training for rate in rates["ours"]]
    found: dict[str, Any] = {
        "unit": "images/s",
        "rates": {name: Spread.of(values).plain() for name, values in rates.items()},
        "ratio": {name: ratios(values, rates["r2"]).plain() for name, values in rates.items() if name != "r2"},
        "peak_gflops": Spread.of([value / 1e9 for value in measured["peak"]]).plain(),
        "peak_share": ratios(achieved, measured["peak"]).plain(),
        "by_processor_time": _by_processor_time(used, "ours", setting.flop_training),
        "data_share": Spread.of(ours["ours"].waits).plain(),
        "data_work_share": Spread.of([_share_of_cores(work, rates["ours"], setting) for work in ours["ours"].works]).plain(),
        "steps_per_turn": steps,
        "skipped": skipped,
    }
    if not quick:
        found["peak_share_compiled"] = ratios(
            [rate * setting.flop_training for rate in rates["ours compiled"]], measured["peak"]
        ).plain()
    for mine in ours.values():
        mine.close()
    return found


def _prediction(setting: contestants.Setting, quick: bool, rounds: int, seconds: float, int8: bool = True) -> dict[str, Any]:
    peak = contestants.peak(setting)
    names = ["r2", "ours openvino", *([] if quick else ["ours onnxruntime"]), *(["ours int8"] if int8 else [])]
    runs, skipped = _apart("predict", names, setting)
    if not {"ours openvino", "ours onnxruntime"} & set(runs):
        more, why = _apart("predict", ["ours onnxruntime"], setting)
        runs.update(more)
        skipped.update(why)
    ours = next(name for name in ("ours openvino", "ours onnxruntime", "r2") if name in runs)
    used: dict[str, list[float]] = {name: [] for name in ("peak", *runs)}
    one = {name: run(1).seconds for name, run in runs.items()}
    try:
        measured = interleaved(
            {
                "peak": lambda: peak(used["peak"]),
                **{name: _rate(run, 1, used[name], warm=one[name] < LONG) for name, run in runs.items()},
            },
            rounds,
            stop_after=seconds,
        )
    finally:
        for run in runs.values():
            run.end()
    say("prediction: " + ", ".join(f"{name} {statistics.median(values):.3g}" for name, values in measured.items()))
    rates = {name: measured[name] for name in runs}
    return {
        "unit": "images/s",
        "ours": ours,
        "planes": 2 * setting.batch,
        "rates": {name: Spread.of(values).plain() for name, values in rates.items()},
        "ratio": {name: ratios(values, rates["r2"]).plain() for name, values in rates.items() if name != "r2"},
        "peak_gflops": Spread.of([value / 1e9 for value in measured["peak"]]).plain(),
        "peak_share": ratios([rate * setting.flop_forward for rate in rates[ours]], measured["peak"]).plain(),
        "by_processor_time": _by_processor_time(used, ours, setting.flop_forward),
        "skipped": skipped,
        **({} if quick else contestants.memory_and_latency(setting)),
    }


def _share_of_cores(work: float, rates: list[float], setting: contestants.Setting) -> float:
    """Processor time of making a batch, of all the cores' time during a step: what the other cores do not get."""
    return work / (setting.threads * setting.batch / statistics.median(rates))


def _by_processor_time(used: dict[str, list[float]], ours: str, flop: float) -> dict[str, Any]:
    """The same ratios where seconds are those the processor worked for us: other programs on the machine do not count, cores that
    stand idle do not either. Waiting by spinning counts as work."""
    ratio = {name: ratios(values, used["r2"]).plain() for name, values in used.items() if name not in ("peak", "r2")}
    return {"ratio": ratio, "peak_share": ratios([rate * flop for rate in used[ours]], used["peak"]).plain()}


def _one(turn: Callable[[int], Turn]) -> float:
    """Seconds of one run: of two the shorter, where that does not take long."""
    first = turn(1).seconds
    return first if first > LONG else min(first, turn(1).seconds)


def _rate(turn: Callable[[int], Turn], times: int, used: list[float], *, warm: bool = True) -> Callable[[], float]:
    """Images per second over ``times`` steps; images per second of processor go to ``used``.

    With ``warm`` the turn's first step is not counted: the caches are the others' before it.
    """

    def measured() -> float:
        if warm:
            turn(1)
        found = turn(times)
        used.append(found.amount / found.processor)
        return found.rate

    return measured


if __name__ == "__main__":
    main()
