"""Surfaces as one HTML page that opens without a network: rotate, zoom, opacity per class, a scale bar, both languages."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from delineate.i18n import LANGUAGES, translate
from delineate.measures.surfaces import Surface
from delineate.recipe import write_text

_TEMPLATE = Path(__file__).parent / "templates" / "viewer.html"
_WORDS = (
    "title", "opacity", "show", "canvas", "front", "back", "left", "right", "top", "bottom", "reset", "help", "volume", "about",
    "no-webgl", "language", "theme",
)  # fmt: skip


def write_viewer(path: Path, surfaces: Sequence[Surface], *, title: str, language: str = "en") -> Path:
    """Write the page, atomically, and return its path. Points are rounded to 1/65535 of the scene's longest side."""
    points = np.concatenate([surface.mesh.points for surface in surfaces])
    low = points.min(axis=0)
    size = float(max((points.max(axis=0) - low).max(), 1e-6))
    parts = [_packed(surface, low, size) for surface in surfaces]
    scene = {
        "title": title,
        "language": language,
        "low": low.tolist(),
        "size": size,
        "patient": all(surface.in_patient for surface in surfaces),
        "surfaces": [
            {
                "name": surface.name,
                "colour": surface.colour,
                "points": len(surface.mesh.points),
                "faces": surface.faces,
                "voxel_ml": f"{surface.voxel_ml:.4g}",
                "volume_ml": f"{surface.volume_ml:.4g}",
            }
            for surface in surfaces
        ],
        "words": {name: {word: translate(f"viewer.{word}", name) for word in _WORDS} for name in LANGUAGES},
    }
    packed = base64.b64encode(gzip.compress(b"".join(parts), 9, mtime=0)).decode("ascii")
    text = _TEMPLATE.read_text(encoding="utf-8")
    # A name may hold anything; in a script element only "<" could end it.
    text = text.replace("__SCENE__", json.dumps(scene, ensure_ascii=False).replace("<", "\\u003c")).replace("__MESHES__", packed)
    write_text(path, text.encode("utf-8", "replace").decode("utf-8"))
    return path


def _packed(surface: Surface, low: np.ndarray[tuple[int, ...], np.dtype[np.float64]], size: float) -> bytes:
    """Points as 16-bit and corners of triangles as 32-bit differences to the one before, the bytes of equal weight together: gzip
    makes a third of that. The page does the same backwards."""
    grid = np.rint((surface.mesh.points - low) / size * 65535).astype(np.uint16)
    steps = np.diff(grid, axis=0, prepend=np.zeros((1, 3), np.uint16)).T.ravel()
    corners = surface.mesh.faces.astype(np.int64).ravel()
    jumps = np.diff(corners, prepend=0).astype(np.int32).view(np.uint32)
    planes = [(steps >> shift).astype(np.uint8) for shift in (0, 8)] + [
        (jumps >> shift).astype(np.uint8) for shift in (0, 8, 16, 24)
    ]
    return b"".join(plane.tobytes() for plane in planes)
