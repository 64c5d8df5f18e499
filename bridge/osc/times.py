"""When a bundle is meant: time tags, and what waits for its time. Pure: told the time."""

import heapq
import itertools
from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

from bridge import limits
from bridge.errors import BadMessage, Busy

_NTP_TO_UNIX = 2_208_988_800  # seconds from 1900 to 1970
AT_ONCE = 1
T = TypeVar("T")


def tag(unix: float) -> int:
    """The time tag of a moment."""
    return int((unix + _NTP_TO_UNIX) * 2**32)


def delay(time_tag: int, now: float) -> float:
    """Seconds until then, less than 0 when it is over; 0 for at once. BadMessage if it is too far ahead."""
    if time_tag <= AT_ONCE:
        return 0.0
    ahead = time_tag / 2**32 - _NTP_TO_UNIX - now
    if ahead > limits.OSC_HORIZON_SECONDS:
        said = f"a bundle came that is meant {ahead:.0f} s ahead; up to {limits.OSC_HORIZON_SECONDS:g} s are taken"
        raise BadMessage(said, hint="do the clocks of both machines agree?")
    return ahead


class _Entry(NamedTuple, Generic[T]):
    at: float
    number: int
    size: int
    what: T


class Schedule(Generic[T]):
    """What waits for its time, up to a bound."""

    def __init__(self) -> None:
        self._heap: list[_Entry[T]] = []
        self._numbers = itertools.count()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._heap)

    def add(self, at: float, what: T, size: int) -> None:
        """Let it wait; Busy if too much does already."""
        if len(self._heap) >= limits.OSC_SCHEDULED or self._bytes + size > limits.OSC_SCHEDULED_BYTES:
            most = f"{limits.OSC_SCHEDULED} bundles, or {limits.OSC_SCHEDULED_BYTES} bytes of them,"
            raise Busy(f"{most} wait for their time already", hint="send bundles nearer to their time")
        self._bytes += size
        heapq.heappush(self._heap, _Entry(at, next(self._numbers), size, what))

    @property
    def next(self) -> float | None:
        """When something is due; None if nothing waits."""
        return self._heap[0].at if self._heap else None

    def take(self, now: float) -> T | None:
        """What is meant for now or before: by order of time, then as it came. None if nothing is."""
        if not self._heap or self._heap[0].at > now:
            return None
        entry = heapq.heappop(self._heap)
        self._bytes -= entry.size
        return entry.what

    def keep(self, wanted: Callable[[T], bool]) -> None:
        """Forget all that is not wanted any more: there is room for others then."""
        self._heap = [entry for entry in self._heap if wanted(entry.what)]
        heapq.heapify(self._heap)
        self._bytes = sum(entry.size for entry in self._heap)

    def clear(self) -> None:
        self._heap.clear()
        self._bytes = 0
