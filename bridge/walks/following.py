"""Going towards a target that may be given anew at any time: where it set out, how quick it was there."""

import msgspec
import numpy as np

from bridge.walks import blends
from bridge.walks.blends import Array
from bridge.walks.settings import Settings
from bridge.walks.spring import Pull


class Following(msgspec.Struct, frozen=True):
    """Where it set out and how quick it was, float64. Empty: it begins at the target; no speed: at rest.

    A straight way between two vectors in z leads past average pictures in its middle. So there the way is only where
    it is heading, and its length is kept apart.
    """

    start: bytes = b""
    speed: bytes = b""
    length: float = 0.0

    @classmethod
    def begun(cls, where: Array) -> "Following":
        """At rest there."""
        return cls(where.tobytes(), length=float(np.linalg.norm(where)))

    def at(self, target: Array, settings: Settings, pull: Pull) -> Array:
        """Where it is, having been pulled so."""
        if not self.start:
            return target
        there = self._straight(target, pull)
        if settings.space != "z" or settings.interpolation == "linear":
            return there
        return blends.scaled(there, self._long(target, pull))

    def onward(self, target: Array, pull: Pull) -> "Following":
        """The same movement, set out from where it is by then."""
        if not self.start:
            return Following.begun(target)
        speed = (np.frombuffer(self.start) - target) * pull.speed + self._speed(target) * pull.speed_of_speed
        there = self._straight(target, pull)
        return Following(there.tobytes(), speed.tobytes(), self._long(target, pull))

    def _straight(self, target: Array, pull: Pull) -> Array:
        off = (np.frombuffer(self.start) - target) * pull.distance
        return target + off + self._speed(target) * pull.distance_of_speed

    def _long(self, target: Array, pull: Pull) -> float:
        share = min(1.0, max(0.0, pull.distance))
        return share * self.length + (1 - share) * float(np.linalg.norm(target))

    def _speed(self, target: Array) -> Array:
        return np.frombuffer(self.speed) if self.speed else np.zeros_like(target)
