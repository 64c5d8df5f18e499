from typing import Annotated

import numpy as np

from bridge import Category, Image, Model, Number, Vector, command


class Latent(Model):
    """A small picture of its vector: four numbers, or the three they are mapped to."""

    def setup(self, pace: Annotated[str, Category(("quick", "slow"))] = "quick") -> None:
        self.takes(z=Vector(4), w=Vector(3, rows=2))

    def run(
        self,
        z: Annotated[np.ndarray | None, Vector()] = None,
        w: Annotated[np.ndarray | None, Vector(instead_of="z")] = None,
        truncation: Annotated[float, Number(0, 1)] = 1.0,
        label: Annotated[int, Number(-1, 9, step=1)] = -1,
        **direction: Annotated[float, Number(-5, 5, default=0), 2],
    ) -> Annotated[np.ndarray, Image()]:
        place = w[:3] if w is not None else self._mapped(np.zeros(4, np.float32) if z is None else z, label)
        place = place * truncation + direction["direction/1"]
        return np.full((8, 8, 3), np.clip(128 + 40 * place, 0, 255), np.uint8)

    @command
    def map(
        self, z: Annotated[np.ndarray, Vector()], label: Annotated[int, Number(-1, 9, step=1)] = -1
    ) -> Annotated[np.ndarray, Vector(3), "w"]:
        return self._mapped(z, label)

    def _mapped(self, z: np.ndarray, label: int) -> np.ndarray:
        return z[:3] + label + 1
