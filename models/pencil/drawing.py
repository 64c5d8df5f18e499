"""A photograph drawn with a pencil: contours by an unsteady hand, hatching along the form, paper with a tooth.

Everything random is drawn once for a size and kept, so a live picture does not boil.
"""

from typing import Any

import cv2
import numpy as np

GRAPHITE = (46, 46, 52)
SEED = 7
TILE = 768  # side of the noise from which strokes are drawn out


class Sheet:
    """The paper and the hand for pictures of one size."""

    def __init__(self, height: int, width: int, paper: tuple[int, int, int]) -> None:
        rng = np.random.default_rng(SEED)
        self.size = (height, width)
        self.scale = max(min(height, width) / 512, 0.35)  # strokes grow with the picture, down to a limit
        self.x, self.y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
        self.noise = cv2.GaussianBlur(rng.random((TILE, TILE), np.float32), (0, 0), 0.7)
        tooth = np.clip(0.5 + 0.17 * self._soft(rng, 0.7) + 0.13 * self._soft(rng, 1.6), 0, 1)
        self.grip = 0.60 + 0.80 * tooth  # how readily the paper takes graphite
        self.ground = [(1 - 0.045 * tooth) * tone for tone in paper]
        self.pressure = 0.8 + 0.3 * self._soft(rng, 24)
        self.hands = [(self._unsteady(rng, self.x), self._unsteady(rng, self.y)) for _ in range(2)]

    def _unsteady(self, rng: np.random.Generator, line: Any) -> Any:
        return line + self._soft(rng, 11) * (0.9 * self.scale)

    def _soft(self, rng: np.random.Generator, sigma: float) -> Any:
        """Noise with grains of about that size, of spread 1 about 0."""
        sigma *= self.scale
        small = max(1, int(sigma / 2))
        height, width = (side // small + 2 for side in self.size)
        field = cv2.GaussianBlur(rng.standard_normal((height, width), np.float32), (0, 0), max(sigma / small, 0.4))
        field = cv2.resize(field / field.std(), self.size[::-1], interpolation=cv2.INTER_CUBIC)
        return np.clip(field, -2.5, 2.5)

    def fits(self, image: Any) -> bool:
        return self.size == image.shape[:2]


def draw(image: Any, sheet: Sheet, darkness: float, detail: float, color: float) -> Any:
    """The picture (uint8 RGB) drawn on a sheet of its size, as uint8 RGB."""
    tones, warmth = _planes(image)
    strokes = _strokes(sheet, *_along(tones, sheet), detail)
    dark = _shade(tones, image, sheet, darkness, detail, color)
    lines = _contours(tones, warmth, sheet, detail) * (0.55 + 0.6 * darkness)
    bare = (1 - _hatched(dark, strokes, darkness)) * (1 - np.minimum(lines, 0.92))
    return _on_paper(1 - bare, sheet, image, color)


def _planes(image: Any) -> tuple[Any, Any]:
    """Lightness from 0 to 1, stretched to the whole range of a pencil; and how warm the colour is."""
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    low, high = np.percentile(gray[::4, ::4], (0.5, 99.5)).tolist()
    low, reach = min(low, 60), max(high, 200) - min(low, 60)
    tones = np.clip((gray.astype(np.float32) - low) * (1 / reach), 0, 1)
    warmth = cv2.transform(image, np.array([[0.5, 0, -0.5, 128]], np.float32))
    return tones, warmth.astype(np.float32) * (1 / 255)


def _along(tones: Any, sheet: Sheet) -> tuple[Any, Any]:
    """For every pixel the direction in which a hand would hatch: along the form, or slanted where there is none."""
    shrink = min(0.25 / sheet.scale, 1)
    small = cv2.resize(tones, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), 1.2)
    gx, gy = cv2.Sobel(small, cv2.CV_32F, 1, 0), cv2.Sobel(small, cv2.CV_32F, 0, 1)
    # The doubled angle of the gradient turned by 90 degrees: it can be averaged, a plain angle can't.
    cosine = cv2.GaussianBlur(gy * gy - gx * gx, (0, 0), 2.5)
    sine = cv2.GaussianBlur(-2 * gx * gy, (0, 0), 2.5) - 4e-4  # the slant
    cosine, sine = cv2.resize(cosine, sheet.size[::-1]), cv2.resize(sine, sheet.size[::-1])
    cosine *= 1 / (cv2.magnitude(cosine, sine) + 1e-9)
    return cv2.sqrt(cosine * 0.5 + 0.500001), np.copysign(cv2.sqrt(cosine * -0.5 + 0.500001), sine)


def _strokes(sheet: Sheet, dx: Any, dy: Any, detail: float) -> Any:
    """Noise drawn out along the directions, about 0.5: where it lies below the darkness, there is a stroke."""
    width = (1.35 - 0.75 * detail) * sheet.scale
    field = cv2.remap(sheet.noise, sheet.x / width, sheet.y / width, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    for doubled in range(4):
        step = 1.3 * width * 2**doubled
        x, y = cv2.scaleAdd(dx, step, sheet.x), cv2.scaleAdd(dy, step, sheet.y)
        further = cv2.remap(field, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        field = cv2.addWeighted(field, 0.5, further, 0.5, 0)
    mean, spread = (float(value[0][0]) for value in cv2.meanStdDev(field))
    sharp = 0.30 / max(spread, 1e-6)
    return np.clip(field * sharp + (0.5 - mean * sharp), 0, 1)


def _shade(tones: Any, image: Any, sheet: Sheet, darkness: float, detail: float, color: float) -> Any:
    """How dark the drawing should be, 0 to 1. In colour, a bright strong colour needs pencil too."""
    dark = 1 - _blurred(tones, (1.6 - detail) * sheet.scale)
    dark = cv2.pow(np.clip(dark, 0, 1), 1.75 - 0.95 * darkness)
    if color == 0:
        return dark
    red, green, blue = cv2.split(image)
    strong = cv2.subtract(cv2.max(cv2.max(red, green), blue), cv2.min(cv2.min(red, green), blue))
    strong = cv2.GaussianBlur(strong, (0, 0), 1.5 * sheet.scale).astype(np.float32)
    return cv2.max(dark, strong * (0.0026 * color))


def _hatched(dark: Any, strokes: Any, darkness: float) -> Any:
    """How much graphite lies where: a rubbed tone below, strokes above, more of them and harder the darker it is."""
    rubbed = dark * dark * (0.25 + 0.25 * darkness)
    lines = np.clip(dark * 2.3 - strokes * 1.9 + 0.16, 0, 1) * (dark * 0.62 + 0.13) * (0.75 + 0.45 * darkness)
    return 1 - (1 - rubbed) * (1 - np.minimum(lines, 0.96))


def _contours(tones: Any, warmth: Any, sheet: Sheet, detail: float) -> Any:
    """Lines where light or colour changes, drawn twice by a hand that does not quite meet them."""
    fine = (1.5 - 0.8 * detail) * sheet.scale
    edges = _ridge(tones, fine) * 1.2 + np.abs(_ridge(warmth, fine)) * 1.3
    gain = 11 + 5 * detail
    edges = np.clip(edges * gain - gain * (0.026 - 0.012 * detail), 0, 1)
    once, again = (cv2.remap(edges, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE) for x, y in sheet.hands)
    return cv2.max(once, again * 0.6) * sheet.pressure


def _ridge(plane: Any, sigma: float) -> Any:
    far = _blurred(plane, sigma * 1.8)
    return (far - _blurred(plane, sigma)) / (far + 0.15)


def _blurred(plane: Any, sigma: float) -> Any:
    """A wide blur is done on a smaller plane: nobody sees the difference, and it takes a quarter of the time."""
    if sigma < 2.4 or min(plane.shape) < 8:
        return cv2.GaussianBlur(plane, (0, 0), sigma)
    small = cv2.resize(plane, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return cv2.resize(_blurred(small, sigma / 2), plane.shape[::-1])


def _on_paper(covered: Any, sheet: Sheet, image: Any, color: float) -> Any:
    """Graphite, or colour pencil, as the paper takes it: its hollows stay light unless pressed hard."""
    taken = np.minimum(covered * sheet.grip, 1)
    planes = [
        ground - taken * (ground - tone) for ground, tone in zip(sheet.ground, _pigment(image, color), strict=True)
    ]
    return cv2.merge([plane.astype(np.uint8) for plane in planes])


def _pigment(image: Any, color: float) -> Any:
    """What the pencil leaves, by channel: graphite, going over to the picture's own colours made stronger."""
    if color == 0:
        return GRAPHITE
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    vivid = (cv2.addWeighted(plane, 1.5, gray, -0.62, 0) for plane in cv2.split(image))
    return [plane.astype(np.float32) * color + tone * (1 - color) for plane, tone in zip(vivid, GRAPHITE, strict=True)]
