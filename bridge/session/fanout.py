"""How outputs reach their readers: each at its own pace, none at another's cost.

A reader of the newest has one place: what it has not fetched is replaced and counted. A reader of everything has a
buffer with a bound: beyond it the reader is sent away with an error, never served with a gap.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Iterable
from types import TracebackType
from typing import Literal, Self

from bridge import limits
from bridge.errors import BridgeError, Cancelled, TooSlow
from bridge.ports import Encoding
from bridge.session.messages import Wish
from bridge.session.outputs import Event, Frame

Policy = Literal["newest", "all"]


class Subscription:
    """One reader of one port. Use as `async with ... as frames: async for frame in frames`."""

    def __init__(
        self,
        fanout: "Fanout",
        wish: Wish,
        policy: Policy,
        wake: Callable[[], None] | None = None,
        over: Callable[[], None] | None = None,
    ) -> None:
        self.wish = wish
        self.policy = policy
        self.drops = 0
        self._fanout = fanout
        self._frames: deque[Frame] = deque()
        self._bytes = 0
        self._wake = wake  # called when a frame, or the end, is there to be taken
        self._over = over  # called once, when it ends
        self._waiter: asyncio.Future[None] | None = None
        self._end: BridgeError | None = None

    @property
    def port(self) -> str:
        return self.wish[0]

    @property
    def encoding(self) -> Encoding:
        return self.wish[1]

    @property
    def ended(self) -> bool:
        """Nothing will come any more once take() gives None."""
        return self._end is not None

    def take(self) -> Frame | None:
        """The next frame if there is one, without waiting. Raises the error that ended the subscription."""
        if self._frames:
            frame = self._frames.popleft()
            self._bytes -= frame.bytes
            return frame
        if self._end is not None and not isinstance(self._end, Cancelled):
            raise self._end
        return None

    def offer(self, frame: Frame) -> bool:
        """Take a frame in; False when another one had to go for it."""
        if self._end is not None:
            return True
        kept = True
        if self.policy == "newest":
            kept = not self._frames
            self.drops += len(self._frames)
            self._frames.clear()
            self._bytes = 0
        elif len(self._frames) >= limits.LOSSLESS_FRAMES or self._bytes > limits.LOSSLESS_BYTES:
            self._fall_behind()
            return False
        self._frames.append(frame)
        self._bytes += frame.bytes
        self._notify()
        return kept

    def _fall_behind(self) -> None:
        waiting = len(self._frames)
        self._frames.clear()
        self.close(
            TooSlow(
                f"{waiting} outputs of {self.port} waited for this reader, more than are kept",
                hint="read faster, or ask for the newest only",
            )
        )

    def close(self, error: BridgeError | None = None) -> None:
        """End it; what is already there can still be taken. Idempotent."""
        if self._end is None:
            self._end = error or Cancelled("the subscription has ended")
            self._fanout.remove(self)
            if self._over is not None:
                self._over()
            self._notify()

    def _notify(self) -> None:
        if self._wake is not None:
            self._wake()
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Frame:
        while (frame := self.take()) is None:
            if self._end is not None:
                raise StopAsyncIteration
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return frame


class Fanout:
    """All readers of one session."""

    def __init__(self, wishes_changed: Callable[[], None]) -> None:
        self._readers: dict[Wish, list[Subscription]] = {}
        self._newest: dict[Wish, Frame] = {}
        self._wishes_changed = wishes_changed
        self.drops = 0

    @property
    def wishes(self) -> tuple[Wish, ...]:
        """What has to be encoded, each once."""
        return tuple(self._readers)

    @property
    def readers(self) -> int:
        return sum(map(len, self._readers.values()))

    def add(
        self,
        wish: Wish,
        policy: Policy,
        wake: Callable[[], None] | None = None,
        over: Callable[[], None] | None = None,
    ) -> Subscription:
        """A new reader; one of the newest finds the last frame already there, if it was made for somebody."""
        subscription = Subscription(self, wish, policy, wake, over)
        others = self._readers.setdefault(wish, [])
        others.append(subscription)
        if len(others) == 1:
            self._wishes_changed()
        if policy == "newest" and wish in self._newest:
            subscription.offer(self._newest[wish])
        return subscription

    def remove(self, subscription: Subscription) -> None:
        readers = self._readers.get(subscription.wish, [])
        if subscription in readers:
            readers.remove(subscription)
            if not readers:
                del self._readers[subscription.wish]
                self._newest.pop(subscription.wish, None)
                self._wishes_changed()

    def publish(self, frame: Frame) -> None:
        """Hand one frame to everybody who asked for it in this encoding."""
        wish = (frame.port, frame.encoding)
        readers = self._readers.get(wish)
        if readers is None:
            return
        self._newest[wish] = frame
        for reader in tuple(readers):
            if not reader.offer(frame):
                self.drops += 1

    def fail(self, wish: Wish, error: BridgeError) -> None:
        """Send those away who asked for this: it can't be given out like that."""
        for reader in tuple(self._readers.get(wish, ())):
            reader.close(error)

    def newest(self, wish: Wish) -> Frame | None:
        return self._newest.get(wish)

    def close(self, error: BridgeError | None = None) -> None:
        for readers in list(self._readers.values()):
            for reader in tuple(readers):
                reader.close(error)


class Events:
    """What happens, told to whoever listens. A slow listener loses the oldest, and can see how many."""

    def __init__(self) -> None:
        self._listeners: list[EventReader] = []

    @property
    def listeners(self) -> int:
        return len(self._listeners)

    def publish(self, event: Event) -> None:
        for listener in tuple(self._listeners):
            listener.offer(event)

    def subscribe(self, kinds: Collection[str] | None = None) -> "EventReader":
        """Hear of everything, or of these kinds only: then a flood of others drops nothing."""
        return EventReader(self._listeners, kinds)


class EventReader:
    """One listener. Use as `async with events.subscribe() as happening: async for event in happening`."""

    def __init__(self, among: list["EventReader"], kinds: Collection[str] | None = None) -> None:
        self.drops = 0
        self._among = among
        self._kinds = kinds
        self._events: deque[Event] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._closed = False
        among.append(self)

    def offer(self, event: Event) -> None:
        if self._kinds is not None and event.kind not in self._kinds:
            return
        if len(self._events) >= limits.EVENTS_WAITING:
            self._events.popleft()
            self.drops += 1
        self._events.append(event)
        self._notify()

    def take(self) -> Iterable[Event]:
        """All that wait, without waiting for more."""
        events = list(self._events)
        self._events.clear()
        return events

    def close(self) -> None:
        """Stop listening; what already came can still be read. Idempotent."""
        self._closed = True
        if self in self._among:
            self._among.remove(self)
        self._notify()

    def _notify(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        while not self._events:
            if self._closed:
                raise StopAsyncIteration
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return self._events.popleft()
