"""Engine.IO, protocol 4: what python-socketio stands on here, in place of python-engineio's server.

That one queues without bound for a client that does not read, spends two tasks on every message, takes every caller
for one of this machine, and tells broken packets as tracebacks. The clients of this one are in socketio_client.py.

Packets are those of engineio_codec, as in runway/engineio. What carries them is not shared with it: here frames are
made once for all clients and wait in slots of their subscriptions, and nothing else may be lost; there a client has one
place for each kind of event, and in protocol 3 it is the client who pings.
"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from aiohttp import web

from bridge import limits
from bridge.errors import BadMessage, Busy, TooLarge
from bridge.transports import engineio_codec as engine
from bridge.transports import websocket_codec as codec
from bridge.transports.base import peer_of
from bridge.transports.engineio_codec import PING_SECONDS
from bridge.transports.http_answer import Answer, MethodNotAllowed
from bridge.transports.http_bodies import read_body
from bridge.transports.http_routes import Checked
from bridge.transports.socketio_client import PATIENCE_SECONDS, Client, Socket
from bridge.transports.socketio_packet import Message
from bridge.transports.websocket_link import Link, Upgraded

_TEXT = "text/plain; charset=UTF-8"
_NEW = "connect again; socket.io-client does that by itself"
_log = logging.getLogger(__name__)
Handler = Callable[..., Awaitable[None]]


class Engine:
    """All connections of one server. Has the face that python-socketio expects below itself."""

    async_mode = "aiohttp"

    def __init__(self, *, max_body: int, ping: float = PING_SECONDS, **_: object) -> None:
        self._max_body = max_body
        self._ping = ping
        self._handlers: dict[str, Handler] = {}
        self._clients: dict[str, Client] = {}
        self._lives: set[asyncio.Task[None]] = set()

    # --- what python-socketio calls --------------------------------------------------------------

    def on(self, event: str, handler: Handler) -> None:
        """Be told of `connect`, `message` and `disconnect`."""
        self._handlers[event] = handler

    def generate_id(self) -> str:
        """A name that nobody guesses."""
        return secrets.token_urlsafe(15)

    async def send(self, sid: str, data: str) -> None:
        """Say a text to a client, if it is still there."""
        client = self._clients.get(sid)
        if client is not None:
            client.say(Message(b"%d%b" % (engine.MESSAGE, data.encode())))

    # --- what the server calls -------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._clients)

    async def close(self) -> None:
        """End all connections. Idempotent."""
        for client in tuple(self._clients.values()):
            client.close("server shutting down", "the bridge is closing")
        await asyncio.gather(*self._lives, return_exceptions=True)

    async def get(self, request: web.BaseRequest, query: Checked) -> web.StreamResponse:
        """A handshake, a poll, or a WebSocket."""
        if request.method != "GET":
            raise MethodNotAllowed(request.method, request.path, "GET, POST")
        sid = request.query.get("sid")
        transport = request.query.get("transport")
        if transport not in ("polling", "websocket"):
            raise BadMessage("transport is polling or websocket", hint="Socket.IO clients say which", field="transport")
        client = self._known(sid) if sid is not None else None
        if transport == "websocket":
            return await self._socket(request, client)
        if client is None:
            client = self._welcome(request, "websocket")
        elif not client.polling:
            raise BadMessage("this client has a WebSocket by now", hint=_NEW, field="transport")
        return Answer(await client.poll(), _TEXT)

    async def post(self, request: web.BaseRequest, query: Checked) -> web.StreamResponse:
        """Messages of a client that polls."""
        client = self._known(request.query.get("sid", ""))
        if not client.polling:
            raise BadMessage("this client has a WebSocket by now", hint=_NEW, field="transport")
        with self._posting(client):
            for packet in engine.from_payload(await read_body(request, client.most), 4, False):
                client.received(packet)
        return Answer(b"ok", _TEXT)

    # --- one client ------------------------------------------------------------------------------

    @contextmanager
    def _posting(self, client: Client) -> Iterator[None]:
        """What is wrong with a body ends its client: it can't be known what is missing."""
        if client.posting:
            client.close("transport error", "two posts at once")
            raise BadMessage("another request of this client is being read already", hint="send one after the other")
        client.posting = True
        try:
            yield
        except TooLarge as error:
            client.close("too large", error.message)
            raise
        except BadMessage as error:
            client.close("parse error", error.message)
            raise
        except asyncio.CancelledError:
            client.close("transport close")
            raise
        finally:
            client.posting = False

    async def _socket(self, request: web.BaseRequest, client: Client | None) -> web.StreamResponse:
        handshake = codec.accept(request.headers)
        if client is not None and not client.free:
            raise BadMessage("this client has a WebSocket already", hint=_NEW, field="transport")
        if request.transport is None:
            raise ConnectionResetError("the client is gone")
        takes_over = client is not None
        client = client or self._welcome(request)
        link = Link(request.transport, request.protocol, client.most)
        link.open(Socket(client, link, takes_over=takes_over), handshake)
        if takes_over:
            client.expect(link)
        else:
            client.attach(link)
        await link.until_closed()
        return Upgraded()

    def _known(self, sid: str) -> Client:
        client = self._clients.get(sid)
        if client is None or client.closed:
            raise BadMessage("this connection has ended, or was none of ours", hint=_NEW, field="sid")
        return client

    def _welcome(self, request: web.BaseRequest, *upgrades: str) -> Client:
        if request.query.get("EIO") != "4":
            raise BadMessage(
                "this client speaks an old Socket.IO, or none",
                hint="take socket.io-client 3 or 4: /socket.io/socket.io.js is one. Old Runway sketches: see --runway",
                field="EIO",
            )
        if len(self._clients) >= limits.CONNECTIONS:
            most = limits.CONNECTIONS
            raise Busy(f"{most} Socket.IO clients are connected, as many as this bridge takes", hint="close some")
        client = Client(self.generate_id(), min(limits.STRANGER_BYTES, self._max_body), self._ping)
        self._clients[client.sid] = client
        opening = engine.opening(client.sid, upgrades, self._ping, PATIENCE_SECONDS, self._max_body)
        client.say(Message(engine.to_frame(opening, 4)))
        life = asyncio.create_task(self._live(client, request), name=f"socket.io {client.sid}")
        self._lives.add(life)
        life.add_done_callback(self._lives.discard)
        return client

    async def _live(self, client: Client, request: web.BaseRequest) -> None:
        """All that a client says, one after the other, and its end."""
        environ: dict[str, Any] = {"client": client, "headers": request.headers, "peer": request.remote}
        environ |= {"address": peer_of(request.transport), "token": request.query.get("token", "")}
        await self._handlers["connect"](client.sid, environ)
        try:
            while (message := await client.next()) is not None:
                await self._handlers["message"](client.sid, message)
        except Exception:
            _log.exception("a Socket.IO client could not be served")
            client.close("server error")
        finally:
            del self._clients[client.sid]
            await self._handlers["disconnect"](client.sid, client.reason)
