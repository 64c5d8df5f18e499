"""An endless picture set drawn by arithmetic alone: flowers, creatures, masks and landscapes under a sky of any hour.

`draw(seed, size)` gives the same picture for the same seed on every machine, up to rounding; `paint(traits(z), size)` the picture of
any place z. Everything that varies is a number, so the space in between is smooth. No photograph and nobody's drawing is involved.
"""

import argparse
import math
import multiprocessing
import os
from pathlib import Path

import cv2
import numpy as np

from models.dream.brush import lay, oklab, srgb, step
from models.dream.motifs import PAINTERS, Stage
from models.dream.traits import place, traits

# The hours of a day, as lightness, chroma and hue in degrees: zenith, horizon, far hills, near hills, light. They are a ring.
HOURS = np.array([
    # zenith            horizon           far hills         near hills        light
    [(0.62, 0.09, 300), (0.86, 0.10, 50), (0.60, 0.08, 330), (0.38, 0.07, 310), (0.95, 0.09, 75)],   # dawn: lilac over peach
    [(0.72, 0.12, 235), (0.94, 0.04, 200), (0.72, 0.08, 190), (0.52, 0.11, 150), (0.99, 0.03, 100)],  # morning: azure over mist
    [(0.66, 0.13, 215), (0.93, 0.09, 100), (0.70, 0.11, 140), (0.50, 0.12, 130), (0.98, 0.06, 100)],  # noon: turquoise over straw
    [(0.58, 0.11, 270), (0.85, 0.14, 70), (0.56, 0.12, 45), (0.36, 0.09, 30), (0.96, 0.12, 85)],      # late: gold
    [(0.40, 0.13, 290), (0.74, 0.18, 40), (0.42, 0.13, 350), (0.24, 0.08, 320), (0.90, 0.15, 60)],    # sunset: indigo over ember
    [(0.22, 0.08, 275), (0.46, 0.12, 320), (0.27, 0.08, 285), (0.14, 0.05, 275), (0.88, 0.06, 330)],  # dusk: violet
    [(0.15, 0.06, 265), (0.38, 0.09, 220), (0.22, 0.06, 240), (0.11, 0.04, 250), (0.93, 0.05, 200)],  # night: teal under navy
])  # fmt: skip


def hour_colours(hour):
    """The five colours of the day at `hour` (0 to 1, a ring), in OKLab: (5, 3)."""
    position = (hour % 1.0) * len(HOURS)
    first = int(position)
    share = position - first
    share = share * share * (3 - 2 * share)
    before, after = HOURS[first], HOURS[(first + 1) % len(HOURS)]
    return np.array([oklab(*x) * (1 - share) + oklab(*y) * share for x, y in zip(before, after, strict=True)])


def paint_world(p, x, y, pixel):
    """Sky, light and two ranges of hills: (h, w, 3) in OKLab."""
    zenith, horizon, far, near, light = hour_colours(p["hour"])
    height = y - p["horizon"] + p["slant"] * x  # below zero is sky
    share = np.clip(1 + height / 1.35, 0, 1)[..., None] ** 1.6
    canvas = zenith * (1 - share) + horizon * share
    distance = np.hypot(x - p["light_x"], y - p["light_y"])
    lay(canvas, light, 0.75 * p["glow"] * np.exp(-((distance / (p["light_size"] * 3.2)) ** 1.4)))
    lay(canvas, light, step(p["light_size"] - distance, max(pixel, 0.012)))
    for depth, phase in ((0.0, p["hill_far"]), (1.0, p["hill_near"])):
        below = height + p["steepness"] * (1.2 - 0.3 * depth) * np.sin(2.6 * x + phase) - 0.26 * depth
        haze = np.clip(below / 0.5, 0, 1)[..., None] * 0.35
        lay(canvas, (far * (1 - depth) + near * depth) * (1 - haze) + near * 0.92 * haze, step(below, pixel * 1.2))
    canvas[..., 2] += p["warmth"]
    return canvas.astype(np.float32)


def draw(seed, size=64):
    """The picture at the place of a seed: uint8 (size, size, 3), RGB."""
    return paint(traits(place(seed)), size)


def paint(p, size=64, oversample=2):
    """The picture that the traits describe: uint8 (size, size, 3), RGB."""
    n = size * oversample
    axis = (np.arange(n) + 0.5) / n * 2 - 1
    x, y = np.meshgrid(axis.astype(np.float32), axis.astype(np.float32))  # -1 to 1, y downwards
    pixel = 1.0 / n
    canvas = paint_world(p, x, y, pixel)
    PAINTERS[p["motif"]](Stage(canvas, p, x, y, pixel, hour_colours(p["hour"])))
    canvas[..., 0] *= 1 - 0.1 * (x * x + y * y)  # the corners fall off a little, as through a lens
    image = cv2.resize(srgb(canvas).astype(np.float32), (size, size), interpolation=cv2.INTER_AREA)
    return np.round(image * 255).astype(np.uint8)


def sheet(images, columns):
    """Pictures (N, h, w, 3) side by side: (rows h, columns w, 3)."""
    n, h, w, _ = images.shape
    rows = -(-n // columns)
    page = np.zeros((rows * h, columns * w, 3), np.uint8)
    for i, image in enumerate(images):
        page[i // columns * h : (i // columns + 1) * h, i % columns * w : (i % columns + 1) * w] = image
    return page


def draw_set(path, count, size=64, processes=1):
    """Draw pictures 0 to count - 1 into one `.npy` file (N, size, size, 3); it appears under its name only when complete."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    images = np.lib.format.open_memmap(partial, mode="w+", dtype=np.uint8, shape=(count, size, size, 3))
    with multiprocessing.Pool(processes) as pool:
        for i, image in enumerate(pool.imap(_draw_pair, ((seed, size) for seed in range(count)), chunksize=32)):
            images[i] = image
    images.flush()
    os.replace(partial, path)


def _draw_pair(pair):
    return draw(*pair)


def main(argv=None):
    parser = argparse.ArgumentParser(description="Draw the pictures.")
    parser.add_argument("out", help="FILE.npy for a training set, FILE.png for one page to look at")
    parser.add_argument("--count", type=int, default=96)
    parser.add_argument("--size", type=int, default=64, help="pixels on a side")
    parser.add_argument("--processes", type=int, default=1)
    args = parser.parse_args(argv)
    if args.out.endswith(".npy"):
        draw_set(args.out, args.count, args.size, args.processes)
    else:
        images = np.stack([draw(seed, args.size) for seed in range(args.count)])
        cv2.imwrite(args.out, sheet(images, round(math.sqrt(args.count * 1.6)))[..., ::-1])


if __name__ == "__main__":
    main()
