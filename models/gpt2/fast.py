"""GPT-2 for writing along on a processor: one preallocated cache, and as little as possible around the matrix products.

Prompts and single tokens, one text or many, take the same way: rows through the same products, each with its own look back. Every
row comes out the same to the last digit, alone or among others, read or written, whatever of its text was known before (see
products.py and attention.py).
"""

import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

# Both count only if nobody has loaded numpy yet. Its own threads would share out a row's sum, and cost more than they bring.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# In pages of 2 MB the cache would take memory long before it is needed, and halt a millisecond for each.
os.environ.setdefault("NUMPY_MADVISE_HUGEPAGE", "0")

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from bridge.kit.decoding import Bit

from .attention import Look, blocks
from .layout import Shape
from .products import MOST, padded, product

STEP = 16  # what torch does with the last few numbers of a row is not quite what it does with the others


class Layer:
    """One layer's weights."""

    def __init__(self, weights: Mapping[str, Tensor], place: str, shape: Shape) -> None:
        def told(name: str) -> tuple[Tensor, Tensor]:
            return weights[f"{place}.{name}.weight"].float(), weights[f"{place}.{name}.bias"].float()

        more = -shape.inner % STEP
        widen, widen_by = told("mlp.c_fc")
        narrow, narrow_by = told("mlp.c_proj")
        self.first, self.second = told("ln_1"), told("ln_2")
        self.attend, self.gather = product(*told("attn.c_attn")), product(*told("attn.c_proj"))
        self.widen = product(F.pad(widen, (0, more)), F.pad(widen_by, (0, more)))
        self.narrow = product(F.pad(narrow, (0, 0, 0, more)), narrow_by)


class FastGPT2:
    """A GPT-2 with a cache of so many slots, as the engine wants it."""

    def __init__(self, weights: Mapping[str, Tensor], shape: Shape, slots: int) -> None:
        self.shape, self.context, self.slots = shape, shape.context, slots
        self.words, self.places = (weights[f"{name}.weight"].float().contiguous().numpy() for name in ("wte", "wpe"))
        self.layers = [Layer(weights, f"h.{number}", shape) for number in range(shape.layers)]
        self.scale, self.shift = (weights[f"ln_f.{name}"].float().numpy() for name in ("weight", "bias"))
        self.head = product(weights.get("lm_head.weight", weights["wte.weight"]).t(), torch.zeros(shape.vocabulary))
        self.active = ACTIVATIONS[shape.activation]
        self.sharpness = np.float32(1 / math.sqrt(shape.width // shape.heads))
        size = (shape.layers, slots, 2, shape.heads, blocks(shape.context), shape.width // shape.heads)
        self.kept = np.zeros(size, np.float32)  # keys and values; it takes memory as it is written

    def read(self, bits: Sequence[Bit]) -> tuple[Any, Any]:
        """Take in bits of texts, as many as there are. Each token may look back to all of its text before it."""
        slots = [bit.slot for bit in bits for _ in bit.tokens]
        tokens = [token for bit in bits for token in bit.tokens]
        positions = [bit.start + place for bit in bits for place in range(len(bit.tokens))]
        parts = [slice(first, first + MOST) for first in range(0, len(slots), MOST)]
        passes = [self._pass(slots[part], tokens[part], positions[part]) for part in parts]
        x = passes[0] if len(passes) == 1 else np.concatenate(passes)
        return self._told(x[np.cumsum([len(bit.tokens) for bit in bits]) - 1])

    def copy(self, source: int, slot: int, count: int) -> None:
        self.kept[:, slot, :, :, :count] = self.kept[:, source, :, :, :count]

    def _pass(self, slots: Sequence[int], tokens: Sequence[int], positions: Sequence[int]) -> Any:
        """These tokens through all layers; below their rows come some of no meaning."""
        count, heads, sizes, epsilon = len(tokens), self.shape.heads, self.scale.shape, self.shape.epsilon
        x, found = np.zeros((2, padded(count), *sizes), np.float32)
        np.add(self.words[tokens], self.places[positions], out=x[:count])
        rows, mixed = torch.from_numpy(x), torch.from_numpy(found)
        seen = found[:count].reshape(count, heads, -1)
        look, active, normed = Look(slots, positions, heads), self.active, torch.layer_norm
        with np.errstate(over="ignore"):  # an activation of nothing is one over infinity
            for layer, kept in zip(self.layers, self.kept, strict=True):
                apart = layer.attend(normed(rows, sizes, *layer.first, epsilon, False)).numpy()
                apart = apart[:count].reshape(count, 3, heads, -1)
                look.over(apart[:, 0] * self.sharpness, kept, apart[:, 1:], seen)
                x += layer.gather(mixed).numpy()
                x += layer.narrow(active(layer.widen(normed(rows, sizes, *layer.second, epsilon, False)))).numpy()
        return x[:count]

    def _told(self, x: Any) -> tuple[Any, Any]:
        """The logits and the final state of each row."""
        rows = np.zeros((padded(len(x)), x.shape[1]), np.float32)
        rows[: len(x)] = x
        states = torch.layer_norm(
            torch.from_numpy(rows), self.scale.shape, None, None, self.shape.epsilon, False
        ).numpy()
        logits = self.head(torch.from_numpy(states * self.scale + self.shift)).numpy()
        return logits[: len(x)], states[: len(x)]


def _bent(wide: Tensor) -> Tensor:
    """GELU as GPT-2 has it: x / (1 + exp(-2u)) is x (1 + tanh u) / 2. In place."""
    x = wide.numpy()
    u = x * x
    u += 1 / 0.044715
    u *= x
    u *= -2 * 0.044715 * math.sqrt(2 / math.pi)
    np.exp(u, out=u)
    u += 1
    x /= u
    return wide


ACTIVATIONS: Mapping[str, Any] = {
    "gelu_new": _bent,
    "gelu_pytorch_tanh": _bent,
    "gelu": F.gelu,
    "relu": F.relu,
    "silu": F.silu,
}
