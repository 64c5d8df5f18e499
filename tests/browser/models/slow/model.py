"""A latent space whose every picture takes two seconds."""

import time
from typing import Annotated, Any

import numpy as np

from bridge import Image, Model, Vector

SECONDS = 2.0


class Slow(Model):
    def run(self, z: Annotated[Any, Vector(4)] = None) -> Annotated[np.ndarray, Image()]:
        time.sleep(SECONDS)
        tone = np.zeros(3) if z is None else np.asarray(z)[:3]
        return np.broadcast_to(np.clip(128 + 50 * tone, 0, 255).astype(np.uint8), (32, 32, 3))
