"""Arguments of ``compare``: one data folder and candidates to train, or finished runs; and which of the two was meant."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import Any, Literal

from delineate.errors import UsageError

#: Options that only make sense where candidates are trained → their field in the grid's options.
_TRAINING = {
    "networks": "networks", "losses": "losses", "optimisers": "optimisers", "augmentations": "augmentations",
    "candidate": "candidates", "pretrained": "pretrained", "budget": "budget", "epochs": "epochs", "equal": "equal",
    "folds": "splitting", "split_file": "splitting", "sample": "splitting", "seeds": "seeds", "size": "size",
    "settings": "settings", "jobs": "jobs", "engine": "engine", "engine_options": "engine_options", "threads": "threads",
    "device": "device", "allow": "allow",
}  # fmt: skip

Mode = Literal["train", "resume", "finished"]


def add_compare(made: argparse.ArgumentParser, group: Any, option: Any, reading: Any, splitting: Any) -> None:
    """``made`` is the command's parser; the others are the parser module's own ways to add to it."""
    option(made, "runs", metavar="DATA|RUN", nargs="*", key="compare-runs")
    option(made, "--out", metavar="DIR", key="out-compare", default="comparison")
    option(made, "--primary", metavar="METRIC")
    option(made, "--seed", metavar="N", type=int, key="seed-compare")
    option(made, "--resume", action="store_true", key="resume-compare")
    candidates = group(made, "candidates")
    option(candidates, "--networks", metavar="NAMES")
    option(candidates, "--losses", metavar="NAMES")
    option(candidates, "--optimisers", metavar="NAMES")
    option(candidates, "--augmentations", metavar="NAMES")
    option(candidates, "--candidate", metavar="NAME=…", action="append", default=[])
    option(candidates, "--pretrained", metavar="[NETWORK=]FILE", action="append", default=[], key="pretrained-compare")
    alike = group(made, "fairness")
    option(alike, "--budget", metavar="TIME", key="budget-compare")
    option(alike, "--epochs", metavar="N", type=int, key="epochs-compare")
    option(alike, "--equal", choices=("steps", "time"))
    option(alike, "--seeds", metavar="N", type=int)
    option(alike, "--size", metavar="N|RxC")
    option(alike, "--set", metavar="KEY=VALUE", action="append", default=[], dest="settings", key="set-compare")
    option(alike, "--allow", metavar="CODE", action="append", default=[])
    engine = group(made, "engine")
    option(engine, "--jobs", metavar="N", type=int)
    option(engine, "--engine", choices=("local", "submitit"), key="engine-compare")
    option(engine, "--engine-option", metavar="KEY=VALUE", action="append", default=[], dest="engine_options")
    option(engine, "--device", choices=("cpu", "cuda", "mps"))
    option(engine, "--threads", metavar="N", type=int, key="threads-compare")
    reading(group(made, "reading"), option)
    splitting(group(made, "splitting"), option)


def said(arguments: argparse.Namespace) -> list[str]:
    """Names of the options for training that were given."""
    return [name for name in _TRAINING if getattr(arguments, name) not in (None, [])]


def mode_of(arguments: argparse.Namespace) -> Mode:
    """Which of the two comparisons is meant; :class:`UsageError` where that cannot be told."""
    given: list[str] = arguments.runs
    if arguments.resume:
        if len(given) > 1:
            raise UsageError("grid-two-ways", given=", ".join(given))
        return "resume"
    training = said(arguments)
    scored = len(given) == 1 and any((Path(given[0]) / name).is_file() for name in ("options.json", "summary.json"))
    if len(given) == 1 and "=" not in given[0] and (training or not scored):
        return "train"
    if training and given:
        options = ", ".join(
            "--" + {"settings": "set", "engine_options": "engine-option"}.get(n, n.replace("_", "-")) for n in training
        )
        raise UsageError("grid-only-options", options=options)
    if not given:
        raise UsageError("grid-two-ways", given="–")
    return "finished"


def grid_options(arguments: argparse.Namespace, reading: Any, splitting: Any) -> dict[str, Any]:
    """Fields of ``GridOptions`` that were given, read."""
    from delineate.planning.overrides import parse_assignment
    from delineate.workflows.options import parse_budget, parse_size

    if arguments.epochs is not None and arguments.epochs < 1:
        raise UsageError("bad-epochs", value=arguments.epochs)
    if arguments.seeds is not None and not 1 <= arguments.seeds <= 100:
        raise UsageError("grid-bad-seeds", value=arguments.seeds)
    found: dict[str, Any] = {
        name: _names(getattr(arguments, name)) for name in ("networks", "losses", "optimisers", "augmentations")
    }
    found |= {
        "candidates": tuple(arguments.candidate),
        "pretrained": tuple(arguments.pretrained),
        "budget": parse_budget(arguments.budget) if arguments.budget else None,
        "size": parse_size(arguments.size) if arguments.size else None,
        "settings": dict(parse_assignment(text) for text in arguments.settings),
        "allow": tuple(arguments.allow),
    }
    found |= {name: getattr(arguments, name) for name in ("epochs", "equal", "seeds", "seed", "primary", "device", "threads")}
    found["reading"], found["splitting"] = reading, splitting
    defaults = {"reading": type(reading)(), "splitting": type(splitting)()}
    return {name: value for name, value in found.items() if value not in (None, (), {}, defaults.get(name))}


def engine_options(arguments: argparse.Namespace) -> dict[str, str]:
    from delineate.planning.overrides import parse_assignment

    return dict(parse_assignment(text) for text in arguments.engine_options)


def resume_command(out: str) -> str:
    return f"delineate compare --resume {shlex.quote(out)}"


def grid_folder(arguments: argparse.Namespace) -> str:
    """``--resume cmp/``, ``--resume --out cmp/`` and ``DATA … --out cmp/ --resume`` are the same."""
    named = arguments.runs[0] if arguments.resume and arguments.runs else arguments.out
    here = [folder for folder in (named, arguments.out) if (Path(folder) / "grid.json").is_file()]
    return str(here[0] if here else named)


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in (text or "").split(",") if name.strip())
