"""Pictures of a network, as fast as this machine gives them: `Renderer`."""

import math

import torch

from .fast import Fast
from .tracing import traced

TOGETHER = 8  # pictures at once on a CPU ...
TOGETHER_PIXELS = 128 * 128  # ... up to this size; larger ones leave the caches and are quicker one by one
TRACED_PIXELS = 256 * 256  # up to this size Python takes a part of the time that counts
DEVICES = ("auto", "cpu", "cuda", "mps")


class Renderer:
    """A generator ready to play. It keeps what it needs; the generator itself may go.

    One picture made alone is always the same to the bit, on the same machine with the same number of threads. Made together
    with others it is quicker, and may differ by rounding.
    """

    def __init__(self, generator, device="cpu"):
        self.device = torch.device(device)
        generator = generator.to(self.device)
        on_gpu = self.device.type == "cuda"
        self.fast = Fast(generator, generator.settings["half_levels"] if on_gpu else 0)
        self.graphs = None
        self.w_avg = generator.mapping.w_avg.detach()
        self.num_ws, self.pixels_each = generator.num_ws, math.prod(generator.size)
        self.c_dim = generator.c_dim
        self.one = self.fast.pixels  # for a picture alone, with its own noise
        if self.device.type == "cpu" and self.pixels_each <= TRACED_PIXELS:
            self.one = traced(self.fast.pixels, torch.zeros(1, self.num_ws, generator.w_dim))
        if on_gpu:
            from .gpu import Graphs

            self.graphs = Graphs(self.fast, self.device)

    @torch.inference_mode()
    def map(self, z, label=-1):
        """Latents (N, Z) to styles (N, W); a label counts for all of them, -1 is none."""
        one_hot = None
        if self.c_dim and label >= 0:
            one_hot = torch.zeros(len(z), self.c_dim, device=self.device)
            one_hot[:, label] = 1
        return self.fast.map(z.to(self.device), one_hot)

    @torch.inference_mode()
    def truncate(self, ws, psi, cutoff=None):
        """Styles (N, L, W), or (N, 1, W) for the same in all layers, nearer to the mean style: 1 leaves them, 0 is the mean.

        `cutoff`: only so many layers, from the first; all without it. Comes out as (N, L, W)."""
        near = (ws if psi == 1 else self.w_avg.lerp(ws, psi)).expand(-1, self.num_ws, -1)
        if cutoff is None:
            return near
        return torch.cat([near[:, :cutoff], ws.expand(-1, self.num_ws, -1)[:, cutoff:]], dim=1)

    @torch.inference_mode()
    def render(self, ws, noise="const", seeds=None, together=False):
        """Styles (N, L, W), or (N, 1, W) for the same in all layers, to pictures: uint8 (N, H, W, 3), a numpy array.

        `noise`: "const", "none" or "random", which needs one seed for each picture and gives the same noise for the same one.
        `together`: many at once where that is quicker.
        """
        ws = ws.to(self.device).expand(-1, self.num_ws, -1)
        size = self.group() if together else 1
        seeds = [None] * len(ws) if seeds is None else seeds
        parts = zip(ws.split(size), chunks(seeds, size), strict=True)
        return torch.cat([self.pixels(part, noise, some) for part, some in parts]).numpy()

    def pixels(self, ws, noise, seeds):
        if noise == "random":
            return self.fast.pixels(ws, drawn(seeds)).cpu()
        if self.graphs:
            return self.graphs.pixels(ws, noise)
        if noise == "const" and len(ws) == 1:
            return self.one(ws).cpu()
        return self.fast.pixels(ws, noise).cpu()

    def group(self):
        """How many pictures are best made at once."""
        if self.device.type != "cpu":
            return 64
        return TOGETHER if self.pixels_each <= TOGETHER_PIXELS else 1


def chunks(values, size):
    return [values[start : start + size] for start in range(0, len(values), size)]


def drawn(seeds):
    """Random noise that belongs to seeds: the same layer of the same seed always gets the same."""
    sources = [torch.Generator().manual_seed(seed) for seed in seeds]

    def noise(size, device):
        shape = (1, *size)
        return torch.stack([torch.randn(shape, generator=source) for source in sources]).to(device)

    return noise


def choose_device(wish="auto"):
    """The device that is wished for, or the best there is; ValueError, in words, if torch can't use it."""
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if wish == "auto":
        return next(name for name in ("cuda", "mps", "cpu") if there[name])
    if not there[wish]:
        usable = ", ".join(name for name, usable in there.items() if usable)
        raise ValueError(f"torch {torch.__version__} can't use {wish} on this machine; it can use {usable}")
    return wish
