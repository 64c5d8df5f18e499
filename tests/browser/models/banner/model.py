"""A latent space of pictures that are three times as wide as high."""

from typing import Annotated, Any

import numpy as np

from bridge import Image, Model, Vector


class Banner(Model):
    def run(self, z: Annotated[Any, Vector(4)] = None) -> Annotated[np.ndarray, Image()]:
        tone = np.zeros(3) if z is None else np.asarray(z)[:3]
        return np.broadcast_to(np.clip(128 + 50 * tone, 0, 255).astype(np.uint8), (32, 96, 3))
