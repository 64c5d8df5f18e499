"""One Engine.IO connection: it polls at first, or for good, or it is a WebSocket.

Whichever it is, messages are lossless within a bound, and frames wait in their sources' own one-place slots until the
client can take them: when its WebSocket has room, or when it asks the next time.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from bridge import limits
from bridge.errors import BadMessage
from bridge.transports import engineio_codec as engine
from bridge.transports import websocket_codec as codec
from bridge.transports.engineio_codec import PING_SECONDS, Packet
from bridge.transports.socketio_packet import Message
from bridge.transports.websocket_link import Link, Source
from bridge.wire import Buffer

PATIENCE_SECONDS = engine.PONG_SECONDS
_CONNECT_SECONDS = 10.0  # for a connection to have one to our namespace
_PROBE_SECONDS = 10.0  # for a WebSocket to take over from polling
_POLL_PACKETS = 14  # from so many on no more are begun: python-socketio's client takes 16 at once
_ROOM_BYTES = 64 * 1024  # above this much in the outbox, those who can wait do
_MESSAGE_BYTES = 256  # what one waiting message costs beside its bytes
_CODES = {"transport error": codec.POLICY, "parse error": codec.PROTOCOL_ERROR, "too large": codec.TOO_BIG}


class Client:
    """Sends and receives messages until one side closes; then next() gives None."""

    def __init__(self, sid: str, most: int, ping: float = PING_SECONDS) -> None:
        self.sid = sid
        self.most = most  # bytes of one message, attachments and all, that it may send
        self.closed = False
        self.reason = ""
        self.posting = False  # a POST of it is being read
        self._loop = asyncio.get_running_loop()
        self._link: Link | None = None
        self._next: Link | None = None  # it is to take over from polling
        self._upgrading = False  # and has asked to
        self._inbox: deque[str | bytes] = deque()
        self._binary = 0  # bytes of attachments since the last text
        self._news: asyncio.Future[None] | None = None
        self._outbox: deque[Message] = deque()
        self._outbox_bytes = 0
        self._ready: deque[Source] = deque()
        self._waiters: list[asyncio.Future[None]] = []
        self._poll: asyncio.Future[None] | None = None
        self._ping_seconds = ping
        self._timer = self._loop.call_later(ping, self._ping)
        self._patience: asyncio.TimerHandle | None = None
        self.hurry()

    @property
    def polling(self) -> bool:
        """No WebSocket has taken over."""
        return self._link is None

    @property
    def free(self) -> bool:
        """A WebSocket may take over."""
        return self._link is None and self._next is None and not self.closed

    @property
    def waiting(self) -> int:
        """Bytes that wait here for the client, frames not counted."""
        return self._outbox_bytes if self._link is None else self._link.waiting

    def allow(self, most: int) -> None:
        """From now on its messages may be as large as that."""
        self.most = most
        for link in (self._link, self._next):
            if link is not None:
                link.allow(most)

    def hurry(self) -> None:
        """It is connected to no namespace: it may be so for a while only."""
        self.settle()
        if not self.closed:
            self._patience = self._loop.call_later(_CONNECT_SECONDS, self.close, "transport close", "nothing was asked")

    def settle(self) -> None:
        """It is connected to one."""
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    # --- what comes ------------------------------------------------------------------------------

    async def next(self) -> str | bytes | None:
        """The next message, text or attachment; None when there will be none any more."""
        while not self._inbox:
            if self.closed:
                return None
            self._news = self._loop.create_future()
            await self._news
        return self._inbox.popleft()

    def received(self, packet: Packet) -> None:
        """A packet came. BadMessage if it can't be meant."""
        if self.closed:
            return
        if packet.kind == engine.MESSAGE:
            self._take(packet.data if packet.binary else packet.data.decode())
        elif packet.kind == engine.PONG:
            self._later(self._ping_seconds, self._ping)
        elif packet.kind == engine.CLOSE:
            self.close("client disconnect")
        else:
            raise BadMessage(f"this is not Socket.IO: a packet {packet.kind} came out of turn")

    def _take(self, data: str | bytes) -> None:
        self._binary = self._binary + len(data) if isinstance(data, bytes) else 0
        if self._binary > self.most:
            self.too_large(self._binary)
            return
        self._inbox.append(data)
        _set(self._news)

    def too_large(self, size: int) -> None:
        """A message came that is larger than is taken. The connection ends: the rest of it can't be told apart."""
        self.close("too large", f"{size} bytes came at once; up to {self.most} are taken")

    # --- what goes -------------------------------------------------------------------------------

    def say(self, message: Message) -> None:
        """Send a message, or let it wait. A client that lets too much wait is sent away."""
        if self.closed:
            return
        if self._link is not None:
            self._link.say_framed(message.framed(), message.size)
        elif self._outbox_bytes > limits.REPLY_BYTES:
            self.close("transport error", "too much waited")
        else:
            self._outbox.append(message)
            self._outbox_bytes += message.size + _MESSAGE_BYTES
            _set(self._poll)

    def ready(self, source: Source) -> None:
        """This source has a frame."""
        if self._link is not None:
            self._link.ready(source)
        elif not source.queued and not self.closed:
            source.queued = True
            self._ready.append(source)
            _set(self._poll)

    async def room(self) -> None:
        """Until a message would not have to wait long."""
        while self._link is None and self._outbox_bytes > _ROOM_BYTES and not self.closed:
            waiter = self._loop.create_future()
            self._waiters.append(waiter)
            await waiter
        if self._link is not None:
            await self._link.room()

    # --- polling ---------------------------------------------------------------------------------

    async def poll(self) -> bytes:
        """All that waits, as soon as something does. A second one at the same time is a mistake that ends both."""
        if self._poll is not None:
            self.close("transport error", "two polls at once")
            raise BadMessage("another request of this client is waiting already", hint="ask one after the other")
        parts = self._waiting_parts()
        while not parts and not (self.closed or self._upgrading or self._link):
            self._poll = self._loop.create_future()
            try:
                await self._poll
            except asyncio.CancelledError:
                self.close("transport close")
                raise
            finally:
                self._poll = None
            parts = self._waiting_parts()
        if self.closed:
            parts.append(b"%d" % engine.CLOSE)
        return engine.SEPARATOR.join(parts or [b"%d" % engine.NOOP])

    def _waiting_parts(self) -> list[Buffer]:
        """Messages, and a frame of each source, up to a bound; the rest at the next poll."""
        parts: list[Buffer] = []
        size = 0
        sources, self._ready = self._ready, deque()
        while (self._outbox or sources) and size < limits.POLL_BYTES and len(parts) < _POLL_PACKETS:
            more = self._next_message() if self._outbox else self._frame_of(sources.popleft(), sources)
            parts += more
            size += sum(map(len, more))
        self._ready.extendleft(reversed(sources))
        if self._outbox_bytes <= _ROOM_BYTES:
            self._release()
        return parts

    def _next_message(self) -> Sequence[Buffer]:
        message = self._outbox.popleft()
        self._outbox_bytes -= message.size + _MESSAGE_BYTES
        return message.polled()

    @staticmethod
    def _frame_of(source: Source, sources: deque[Source]) -> Sequence[Buffer]:
        source.queued = False
        parts = source.next()
        if parts is None:
            return ()
        if source.eager and not source.queued:
            source.queued = True
            sources.append(source)
        return parts

    # --- WebSocket -------------------------------------------------------------------------------

    def attach(self, link: Link) -> None:
        """From now on everything goes through this WebSocket."""
        self._link, self._next, self._upgrading = link, None, False
        for message in self._outbox:
            link.say_framed(message.framed(), message.size)
        sources = tuple(self._ready)
        self._forget()
        for source in sources:
            source.queued = False
            link.ready(source)
        self._release()
        _set(self._poll)

    def expect(self, link: Link) -> None:
        """This WebSocket is about to ask whether it may take over."""
        self._next = link

    def probed(self, link: Link) -> None:
        """It did: the poll that waits is answered, so that the client can go on."""
        self._upgrading = True
        link.say(codec.TEXT, [b"3probe"])
        _set(self._poll)

    def detach(self, link: Link) -> None:
        """This WebSocket has ended."""
        if link is self._next:
            self._next, self._upgrading = None, False
        if link is self._link:
            self.close("transport close")

    # --- ending ----------------------------------------------------------------------------------

    def close(self, reason: str, told: str = "") -> None:
        """End it; what waits is still sent if the client listens. Idempotent."""
        if self.closed:
            return
        self.closed = True
        self.reason = reason
        self._timer.cancel()
        self.settle()
        if self._poll is None:
            self._forget()
        self._release()
        _set(self._news)
        _set(self._poll)
        for link in (self._link, self._next):
            if link is not None:
                link.close(_CODES.get(reason, codec.NORMAL), told)

    def _forget(self) -> None:
        self._outbox.clear()
        self._outbox_bytes = 0
        self._ready.clear()

    def _release(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            _set(waiter)

    # --- is it still there? ----------------------------------------------------------------------

    def _ping(self) -> None:
        self.say(Message(b"%d" % engine.PING))
        self._later(PATIENCE_SECONDS, self._gone)

    def _gone(self) -> None:
        self.close("ping timeout", "no answer to a ping")

    def _later(self, seconds: float, call: Callable[[], object]) -> None:
        self._timer.cancel()
        self._timer = self._loop.call_later(seconds, call)


class Socket:
    """What a client's WebSocket hears, from the probe on where it takes over from polling."""

    def __init__(self, client: Client, link: Link, *, takes_over: bool) -> None:
        self._client = client
        self._link = link
        self._turn = engine.PING if takes_over else None  # the packet that has to come now
        self._timer = asyncio.get_running_loop().call_later(_PROBE_SECONDS, self._too_late) if takes_over else None

    def received(self, opcode: int, data: bytes, oversized: int) -> None:
        """A message came. What is wrong with it ends the connection."""
        try:
            if oversized:
                self._client.too_large(oversized)
                return
            packet = engine.from_text(data, 4) if opcode == codec.TEXT else engine.from_binary(data, 4)
            if self._turn is None:
                self._client.received(packet)
            else:
                self._probe(packet, self._turn)
        except BadMessage as error:
            if self._turn is None:
                self._client.close("parse error", error.message)
            self._link.close(codec.PROTOCOL_ERROR, error.message)  # a client whose probe failed goes on polling

    def lost(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._client.detach(self._link)

    def _probe(self, packet: Packet, due: int) -> None:
        if packet.kind != due or (due == engine.PING and packet.data != b"probe"):
            raise BadMessage("this is not Socket.IO: a probe was due")
        if due == engine.PING:
            self._turn = engine.UPGRADE
            self._client.probed(self._link)
            return
        self._turn = None
        if self._timer is not None:
            self._timer.cancel()
        self._client.attach(self._link)

    def _too_late(self) -> None:
        self._link.close(codec.POLICY, "the probe took too long")


def _set(future: "asyncio.Future[None] | None") -> None:
    if future is not None and not future.done():
        future.set_result(None)
