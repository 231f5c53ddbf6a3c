"""Drawing in patient centimetres: tubes, polygons, ellipsoids and noise on a frame's pixel grid.

Nothing here knows what an organ is. Lines are drawn several times finer than the film and then
averaged, so that a wire thinner than a pixel keeps its true mean thickness.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

from train.simulate.anatomy import Frame

_FULL = 3.0  # cm that the brightest of 255 drawing levels stands for


class Canvas:
    """An oversampled layer on which shapes replace what lies below them."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._oversampling = 4 if frame.size <= 320 else 2
        edge = frame.size * self._oversampling
        self._image = Image.new("L", (edge, edge))
        self._draw = ImageDraw.Draw(self._image)

    def _points(self, points: np.ndarray) -> list[tuple[float, float]]:
        pixels = self._frame.to_pixels(np.asarray(points, dtype=np.float64)) * self._oversampling
        return [tuple(p) for p in pixels.tolist()]

    def _width(self, width_cm: float) -> int:
        return max(1, round(width_cm * self._frame.pixels_per_cm * self._oversampling))

    def tube(self, points: np.ndarray, width_cm: float, thickness_cm: float) -> None:
        """A polyline (n, 2) in patient cm of the given width, with rounded joints."""
        # Densely sampled curves close their own joints; rounding each would cost most of the drawing time.
        joint = "curve" if len(points) < 12 else None
        self._draw.line(self._points(points), fill=_level(thickness_cm), width=self._width(width_cm), joint=joint)

    def segments(self, ends: np.ndarray, widths_cm: np.ndarray, thicknesses_cm: np.ndarray) -> None:
        """Many short straight tubes at once: ends (n, 2, 2) in patient cm; later ones cover earlier ones."""
        pixels = (self._frame.to_pixels(ends) * self._oversampling).reshape(len(ends), 4).tolist()
        widths = np.maximum(1, np.rint(widths_cm * self._frame.pixels_per_cm * self._oversampling)).astype(int).tolist()
        levels = np.clip(np.rint(thicknesses_cm * 255 / _FULL), 0, 255).astype(int).tolist()
        for place, width, level in zip(pixels, widths, levels, strict=True):
            self._draw.line(place, fill=level, width=width)

    def polygon(self, points: np.ndarray, thickness_cm: float) -> None:
        self._draw.polygon(self._points(points), fill=_level(thickness_cm))

    def disc(self, centre: tuple[float, float], radius_cm: float, thickness_cm: float) -> None:
        self.oval(centre, (radius_cm, radius_cm), thickness_cm)

    def oval(self, centre: tuple[float, float], radii_cm: tuple[float, float], thickness_cm: float) -> None:
        angles = np.linspace(0, 2 * np.pi, 20, endpoint=False)
        ring = np.stack([centre[0] + radii_cm[0] * np.cos(angles), centre[1] + radii_cm[1] * np.sin(angles)], -1)
        self.polygon(ring, thickness_cm)

    def thickness(self, blur_cm: float = 0.0) -> np.ndarray:
        """(size, size) float32 cm."""
        grid = np.asarray(self._image.reduce(self._oversampling), dtype=np.float32) * np.float32(_FULL / 255)
        return blur(grid, blur_cm * self._frame.pixels_per_cm) if blur_cm else grid


def _level(thickness_cm: float) -> int:
    return min(max(round(thickness_cm * 255 / _FULL), 0), 255)


def blur(image: np.ndarray, sigma_pixels: float) -> np.ndarray:
    """Gaussian blur. A wide one is computed on a reduced grid, where it is the same to the eye and much cheaper."""
    if sigma_pixels < 0.3:
        return image
    if sigma_pixels < 4:
        return ndimage.gaussian_filter(image, sigma_pixels, mode="nearest", truncate=3.0)
    step = int(sigma_pixels // 2)
    size = image.shape[0]
    small = Image.fromarray(image).reduce(step) if size % step == 0 else None
    if small is None:
        reduced = max(8, size // step)
        small = Image.fromarray(image).resize((reduced, reduced), Image.Resampling.BOX)
    narrow = ndimage.gaussian_filter(np.asarray(small), sigma_pixels * small.size[0] / size, mode="nearest")
    return np.asarray(Image.fromarray(narrow).resize((size, size), Image.Resampling.BICUBIC))


def ellipsoid(
    frame: Frame, centre: tuple[float, float], radii: tuple[float, float, float], angle: float = 0.0
) -> np.ndarray:
    """Thickness (size, size) in cm of an ellipsoid with radii (along, across, depth), turned by `angle`."""
    thickness = np.zeros((frame.size, frame.size), dtype=np.float32)
    reach = max(radii[:2]) * frame.pixels_per_cm + 2
    # Most are small: only the square about one is computed.
    columns, rows = (
        slice(max(0, int(at - reach)), max(0, int(at + reach))) for at in frame.to_pixels(np.array(centre))
    )
    dx, dy = frame.x[rows, columns] - np.float32(centre[0]), frame.y[rows, columns] - np.float32(centre[1])
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    inside = (
        1 - ((cos * dx + sin * dy) / np.float32(radii[0])) ** 2 - ((cos * dy - sin * dx) / np.float32(radii[1])) ** 2
    )
    thickness[rows, columns] = np.float32(2 * radii[2]) * np.sqrt(np.maximum(inside, 0))
    return thickness


def smooth_step(value: np.ndarray, softness: float) -> np.ndarray:
    """0 below, 1 above zero, with a transition `softness` wide on either side."""
    t = np.clip(value * np.float32(0.5 / softness) + np.float32(0.5), 0, 1)
    return t * t * (3 - 2 * t)


class Texture:
    """Smooth noise that stays with the patient: the same place in the body has the same value in every film."""

    _EDGE_CM = 44.0

    def __init__(self, seed: int, grain_cm: float) -> None:
        cells = int(self._EDGE_CM / grain_cm)
        noise = np.random.default_rng(seed).standard_normal((cells, cells), dtype=np.float32)
        noise = ndimage.gaussian_filter(noise, 0.8, mode="wrap")
        self._noise = noise / noise.std()
        self._grain = grain_cm

    def at(self, frame: Frame, stretch: float = 1.0) -> np.ndarray:
        """(size, size) float32 with unit variance. stretch > 1 squeezes the pattern, as less air does to a lung."""
        rows = (frame.y * np.float32(stretch) + np.float32(self._EDGE_CM / 2)) / np.float32(self._grain)
        columns = (frame.x + np.float32(self._EDGE_CM / 2)) / np.float32(self._grain)
        return ndimage.map_coordinates(self._noise, (rows, columns), order=1, mode="grid-wrap", output=np.float32)


def polyline(points: Iterable[tuple[float, float]], per_span: int = 8) -> np.ndarray:
    """A smooth curve (n, 2) through the given points (Catmull-Rom)."""
    p = np.array(list(points), dtype=np.float64)
    p = np.concatenate([2 * p[:1] - p[1:2], p, 2 * p[-1:] - p[-2:-1]])
    t = np.linspace(0, 1, per_span, endpoint=False)[:, None]
    spans = [
        0.5
        * (
            2 * p[i]
            + (p[i + 1] - p[i - 1]) * t
            + (2 * p[i - 1] - 5 * p[i] + 4 * p[i + 1] - p[i + 2]) * t**2
            + (3 * p[i] - p[i - 1] - 3 * p[i + 1] + p[i + 2]) * t**3
        )
        for i in range(1, len(p) - 2)
    ]
    return np.concatenate([*spans, p[-2:-1]])
