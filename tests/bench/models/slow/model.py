import struct
import time
from typing import Annotated

import numpy as np

from bridge import Image, Model, Number

MODEL_SECONDS = 0.025
STAMP = struct.Struct("<d")


class Slow(Model):
    """Takes its time, then gives out a picture of 40 kB that begins with the stamp of the input it was made from."""

    def run(self, stamp: Annotated[float, Number()] = 0.0) -> Annotated[np.ndarray, Image(channels=1)]:
        time.sleep(MODEL_SECONDS)
        picture = np.zeros(256 * 160, np.uint8)
        picture[: STAMP.size] = np.frombuffer(STAMP.pack(stamp), np.uint8)
        return picture.reshape(160, 256)
