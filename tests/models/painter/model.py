from typing import Annotated

import numpy as np

from bridge import Image, Model, Number


class Painter(Model):
    """A plain colour, as large as asked."""

    def run(
        self,
        shade: Annotated[float, Number(0, 1)] = 0.5,
        width: Annotated[int, Number(1, 16384, step=1)] = 64,
        height: Annotated[int, Number(1, 4096, step=1)] = 48,
    ) -> Annotated[np.ndarray, Image()]:
        return np.full((height, width, 3), round(shade * 255), np.uint8)
