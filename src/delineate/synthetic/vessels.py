"""Branching vessels of a lung in 3-D, so that they run through neighbouring slices as dots and lines."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Tree = NDArray[np.float32]
"""(points, 4): x, y, z, radius in the patient's units."""


def grow(rng: np.random.Generator, side: int, chest: tuple[float, float]) -> Tree:
    """A tree from the hilum of the lung on ``side`` (-1 image left, 1 image right) towards its surface.

    Branches halve: a child is shorter and thinner than its parent (radius factor 0.79, i.e. Murray's law for two equal
    children), and leans away from its sister.
    """
    hilum = np.array([side * 0.20, 0.03, 0.42])
    reach = np.array([chest[0], chest[1], 0.55])
    points: list[NDArray[np.float64]] = []
    front: list[tuple[NDArray[np.float64], NDArray[np.float64], float, float, int]] = []
    for _ in range(11):
        target = np.array([side * rng.uniform(0.45, 1.0), rng.uniform(-0.8, 0.8), rng.uniform(-0.75, 0.8)]) * reach + (0, 0, 0.42)
        away = target - hilum
        front.append((hilum, away / np.linalg.norm(away), float(np.linalg.norm(away)) * 0.36, float(rng.uniform(0.014, 0.026)), 0))
    while front:
        start, direction, length, radius, depth = front.pop()
        bend = rng.normal(0, 0.12, 3)
        steps = np.linspace(0, 1, max(3, int(length / 0.011)))[:, None]
        path = start + (direction * steps + bend * steps**2) * length
        thickness = radius * (1 - 0.2 * steps)
        points.append(np.hstack([path, thickness]))
        if depth >= 5:
            continue
        ahead = path[-1] - path[-2]
        ahead /= np.linalg.norm(ahead)
        lean = rng.normal(0, 1, 3)
        lean -= (lean @ ahead) * ahead
        lean *= rng.uniform(0.35, 0.75) / np.linalg.norm(lean)
        for sign in (-1, 1):
            towards = ahead + sign * lean
            front.append((path[-1], towards / np.linalg.norm(towards), length * rng.uniform(0.6, 0.95), radius * 0.79, depth + 1))
    return np.concatenate(points).astype(np.float32)
