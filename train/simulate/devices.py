"""Devices in patient coordinates, their tips where the truth says, drawn in the attenuation of their material."""

from __future__ import annotations

import numpy as np

from train.simulate.chest import Chest
from train.simulate.drawing import Canvas, polyline
from train.simulate.truth import Device, StudyTruth

CAVOATRIAL_Y = 4.2  # cm below the carina: about two vertebral bodies
GASTROOESOPHAGEAL_ABOVE_DOME = 0.6  # cm above the left dome's top


Tip = tuple[float, float] | None  # (x, y) in patient cm, of a device that has one


def apply_devices(chest: Chest, truth: StudyTruth) -> tuple[dict[str, np.ndarray], dict[str, Tip]]:
    """Draw every device into the metal map; masks (size, size) in [0, 1] and tips, both by device name."""
    masks: dict[str, np.ndarray] = {}
    tips: dict[str, Tip] = {}
    for device in truth.devices:
        canvas = Canvas(chest.frame)
        rng = np.random.default_rng(chest.exposure.seed + sum(map(ord, device.name)))
        tips[device.name] = _DRAWERS[device.name](canvas, chest, device, rng)
        metal = canvas.thickness()
        chest.metal = chest.metal + metal
        masks[device.name] = np.clip(metal / 0.15, 0, 1)
    return masks, tips


def landmarks(chest: Chest) -> dict[str, tuple[float, float]]:
    """(x, y) in patient cm of what tips are measured from: `truth.LANDMARKS`."""
    right, left = chest.shapes["right"], chest.shapes["left"]
    return {
        "carina": (_airway(chest) - 0.2, 0.0),
        "cavoatrial junction": (_vein(chest) - 2.2, CAVOATRIAL_Y),
        "right dome": (-0.5 * right.half_width, right.dome),
        "left dome": (0.5 * left.half_width, left.dome),
    }


def _midline(chest: Chest) -> float:
    return 1.2 * chest.exposure.yaw


def _airway(chest: Chest) -> float:
    """How far the trachea's end, and the gullet behind it, stand to the left (chest.py draws it so)."""
    return _midline(chest) + 0.6 * chest.shift


def _vein(chest: Chest) -> float:
    """How far the caval vein and the right heart stand to the left."""
    return _midline(chest) + chest.shift


def _endotracheal_tube(canvas: Canvas, chest: Chest, device: Device, rng: np.random.Generator) -> Tip:
    tip = -(device.tip_cm or 0.0)
    middle = _airway(chest)
    neck = middle - 0.4 * chest.shift  # high up the trachea has hardly moved
    path = [(neck + 0.3, -18.0), (neck + float(rng.normal(0, 0.2)), -11.0)]
    if tip <= -0.3:
        path.append((middle - 0.1, tip))
    else:  # too deep: into the right main bronchus
        path += [(middle - 0.1, -0.8), (middle - 0.2 - 0.75 * (tip + 0.3), tip + 0.1)]
    curve = polyline(path)
    canvas.tube(curve, 0.95, 0.16)
    canvas.tube(curve, 0.68, 0.08)
    canvas.tube(curve + np.array([0.28, 0.0]), 0.20, 0.90)  # the radio-opaque stripe
    return path[-1]


def _central_venous_catheter(canvas: Canvas, chest: Chest, device: Device, rng: np.random.Generator) -> Tip:
    tip = CAVOATRIAL_Y - (device.tip_cm or 0.0)
    neck, middle = _midline(chest), _vein(chest)
    if device.side == "right":
        path = [(-3.6 + neck, -18.0), (-3.4 + neck, -12.0), (-2.5 + middle, -6.5), (-2.3 + middle, -2.5)]
    else:
        path = [
            (3.8 + neck, -18.0),
            (3.6 + neck, -12.0),
            (1.9 + middle, -6.9),
            (-0.9 + middle, -4.6),
            (-2.2 + middle, -1.8),
        ]
    path.append((-2.2 + middle + float(rng.normal(0, 0.12)), tip))
    canvas.tube(polyline(path), 0.26, 0.62)
    return path[-1]


def _nasogastric_tube(canvas: Canvas, chest: Chest, device: Device, rng: np.random.Generator) -> Tip:
    below = device.tip_cm or 0.0
    junction = chest.shapes["left"].dome - GASTROOESOPHAGEAL_ABOVE_DOME
    middle = _midline(chest) * 0.4
    pushed = middle + 0.6 * chest.shift  # the gullet goes with the mediastinum, the stomach stays
    path = [(middle + 0.5, -18.0), (middle + 0.2 * chest.shift + 0.4, -8.0), (pushed + 0.7, 0.0), (pushed + 0.9, 6.0)]
    if below <= 0:
        path.append((middle + 1.1, junction + below))
    else:
        # Along the stomach's greater curvature: room for 9.7 cm.
        curvature = ((1.6, 0.0), (3.2, 2.2), (5.0, 3.6), (6.8, 4.0), (8.4, 3.6), (9.2, 2.6))
        along = np.array([(x, junction + y) for x, y in curvature])
        keep = np.cumsum(np.concatenate([[0.0], np.linalg.norm(np.diff(along, axis=0), axis=1)])) <= below + 0.1
        path += [tuple(p) for p in along[keep]]
        if not keep.all():
            last = int(keep.sum()) - 1
            step = along[last + 1] - along[last]
            rest = below - float(np.linalg.norm(np.diff(along[: last + 1], axis=0), axis=1).sum())
            path.append(tuple(along[last] + step / np.linalg.norm(step) * rest))
    canvas.tube(polyline(path), 0.30, 0.50)
    canvas.tube(polyline(path)[-5:], 0.34, 0.80)
    return float(path[-1][0]), float(path[-1][1])


def _chest_drain(canvas: Canvas, chest: Chest, device: Device, rng: np.random.Generator) -> Tip:
    """In between two ribs at the side, then along the chest wall up to the apex or down behind the dome."""
    shape, sign = chest.shapes[device.side], -1.0 if device.side == "right" else 1.0
    tip = max(shape.dome - (device.tip_cm or 0.0), chest.patient.apex_y + 1.5)  # a poor breath leaves less room
    entry = shape.dome - 6.5 + float(rng.normal(0, 0.4))
    wall = float(shape.lateral(np.float32(entry)))
    end = 0.62 * float(shape.lateral(np.float32(tip))) if tip < entry else 0.45 * wall
    path = [(wall + 4.5, entry + 2.6), (wall + 0.6, entry + 0.4), (wall - 1.6, entry + 0.45 * (tip - entry))]
    path.append((end, tip))
    curve = polyline([(sign * u, y) for u, y in path])
    canvas.tube(curve, 0.62, 0.16)
    canvas.tube(curve, 0.18, 0.80)
    return sign * end, tip


def _pacemaker(canvas: Canvas, chest: Chest, device: Device, rng: np.random.Generator) -> Tip:
    side = -1.0 if device.side == "right" else 1.0
    centre = np.array([side * 8.3, -5.6]) + rng.normal(0, 0.25, 2)
    angles = np.linspace(0, 2 * np.pi, 28, endpoint=False)
    round_box = np.stack(
        [
            np.sign(np.cos(angles)) * np.abs(np.cos(angles)) ** 0.55 * 2.3,
            np.sign(np.sin(angles)) * np.abs(np.sin(angles)) ** 0.55 * 1.9,
        ],
        -1,
    )
    middle = _vein(chest)
    base = 0.5 * (chest.shapes["right"].dome + chest.shapes["left"].dome)
    vein = [(side * 6.2, -7.6), (side * 3.2, -6.6), (-1.2 + middle, -4.4), (-2.2 + middle, 0.0)]
    atrial = [*vein, (-2.5 + middle, base - 7.0), (-3.0 + middle, base - 4.6), (-2.4 + middle, base - 6.0)]
    ventricular = [*vein, (-2.3 + middle, base - 5.5), (-0.5 + middle, base - 1.9), (4.6 + middle, base - 1.2)]
    for lead in (atrial, ventricular):
        start = (float(centre[0]) - side * 1.2, float(centre[1]) - 1.4)
        canvas.tube(polyline([start, *lead]), 0.17, 0.9)
        canvas.disc((float(lead[-1][0]), float(lead[-1][1])), 0.19, 1.8)
    canvas.polygon(centre + round_box, 1.15)
    canvas.polygon(centre + round_box * 0.92, 0.75)
    # Within the can: the battery below, the circuit above it, and the header that takes the leads.
    canvas.polygon(centre + np.array([0.1 * side, 0.55]) + round_box * np.array([0.74, 0.48]), 1.9)
    canvas.polygon(centre + np.array([-0.5 * side, -0.75]) + round_box * np.array([0.42, 0.26]), 1.4)
    canvas.oval((float(centre[0]) - 1.1 * side, float(centre[1]) - 1.75), (0.85, 0.38), 0.5)
    canvas.disc((float(centre[0]) - 0.9 * side, float(centre[1]) - 1.7), 0.17, 2.6)
    return None


def _sternotomy_wires(canvas: Canvas, chest: Chest, device: Device, rng: np.random.Generator) -> Tip:
    middle = 2.2 * chest.exposure.yaw
    steps = np.random.default_rng(chest.patient.seed + 91)
    for y in np.linspace(-4.2, 8.0, 6) + steps.normal(0, 0.2, 6):
        tilt = float(steps.normal(0, 0.15))
        loop = [(-0.95, 0.0), (-0.35, -0.32), (0.4, -0.22), (0.95, 0.05), (0.35, 0.36), (-0.4, 0.30), (-0.95, 0.0)]
        ring = np.array([(middle + lx, y + ly + tilt * lx) for lx, ly in loop])
        canvas.tube(ring, 0.13, 1.7)
        canvas.disc((middle, float(y) + 0.35), 0.20, 1.7)
    return None


_DRAWERS = {
    "endotracheal tube": _endotracheal_tube,
    "central venous catheter": _central_venous_catheter,
    "nasogastric tube": _nasogastric_tube,
    "chest drain": _chest_drain,
    "pacemaker": _pacemaker,
    "sternotomy wires": _sternotomy_wires,
}
