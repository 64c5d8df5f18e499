"""What model.py uses of the files that need torch, under one name."""

from torch import cat, from_numpy

from .directions import directions, mix, move, spread
from .player import Renderer, choose_device

__all__ = ["Renderer", "cat", "choose_device", "directions", "mix", "move", "spread", "tensor"]


def tensor(values):
    """A numpy array as a tensor."""
    return from_numpy(values.copy())
