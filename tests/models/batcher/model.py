from typing import Annotated, TypedDict

import numpy as np

from bridge import Model, Number, Vector


class Sums(TypedDict):
    total: Annotated[float, Number()]
    together: Annotated[int, Number()]


class Batcher(Model):
    """Sums vectors, several runs at once, and tells how many there were."""

    batch = 8

    def run(self, z: Annotated[np.ndarray, Vector(4)]) -> Sums:
        return {"total": [float(row.sum()) for row in z], "together": [len(z)] * len(z)}
