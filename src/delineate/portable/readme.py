"""README.md and README.zh.md of an exported folder."""

from __future__ import annotations

from typing import Any

from delineate.i18n import translate
from delineate.portable.card import PARTS


def readme(card: dict[str, Any], target: str, language: str) -> str:
    """What a person must know of the folder, of its ``card`` and ``target``."""

    def say(key: str, **params: Any) -> str:
        return translate(f"portable.readme.{key}", language, **params)

    labels = ", ".join(f"{label['value']} = {label['name']}" for label in card["labels"])
    blocks = [
        f"# {card['name']}",
        say("other"),
        ("" if language == "zh" else " ").join([card["intended_use"][language], *card["notes"][language]]),
        say("made", version=card["delineate"]),
        f"## {say('run')}",
        *_running(target, say),
        say("areas.overlapping" if card["overlapping"] else "areas", labels=labels),
        f"## {say('scores')}",
        *_scores(card, language),
        f"## {say('limits')}",
        _list(card["limits"][language]),
        f"## {say('differs')}",
        _list(card["differs"][language]),
        f"## {say('languages')}",
        say(
            "languages.text",
            file=card["model"]["file"],
            channels=" / ".join(map(str, card["input"]["channels"])),
            mask=say("mask.regions" if card["overlapping"] else "mask.labels"),
        ),
        f"## {say('files')}",
        say("files.text", file=card["model"]["file"], sha256=card["model"]["sha256"], source=card["model"]["made_from_sha256"]),
    ]
    if target == "web":
        blocks.append(say("licence"))
    return "\n\n".join(blocks) + "\n"


def _running(target: str, say: Any) -> list[str]:
    engine = "openvino" if target == "openvino" else "onnxruntime"
    python = _code(f"pip install numpy pillow {engine}\npython example.py picture.png mask.png")
    if target != "web":
        return [say(f"run.{engine}"), python]
    serve = _code("python -m http.server 8000 --bind 127.0.0.1")
    return [say("run.web"), serve, say("run.web.then"), say("run.onnxruntime"), python]


def _code(text: str) -> str:
    return f"```\n{text}\n```"


def _list(texts: list[str]) -> str:
    return "\n".join(f"- {text}" for text in texts)


def _scores(card: dict[str, Any], language: str) -> list[str]:
    rows = []
    for part in PARTS:
        numbers = card["scores"].get(part)
        if not isinstance(numbers, dict) or not isinstance(numbers.get("dice"), dict) or numbers["dice"].get("mean") is None:
            continue
        dice, unit = numbers["dice"], numbers.get("unit", "patient")
        ends = dice.get("ci95") or [None]
        interval = "–" if None in ends else " … ".join(f"{value:.3f}" for value in ends)
        who = translate(f"report.who.{part}.{unit}", language)
        rows.append(f"| {who} | {numbers.get('n', '?')} | {dice['mean']:.3f} | {interval} |")
    blocks = [translate("portable.readme.scores.none", language)]
    if rows:
        blocks = ["\n".join([translate("portable.readme.scores.head", language), "| --- | ---: | ---: | --- |", *rows])]
    for part, change in ((card["quantised"] or {}).get("dice") or {}).items():
        if change.get("before") is None or change.get("after") is None:
            continue
        numbers = {"before": f"{change['before']:.4f}", "after": f"{change['after']:.4f}", "n": change["difference"]["n"]}
        blocks.append(translate("portable.readme.quantised", language, part=translate(f"cli.part.{part}", language), **numbers))
    return blocks
