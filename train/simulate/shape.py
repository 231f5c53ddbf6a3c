"""Where the lungs of one patient end at one examination, in cm. No thickness here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from train.simulate.anatomy import Exposure, Patient

SIGN = {"right": -1.0, "left": 1.0}


@dataclass
class Shape:
    """Where the lungs end, for one side. Findings ask it for borders.

    raised: cm by which this dome stands higher than the exposure alone would put it (negative: lower).
    flat: 0 for a usual dome, 1 for a straight line.
    """

    patient: Patient
    exposure: Exposure
    side: str
    raised: float = 0.0
    flat: float = 0.0

    @property
    def dome(self) -> float:
        index = 0 if self.side == "right" else 1
        return self.patient.dome_y[index] - self.exposure.low_volume - self.raised

    @property
    def height(self) -> float:
        return self.dome - self.patient.apex_y

    @property
    def half_width(self) -> float:
        return self.patient.lung_half_width * (1 + 0.35 * SIGN[self.side] * self.exposure.yaw)

    @property
    def angle_y(self) -> float:
        """The costophrenic angle's depth: where the lateral border ends."""
        return self.dome + 4.0 * (1 - 0.7 * self.flat)

    def lateral(self, y: np.ndarray | np.float32) -> np.ndarray:
        """u of the lateral lung border at height y; 0 above the apex."""
        t = np.clip((y - self.patient.apex_y) / np.float32(self.angle_y + 3 - self.patient.apex_y), 0, 1)
        return np.float32(self.half_width) * np.sqrt(1 - (1 - t) ** np.float32(self.patient.lung_shape + 0.9))

    def dome_at(self, u: np.ndarray) -> np.ndarray:
        """y of the diaphragm at distance u from the midline."""
        top = np.float32(0.5 * self.half_width)
        lateral = np.maximum(u - top, 0) / top
        medial = np.maximum(top - u, 0) / top
        return np.float32(self.dome) + (1 - self.flat) * (4.0 * lateral**2.6 + 1.1 * medial**2)
