"""How something goes from 0 to 1, and the area below, which is what a walk has covered so far."""

from collections.abc import Callable
from typing import NamedTuple


class Easing(NamedTuple):
    """Both for 0 to 1 only."""

    at: Callable[[float], float]
    area: Callable[[float], float]  # below the curve, from 0


EASINGS = {
    "none": Easing(lambda t: t, lambda t: t * t / 2),
    "smooth": Easing(lambda t: t * t * (3 - 2 * t), lambda t: t * t * t * (1 - t / 2)),
    "in": Easing(lambda t: t * t, lambda t: t * t * t / 3),
    "out": Easing(lambda t: t * (2 - t), lambda t: t * t * (1 - t / 3)),
}
NAMES = tuple(EASINGS)
