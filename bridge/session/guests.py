"""Who uses a session, and over which wire: for people who wonder where the messages come from."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

from bridge import limits


class Guest(NamedTuple):
    """Somebody who talks to us, as far as we can tell one from another."""

    wire: str  # http, websocket, osc ...
    address: str


_speaking: ContextVar[Guest | None] = ContextVar("speaking", default=None)


def enters(guest: Guest) -> None:
    """What this task does from now on, it does for them."""
    _speaking.set(guest)


@contextmanager
def speaking(guest: Guest) -> Iterator[None]:
    """What is done inside is done for them."""
    token = _speaking.set(guest)
    try:
        yield
    finally:
        _speaking.reset(token)


def speaker() -> Guest | None:
    """Who wanted what is being done; None when it was nobody from outside."""
    return _speaking.get()


class Guests:
    """Those of one session. The ones that left, or were not heard of for long, are forgotten."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._seen: dict[Guest, _Seen] = {}

    def spoke(self, guest: Guest) -> None:
        """A message of theirs came."""
        seen = self._of(guest)
        seen.last = self._clock()
        seen.messages += 1

    def follows(self, guest: Guest, more: int) -> None:
        """They follow so many outputs more, or fewer."""
        seen = self._of(guest)
        seen.last = self._clock()
        seen.follows += more

    def left(self, guest: Guest) -> None:
        """Their connection is over, so they are told of no longer. Harmless for one who was never there."""
        self._seen.pop(guest, None)

    def described(self) -> list[dict[str, Any]]:
        """Those of the last minute who have not left, and all who follow something."""
        now = self._clock()
        return [
            {
                "wire": guest.wire,
                "address": guest.address,
                "messages": seen.messages,
                "follows": seen.follows,
                "seconds_ago": round(now - seen.last, 1),
            }
            for guest, seen in self._seen.items()
            if seen.follows or now - seen.last < limits.GUEST_SECONDS
        ]

    def _of(self, guest: Guest) -> "_Seen":
        seen = self._seen.get(guest)
        if seen is None:
            if len(self._seen) >= limits.GUESTS:
                self._forget_one()
            seen = self._seen[guest] = _Seen(self._clock())
        return seen

    def _forget_one(self) -> None:
        """The one that was quiet for longest; one that follows something only if all do."""
        quietest = min(self._seen, key=lambda guest: (self._seen[guest].follows > 0, self._seen[guest].last))
        del self._seen[quietest]


class _Seen:
    __slots__ = ("follows", "last", "messages")

    def __init__(self, now: float) -> None:
        self.last = now
        self.messages = 0
        self.follows = 0
