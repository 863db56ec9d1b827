"""Surfaces of classes for planning, printing and looking at: smoothed, simplified, watertight, and measured against the voxels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from delineate.domain import PALETTE
from delineate.errors import MissingExtra
from delineate.measures.frame import Binary, Floats, Frame
from delineate.measures.mesh import PASSES, Mesh, in_space, voxel_mesh
from delineate.measures.regions import region_of

#: Simplification moves no point further than this share of the smallest step of the grid.
MAX_MOVE = 0.5


@dataclass(frozen=True, eq=False)
class Surface:
    """One class's surface in RAS+ mm (without a position in the patient: column, row, slice in mm from index 0).

    ``voxel_ml`` is the voxels' own volume, ``volume_ml`` what the surface encloses. ``watertight``: every edge has exactly two
    triangles, wound the same way. ``most_mm``: how far simplification may move a point. ``in_patient``: whether the coordinates
    are the patient's.
    """

    label: int
    name: str
    mesh: Mesh
    voxel_ml: float
    watertight: bool
    most_mm: float
    in_patient: bool = True

    @property
    def faces(self) -> int:
        return len(self.mesh.faces)

    @property
    def volume_ml(self) -> float:
        return self.mesh.volume / 1000

    @property
    def volume_change_percent(self) -> float:
        return 100 * (self.volume_ml / self.voxel_ml - 1)

    @property
    def colour(self) -> str:
        return PALETTE[(self.label - 1) % len(PALETTE)]


def surface_of(label: int, name: str, mask: Binary, frame: Frame, *, passes: int = PASSES) -> Surface | None:
    """The surface of a boolean volume (the file's array order); ``None`` where it is empty.

    ``passes`` of Taubin's smoothing, then all points move along their normals by one and the same distance, at most
    :data:`MAX_MOVE` of a voxel, until the surface encloses the voxels' volume: marching cubes cuts the voxels' corners, which of
    a thing of three voxels' width is a quarter. Raises MissingExtra without the extra ``surface``.
    """
    region = region_of(frame.turn.apply(mask))
    if region is None:
        return None
    mesh = in_space(voxel_mesh(region, frame, passes), frame)
    if frame.origin is None:  # index order is slice, row, column; a viewer wants x, y, z
        mesh = Mesh(mesh.points[:, ::-1], mesh.faces[:, ::-1])
    volume = region.count * frame.cell
    most = MAX_MOVE * float(frame.lengths.min())
    if passes:
        mesh = _with_volume(mesh, volume, most)
    # Manifold's meshes are two-manifold by construction: where a mask touches itself along an edge or in a point only, marching
    # cubes' mesh is not, and its points are doubled here.
    mesh = _mesh_of(*_body(mesh))
    return Surface(label, name, mesh, volume / 1000, is_watertight(mesh), most, frame.origin is not None)


def simplified(surfaces: Sequence[Surface], faces: int) -> list[Surface]:
    """``surfaces`` with edges collapsed until they have at most ``faces`` triangles in all, or points would move by more than
    :data:`MAX_MOVE` of a voxel; each is simplified by the same share."""
    total = sum(surface.faces for surface in surfaces)
    if total <= faces:
        return list(surfaces)
    return [_collapsed(surface, surface.faces * faces // total) for surface in surfaces]


def is_watertight(mesh: Mesh) -> bool:
    """Whether each directed edge occurs once and its reverse once too."""
    edges = mesh.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    count = len(mesh.points)
    there, back = edges[:, 0] * count + edges[:, 1], edges[:, 1] * count + edges[:, 0]
    there.sort()
    back.sort()
    return bool(len(there)) and bool((np.diff(there) > 0).all()) and bool(np.array_equal(there, back))


def _with_volume(mesh: Mesh, volume: float, most: float) -> Mesh:
    """``mesh`` with its points moved along their normals so that it encloses ``volume``."""
    moved = 0.0
    for _ in range(4):
        step = float(np.clip(moved + (volume - mesh.volume) / mesh.area, -most, most)) - moved
        moved += step
        mesh = Mesh(mesh.points + step * _normals(mesh), mesh.faces)
    return mesh


def _normals(mesh: Mesh) -> Floats:
    """Unit normals of the points: the sum of their triangles', by area."""
    a, b, c = (mesh.points[mesh.faces[:, corner]] for corner in range(3))
    across = np.cross(b - a, c - a)
    total = np.zeros_like(mesh.points)
    for corner in range(3):
        for axis in range(3):
            total[:, axis] += np.bincount(mesh.faces[:, corner], across[:, axis], minlength=len(total))
    length = np.linalg.norm(total, axis=1, keepdims=True)
    return np.asarray(total / np.maximum(length, 1e-12))


def _collapsed(surface: Surface, faces: int) -> Surface:
    body, middle = _body(surface.mesh)
    move = surface.most_mm / 16
    while body.num_tri() > faces and move <= surface.most_mm:
        body = body.simplify(move)
        move *= 1.5
    mesh = _with_volume(_mesh_of(body, middle), surface.mesh.volume, surface.most_mm)
    return replace(surface, mesh=mesh, watertight=is_watertight(mesh))


def _body(mesh: Mesh) -> tuple[Any, Floats]:
    """Manifold's body of a mesh, and what was subtracted from its points: single precision is best near zero."""
    try:
        import manifold3d
    except ImportError:
        raise MissingExtra("missing-extra", extra="surface") from None
    library: Any = manifold3d
    middle = mesh.points.mean(axis=0)
    points = np.ascontiguousarray(mesh.points - middle, dtype=np.float32)
    return library.Manifold(library.Mesh(points, np.ascontiguousarray(mesh.faces, dtype=np.uint32))), middle


def _mesh_of(body: Any, middle: Floats) -> Mesh:
    made = body.to_mesh()
    return Mesh(np.asarray(made.vert_properties[:, :3], dtype=np.float64) + middle, np.asarray(made.tri_verts, dtype=np.int64))
