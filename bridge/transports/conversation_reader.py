"""What one client follows: frames that go from a session's fanout straight to its voice, as fast as it takes them."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

from bridge import wire
from bridge.errors import BridgeError, Cancelled
from bridge.session.fanout import Subscription
from bridge.session.outputs import Frame
from bridge.session.session import Session
from bridge.transports.websocket_link import Source
from bridge.wire import Buffer

_UNBOUNDED = 2**62  # frames on their way: as many as the connection takes


class Shown(NamedTuple):
    """One frame for one subscription."""

    frame: Frame
    id: int
    n: int
    drops: int
    age_ms: float
    binary: bool


class Voice(Protocol):
    """How one client is answered."""

    def say(self, answer: wire.Answer) -> None:
        """A message without bytes."""

    def give(self, answer: wire.Output | wire.Done, binary: bool) -> None:
        """Outputs, which may hold bytes."""

    async def room(self) -> None:
        """Until a message would not have to wait long."""

    def ready(self, source: Source) -> None:
        """This source has a frame: ask it for one when the client can take it."""

    def pack(self, shown: Shown) -> Sequence[Buffer]:
        """A frame as it goes over the wire."""


class Reader:
    """One subscription of one client: its own place in the session's fanout, and its own credit."""

    __slots__ = (
        "_acked",
        "_binary",
        "_clock",
        "_ended",
        "_id",
        "_n",
        "_request",
        "_session",
        "_subscription",
        "_voice",
        "_window",
        "eager",
        "queued",
    )

    def __init__(
        self,
        request: wire.Subscribe,
        session: Session,
        voice: Voice,
        ended: Callable[[int, BridgeError], None],
    ) -> None:
        self.queued = False
        self.eager = request.policy == "all"
        self._id = request.id
        self._request = request
        self._session = session
        self._voice = voice
        self._ended = ended
        self._clock = session.clock
        self._binary = request.binary
        self._window = request.window or _UNBOUNDED
        self._subscription: Subscription | None = None
        self._n = 0
        self._acked = 0

    @property
    def encoding(self) -> Any:
        assert self._subscription is not None
        return self._subscription.encoding

    def open(self) -> None:
        """Begin to follow; what is wrong with the wish is raised."""
        asked = self._request
        self._subscription = self._session.subscribe(asked.port, asked.policy, asked.encoding, wake=self._wake)

    def close(self) -> None:
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            subscription.close()

    def acked(self, n: int) -> None:
        """The client has dealt with frames up to this one."""
        self._acked = max(self._acked, min(n, self._n))
        self._voice.ready(self)

    def next(self) -> Sequence[Buffer] | None:
        """The next frame, if there is one and the client has credit for it."""
        subscription = self._subscription
        if subscription is None or (self._n - self._acked >= self._window and not subscription.ended):
            return None
        try:
            frame = subscription.take()
        except BridgeError as error:
            self._end(error)
            return None
        if frame is None:
            if subscription.ended:
                self._end(Cancelled(f"{self._session.name} was closed"))
            return None
        self._n += 1
        age_ms = (self._clock() - frame.time_in) * 1000
        return self._voice.pack(Shown(frame, self._id, self._n, subscription.drops, age_ms, self._binary))

    def _wake(self) -> None:
        self._voice.ready(self)

    def _end(self, error: BridgeError) -> None:
        self._subscription = None
        self._ended(self._id, error)
