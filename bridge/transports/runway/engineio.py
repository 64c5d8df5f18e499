"""Engine.IO, protocols 3 and 4: clients over polling or WebSocket, and from one to the other while they talk.

The libraries at hand speak one of the two protocols each; old sketches come with clients of both. Why these clients are
others than those of the bridge's own Socket.IO is told in socketio_engine.
"""

import asyncio
import secrets
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

import aiohttp
from aiohttp import web

from bridge import limits
from bridge.errors import BadMessage, Busy, TooLarge
from bridge.transports import engineio_codec as codec
from bridge.transports.engineio_codec import PING_SECONDS, PONG_SECONDS, Packet
from bridge.transports.http_answer import Answer, json_answer
from bridge.transports.http_bodies import read_body
from bridge.transports.http_routes import Checked, Route

_UPGRADE_SECONDS = 10.0
_GOODBYE_SECONDS = 0.3
_PACKETS_WAITING = 256  # that may not be replaced by newer ones
_TEXT = "text/plain; charset=UTF-8"
_BYTES = "application/octet-stream"
# As the clients know them.
_UNKNOWN_TRANSPORT, _UNKNOWN_CLIENT, _BAD_REQUEST = 0, 1, 3
_WORDS = {0: "Transport unknown", 1: "Session ID unknown", 3: "Bad request"}


class App(Protocol):
    """What is spoken over these connections. Called from the loop; may raise BadMessage, which ends the client."""

    def opened(self, client: "Client") -> None: ...

    def received(self, client: "Client", packet: Packet) -> None: ...

    def closed(self, client: "Client") -> None: ...


class Client:
    """One client, whatever carries it just now. What waits for it is bounded, and of what has a key only the newest."""

    def __init__(self, version: int, app: App, gone: "Callable[[Client], None]", clocks: tuple[float, float]) -> None:
        self.id = secrets.token_urlsafe(15)
        self.version = version
        self.closed = False
        self.upgrading = False
        self._app = app
        self._gone = gone
        self._pings, self._pongs = clocks
        self._waiting: deque[tuple[str, Packet]] = deque()
        self._bytes = 0
        self._waiter: asyncio.Future[bool] | None = None
        self._carrier: asyncio.Transport | None = None  # of a WebSocket
        self._loop = asyncio.get_running_loop()
        self._end = self._loop.call_later(self._pings + self._pongs, self.close)
        self._next_ping = self._loop.call_later(self._pings, self._ping) if version >= 4 else None

    @property
    def in_websocket(self) -> bool:
        return self._carrier is not None

    def open(self, max_body: int) -> None:
        """Say how things are here. The first packet of all."""
        upgrades = () if self.in_websocket else ("websocket",)
        most = max_body if self.version >= 4 else None
        self.send(codec.opening(self.id, upgrades, self._pings, self._pongs, most))

    def send(self, packet: Packet, key: str = "") -> None:
        """Never waits. With a key it takes the place of what waits under that key."""
        if self.closed:
            return
        if key:
            for place, (other, old) in enumerate(self._waiting):
                if other == key:
                    del self._waiting[place]
                    self._bytes -= len(old.data)
                    break
        elif len(self._waiting) >= _PACKETS_WAITING or self._bytes > limits.REPLY_BYTES + limits.LOSSLESS_BYTES:
            self.close()  # it does not read
            return
        self._waiting.append((key, packet))
        self._bytes += len(packet.data)
        self._wake(True)

    def receive(self, packet: Packet) -> None:
        """Take one packet in. BadMessage when it makes no sense."""
        self._alive()
        if packet.kind == codec.MESSAGE:
            self._app.received(self, packet)
        elif packet.kind == codec.PING:
            self.send(_pong(packet), "pong")
        elif packet.kind == codec.CLOSE:
            self.close()

    def close(self) -> None:
        """It is gone, or shall go. Idempotent."""
        if self.closed:
            return
        self.closed = True
        self._end.cancel()
        if self._next_ping is not None:
            self._next_ping.cancel()
        self._wake(False)
        if self._carrier is not None:
            self._carrier.abort()  # a reader that has stopped would never take a goodbye
        self._gone(self)
        self._app.closed(self)

    def _alive(self) -> None:
        self._end.cancel()
        if not self.closed:
            self._end = self._loop.call_later(self._pings + self._pongs, self.close)

    def _ping(self) -> None:
        self.send(Packet(codec.PING), "ping")
        if not self.closed:
            self._next_ping = self._loop.call_later(self._pings, self._ping)

    # --- polling ---------------------------------------------------------------------------------

    async def poll(self) -> tuple[Packet, ...]:
        """All that waits, as soon as something does; nothing much when another way has taken over."""
        self.release()
        while self.closed or self.in_websocket or self.upgrading or not self._waiting:
            if self.closed or self.in_websocket or self.upgrading or not await self._news():
                return (Packet(codec.CLOSE if self.closed else codec.NOOP),)
        packets = tuple(packet for _, packet in self._waiting)
        self._waiting.clear()
        self._bytes = 0
        return packets

    def release(self) -> None:
        """Let a poll that waits go with nothing."""
        self._wake(False)

    # --- WebSocket -------------------------------------------------------------------------------

    def carried(self, transport: asyncio.BaseTransport | None) -> bool:
        """From now on a WebSocket carries it. False: it is gone, or another one was quicker."""
        self.upgrading = False
        if self.closed or self.in_websocket:
            return False
        self._carrier = transport if isinstance(transport, asyncio.Transport) else None
        self.release()
        return True

    async def pump(self, socket: web.WebSocketResponse) -> None:
        """What waits goes out one by one, at the pace of the reader, until the client is closed."""
        while not self.closed:
            if not self._waiting:
                await self._news()
                continue
            _, packet = self._waiting.popleft()
            self._bytes -= len(packet.data)
            kind = aiohttp.WSMsgType.BINARY if packet.binary else aiohttp.WSMsgType.TEXT
            await socket.send_frame(codec.to_frame(packet, self.version), kind)

    # --- waiting ---------------------------------------------------------------------------------

    async def _news(self) -> bool:
        self._waiter = waiter = self._loop.create_future()
        try:
            news: bool = await waiter
            return news
        finally:
            if self._waiter is waiter:
                self._waiter = None

    def _wake(self, news: bool) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(news)


class Engine:
    """All clients of one port, as routes."""

    def __init__(self, app: App, max_body: int, clocks: tuple[float, float] = (PING_SECONDS, PONG_SECONDS)) -> None:
        self._app = app
        self._max_body = max_body
        self._clocks = clocks
        self.clients: dict[str, Client] = {}

    def routes(self) -> tuple[Route, ...]:
        return (
            Route("GET", "/socket.io", self.get, "Socket.IO of the old app: polling and WebSocket", endless=True),
            Route("POST", "/socket.io", self.post, "what a Socket.IO client says by polling"),
        )

    def close(self) -> None:
        """Everybody goes. Idempotent."""
        for client in tuple(self.clients.values()):
            client.close()

    async def get(self, request: web.BaseRequest, query: Checked) -> web.StreamResponse:
        transport = request.query.get("transport")
        id = request.query.get("sid")
        if transport not in ("polling", "websocket"):
            return _refused(_UNKNOWN_TRANSPORT)
        client = self.clients.get(id) if id else None
        if id and client is None:
            return _refused(_UNKNOWN_CLIENT)
        if transport == "websocket":
            return await self._websocket(request, client)
        if client is None:
            client = self._new(request)
            client.open(self._max_body)
            self._app.opened(client)
        packets = await client.poll()
        body, binary = codec.to_payload(packets, client.version, "b64" in request.query)
        return Answer(body, _BYTES if binary else _TEXT)

    async def post(self, request: web.BaseRequest, query: Checked) -> web.StreamResponse:
        client = self.clients.get(request.query.get("sid", ""))
        if client is None:
            return _refused(_UNKNOWN_CLIENT)
        body = await read_body(request, self._max_body)
        try:
            binary = request.headers.get("Content-Type", "").startswith(_BYTES)
            for packet in codec.from_payload(body, client.version, binary):
                client.receive(packet)
        except (BadMessage, TooLarge):
            client.close()
            return _refused(_BAD_REQUEST)
        return Answer(b"ok", _TEXT)

    def _new(self, request: web.BaseRequest) -> Client:
        if len(self.clients) >= limits.RUNWAY_CLIENTS:
            raise Busy(
                f"{limits.RUNWAY_CLIENTS} clients are connected here, as many as may be", hint="close one of them"
            )
        version = 4 if request.query.get("EIO") == "4" else 3
        client = Client(version, self._app, self._forget, self._clocks)
        self.clients[client.id] = client
        return client

    def _forget(self, client: Client) -> None:
        self.clients.pop(client.id, None)

    # --- WebSocket -------------------------------------------------------------------------------

    async def _websocket(self, request: web.BaseRequest, client: Client | None) -> web.StreamResponse:
        socket = web.WebSocketResponse(max_msg_size=self._max_body, compress=False, timeout=_GOODBYE_SECONDS)
        if not socket.can_prepare(request):
            return _refused(_BAD_REQUEST)
        if client is None:
            client = self._new(request)
            client.carried(request.transport)
            client.open(self._max_body)
            self._app.opened(client)
            return await self._carried(socket, request, client)
        await socket.prepare(request)
        if not await _upgraded(socket, client, request.transport):
            await socket.close()
            return socket
        return await self._carried(socket, request, client)

    async def _carried(
        self, socket: web.WebSocketResponse, request: web.BaseRequest, client: Client
    ) -> web.StreamResponse:
        """Until either side has enough."""
        try:
            if not socket.prepared:
                await socket.prepare(request)
            await self._carry(socket, client)
        finally:
            client.close()
        return socket

    async def _carry(self, socket: web.WebSocketResponse, client: Client) -> None:
        pumping = asyncio.create_task(_pumped(socket, client), name="Socket.IO client")
        try:
            await _read(socket, client)
        except BadMessage:
            await socket.close(code=aiohttp.WSCloseCode.PROTOCOL_ERROR)
        except asyncio.CancelledError:
            with suppress(Exception):
                async with asyncio.timeout(_GOODBYE_SECONDS):
                    await socket.close(code=aiohttp.WSCloseCode.GOING_AWAY)
            raise
        finally:
            pumping.cancel()
            await asyncio.gather(pumping, return_exceptions=True)


async def _upgraded(socket: web.WebSocketResponse, client: Client, transport: asyncio.BaseTransport | None) -> bool:
    """Whether a client that was polling moved over: it tries the socket first, then says so."""
    if client.in_websocket or client.upgrading:
        return False
    try:
        async with asyncio.timeout(_UPGRADE_SECONDS):
            async for message in socket:
                packet = _packet(message, client.version)
                if packet.kind == codec.PING:
                    await socket.send_frame(
                        codec.to_frame(_pong(packet), 4),
                        aiohttp.WSMsgType.TEXT,
                    )
                    client.upgrading = True
                    client.release()
                elif packet.kind == codec.UPGRADE:
                    return client.carried(transport)
    except (TimeoutError, BadMessage):
        return False
    finally:
        client.upgrading = False
    return False


async def _read(socket: web.WebSocketResponse, client: Client) -> None:
    async for message in socket:
        if client.closed or message.type is aiohttp.WSMsgType.ERROR:
            return
        client.receive(_packet(message, client.version))


async def _pumped(socket: web.WebSocketResponse, client: Client) -> None:
    with suppress(ConnectionError, RuntimeError):  # it hung up: its reading side says so, too
        await client.pump(socket)


def _packet(message: aiohttp.WSMessage, version: int) -> Packet:
    if message.type is aiohttp.WSMsgType.BINARY:
        return codec.from_binary(message.data, version)
    if message.type is aiohttp.WSMsgType.TEXT:
        return codec.from_text(message.data.encode("utf-8", "replace"), version)
    raise BadMessage("a connection broke off")


def _refused(code: int) -> Answer:
    return json_answer({"code": code, "message": _WORDS[code]}, 400)


def _pong(ping: Packet) -> Packet:
    """With what the ping held, which is text: bytes could not come back in a text packet."""
    return Packet(codec.PONG, b"" if ping.binary else ping.data)
