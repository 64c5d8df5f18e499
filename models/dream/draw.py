"""Blossoms over evening, noon and night: an endless picture set drawn by arithmetic alone.

`draw(seed, size)` gives the same picture for the same seed on every machine, up to rounding. Everything that varies is a
continuous number (petal sharpness, curl, tilt, hue, hour of the day, ...), so that a generator trained on these pictures
finds a smooth space to walk in. No photograph and nobody's drawing is involved.
"""

import argparse
import math
import multiprocessing
import os
from pathlib import Path

import cv2
import numpy as np

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


# --- Colour ----------------------------------------------------------------------------------------------------------------


def oklab(lch):
    """(lightness, chroma, hue in degrees) -> (lightness, a, b), where mixing two colours gives what the eye expects."""
    lightness, chroma, hue = lch
    return np.array([lightness, chroma * math.cos(math.radians(hue)), chroma * math.sin(math.radians(hue))])


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


def hour_colours(hour):
    """The five colours of the day at `hour` (0 to 1, a ring), in OKLab: (5, 3)."""
    position = (hour % 1.0) * len(HOURS)
    first = int(position)
    share = position - first
    share = share * share * (3 - 2 * share)
    before, after = HOURS[first], HOURS[(first + 1) % len(HOURS)]
    return np.array([oklab(x) * (1 - share) + oklab(y) * share for x, y in zip(before, after, strict=True)])


# --- What varies -----------------------------------------------------------------------------------------------------------


def parameters(seed):
    """Everything that picture `seed` is made of, as plain numbers."""
    rng = np.random.default_rng(seed)
    u = rng.uniform
    fullness = u() ** 1.3  # 0 a single ring of petals, 1 a dahlia
    slim = u()
    hue = u(0, 360)
    if 108 < hue < 178:  # leaf-green blossoms vanish among leaves
        hue = (hue + 180) % 360
    return dict(
        # the world
        hour=u(), horizon=u(0.1, 0.62), slant=u(-0.12, 0.12), warmth=u(-0.03, 0.03),
        hills=rng.uniform(0, 2 * math.pi, 6), steepness=u(0.03, 0.13),
        light_x=u(-0.85, 0.85), light_y=u(-0.85, 0.0), light_size=u(0.1, 0.22), glow=u(0.35, 0.9),
        # where the blossom sits and how it faces us
        x=u(-0.14, 0.14), y=u(-0.24, 0.0), radius=u(0.56, 0.8), turn=u(0, 2 * math.pi), tilt=u(0.0, 0.42), lean=u(-0.6, 0.6),
        # its petals
        petals=round(4.6 + 4 * fullness + 7 * slim * slim), rings=1 + round(3.2 * fullness), shrink=u(0.66, 0.8),
        width=(1.05 - 0.62 * slim) * u(0.85, 1.15), sharpness=u() ** 1.5, waist=u(0.45, 1.15), notch=max(0.0, u(-0.25, 0.16)),
        curl=u(-0.45, 0.45), ruffle=max(0.0, u(-0.06, 0.07)), waves=u(2.5, 5.0),
        # its colours
        hue=hue, hue_shift=u(-80, 80), lightness=u(0.62, 0.88), tip=u(-0.17, 0.19), chroma=u(0.1, 0.22), throat=u(0.2, 1.1), vein=u(0.0, 0.16),
        # its heart
        heart=u(0.1, 0.2) * (1.25 - 0.5 * fullness), heart_hue=u(45, 105), heart_light=u(0.45, 0.86), stamens=u(0.0, 1.0), stamen_reach=u(1.2, 2.1),
        # what carries it
        stem_bend=u(-0.35, 0.35), stem_width=u(0.022, 0.036), leaf_hue=u(115, 165), leaf_light=u(0.4, 0.62), leaf_chroma=u(0.07, 0.13),
        leaf_size=u(0.3, 0.55), leaf_height=u(0.25, 0.6), leaf_angle=u(0.35, 0.95), leaf_other=u(0.3, 1.0),
    )  # fmt: skip


# --- Painting --------------------------------------------------------------------------------------------------------------


def step(x, width):
    """Smooth 0 to 1 as x crosses zero, over `width` on either side."""
    t = np.clip(x / (2 * width) + 0.5, 0.0, 1.0)
    return t * t * (3 - 2 * t)


def lay(canvas, colour, cover):
    """Paint `colour` (3,) or (h, w, 3) over the canvas in place, as far as `cover` (h, w) says."""
    canvas += (colour - canvas) * cover[..., None]


def paint_world(p, x, y, pixel):
    """Sky, light and three ranges of hills: (h, w, 3) in OKLab."""
    zenith, horizon, far, near, light = hour_colours(p["hour"])
    height = y - p["horizon"] + p["slant"] * x  # below zero is sky
    share = np.clip(1 + height / 1.35, 0, 1)[..., None] ** 1.6
    canvas = zenith * (1 - share) + horizon * share
    distance = np.hypot(x - p["light_x"], y - p["light_y"])
    lay(canvas, light, 0.75 * p["glow"] * np.exp(-((distance / (p["light_size"] * 3.2)) ** 1.4)))
    lay(canvas, light, step(p["light_size"] - distance, max(pixel, 0.012)))
    a = p["hills"]
    for i, depth in enumerate((0.0, 0.5, 1.0)):
        ridge = np.sin(2.1 * x + a[2 * i % 6]) + 0.55 * np.sin(4.7 * x + a[(2 * i + 1) % 6])
        below = height + p["steepness"] * (1.2 - 0.3 * i) * ridge - 0.17 * i
        haze = np.clip(below / 0.5, 0, 1)[..., None] * 0.35
        lay(canvas, (far * (1 - depth) + near * depth) * (1 - haze) + near * 0.92 * haze, step(below, pixel * 1.2))
    canvas[..., 2] += p["warmth"]
    return canvas.astype(np.float32)


def paint_leaf(canvas, x, y, pixel, base, angle, length, width, colour, light):
    """One leaf from `base` along `angle`: a half darker, a pale midrib."""
    ux, uy = math.cos(angle), math.sin(angle)
    along = ((x - base[0]) * ux + (y - base[1]) * uy) / length
    across = (-(x - base[0]) * uy + (y - base[1]) * ux) / length - 0.22 * along * along * (1 if ux > 0 else -1)
    t = np.clip(along, 0, 1)
    half = width * 2.6 * t**0.75 * (1 - t) ** 0.95
    inside = (half - np.abs(across)) * length
    shade = colour + np.array([0.09, 0, 0.01]) * np.clip(across / 0.16, -1, 1)[..., None] * light
    shade = shade + np.array([0.1, -0.01, 0.02]) * np.exp(-((across / 0.025) ** 2))[..., None]
    lay(canvas, shade, step(inside, pixel) * (along > 0) * (along < 1))


def paint_plant(canvas, p, x, y, pixel):
    """A bent stem with two leaves, lit by the hour."""
    day = hour_colours(p["hour"])
    colour = oklab((p["leaf_light"], p["leaf_chroma"], p["leaf_hue"])) * 0.7 + day[3] * 0.3
    side = 1.0 if p["light_x"] > p["x"] else -1.0
    bend = lambda t: p["x"] + p["stem_bend"] * t * t  # noqa: E731  (t 0 at the blossom, 1 at the ground)
    length = 1.05 - p["y"]
    for sign, size in ((1, 1.0), (-1, p["leaf_other"])):
        t = p["leaf_height"] + (0.16 if sign < 0 else 0.0)
        angle = math.pi / 2 - sign * (math.pi / 2 + p["leaf_angle"])
        paint_leaf(
            canvas,
            x,
            y,
            pixel,
            (bend(t), p["y"] + t * length),
            angle,
            p["leaf_size"] * (0.6 + 0.4 * size) * 1.35,
            0.19,
            colour,
            side * sign,
        )
    t = np.clip((y - p["y"]) / length, 0, 1.2)
    offset = x - bend(t)
    width = p["stem_width"] * (0.75 + 0.5 * t)
    lay(
        canvas,
        colour + np.array([0.1, 0, 0.01]) * (side * offset / width)[..., None].clip(-1, 1),
        step(width - np.abs(offset), pixel) * (y > p["y"]),
    )


def paint_petal(canvas, p, x, y, pixel, angle, length, width, ring, light):
    """One petal from the origin along `angle` over the canvas (blossom's own coordinates)."""
    ux, uy = math.cos(angle), math.sin(angle)
    t = (x * ux + y * uy) / length  # 0 at the heart, 1 at the tip
    across = (-x * uy + y * ux) / length - p["curl"] * 0.55 * t * t
    t = t + p["notch"] * np.exp(-((across / (0.35 * width)) ** 2)) * np.clip(t, 0, 1) ** 3
    s = np.clip(t, 0, 1)
    blunt = 0.32 + 0.75 * p["sharpness"]
    peak = p["waist"] / (p["waist"] + blunt)
    half = width * s ** p["waist"] * (1 - s) ** blunt / (peak ** p["waist"] * (1 - peak) ** blunt)
    half = half * (1 + p["ruffle"] * np.sin(2 * math.pi * p["waves"] * s + 3 * angle))
    inside = np.where((t > 0) & (t < 1), (half - np.abs(across)) * length, -1.0)
    cover = step(inside, pixel)
    shadow = step(inside + 0.02, 0.05)
    canvas[..., 0] *= 1 - 0.22 * shadow

    base, tip = petal_colours(p, ring)
    blend = np.clip(s / (0.25 + 0.75 * p["throat"]), 0, 1)[..., None]
    blend = blend * blend * (3 - 2 * blend)
    shade = base * (1 - blend) + tip * blend
    lean = np.clip(across / (half + 1e-3), -1, 1)  # -1 one edge, 1 the other
    facing = ux * light[0] + uy * light[1]
    sideways = -uy * light[0] + ux * light[1]
    bright = (
        0.05 * facing
        + 0.07 * sideways * lean
        + 0.05 * (lean * lean) * (s - 0.3)
        - p["vein"] * np.exp(-((across / (0.09 * width + 0.01)) ** 2)) * (1 - s)
    )
    bright = bright - 0.2 * np.exp(-s / 0.22)
    shade[..., 0] += bright
    lay(canvas, shade, cover)


def petal_box(p, angle, length, width, n):
    """The part of an n x n canvas that a petal can touch, as slices: most of the time goes into petals."""
    side = width * 1.15 + 0.3 * abs(p["curl"]) + 0.1
    along, across = np.array([-0.1, -0.1, 1.1, 1.1]) * length, np.array([-side, side, -side, side]) * length
    x = along * math.cos(angle) - across * math.sin(angle)
    y = (along * math.sin(angle) + across * math.cos(angle)) * (1 - p["tilt"] * 0.6)
    c, s = math.cos(p["lean"]), math.sin(p["lean"])
    x, y = p["x"] + p["radius"] * (c * x - s * y), p["y"] + p["radius"] * (s * x + c * y)
    low, high = (
        np.floor((np.array([y.min(), x.min()]) + 1) / 2 * n),
        np.ceil((np.array([y.max(), x.max()]) + 1) / 2 * n),
    )
    low, high = np.clip(low, 0, n).astype(int), np.clip(high, 0, n).astype(int)
    return slice(low[0], high[0]), slice(low[1], high[1])


def bright_enough(lightness, hue):
    """Yellow and orange turn to mud when they are dark: lift them."""
    return max(lightness, 0.66 + 0.14 * math.exp(-((((hue - 85) % 360 + 180) % 360 - 180) ** 2) / 2000))


def petal_colours(p, ring):
    """Throat and tip colour of the petals of a ring (0 outermost), in OKLab."""
    inward = 0.03 * ring
    inner = p["hue"] + p["hue_shift"]
    base = oklab((bright_enough(p["lightness"] - p["tip"] + inward, inner), p["chroma"] * 1.15, inner))
    tip = oklab(
        (bright_enough(p["lightness"] + p["tip"] * 0.6 + inward, p["hue"]), p["chroma"] * 0.95, p["hue"] + 4 * ring)
    )
    ambient = hour_colours(p["hour"])[1]  # the air tints what stands in it, and dims it a little at night
    dim = np.array([0.86 + 0.14 * min(1.0, ambient[0] / 0.8), 1, 1])
    return (base * 0.94 + ambient * 0.06) * dim, (tip * 0.94 + ambient * 0.06) * dim


def paint_blossom(canvas, p, x, y, pixel):
    """Rings of petals from the outside in, then the heart with its stamens."""
    x, y = (x - p["x"]) / p["radius"], (y - p["y"]) / p["radius"]
    pixel = pixel / p["radius"]
    c, s = math.cos(p["lean"]), math.sin(p["lean"])
    x, y = c * x + s * y, (-s * x + c * y) / (1 - p["tilt"] * 0.6)  # seen at a slant the circle is an ellipse
    light = np.array([p["light_x"] - p["x"], p["light_y"] - p["y"]])
    light = light / (np.hypot(*light) + 1e-6)
    light = np.array([c * light[0] + s * light[1], -s * light[0] + c * light[1]])
    for ring in range(p["rings"]):
        length = p["shrink"] ** ring
        count = p["petals"]
        width = min(0.62, 2.55 * p["width"] / count) * (1 + 0.06 * ring)
        turn = p["turn"] + ring * math.pi / count * 1.13
        order = sorted(range(count), key=lambda i: math.sin(turn + 2 * math.pi * i / count) + 0.5 * math.cos(2.4 * i))
        for i in order:
            angle = turn + 2 * math.pi * i / count
            length_here = length * (1 - 0.10 * math.sin(angle) * p["tilt"])
            box = petal_box(p, angle, length_here, width, len(x))
            paint_petal(canvas[box], p, x[box], y[box], pixel, angle, length_here, width, ring, light)
    paint_heart(canvas, p, x, y, pixel, light)


def paint_heart(canvas, p, x, y, pixel, light):
    """The domed centre and a sunflower spiral of stamens around it."""
    radius = p["heart"]
    distance = np.hypot(x, y) / radius
    core = oklab((p["heart_light"], 0.13, p["heart_hue"]))
    rim = oklab((p["heart_light"] - 0.2, 0.11, p["heart_hue"] - 30))
    canvas[..., 0] *= 1 - 0.3 * step(1.25 - distance, 0.35)
    dome = rim + (core - rim) * np.clip(1 - distance**2, 0, 1)[..., None]
    dome[..., 0] += 0.1 * (x * light[0] + y * light[1]) / radius
    lay(canvas, dome, step((1 - distance) * radius, pixel))
    count = 13
    for i in range(count):
        angle = p["turn"] + i * 2.39996
        reach = radius * (0.5 + (p["stamen_reach"] - 0.5) * math.sqrt((i + 0.5) / count))
        dot = np.hypot(x - reach * math.cos(angle), y - reach * math.sin(angle))
        size = 0.026 + 0.012 * p["stamens"]
        lay(canvas, core + np.array([0.12, 0, 0.02]), step(size - dot, pixel) * p["stamens"])


def draw(seed, size=64):
    """Picture number `seed`: uint8 (size, size, 3), RGB."""
    return paint(parameters(seed), size)


def paint(p, size=64, oversample=2):
    """The picture that the parameters describe: uint8 (size, size, 3), RGB."""
    n = size * oversample
    axis = (np.arange(n) + 0.5) / n * 2 - 1
    x, y = np.meshgrid(axis.astype(np.float32), axis.astype(np.float32))  # -1 to 1, y downwards
    pixel = 1.0 / n
    canvas = paint_world(p, x, y, pixel)
    paint_plant(canvas, p, x, y, pixel)
    paint_blossom(canvas, p, x, y, pixel)
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
    parser = argparse.ArgumentParser(description="Draw the blossom pictures.")
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
