"""How long a hand waits for the desktop program: slices, strokes, panning and zooming of the editing core, without a window.

    python benchmarks/editing_latency.py --json out.json --write docs/desktop.md

Each action is what the window does between an event and the picture: the new view or edit, the journal's record, and drawing what
has to be drawn. Medians and 95th percentiles in ms, by the clock and by processor time, which other programs do not change.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from benchmarks.measuring import say  # noqa: E402

from benchmarks import measuring, page  # noqa: E402
from delineate.domain import Geometry, Image, LabelSet  # noqa: E402
from delineate.editing import tools  # noqa: E402
from delineate.editing.document import Document  # noqa: E402
from delineate.editing.drawing import Renderer  # noqa: E402
from delineate.editing.planes import Plane  # noqa: E402
from delineate.editing.session import Session  # noqa: E402
from delineate.editing.view import ViewState, to_screen  # noqa: E402

SCREEN = (1024, 1024)
NAMES = LabelSet(kind="exclusive", names=("one", "two", "three"))
Act = Callable[[], object]


def main(arguments: list[str] | None = None) -> dict[str, Any]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shrink", type=int, default=1, help="divide all sizes (for a quick look)")
    parser.add_argument("--times", type=int, default=60, help="how often each action is done")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--write", type=Path, metavar="PAGE")
    asked = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    result = measure(asked.shrink, asked.times)
    measuring.write_json(asked.json, result)
    if asked.write:
        page.write_section(asked.write, "latency", table(result))
    return result


def measure(shrink: int = 1, times: int = 60) -> dict[str, Any]:
    rows: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for scenes in (make(shrink, Path(folder)) for make in (_volume, _square, _slide)):
            for name, limit, act in scenes:
                rows[name] = {"limit_ms": limit, **_timed(act, min(times, 5) if isinstance(act, _First) else times)}
                say(f"{name}: {rows[name]['median_ms']} ms, 95 % {rows[name]['p95_ms']} ms")
    return measuring.document("editing_latency", "cpu", {"screen": list(SCREEN), "times": times, "shrink": shrink, "actions": rows})


def _timed(act: Act, times: int) -> dict[str, float]:
    before = getattr(act, "before", lambda: None)
    before()
    act()
    clock, processor = [], []
    for _ in range(times):
        before()
        begun, used = time.perf_counter(), time.thread_time()
        act()
        clock.append(1000 * (time.perf_counter() - begun))
        processor.append(1000 * (time.thread_time() - used))
    cut = max(0, -(-95 * times // 100) - 1)
    return {
        "median_ms": round(statistics.median(clock), 2),
        "p95_ms": round(sorted(clock)[cut], 2),
        "processor_ms": round(statistics.median(processor), 2),
        "processor_p95_ms": round(sorted(processor)[cut], 2),
    }


def _made(shape: tuple[int, ...], dtype: type, channels: int = 1) -> Document:
    """Smooth noise with three classes of blobs, cheap to make at any size."""
    small = np.random.default_rng(0).random(tuple(max(2, n // 32) for n in shape[-2:]), np.float32)
    plane = cv2.resize(small, shape[:-3:-1], interpolation=cv2.INTER_CUBIC).clip(0, 1)
    labels = (plane * 8).astype(np.uint8) % 4
    pixels = (plane * 255).astype(dtype)
    deep = len(shape) == 3
    stack = np.stack([np.roll(pixels, 3 * k, 1) for k in range(shape[0])]) if deep else pixels
    mask = np.stack([np.roll(labels, 3 * k, 1) for k in range(shape[0])]) if deep else labels
    affine = np.array([[0, 0, 0.8, 0], [0, 0.8, 0, 0], [1.0, 0, 0, 0], [0, 0, 0, 1]]) if deep else None
    geometry = Geometry(shape, (1.0, 0.8, 0.8), affine) if deep else Geometry(shape)
    image = Image(np.stack([stack] * channels), geometry, colour="rgb" if channels == 3 else "grey")
    document = Document(image, NAMES)
    document.set_prediction(mask)
    return document


def _volume(shrink: int, folder: Path) -> Iterator[tuple[str, float | None, Act]]:
    document = _made(tuple(n // shrink for n in (400, 512, 512)), np.int16)
    size = f"{document.grid.shape[2]}×{document.grid.shape[1]}×{document.grid.shape[0]}"
    renderer = Renderer(document)
    for plane in Plane:
        yield f"next slice, {plane.value}, {size}", 30, _Scroll(document, renderer, plane, 1)
    yield f"jump of slices, sagittal, {size}", 30, _Scroll(document, renderer, Plane.SAGITTAL, 17)
    yield f"next slice, axial, outlines, {size}", 30, _Scroll(document, renderer, Plane.AXIAL, 1, outline=True)
    yield f"three planes at once (crosshair moved), {size}", 30, _Cross(document, renderer)
    for ready in (True, False):
        yield (
            f"first stroke, journal {'ready' if ready else 'not ready'}, {size}",
            16,
            _First(document, folder, ready),
        )
    session = Session(document, folder)
    for plane in (Plane.AXIAL, Plane.SAGITTAL):
        yield f"brush of 20 pixels, {plane.value}, {size}", 16, _Paint(session, renderer, plane, 20, tools.brush)
    yield f"undo and redo of a stroke, {size}", None, lambda: (session.undo(), session.redo())
    session.close()


def _square(shrink: int, folder: Path) -> Iterator[tuple[str, float | None, Act]]:
    document = _made((1024 // shrink, 1024 // shrink), np.uint8)
    renderer = Renderer(document)
    session = Session(document, folder)
    for radius in (5, 20, 100):
        yield f"brush of {radius} pixels, {1024 // shrink}²", 16, _Paint(session, renderer, Plane.AXIAL, radius, tools.brush)
    yield f"eraser of 20 pixels, {1024 // shrink}²", 16, _Paint(session, renderer, Plane.AXIAL, 20, tools.eraser)
    yield f"smart brush of 20 pixels, {1024 // shrink}²", 16, _Paint(session, renderer, Plane.AXIAL, 20, tools.smart_brush)
    yield f"undo and redo of a stroke, {1024 // shrink}²", None, lambda: (session.undo(), session.redo())
    session.close()


def _slide(shrink: int, folder: Path) -> Iterator[tuple[str, float | None, Act]]:
    side = 10_000 // shrink
    document = _made((side, side), np.uint8, channels=3)
    renderer = Renderer(document)
    frame = document.frame(Plane.AXIAL)
    fitted = ViewState.of(document).fitted(frame, SCREEN)
    begun = time.perf_counter()
    renderer.draw(fitted, Plane.AXIAL, SCREEN)
    say(f"first picture of {side}²: {1000 * (time.perf_counter() - begun):.0f} ms")
    for zoom in (fitted.zoom, 0.3, 1.0, 4.0):
        yield f"pan, {side}² in colour at {100 * zoom:.0f} %", 30, _Pan(document, renderer, replace(fitted, zoom=zoom))
    yield f"zoom, {side}² in colour", 30, _Zoom(document, renderer, fitted)
    session = Session(document, folder)
    yield f"brush of 50 pixels, {side}²", 16, _Paint(session, renderer, Plane.AXIAL, 50, tools.brush)
    session.close()


class _Scroll:
    def __init__(self, document: Document, renderer: Renderer, plane: Plane, step: int, outline: bool = False) -> None:
        self.frame, self.renderer, self.plane, self.step = document.frame(plane), renderer, plane, step
        self.view = replace(ViewState.of(document).fitted(self.frame, SCREEN), outline=outline)

    def __call__(self) -> None:
        at = (self.view.slice_of(self.frame) + self.step) % self.frame.depth
        self.view = self.view.scrolled(self.frame, at - self.view.slice_of(self.frame))
        self.renderer.draw(self.view, self.plane, SCREEN)


class _Cross:
    """Three views of a quarter of the screen each."""

    def __init__(self, document: Document, renderer: Renderer) -> None:
        self.document, self.renderer, self.rng = document, renderer, np.random.default_rng(1)
        self.size = (SCREEN[0] // 2, SCREEN[1] // 2)
        self.view = ViewState.of(document)
        for plane in Plane:
            self.view = self.view.fitted(document.frame(plane), self.size)

    def __call__(self) -> None:
        frame = self.document.frame(Plane.AXIAL)
        at = self.rng.random(3) * self.document.grid.shape
        view = self.view.scrolled(frame, int(at[0]) - self.view.slice_of(frame))
        self.view = view.crossed(frame, float(at[1]), float(at[2]))
        for plane in Plane:
            self.renderer.draw(self.view, plane, self.size)


class _Paint:
    """One move of the mouse with the button down, in strokes of 20 moves: tool, edit, journal, and the touched rectangle drawn."""

    def __init__(self, session: Session, renderer: Renderer, plane: Plane, radius: float, tool: Callable[..., Any]) -> None:
        self.session, self.renderer, self.plane, self.radius, self.tool = session, renderer, plane, radius, tool
        self.frame = session.document.frame(plane)
        self.view = ViewState.of(session.document).fitted(self.frame, SCREEN)
        self.rng, self.moves = np.random.default_rng(2), 0
        self.at = (self.frame.shape[0] / 2, self.frame.shape[1] / 2)

    def __call__(self) -> None:
        if self.moves % 20 == 0:
            if self.session.stack.in_stroke:
                self.session.end("brush")
            self.session.begin("brush")
        v, u = self.at
        self.at = tuple(
            float(np.clip(x + self.rng.normal(0, self.radius), 0, n - 1)) for x, n in zip((v, u), self.frame.shape, strict=True)
        )
        document, label = self.session.document, 1 + self.moves // 20 % 3
        change = self.tool(document, self.plane, self.view.slice_of(self.frame), [(v, u), self.at], self.radius, label)
        self.session.add(change)
        if change is not None:
            v0, v1, u0, u1 = self.frame.rectangle(change.box)
            x0, y0 = (int(x) - 1 for x in to_screen(self.view, self.frame, v0 - 0.5, u0 - 0.5, SCREEN))
            x1, y1 = (int(x) + 2 for x in to_screen(self.view, self.frame, v1 - 0.5, u1 - 0.5, SCREEN))
            self.renderer.draw(self.view, self.plane, SCREEN, (x0, y0, x1 - x0, y1 - y0))
        self.moves += 1


class _First:
    """The first stroke of a session, when the journal's beginning was made ready since the image was opened, or at once."""

    def __init__(self, document: Document, folder: Path, ready: bool) -> None:
        self.document, self.folder, self.ready = document, folder, ready
        self.session: Session | None = None

    def before(self) -> None:
        if self.session is not None:
            self.session.settle()
            self.session.close()
        self.document.edited[:] = self.document.predicted
        self.session = Session(self.document, self.folder)
        if self.ready:
            self.session.prepare()
            time.sleep(6)

    def __call__(self) -> None:
        assert self.session is not None
        self.session.begin("brush")
        self.session.add(tools.brush(self.document, Plane.AXIAL, 0, [(9, 9), (30, 30)], 20, 1))
        self.session.end("brush")


class _Pan:
    def __init__(self, document: Document, renderer: Renderer, view: ViewState) -> None:
        self.frame, self.renderer, self.view, self.moves = document.frame(Plane.AXIAL), renderer, view, 0

    def __call__(self) -> None:
        self.moves += 1
        away = 37 if self.moves // 20 % 2 else -37
        self.view = self.view.panned(self.frame, away, away / 2)
        self.renderer.draw(self.view, Plane.AXIAL, SCREEN)


class _Zoom:
    def __init__(self, document: Document, renderer: Renderer, view: ViewState) -> None:
        self.frame, self.renderer, self.view, self.moves = document.frame(Plane.AXIAL), renderer, view, 0

    def __call__(self) -> None:
        self.moves += 1
        self.view = self.view.zoomed(self.frame, 1.2 if self.moves // 20 % 2 else 1 / 1.2, 400, 300, SCREEN)
        self.renderer.draw(self.view, Plane.AXIAL, SCREEN)


def table(result: dict[str, Any]) -> str:
    body = [
        [
            name,
            "" if row["limit_ms"] is None else f"< {row['limit_ms']}",
            *(f"{row[key]:g}" for key in ("median_ms", "p95_ms", "processor_ms", "processor_p95_ms")),
        ]
        for name, row in result["actions"].items()
    ]
    head = ["action, to the picture of 1024×1024", "wanted, ms", "median", "95 %", "processor time, median", "95 %"]
    return "\n".join([page.machine_line(result), "", page.rows(head, body)])


if __name__ == "__main__":
    main()
