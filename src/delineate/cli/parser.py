"""The arguments of every command. Sentences come from the catalogue ``cli.*`` in the person's language."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

from delineate.cli.app_command import add_app
from delineate.cli.doubt_arguments import add_doubt, add_ensemble, add_refine
from delineate.cli.grid_arguments import add_compare
from delineate.cli.measuring_arguments import add_measure, add_surface
from delineate.cli.serve_command import add_serve
from delineate.cli.width import wrap
from delineate.cli.wording import reword
from delineate.i18n import LANGUAGES, translate
from delineate.version import __version__

COMMANDS = (
    "check",
    "run",
    "train",
    "evaluate",
    "predict",
    "export",
    "report",
    "compare",
    "networks",
    "demo",
    "measure",
    "surface",
    "refine",
    "ensemble",
    "serve",
    "app",
)
#: Named here and not asked of the rooms that hold them, so that help is quick; tests compare.
AUGMENTATIONS = ("none", "light", "medium", "heavy", "r2_keras", "r5_light", "r5_medium", "r5_heavy")
PRESETS = ("r2", "r2_keras", "r5")


class Parser(argparse.ArgumentParser):
    """argparse with our headings and with errors that end in one line and exit code 2."""

    language = "en"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("formatter_class", _Formatter)
        kwargs.setdefault("add_help", False)
        super().__init__(*args, **kwargs)
        self._positionals.title = translate("cli.heading.arguments", self.language)
        self._optionals.title = translate("cli.heading.options", self.language)
        self.add_argument("-h", "--help", action="help", help=translate("cli.opt.help", self.language))

    def error(self, message: str) -> NoReturn:
        said = reword(message, self.language, self._option_string_actions)
        self.exit(2, translate("cli.usage-error", self.language, command=self.prog, message=said) + "\n")

    def parse_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Any:  # type: ignore[override]
        """What a command does not know is said by that command, which knows what it could have been."""
        known, rest = self.parse_known_args(args, namespace)
        if rest:
            commands = self._subparsers._group_actions[0].choices if self._subparsers else {}
            speaker: Any = dict(commands or {}).get(getattr(known, "command", None), self)
            speaker.error(f"unrecognized arguments: {' '.join(rest)}")
        return known


class _Formatter(argparse.RawDescriptionHelpFormatter):
    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=30, width=max(60, min(110, shutil.get_terminal_size().columns - 1)))

    def _split_lines(self, text: str, width: int) -> list[str]:
        return wrap(text, width)

    def add_usage(self, usage: str | None, actions: Iterable[Any], groups: Iterable[Any], prefix: str | None = None) -> None:
        if prefix is None:  # argparse asks with "" when it composes a subcommand's name
            prefix = translate("cli.heading.usage", Parser.language) + " "
            # The options stand below with what they mean; repeated here they would only hide the arguments.
            names = [self._format_args(action, action.metavar or action.dest) for action in actions if not action.option_strings]
            usage = " ".join([self._prog, f"[{translate('cli.metavar.options', Parser.language)}]", *names]).replace("%", "%%")
        super().add_usage(usage, actions, groups, prefix)


def build_parser(language: str) -> argparse.ArgumentParser:
    """The whole parser; ``language`` decides what its help says."""
    Parser.language = language

    def t(key: str, **params: Any) -> str:
        return translate(f"cli.{key}", language, **params)

    parser = Parser(prog="delineate", description=t("description"), epilog=t("epilog"))
    parser.add_argument("--version", action="version", version=f"delineate {__version__}", help=t("opt.version"))
    parser.add_argument("--lang", choices=LANGUAGES, help=t("opt.lang"))
    commands = parser.add_subparsers(dest="command", metavar=t("metavar.command"), title=t("heading.commands"))

    def command(name: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=t(f"{name}.help"), description=t(f"{name}.description"), epilog=t(f"{name}.examples"))
        made.add_argument("--lang", choices=LANGUAGES, default=argparse.SUPPRESS, help=t("opt.lang"))
        if name not in ("report", "networks", "app"):
            made.add_argument("-q", "--quiet", action="store_true", help=t("opt.quiet"))
        if name in ("check", "run", "train", "predict"):
            made.add_argument("--events", choices=("json",), help=t("opt.events"))
        return made

    def group(made: argparse.ArgumentParser, name: str) -> Any:
        return made.add_argument_group(t(f"heading.{name}"))

    def option(place: Any, *names: str, key: str | None = None, **kwargs: Any) -> None:
        place.add_argument(*names, help=t(f"opt.{key or names[-1].lstrip('-')}"), **kwargs)

    check = command("check")
    option(check, "data", metavar="DATA")
    option(check, "--out", key="out-check", metavar="DIR")
    _reading(group(check, "reading"), option)
    _splitting(group(check, "splitting"), option)
    option(check, "--allow", metavar="CODE", action="append", default=[])

    for name in ("run", "train"):
        made = command(name)
        option(made, "data", metavar="DATA", nargs="?", key="data-run")
        option(made, "--out", metavar="DIR")
        option(made, "--resume", action="store_true")
        option(made, "--overwrite", action="store_true", key="overwrite-run")
        limits = group(made, "budget")
        option(limits, "--budget", metavar="TIME")
        option(limits, "--epochs", metavar="N", type=int)
        _reading(group(made, "reading"), option)
        _splitting(group(made, "splitting"), option)
        plan = group(made, "plan")
        option(plan, "--network", metavar="NAME")
        option(plan, "--size", metavar="N|RxC")
        option(plan, "--augmentation", choices=AUGMENTATIONS)
        option(plan, "--preset", choices=PRESETS)
        option(plan, "--recipe", metavar="FILE")
        option(plan, "--set", metavar="KEY=VALUE", action="append", default=[], dest="settings")
        option(plan, "--seed", metavar="N", type=int, default=0)
        option(plan, "--device", choices=("cpu", "cuda", "mps"))
        option(plan, "--threads", metavar="N", type=int)
        doubt = group(made, "doubt")
        option(doubt, "--tta", action=argparse.BooleanOptionalAction, key="tta-run")
        option(doubt, "--ensemble", action="store_true")
        add_doubt(doubt, option)
        option(made, "--allow", metavar="CODE", action="append", default=[])
        option(made, "--keep-cache", action="store_true")

    evaluate = command("evaluate")
    option(evaluate, "run", metavar="RUN|MODEL", key="evaluate-target")
    option(evaluate, "data", metavar="DATA", nargs="?", key="evaluate-data")
    option(evaluate, "--out", metavar="DIR", key="out-evaluate")
    option(evaluate, "--engine", metavar="NAME", default="onnxruntime", key="engine-evaluate")
    option(evaluate, "--threads", metavar="N", type=int)
    option(evaluate, "--nsd-tolerance", metavar="N", type=float)
    _reading(group(evaluate, "reading"), option)

    predict = command("predict")
    option(predict, "model", metavar="MODEL")
    option(predict, "inputs", metavar="IMAGE|FOLDER", nargs="+")
    option(predict, "--out", metavar="DIR", default="masks", key="out-predict")
    option(predict, "--format", choices=("nifti", "nrrd", "mha", "tiff", "png", "npy", "npz", "dicom-seg"))
    option(predict, "--segment-codes", metavar="FILE")
    option(predict, "--no-identity", action="store_true")
    option(predict, "--overlay", action="store_true")
    option(predict, "--probabilities", action="store_true")
    option(predict, "--uncertainty", action="store_true")
    option(predict, "--no-clean", action="store_true")
    option(predict, "--overwrite", action="store_true", key="overwrite-predict")
    option(predict, "--measure", action="store_true")
    option(predict, "--engine", metavar="NAME", default="auto")
    option(predict, "--threads", metavar="N", type=int)
    option(predict, "--memory", metavar="SIZE")
    option(predict, "--level", metavar="N", type=int)
    option(predict, "--blend", choices=("linear", "gaussian"), default="linear")

    add_measure(command, group, option)
    add_surface(command, option)
    add_serve(command("serve"), group, option)
    add_app(command("app"), option)
    add_refine(command, option)
    add_ensemble(command, option)

    export = command("export")
    option(export, "run", metavar="RUN|MODEL", key="export-target")
    option(export, "--target", choices=("onnx", "openvino", "int8", "web"))
    option(export, "--int8", action="store_true")
    option(export, "--out", metavar="FILE|DIR", key="out-export")
    option(export, "--calibrate", metavar="DIR")
    option(export, "--margin", metavar="DICE", type=float, default=0.005)
    option(export, "--engine", metavar="NAME", default="onnxruntime", key="engine-export")
    option(export, "--threads", metavar="N", type=int)
    option(export, "--overwrite", action="store_true", key="overwrite-export")

    report = command("report")
    option(report, "run", metavar="RUN", key="report-run")
    option(report, "--out", metavar="FILE", key="out-report")

    compare = command("compare")
    add_compare(compare, group, option, _reading, _splitting)
    option(compare, "--pictures", metavar="N", type=int, default=12, key="pictures-compare")

    networks = command("networks")
    option(networks, "--size", metavar="N|RxC", default="256", key="size-networks")
    option(networks, "--json", action="store_true")

    demo = command("demo")
    option(demo, "--out", metavar="DIR", key="out-demo", default="demo")
    option(demo, "--budget", metavar="TIME", default="2m30s")
    option(demo, "--seed", metavar="N", type=int, default=0)
    return parser


def _reading(place: Any, option: Any) -> None:
    option(place, "--layout", metavar="NAME")
    option(place, "--image-pattern", metavar="PATTERN")
    option(place, "--mask-pattern", metavar="PATTERN")
    option(place, "--patient-pattern", metavar="REGEX")
    option(place, "--table", metavar="CSV")
    option(place, "--classes", metavar="NAMES")


def _splitting(place: Any, option: Any) -> None:
    option(place, "--folds", metavar="K", type=int)
    option(place, "--split-file", metavar="FILE")
    option(place, "--sample", metavar="seed=S,n=N")
    option(place, "--test-share", metavar="X", type=float, default=0.2)
    option(place, "--validation-share", metavar="X", type=float, default=0.15)
    option(place, "--ignore-published-split", action="store_true")


def language_of(arguments: Sequence[str]) -> str | None:
    """``--lang`` before the arguments are parsed, since the parser's own words depend on it."""
    for position, argument in enumerate(arguments):
        if argument == "--lang" and position + 1 < len(arguments):
            value = arguments[position + 1]
        elif argument.startswith("--lang="):
            value = argument.partition("=")[2]
        else:
            continue
        return value if value in LANGUAGES else None
    return None
