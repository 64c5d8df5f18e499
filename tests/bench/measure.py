"""Turns, medians and ratios.

Machines are noisy, so nothing is compared across time: each round measures every contender once, each round the other
way round than the one before (A B B A ...), a ratio is taken within a round, and the table shows the median of those
ratios with the lowest and the highest.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median
from typing import NamedTuple

from tests.bench.programs import wait_for_quiet

Sample = Mapping[str, float]  # what one measuring gave, by name


class Spread(NamedTuple):
    """A median, and how far the rounds lay apart."""

    median: float
    low: float
    high: float
    rounds: int


class Goal(NamedTuple):
    """What was promised: at least, or at most, so much."""

    bound: float
    at_least: bool = True
    unit: str = "×"

    def reached(self, value: float) -> bool:
        return value >= self.bound if self.at_least else value <= self.bound

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.bound:g}{' ' if self.unit not in ('×', '') else ''}{self.unit}"


def spread(values: Iterable[float]) -> Spread:
    """Of at least one value."""
    found = sorted(values)
    return Spread(median(found), found[0], found[-1], len(found))


def in_turns(
    contenders: Mapping[str, Callable[[], Sample]],
    rounds: int,
    told: Callable[[str], None],
    before: Callable[[], None] = wait_for_quiet,
) -> dict[str, list[Sample]]:
    """Every contender's samples, one a round."""
    samples: dict[str, list[Sample]] = {name: [] for name in contenders}
    for number in range(rounds):
        names = list(contenders)
        for name in names if number % 2 == 0 else reversed(names):
            before()
            sample = contenders[name]()
            samples[name].append(sample)
            told(f"  round {number + 1}/{rounds}  {name}: " + ", ".join(f"{k} {v:.4g}" for k, v in sample.items()))
    return samples


def there_and_back(contenders: Mapping[str, Callable[[], Sample]]) -> dict[str, Sample]:
    """One sample of each, for contenders that are all running and idle: A B C C B A, the mean of both times."""
    there = {name: measured() for name, measured in contenders.items()}
    back = {name: contenders[name]() for name in reversed(contenders)}
    return {name: {what: (value + back[name][what]) / 2 for what, value in there[name].items()} for name in contenders}


def column(samples: Sequence[Sample], what: str) -> list[float]:
    return [sample[what] for sample in samples]


def ratio(ours: Sequence[Sample], theirs: Sequence[Sample], what: str) -> Spread:
    """Ours divided by theirs, round by round."""
    return spread(a / b for a, b in zip(column(ours, what), column(theirs, what), strict=True))


def difference(ours: Sequence[Sample], theirs: Sequence[Sample], what: str) -> Spread:
    """Ours less theirs, round by round."""
    return spread(a - b for a, b in zip(column(ours, what), column(theirs, what), strict=True))
