from collections.abc import Iterator
from typing import Annotated

import numpy as np

from bridge import Image, Model

PICTURE = np.frombuffer(bytes(range(256)) * 160, np.uint8).reshape(160, 256)


class Frames(Model):
    """One picture of 40 kB over and over, as quickly as it can be given out."""

    def run(self) -> Iterator[Annotated[np.ndarray, Image(channels=1)]]:
        while True:
            yield PICTURE
