"""Colours and strokes that the pictures of `draw.py` are made of. A canvas is (h, w, 3) in OKLab, changed in place."""

import math

import numpy as np

# --- Colour ----------------------------------------------------------------------------------------------------------------


def oklab(lightness, chroma, hue):
    """Lightness, chroma and hue in degrees -> (lightness, a, b), where mixing two colours gives what the eye expects."""
    return np.array([lightness, chroma * math.cos(math.radians(hue)), chroma * math.sin(math.radians(hue))], np.float32)


def srgb(lab):
    """OKLab (..., 3) -> sRGB 0 to 1 (Ottosson 2020), clipped to what a screen can show."""
    lightness, a, b = lab[..., 0], lab[..., 1], lab[..., 2]
    l_ = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    m_ = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    s_ = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    linear = np.stack([4.0767416621 * l_ - 3.3077115913 * m_ + 0.2309699292 * s_,
                       -1.2684380046 * l_ + 2.6097574011 * m_ - 0.3413193965 * s_,
                       -0.0041960863 * l_ - 0.7034186147 * m_ + 1.7076147010 * s_], axis=-1)  # fmt: skip
    linear = np.clip(linear, 0.0, 1.0)
    return np.where(linear < 0.0031308, 12.92 * linear, 1.055 * np.power(linear, 1 / 2.4) - 0.055)


def mix(one, other, share):
    """`one` where the share is 0, `other` where it is 1; a share (h, w) makes a picture of it."""
    share = share[..., None] if isinstance(share, np.ndarray) else share
    return one * (1 - share) + other * share


def lighter(colour, by):
    """The colour, or picture of colours, so much lighter; `by` a number or (h, w)."""
    out = np.broadcast_to(colour, (*by.shape, 3)).copy() if isinstance(by, np.ndarray) else np.array(colour, np.float32)
    out[..., 0] += by
    return out


# --- Strokes ---------------------------------------------------------------------------------------------------------------


def step(x, width):
    """Smooth 0 to 1 as x crosses zero, over `width` on either side."""
    t = np.clip(x / (2 * width) + 0.5, 0.0, 1.0)
    return t * t * (3 - 2 * t)


def lay(canvas, colour, cover):
    """Paint a colour (3,) or (h, w, 3) over the canvas as far as `cover` (h, w) says."""
    canvas += (colour - canvas) * cover[..., None]


def shade(canvas, cover, by):
    """Darken the canvas by a share, as far as `cover` says."""
    canvas[..., 0] *= 1 - by * cover


def turned(x, y, angle):
    """The coordinates as seen by something turned by `angle`."""
    c, s = math.cos(angle), math.sin(angle)
    return c * x + s * y, c * y - s * x


def disc(x, y, cx, cy, a, b=None, angle=0.0):
    """About how far inside an ellipse each point lies; negative outside."""
    b = a if b is None else b
    x, y = x - cx, y - cy
    if angle:
        x, y = turned(x, y, angle)
    return (1 - np.hypot(x / a, y / b)) * min(a, b)


def blade(x, y, cx, cy, angle, length, width, blunt=0.5, bend=0.0):
    """A petal, ear, wing or leaf from (cx, cy) along `angle`: how far inside, and 0 to 1 from root to tip."""
    along, across = turned(x - cx, y - cy, angle)
    t = along / length
    across = across - bend * length * t * t
    s = np.clip(t, 0, 1)
    peak = 0.55 / (0.55 + blunt)
    half = width * s**0.55 * (1 - s) ** blunt / (peak**0.55 * (1 - peak) ** blunt)
    return np.where((t > 0) & (t < 1), half - np.abs(across), -1.0), s


def ribbon(offset, width, t):
    """How far inside a strip round the line where `offset` is zero; it exists for t from 0 to 1."""
    return np.where((t > 0) & (t < 1), width - np.abs(offset), -1.0)
