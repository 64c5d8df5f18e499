"""How something pulled towards a target gets there: closed forms, so that nothing depends on the frames in between."""

import math
from typing import NamedTuple

_AT_ONCE = 1e-6  # seconds of inertia below which there is none; a speed divided by less would be beyond numbers
_SAME = 1e-6  # damping so near to 1 counts as 1


class Pull(NamedTuple):
    """What is left of the distance and of the speed at the start, in the distance now and in the speed now."""

    distance: float = 1.0
    distance_of_speed: float = 0.0
    speed: float = 0.0
    speed_of_speed: float = 1.0

    def then(self, later: "Pull") -> "Pull":
        """This one, and after it that."""
        return Pull(
            later.distance * self.distance + later.distance_of_speed * self.speed,
            later.distance * self.distance_of_speed + later.distance_of_speed * self.speed_of_speed,
            later.speed * self.distance + later.speed_of_speed * self.speed,
            later.speed * self.distance_of_speed + later.speed_of_speed * self.speed_of_speed,
        )


def spring(stiffness: float, damping: float, seconds: float) -> Pull:
    """A weight of 1 on a spring. damping: 1 just does not swing over, 0 swings for ever."""
    own = math.sqrt(stiffness)
    if abs(damping - 1) < _SAME:
        return _critical(own, seconds)
    return _swinging(own, damping, seconds) if damping < 1 else _creeping(own, damping, seconds)


def glide(inertia: float, seconds: float) -> Pull:
    """Only ever nearer: after each inertia seconds about a third of the distance is left."""
    if inertia < _AT_ONCE:
        return Pull(0.0, 0.0, 0.0, 0.0)
    left = math.exp(-seconds / inertia)
    return Pull(left, 0.0, -left / inertia, 0.0)


def _swinging(own: float, damping: float, seconds: float) -> Pull:
    fall, turn = own * damping, own * math.sqrt(1 - damping * damping)
    left = math.exp(-fall * seconds)
    cosine, sine = math.cos(turn * seconds), math.sin(turn * seconds) / turn
    return Pull(
        left * (cosine + fall * sine),
        left * sine,
        -left * own * own * sine,
        left * (cosine - fall * sine),
    )


def _critical(own: float, seconds: float) -> Pull:
    left = math.exp(-own * seconds)
    return Pull(
        left * (1 + own * seconds),
        left * seconds,
        -left * own * own * seconds,
        left * (1 - own * seconds),
    )


def _creeping(own: float, damping: float, seconds: float) -> Pull:
    root = math.sqrt(damping * damping - 1)
    slow, quick = -own / (damping + root), -own * (damping + root)  # the first so, or nothing would be left of it
    late, early = math.exp(slow * seconds), math.exp(quick * seconds)
    between = slow - quick
    return Pull(
        (slow * early - quick * late) / between,
        (late - early) / between,
        slow * quick * (early - late) / between,
        (slow * late - quick * early) / between,
    )
