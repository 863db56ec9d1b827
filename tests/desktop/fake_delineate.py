"""Stands in for ``python -m delineate … --events json`` in tests: says what is asked of it, and stops when told to.

``fake_delineate.py SCRIPT ARGUMENTS…``: SCRIPT is a JSON list; each entry is an event to write, ``{"wait": seconds}``,
``{"copy": [from, to]}`` of folders, ``{"words": text}`` for standard error, ``{"until": "stop"}``, or ``{"exit": code}``.
``OUT`` in strings is the value of ``--out``.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from pathlib import Path


def main() -> int:
    arguments = sys.argv[2:]
    out = arguments[arguments.index("--out") + 1] if "--out" in arguments else ""
    text = Path(sys.argv[1]).read_text(encoding="utf-8").replace("OUT", out.replace("\\", "/"))
    (Path(sys.argv[1]).parent / "arguments.json").write_text(json.dumps(arguments))
    for entry in json.loads(text):
        if "event" in entry:
            print(json.dumps(entry), flush=True)
        elif "wait" in entry:
            time.sleep(entry["wait"])
        elif "copy" in entry:
            shutil.copytree(*entry["copy"], dirs_exist_ok=True)
        elif "words" in entry:
            print(entry["words"], file=sys.stderr, flush=True)
        elif "until" in entry:
            while sys.stdin.readline().strip() != entry["until"]:
                pass
            print(json.dumps({"event": "stopped"}), flush=True)
            return 130
        elif "exit" in entry:
            return int(entry["exit"])
    return 0


sys.exit(main())
