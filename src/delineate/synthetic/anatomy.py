"""One made-up patient: the numbers that all slices of it share.

Lengths are in units of half the body's width (about 19 cm); x grows to the image's right (the patient's left, as
radiologists look at axial slices), y to the back, z from the lungs' apex (0) to below their base (1).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from delineate.synthetic.vessels import Tree, grow


@dataclass(frozen=True)
class Nodule:
    """A ball in 3-D. ``hu`` is its density; where it reaches the chest wall only the part inside the lung is drawn."""

    centre: tuple[float, float, float]
    radius: float
    hu: float


@dataclass(frozen=True)
class Scanner:
    """What the machine and the operator add: ``offset`` and ``gain`` on HU, noise (HU), field of view, tilt (degrees)."""

    offset: float
    gain: float
    noise: float
    zoom: float
    shift: tuple[float, float]
    tilt: float
    round_field: bool
    metal: tuple[float, float] | None
    table: float


@dataclass(frozen=True)
class Patient:
    """``waves`` are (frequency, amplitude, phase) of the body's outline; ``lung_hu`` is (right, left)."""

    depth: float
    fat: float
    breasts: float
    waves: tuple[tuple[int, float, float], ...]
    chest: tuple[float, float]
    lean: float
    lung_hu: tuple[float, float]
    gradient: float
    emphysema: float
    heart: float
    domes: tuple[float, float]
    arch: float
    stomach_gas: float
    colon_gas: tuple[float, float]
    gullet_air: float
    ribs: int
    rib_phase: float
    trees: tuple[Tree, ...]
    nodules: tuple[Nodule, ...]
    opacities: tuple[Nodule, ...]
    scanner: Scanner


def draw_patient(rng: np.random.Generator) -> Patient:
    """A patient with everything drawn from ``rng``."""
    chest = (float(rng.uniform(0.73, 0.82)), float(rng.uniform(0.46, 0.53)))
    waves = tuple((k, float(rng.normal(0, 0.018 / k)), float(rng.uniform(0, 2 * np.pi))) for k in (2, 3, 4, 5))
    cropped = rng.random() < 0.15
    scanner = Scanner(
        offset=float(rng.normal(0, 45)),
        gain=float(rng.uniform(0.55, 0.7) if rng.random() < 0.2 else rng.uniform(0.9, 1.1)),
        noise=float(rng.uniform(12, 60)),
        zoom=float(rng.uniform(1.2, 1.35) if cropped else rng.uniform(0.85, 1.02)),
        shift=(float(rng.normal(0, 0.05)), float(rng.normal(0, 0.05))),
        tilt=float(rng.normal(0, 5)),
        round_field=bool(rng.random() < 0.35),
        metal=(float(rng.uniform(-0.6, 0.6)), float(rng.uniform(-0.5, -0.3))) if rng.random() < 0.2 else None,
        table=float(rng.uniform(0.02, 0.12)),
    )
    trees = tuple(grow(rng, side, chest) for side in (-1, 1))
    return Patient(
        depth=float(rng.uniform(0.60, 0.72)),
        fat=float(rng.uniform(0.03, 0.13)),
        breasts=float(rng.uniform(0.06, 0.2)) if rng.random() < 0.5 else 0.0,
        waves=waves,
        chest=chest,
        lean=float(rng.normal(0, 0.025)),
        lung_hu=(float(rng.normal(-840, 35)), float(rng.normal(-840, 35))),
        gradient=float(rng.uniform(20, 140)),
        emphysema=float(rng.uniform(0, 1)) if rng.random() < 0.3 else 0.0,
        heart=float(rng.uniform(0.85, 1.2)),
        domes=(float(rng.uniform(0.62, 0.74)), float(rng.uniform(0.68, 0.80))),
        arch=float(rng.uniform(0.2, 0.3)),
        stomach_gas=float(rng.uniform(0.5, 1.15)),
        colon_gas=(float(rng.uniform(0, 1)), float(rng.uniform(0, 0.9)) if rng.random() < 0.4 else 0.0),
        gullet_air=float(rng.uniform(0.4, 1.0)) if rng.random() < 0.6 else 0.0,
        ribs=int(rng.integers(9, 13)),
        rib_phase=float(rng.uniform(0, 2 * np.pi)),
        trees=trees,
        nodules=tuple(_nodule(rng, chest) for _ in range(int(rng.integers(0, 6)))),
        opacities=tuple(_opacity(rng, chest) for _ in range(int(rng.integers(1, 4)) if rng.random() < 0.6 else 0)),
        scanner=scanner,
    )


def _on_wall(rng: np.random.Generator, chest: tuple[float, float], how_far: float) -> tuple[float, float, float]:
    """A point ``how_far`` (0 middle … 1 chest wall) out in a random lung."""
    angle = rng.uniform(-0.35 * np.pi, 0.4 * np.pi)
    side = rng.choice((-1.0, 1.0))
    return (
        float(side * chest[0] * how_far * np.cos(angle)),
        float(chest[1] * how_far * np.sin(angle)),
        float(rng.uniform(0.15, 0.8)),
    )


def _nodule(rng: np.random.Generator, chest: tuple[float, float]) -> Nodule:
    touching = rng.random() < 0.5
    centre = _on_wall(rng, chest, rng.uniform(0.88, 0.96) if touching else rng.uniform(0.4, 0.8))
    return Nodule(centre, float(rng.uniform(0.02, 0.09)), float(rng.uniform(-60, 90)))


def _opacity(rng: np.random.Generator, chest: tuple[float, float]) -> Nodule:
    """A consolidation (dense) or ground glass (half dense): lung all the same."""
    dense = rng.random() < 0.6
    hu = float(rng.uniform(-60, 30) if dense else rng.uniform(-650, -450))
    return Nodule(_on_wall(rng, chest, rng.uniform(0.6, 0.95)), float(rng.uniform(0.10, 0.2)), hu)
