"""What the model gets for one frame of a walk."""

from dataclasses import dataclass

import numpy as np

from bridge.walks.paths import Vectors
from bridge.walks.timeline import Walk


@dataclass(frozen=True, slots=True)
class Frame:
    """One immutable snapshot. Equal frames are equal pictures, so that the second need not be made."""

    inputs: dict[str, bytes | float]  # z or w as little-endian float32; truncation and directions as numbers


def frame(walk: Walk, t: float, vectors: Vectors) -> Frame:
    """The walk then. KeyError if a vector that it needs is not among the vectors."""
    vector = walk.vector(t, vectors).astype("<f4")
    return Frame({walk.settings.space: np.ascontiguousarray(vector).tobytes(), **walk.moved(t)})
