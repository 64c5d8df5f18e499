"""GPT-2 for writing along on a GPU: the same cache and the same sizes as in fast.py, all in torch. Never run on a GPU so far."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from bridge.kit.decoding import Bit, apart

from .layout import Shape

NEVER = -1e30  # what a position that may not be seen gets for a score
REACH = 64  # lengths are rounded up to these, so that few shapes occur


class Layer:
    """One layer's weights: the norms' scale and shift, and the attention's scale, are multiplied into the products."""

    def __init__(self, weights: Mapping[str, Tensor], place: str, shape: Shape, device: torch.device) -> None:
        def told(name: str) -> Tensor:
            return weights[f"{place}.{name}"].float()

        into, shift = _with_norm(
            told("ln_1.weight"), told("ln_1.bias"), told("attn.c_attn.weight"), told("attn.c_attn.bias")
        )
        into[:, : shape.width] /= math.sqrt(shape.width // shape.heads)
        shift[: shape.width] /= math.sqrt(shape.width // shape.heads)
        self.attend = into, shift
        self.gather = told("attn.c_proj.weight"), told("attn.c_proj.bias")
        self.widen = _with_norm(told("ln_2.weight"), told("ln_2.bias"), told("mlp.c_fc.weight"), told("mlp.c_fc.bias"))
        self.narrow = told("mlp.c_proj.weight"), told("mlp.c_proj.bias")
        for name in ("attend", "gather", "widen", "narrow"):
            matrix, bias = getattr(self, name)
            setattr(self, name, (matrix.contiguous().to(device), bias.contiguous().to(device)))


def _with_norm(scale: Tensor, shift: Tensor, matrix: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """A product that wants its input only centred and of spread 1."""
    return scale[:, None] * matrix, bias + shift @ matrix


class DeviceGPT2:
    """A GPT-2 with a cache of so many slots, as the engine wants it."""

    @torch.inference_mode()
    def __init__(self, weights: Mapping[str, Tensor], shape: Shape, slots: int, device: str) -> None:
        self.shape, self.context, self.slots = shape, shape.context, slots
        self.device = torch.device(device)
        self.words = weights["wte.weight"].float().contiguous().to(self.device)
        self.places = weights["wpe.weight"].float().contiguous().to(self.device)
        head = weights.get("lm_head.weight")
        self.head = self.words if head is None else head.float().contiguous().to(self.device)
        self.end = tuple(weights[f"ln_f.{name}"].float().to(self.device) for name in ("weight", "bias"))
        self.layers = [Layer(weights, f"h.{number}", shape, self.device) for number in range(shape.layers)]
        size = (shape.layers, slots, shape.heads, shape.context, shape.width // shape.heads)
        self.keys, self.values = torch.zeros(size, device=self.device), torch.zeros(size, device=self.device)
        self.active = ACTIVATIONS[shape.activation]

    def read(self, bits: Sequence[Bit]) -> tuple[Any, Any]:
        return apart(bits, self._step, self._read)

    @torch.inference_mode()
    def _read(self, bit: Bit) -> tuple[Any, Any]:
        """A bit of a prompt. Position i may look back to all before it."""
        slot, tokens, start = bit
        count, end = len(tokens), start + len(tokens)
        x = self.words[torch.tensor(tokens, device=self.device)] + self.places[start:end]
        mask = None
        if count > 1 and start:
            reach = torch.arange(start, end, device=self.device)[:, None] >= torch.arange(end, device=self.device)
            mask = torch.zeros(count, end, device=self.device).masked_fill_(~reach, NEVER)
        for layer, keys, values in zip(self.layers, self.keys[:, slot], self.values[:, slot], strict=True):
            q, k, v = self._queries(layer, x)  # each: heads, count, d
            keys[:, start:end], values[:, start:end] = k, v
            found = F.scaled_dot_product_attention(
                q[None], keys[None, :, :end], values[None, :, :end], mask, is_causal=count > 1 and not start, scale=1.0
            )
            x = self._rest(layer, x, found[0].transpose(0, 1).reshape(count, -1))
        logits, states = self._told(x[-1:])
        return logits[0], states[0]

    @torch.inference_mode()
    def _step(self, slots: Sequence[int], tokens: Sequence[int], positions: Sequence[int]) -> tuple[Any, Any]:
        """One token each."""
        at = torch.tensor([slots, tokens, positions], device=self.device)
        x = self.words[at[1]] + self.places[at[2]]
        look = _Look(slots, at, min((max(positions) + REACH) // REACH * REACH, self.context))
        for layer, keys, values in zip(self.layers, self.keys, self.values, strict=True):
            q, k, v = self._queries(layer, x)  # each: heads, rows, d
            keys[at[0], :, at[2]] = k.transpose(0, 1)
            values[at[0], :, at[2]] = v.transpose(0, 1)
            x = self._rest(layer, x, look.over(q.transpose(0, 1), keys, values))
        return self._told(x)

    @torch.inference_mode()
    def copy(self, source: int, slot: int, count: int) -> None:
        for cache in (self.keys, self.values):
            cache[:, slot, :, :count] = cache[:, source, :, :count]

    def _queries(self, layer: Layer, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        matrix, bias = layer.attend
        rows = torch.addmm(bias, self._normed(x), matrix)
        q, k, v = rows.view(len(x), 3, self.shape.heads, -1).permute(1, 2, 0, 3)
        return q, k, v

    def _rest(self, layer: Layer, x: Tensor, found: Tensor) -> Tensor:
        x = x + torch.addmm(layer.gather[1], found, layer.gather[0])
        wide = torch.addmm(layer.widen[1], self._normed(x), layer.widen[0])
        return x.add_(torch.addmm(layer.narrow[1], self.active(wide), layer.narrow[0]))

    def _normed(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, x.shape[-1:], eps=self.shape.epsilon)

    def _told(self, x: Tensor) -> tuple[Any, Any]:
        states = self._normed(x)
        logits = F.linear(torch.addcmul(self.end[1], states, self.end[0]), self.head)
        return logits.cpu().numpy(), states.cpu().numpy()


class _Look:
    """What each row of a step looks at, in one go: all slots from the first to the last in use."""

    def __init__(self, slots: Sequence[int], at: Tensor, reach: int) -> None:
        self.first, self.last, self.reach = min(slots), max(slots) + 1, reach
        self.rows = at[0] - self.first
        lengths = torch.ones(self.last - self.first, dtype=torch.int64, device=at.device)
        lengths[self.rows] = at[2] + 1
        unseen = torch.arange(reach, device=at.device) >= lengths[:, None]
        self.mask = torch.zeros(unseen.shape, device=at.device).masked_fill_(unseen, NEVER)[:, None, None]

    def over(self, q: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """q: rows, heads, d. What each finds, its heads side by side."""
        every = q.new_zeros(self.last - self.first, *q.shape[1:])
        every[self.rows] = q
        there = slice(self.first, self.last)
        found = F.scaled_dot_product_attention(
            every[:, :, None], keys[there, :, : self.reach], values[there, :, : self.reach], self.mask, scale=1.0
        )
        return found[self.rows].flatten(1)


ACTIVATIONS: Mapping[str, Any] = {
    "gelu_new": lambda x: F.gelu(x, approximate="tanh"),
    "gelu_pytorch_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "gelu": F.gelu,
    "relu": F.relu,
    "silu": F.silu,
}
