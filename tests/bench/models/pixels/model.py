from typing import Annotated

import numpy as np

from bridge import Image, Model, Number

SIDES = (8, 512, 1024)


class Pixels(Model):
    """A picture as large as asked, painted beforehand: what is measured is its way out."""

    def setup(self) -> None:
        self._painted = {side: np.full((side, side, 3), side % 251, np.uint8) for side in SIDES}

    def run(self, side: Annotated[int, Number(8, 1024, step=1)] = 512) -> Annotated[np.ndarray, Image()]:
        return self._painted[side]
