"""What a scanner makes of a slice: table, streaks, noise, its own offset and gain, 16-bit numbers."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from delineate.synthetic.anatomy import Patient
from delineate.synthetic.slices import Canvas, Plane

ZERO_HU = 1024
"""Stored value of 0 HU on a scanner without offset."""


def acquire(patient: Patient, hu: Plane, z: float, rng: np.random.Generator) -> NDArray[np.uint16]:
    """HU of the patient (size, size) → stored values with the scanner's table, artefacts and noise, uint16."""
    size = hu.shape[0]
    scanner = patient.scanner
    canvas = Canvas(patient, z, size)
    seen = hu + _table(canvas, patient, hu)
    noise = scanner.noise * _noise(rng, size)
    if z < 0.2:  # photon starvation between the shoulders: noise in horizontal stripes
        stripes = cv2.GaussianBlur(rng.standard_normal((size, size), dtype=np.float32), (31, 1), 9)
        noise += 4.8 * scanner.noise * (1 - z / 0.2) * stripes
    if scanner.metal is not None and 0.15 < z < 0.4:
        seen, noise = _metal(canvas, scanner.metal, seen, noise, rng)
    stored = (seen + noise) * scanner.gain + scanner.offset + ZERO_HU
    if scanner.round_field:
        middle = (size - 1) / 2
        rows, columns = np.ogrid[0:size, 0:size]
        stored[np.hypot(rows - middle, columns - middle) > size * 0.498] = 0
    return np.asarray(np.clip(np.rint(stored), 0, 4095), np.uint16)


def _noise(rng: np.random.Generator, size: int) -> Plane:
    """Unit noise with the grain of a reconstructed slice (neighbours are correlated)."""
    fine = cv2.GaussianBlur(rng.standard_normal((size, size), dtype=np.float32), (0, 0), 0.6 * size / 192)
    return np.asarray(fine / fine.std(), np.float32)


def _table(canvas: Canvas, patient: Patient, hu: Plane) -> Plane:
    """The couch: two thin shells with foam between, a little behind the back. Returned as what is added to air."""
    scanner = patient.scanner
    outside = np.clip((-500 - hu) / 400, 0, 1)
    top = patient.depth + 0.03 + scanner.table
    across = 0.10 * canvas.x**2
    couch = np.zeros_like(hu)
    for edge in (top - across, top + 0.13 - 0.5 * across):
        couch += 620 * np.clip(1.3 - np.abs(canvas.y - edge) * canvas.unit, 0, 1)
    foam = (canvas.y > top - across) & (canvas.y < top + 0.13 - 0.5 * across)
    couch += np.where(foam, 55, 0)
    wide = np.abs(canvas.x) < 0.85
    behind = canvas.y > 0.3  # never inside the lungs
    return np.asarray(couch * wide * behind * outside, np.float32)


def _metal(canvas: Canvas, place: tuple[float, float], seen: Plane, noise: Plane, rng: np.random.Generator) -> tuple[Plane, Plane]:
    """A pacemaker lead or a clip: a bright spot with streaks around it."""
    dx, dy = canvas.x - place[0], canvas.y - place[1]
    distance = np.hypot(dx, dy) + 0.03
    angle = np.arctan2(dy, dx)
    streaks = sum(np.cos(k * angle + rng.uniform(0, 6.3)) for k in (5, 9, 14, 22))
    spot = canvas.ellipse(place[0], place[1], 0.03, 0.03)
    return seen + spot * (2400 - seen), np.asarray(noise + 22 * streaks / np.sqrt(distance), np.float32)
