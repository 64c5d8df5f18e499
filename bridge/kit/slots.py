"""Which place of the cache a text gets. It stays warm after its text has ended: the next may begin the same. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple


class Seat(NamedTuple):
    """A place for a text, and what of it is known already."""

    slot: int
    source: int  # the slot that holds the beginning; -1 for none. Where it is another, it has to be copied
    shared: int  # tokens


@dataclass
class _Slot:
    tokens: Sequence[int] = ()
    used: bool = False
    left_at: int = 0


@dataclass
class Slots:
    """Places of the cache, by number."""

    count: int
    _slots: list[_Slot] = field(default_factory=list)
    _clock: int = 0

    def __post_init__(self) -> None:
        self._slots = [_Slot() for _ in range(self.count)]

    @property
    def free(self) -> int:
        return sum(not slot.used for slot in self._slots)

    def take(self, tokens: Sequence[int]) -> Seat | None:
        """A place for this text, with as much of its beginning as any place holds; None if all are in use."""
        if not self.free:
            return None
        common = [shared(tokens, slot.tokens) for slot in self._slots]
        # A free one among equals: it need not be copied.
        source = max(range(self.count), key=lambda number: (common[number], not self._slots[number].used, -number))
        if not common[source]:
            return self._seat(self._coldest(), -1, 0)
        if self._replaceable(source, common[source]):
            return self._seat(source, source, common[source])
        return self._seat(self._coldest(but=source), source, common[source])

    def holds(self, slot: int, tokens: Sequence[int]) -> None:
        """What the cache knows at this place now, while it is in use."""
        self._slots[slot].tokens = tokens

    def leave(self, slot: int, tokens: Sequence[int]) -> None:
        """Nobody works there any more; what it holds may be of use."""
        self._clock += 1
        self._slots[slot] = _Slot(tokens, False, self._clock)

    def clear(self) -> None:
        """Forget what all free places hold."""
        for slot in self._slots:
            if not slot.used:
                slot.tokens = ()

    def _replaceable(self, number: int, common: int) -> bool:
        """May its end be lost? Not when that is most of it, and another place is there."""
        slot = self._slots[number]
        return not slot.used and (2 * common >= len(slot.tokens) or self.free == 1)

    def _coldest(self, but: int = -1) -> int:
        """The free place that was left longest ago; of those never used, the first."""
        free = [
            number for number, slot in enumerate(self._slots) if not slot.used and (number != but or self.free == 1)
        ]
        return min(free, key=lambda number: self._slots[number].left_at)

    def _seat(self, slot: int, source: int, common: int) -> Seat:
        self._slots[slot].used = True
        self._slots[slot].tokens = ()
        return Seat(slot, source, common)


def shared(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens two texts begin with in common. Quick: compares slices."""
    high = min(len(one), len(other))
    if not high or one[0] != other[0]:
        return 0
    if one[:high] == other[:high]:
        return high
    low = 1
    while high - low > 1:
        middle = (low + high) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle
    return low
