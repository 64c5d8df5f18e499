"""What may take longer than its share of a turn of the loop is done in steps, and others have their turn in between."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator

from bridge import limits

Steps = Iterator[bool]  # True: what was done so far can be looked at, False: it is in the middle of something


class Backlog:
    """One thing at a time, in slices. Others that came meanwhile wait for it, within a bound."""

    def __init__(self, refresh: Callable[[], object], settle: Callable[[], object]) -> None:
        """refresh() before each slice but the first; settle() after those that end with nothing half done."""
        self._refresh = refresh
        self._settle = settle
        self._current: Steps | None = None
        self._waiting: deque[tuple[Steps, int, str]] = deque()
        self._bytes = 0
        self._until = 0.0
        self._soon: asyncio.Handle | None = None

    @property
    def busy(self) -> bool:
        """In the middle of something: nothing else can begin."""
        return self._current is not None

    @property
    def over(self) -> bool:
        """Whether it is the turn of others."""
        return self._current is not None or time.monotonic() > self._until

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def begin_turn(self) -> None:
        """From now on its time counts."""
        self._until = time.monotonic() + limits.OSC_SLICE_SECONDS

    def start(self, steps: Steps) -> None:
        """At once, as far as this turn goes; the rest in the turns to come. Not while it is busy."""
        self._current = steps
        if not self._went_through():
            self._go_on_soon()

    def has_room(self, size: int) -> bool:
        """Whether something of so many bytes may wait."""
        return len(self._waiting) < limits.OSC_WAITING and self._bytes + size <= limits.OSC_WAITING_BYTES

    def wait(self, steps: Steps, size: int, host: str = "") -> None:
        """In its turn. `host`: of whoever sent it."""
        self._waiting.append((steps, size, host))
        self._bytes += size
        self._go_on_soon()

    def shut_out(self, may: Callable[[str], bool]) -> None:
        """Forget what those sent who may not any more."""
        self._waiting = deque(one for one in self._waiting if not one[2] or may(one[2]))
        self._bytes = sum(size for _, size, _ in self._waiting)

    def close(self) -> None:
        """Forget all of it. Idempotent."""
        self._current = None
        self._waiting.clear()
        self._bytes = 0
        if self._soon is not None:
            self._soon.cancel()
            self._soon = None

    def _go_on_soon(self) -> None:
        if self._soon is None:
            self._soon = asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self) -> None:
        """One slice."""
        self._soon = None
        self.begin_turn()
        self._refresh()
        while self._next() and self._went_through() and not self.over:
            pass
        if self._current is None:
            self._settle()
        if self._current is not None or self._waiting:
            self._go_on_soon()

    def _next(self) -> bool:
        """Go on with what was begun, or begin what waits."""
        if self._current is None and self._waiting:
            self._current, size, _ = self._waiting.popleft()
            self._bytes -= size
        return self._current is not None

    def _went_through(self) -> bool:
        """Whether the current one came to its end before the time did."""
        assert self._current is not None
        for whole in self._current:
            if time.monotonic() > self._until:
                if whole:
                    self._settle()
                return False
        self._current = None
        return True
