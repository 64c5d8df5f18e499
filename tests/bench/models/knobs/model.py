import time
from typing import Annotated

import numpy as np

from bridge import Model, Number, Vector

FADERS = 64
LENGTH = 512
MODEL_SECONDS = 0.005


class Knobs(Model):
    """Takes its time, as one that works on a GPU, and gives back its first fader. With `pace` 0 at once."""

    def run(
        self,
        z: Annotated[np.ndarray | None, Vector(LENGTH)] = None,
        pace: Annotated[float, Number(0, 1)] = MODEL_SECONDS,
        **fader: Annotated[float, Number(0, 1_000_000, default=0), FADERS],
    ) -> Annotated[float, Number(), "level"]:
        time.sleep(pace)
        return fader["fader/1"]
