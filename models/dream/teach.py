"""What a new network is told before it sees a picture: which traits each place stands for. It takes minutes and saves hours.

The mapping from places to styles learns, from numbers alone, to say the motif, the hour, the hue and every other trait; the synthesis
then has only to learn what they look like. Later, against a discriminator, both go on learning, the mapping slowly.
"""

import math

import torch
import torch.nn.functional as F

from models.dream.traits import LENGTH, MOTIFS, SHAPES

STEPS, BATCH = 20_000, 512
_KINDS = len(MOTIFS)
_OWN = 10  # of the shape traits, those that a motif has for itself in the code
CODE = LENGTH + _KINDS * _OWN


def code(z):
    """The traits of places (N, LENGTH) as numbers that a network can use as they are, (N, CODE): the motif, the hour and the hue, every
    trait, and once more the first shape traits for each motif, zero where another is shown. All are 0 on average and deviate by about 1,
    the motif by 2, since it matters most."""
    z = z / z.square().mean(dim=1, keepdim=True).sqrt()
    kinds, rings, others = z.split([_KINDS, 4, z.shape[1] - _KINDS - 4], dim=1)
    shown = F.one_hot(kinds.argmax(dim=1), _KINDS).to(z.dtype)
    around = F.normalize(rings.reshape(-1, 2, 2), dim=2).reshape(-1, 4)
    even = torch.erf(others / math.sqrt(2))  # -1 to 1
    shapes = even[:, -SHAPES:][:, :_OWN]
    own = (shown[:, :, None] * shapes[:, None]).flatten(1)
    return torch.cat([(shown - 1 / _KINDS) * 6, around * 1.4, even * 1.7, own * 4], dim=1)


def teach(mapping, steps=STEPS, lr=0.012, on_progress=None):
    """Bring a generator's mapping to say the code of each place as its style; how far off it still is.

    `on_progress` gets the steps done and how far off it is, a hundred times."""
    lr = lr / mapping.fc0.bias_gain  # the mapping's own slowness is for later
    optimiser = torch.optim.Adam(mapping.parameters(), lr=lr, betas=(0.9, 0.99), fused=True)
    for i in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = lr * min(1.0, i / 100) * 0.5 * (1 + math.cos(math.pi * i / steps))
        z = torch.randn(BATCH, mapping.z_dim)
        off = (mapping(z)[:, 0] - code(z)).square().mean()
        optimiser.zero_grad()
        off.backward()
        optimiser.step()
        if on_progress and (i + 1) % max(1, steps // 100) == 0:
            on_progress(i + 1, off.item())
    return off.item()
