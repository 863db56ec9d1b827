"""Shapes whose measures are known in closed form, sampled on any grid: oblique, anisotropic, sheared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from delineate.domain import Geometry

Inside = Callable[[NDArray[Any]], NDArray[Any]]


def rotation(seed: int) -> NDArray[Any]:
    turned, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    return np.asarray(turned * np.sign(np.linalg.det(turned)))


def sampled(
    inside: Inside, step: NDArray[Any], reach: float, centre: tuple[float, float, float] = (3.1, -7.3, 11.9)
) -> tuple[NDArray[np.bool_], Geometry]:
    """The shape about ``centre`` (RAS mm), within ``reach`` mm of it, on a grid whose axes step by the columns of ``step``."""
    corners = np.array([[i, j, k] for i in (-1, 1) for j in (-1, 1) for k in (-1, 1)]) * reach
    half = np.ceil(np.abs(np.linalg.solve(step, corners.T)).max(axis=1)).astype(int) + 1
    shape = tuple(int(n) for n in 2 * half + 1)
    affine = np.eye(4)
    affine[:3, :3] = step
    affine[:3, 3] = np.array(centre) - step @ (half + np.array([0.13, -0.21, 0.37]))  # no voxel's centre is the shape's
    index = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    points = index @ step.T + affine[:3, 3] - np.array(centre)
    return inside(points), Geometry(shape, tuple(np.linalg.norm(step, axis=0)), affine)


def ball(radius: float) -> Inside:
    return lambda p: np.asarray((p**2).sum(axis=-1) <= radius**2)


def ellipsoid(a: float, b: float, c: float) -> Inside:
    return lambda p: np.asarray(((p / np.array([a, b, c])) ** 2).sum(axis=-1) <= 1)


def box(a: float, b: float, c: float) -> Inside:
    return lambda p: np.asarray((np.abs(p) <= np.array([a, b, c]) / 2).all(axis=-1))


def cylinder(radius: float, height: float, axis: NDArray[Any]) -> Inside:
    along = axis / np.linalg.norm(axis)
    return lambda p: np.asarray((np.abs(p @ along) <= height / 2) & ((p**2).sum(axis=-1) - (p @ along) ** 2 <= radius**2))


STEPS = {
    "isotropic": np.eye(3),
    "anisotropic": np.diag([0.6, 0.7, 2.0]),
    "oblique": rotation(3) @ np.diag([0.8, 1.1, 1.4]),
    "sheared": np.array([[1.0, 0.0, 0.3], [0.0, 0.9, -0.2], [0.0, 0.0, 1.2]]),
    "mirrored": np.diag([-1.0, 1.2, -0.8]) @ np.eye(3)[:, [2, 0, 1]],
}
