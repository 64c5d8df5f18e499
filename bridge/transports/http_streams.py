"""Answers that go on: server-sent events and frames, each held back to the pace of its reader."""

import asyncio
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Any, Self, TypeVar

from aiohttp import web

from bridge.transports.base import dump_json
from bridge.transports.http_answer import Request

BEAT_SECONDS = 15.0  # so long a stream may say nothing before it shows that it is alive
_KERNEL_BYTES = 128 * 1024  # of one stream may wait in the system; more would be pictures that are old when they arrive
_Item = TypeVar("_Item")


class Stream:
    """An open answer. Every send waits until the system has taken the bytes, so nothing piles up here."""

    def __init__(self, request: web.BaseRequest, kind: str, headers: Mapping[str, str] | None = None) -> None:
        self._request = request
        self.response = web.StreamResponse(
            headers={
                "Content-Type": kind,
                "Server": "sketchbridge",
                "Cache-Control": "no-store",
                "X-Content-Type-Options": "nosniff",
                "X-Accel-Buffering": "no",  # a proxy in front must not collect it
                **(headers or {}),
                **((request.cors if isinstance(request, Request) else None) or {}),
            }
        )

    @property
    def wanted(self) -> bool:
        """Whether anything but the headers is wanted."""
        return self._request.method != "HEAD"

    async def open(self) -> Self:
        transport = self._request.transport
        if transport is not None:
            transport.set_write_buffer_limits(high=0)
            _hold_back(transport.get_extra_info("socket"))
        await self.response.prepare(self._request)
        return self

    async def send(self, data: bytes) -> None:
        await self.response.write(data)
        await self._request.writer.drain()

    async def event(self, kind: str, value: Any) -> None:
        """One server-sent event."""
        await self.send(_event(kind, value))

    async def end(self, kind: str, value: Any) -> None:
        """The event behind which nothing comes."""
        await self.last(_event(kind, value))

    async def last(self, data: bytes) -> None:
        """Bytes behind which nothing comes. A reader who has not taken what came before is hung up on."""
        transport = self._request.transport
        if transport is None or transport.get_write_buffer_size():
            if transport is not None:
                transport.abort()
            raise ConnectionResetError("the reader has stopped reading")
        await self.send(data)

    async def beat(self) -> None:
        """A line that readers skip; it finds out whether somebody is still there."""
        await self.send(b": still here\n\n")


async def with_beats(source: AsyncIterator[_Item]) -> AsyncGenerator[_Item | None]:
    """What the source gives, and None when it has been silent for a while."""
    while True:
        try:
            async with asyncio.timeout(BEAT_SECONDS):
                item = await anext(source)
        except StopAsyncIteration:
            return
        except TimeoutError:
            yield None
        else:
            yield item


def _event(kind: str, value: Any) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), dump_json(value))


def _hold_back(connection: Any) -> None:
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _KERNEL_BYTES)
    except (AttributeError, OSError):
        return  # a transport without a socket of its own buffers as it likes
