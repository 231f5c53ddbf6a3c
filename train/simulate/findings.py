"""Findings act on the thickness maps as they act in the body: fluid and air replace lung, a mass displaces it.

Each returns the mask of what it changed, (size, size) float32 in [0, 1]. Amounts run from 0 to 1
as in `truth.Finding.amount`; the smallest that is drawn is one that a reader could see.
"""

from __future__ import annotations

import numpy as np

from train.simulate.anatomy import Patient
from train.simulate.bones import Break, break_place
from train.simulate.chest import Chest, Deformation
from train.simulate.drawing import Canvas, Texture, blur, ellipsoid, smooth_step
from train.simulate.shape import SIGN
from train.simulate.truth import MASK_CHANNELS, Finding, StudyTruth

# Centre of a lung zone as fractions: (of the half width from the midline, of the height from apex to dome).
_ZONE_HEIGHT = {"upper": 0.30, "mid": 0.56, "lower": 0.84}


# The width of an enlarged heart against its chest, where 1 is a normal cardiothoracic ratio of about 0.47.
_ENLARGED, _ENLARGED_MOST = 1.14, 1.46


def deformation(truth: StudyTruth, patient: Patient) -> Deformation:
    """What the findings do to the anatomy itself.

    An enlarged heart is drawn by its cardiothoracic ratio, not as a multiple of the patient's own normal heart, which
    no film shows: the grade can be read off one image.
    """
    heart = truth.finding(("cardiomegaly", "", ""))
    edema = truth.finding(("edema", "", ""))
    inflated = truth.finding(("hyperinflation", "", ""))
    raised = {f.side: 0.5 + 1.6 * f.amount for f in truth.findings if f.name == "atelectasis"}
    enlarged = _ENLARGED + (_ENLARGED_MOST - _ENLARGED) * heart.amount if heart else patient.heart_scale
    scale = enlarged / patient.heart_scale
    if inflated is not None:  # low, flat domes, and a heart that hangs narrow between them
        raised = {side: raised.get(side, 0.0) - (0.6 + 1.5 * inflated.amount) for side in SIGN}
        scale *= 0.97 - 0.13 * inflated.amount
    push = {"effusion": 1.5, "pneumothorax": 1.3}  # large ones push the mediastinum away from their side
    return Deformation(
        heart_scale=scale,
        raised=raised,
        flat=0.0 if inflated is None else 0.35 + 0.5 * inflated.amount,
        shift=sum(
            -SIGN[f.side] * push[f.name] * max(0.0, f.amount - 0.6) / 0.4 for f in truth.findings if f.name in push
        ),
        congestion=0.0 if edema is None else 0.35 + 0.65 * edema.amount,
        breaks={f.side: _break(f) for f in truth.findings if f.name == "fracture"},
    )


def _break(finding: Finding) -> Break:
    """The rib that breaks follows from the amount, which stays with the patient's fracture."""
    number = 4 + round(1000 * finding.amount) % 5
    return Break(number, 0.62 + 0.05 * (round(1000 * finding.amount) % 4), 1.0 + 0.8 * finding.amount)


def apply_findings(chest: Chest, truth: StudyTruth) -> dict[str, np.ndarray]:
    """Change the chest's maps by every finding; masks by channel name of `truth.MASK_CHANNELS`."""
    # Fluid sinks before air rises: free air fills what the fluid of its side has left.
    order = ("hyperinflation", "fracture", "edema", "opacity", "nodule", "atelectasis", "effusion", "pneumothorax")
    masks: dict[str, np.ndarray] = {}
    for finding in sorted((f for f in truth.findings if f.name in order), key=lambda f: order.index(f.name)):
        mask = _ACTIONS[finding.name](chest, finding)
        channel = f"{finding.name} {finding.side}".strip()
        masks[channel] = np.maximum(masks[channel], mask) if channel in masks else mask
    if truth.finding(("cardiomegaly", "", "")):
        masks["cardiomegaly"] = (chest.heart > 0.5).astype(np.float32)
    assert masks.keys() <= set(MASK_CHANNELS)
    return masks


def _effusion(chest: Chest, finding: Finding) -> np.ndarray:
    """Fluid below a meniscus that climbs towards the chest wall; on an AP film its edge is a veil."""
    side, shape = finding.side, chest.shapes[finding.side]
    u, y = chest.u(side), chest.frame.y
    portable = chest.exposure.view == "AP"
    height = 2.3 + 13.5 * finding.amount**1.25
    border = np.maximum(shape.lateral(y), 1.0)
    climb = np.clip(u / border, 0, 1) ** 2.2
    uneven = 0.18 * Texture(chest.patient.seed + 21, 2.5).at(chest.frame)
    # The lateral arm reaches `height` above the costophrenic angle, the medial one less.
    level = shape.angle_y - height * (0.42 + 0.58 * climb) + uneven
    level = np.minimum(level, shape.angle_y - height * 0.30)
    fluid = smooth_step(y - level, 1.6 if portable else 0.65)
    if portable:  # fluid behind the lung of a patient who lies: a haze over the lower half
        fluid = np.maximum(fluid, (0.10 + 0.25 * finding.amount) * smooth_step(y - level + 4.0, 3.5))
    mask = fluid * np.minimum(chest.gross[side] / 3.0, 1.0)
    chest.lung[side] = chest.lung[side] * (1 - fluid)
    chest.vessels = chest.vessels * (1 - fluid * (u > 0))
    # Fluid fills the recess and the angle too: the diaphragm's edge is lost.
    return mask * (fluid > 0.3)


def _pneumothorax(chest: Chest, finding: Finding) -> np.ndarray:
    """Air between the chest wall and a visceral line; no markings in it, the lung behind denser."""
    side, shape = finding.side, chest.shapes[finding.side]
    u, y = chest.u(side), chest.frame.y
    gap = 0.9 + 6.0 * finding.amount**1.4
    t = np.clip((y - chest.patient.apex_y) / shape.height, 0, 1)
    inner = shape.lateral(y) - gap * (0.85 - 0.45 * t)
    apex = chest.patient.apex_y + 1.35 * gap
    wobble = 0.08 * Texture(chest.patient.seed + 31, 2.0).at(chest.frame)
    # Distance inside the visceral surface: below the apical cap and medial to the lateral border.
    below, medial = (y - apex) * np.float32(0.8) + np.float32(0.35) * (inner - u).clip(0, 3), inner - u
    inside = _round_corner(below, medial, 1.6) + wobble
    room = (chest.gross[side] > 0.05).astype(np.float32)
    free = smooth_step(-inside, 0.06) * room * (u > 1.0)
    lung = chest.lung[side]
    chest.air = chest.air + free * lung * 0.97
    chest.lung[side] = lung * (1 - free)
    chest.vessels = chest.vessels * (1 - free)
    collapsed = (1 - free) * room
    chest.haze = chest.haze + collapsed * (0.10 + 0.9 * max(0.0, finding.amount - 0.35))
    line = np.exp(-((inside / np.float32(0.09)) ** 2)) * room * (u > 1.0) * (lung > 0.5)
    chest.soft = chest.soft + 0.55 * line
    return free * (lung > 0.05)


def _round_corner(first: np.ndarray, second: np.ndarray, radius_cm: float) -> np.ndarray:
    """The smaller of two distances, with the corner between them rounded."""
    apart = np.maximum(radius_cm - np.abs(first - second), 0) / np.float32(radius_cm)
    return np.minimum(first, second) - apart * apart * np.float32(0.25 * radius_cm)


def _opacity(chest: Chest, finding: Finding) -> np.ndarray:
    """Airspace filling: a ragged cloud in one zone that replaces aerated lung."""
    side, shape = finding.side, chest.shapes[finding.side]
    rng = np.random.default_rng(chest.patient.seed + 41 + _zone_seed(finding))
    centre = _zone_centre(chest, finding, rng)
    radius = 2.5 + 2.8 * finding.amount
    u, y = chest.u(side), chest.frame.y
    stretch, turn = float(rng.uniform(0.80, 1.15)), float(rng.uniform(-0.7, 0.7))
    du, dy = u - np.float32(centre[0]), y - np.float32(centre[1])
    along, across = du * np.float32(np.cos(turn)) + dy * np.float32(np.sin(turn)), dy - du * np.float32(np.sin(turn))
    distance = np.sqrt((along / np.float32(1.05 * radius * stretch)) ** 2 + (across / np.float32(0.85 * radius)) ** 2)
    seed = chest.patient.seed + 51 + _zone_seed(finding)
    large, small = Texture(seed, 1.9).at(chest.frame), Texture(seed + 1, 0.75).at(chest.frame)
    ragged = 0.26 * large + 0.15 * small
    cloud = smooth_step(0.95 - distance + ragged * np.clip(distance, 0.3, 1.2), 0.70)
    filled = cloud * (0.26 + 0.44 * finding.amount) * (u > 0.5)
    patchy = 1 + 0.17 * np.clip(large, -1.6, 1.6) + 0.11 * np.clip(small, -1.6, 1.6) - 0.20 * distance
    chest.lung[side] = chest.lung[side] * (1 - np.clip(filled * patchy, 0, 0.92))
    return cloud * (chest.gross[side] > 1.0) * (shape.lateral(y) > u)


def _zone_seed(finding: Finding) -> int:
    return 7 * ("upper", "mid", "lower", "").index(finding.zone) + (3 if finding.side == "left" else 0)


def _zone_centre(chest: Chest, finding: Finding, rng: np.random.Generator) -> tuple[float, float]:
    """(u, y) within the zone, the same place in every study of the patient."""
    shape = chest.shapes[finding.side]
    y = chest.patient.apex_y + shape.height * (_ZONE_HEIGHT[finding.zone] + rng.uniform(-0.06, 0.06))
    border = float(shape.lateral(np.float32(y)))
    # Where the left heart lies, a finding sits further out.
    low = 0.58 if finding.zone == "lower" and finding.side == "left" else 0.42
    return border * float(rng.uniform(low, 0.74)), float(y)


def _nodule(chest: Chest, finding: Finding) -> np.ndarray:
    side = finding.side
    rng = np.random.default_rng(chest.patient.seed + 61 + _zone_seed(finding))
    centre_u, centre_y = _zone_centre(chest, finding, rng)
    radius = (finding.size_mm or 15.0) / 20.0
    u, y = chest.u(side), chest.frame.y
    du, dy = u - np.float32(centre_u), y - np.float32(centre_y)
    stretch = float(rng.uniform(0.85, 1.18))
    lobed = 1 + 0.22 * Texture(chest.patient.seed + 62, 0.9).at(chest.frame)
    inside = 1 - ((du / np.float32(stretch)) ** 2 + (dy * np.float32(stretch)) ** 2) / np.float32(radius**2) * lobed
    # A border that fades into the lung, with strands, where a sphere's would be as sharp as a coin's.
    thickness = 2.7 * radius * np.maximum(inside, 0) ** np.float32(0.75)
    thickness = blur(thickness, 0.10 * chest.frame.pixels_per_cm)
    replaced = np.minimum(thickness, chest.lung[side])
    chest.lung[side] = chest.lung[side] - replaced
    chest.soft = chest.soft + 0.7 * thickness
    return (inside > 0).astype(np.float32)


def _edema(chest: Chest, finding: Finding) -> np.ndarray:
    """Perihilar haze, blurred wide vessels (drawn with the tree) and septal lines at the bases."""
    y = chest.frame.y
    total = np.zeros_like(y)
    lines = Canvas(chest.frame)
    rng = np.random.default_rng(chest.patient.seed + 71)
    for side, shape in chest.shapes.items():
        u = chest.u(side)
        centre_y = chest.patient.apex_y + 0.66 * shape.height
        wing = np.exp(-(((u - 4.6) / 4.2) ** 2) - ((y - centre_y) / 6.5) ** 2) * (u > 0)
        total = total + wing * (chest.gross[side] > 0.5)
        for _ in range(int(5 + 10 * finding.amount)):
            line_y = float(rng.uniform(shape.dome - 5.0, shape.dome + 1.5))
            edge = float(shape.lateral(np.float32(line_y))) - 0.15
            start, stop = (SIGN[side] * edge, line_y), (SIGN[side] * (edge - rng.uniform(1.0, 1.9)), line_y - 0.25)
            lines.tube(np.array([start, stop]), 0.10, 0.8 * finding.amount + 0.3)
    cloud = 1 + 0.30 * Texture(chest.patient.seed + 72, 1.1).at(chest.frame)
    amount = 0.25 + 0.75 * finding.amount
    alveolar = max(0.0, finding.amount - 0.6)  # beyond it water fills the airspaces round the hila
    chest.haze = chest.haze + amount * (0.95 * total * cloud + 0.22) + 2.2 * alveolar * total * cloud
    chest.soft = chest.soft + lines.thickness() * 0.7
    chest.vessels = blur(chest.vessels, 0.10 * amount * chest.frame.pixels_per_cm)
    lung = np.minimum((chest.gross["right"] + chest.gross["left"]) / 4.0, 1.0)
    return np.clip(total * lung * 1.2, 0, 1)


def _atelectasis(chest: Chest, finding: Finding) -> np.ndarray:
    """Plate-like bands above a raised dome, with some loss of air at the base."""
    side, shape = finding.side, chest.shapes[finding.side]
    rng = np.random.default_rng(chest.patient.seed + 81 + (5 if side == "left" else 0))
    bands = Canvas(chest.frame)
    for band in range(2 + round(3 * finding.amount)):
        y = shape.dome - 0.8 - 1.25 * band + float(rng.uniform(-0.25, 0.25))
        border = float(shape.lateral(np.float32(y)))
        start = border * float(rng.uniform(0.28, 0.42))
        stop = min(start + float(rng.uniform(4.0, 6.0)) * (0.7 + 0.5 * finding.amount), 0.93 * border)
        slope = float(rng.uniform(-0.18, 0.32))
        bow = float(rng.uniform(-0.25, 0.35))
        along = np.linspace(0, 1, 13)
        curve = y + slope * (stop - start) * along + bow * np.sin(np.pi * along)
        points = np.stack([SIGN[side] * (start + (stop - start) * along), curve], -1)
        taper = np.sin(np.pi * np.clip(0.08 + 0.84 * along[:-1], 0, 1)) ** 0.7
        wide = (0.34 + 0.36 * finding.amount) * taper * float(rng.uniform(0.75, 1.2))
        bands.segments(np.stack([points[:-1], points[1:]], 1), wide, (1.6 + 1.0 * finding.amount) * taper)
    plate = bands.thickness(0.11)
    plate = np.minimum(plate, chest.lung[side])
    base = smooth_step(chest.frame.y - shape.dome + 3.5, 2.5) * (chest.u(side) > 0) * (0.08 + 0.22 * finding.amount)
    chest.lung[side] = (chest.lung[side] - plate) * (1 - base)
    chest.soft = chest.soft + 0.2 * plate
    near = smooth_step(blur(plate, 0.35 * chest.frame.pixels_per_cm) - 0.15, 0.15)
    return near


def _hyperinflation(chest: Chest, finding: Finding) -> np.ndarray:
    """Darker lungs with fewer markings; that the domes are low and flat is done already. Mask: along the domes."""
    chest.haze = chest.haze - 0.10 - 0.30 * finding.amount
    chest.vessels = chest.vessels * (1 - 0.35 * finding.amount)
    mask = np.zeros_like(chest.body)
    for side, shape in chest.shapes.items():
        u = chest.u(side)
        edge = np.exp(-(((chest.frame.y - shape.dome_at(u)) / 1.1) ** 2))
        mask = np.maximum(mask, edge * (u > 1.0) * (u < shape.half_width))
    return mask


def _fracture(chest: Chest, finding: Finding) -> np.ndarray:
    """Blood under the pleura at the broken rib, which is drawn with the bones. Mask: round the break."""
    side, shape = finding.side, chest.shapes[finding.side]
    x, y = break_place(chest.patient, shape, _break(finding))
    border = SIGN[side] * (float(shape.lateral(np.float32(y))) - 0.2)
    bulge = ellipsoid(chest.frame, (border, float(y)), (1.7 + 0.9 * finding.amount, 2.8 + finding.amount, 3.0))
    inside = np.minimum(bulge, chest.lung[side])
    chest.lung[side] = chest.lung[side] - inside
    near = ellipsoid(chest.frame, (float(x), float(y) + 1.4), (1.6, 2.6, 1.0)) > 0
    return np.maximum(near, inside > 0.4).astype(np.float32)


_ACTIONS = {
    "hyperinflation": _hyperinflation,
    "fracture": _fracture,
    "effusion": _effusion,
    "pneumothorax": _pneumothorax,
    "opacity": _opacity,
    "nodule": _nodule,
    "edema": _edema,
    "atelectasis": _atelectasis,
}
