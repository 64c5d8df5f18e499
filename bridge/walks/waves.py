"""The shapes of a slow oscillator: height at a time counted in periods, and the area below it since 0.

All stay from 0 to 1 and are 1/2 in the middle over a period (those by chance: in the long run); those not by chance
begin at 0. Areas are closed forms, so that what a walk has covered does not depend on how often somebody looked.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

from bridge.walks.chance import unit
from bridge.walks.easing import EASINGS


class Wave(NamedTuple):
    """Both take the time in periods, then a seed, which only chance looks at."""

    at: Callable[[float, int], float]
    area: Callable[[float, int], float]


def _sine(cycles: float, seed: int) -> float:
    return (1 - math.cos(2 * math.pi * _within(cycles))) / 2


def _sine_area(cycles: float, seed: int) -> float:
    return cycles / 2 - math.sin(2 * math.pi * _within(cycles)) / (4 * math.pi)


def _triangle(cycles: float, seed: int) -> float:
    part = _within(cycles)
    return 2 * part if part < 0.5 else 2 - 2 * part


def _triangle_area(cycles: float, seed: int) -> float:
    part = _within(cycles)
    return math.floor(cycles) / 2 + (part * part if part < 0.5 else 0.5 - (1 - part) ** 2)


def _square(cycles: float, seed: int) -> float:
    return 0.0 if _within(cycles) < 0.5 else 1.0


def _square_area(cycles: float, seed: int) -> float:
    return math.floor(cycles) / 2 + max(0.0, _within(cycles) - 0.5)


def _saw(cycles: float, seed: int) -> float:
    return _within(cycles)


def _saw_area(cycles: float, seed: int) -> float:
    return math.floor(cycles) / 2 + _within(cycles) ** 2 / 2


def _random(cycles: float, seed: int) -> float:
    return _level(math.floor(cycles), seed)


def _random_area(cycles: float, seed: int) -> float:
    whole = math.floor(cycles)
    return _levels(whole, seed) - _levels(0, seed) + _within(cycles) * _level(whole, seed)


def _wander(cycles: float, seed: int) -> float:
    whole = math.floor(cycles)
    here, there = _level(whole, seed), _level(whole + 1, seed)
    return here + (there - here) * EASINGS["smooth"].at(_within(cycles))


def _wander_area(cycles: float, seed: int) -> float:
    whole, part = math.floor(cycles), _within(cycles)
    here, there = _level(whole, seed), _level(whole + 1, seed)
    full = _levels(whole, seed) - _levels(0, seed) + _levels(whole + 1, seed) - _levels(1, seed)
    return full / 2 + here * part + (there - here) * EASINGS["smooth"].area(part)


def _within(cycles: float) -> float:
    return cycles - math.floor(cycles)


def _level(index: int, seed: int) -> float:
    """The random height of a period: the difference of two sums, so that sums need not be counted up."""
    return _levels(index + 1, seed) - _levels(index, seed)


def _levels(index: int, seed: int) -> float:
    """The sum of all heights before a period: its expected value, a quarter up or down by chance."""
    return index / 2 + (unit(seed, index) - 0.5) / 2


WAVES = {
    "sine": Wave(_sine, _sine_area),
    "triangle": Wave(_triangle, _triangle_area),
    "square": Wave(_square, _square_area),
    "saw": Wave(_saw, _saw_area),
    "random": Wave(_random, _random_area),  # a new height each period, held
    "wander": Wave(_wander, _wander_area),  # a new height each period, gone to smoothly
}
NAMES = tuple(WAVES)
