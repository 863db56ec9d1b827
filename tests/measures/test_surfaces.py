"""Surfaces: watertight by trimesh's own check, of the voxels' volume, where the voxels are, in files that others read."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from tests.measures.shapes import STEPS, ball, sampled

from delineate.domain import Geometry
from delineate.measures import frame_of
from delineate.measures.surface_files import write_surfaces
from delineate.measures.surfaces import Surface, is_watertight, simplified, surface_of
from delineate.measures.viewer import write_viewer


def of(mask: Any, geometry: Geometry, label: int = 1, name: str = "it") -> Surface:
    made = surface_of(label, name, mask, frame_of(geometry))
    assert made is not None
    return made


def checked(surface: Surface) -> Any:
    mesh = trimesh.Trimesh(surface.mesh.points, surface.mesh.faces, process=False)
    assert mesh.is_watertight
    assert mesh.is_winding_consistent
    assert surface.watertight
    assert mesh.volume == pytest.approx(surface.volume_ml * 1000)
    return mesh


@pytest.mark.parametrize("kind", STEPS)
def test_ball(kind: str) -> None:
    surface = simplified([of(*sampled(ball(12), STEPS[kind], 14))], 1500)[0]
    mesh = checked(surface)
    assert abs(surface.volume_change_percent) < 0.2
    apart = np.linalg.norm(mesh.vertices - np.array([3.1, -7.3, 11.9]), axis=1)
    assert np.abs(apart - 12).max() < float(np.linalg.norm(STEPS[kind], axis=0).max())
    assert surface.faces < 4000


@pytest.mark.parametrize("share", [0.05, 0.2, 0.4, 0.6])
def test_watertight_however_a_mask_touches_itself(share: float) -> None:
    """Noise touches itself along edges and in points, where marching cubes alone is not a surface."""
    for seed in range(2):
        mask = np.random.default_rng(seed).random((8, 9, 10)) < share
        surface = of(mask, Geometry(mask.shape, (1.0, 1.0, 1.0)))
        checked(surface)
        checked(simplified([surface], 300)[0])


def test_a_hole_in_a_mesh_is_noticed() -> None:
    surface = of(*sampled(ball(5), np.eye(3), 7))
    from delineate.measures.mesh import Mesh

    assert not is_watertight(Mesh(surface.mesh.points, surface.mesh.faces[1:]))
    assert not is_watertight(Mesh(surface.mesh.points, np.concatenate([surface.mesh.faces[:1, ::-1], surface.mesh.faces[1:]])))


def test_empty_has_none() -> None:
    assert surface_of(1, "it", np.zeros((3, 3, 3), bool), frame_of(Geometry((3, 3, 3), (1, 1, 1)))) is None


def test_files_read_back(tmp_path: Path) -> None:
    ball_mask, geometry = sampled(ball(6), np.eye(3), 8)
    one, two = of(ball_mask, geometry, 1, "left lung"), of(np.roll(ball_mask, 2, axis=0), geometry, 2, "right lung")
    paths = write_surfaces(tmp_path / "x.stl", [one, two])
    assert [path.name for path in paths] == ["x_left-lung.stl", "x_right-lung.stl"]
    stl = trimesh.load_mesh(paths[0])
    assert stl.is_watertight
    assert stl.volume == pytest.approx(one.volume_ml * 1000, rel=1e-4)
    assert np.allclose(stl.centroid, one.mesh.points.mean(axis=0), atol=0.2)
    assert b"SPACE=RAS" in paths[0].read_bytes()[:80]
    lps = trimesh.load_mesh(write_surfaces(tmp_path / "lps.stl", [one], "LPS")[0])
    assert np.allclose(lps.centroid, stl.centroid * np.array([-1, -1, 1]), atol=1e-3)
    assert lps.volume > 0, "still the right way out"
    ply_path = write_surfaces(tmp_path / "x.ply", [one, two])[0]
    assert b"comment SPACE=RAS" in ply_path.read_bytes()[:300]
    ply = trimesh.load_mesh(ply_path)
    assert len(ply.faces) == one.faces + two.faces
    assert len({tuple(colour) for colour in ply.visual.vertex_colors}) == 2
    scene = trimesh.load_scene(write_surfaces(tmp_path / "x.glb", [one, two])[0])
    assert set(scene.geometry) == {"left lung", "right lung"}
    head = scene.bounds[:, 1] * 1000  # glTF: y is up
    assert head == pytest.approx([one.mesh.points[:, 2].min(), one.mesh.points[:, 2].max()], abs=0.5)
    left = -scene.bounds[::-1, 0] * 1000
    both = np.concatenate([one.mesh.points, two.mesh.points])
    assert left == pytest.approx([both[:, 0].min(), both[:, 0].max()], abs=0.5)


def test_page_stands_alone(tmp_path: Path) -> None:
    surface = of(*sampled(ball(6), np.eye(3), 8), 1, "</script><b>& lung")
    path = write_viewer(tmp_path / "x.html", [surface], title="a<b", language="zh")
    text = path.read_text(encoding="utf-8")
    assert "</script><b>" not in text
    assert not re.search(r"""(src|href)\s*=|https?://|@import|url\(""", text)
    scene = json.loads(text.split('id="scene">')[1].split("</script>")[0])
    assert scene["language"] == "zh"
    assert scene["surfaces"][0]["faces"] == surface.faces
    assert scene["words"]["en"].keys() == scene["words"]["zh"].keys()
