#!/usr/bin/env python3
"""Set up and run this project on a fresh Debian/Ubuntu machine. Standard library only; everything goes into ./.venv.

python3 dev.py demo           set up, make the embedded data set, run the main job, print the report's path
                              (further arguments go to `delineate demo`: dev.py demo --lang zh --out somewhere)
python3 dev.py test           set up, run linters and all tests (arguments after -- go to pytest)
python3 dev.py test --slow    the slow tests too
python3 dev.py setup          set up only
python3 dev.py demo-model     rebuild the small demonstration model that the package carries
"""

from __future__ import annotations

import argparse
import ctypes
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
STAMP = VENV / ".delineate-setup"
IN_CI = os.environ.get("CI", "").lower() == "true"

#: What the tests use beside Python: (a program, library or file that shows it is there, Debian package, what for)
SYSTEM = [
    ("chromium", "chromium", "looking at reports as a browser shows them"),
    ("dciodvfy", "dicom3tools", "checking DICOM segmentations against the standard"),
    ("/usr/share/fonts/truetype/wqy/wqy-microhei.ttc", "fonts-wqy-microhei", "Chinese text in pictures"),
    # What Qt links with: without them the tests of the desktop program abort, with or without a display.
    ("libglib-2.0.so.0", "libglib2.0-0", "the desktop program"),
    ("libEGL.so.1", "libegl1", "the desktop program"),
    ("libGL.so.1", "libgl1", "the desktop program"),
    ("libfontconfig.so.1", "libfontconfig1", "the desktop program"),
    ("libxkbcommon.so.0", "libxkbcommon0", "the desktop program"),
    ("libdbus-1.so.3", "libdbus-1-3", "the desktop program"),
    ("Xvfb", "xvfb", "the desktop program in a real window"),
    ("libxcb-cursor.so.0", "libxcb-cursor0", "the desktop program in a real window"),
    ("libxcb-icccm.so.4", "libxcb-icccm4", "the desktop program in a real window"),
    ("libxcb-keysyms.so.1", "libxcb-keysyms1", "the desktop program in a real window"),
    ("libxcb-xkb.so.1", "libxcb-xkb1", "the desktop program in a real window"),
    ("libxkbcommon-x11.so.0", "libxkbcommon-x11-0", "the desktop program in a real window"),
    ("libX11-xcb.so.1", "libx11-xcb1", "the desktop program in a real window"),
]


def say(text: str) -> None:
    print(f"[dev] {text}", flush=True)


def call(*command: str | Path, check: bool = True, cwd: Path = ROOT) -> int:
    code = subprocess.call([str(part) for part in command], cwd=cwd)
    if check and code != 0:
        say(f"failed with exit code {code}: {' '.join(str(part) for part in command)}")
        sys.exit(code)
    return code


def may_install() -> list[str] | None:
    """The prefix with which apt-get can be called, or None."""
    if not shutil.which("apt-get"):
        return None
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return []
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    if shutil.which("sudo") and subprocess.call(["sudo", "-n", "true"], **quiet) == 0:
        return ["sudo", "-n"]
    return None


def apt_install(packages: list[str]) -> bool:
    prefix = may_install()
    if prefix is None:
        return False
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    say(f"installing system packages: {' '.join(packages)}")
    subprocess.call([*prefix, "apt-get", "update", "-qq"], env=environment, stdout=subprocess.DEVNULL)
    command = [*prefix, "apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]
    return subprocess.call(command, env=environment, stdout=subprocess.DEVNULL) == 0


def there(probe: str) -> bool:
    """Whether a program, a file or a shared library (by its soname) is on this machine."""
    if ".so." in probe:
        try:
            ctypes.CDLL(probe)
        except OSError:
            return False
        return True
    return bool(shutil.which(probe)) or Path(probe).exists()


def system_packages() -> None:
    missing = [(probe, package, use) for probe, package, use in SYSTEM if not there(probe)]
    if not missing or apt_install([package for _, package, _ in missing]):
        return
    for _, package, use in missing:
        say(f"missing: {package} ({use}). Install it with: sudo apt-get install {package}")
    if IN_CI:
        sys.exit(1)
    say("tests that need them are skipped")


def make_venv() -> None:
    if PYTHON.exists() and subprocess.call([str(PYTHON), "-m", "pip", "--version"], stdout=subprocess.DEVNULL) == 0:
        return
    say("making .venv")
    try:
        import venv

        venv.create(VENV, with_pip=True, clear=True)
    except (subprocess.CalledProcessError, SystemExit, ImportError):
        # Debian keeps ensurepip in a package of its own.
        version = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
        if not apt_install([version]) and not apt_install(["python3-venv"]):
            say(f"Python cannot make a virtual environment. Install it with: sudo apt-get install {version}")
            sys.exit(1)
        call(sys.executable, "-m", "venv", "--clear", VENV)


def setup(extra: str) -> None:
    if sys.version_info < (3, 10):  # noqa: UP036 - the one place where an older Python must hear it in words
        say(f"Python 3.10 or newer is needed, this is {sys.version.split()[0]}")
        sys.exit(1)
    project = (ROOT / "pyproject.toml").read_bytes()
    digests = {name: hashlib.sha256(project + f"{name} {sys.version} {ROOT}".encode()).hexdigest() for name in (extra, "dev")}
    known = STAMP.read_text().split() if STAMP.exists() else []
    if PYTHON.exists() and any(digest in known for digest in digests.values()):  # [dev] holds all the others
        return
    make_venv()
    say(f"installing delineate[{extra}] (torch is large: some minutes the first time)")
    call(PYTHON, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--upgrade", "pip", check=False)
    call(PYTHON, "-m", "pip", "install", "-q", "--disable-pip-version-check", "-e", f".[{extra}]")
    STAMP.write_text(" ".join([*known[-4:], digests[extra]]))


def test(arguments: list[str], slow: bool) -> int:
    setup("dev")
    system_packages()
    failures = []
    checks: dict[str, list[str | Path]] = {
        "ruff check": [BIN / "ruff", "check", "."],
        "ruff format": [BIN / "ruff", "format", "--check", "-q", "."],
        "import-linter": [BIN / "lint-imports", "--no-cache"],
        "mypy": [BIN / "mypy"],
    }
    if not arguments:
        for name, command in checks.items():
            say(name)
            if call(*command, check=False) != 0:
                failures.append(name)
    if failures:
        say(f"these checks failed, whatever the tests say: {', '.join(failures)}")
    marks = ["-m", ""] if slow else []
    say("pytest")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
    workers = ["-n", str(min(4, os.cpu_count() or 1)), "--dist", "loadfile"] if not arguments else []
    code = subprocess.call([str(PYTHON), "-m", "pytest", *workers, *marks, *arguments], cwd=ROOT, env=environment)
    return code or (1 if failures else 0)


def demo(arguments: list[str]) -> int:
    setup("train")
    return call(BIN / "delineate", "demo", *arguments, check=False, cwd=Path.cwd())  # its paths are the person's


def demo_model() -> int:
    setup("train")
    return call(PYTHON, "-m", "delineate.workflows.demo_model", check=False)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["demo", "test", "setup", "demo-model"])
    parser.add_argument("--slow", action="store_true", help="with test: the slow tests too")
    known, rest = parser.parse_known_args()
    rest = [part for part in rest if part != "--"]
    if known.command == "demo":
        return demo(rest)
    if known.command == "demo-model":
        return demo_model()
    if known.command == "setup":
        setup("dev")
        system_packages()
        return 0
    return test(rest, known.slow)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
