import time
from typing import Annotated

import numpy as np

from bridge import Image, Model, Vector

FRAMES_PER_SECOND = 30
MODEL_SECONDS = 1 / FRAMES_PER_SECOND
LENGTH = 512


class Steady(Model):
    """Thirty pictures of 40 kB a second, each beginning with the first number of the vector it was made from."""

    def run(self, z: Annotated[np.ndarray, Vector(LENGTH)]) -> Annotated[np.ndarray, Image(channels=1)]:
        time.sleep(MODEL_SECONDS)
        picture = np.zeros(256 * 160, np.uint8)
        picture[:4] = np.frombuffer(np.float32(z[0]).tobytes(), np.uint8)
        return picture.reshape(160, 256)
