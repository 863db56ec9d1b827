"""docs/findings.md, made of the catalogues and the sources: ``python -m tests.i18n.findings_page`` writes it anew."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.i18n.raised import codes_of, sites

import delineate.errors
import delineate.i18n
from delineate.errors import DelineateError

PAGE = Path(__file__).parents[2] / "docs" / "findings.md"
CATALOGUE = Path(delineate.i18n.__file__).parent / "catalogue"
#: Severities of findings whose code the sources keep in a variable.
ELSEWHERE = dict.fromkeys(
    (
        "channels-mixed", "bit-depth-mixed",  # dataset.checks.uniformity
        "empty-file", "not-an-image", "git-lfs-pointer", "no-permission",  # layouts.contents
        "listed-file-missing", "duplicate-case-id",  # layouts.table
    ),
    ("warning",),
)  # fmt: skip
#: Severities that depend on more than the place in the sources.
COMPUTED = {
    "class-missing-in-train": ("error",),
    "class-missing-in-validation": ("warning",),
    "class-missing-in-test": ("warning",),
    "label-value-outside": ("error", "info"),
}
_ORDER = ("error", "warning", "info")

HEAD = """\
# Findings, errors and exit codes

Made of the catalogues and the sources; a test holds it up to date. Words in *italics* are filled in. The same sentences in
Chinese are in the catalogues `src/delineate/i18n/catalogue/*.zh.json`.

## Exit codes

| code | meaning |
| ---: | --- |
"""
FINDINGS = """
## Findings

`delineate check` lists them, `findings.json` of a run keeps them. An **error** stops `run`, unless `--allow CODE` says that it may
pass; a **warning** and an **info** never stop anything. A file that cannot be used is left out with its finding and the rest goes
on; where more than half of the cases are concerned, the finding is an error.

| code | severity | meaning | what to do |
| --- | --- | --- | --- |
"""
ERRORS = """
## Errors that end a command

| code | exit | sentence |
| --- | ---: | --- |
"""


def sentences(topic: str) -> dict[str, str]:
    """Code → English sentence (``code.remedy`` → remedy)."""
    found: dict[str, str] = {}
    for path in sorted(CATALOGUE.glob(f"{topic}*.en.json")):
        if path.name.partition(".")[0].split("_")[0] == topic:
            found |= {key.partition(".")[2]: text for key, text in json.loads(path.read_text(encoding="utf-8")).items()}
    return found


def severities() -> dict[str, tuple[str, ...]]:
    """Code of a finding → the severities it can have, worst first."""
    known = [code for code in sentences("finding") if not code.endswith(".remedy")]
    found: dict[str, set[str]] = {code: set(names) for code, names in ELSEWHERE.items()}
    for site in sites():
        for code in codes_of(site, known) if site.topic == "finding" else ():
            found.setdefault(code, set()).update(site.severities)
    return {code: COMPUTED.get(code) or tuple(name for name in _ORDER if name in found.get(code, ())) for code in known}


def exits() -> dict[str, tuple[int, ...]]:
    """Code of an error → its exit codes. An error of a single file is a row of a table in ``predict``, and then exit code 3."""
    found: dict[str, set[int]] = {}
    for site in sites():
        if site.topic == "error":
            kind = delineate.errors.UnreadableFile if site.name == "unreadable" else getattr(delineate.errors, site.name)
            for code in codes_of(site, sentences("error")):
                found.setdefault(code, set()).add(kind.exit_code)
    return {code: tuple(sorted(found.get(code, ()))) for code in sentences("error")}


def text() -> str:
    meanings = dict(re.findall(r"^(?:[├└]── )?(\w+) +\d+  (.+)$", delineate.errors.__doc__ or "", re.MULTILINE))
    codes = [(0, "done"), (1, "a bug of ours; `delineate-crash.log` has the details")]
    codes += [(getattr(delineate.errors, name).exit_code, f"`{name}`: {meaning}") for name, meaning in meanings.items()]
    codes += [(130, "interrupted by Ctrl-C"), (143, "ended by SIGTERM")]
    kinds = {kind.__name__ for kind in DelineateError.__subclasses__()}
    assert kinds <= meanings.keys(), f"delineate.errors does not describe {kinds - meanings.keys()}"
    lines = [f"| {code} | {meaning} |" for code, meaning in codes]
    finding, error = sentences("finding"), sentences("error")
    rows = sorted(severities().items(), key=lambda item: ([_ORDER.index(name) for name in item[1]], item[0]))
    table = [
        f"| `{code}` | {' or '.join(names)} | {_cell(finding[code])} | {_cell(finding[f'{code}.remedy'])} |" for code, names in rows
    ]
    ends = [
        f"| `{code}` | {', '.join(map(str, numbers))} | {_cell(error[code])} |"
        for code, numbers in sorted(exits().items())
        if numbers
    ]
    return HEAD + "\n".join(lines) + "\n" + FINDINGS + "\n".join(table) + "\n" + ERRORS + "\n".join(ends) + "\n"


def _cell(sentence: str) -> str:
    """One table cell: placeholders in italics, doubled braces single, no line breaks or bars."""
    shown = re.sub(r"(?<!\{)\{(\w+)\}(?!\})", r"*\1*", sentence).replace("{{", "{").replace("}}", "}")
    return re.sub(r"\s*\n\s*", " ", shown).replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    PAGE.write_text(text(), encoding="utf-8")
