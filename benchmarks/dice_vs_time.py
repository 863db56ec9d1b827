"""Dice against wall-clock: ours and four others on the same persons, the same machine, the same minutes.

    python benchmarks/dice_vs_time.py --data DATA --minutes 3,10,30 --systems ours,r2,smp,monai,nnunet --out bench/lgg
    python benchmarks/dice_vs_time.py --data DATA --split run/splits.json --minutes 15 --systems ours --out bench/lgg

One system at a time, on all cores. Every system learns from the split's training persons and is scored on its test persons by
``delineate.evaluation``; ours also uses the validation persons (to choose weights, thresholds and clean-up), the others use nobody
to choose and are scored with the weights they have at the mark. Their minutes hold reading, preparing and training; predicting and
scoring are off their clock. Our minutes are ``delineate run --budget``: also checking the data, writing the model file, predicting,
scoring and the report. So the others have a little more time than we.

What is done is kept in OUT/state.json: a second call does what is missing. Binary tasks only.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from benchmarks.measuring import say  # noqa: E402

from benchmarks import measuring, page  # noqa: E402

SYSTEMS = ("ours", "r2", "smp", "monai", "nnunet")
NAMES = {
    "ours": "Delineate",
    "r2": "R2's loop",
    "smp": "smp U-Net/ResNet-34, not pretrained",
    "monai": "MONAI 2-D tutorial",
    "nnunet": "nnU-Net 2-D",
}


def main(arguments: list[str] | None = None) -> dict[str, Any]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder, as for `delineate run`")
    parser.add_argument("--split", type=Path, help="a splits.json, or any file `--split-file` takes (default: the product's split)")
    parser.add_argument("--sample", metavar="seed=S,n=N", help="R2's way to draw persons, as for `delineate run`")
    parser.add_argument("--minutes", default="3,10,30", help="marks, fractions allowed")
    parser.add_argument("--systems", default=",".join(SYSTEMS))
    parser.add_argument("--out", type=Path, required=True, help="state, runs and masks; a second call goes on")
    parser.add_argument("--title", default="", help="what to call the data in the table")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--threads", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--nnunet-python", default=sys.executable, help="a Python that has nnunetv2")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--write", type=Path, metavar="PAGE", help="put table and curve between the markers of this Markdown page")
    parser.add_argument("--section", default="dice", help="which markers of that page (default: %(default)s)")
    asked = parser.parse_args(arguments)
    systems = asked.systems.split(",")
    unknown = set(systems) - set(SYSTEMS)
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(SYSTEMS)}")
    try:
        marks = sorted(round(60 * float(minutes), 3) for minutes in asked.minutes.split(","))
    except ValueError:
        parser.error(f"--minutes must be numbers with commas between, got {asked.minutes}")
    state = Race(asked, marks).run(systems)
    if asked.json:
        measuring.write_json(asked.json, state)
    if asked.write:
        picture = asked.write.parent / "images" / f"{asked.section}_vs_time.png"
        draw(state, picture)
        page.write_section(asked.write, asked.section, f"{table(state)}\n\n![Dice against minutes](images/{picture.name})")
    sys.stdout.write(table(state) + "\n")
    return state


class Race:
    """The data, the split and what is done so far."""

    def __init__(self, asked: argparse.Namespace, marks: Sequence[float]) -> None:
        from delineate.dataset import fold_cases
        from delineate.events import discard
        from delineate.recipe import Recipe, save_json
        from delineate.workflows.examine import examine
        from delineate.workflows.options import DataOptions, SplitOptions, parse_sample

        self.asked, self.marks, self.out = asked, marks, asked.out
        self.out.mkdir(parents=True, exist_ok=True)
        self.split = self.out / "splits.json"
        given = self.split if self.split.exists() else asked.split
        sample = parse_sample(asked.sample) if asked.sample and given is None else None
        found = examine(asked.data, DataOptions(), SplitOptions(split_file=given, sample=sample), seed=asked.seed, on_event=discard)
        if found.splits is None:
            raise SystemExit("the data cannot be split: see `delineate check`")
        if found.labels.kind != "binary":
            raise SystemExit(f"binary tasks only, this one is {found.labels.kind} with {found.labels.classes} classes")
        if not self.split.exists():
            save_json(self.split, found.splits)
        self.labels, self.unit = found.labels, found.splits.unit
        self.recipe = Recipe(labels=found.labels, masks=found.rule)
        parts = fold_cases(found.usable, found.splits)
        self.train, self.test = parts["train"], parts["test"] or parts["validation"]
        self.person = {case.group: case.person for case in self.test}
        digest = hashlib.sha256(self.split.read_bytes()).hexdigest()
        self.state = self._state(digest)

    def _state(self, digest: str) -> dict[str, Any]:
        path = self.out / "state.json"
        if path.exists():
            state: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            if state.get("split_sha256") != digest or state.get("schema") != measuring.SCHEMA:
                raise SystemExit(f"{path} is of another split or an older benchmark: take another --out")
            return state
        planes = {"train": len({c.group for c in self.train}), "test": len({c.group for c in self.test})}
        return {
            **measuring.document("dice_vs_time", self.asked.device, {}),
            "title": self.asked.title,
            "split_sha256": digest,
            "groups": planes,
            "persons": {"train": len({c.person for c in self.train}), "test": len({c.person for c in self.test})},
            "done": [],
            "skipped": {},
        }

    def run(self, systems: Sequence[str]) -> dict[str, Any]:
        for name in systems:
            missing = [
                mark for mark in self.marks if not any(d["system"] == name and d["mark"] == mark for d in self.state["done"])
            ]
            if not missing:
                continue
            say(f"{name}: {', '.join(f'{mark / 60:g} min' for mark in missing)}")
            self.state["skipped"].pop(name, None)
            try:
                self._one(name, missing)
            except (ImportError, RuntimeError, OSError) as error:
                self.state["skipped"][name] = f"{type(error).__name__}: {str(error)[-300:]}"
                say(f"{name} skipped: {error}")
            self._save()
        return self.state

    def _one(self, name: str, marks: Sequence[float]) -> None:
        from benchmarks.contestants import read_volumes

        from benchmarks import dice_baselines as others

        threads = self.asked.threads or _cores()
        if name == "ours":
            for mark in marks:
                self._ours(mark)
            return
        import torch

        torch.set_num_threads(threads)
        test = read_volumes(self.test, self.recipe)

        def at_mark(mark: float, facts: dict[str, Any], masks: others.Masks) -> None:
            self._keep(name, mark, facts, self._scored(test, masks))

        def read() -> Any:
            return read_volumes(self.train, self.recipe)

        if name == "nnunet":
            others.nnunet_against_the_clock(
                self.asked.nnunet_python,
                self.out / "nnunet",
                read(),
                test,
                marks,
                threads=threads,
                device=self.asked.device,
                at_mark=at_mark,
            )
            return
        runs = [[mark] for mark in marks] if name in others.SCHEDULED else [list(marks)]
        for together in runs:
            others.against_the_clock(name, read, test, together, device=self.asked.device, seed=self.asked.seed, at_mark=at_mark)

    def _ours(self, mark: float) -> None:
        from delineate.evaluation import read_cases_csv
        from delineate.recipe import read_json

        run = self.out / f"ours_{mark:g}s"
        shutil.rmtree(run, ignore_errors=True)
        begun = time.monotonic()
        command = [
            sys.executable,
            "-m",
            "delineate",
            "run",
            str(self.asked.data),
            "--out",
            str(run),
            "--split-file",
            str(self.split),
        ]
        command += ["--budget", f"{mark:g}s", "--seed", str(self.asked.seed), "--quiet"]
        command += ["--device", self.asked.device] if self.asked.device != "cpu" else []
        command += ["--threads", str(self.asked.threads)] if self.asked.threads else []
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        if ended.returncode:
            raise RuntimeError(f"delineate run: {ended.stderr.strip()[-300:]}")
        seconds = time.monotonic() - begun
        groups = set(self.person)
        scores = [score for score in read_cases_csv(run / "cases.csv") if score.group in groups]
        training = read_json(run / "training.json")
        recipe = read_json(run / "recipe.json")
        stages = recipe["training"]["stages"]
        shares = [stage["until"] - start for start, stage in zip([0.0, *(s["until"] for s in stages)], stages, strict=False)]
        images = round(training["steps"] * sum(share * stage["batch"] for share, stage in zip(shares, stages, strict=True)))
        facts = {"seconds": seconds, "steps": training["steps"], "images": images, "stages": stages}
        self._keep("ours", mark, facts, scores)

    def _scored(self, volumes: Sequence[Any], masks: Mapping[str, Any]) -> list[Any]:
        from delineate.evaluation import score_group

        scores = []
        for volume in volumes:
            predicted, truth = masks[volume.name], volume.masks
            if len(truth) == 1:
                predicted, truth = predicted[0], truth[0]
            scores.append(
                score_group(predicted, truth, self.labels, group=volume.name, person=self.person[volume.name], part="test")
            )
        return scores

    def _keep(self, name: str, mark: float, facts: dict[str, Any], scores: Sequence[Any]) -> None:
        from delineate.evaluation import summarise

        dice = summarise(scores, self.unit, self.labels)["dice"]
        kept = {key: dice[key] for key in ("mean", "median", "sd", "ci95", "n")}
        values = sorted(round(score.value("dice"), 4) for score in scores if not math.isnan(score.value("dice")))
        self.state["done"].append(
            {"system": name, "mark": mark, **facts, "load": measuring.load_average(), "dice": kept, "groups": values}
        )
        say(f"{name} at {mark / 60:g} min: Dice {kept['mean']:.4f} (n = {kept['n']})")
        self._save()

    def _save(self) -> None:
        measuring.write_json(self.out / "state.json", self.state)


def table(state: Mapping[str, Any]) -> str:
    """Systems × minutes: mean Dice over the test persons, 95 % interval, images seen."""
    marks = sorted({done["mark"] for done in state["done"]})
    found = {(done["system"], done["mark"]): done for done in state["done"]}
    body = []
    for name in SYSTEMS:
        if not any(key[0] == name for key in found):
            continue
        body.append([NAMES[name], *(_cell(found.get((name, mark))) for mark in marks)])
    head = ["", *(f"{mark / 60:g} min" for mark in marks)]
    persons = state["persons"]
    lines = [
        page.machine_line(state),
        "",
        f"{state['title'] or 'Data'}: {persons['train']} persons to learn from, {persons['test']} to be scored on. "
        "Mean Dice per person [95 % interval], in brackets the images seen.",
        "",
        page.rows(head, body),
    ]
    lines += [f"\nNot measured: {NAMES[name]} ({reason})." for name, reason in state["skipped"].items()]
    return "\n".join(lines)


def _cell(done: Mapping[str, Any] | None) -> str:
    if done is None:
        return "–"
    dice = done["dice"]
    interval = "" if not dice["ci95"] else f" [{dice['ci95'][0]:.3f}, {dice['ci95'][1]:.3f}]"
    seen = f" ({done['images']})" if done.get("images") else ""
    return f"{dice['mean']:.3f}{interval}, n = {dice['n']}{seen}" if dice["mean"] is not None else "undefined"


def draw(state: Mapping[str, Any], path: Path) -> None:
    """The table as a curve: minutes on a logarithmic axis, Dice with intervals."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6.4, 3.8), layout="constrained")
    marks = sorted({done["mark"] / 60 for done in state["done"]})
    for number, name in enumerate(SYSTEMS):
        points = sorted((d["mark"] / 60, d["dice"]) for d in state["done"] if d["system"] == name and d["dice"]["mean"] is not None)
        if not points:
            continue
        x = [minutes * (1 + 0.012 * (number - 2)) for minutes, _ in points]
        y = [dice["mean"] for _, dice in points]
        low = [dice["mean"] - (dice["ci95"] or [dice["mean"]])[0] for _, dice in points]
        high = [(dice["ci95"] or [0, dice["mean"]])[1] - dice["mean"] for _, dice in points]
        axes.errorbar(x, y, yerr=[low, high], marker="o", capsize=3, linewidth=2 if name == "ours" else 1.2, label=NAMES[name])
    axes.set_xscale("log")
    axes.set_xticks(marks, [f"{mark:g}" for mark in marks])
    axes.minorticks_off()
    axes.set_xlabel("minutes of wall-clock")
    axes.set_ylabel("mean Dice of test persons, 95 % interval")
    axes.grid(alpha=0.3)
    figure.legend(fontsize=8, loc="outside lower center", ncols=3)  # over no curve
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
    pyplot.close(figure)


def _cores() -> int:
    from delineate.training.measure import usable_cores

    return usable_cores()


if __name__ == "__main__":
    main()
