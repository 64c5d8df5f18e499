"""How the next token is chosen. Pure: the same logits, history, settings and place give the same token."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bridge.errors import ModelFailed

Floats = NDArray[np.float32]

FAR = np.float32(
    1e-9
)  # tokens that are less likely than the likeliest by this are never chosen: that leaves few to look at
COLD = 1e-4  # a lower temperature is none
_FEW = 256
_WORD = (1 << 64) - 1


@dataclass(frozen=True, slots=True, eq=False)
class Bias:
    """What is added to the logits of some tokens."""

    tokens: NDArray[np.int64]
    amounts: Floats

    @classmethod
    def of(cls, amounts: Mapping[int, float]) -> "Bias":
        """So much for each of these tokens."""
        return cls(np.array(list(amounts), np.int64), np.array(list(amounts.values()), np.float32))


@dataclass(frozen=True, slots=True)
class Taste:
    """What is chosen from, and how boldly. Applied in this order; temperature 0 always takes the likeliest."""

    repetition_penalty: float = 1.0
    presence_penalty: float = 0.0  # off the logit of each token that was written already
    frequency_penalty: float = 0.0  # and this for each time that it was
    bias: Bias | None = None
    temperature: float = 1.0
    top_k: int = 0  # 0: as many as there are
    top_p: float = 1.0
    min_p: float = 0.0

    @property
    def counts(self) -> bool:
        """It matters how often a token was written."""
        return bool(self.presence_penalty or self.frequency_penalty)


def choose(
    logits: Floats, taste: Taste, seen: Sequence[int], seed: int, place: int, written: Mapping[int, int] | None = None
) -> int:
    """The token at this place. `seen` are those that a repetition penalty is for; `written`, how often each was."""
    if taste.repetition_penalty != 1.0:
        logits = _penalised(logits, seen, taste.repetition_penalty)
    if written:
        logits = _discouraged(logits, written, taste)
    if taste.bias is not None:
        logits = _biased(logits, taste.bias)
    if taste.temperature < COLD or taste.top_k == 1:
        token = int(logits.argmax())  # of the first that is no number, if there is one
        _check(logits[token])
        return token
    tokens, weights = _left(logits, taste)
    return int(tokens[_place(weights, chance(seed, place))])


def chance(seed: int, place: int) -> float:
    """A number from 0 up to 1 that depends on nothing but these two (splitmix64, twice)."""
    return _mixed(_mixed(seed & _WORD) + place) / (1 << 64)


def likeliest(logits: Floats, count: int) -> tuple[list[int], list[float]]:
    """So many tokens, the likeliest first, and the logarithms of their probabilities."""
    logs = log_probabilities(logits)
    best = _top(logs, min(count, len(logs)))
    order = best[np.lexsort((best, -logs[best]))]
    return order.tolist(), logs[order].tolist()


def log_probabilities(logits: Floats) -> Floats:
    """As the network has them, before any taste."""
    shifted = logits - logits.max()
    result: Floats = shifted - np.log(np.exp(shifted).sum())
    return result


def _mixed(value: int) -> int:
    value = (value + 0x9E3779B97F4A7C15) & _WORD
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _WORD
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _WORD
    return value ^ (value >> 31)


def _penalised(logits: Floats, seen: Sequence[int], penalty: float) -> Floats:
    places = np.fromiter(seen, np.int64, len(seen))  # one that is there twice gets the same number twice
    found = logits.take(places)
    logits = logits.copy()
    logits[places] = np.where(found < 0, found * penalty, found / penalty)
    return logits


def _discouraged(logits: Floats, written: Mapping[int, int], taste: Taste) -> Floats:
    """As OpenAI defines it: once for having been written at all, and once more for each time."""
    places = np.fromiter(written, np.int64, len(written))
    times = np.fromiter(written.values(), np.float32, len(written))
    logits = logits.copy()
    logits[places] -= np.float32(taste.presence_penalty) + np.float32(taste.frequency_penalty) * times
    return logits


def _biased(logits: Floats, bias: Bias) -> Floats:
    logits = logits.copy()
    logits[bias.tokens] += bias.amounts
    return logits


def _check(highest: np.float32) -> None:
    if not np.isfinite(highest):
        raise ModelFailed("the network's answer is no numbers: its weights are broken, or its precision is too low")


def _left(logits: Floats, taste: Taste) -> tuple[NDArray[np.int64], Floats]:
    """The tokens that may be chosen, by their number, and their weights; the likeliest weighs 1."""
    highest = logits.max()
    _check(highest)
    weights = logits - highest
    weights *= np.float32(1 / taste.temperature)
    np.exp(weights, out=weights)
    tokens = _shortlist(weights, taste)
    weights = weights.take(tokens)
    if taste.top_p < 1.0 and 0 < taste.top_k < len(logits):
        tokens, weights = _only(_nucleus(weights, taste.top_p), tokens, weights)
    if taste.min_p > 0.0:
        tokens, weights = _only(np.flatnonzero(weights >= taste.min_p), tokens, weights)
    return tokens, weights


def _shortlist(weights: Floats, taste: Taste) -> NDArray[np.int64]:
    """What the first of the wishes leaves of all tokens."""
    if 0 < taste.top_k < len(weights):
        return _top(weights, taste.top_k)
    if taste.top_p < 1.0:
        return _nucleus(weights, taste.top_p)
    return np.flatnonzero(weights > FAR)


def _only(kept: NDArray[np.int64], tokens: NDArray[np.int64], weights: Floats) -> tuple[NDArray[np.int64], Floats]:
    return tokens.take(kept), weights.take(kept)


def _nucleus(weights: Floats, top_p: float) -> NDArray[np.int64]:
    """The likeliest that together reach top_p; always one. Of equal ones those with the lowest numbers."""
    total = float(weights.sum(dtype=np.float64))
    # All below this together are less than what may be left out, so the sorting is of few.
    able = weights.take(np.flatnonzero(weights >= total * (1.0 - top_p) / len(weights) * 0.999))
    falling = np.sort(able)[::-1]
    count = int(np.searchsorted(np.cumsum(falling, dtype=np.float64), total * top_p)) + 1
    count = min(count, len(falling))
    return _from(weights, falling[count - 1], count)


def _place(weights: Floats, share: float) -> int:
    """Where that share of the sum of all lies. In two strides when they are many."""
    if len(weights) <= _FEW:
        sums = np.cumsum(weights, dtype=np.float64)
        return int(np.searchsorted(sums[:-1], share * sums[-1], side="right"))
    starts = np.arange(0, len(weights), _FEW // 4)
    parts = np.cumsum(np.add.reduceat(weights, starts, dtype=np.float64))
    wanted = share * parts[-1]
    part = int(np.searchsorted(parts[:-1], wanted, side="right"))
    start = int(starts[part])
    sums = np.cumsum(weights[start : start + _FEW // 4], dtype=np.float64)
    before = float(parts[part - 1]) if part else 0.0
    return start + int(np.searchsorted(sums[:-1], wanted - before, side="right"))


def _top(values: Floats, count: int) -> NDArray[np.int64]:
    """So many of the largest, by their place; of equal ones at the border the first."""
    return _from(values, np.partition(values, len(values) - count)[len(values) - count], count)


def _from(values: Floats, border: np.float32, count: int) -> NDArray[np.int64]:
    """So many that reach the border, by their place; of those on it the first."""
    found = np.flatnonzero(values >= border)
    if len(found) == count:
        return found
    above = np.flatnonzero(values > border)
    return np.sort(np.concatenate([above, np.flatnonzero(values == border)[: count - len(above)]]))
