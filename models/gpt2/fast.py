"""GPT-2 for writing along: one preallocated cache, and as little as possible around the matrix products.

A single token goes through numpy, whose calls cost a third of torch's and whose matrix-times-vector product is the quicker
one; several at once, and prompts, go through torch. Both work on the same memory.
"""

import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

# Its own threads cost a small product more than they bring. Counts only if nobody has loaded numpy yet.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from .layout import Shape

FEW = 16
NEVER = -1e30  # what a position that may not be seen gets for a score


class Layer:
    """One layer's weights, laid out for playing: the norms' scale and shift, and the attention's scale, are in the products."""

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

    def numbers(self) -> tuple[Any, ...]:
        """The same memory for numpy, flat: four matrices, each with its bias."""
        return tuple(part.numpy() for pair in (self.attend, self.gather, self.widen, self.narrow) for part in pair)


def _with_norm(scale: Tensor, shift: Tensor, matrix: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """A product that wants its input only centred and of spread 1."""
    return scale[:, None] * matrix, bias + shift @ matrix


class FastGPT2:
    """A GPT-2 with a cache of so many slots, as the engine wants it."""

    @torch.inference_mode()
    def __init__(self, weights: Mapping[str, Tensor], shape: Shape, slots: int, device: str = "cpu") -> None:
        self.shape, self.context, self.slots = shape, shape.context, slots
        self.device = torch.device(device)
        self.words = weights["wte.weight"].float().contiguous().to(self.device)
        self.places = weights["wpe.weight"].float().contiguous().to(self.device)
        head = weights.get("lm_head.weight")
        self.head = self.words if head is None else head.float().contiguous().to(self.device)
        self.across = self.head.t().contiguous()  # once more, the other way: twice as quick for several rows
        self.end = tuple(weights[f"ln_f.{name}"].float().to(self.device) for name in ("weight", "bias"))
        self.layers = [Layer(weights, f"h.{number}", shape, self.device) for number in range(shape.layers)]
        size = (shape.layers, slots, shape.heads, shape.context, shape.width // shape.heads)
        self.keys = torch.zeros(
            size, device=self.device
        )  # zeros of the system's: they take memory once they are written
        self.values = torch.zeros(size, device=self.device)
        self.active = ACTIVATIONS[shape.activation]
        self._numbers = _Numbers(self) if self.device.type == "cpu" else None

    @torch.inference_mode()
    def read(self, slot: int, tokens: Sequence[int], start: int) -> tuple[Any, Any]:
        """Take in a bit of a prompt. Position i may look back to all before it."""
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

    def step(self, slots: Sequence[int], tokens: Sequence[int], positions: Sequence[int]) -> tuple[Any, Any]:
        """One token each."""
        if len(slots) == 1 and self._numbers is not None:
            return self._numbers.step(slots[0], tokens[0], positions[0])
        return self._together(slots, tokens, positions)

    @torch.inference_mode()
    def copy(self, source: int, slot: int, count: int) -> None:
        for cache in (self.keys, self.values):
            cache[:, slot, :, :count] = cache[:, source, :, :count]

    @torch.inference_mode()
    def _together(self, slots: Sequence[int], tokens: Sequence[int], positions: Sequence[int]) -> tuple[Any, Any]:
        at = torch.tensor([slots, tokens, positions], device=self.device)
        x = self.words[at[1]] + self.places[at[2]]
        look = self._look(slots, positions, at)
        for layer, keys, values in zip(self.layers, self.keys, self.values, strict=True):
            q, k, v = self._queries(layer, x)  # each: heads, rows, d
            keys[at[0], :, at[2]] = k.transpose(0, 1)
            values[at[0], :, at[2]] = v.transpose(0, 1)
            x = self._rest(layer, x, look.over(q.transpose(0, 1), keys, values))
        return self._told(x)

    def _look(self, slots: Sequence[int], positions: Sequence[int], at: Tensor) -> "_Apart | _Together":
        if self.device.type == "cpu":
            return _Apart(slots, positions, self.shape.heads)
        return _Together(slots, at, min((max(positions) + 64) // 64 * 64, self.context))

    def _queries(self, layer: Layer, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        matrix, bias = layer.attend
        rows = self._product(F.layer_norm(x, x.shape[-1:], eps=self.shape.epsilon), matrix, bias)
        q, k, v = rows.view(len(x), 3, self.shape.heads, -1).permute(1, 2, 0, 3)
        return q, k, v

    def _product(self, x: Tensor, matrix: Tensor, bias: Tensor | None = None) -> Tensor:
        """Of few rows numpy's is the quicker one, as long as torch has one thread only."""
        if self._numbers is None or len(x) > FEW or torch.get_num_threads() > 1:
            return x @ matrix if bias is None else torch.addmm(bias, x, matrix)
        rows = np.dot(x.numpy(), matrix.numpy())
        if bias is not None:
            rows += bias.numpy()
        return torch.from_numpy(rows)

    def _rest(self, layer: Layer, x: Tensor, found: Tensor) -> Tensor:
        x = x + self._product(found, *layer.gather)
        wide = self._product(F.layer_norm(x, x.shape[-1:], eps=self.shape.epsilon), *layer.widen)
        return x.add_(self._product(self.active(wide), *layer.narrow))

    def _told(self, x: Tensor) -> tuple[Any, Any]:
        states = F.layer_norm(x, x.shape[-1:], eps=self.shape.epsilon)
        logits = self._product(torch.addcmul(self.end[1], states, self.end[0]), self.across)
        return logits.cpu().numpy(), states.cpu().numpy()


class _Apart:
    """What each row of a step looks at, one by one and without a copy: on a CPU that is the quickest."""

    def __init__(self, slots: Sequence[int], positions: Sequence[int], heads: int) -> None:
        self.rows = [
            (row, slot, position + 1) for row, (slot, position) in enumerate(zip(slots, positions, strict=True))
        ]
        self.scores = np.full((len(slots), heads, max(positions) + 1), NEVER, np.float32)

    def over(self, q: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """q: rows, heads, d. What each finds, its heads side by side."""
        wanted, known, told, scores = q.numpy()[..., None], keys.numpy(), values.numpy(), self.scores.copy()
        for row, slot, length in self.rows:
            np.matmul(known[slot, :, :length], wanted[row], out=scores[row, :, :length, None])
        scores -= scores.max(2, keepdims=True)
        np.exp(scores, out=scores)
        found = np.empty((*q.shape[:2], 1, q.shape[2]), np.float32)
        for row, slot, length in self.rows:
            np.matmul(scores[row, :, None, :length], told[slot, :, :length], out=found[row])
        found /= scores.sum(2)[..., None, None]
        return torch.from_numpy(found.reshape(len(q), -1))


class _Together:
    """The same in one go, for devices that like that: all slots from the first to the last in use."""

    def __init__(self, slots: Sequence[int], at: Tensor, reach: int) -> None:
        self.first, self.last, self.reach = min(slots), max(slots) + 1, reach
        self.rows = at[0] - self.first
        lengths = torch.ones(self.last - self.first, dtype=torch.int64, device=at.device)
        lengths[self.rows] = at[2] + 1
        unseen = torch.arange(reach, device=at.device) >= lengths[:, None]
        self.mask = torch.zeros(unseen.shape, device=at.device).masked_fill_(unseen, NEVER)[:, None, None]

    def over(self, q: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        every = q.new_zeros(self.last - self.first, *q.shape[1:])
        every[self.rows] = q
        there = slice(self.first, self.last)
        found = F.scaled_dot_product_attention(
            every[:, :, None], keys[there, :, : self.reach], values[there, :, : self.reach], self.mask, scale=1.0
        )
        return found[self.rows].flatten(1)


class _Numbers:
    """One token of one text, in numpy."""

    def __init__(self, net: FastGPT2) -> None:
        self.layers = [layer.numbers() for layer in net.layers]
        self.keys, self.values = net.keys.numpy(), net.values.numpy()
        self.words, self.places, self.head = net.words.numpy(), net.places.numpy(), net.head.numpy()
        self.scale, self.shift = (part.numpy() for part in net.end)
        self.heads, self.width, self.epsilon = net.shape.heads, net.shape.width, net.shape.epsilon
        self.mean = np.full(self.width, 1 / self.width, np.float32)
        self.curved = net.shape.activation in ("gelu_new", "gelu_pytorch_tanh")
        self.active = net.active

    def step(self, slot: int, token: int, position: int) -> tuple[Any, Any]:
        x = self.words[token] + self.places[position]
        end, heads, width = position + 1, self.heads, self.width
        for number, (attend, attend_b, gather, gather_b, widen, widen_b, narrow, narrow_b) in enumerate(self.layers):
            rows = np.dot(self._norm(x), attend)
            rows += attend_b
            q, k, v = rows.reshape(3, heads, width // heads)
            keys, values = self.keys[number, slot], self.values[number, slot]
            keys[:, position], values[:, position] = k, v
            scores = np.matmul(keys[:, :end], q[:, :, None])[:, :, 0]
            scores -= scores.max(1, keepdims=True)
            np.exp(scores, out=scores)
            found = np.matmul(scores[:, None], values[:, :end])[:, 0]
            found /= scores.sum(1, keepdims=True)
            x += np.dot(found.reshape(width), gather)
            x += gather_b
            wide = np.dot(self._norm(x), widen)
            wide += widen_b
            x += np.dot(self._activated(wide), narrow)
            x += narrow_b
        state = self._norm(x)
        return np.dot(self.head, state * self.scale + self.shift)[None], state[None]

    def _norm(self, x: Any) -> Any:
        centred = x - x.dot(self.mean)
        centred *= (float(centred.dot(centred)) / self.width + self.epsilon) ** -0.5
        return centred

    def _activated(self, wide: Any) -> Any:
        if not self.curved:
            return self.active(torch.from_numpy(wide)).numpy()
        bent = wide * wide
        bent *= 0.044715 * _ROOT
        bent += _ROOT
        bent *= wide
        np.tanh(bent, out=bent)
        bent += 1
        bent *= wide
        bent *= 0.5
        return bent


_ROOT = math.sqrt(2 / math.pi)
ACTIVATIONS: Mapping[str, Any] = {
    "gelu_new": lambda x: F.gelu(x, approximate="tanh"),
    "gelu_pytorch_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "gelu": F.gelu,
    "relu": F.relu,
    "silu": F.silu,
}
