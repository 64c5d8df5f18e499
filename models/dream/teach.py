"""What a new network is told before it sees a picture: which traits each place stands for. It takes a minute and saves hours.

The mapping from places to styles learns, from numbers alone, to say the motif, the hour, the hue and every other trait; the synthesis
then has only to learn what they look like. Later both go on learning from the pictures.
"""

import math

import torch
import torch.nn.functional as F

from models.dream.traits import MOTIFS

STEPS, BATCH = 2000, 512
_KINDS = len(MOTIFS)


def code(z):
    """The traits of places (N, LENGTH) as numbers from 0 to 2 that a network can use as they are: (N, LENGTH)."""
    z = z / z.square().mean(dim=1, keepdim=True).sqrt()
    kinds, rings, others = z.split([_KINDS, 4, z.shape[1] - _KINDS - 4], dim=1)
    shown = F.one_hot(kinds.argmax(dim=1), _KINDS) * 2.0
    around = F.normalize(rings.reshape(-1, 2, 2), dim=2).reshape(-1, 4) + 1
    return torch.cat([shown, around, torch.erf(others / math.sqrt(2)) + 1], dim=1)


def teach(mapping, steps=STEPS, lr=0.008):
    """Bring a generator's mapping to say the code of each place in the first numbers of its styles; how far off it still is."""
    optimiser = torch.optim.Adam(mapping.parameters(), lr=lr, betas=(0.9, 0.99))
    for i in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = lr * min(1.0, i / 100) * 0.5 * (1 + math.cos(math.pi * i / steps))
        z = torch.randn(BATCH, mapping.z_dim)
        wanted = code(z)
        off = (mapping(z)[:, 0, : wanted.shape[1]] - wanted).square().mean()
        optimiser.zero_grad()
        off.backward()
        optimiser.step()
    return off.item()
