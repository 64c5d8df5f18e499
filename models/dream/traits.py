"""What varies in the drawn pictures: every place z in the latent space is one picture, and near places are near pictures.

A place is LENGTH numbers as a normal distribution gives them. Eight of them vote for the motif; pairs of them are angles, for what is
a ring (the hour of the day, the hue); each of the others is one trait.
"""

import math

import numpy as np

MOTIFS = ("flower", "mask", "moth", "jellyfish", "mushroom", "owl", "tree", "planet")
SHAPES = 16  # numbers that each motif reads in its own way
NAMES = (
    *("horizon", "slant", "warmth", "hill_far", "hill_near", "steepness", "light_x", "light_y", "light_size", "glow"),
    *("x", "y", "radius", "lean", "hue_shift", "accent_shift", "lightness", "tip", "chroma", "accent_light"),
    *(f"s{i}" for i in range(SHAPES)),
)
LENGTH = len(MOTIFS) + 4 + len(NAMES)
RANGES = {
    "horizon": (0.15, 0.6), "slant": (-0.12, 0.12), "warmth": (-0.03, 0.03), "hill_far": (0, 4.5), "hill_near": (0, 4.5),
    "steepness": (0.03, 0.12), "light_x": (-0.85, 0.85), "light_y": (-0.85, -0.2), "light_size": (0.1, 0.22), "glow": (0.35, 0.9),
    "x": (-0.1, 0.1), "y": (-0.16, 0.02), "radius": (0.62, 0.8), "lean": (-0.22, 0.22),
    "hue_shift": (-85, 85), "accent_shift": (110, 230), "lightness": (0.6, 0.84), "tip": (-0.14, 0.18), "chroma": (0.1, 0.2),
    "accent_light": (0.6, 0.88),
}  # fmt: skip


def place(seed):
    """The place of a seed, as the bridge has it: float32 (LENGTH,)."""
    return np.random.RandomState(seed).randn(LENGTH).astype(np.float32)


def traits(z):
    """Everything that the picture at z is made of, as plain numbers. Only the direction of z counts, not its length."""
    z = np.asarray(z, np.float64)
    z = z / math.sqrt(np.square(z).mean())
    kinds, rings, others = np.split(z, [len(MOTIFS), len(MOTIFS) + 4])
    found = {"motif": MOTIFS[int(kinds.argmax())], "hour": _angle(rings[:2]), "hue": 360 * _angle(rings[2:])}
    for name, number in zip(NAMES, others, strict=True):
        low, high = RANGES.get(name, (0.0, 1.0))
        found[name] = low + (high - low) * _share(number)
    return found


def _angle(pair):
    """0 to 1 once around."""
    return math.atan2(pair[1], pair[0]) / (2 * math.pi) % 1.0


def _share(number):
    """0 to 1, each as likely as any other where the numbers come from a normal distribution."""
    return 0.5 * (1 + math.erf(number / math.sqrt(2)))
