"""One WebSocket connection as an asyncio protocol: the only place that writes to it.

Everything is written whole and at once, from callbacks, as long as the system takes it; nobody's task has to wake up
for a frame. When the system is full, what is lossless waits in the outbox, and frames wait in their sources' own
one-place slots. Replies and frames then take turns, and so do the sources among each other.

It takes the connection over from aiohttp after the handshake: with aiohttp's own writer every frame costs a task
switch and, above 16 KiB, a second write.
"""

import asyncio
import socket
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from bridge import limits
from bridge.transports import websocket_codec as codec
from bridge.transports.websocket_codec import Broken, Decoder
from bridge.wire import Buffer

BEAT_SECONDS = 20.0  # so long a client may be silent before it is asked whether it is there
_SILENT_BEATS = 3  # and so many times, before it is given up
_LAST_WORDS_SECONDS = 1.0  # for the other side to answer our close frame
_SLOW_SECONDS = 0.05  # a client that makes us wait longer is slow: then little may wait in the system,
_KERNEL_BYTES = 128 * 1024  # because that would be pictures which are old on arrival
_ROOM_BYTES = 64 * 1024  # above this much in the outbox, those who can wait do
_GOODBYE_SECONDS = 0.3  # for clients to hear that the bridge is closing
_MESSAGE_BYTES = 256  # what one waiting message costs beside its bytes


class Source(Protocol):
    """Something that has frames to send now and then. `queued` belongs to the link."""

    queued: bool
    eager: bool  # after one frame there may be another at once

    def next(self) -> Sequence[Buffer] | None:
        """The next frame as it goes over the wire, in parts; None if there is none now. Must not raise."""


class Reader(Protocol):
    """What listens to a link."""

    def received(self, opcode: int, data: bytes, oversized: int) -> None: ...

    def lost(self) -> None:
        """The connection is gone. Once."""


class Link(asyncio.Protocol):
    """Sends and receives messages until one side closes."""

    def __init__(
        self, transport: asyncio.Transport, before: asyncio.BaseProtocol, limit: int, beat: float = BEAT_SECONDS
    ) -> None:
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._now = asyncio.get_running_loop().time
        self._transport = transport
        self._before = before  # told of the end, so that the server forgets the connection
        self._decoder = Decoder(limit)
        self._reader: Reader | None = None
        self._paused = False
        self._paused_since = 0.0
        self._held_back = False
        self._closing = False
        self._outbox: deque[tuple[int, list[Buffer]]] = deque()
        self._outbox_bytes = 0
        self._ready: deque[Source] = deque()
        self._waiters: list[asyncio.Future[None]] = []
        self._beat_seconds = beat
        self._heard = True
        self._silent = 0
        self._timer: asyncio.TimerHandle | None = None

    def open(self, reader: Reader, handshake: bytes) -> None:
        """Take the connection over and answer its handshake."""
        self._reader = reader
        self._transport.set_protocol(self)
        self._transport.write(handshake)
        self._transport.set_write_buffer_limits(high=0)
        self._later(self._beat_seconds, self._beat)

    def allow(self, limit: int) -> None:
        """From now on messages may be as large as that."""
        self._decoder.allow(limit)

    @property
    def waiting(self) -> int:
        """Bytes that wait here for the client, frames not counted."""
        return self._outbox_bytes

    # --- sending ---------------------------------------------------------------------------------

    def say(self, opcode: int, parts: Sequence[Buffer]) -> None:
        """Send a message, or let it wait. A client that lets too much wait is sent away."""
        size = sum(map(len, parts))
        self.say_framed([codec.frame_head(opcode, size), *parts], size)

    def say_framed(self, message: list[Buffer], size: int) -> None:
        """The same for frames that are made already: they stay together. `size` is about their bytes."""
        if self._closing:
            return
        if not self._paused and not self._outbox:
            self._transport.writelines(message)
            return
        if self._outbox_bytes > limits.REPLY_BYTES:
            self.abort()
            return
        self._outbox.append((size + _MESSAGE_BYTES, message))
        self._outbox_bytes += size + _MESSAGE_BYTES

    def ready(self, source: Source) -> None:
        """This source has a frame."""
        if source.queued or self._closing:
            return
        if self._paused or self._ready or self._outbox:
            source.queued = True
            self._ready.append(source)
        else:
            self._send_frame(source)
            self._pump()

    async def room(self) -> None:
        """Until a message would not have to wait long. For those who produce at their own pace."""
        while (self._paused or self._outbox_bytes > _ROOM_BYTES) and not self._closing:
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            await waiter

    def _pump(self) -> None:
        while not self._paused and (self._outbox or self._ready):
            if self._outbox:
                size, message = self._outbox.popleft()
                self._outbox_bytes -= size
                self._transport.writelines(message)
            if self._ready and not self._paused:
                self._send_frame(self._ready.popleft())

    def _send_frame(self, source: Source) -> None:
        source.queued = False
        parts = source.next()
        if parts is None:
            return
        self._transport.writelines(parts)
        if source.eager and not source.queued:
            source.queued = True
            self._ready.append(source)

    # --- ending ----------------------------------------------------------------------------------

    def close(self, code: int, reason: str = "") -> None:
        """Say goodbye; nothing is sent after that. The connection ends when the client has answered, or soon."""
        if self._closing:
            return
        self._closing = True
        self._release()
        waiting = [part for _, message in self._outbox for part in message]
        self._forget()
        self._transport.writelines([*waiting, codec.close_frame(code, reason)])
        self._later(_LAST_WORDS_SECONDS, self._transport.abort)

    async def until_closed(self) -> None:
        """Until the connection has ended. When the caller is cancelled, the bridge closes: it says so first."""
        try:
            await asyncio.shield(self.closed)
        except asyncio.CancelledError:
            if not self.closed.done():
                await self._leave()
            raise

    async def _leave(self) -> None:
        """Say that the bridge closes, and don't wait long."""
        self.close(codec.GOING_AWAY, "the bridge is closing")
        await asyncio.wait([self.closed], timeout=_GOODBYE_SECONDS)
        self.abort()
        await self.closed

    def abort(self) -> None:
        """End it at once; what waits is thrown away."""
        self._closing = True
        self._forget()
        self._release()
        self._transport.abort()

    def _forget(self) -> None:
        self._outbox.clear()
        self._ready.clear()
        self._outbox_bytes = 0

    def _release(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    # --- is it still there? ----------------------------------------------------------------------

    def _beat(self) -> None:
        if self._heard:
            self._silent = 0
        elif self._silent >= _SILENT_BEATS:
            self.abort()
            return
        else:
            self._silent += 1
            if not self._paused:
                self.say(codec.PING, [b""])
        self._heard = False
        self._later(self._beat_seconds, self._beat)

    def _later(self, seconds: float, call: Callable[[], object]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, call)

    # --- what the transport calls ----------------------------------------------------------------

    def pause_writing(self) -> None:
        self._paused = True
        self._paused_since = self._now()

    def resume_writing(self) -> None:
        self._paused = False
        if not self._held_back and self._now() - self._paused_since > _SLOW_SECONDS:
            self._held_back = True
            _hold_back(self._transport.get_extra_info("socket"))
        self._pump()
        if not self._paused and self._outbox_bytes <= _ROOM_BYTES:
            self._release()

    def data_received(self, data: bytes) -> None:
        self._heard = True
        try:
            for message in self._decoder.feed(data):
                self._take(message)
        except Broken as error:
            self.close(error.code, error.reason)

    def connection_lost(self, exc: Exception | None) -> None:
        self._closing = True
        self._forget()
        self._release()
        if self._timer is not None:
            self._timer.cancel()
        if self._reader is not None:
            self._reader.lost()
        if not self.closed.done():
            self.closed.set_result(None)
        self._before.connection_lost(exc)

    def _take(self, message: codec.Message) -> None:
        opcode = message.opcode
        if opcode == codec.CLOSE:
            self._goodbye(message.data)
        elif self._closing:
            return
        elif opcode == codec.PING:
            self.say(codec.PONG, [message.data])
        elif opcode != codec.PONG and self._reader is not None:
            self._reader.received(opcode, message.data, message.oversized)

    def _goodbye(self, data: bytes) -> None:
        code = codec.close_code(data)
        self.close(code)
        if self._paused:
            self._transport.abort()
        else:
            self._transport.close()


class Upgraded(web.StreamResponse):
    """What the handler gives back when all is over: nothing is left to write."""

    @property
    def keep_alive(self) -> bool | None:
        return False

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        return None


def _hold_back(connection: socket.socket | None) -> None:
    try:
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _KERNEL_BYTES)
    except OSError:
        return  # then the system buffers as it likes
