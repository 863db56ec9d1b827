"""Surfaces → STL, PLY and GLB, by trimesh. The files say in which coordinates they are, where the format has room for it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from delineate.errors import MissingExtra
from delineate.formats.atomic import replacing
from delineate.measures.surfaces import Surface

Space = Literal["RAS", "LPS"]
#: RAS+ mm → glTF: metres, +y up (the patient's head), +z forward (the patient's front), +x to the patient's left.
GLTF = np.array([[-0.001, 0, 0, 0], [0, 0, 0.001, 0], [0, 0.001, 0, 0], [0, 0, 0, 1.0]])


def write_surfaces(path: Path, surfaces: Sequence[Surface], space: Space = "RAS") -> list[Path]:
    """Write ``surfaces`` as ``path``'s suffix says and return the files: STL has no room for several things and gets a file per
    class (``lungs_left.stl``), PLY one with a colour per class, GLB one with a named node per class (always in glTF's own axes)."""
    suffix = path.suffix.lower()
    if suffix == ".stl":
        several = len(surfaces) > 1
        paths = [path.with_name(f"{path.stem}_{_safe(one.name)}.stl") if several else path for one in surfaces]
        for target, surface in zip(paths, surfaces, strict=True):
            _write(target, _stl(surface, space))
        return paths
    _write(path, _glb(surfaces) if suffix == ".glb" else _ply(surfaces, space))
    return [path]


def _trimesh() -> Any:
    try:
        import trimesh
    except ImportError:
        raise MissingExtra("missing-extra", extra="surface") from None
    return trimesh


def _mesh(surface: Surface, space: Space = "RAS") -> Any:
    points = surface.mesh.points * (np.array([-1.0, -1.0, 1.0]) if space == "LPS" else 1.0)  # a half turn: no triangle flips
    colour = [int(surface.colour[at : at + 2], 16) for at in (1, 3, 5)]
    return _trimesh().Trimesh(points, surface.mesh.faces, process=False, vertex_colors=[*colour, 255])


def _stl(surface: Surface, space: Space) -> bytes:
    content = bytes(_mesh(surface, space).export(file_type="stl"))
    # As 3D Slicer writes and reads it; a binary STL must not begin with "solid".
    return f"Delineate; millimetres; SPACE={space}".encode().ljust(80) + content[80:]


def _ply(surfaces: Sequence[Surface], space: Space) -> bytes:
    whole = _trimesh().util.concatenate([_mesh(surface, space) for surface in surfaces])
    head, ending, body = bytes(whole.export(file_type="ply")).partition(b"end_header\n")
    first, newline, rest = head.partition(b"\nelement")
    return first + f"\ncomment millimetres\ncomment SPACE={space}".encode() + newline + rest + ending + body


def _glb(surfaces: Sequence[Surface]) -> bytes:
    trimesh = _trimesh()
    scene = trimesh.Scene()
    for surface in surfaces:
        mesh = _mesh(surface)
        colour = mesh.visual.vertex_colors[0]
        material = trimesh.visual.material.PBRMaterial(baseColorFactor=colour, metallicFactor=0.0, roughnessFactor=0.7)
        mesh.visual = trimesh.visual.TextureVisuals(material=material)
        scene.add_geometry(mesh, node_name=surface.name, geom_name=surface.name, transform=GLTF)
    return bytes(scene.export(file_type="glb"))


def _write(path: Path, content: bytes) -> None:
    with replacing(path, path.suffix) as temporary:
        temporary.write_bytes(content)


def _safe(name: str) -> str:
    return re.sub(r"[^\w-]+", "-", name).strip("-") or "class"
