"""A model to walk in that is nobody's, and the vectors of it."""

import numpy as np

from bridge.walks.anchors import Vectors, seeded
from bridge.walks.handles import Handles
from bridge.walks.keys import Latent
from bridge.walks.settings import Settings
from bridge.walks.timeline import Walk

LATENT = Latent(16, 12, directions=("direction/1", "direction/2"))
HANDLES = Handles(LATENT, "z", "w", "map", "truncation")
KINDS = ("noise", "loop", "circle", "drift", "follow")


class Mapped(Vectors):
    """A space w whose vectors are made of those in z by a matrix."""

    def __init__(self) -> None:
        super().__init__(LATENT, "w")
        self._z = Vectors(LATENT)
        self._matrix = seeded(99, 16 * 12).reshape(16, 12) / 4

    def __getitem__(self, key):
        if not super().__contains__(key):
            self.put(key, (self._z[key] @ self._matrix + 0.5).astype(np.float32))
        return super().__getitem__(key)

    def __contains__(self, key) -> bool:
        return super().__contains__(key) or key in self._z


def vectors(space: str = "z") -> Vectors:
    return Mapped() if space == "w" else Vectors(LATENT)


def settings(**patch: object) -> Settings:
    return Settings().changed(patch, LATENT)


def begun(t: float = 0.0, **patch: object) -> Walk:
    return Walk.begun(LATENT, settings(**patch), t)


def listed(seed: int, length: int = 16) -> list[float]:
    return seeded(seed, length).tolist()
