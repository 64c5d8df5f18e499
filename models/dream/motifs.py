"""The eight things that the pictures show. Each paints itself on a `Stage`, and reads the shape traits s0, s1, ... in its own way.

Local coordinates: the thing sits around (0, 0), is about 1 in each direction, and y points down.
"""

import math

import numpy as np

from models.dream.brush import blade, disc, lay, lighter, mix, oklab, ribbon, shade, step, turned


class Stage:
    """The canvas, the traits, where things are, and the colours that go together."""

    def __init__(self, canvas, p, x, y, pixel, day):
        self.canvas, self.p = canvas, p
        self.px = pixel / p["radius"]
        self.x, self.y = turned((x - p["x"]) / p["radius"], (y - p["y"]) / p["radius"], p["lean"])
        self.ground = (0.98 - p["y"]) / p["radius"]  # the lower edge of the picture
        light = np.array([p["light_x"] - p["x"], p["light_y"] - p["y"]])
        self.light = light / np.hypot(*light)
        air, dim = day[1], 0.88 + 0.12 * min(1.0, day[1][0] / 0.8)
        tinted = lambda *lch: mix(oklab(*lch) * np.array([dim, 1, 1], np.float32), air, 0.06)  # noqa: E731
        hue, light, chroma, second = p["hue"], p["lightness"], p["chroma"], p["hue"] + p["hue_shift"]
        self.main = tinted(bright_enough(light, hue), chroma, hue)
        self.tip = tinted(bright_enough(light + p["tip"], second), chroma, second)
        self.accent = tinted(bright_enough(p["accent_light"], hue + p["accent_shift"]), 0.15, hue + p["accent_shift"])
        self.deep = tinted(light * 0.55, chroma * 0.9, second)
        self.ink = mix(oklab(0.2, 0.04, second), day[3], 0.15)
        self.pale = tinted(0.93, 0.04, hue + p["accent_shift"])
        self.leaf = mix(oklab(0.5 + 0.12 * (p["s15"] - 0.5), 0.1, 125 + 40 * p["s14"]), day[3], 0.3)

    def lay(self, colour, inside, soft=1.0):
        """Paint where `inside` (h, w) is above zero."""
        lay(self.canvas, colour, step(inside, self.px * soft))

    def shadow(self, inside, by=0.25, reach=0.07):
        """What lies over something darkens it around its edge."""
        shade(self.canvas, step(inside + reach * 0.4, reach), by)

    def lit(self, colour, strength=0.12, x=None, y=None):
        """A colour that is lighter on the side of the light, over the local coordinates or others."""
        x, y = self.x if x is None else x, self.y if y is None else y
        return lighter(colour, strength * np.clip(x * self.light[0] + y * self.light[1], -1, 1).astype(np.float32))


def bright_enough(lightness, hue):
    """Yellow and orange turn to mud when they are dark: lift them."""
    return max(lightness, 0.66 + 0.14 * math.exp(-((((hue - 85) % 360 + 180) % 360 - 180) ** 2) / 2000))


# --- Flower ----------------------------------------------------------------------------------------------------------------


def flower(stage):
    """Rings of petals from the outside in, a heart with stamens, a stem with two leaves."""
    p, x, y = stage.p, stage.x, stage.y
    _stalk(stage, 0.5 * (p["s13"] - 0.5), 0.045)
    count = 5 + int(4.999 * p["s0"])
    rings = 1 + int(2.999 * p["s1"])
    flat = 1 - 0.3 * p["s11"]  # seen at a slant the circle is an ellipse
    y = y / flat
    for ring in range(rings):
        length = (0.66 + 0.1 * p["s9"]) ** ring
        turn = -math.pi / 2 + 2 * math.pi / count * (0.5 * (p["s10"] - 0.5) + 0.5 * ring)
        width = length * min(0.42, (1.15 + 1.0 * p["s2"]) / count) * (1 + 0.05 * ring)
        order = sorted(range(count), key=lambda i: -math.sin(2 * math.pi * i / count + 1))
        for i in order:
            _petal(stage, x, y, turn + 2 * math.pi * i / count, length, width, ring)
    heart = (0.15 + 0.12 * p["s7"]) * (1.1 - 0.1 * rings)
    inside = disc(x, y, 0, 0, heart)
    stage.shadow(inside, 0.35, 0.12)
    stage.lay(
        stage.lit(mix(stage.accent, stage.deep, 0.35 * np.hypot(x, y) / heart), 0.12, x / heart, y / heart), inside
    )
    if p["s8"] > 0.25:
        for i in range(8):
            angle = i * math.pi / 4 + 0.3
            reach = heart * (0.9 + 0.6 * p["s8"])
            stage.lay(stage.pale, disc(x, y, reach * math.cos(angle), reach * math.sin(angle), 0.045 * p["s8"]))


def _petal(stage, x, y, angle, length, width, ring):
    p = stage.p
    blunt = 0.28 + 0.75 * p["s3"] ** 1.5
    inside, s = blade(x, y, 0, 0, angle, length, width, blunt, bend=0.35 * (p["s4"] - 0.5))
    stage.shadow(inside, 0.2, 0.06)
    blend = np.clip(s / (0.3 + 0.7 * p["s5"]), 0, 1)
    colour = lighter(
        mix(stage.tip, lighter(stage.main, 0.03 * ring), blend * blend * (3 - 2 * blend)), -0.2 * np.exp(-s / 0.2)
    )
    _along, across = turned(x, y, angle)
    facing = math.cos(angle) * stage.light[0] + math.sin(angle) * stage.light[1]
    sideways = -math.sin(angle) * stage.light[0] + math.cos(angle) * stage.light[1]
    fold = -0.14 * p["s6"] * np.exp(-((across / (0.12 * width + 0.01)) ** 2)) * (1 - s)
    stage.lay(lighter(colour, 0.05 * facing + 0.08 * sideways * np.clip(across / width, -1, 1) + fold), inside)


def _stalk(stage, bend, width):
    p, x, y = stage.p, stage.x, stage.y
    t = np.clip(y / stage.ground, 0, 1.3)
    line = bend * t * t
    for side in (-1, 1):
        root = 0.62 if side < 0 else 0.78
        inside, s = blade(x, y, bend * root * root, root * stage.ground, -math.pi / 2 + side * (0.75 + 0.4 * p["s12"]),
                          0.55 + 0.35 * p["s12"], 0.13, 0.8, bend=0.25 * side)  # fmt: skip
        stage.lay(lighter(stage.leaf, 0.08 * s + 0.05 * side * stage.light[0]), inside)
    stage.lay(lighter(stage.leaf, 0.07 * np.sign(stage.light[0]) * np.clip((x - line) / width, -1, 1)),
              np.where(y > 0, width - np.abs(x - line), -1))  # fmt: skip


# --- Mask ------------------------------------------------------------------------------------------------------------------


def mask(stage):
    """A face that looks at us: feathers behind it, eyes that glow, a mouth that smiles, sulks or sings."""
    p, x, y = stage.p, stage.x, stage.y
    m = np.abs(x)
    wide, jaw = 0.56 + 0.14 * p["s0"], 0.05 + 0.5 * p["s1"]
    _feathers(stage, wide)
    level = np.clip((y + 0.02) / 0.86, -1, 1)
    half = wide * np.sqrt(np.clip(1 - np.abs(level) ** (2.2 + p["s2"]), 0, 1)) * (1 - jaw * np.clip(level, 0, 1) ** 1.3)
    inside = np.where(np.abs(y + 0.02) < 0.86, half - m, -1)
    inside = np.minimum(inside, (1 - np.abs(level)) * 1.2)
    stage.shadow(inside, 0.35, 0.12)
    face = mix(stage.tip, stage.main, np.clip(level * 0.7 + 0.5, 0, 1))
    stage.lay(lighter(stage.lit(face, 0.12), -0.16 * np.clip(m / wide, 0, 1) ** 3), inside)
    nose = np.where((y > -0.42) & (y < 0.2), 0.03 + 0.1 * np.clip((y + 0.42) / 0.62, 0, 1) ** 2 - m, -1)
    stage.lay(lighter(mix(stage.main, stage.tip, 0.5), 0.12), nose, 2)
    stage.lay(stage.deep, np.where(y > 0.08, disc(m, y, 0.07, 0.2, 0.06, 0.04), -1))
    _eyes(stage, m)
    _mouth(stage, m)
    stage.lay(stage.accent, np.minimum(disc(m, y, wide * 0.68, 0.28, 0.05 + 0.09 * p["s8"]), inside))  # cheeks
    gem = 0.07 + 0.08 * p["s9"]
    stage.lay(stage.lit(stage.accent, 0.15, x / gem, (y + 0.55) / gem), (gem - m * 1.4 - np.abs(y + 0.56)) * 0.7)


def _feathers(stage, wide):
    p, x, y = stage.p, stage.x, stage.y
    count = 5 + 2 * int(2.999 * p["s10"])
    spread = 0.9 + 0.75 * p["s11"]
    middle = count // 2
    for i in sorted(range(count), key=lambda i: -abs(i - middle)):
        angle = -math.pi / 2 + spread * (i - middle) / middle
        length = 0.88 + 0.22 * p["s12"] * (1 - 0.3 * abs(i - middle) / middle)
        inside, s = blade(
            x, y, 0.2 * math.cos(angle), 0.25 * math.sin(angle), angle, length, 0.9 * spread / count, 0.35
        )
        stage.shadow(inside, 0.2, 0.06)
        stage.lay(
            lighter(mix(stage.deep, stage.accent, s**2) if i % 2 else mix(stage.deep, stage.tip, s**2), 0.03), inside
        )


def _eyes(stage, m):
    p, y = stage.p, stage.y
    tilt = 0.5 * (p["s3"] - 0.5)
    a, b = 0.19 + 0.05 * p["s4"], 0.08 + 0.1 * p["s5"]
    ex, ey = 0.27, -0.12
    brow, _ = blade(m, y, 0.08, ey - 0.12 - b * 0.7 - 0.05 * tilt, -0.35 + tilt, 0.46, 0.07, 0.6, bend=0.3)
    stage.lay(stage.deep, brow)
    eye = disc(m, y, ex, ey, a + 0.04, b + 0.045, tilt)
    stage.lay(stage.ink, eye)
    white = disc(m, y, ex, ey, a - 0.01, b, tilt)
    glow = disc(m, y, ex, ey, 0.115)
    stage.lay(mix(stage.pale, stage.accent, step(glow, 0.03)), white)
    stage.lay(stage.ink, np.minimum(disc(m, y, ex, ey, 0.06), white))


def _mouth(stage, m):
    p, y = stage.p, stage.y
    wide, open_, smile = 0.16 + 0.16 * p["s6"], 0.03 + 0.13 * p["s7"] ** 2, 0.9 * (p["s13"] - 0.4)
    t = np.clip(m / wide, 0, 1)
    middle = 0.5 - smile * m * m * 2 + 0.05 * smile
    gap = np.where(m < wide, open_ * (1 - t * t) - np.abs(y - middle), -0.3)
    lips = np.where(m < wide * 1.2, (open_ + 0.055) * (1 - (m / (wide * 1.2)) ** 2) - np.abs(y - middle), -0.3)
    stage.lay(mix(stage.accent, stage.deep, 0.25), lips)
    stage.lay(stage.ink, gap)


# --- Moth ------------------------------------------------------------------------------------------------------------------


def moth(stage):
    """Four wings with eyes on them, opened as far as it likes, and feelers."""
    p, x, y = stage.p, stage.x, stage.y
    open_ = 0.78 + 0.22 * p["s0"]
    m = np.abs(x) / open_
    upper, lower = -0.75 + 0.5 * p["s1"], 0.75 + 0.35 * p["s2"]
    _wing(stage, m, lower, 0.68 + 0.22 * p["s3"], 0.28 + 0.08 * p["s4"], 0.22, False)
    _wing(stage, m, upper, 1.02 + 0.14 * p["s5"], 0.3 + 0.1 * p["s6"], 0.2 + 0.25 * p["s7"], True)
    feeler = np.abs(x) - 0.05 - 0.28 * np.clip((-0.3 - y) / 0.6, 0, 1) ** 1.6
    stage.lay(stage.ink, ribbon(feeler, 0.025, (-0.28 - y) / 0.6))
    stage.lay(stage.ink, disc(np.abs(x), y, 0.33, -0.88, 0.05))
    body = disc(x, y, 0, 0.12, 0.1, 0.5)
    stage.shadow(body, 0.3, 0.1)
    stripes = 0.5 + 0.5 * np.sin(22 * y)
    stage.lay(stage.lit(mix(stage.deep, stage.pale, 0.55 * stripes * p["s13"]), 0.1, x / 0.1), body)
    stage.lay(stage.lit(stage.deep, 0.1, x / 0.1), disc(x, y, 0, -0.26, 0.11, 0.14))


def _wing(stage, m, angle, length, width, blunt, eye):
    p, y = stage.p, stage.y
    inside, s = blade(m, y, 0.02, -0.05 if eye else 0.1, angle, length, width, blunt, bend=0.1 * (p["s14"] - 0.5))
    stage.shadow(inside, 0.2, 0.07)
    _along, across = turned(m, y, angle)
    colour = mix(stage.tip, stage.main, np.clip(s * 1.4 - 0.1, 0, 1))
    colour = lighter(colour, -0.07 * np.cos(across / width * 9) * (1 - s) + 0.06 * -y)
    border = 0.03 + 0.07 * p["s8"]
    stage.lay(mix(stage.ink, stage.deep, 0.5), inside)
    stage.lay(colour, inside - border * np.clip(1.6 * s, 0.3, 1))
    cx, cy = 0.62 * length * math.cos(angle), 0.62 * length * math.sin(angle) + (0 if eye else 0.1)
    size = (0.11 + 0.09 * p["s9"]) * (1 if eye else 0.75)
    spot = np.minimum(disc(m, y, cx, cy, size), inside)
    stage.lay(stage.accent, spot)
    stage.lay(stage.ink, spot - size * 0.35)
    stage.lay(stage.pale, spot - size * (0.62 + 0.2 * p["s10"]))


# --- Jellyfish -------------------------------------------------------------------------------------------------------------


def jellyfish(stage):
    """A bell that glows from inside, and what hangs from it."""
    p, x, y = stage.p, stage.x, stage.y
    wide, high = 0.62 + 0.2 * p["s0"], 0.6 + 0.25 * p["s1"]
    halo = np.exp(-((np.hypot(x / 1.1, y + 0.2) / 0.75) ** 2))
    lay(stage.canvas, stage.pale, 0.3 * p["s2"] * halo)
    count = 5 + 2 * int(1.999 * p["s3"])
    _arms(stage, count, wide)
    rim = 0.12 + 0.05 * np.cos(x / wide * math.pi * count)
    bell = np.where(
        y < rim + 0.02, (1 - np.hypot(x / wide, np.clip(y - 0.1, -9, 0) / high) ** (1.9 + 0.6 * p["s4"])) * 0.5, -1
    )
    bell = np.minimum(bell, rim - y)
    stage.shadow(bell, 0.15, 0.1)
    height = np.clip((0.1 - y) / high, 0, 1)
    colour = mix(stage.tip, stage.main, height**0.8)
    colour = lighter(colour, 0.12 * np.clip(np.abs(x) / wide, 0, 1) ** 2 - 0.1 * height * (1 - height))
    ribs = np.cos(x / (wide * np.sqrt(np.clip(1 - height**2, 0.05, 1))) * math.pi * count)
    colour = lighter(colour, 0.05 * p["s5"] * ribs)
    lay(stage.canvas, stage.lit(colour, 0.1), 0.93 * step(bell, stage.px))
    glow = disc(np.abs(x), y, 0.17, -0.12, 0.12 + 0.05 * p["s6"], 0.1 + 0.12 * p["s7"], 0.5)
    lay(stage.canvas, mix(stage.accent, stage.pale, 0.3), 0.85 * step(glow, 0.05))
    band = np.minimum(0.035 + 0.03 * p["s8"] - np.abs(y - rim + 0.12), bell)
    stage.lay(stage.accent, band)
    shine = disc(x, y, -0.3 * wide, 0.1 - 0.72 * high, 0.16, 0.07, -0.5)
    lay(stage.canvas, stage.pale, 0.7 * step(shine, 0.05))


def _arms(stage, count, wide):
    p, x, y = stage.p, stage.x, stage.y
    length = 0.7 + 0.4 * p["s9"]
    t = np.clip((y - 0.05) / length, 0, 1.01)
    wave, flare = 0.04 + 0.09 * p["s10"], 0.45 * (p["s11"] - 0.4)
    sway = wave * np.sin((3.5 + 2.5 * p["s12"]) * t * 2) * t
    for i in range(count):
        root = wide * 0.85 * (2 * i / (count - 1) - 1)
        line = x - root * (1 + flare * t) - sway
        stage.lay(lighter(mix(stage.main, stage.accent, t), 0.05 - 0.1 * t), ribbon(line, 0.035 * (1.1 - 0.6 * t), t))
    for side in (-1, 1):
        line = x - side * (0.16 + 0.08 * np.sin(9 * t)) * (1 - 0.3 * t) - sway
        frill = (0.1 + 0.04 * np.sin(26 * t)) * (1 - 0.75 * t)
        stage.lay(lighter(mix(stage.pale, stage.tip, t), -0.05), ribbon(line, frill, t * 1.15))


# --- Mushroom --------------------------------------------------------------------------------------------------------------


def mushroom(stage):
    """A cap with dots over a pale stem, and a small one beside it."""
    p = stage.p
    side = 1 if p["s13"] > 0.5 else -1
    small = 0.3 + 0.25 * p["s12"]
    _one_mushroom(stage, (stage.x - side * 0.62) / small, (stage.y - 0.95 + 0.55 * small) / small, stage.ground * 2)
    _one_mushroom(stage, stage.x, stage.y, stage.ground)


def _one_mushroom(stage, x, y, ground):
    p = stage.p
    thick = 0.15 + 0.12 * p["s0"]
    t = np.clip((y - 0.05) / 1.1, 0, 1)
    stem = np.where(
        (y > 0) & (y < ground), thick * (1 + 0.5 * p["s1"] * t * t) - np.abs(x - 0.1 * (p["s2"] - 0.5) * t), -1
    )
    stage.lay(
        lighter(
            mix(stage.pale, stage.tip, 0.15),
            0.12 * np.clip(x / thick * np.sign(stage.light[0]), -1, 1) - 0.2 * np.exp(-t / 0.12) - 0.1,
        ),
        stem,
    )
    wide, high, droop = 0.78 + 0.2 * p["s3"], 0.55 + 0.5 * p["s4"], 0.1 + 0.14 * p["s5"]
    under = disc(x, y, 0, 0.08, wide * 0.97, droop + 0.03)
    stage.lay(lighter(mix(stage.pale, stage.deep, 0.45), 0.07 * np.cos(x / wide * 26) - 0.05), under)
    skirt = np.where((y > 0.24) & (y < 0.42), thick * (1.15 + 3 * (y - 0.24)) - np.abs(x), -1)
    stage.lay(lighter(stage.pale, -0.06), skirt * p["s6"] + skirt * 0.3)
    peak = 1.5 + 0.9 * p["s7"]
    edge = 0.1 - droop * (np.clip(x / wide, -1, 1) ** 2 - 0.35)
    level = np.clip((edge - y) / high, 0, 1.2)
    cap = np.where(y < edge, (1 - (np.abs(x) / wide) ** 2 - level**peak) * 0.5, -1)
    cap = np.where(y < edge, np.minimum(cap, edge - y + 0.02), -1)
    colour = mix(stage.tip, stage.main, np.clip(level * 1.3, 0, 1))
    stage.lay(lighter(stage.lit(colour, 0.14, x, y + 0.4), -0.12 * (1 - level) ** 4), cap)
    dot = 0.09 + 0.08 * p["s8"]
    for cx, share, size in (
        (0.0, 0.62, 1.0),
        (-0.42, 0.4, 0.85),
        (0.42, 0.42, 0.9),
        (-0.13, 0.2, 0.7),
        (0.68, 0.1, 0.6),
        (-0.72, 0.1, 0.6),
        (0.3, 0.1, 0.5),
    ):
        spot = disc(
            x,
            y,
            cx * wide,
            0.08 - share * high * (0.8 + 0.3 * p["s9"]),
            dot * size * (1 - 0.35 * abs(cx)),
            dot * size * 0.85,
        )
        stage.lay(stage.lit(mix(stage.pale, stage.accent, p["s10"]), 0.08), np.minimum(spot, cap))


# --- Owl -------------------------------------------------------------------------------------------------------------------


def owl(stage):
    """A round bird on a bough that looks at us with large eyes."""
    p, x, y = stage.p, stage.x, stage.y
    m = np.abs(x)
    wide = 0.54 + 0.13 * p["s0"]
    tail, s = blade(x, y, 0, 0.6, math.pi / 2, 0.6, 0.2, 0.3)
    stage.lay(stage.deep, tail)
    bough = np.abs(y - 0.84 - 0.12 * (p["s1"] - 0.5) * x)
    stage.lay(lighter(mix(stage.ink, stage.leaf, 0.2), -0.5 * (y - 0.84)), 0.07 - bough)
    ears, s = blade(m, y, wide * 0.5, -0.5, -math.pi / 2 + 0.1 + 0.6 * p["s2"], 0.32 + 0.25 * p["s3"], 0.13, 0.9)
    stage.lay(lighter(stage.main, -0.1 * s), ears)
    egg = wide * (1 + 0.18 * np.clip(y, -1, 1) * (p["s4"] - 0.3))
    body = (1 - np.hypot(x / egg, (y - 0.08) / 0.84) ** 2.3) * 0.3
    stage.shadow(body, 0.2, 0.1)
    stage.lay(lighter(stage.lit(stage.main, 0.13), -0.15 * np.clip(m / wide, 0, 1) ** 4), body)
    belly = np.minimum(disc(x, y, 0, 0.42, wide * 0.72, 0.46), body)
    scales = np.cos(17 * y + 1.3 * np.cos(x / wide * 12)) * p["s5"]
    stage.lay(lighter(mix(stage.pale, stage.tip, 0.5), 0.09 * scales - 0.03), belly)
    wing, s = blade(m, y, wide * 0.75, -0.12, 1.5 + 0.2 * p["s6"], 0.92, 0.2 + 0.06 * p["s7"], 0.6, bend=-0.15)
    stage.shadow(wing, 0.2, 0.06)
    stage.lay(lighter(mix(stage.main, stage.deep, 0.35 + 0.4 * s), 0.05 * np.sin(24 * s)), wing)
    ey, ex, size = -0.3, 0.24 + 0.04 * p["s8"], 0.25 + 0.06 * p["s8"]
    ring = disc(m, y, ex, ey, size)
    stage.lay(lighter(stage.tip, 0.05), ring + 0.02)
    stage.lay(mix(stage.pale, stage.tip, np.clip((size - ring) / size - 0.3, 0, 1) * 0.3), ring - 0.03)
    iris = disc(m, y, ex - 0.02, ey, size * (0.56 + 0.12 * p["s9"]))
    stage.lay(stage.accent, iris)
    stage.lay(stage.ink, disc(m, y, ex - 0.02, ey, size * (0.25 + 0.2 * p["s10"])))
    stage.lay(stage.pale, disc(x, y, -ex + 0.02 - 0.06, ey - 0.07, 0.035))
    stage.lay(stage.pale, disc(x, y, ex - 0.02 - 0.06, ey - 0.07, 0.035))
    beak = np.where((y > -0.24) & (y < 0.1), (0.1 + 0.03 * p["s11"]) * (1 - ((y + 0.24) / 0.34) ** 2) - m, -1)
    stage.lay(stage.lit(mix(stage.accent, oklab(0.75, 0.15, 75), 0.5), 0.1, x / 0.1), beak)
    stage.lay(mix(stage.accent, oklab(0.7, 0.14, 70), 0.6), disc(m, y, 0.2, 0.84, 0.1, 0.065))


# --- Tree ------------------------------------------------------------------------------------------------------------------


def tree(stage):
    """A crown of round clouds of leaves with fruit in it, on a trunk."""
    p, x, y = stage.p, stage.x, stage.y
    bend = 0.4 * (p["s0"] - 0.5)
    t = np.clip((y + 0.2) / (stage.ground + 0.2), 0, 1)
    bark = mix(stage.ink, oklab(0.45, 0.06, 50), 0.6)
    width = 0.08 + 0.05 * p["s1"] + 0.2 * np.clip(t - 0.35, 0, 1) ** 2
    line = x - bend * np.sin(t * 2.6) * (1 - t)
    stage.lay(
        lighter(bark, 0.12 * np.sign(stage.light[0]) * np.clip(line / 0.1, -1, 1)),
        np.where(y > -0.3, width - np.abs(line), -1),
    )
    limb, _s = blade(np.abs(x), y, 0, 0.45, -1.0 - 0.4 * p["s2"], 0.75, 0.06, 0.4)
    stage.lay(bark, limb)
    wide, high, peak = 0.55 + 0.3 * p["s3"], 0.42 + 0.4 * p["s4"], p["s5"]
    blobs = (
        (0.0, -0.3, 0.62),
        (-0.62, 0.1, 0.4),
        (0.62, 0.1, 0.4),
        (-0.42, -0.45, 0.44),
        (0.42, -0.45, 0.44),
        (0.0, -0.95, 0.42),
        (0.0, 0.22, 0.5),
    )
    for layer, colour in (
        (0.0, stage.deep),
        (0.07, mix(stage.deep, stage.main, 0.65)),
        (0.16, stage.main),
        (0.27, mix(stage.main, stage.tip, 0.7)),
    ):
        for cx, cy, size in blobs:
            narrow = 1 - 0.75 * peak * np.clip(0.35 - cy, 0, 1)  # a cone, or an umbrella
            at_x, at_y = cx * wide * narrow, -0.3 + cy * high
            r = size * (0.8 + 0.35 * p["s6"]) * (0.75 + 0.25 * narrow)
            push = 0.55 * layer
            inside = disc(
                x,
                y,
                at_x + push * stage.light[0],
                at_y + push * stage.light[1],
                r - layer * 0.9,
                (r - layer * 0.9) * 0.9,
            )
            if r - layer * 0.9 > 0.05:
                stage.lay(colour, inside, 2 if layer else 1)
    fruit = 0.05 + 0.06 * p["s7"]
    for i in range(7):
        angle, reach = i * 2.39996 + 0.5, 0.62 * math.sqrt((i + 0.5) / 7)
        spot = disc(
            x,
            y,
            wide * 1.1 * reach * math.cos(angle),
            -0.42 + high * 1.25 * reach * math.sin(angle),
            fruit * step(np.float64(p["s8"] - 0.3), 0.2) + 1e-3,
        )
        stage.lay(stage.lit(stage.accent, 0.1), spot)


# --- Planet ----------------------------------------------------------------------------------------------------------------


def planet(stage):
    """A world with bands and a ring, half in its own shadow, over peaks of snow."""
    p, x, y = stage.p, stage.x, stage.y
    size = 0.5 + 0.3 * p["s0"]
    px, py = 0.3 * (p["s1"] - 0.5), -0.3
    tilt = 1.2 * (p["s2"] - 0.5)
    u, v = turned(x - px, y - py, tilt)
    reach, flat = size * (1.5 + 0.25 * p["s3"]), 0.16 + 0.2 * p["s4"]
    radius = np.hypot(u, v / flat)
    ringed = np.minimum(radius - size * 1.2, reach - radius) * (0.6 if p["s5"] > 0.35 else 0) - (
        0 if p["s5"] > 0.35 else 1
    )
    ring_colour = lighter(stage.accent, 0.08 * np.cos(radius / size * 14))
    stage.lay(ring_colour, np.where(v < 0, ringed, -1))
    ball = disc(x, y, px, py, size)
    bands = np.sin((v / size) * (5 + 7 * p["s6"]) + 1.2 * p["s7"] * np.sin(u / size * 3))
    colour = mix(stage.tip, stage.main, np.clip(0.5 + 0.6 * bands, 0, 1))
    spot = disc(u, v, (0.5 - p["s8"]) * size, 0.3 * size, 0.26 * size, 0.16 * size)
    colour = mix(colour, stage.deep, step(spot, 0.04) * 0.8)
    facing = ((x - px) * stage.light[0] + (y - py) * stage.light[1]) / size
    dark = step(-(facing + 0.55 - 0.5 * p["s9"]), 0.35)
    colour = lighter(colour, 0.1 * facing - 0.1)
    colour = mix(colour, stage.ink, 0.75 * dark)
    stage.lay(colour, ball)
    stage.lay(ring_colour, np.where(v >= 0, ringed, -1))
    _peaks(stage)


def _peaks(stage):
    p, x, y = stage.p, stage.x, stage.y
    shown = (
        (-0.65, 0.25 + 0.3 * p["s10"], 1.0 + 0.5 * p["s12"]),
        (0.7, 0.2 + 0.3 * p["s11"], 1.0 + 0.5 * p["s13"]),
        (0.0, 0.55 + 0.2 * p["s12"], 1.2),
    )
    for i, (cx, top, steep) in enumerate(shown):
        rock = mix(stage.deep, stage.ink, 0.25 + 0.2 * i)
        inside = (y - top - steep * np.abs(x - cx) * 0.9 - 0.04 * np.sin(9 * x + 3 * i)) * 0.7
        side = np.clip((x - cx) * 8, -1, 1) * np.sign(stage.light[0])
        stage.lay(lighter(rock, 0.09 * side), inside)
        snow = np.minimum(inside, top + 0.17 + 0.15 * p["s14"] + 0.06 * np.cos(17 * (x - cx)) - y)
        stage.lay(lighter(stage.pale, 0.07 * side - 0.1), snow)


PAINTERS = {
    "flower": flower, "mask": mask, "moth": moth, "jellyfish": jellyfish,
    "mushroom": mushroom, "owl": owl, "tree": tree, "planet": planet,
}  # fmt: skip
