"""The generator that peers serve: the same network, the same picture, the same JPEG as the bridge's.

torch, simplejpeg and safetensors are those of the bridge's environment, looked for last; all else is the peer's own.
"""

import os
import sys

sys.path += [os.environ["BENCH_ROOT"], os.environ["BENCH_PACKAGES"]]


class Generator:
    """Places in, pictures out; with as many threads as the bridge's worker found best."""

    def __init__(self) -> None:
        import torch

        from models.stylegan2.player import Renderer
        from models.stylegan2.weights import load_generator

        torch.set_num_threads(int(os.environ["BENCH_THREADS"]))
        self._tensor = torch.tensor
        self._truncation = float(os.environ["BENCH_TRUNCATION"])
        generator = load_generator(os.environ["BENCH_NETWORK"])
        self._renderer = Renderer(generator)
        self.pixels([0.0] * generator.z_dim)

    def pixels(self, z: list):
        """uint8 (H, W, 3), RGB."""
        styles = self._renderer.map(self._tensor([z]))[:, None]
        return self._renderer.render(self._renderer.truncate(styles, self._truncation))[0]

    def jpeg(self, z: list) -> bytes:
        import simplejpeg

        return simplejpeg.encode_jpeg(self.pixels(z), int(os.environ["BENCH_QUALITY"]), "RGB", "420")
