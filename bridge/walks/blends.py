"""Mixing vectors. All take and give float64; a length kept is the length between those of what was mixed."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_PARALLEL = 1e-4  # of a right angle, about: nearer to parallel or opposite there is no telling which way round


def linear(start: Array, end: Array, part: float) -> Array:
    return start + (end - start) * part


def spherical(start: Array, end: Array, part: float) -> Array:
    """Along the arc; straight where both lie on one line. The ends are met to the bit."""
    if part in (0, 1):
        return start if part == 0 else end
    lengths = _length(start), _length(end)
    if not all(lengths):
        return linear(start, end, part)
    cosine = float(np.dot(start, end)) / (lengths[0] * lengths[1])
    angle = float(np.arccos(min(1.0, max(-1.0, cosine))))
    sine = float(np.sin(angle))
    if sine < _PARALLEL:
        return linear(start, end, part)
    length = lengths[0] + (lengths[1] - lengths[0]) * part
    weights = float(np.sin((1 - part) * angle)) / sine, float(np.sin(part * angle)) / sine
    return (start * (weights[0] / lengths[0]) + end * (weights[1] / lengths[1])) * length


def weighted(weights: Sequence[float], vectors: Iterable[Array]) -> Array:
    mixed: Any = sum(weight * vector for weight, vector in zip(weights, vectors, strict=True))
    return np.asarray(mixed, np.float64)


def scaled(vector: Array, length: float) -> Array:
    """As long as that; as it is where it has no length, and so no direction."""
    own = _length(vector)
    return vector * (length / own) if own > 0 else vector


def kept(mixed: Array, weights: Sequence[float], vectors: Iterable[Array]) -> Array:
    """The mixed vector as long as what it was mixed of, on average."""
    total = sum(abs(weight) for weight in weights)
    lengths = zip(weights, vectors, strict=True)
    return scaled(mixed, sum(abs(weight) * _length(vector) for weight, vector in lengths) / total)


def catmull_rom(part: float) -> tuple[float, float, float, float]:
    """Weights of the four keyframes around, for a curve through the middle two."""
    square, cube = part * part, part * part * part
    return (
        (-cube + 2 * square - part) / 2,
        (3 * cube - 5 * square + 2) / 2,
        (-3 * cube + 4 * square + part) / 2,
        (cube - square) / 2,
    )


def spline(part: float) -> tuple[float, float, float, float]:
    """Weights of the four points around, for a curve near them without a kink in its bend; sum 1."""
    rest = 1 - part
    square, cube = part * part, part * part * part
    return (
        rest * rest * rest / 6,
        (3 * cube - 6 * square + 4) / 6,
        (-3 * cube + 3 * square + 3 * part + 1) / 6,
        cube / 6,
    )


def evened(weights: Sequence[float]) -> list[float]:
    """As strong at every place, for mixing points that have nothing to do with each other."""
    strength = sum(weight * weight for weight in weights) ** 0.5
    return [weight / strength for weight in weights]


def _length(vector: Array) -> float:
    return math.sqrt(vector.dot(vector))
