"""Draws a still life and makes the preview pictures of the models that show pictures: python -m models._previews"""

import math
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from bridge import load_class

HERE = Path(__file__).resolve().parent
ROWS, COLUMNS, MIX_FROM = (3, 8, 21), (5, 12, 30, 44, 57), 3  # seeds; the layer from which the other one counts

# A small ray marcher: distance fields for the things on the table, one light, soft shadows. Slow, and needed once.

WOOD, WALL, JUG, APPLE, LEMON, PEAR, BOOK, PAGES = range(8)
COLOURS = np.array(
    [
        [0.42, 0.26, 0.15],
        [0.50, 0.55, 0.55],
        [0.16, 0.33, 0.50],
        [0.70, 0.08, 0.06],
        [0.90, 0.70, 0.08],
        [0.45, 0.52, 0.14],
        [0.50, 0.16, 0.20],
        [0.85, 0.80, 0.68],
    ]
)


def _revolved(point: Any, at: Any, profile: Any, height: float) -> Any:
    """Distance to a body turned about an upright axis; the profile gives the radius by height in 0..1."""
    local = point - at
    radius = np.hypot(local[..., 0], local[..., 2])
    level = np.clip(local[..., 1] / height, 0, 1)
    side = radius - profile(level)
    cap = np.abs(local[..., 1] - height / 2) - height / 2
    return np.maximum(side * 0.7, cap)


def _ball(point: Any, at: Any, size: Any) -> Any:
    scaled = (point - at) / size
    length = np.linalg.norm(scaled, axis=-1)
    return (length - 1) * np.min(size)


def _box(point: Any, at: Any, half: Any, turn: float) -> Any:
    local = point - at
    c, s = math.cos(turn), math.sin(turn)
    x, z = local[..., 0] * c - local[..., 2] * s, local[..., 0] * s + local[..., 2] * c
    far = np.abs(np.stack([x, local[..., 1], z], axis=-1)) - half
    return np.linalg.norm(np.maximum(far, 0), axis=-1) + np.minimum(far.max(axis=-1), 0) - 0.015


def _apple(point: Any, at: Any, size: float) -> Any:
    local = (point - at) / size
    radius = np.hypot(local[..., 0], local[..., 2])
    ring = np.hypot(radius - 0.42, local[..., 1] * 0.95) - 0.60
    stem = np.maximum(
        np.hypot(local[..., 0] - local[..., 1] * 0.15, local[..., 2]) - 0.035, np.abs(local[..., 1] - 0.5) - 0.3
    )
    return np.minimum(ring, stem) * size


def _jug_profile(level: Any) -> Any:
    return 0.30 + 0.26 * np.sin(np.pi * np.clip(level * 1.12, 0, 1)) ** 1.3 + 0.12 * np.clip(level - 0.82, 0, 1) / 0.18


def _handle(point: Any) -> Any:
    local = point - np.array([-1.28, 1.02, 0.25])
    ring = np.hypot(np.hypot(local[..., 0], local[..., 1] * 0.8) - 0.36, local[..., 2]) - 0.065
    return ring * 0.8


def _pear_profile(level: Any) -> Any:
    return 0.36 * np.sqrt(np.clip(level * (1 - level) * 4, 0, 1)) * (1.18 - 0.72 * level)


def _scene(point: Any) -> Any:
    """Distances to every thing, the last axis by the order of the colours."""
    jug = np.minimum(_revolved(point, np.array([-0.75, 0, 0.25]), _jug_profile, 1.75), _handle(point))
    apples = np.minimum(
        _apple(point, np.array([0.35, 0.34, -0.55]), 0.34), _apple(point, np.array([-0.15, 0.31, -1.1]), 0.31)
    )
    book = _box(point, np.array([1.0, 0.12, 0.45]), np.array([0.72, 0.10, 0.52]), 0.35)
    pages = _box(point, np.array([1.0, 0.12, 0.42]), np.array([0.73, 0.075, 0.50]), 0.35)
    pear = _revolved(point, np.array([0.95, 0.24, 0.45]), _pear_profile, 0.85)
    lemon = _ball(point, np.array([1.05, 0.24, -0.75]), np.array([0.33, 0.24, 0.25]))
    return np.stack([point[..., 1], 2.2 - point[..., 2], jug, apples, lemon, pear, book, pages], axis=-1)


def _march(start: Any, direction: Any, steps: int, reach: float) -> Any:
    travelled = np.full(direction.shape[:-1], 0.02)
    for _ in range(steps):
        travelled = np.minimum(travelled + _scene(start + direction * travelled[..., None]).min(axis=-1) * 0.9, reach)
    return travelled


def _normal(point: Any) -> Any:
    offsets = np.eye(3) * 2e-3
    slopes = [_scene(point + o).min(axis=-1) - _scene(point - o).min(axis=-1) for o in offsets]
    normal = np.stack(slopes, axis=-1)
    return normal / (np.linalg.norm(normal, axis=-1, keepdims=True) + 1e-9)


def _shadow(point: Any, light: Any) -> Any:
    """How much of a soft lamp is seen from there."""
    travelled, seen = np.full(point.shape[:-1], 0.03), np.ones(point.shape[:-1])
    for _ in range(36):
        gap = _scene(point + light * travelled[..., None]).min(axis=-1)
        seen = np.minimum(seen, np.clip(0.5 + 0.5 * gap / (0.07 * travelled), 0, 1))
        travelled += np.clip(gap, 0.02, 0.25)
    return seen * seen * (3 - 2 * seen)


def _albedo(point: Any, thing: Any) -> Any:
    colour = COLOURS[thing]
    grain = np.sin(point[..., 2] * 9 + np.sin(point[..., 0] * 1.3) * 1.5 + np.sin(point[..., 2] * 31) * 0.4)
    boards = np.abs((point[..., 2] * 1.1 + 10) % 1 - 0.5) > 0.485
    wood = 1 + 0.13 * grain - 0.5 * boards
    glaze = 1 + 0.7 * (np.abs(point[..., 1] - 1.05) < 0.09) + 0.5 * (np.abs(point[..., 1] - 0.85) < 0.025)
    blush = 1 + 0.25 * np.sin(point[..., 0] * 37 + point[..., 1] * 9) * np.sin(point[..., 2] * 29)
    leaves = 1 - 0.25 * (np.sin(point[..., 1] * 260) > 0.3)
    factor = np.select([thing == WOOD, thing == JUG, thing == APPLE, thing == PAGES], [wood, glaze, blush, leaves], 1.0)
    return np.clip(colour * factor[..., None], 0, 1)


def still_life(size: int = 640) -> Any:
    """A lit still life as uint8 RGB, the same every time."""
    y, x = np.mgrid[0:size, 0:size] / size - 0.5
    eye, ahead = np.array([-0.05, 1.85, -4.75]), np.array([0.0, -0.25, 1.0])
    ahead /= np.linalg.norm(ahead)
    right = np.cross([0, 1, 0], ahead)
    right /= np.linalg.norm(right)
    up = np.cross(ahead, right)
    rays = ahead * 1.5 + x[..., None] * right - y[..., None] * up
    rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
    point = eye + rays * _march(eye, rays, 90, 9.0)[..., None]
    thing, normal = _scene(point).argmin(axis=-1), _normal(point)
    light = np.array([-0.62, 0.66, -0.42])
    light /= np.linalg.norm(light)
    lit = np.clip((normal * light).sum(-1), 0, 1) * _shadow(point + normal * 0.02, light)
    near = sum(
        np.clip(_scene(point + normal * d).min(-1) / d, 0, 1) * w for d, w in ((0.06, 0.4), (0.2, 0.35), (0.5, 0.25))
    )
    half = light - rays
    half /= np.linalg.norm(half, axis=-1, keepdims=True)
    gloss = np.clip((normal * half).sum(-1), 0, 1) ** 60 * np.isin(thing, (JUG, APPLE, LEMON, PEAR)) * (lit > 0)
    sky = 0.20 + 0.12 * normal[..., 1]
    window = 0.75 + 0.45 * np.clip(1 - np.hypot(point[..., 0] + 1.2, point[..., 1] - 1.6) / 3, 0, 1)
    colour = _albedo(point, thing) * (
        (lit * 1.5)[..., None] * [1.05, 1.0, 0.9] + (sky * near)[..., None] * [0.85, 0.95, 1.1]
    )
    colour = colour * np.where(thing == WALL, window, 1.0)[..., None] + gloss[..., None] * 0.7
    colour = 1 - np.exp(-colour * 1.05)
    return (np.clip(colour, 0, 1) ** (1 / 2.2) * 255).astype(np.uint8)


# --- previews ------------------------------------------------------------------------------------


def pencil_preview(picture: Any) -> Any:
    """The picture itself, then in graphite, then in coloured pencils, side by side in one frame."""
    pencil = load_class(HERE / "pencil")()
    pencil.setup()
    width = picture.shape[1]
    drawn, coloured = pencil.run(picture, darkness=0.6), pencil.run(picture, darkness=0.6, color=1.0)
    left, right = width // 3, 2 * width // 3
    return np.hstack([picture[:, :left], drawn[:, left:right], coloured[:, right:]])


def palette_preview(picture: Any) -> Any:
    """The picture above its colours, each as wide as its share, in the shape of a card."""
    palette = load_class(HERE / "palette")()
    picture = picture[picture.shape[0] // 4 :][: picture.shape[1] * 5 // 8]
    found = palette.run(cv2.cvtColor(picture, cv2.COLOR_RGB2RGBA), count=8)
    height, width = picture.shape[:2]
    bar = np.zeros((height // 5, width, 3), np.uint8)
    start = 0.0
    for color, share in zip(found["colors"], found["shares"], strict=True):
        bar[:, round(start * width) :] = [int(color[place : place + 2], 16) for place in (1, 3, 5)]
        start += share
    return np.vstack([picture[: height - height // 5], bar])


def mixing_preview() -> Any:
    """Rows are forms, columns are others whose last layers, mostly the colours, they take; the first row and the first
    column as they are. stylegan2 comes without weights: it plays those of dream."""
    stylegan2 = load_class(HERE / "stylegan2")()
    stylegan2.setup(network=str(HERE / "dream" / "dream.safetensors"), device="cpu")
    forms, colours = (
        [np.random.RandomState(seed).randn(stylegan2.z_dim).astype(np.float32) for seed in seeds]
        for seeds in (ROWS, COLUMNS)
    )

    def pictures(places: list[Any], other: Any = None) -> list[Any]:
        return [stylegan2.run(z=place, mix=other, mix_from=MIX_FROM) for place in places]

    heads, first = pictures(colours), pictures(forms)
    columns = [np.vstack([head, *pictures(forms, other)]) for head, other in zip(heads, colours, strict=True)]
    corner = np.full_like(first[0], 27)
    grid = np.hstack([np.vstack([corner, *first]), *columns])
    smaller = 96 / len(first[0])
    return cv2.resize(grid, None, fx=smaller, fy=smaller, interpolation=cv2.INTER_AREA)


def save(name: str, picture: Any) -> None:
    file = HERE / name / "preview.jpg"
    cv2.imwrite(str(file), picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 82])
    size = file.stat().st_size
    assert size <= 60_000, f"{file} has {size} bytes, more than a preview should"


if __name__ == "__main__":
    still = still_life(480)
    save("pencil", pencil_preview(still))
    save("palette", palette_preview(still))
    save("stylegan2", mixing_preview())
