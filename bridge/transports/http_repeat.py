"""The short way for a call that comes again: the same head, byte for byte, on the same connection.

A head that was read once, passed every check and led to a plain run means the same the next time, so only its body is
looked at. No parsing, no header map, no task: a small run then takes half the time. Whatever differs in any way, even
in the length of the body, takes the usual way, so nothing here has to understand HTTP.
"""

import asyncio
from typing import Any, Protocol

from aiohttp import web
from aiohttp.http_parser import RawRequestMessage

from bridge import limits
from bridge.session.guests import Guest, speaking
from bridge.session.run import RunHandle

_HEADS = 32  # remembered of one connection
_HEAD_BYTES = 2048  # a longer one is not remembered
_HELD_BYTES = 64 * 1024  # sent ahead while a call is under way; beyond it we stop reading
_HEAD_END = b"\r\n\r\n"
_LOST = -1


class Repeat(Protocol):
    """What a head leads to."""

    def start(self, body: bytes) -> RunHandle | None:
        """The run that this body asks for, None when the usual way has to be taken. Raises what is wrong with it."""

    def answer(self, run: RunHandle, late: bool) -> bytes:
        """The whole answer to a run that has ended; `late`: it was ended because it took too long. Never raises."""

    def refusal(self, error: Exception) -> bytes:
        """The whole answer when the run could not be started. Never raises."""


class RepeatingConnection(web.RequestHandler):
    """One connection, with the heads that it has seen."""

    __slots__ = (
        "_ahead",
        "_asked",
        "_call",
        "_guest",
        "_heads",
        "_idle",
        "_leaving",
        "_left",
        "_limit",
        "_repeat",
        "run_seconds",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.run_seconds = limits.RUN_SECONDS
        self._heads: dict[bytes, tuple[int, Repeat]] = {}
        self._asked: tuple[bytes, int] | None = None  # head and length of the body that aiohttp is answering
        self._left = 0  # bytes that aiohttp's parser needs until it stands between two requests; _LOST: nobody knows
        self._call: RunHandle | None = None  # the run of the short way that is under way
        self._repeat: Repeat | None = None
        self._limit: asyncio.TimerHandle | None = None
        self._guest = Guest("http", "")
        self._ahead = b""
        self._leaving = False
        self._idle: asyncio.Future[None] | None = None

    def remember(self, repeat: Repeat, length: int) -> None:
        """The head that is being answered, with a body of that length, leads straight to this from now on."""
        asked = self._asked
        if asked is None or asked[1] != length or self._left:
            return
        if len(asked[0]) <= _HEAD_BYTES and len(self._heads) < _HEADS:
            self._heads[asked[0]] = (length, repeat)

    # --- what the transport calls ----------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        peer = transport.get_extra_info("peername")
        self._guest = Guest("http", str(peer[0]) if peer else "")

    def data_received(self, data: bytes) -> None:
        if self._call is not None:
            self._hold(data)
        elif not data or not self._is_known(data):
            self._feed(data)

    def connection_lost(self, exc: BaseException | None) -> None:
        call, self._call = self._call, None
        if call is not None:
            call.cancel()  # a caller that hangs up frees the model
            self._over()
        super().connection_lost(exc)

    def _is_known(self, data: bytes) -> bool:
        """Whether this is a call that we have seen; then it has been begun."""
        self._asked = None
        end = data.find(_HEAD_END) if self._is_idle() else -1
        if end < 0:
            return False
        head, length = data[:end], len(data) - end - len(_HEAD_END)
        known = self._heads.get(head)
        if known is not None and known[0] == length:
            if self._begin(known[1], data[end + len(_HEAD_END) :]):
                return True
            del self._heads[head]  # it means something else by now
        self._asked = (head, length)
        return False

    def _is_idle(self) -> bool:
        """Nothing is under way on the usual way, not half a head, and the caller has read what it was told before."""
        waiter = self._waiter
        if waiter is None or waiter.done() or self._messages or self._left or self._paused:
            return False
        return not self._close and not self._force_close

    # --- the usual way ---------------------------------------------------------------------------

    def _feed(self, data: bytes) -> None:
        """Hand it to aiohttp, and know where in a request that leaves its parser."""
        seen = len(self._messages)
        super().data_received(data)
        if data and self._left != _LOST:
            self._left = max((self._left or self._length(data, seen)) - len(data), _LOST)

    def _length(self, data: bytes, seen: int) -> int:
        """The bytes of the request that begins this data, where that is easily told."""
        end = data.find(_HEAD_END)
        if end < 0 or len(self._messages) != seen + 1:
            return _LOST
        message = self._messages[-1][0]
        if not isinstance(message, RawRequestMessage) or message.chunked or message.upgrade:
            return _LOST
        return end + len(_HEAD_END) + int(message.headers.get("Content-Length", 0))

    # --- one call --------------------------------------------------------------------------------

    def _begin(self, repeat: Repeat, body: bytes) -> bool:
        """False: it has to take the usual way."""
        try:
            with speaking(self._guest):
                call = repeat.start(body)
        except Exception as error:
            self._write(repeat.refusal(error))
            return True
        if call is None:
            return False
        self._call, self._repeat = call, repeat
        self._limit = self._loop.call_later(self.run_seconds, call.cancel)
        call.then(self._ended)
        return True

    def _ended(self, call: RunHandle) -> None:
        if call is not self._call or self._repeat is None or self._limit is None:
            return
        self._call = None
        late = self._loop.time() >= self._limit.when()
        self._write(self._repeat.answer(call, late))
        self._over()
        if self._leaving:
            super().close()
        elif self._ahead:
            self._go_on()

    def _over(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
        if self._idle is not None and not self._idle.done():
            self._idle.set_result(None)

    def _write(self, answer: bytes) -> None:
        self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
        if self.transport is not None:
            self.transport.write(answer)

    # --- what comes while a call is under way ----------------------------------------------------

    def _hold(self, data: bytes) -> None:
        self._ahead += data
        if len(self._ahead) > _HELD_BYTES and self.transport is not None:
            self.transport.pause_reading()

    def _go_on(self) -> None:
        data, self._ahead = self._ahead, b""
        if len(data) > _HELD_BYTES and self.transport is not None:
            self.transport.resume_reading()
        self.data_received(data)

    # --- aiohttp takes a connection on the short way for an idle one -----------------------------

    def close(self) -> None:
        self._heads.clear()
        self._leaving = True
        if self._call is None:
            super().close()

    async def shutdown(self, timeout: float | None = 15.0) -> None:  # noqa: ASYNC109 - aiohttp's own
        if self._call is not None:
            self._idle = self._loop.create_future()
            await asyncio.wait([self._idle], timeout=timeout)
        await super().shutdown(timeout)

    def _process_keepalive(self) -> None:
        if self._call is None:
            super()._process_keepalive()
        else:
            self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
            self._keepalive_handle = self._loop.call_at(self._next_keepalive_close_time, self._process_keepalive)
