"""One axial slice of a made-up patient: density (HU) and which pixels are lung.

Shapes are painted one over the other with soft edges (a pixel that is half inside gets half the density, as on a scanner).
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from delineate.synthetic.anatomy import Nodule, Patient

Plane = NDArray[np.float32]

AIR, FAT, MUSCLE, BLOOD, LIVER, BONE, MARROW = -1000.0, -95.0, 50.0, 45.0, 62.0, 520.0, 190.0


class Canvas:
    """A slice being painted. ``x``, ``y`` are the patient's coordinates of each pixel, ``unit`` pixels per length unit."""

    def __init__(self, patient: Patient, z: float, size: int) -> None:
        scanner = patient.scanner
        self.size, self.z, self.unit = size, z, 0.45 * size * scanner.zoom
        rows, columns = np.mgrid[0:size, 0:size].astype(np.float32)
        dx = (columns - (size - 1) / 2) / self.unit - scanner.shift[0]
        dy = (rows - (size - 1) / 2) / self.unit - scanner.shift[1]
        self.turn = np.deg2rad(scanner.tilt)
        self.x: Plane = np.asarray(dx * np.cos(self.turn) + dy * np.sin(self.turn), np.float32)
        self.y: Plane = np.asarray(dy * np.cos(self.turn) - dx * np.sin(self.turn), np.float32)
        self.shift = scanner.shift
        self.hu: Plane = np.full((size, size), AIR, np.float32)

    def inside(self, rho: Plane, radius: float) -> Plane:
        """Soft membership of ``rho < 1`` for a shape about ``radius`` large: 1 inside, 0 outside, a ramp one pixel wide."""
        return np.asarray(np.clip((1 - rho) * radius * self.unit + 0.5, 0, 1), np.float32)

    def rho(self, cx: float, cy: float, rx: float, ry: float, power: float = 2.0, turn: float = 0.0) -> Plane:
        """Distance from the centre of a (super-)ellipse in units of its radius: 1 on its edge."""
        dx, dy = self.x - cx, self.y - cy
        if turn:
            dx, dy = dx * np.cos(turn) + dy * np.sin(turn), dy * np.cos(turn) - dx * np.sin(turn)
        if power == 2.0:
            return np.asarray(np.hypot(dx / rx, dy / ry), np.float32)
        return np.asarray((np.abs(dx / rx) ** power + np.abs(dy / ry) ** power) ** (1 / power), np.float32)

    def ellipse(self, cx: float, cy: float, rx: float, ry: float, power: float = 2.0, turn: float = 0.0) -> Plane:
        return self.inside(self.rho(cx, cy, rx, ry, power, turn), min(rx, ry))

    def paint(self, cover: Plane, hu: float | Plane) -> None:
        self.hu += cover * (hu - self.hu)

    def pixels(self, x: Plane, y: Plane) -> tuple[Plane, Plane]:
        """(column, row) of patient coordinates."""
        dx = x * np.cos(self.turn) - y * np.sin(self.turn) + self.shift[0]
        dy = x * np.sin(self.turn) + y * np.cos(self.turn) + self.shift[1]
        return dx * self.unit + (self.size - 1) / 2, dy * self.unit + (self.size - 1) / 2


def texture(rng: np.random.Generator, size: int, grain: int) -> Plane:
    """A smooth random field of about unit deviation with ``grain`` bumps along a side."""
    return np.asarray(
        cv2.resize(rng.standard_normal((grain, grain), dtype=np.float32), (size, size), interpolation=cv2.INTER_CUBIC)
    )


def draw_slice(patient: Patient, z: float, size: int, rng: np.random.Generator) -> tuple[Plane, NDArray[np.bool_]]:
    """HU without noise (size, size), and the lungs (size, size) with all their vessels, nodules and consolidations."""
    canvas = Canvas(patient, z, size)
    cavity = _cavity(canvas, patient)
    _wall(canvas, patient, cavity, rng)
    lungs = _lungs(canvas, patient, cavity)
    _mediastinum(canvas, patient)
    _abdomen(canvas, patient, rng)
    _bones(canvas, patient, cavity)
    _air_in_lungs(canvas, patient, lungs, rng)
    _airways(canvas, patient)
    blurred = cv2.GaussianBlur(canvas.hu, (0, 0), 0.55 * size / 192)
    return np.asarray(blurred, np.float32), np.asarray(lungs[0] + lungs[1] > 0.5)


def _cavity(canvas: Canvas, patient: Patient) -> Plane:
    """ρ of the rib cage's inner side: narrow at the apex, wide at the base."""
    width = patient.chest[0] * (1 - np.exp(-(canvas.z + 0.09) * 5.2))
    depth = patient.chest[1] * (1 - np.exp(-(canvas.z + 0.12) * 6.0))
    rho = canvas.rho(patient.lean, 0.0, width, depth, power=2.35)
    angle = np.arctan2(canvas.y, canvas.x)
    return np.asarray(rho * (1 + 0.02 * np.cos(3 * angle + patient.rib_phase)), np.float32)


def _wall(canvas: Canvas, patient: Patient, cavity: Plane, rng: np.random.Generator) -> None:
    z = canvas.z
    angle = np.arctan2(canvas.y, canvas.x)
    outline = 1 + sum(size * np.cos(k * angle + phase) for k, size, phase in patient.waves)
    shoulders = 0.06 * np.exp(-((z / 0.2) ** 2))
    rho = canvas.rho(0, 0, 0.96 + shoulders, patient.depth, power=2.5) / outline
    body = canvas.inside(np.asarray(rho, np.float32), patient.depth)
    if patient.breasts and 0.3 < z < 0.85:
        bulge = patient.breasts * np.sin(np.pi * (z - 0.3) / 0.55)
        for side in (-1, 1):
            body = np.maximum(body, canvas.ellipse(side * 0.45, -patient.depth * 0.8, 0.34, 0.12 + bulge, turn=side * 0.25))
    canvas.paint(body, FAT + 14 * texture(rng, canvas.size, 24))
    thickness = patient.fat * (1 + 0.5 * np.cos(2 * angle) * np.sign(patient.waves[0][1]))
    muscle = canvas.inside(np.asarray(rho / (1 - thickness), np.float32), patient.depth) * body
    planes = texture(rng, canvas.size, 14)  # fat between the muscles
    canvas.paint(muscle, np.where(np.abs(planes) < 0.16, FAT + 40, MUSCLE + 6 * planes).astype(np.float32))
    skin = np.clip(1.5 - np.abs((1 - rho) * patient.depth * canvas.unit - 0.8), 0, 1) * (body > 0.2)
    canvas.paint(np.asarray(0.7 * skin, np.float32), 20.0)
    canvas.paint(canvas.inside(cavity / np.float32(1.03), 0.5), FAT + 10)  # what is left around the heart and below the lungs


def _lungs(canvas: Canvas, patient: Patient, cavity: Plane) -> tuple[Plane, Plane]:
    """Soft membership of the (image left, image right) lung: the cavity without heart, great vessels, spine and diaphragm."""
    z, x, y = canvas.z, canvas.x - np.float32(patient.lean), canvas.y
    narrow_front = np.clip((-y - 0.22) * 1.2, 0, 0.13) * np.exp(-(((z - 0.45) / 0.2) ** 2))
    middle = (
        0.15
        + 0.05 * np.cos(5 * y + 3 * z + patient.rib_phase)
        + 0.05 * np.exp(-(((y - 0.02) / 0.16) ** 2)) * np.exp(-(((z - 0.42) / 0.15) ** 2))
        - narrow_front
    )
    spine = canvas.ellipse(0.0, patient.chest[1] * 0.93, 0.20, 0.27)
    aorta = _aorta(canvas, patient, grow=0.018)
    heart = _heart(canvas, patient, grow=0.02)
    lungs = []
    for number, side in enumerate((-1, 1)):
        own = np.clip((side * x - np.maximum(middle, 0.05)) * canvas.unit + 0.5, 0, 1)
        lung = canvas.inside(cavity, 0.5) * own * (1 - spine) * (1 - aorta) * (1 - heart) * (1 - _dome(canvas, patient, number))
        # rounds the corners where two shapes meet: a lung has no sharp edges
        smooth = cv2.GaussianBlur(lung.astype(np.float32), (0, 0), 1.7 * canvas.size / 192)
        lungs.append(np.asarray(np.clip((smooth - 0.5) * 3.2 + 0.5, 0, 1), np.float32))
    return lungs[0], lungs[1]


def _dome(canvas: Canvas, patient: Patient, number: int) -> Plane:
    """Diaphragm of the lung ``number``: empty above its top, then pushing the lung out to a crescent."""
    top = patient.domes[number]
    if canvas.z <= top:
        return np.zeros_like(canvas.x)
    rise = np.sqrt((canvas.z - top) / (1 - top))
    side = -1 if number == 0 else 1
    return canvas.ellipse(side * (0.42 - 0.10 * rise), -0.06, 0.42 * rise + 0.02, 0.46 * rise + 0.02, power=2.2)


def _heart(canvas: Canvas, patient: Patient, grow: float = 0.0) -> Plane:
    level = (canvas.z - 0.40) / 0.6
    if level <= 0:
        return np.zeros_like(canvas.x)
    size = patient.heart * np.sin(np.pi * min(0.55 * level + 0.28, 0.8))
    return canvas.ellipse(0.13, -0.13, 0.36 * size + grow, 0.25 * size + grow, power=2.15, turn=0.5)


def _aorta(canvas: Canvas, patient: Patient, grow: float = 0.0) -> Plane:
    """Ascending and descending aorta, joined by the arch in one or two slices."""
    if canvas.z < patient.arch - 0.05:
        return np.zeros_like(canvas.x)
    if canvas.z < patient.arch + 0.06:
        return canvas.ellipse(0.10, 0.02, 0.10 + grow, 0.25 + grow, turn=-0.45)
    down = canvas.ellipse(0.145, 0.24, 0.085 + grow, 0.085 + grow)
    up = canvas.ellipse(-0.05, -0.14, 0.10 + grow, 0.10 + grow) if canvas.z < 0.62 else np.zeros_like(down)
    return np.maximum(down, up)


def _mediastinum(canvas: Canvas, patient: Patient) -> None:
    z = canvas.z
    canvas.paint(_heart(canvas, patient, grow=0.03), FAT + 30)
    canvas.paint(_heart(canvas, patient), BLOOD)
    if z > 0.5:  # chambers: the cavities are slightly brighter than the muscle around
        canvas.paint(0.6 * canvas.ellipse(0.20, -0.10, 0.15, 0.10, turn=0.5), BLOOD + 35)
    canvas.paint(_aorta(canvas, patient), BLOOD + 20)
    canvas.paint(canvas.ellipse(-0.13, -0.12, 0.06, 0.055), BLOOD + 15)  # vena cava
    if 0.34 < z < 0.52:  # pulmonary trunk and its branches
        canvas.paint(canvas.ellipse(0.08, -0.09, 0.12, 0.075, turn=-0.6), BLOOD + 20)
        canvas.paint(canvas.ellipse(-0.06, 0.03, 0.17, 0.05, turn=-0.1), BLOOD + 20)
    if z < patient.arch:
        for cx, cy, r in ((-0.12, -0.14, 0.05), (0.02, -0.16, 0.045), (0.13, -0.10, 0.045), (0.15, 0.06, 0.04)):
            canvas.paint(canvas.ellipse(cx, cy, r, r), BLOOD + 20)
    canvas.paint(canvas.ellipse(0.04, 0.17, 0.05, 0.035), MUSCLE)  # gullet


def _abdomen(canvas: Canvas, patient: Patient, rng: np.random.Generator) -> None:
    """Below the diaphragm: liver right, spleen and a stomach with gas left, sometimes gas in the colon. Air, but not lung."""
    right, left = _dome(canvas, patient, 0), _dome(canvas, patient, 1)
    if right.any():
        canvas.paint(right, LIVER + 8 * texture(rng, canvas.size, 30))
        rise = (canvas.z - patient.domes[0]) / (1 - patient.domes[0])
        canvas.paint(canvas.ellipse(0.02, -0.16, 0.42 * rise, 0.18 * rise + 0.02), LIVER)  # left lobe
    if not left.any():
        return
    rise = np.sqrt((canvas.z - patient.domes[1]) / (1 - patient.domes[1]))
    canvas.paint(left, FAT + 12)
    canvas.paint(left * canvas.ellipse(0.52, 0.16, 0.18 * rise + 0.03, 0.24 * rise), LIVER - 8)  # spleen
    stomach = left * canvas.ellipse(0.30, -0.10, 0.27 * rise, 0.24 * rise, power=2.2)
    canvas.paint(stomach, 32.0)
    level = -0.10 + (patient.stomach_gas - 0.75) * 0.3 * rise  # a gas bubble floats in front, with a flat fluid level
    canvas.paint(stomach * np.clip((level - canvas.y) * canvas.unit + 0.5, 0, 1).astype(np.float32), AIR + 20)
    bends = 1 + 0.12 * np.cos(7 * np.arctan2(canvas.y + 0.22, canvas.x - 0.5))
    for side, amount, cover in ((1, patient.colon_gas[0], left), (-1, patient.colon_gas[1], right)):
        if amount > 0.25 and cover.any():
            rho = canvas.rho(side * 0.52, -0.22, 0.17 * amount * rise, 0.14 * amount * rise) / bends.astype(np.float32)
            canvas.paint(cover * canvas.inside(rho / np.float32(1.15), 0.12), MUSCLE - 10)
            canvas.paint(cover * canvas.inside(rho, 0.12), AIR + 30)


def _bones(canvas: Canvas, patient: Patient, cavity: Plane) -> None:
    z, back = canvas.z, patient.chest[1] * 0.93
    angle = np.arctan2(canvas.y, np.abs(canvas.x))
    gate = np.cos(patient.ribs * angle + patient.rib_phase + 11 * z)
    band = np.clip(1 - np.abs(cavity - 1.085) / 0.05, 0, 1)
    rib = band * np.clip((gate - 0.25) * 3, 0, 1) * (np.abs(canvas.x) > 0.16)
    canvas.paint(np.clip(1.8 * rib, 0, 1).astype(np.float32), BONE)
    canvas.paint(np.clip(3 * (rib - 0.62), 0, 1).astype(np.float32), MARROW)
    vertebra = canvas.rho(0, back - 0.10, 0.155, 0.115, power=2.4)
    canvas.paint(canvas.inside(vertebra, 0.11), BONE - 120)
    canvas.paint(canvas.inside(vertebra / np.float32(0.8), 0.11), MARROW)
    for side in (-1, 1):  # arch of the vertebra, transverse processes, shoulder blades, collar bones
        canvas.paint(canvas.ellipse(side * 0.10, back + 0.07, 0.04, 0.08, turn=-side * 0.5), BONE - 60)
        canvas.paint(canvas.ellipse(side * 0.20, back + 0.05, 0.09, 0.03, turn=-side * 0.3), BONE - 140)
        if z < 0.5:
            canvas.paint(canvas.ellipse(side * (0.66 - 0.1 * z), 0.33, 0.20 * (1 - z), 0.022, turn=-side * 0.75), BONE - 60)
        if z < 0.14:
            canvas.paint(canvas.ellipse(side * 0.30, -0.40, 0.20, 0.04, turn=-side * 0.2), BONE)
    canvas.paint(canvas.ellipse(0, back + 0.06, 0.06, 0.05), 25.0)  # spinal canal
    canvas.paint(canvas.ellipse(0, back + 0.17, 0.022, 0.08), BONE - 60)
    if 0.12 < z < 0.85:
        front = -patient.chest[1] * (1 - np.exp(-(z + 0.12) * 6.0)) - 0.045
        canvas.paint(canvas.ellipse(0, front, 0.12, 0.032), BONE - 180)


def _air_in_lungs(canvas: Canvas, patient: Patient, lungs: tuple[Plane, Plane], rng: np.random.Generator) -> None:
    grain = texture(rng, canvas.size, 40)
    for number, lung in enumerate(lungs):
        hu = patient.lung_hu[number] + patient.gradient * canvas.y + 14 * grain
        if patient.emphysema:
            hu = np.where(texture(rng, canvas.size, 18) > 1.7 - patient.emphysema, np.minimum(hu, -955), hu)
        for opacity in patient.opacities:
            ball = _ball(canvas, opacity, ragged=0.25 * grain)
            hu = hu + ball * (opacity.hu + 30 * grain - hu)
        bright = _vessels(canvas, patient, number)
        hu = hu + bright * (BLOOD - hu)
        for nodule in patient.nodules:
            ball = _ball(canvas, nodule)
            hu = hu + ball * (nodule.hu - hu)
        canvas.paint(lung, np.asarray(hu, np.float32))


def _ball(canvas: Canvas, nodule: Nodule, ragged: Plane | float = 0.0) -> Plane:
    """Soft membership of the disc in which the slice cuts a ball (z counts half: slices are thick)."""
    x, y, z = nodule.centre
    left = nodule.radius**2 - (0.5 * (canvas.z - z)) ** 2
    if left <= 0:
        return np.zeros_like(canvas.x)
    radius = float(np.sqrt(left))
    return canvas.inside(np.asarray(canvas.rho(x, y, radius, radius) + ragged, np.float32), radius)


def _vessels(canvas: Canvas, patient: Patient, number: int, slab: float = 0.022) -> Plane:
    """Vessels that pass within ``slab`` of the slice."""
    tree = patient.trees[number]
    near = tree[np.abs(tree[:, 2] - canvas.z) < slab + 0.4 * tree[:, 3]]
    drawn = np.zeros((canvas.size, canvas.size), np.uint8)
    columns, rows = canvas.pixels(near[:, 0], near[:, 1])
    radii = np.maximum(near[:, 3] * canvas.unit, 0.55)
    for column, row, radius in np.round(np.stack([columns, rows, radii], axis=1) * 16).astype(int).tolist():
        cv2.circle(drawn, (column, row), radius, 255, -1, cv2.LINE_AA, 4)
    return np.asarray(drawn / np.float32(255), np.float32)


def _airways(canvas: Canvas, patient: Patient) -> None:
    """Trachea, main bronchi and air in the gullet: as dark as lung or darker, and not lung."""
    z = canvas.z
    if z < 0.36:
        tubes: list[tuple[float, float, float, float]] = [(0.0, 0.045, 0.072, 0.078)]
    elif z < 0.52:
        apart = 0.05 + 0.75 * (z - 0.36)
        tubes = [(-apart, 0.06, 0.065, 0.055), (apart, 0.065, 0.06, 0.05)]
    else:
        tubes = []
    for cx, cy, rx, ry in tubes:
        canvas.paint(canvas.ellipse(cx, cy, rx + 0.014, ry + 0.014), MUSCLE - 20)
        canvas.paint(canvas.ellipse(cx, cy, rx, ry), AIR + 15)
    if patient.gullet_air:
        canvas.paint(canvas.ellipse(0.04, 0.17, 0.03 * patient.gullet_air, 0.022 * patient.gullet_air), AIR + 80)
