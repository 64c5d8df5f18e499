"""OSCQuery: the tree of addresses over HTTP, and a WebSocket that tells what changes; on the port of OSC over TCP.

Whoever may send OSC may ask. Pages are held to the same rules of Host and Origin as everywhere.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Protocol
from urllib.parse import unquote

from aiohttp import web

from bridge.errors import BadMessage, BridgeError, NotFound
from bridge.osc import query
from bridge.osc.addresses import Node
from bridge.transports import websocket_codec
from bridge.transports.base import peer_of
from bridge.transports.http_answer import Answer, MethodNotAllowed, empty_answer, error_answer, json_answer, problem
from bridge.transports.networks import plain
from bridge.transports.oscquery_socket import Listeners
from bridge.transports.security import Security

_METHODS = ("GET", "HEAD", "OPTIONS")
_GRACE_SECONDS = 0.5
_OUTPUT_SECONDS = 2.0  # a model that works on something may take to show its last output
_log = logging.getLogger(__name__)


class Values(Protocol):
    """What stands at addresses."""

    def value_at(self, node: Node) -> list[Any] | None:
        """A live input, or a setting of a walk."""

    async def last_of(self, node: Node) -> list[Any] | None:
        """An output."""


class OscQuery:
    """Answers every connection that speaks HTTP. close() ends them."""

    def __init__(
        self,
        tree: Callable[[], Node],
        values: Values,
        host: Callable[[], query.Host],
        security: Security,
        listeners: Listeners,
    ) -> None:
        self._tree = tree
        self._values = values
        self._host = host
        self._security = security
        self._listeners = listeners
        self._server = _Server(
            self.answer,
            access_log=None,
            logger=_log,
            keepalive_timeout=75.0,
        )

    @property
    def connections(self) -> int:
        return len(self._server.connections)  # those that became WebSockets are still among them

    def connection(self) -> asyncio.Protocol:
        return self._server()

    def shut_out(self, may: Callable[[str], bool]) -> None:
        """End the connections of those who may not ask any more."""
        self._listeners.shut_out(may)
        for connection in self._server.connections:
            transport = connection.transport  # None: a WebSocket has it, or it is gone
            if transport is not None and not may(plain(peer_of(transport).rpartition(":")[0])):
                transport.abort()

    async def close(self) -> None:
        """Idempotent."""
        await self._listeners.close()
        await self._server.shutdown(_GRACE_SECONDS)

    # --- one request -----------------------------------------------------------------------------

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Never raises but for a caller that is gone: what goes wrong is an answer, too."""
        cors = None
        try:
            cors = self._security.check(request.method, request.headers)
            answer = await self._routed(request, cors)
        except (BridgeError, web.HTTPException) as error:
            answer = error_answer(error if isinstance(error, BridgeError) else problem(error))
        except ConnectionError:
            raise
        except Exception as error:
            answer = error_answer(error)
        if cors is not None and isinstance(answer, Answer):
            answer.add(cors)
        return answer

    async def _routed(self, request: web.BaseRequest, cors: dict[str, str] | None) -> web.StreamResponse:
        if request.method not in _METHODS:
            raise MethodNotAllowed(request.method, request.rel_url.raw_path, ", ".join(_METHODS))
        if request.method == "OPTIONS":
            if cors is not None and "Access-Control-Request-Method" in request.headers:
                return empty_answer(self._security.preflight(request.headers, cors))
            return empty_answer({"Allow": ", ".join(_METHODS)})
        if "Upgrade" in request.headers and request.headers["Upgrade"].lower() == "websocket":
            return await self._listeners.handle(request, websocket_codec.accept(request.headers))
        return await self._look(request)

    async def _look(self, request: web.BaseRequest) -> Answer:
        wanted = unquote(request.query_string).partition("&")[0].rstrip("=")
        if wanted == "HOST_INFO":
            return json_answer(self._host().described())
        node = self._node(unquote(request.rel_url.raw_path))
        value_of = await self._value_of(node)
        if not wanted:
            return json_answer(query.described(node, value_of))
        found = query.attribute(node, wanted, value_of)
        if found.status == 400:
            known = ", ".join(query.ATTRIBUTES)
            hint = f"it has {known}; HOST_INFO tells of the server"
            raise BadMessage(f"{wanted[:80]!r} is no attribute that this server has", hint=hint)
        return empty_answer() if found.status == 204 else json_answer(found.value)

    async def _value_of(self, asked: Node) -> query.ValueOf:
        """An output that is asked for itself is got from its model; one among others is not waited for."""
        if asked.method is None or asked.method.kind != "out":
            return self._values.value_at
        try:
            async with asyncio.timeout(_OUTPUT_SECONDS):
                last = await self._values.last_of(asked)
        except (BridgeError, TimeoutError):
            last = None
        return lambda node: last if node is asked else None

    def _node(self, path: str) -> Node:
        node = self._tree().at(path.rstrip("/") or "/")
        if node is None:
            raise NotFound(f"there is no address {path[:200]}", hint="GET / has them all")
        return node


class _Handler(web.RequestHandler):
    """One connection. What is not HTTP at all is answered like any mistake, and leaves no traceback in the log."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has begun and can't become an error")
        if status >= 500 and exc is not None:
            answer = error_answer(exc)
        else:
            first = (message or "it can't be read").strip().splitlines()[0]
            answer = error_answer(BadMessage(f"this is not HTTP: {first[:200]}"))
            answer.code = status
        answer.force_close()
        return answer


class _Server(web.Server):
    """aiohttp's server with our connections."""

    def __call__(self) -> web.RequestHandler:
        return _Handler(self, loop=asyncio.get_running_loop(), **self._kwargs)
