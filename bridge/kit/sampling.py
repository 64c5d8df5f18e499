"""How the next token is chosen. Pure: the same logits, history, settings and place give the same token."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

FAR = (
    21.0  # tokens less likely than the likeliest by e to this (1 : 1.3e9) are never chosen: that leaves few to look at
)
_WORD = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Taste:
    """What is chosen from, and how boldly. Applied in this order; temperature 0 always takes the likeliest."""

    repetition_penalty: float = 1.0
    temperature: float = 1.0
    top_k: int = 0  # 0: as many as there are
    top_p: float = 1.0
    min_p: float = 0.0


def choose(logits: Floats, taste: Taste, seen: Sequence[int], seed: int, place: int) -> int:
    """The token at this place. `seen` are those that a repetition penalty is for."""
    if taste.repetition_penalty != 1.0:
        logits = _penalised(logits, seen, taste.repetition_penalty)
    if taste.temperature <= 0 or taste.top_k == 1:
        return int(logits.argmax())
    tokens, weights = _left(logits, taste)
    sums = np.cumsum(weights)
    return int(tokens[np.searchsorted(sums[:-1], chance(seed, place) * sums[-1], side="right")])


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
    places = np.unique(np.asarray(seen, dtype=np.int64))
    logits = logits.copy()
    found = logits[places]
    logits[places] = np.where(found < 0, found * penalty, found / penalty)
    return logits


def _left(logits: Floats, taste: Taste) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """The tokens that may be chosen, by their number, and their weights."""
    highest = logits.max()
    tokens = np.flatnonzero(logits >= highest - FAR * taste.temperature)
    if 0 < taste.top_k < len(tokens):
        tokens = tokens[np.sort(_top(logits[tokens], taste.top_k))]
    weights = np.exp((logits[tokens] - highest).astype(np.float64) / taste.temperature)
    kept = _kept(weights, taste)
    return (tokens, weights) if kept is None else (tokens[kept], weights[kept])


def _kept(weights: NDArray[np.float64], taste: Taste) -> NDArray[np.int64] | None:
    """Which of them top_p and min_p leave, in their order; None for all. The likeliest weighs 1."""
    kept = None
    if taste.top_p < 1.0:
        kept = _nucleus(weights, taste.top_p)
    if taste.min_p > 0.0:
        enough = np.flatnonzero(weights >= taste.min_p)
        kept = enough if kept is None else np.intersect1d(kept, enough, assume_unique=True)
    return kept


def _nucleus(weights: NDArray[np.float64], top_p: float) -> NDArray[np.int64]:
    """The likeliest that together reach top_p; always one."""
    total = weights.sum()
    # All below this together are less than what may be left out, so the sorting is of few.
    able = np.flatnonzero(weights >= total * (1.0 - top_p) / len(weights) * 0.999)
    order = able[np.argsort(-weights[able], kind="stable")]
    count = int(np.searchsorted(np.cumsum(weights[order]), total * top_p)) + 1
    return np.sort(order[:count])


def _top(values: Floats, count: int) -> NDArray[np.int64]:
    """So many of the largest, in no order; of equal ones at the border those with the lowest numbers."""
    border = np.partition(values, len(values) - count)[len(values) - count]
    above = np.flatnonzero(values > border)
    return np.concatenate([above, np.flatnonzero(values == border)[: count - len(above)]])
