"""The HTTP transport: every request passes one gate (host, origin, token, query), then its route; an answer comes out.

aiohttp's low-level server is used, without its Application: finding the route and building the answer there take more
time than a small run. Routes are values, see http_routes.py; each group of them has a file of its own.
"""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, cast

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import StreamReader

from bridge.config import Settings
from bridge.errors import BadMessage, BridgeError
from bridge.hub import Hub
from bridge.session.guests import Guest, enters
from bridge.transports.http_about import About, Origins, nowhere
from bridge.transports.http_answer import Answer, Closing, Request, empty_answer, error_answer, problem
from bridge.transports.http_events import EventStreams
from bridge.transports.http_metrics import Metrics
from bridge.transports.http_models import Models
from bridge.transports.http_outputs import Outputs
from bridge.transports.http_page import Page
from bridge.transports.http_repeat import RepeatingConnection
from bridge.transports.http_routes import NOTHING, Checked, Route, Router, check_query
from bridge.transports.http_run import Runs
from bridge.transports.http_sessions import Sessions
from bridge.transports.security import Security
from bridge.transports.wires import Wires
from bridge.usage import Usage
from bridge.workspaces import Workspaces

_log = logging.getLogger(__name__)
# Nothing private; the sockets ask themselves.
_OPEN_TO_ALL = frozenset(
    ("/", "/healthz", "/studio/{file}", "/studio/{folder}/{file}", "/api/ws", "/socket.io/", "/socket.io/socket.io.js")
)
_GRACE_SECONDS = 0.5  # for short requests that are under way when the server closes
WebSocketHandler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Mount(Protocol):
    """Some of the paths, with rules of their own about who may call and how errors look."""

    @property
    def routes(self) -> tuple[Route, ...]: ...

    def takes(self, path: str) -> bool: ...

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """As Http.answer: it never raises but for a caller that is gone."""


class Http:
    """Serves the routes on listening sockets, until close(). `more` are routes of other transports on this port.

    `refusals` make the errors of paths whose callers know them in another form than ours, by how these paths begin.
    """

    def __init__(
        self,
        hub: Hub,
        workspaces: Workspaces,
        usage: Usage,
        settings: Settings,
        security: Security,
        wires: Wires,
        more: Iterable[Route] = (),
        refusals: Mapping[str, Callable[[BaseException], Answer]] = NOTHING,
        mounts: Sequence[Mount] = (),
        origins: Origins = nowhere,
    ) -> None:
        self._mounts = tuple(mounts)
        self._refusals = refusals
        self._security = security
        self._settings = settings
        self._closing = False
        self._endless: set[asyncio.Task[Any]] = set()
        self._router = Router([*self._own_routes(hub, workspaces, usage, settings, wires, origins), *more])
        self._server: web.Server | None = None
        self._runner: web.ServerRunner | None = None

    @property
    def routes(self) -> tuple[Route, ...]:
        return (*self._router.routes, *(route for mount in self._mounts for route in mount.routes))

    @property
    def connections(self) -> int:
        return len(self._server.connections) if self._server is not None else 0

    async def serve(self, sockets: Iterable[socket.socket]) -> None:
        """Answer what comes in there, until close()."""
        self._server = server_for(self.answer, self._settings.max_body)
        self._runner = web.ServerRunner(self._server, shutdown_timeout=_GRACE_SECONDS)
        await self._runner.setup()
        for listening in sockets:
            await web.SockSite(self._runner, listening).start()

    async def close(self) -> None:
        """Refuse what is new, end what goes on for ever, let short requests finish. Idempotent."""
        self._closing = True
        for task in tuple(self._endless):
            task.cancel()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    # --- one request -----------------------------------------------------------------------------

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Never raises but for a caller that is gone: what goes wrong is an answer, too."""
        for mount in self._mounts:
            if mount.takes(request.rel_url.raw_path):
                return self._last(await mount.answer(request))
        cors = None
        enters(Guest("http", request.remote or ""))
        try:
            cors = self._security.check(request.method, request.headers)
            if cors is not None and isinstance(request, Request):
                request.cors = cors
            answer = await self._routed(request, cors)
        except (BridgeError, web.HTTPException) as error:
            answer = self._refusal(request)(error if isinstance(error, BridgeError) else problem(error))
        except ConnectionError:
            raise
        except Exception as error:
            answer = self._refusal(request)(error)
        if cors is not None and isinstance(answer, Answer):
            answer.add(cors)
        return self._last(answer)

    def _last(self, answer: web.StreamResponse) -> web.StreamResponse:
        """Nothing comes behind an answer of a server that closes."""
        if self._closing and isinstance(answer, Answer):
            answer.force_close()
        return answer

    def _refusal(self, request: web.BaseRequest) -> Callable[[BaseException], Answer]:
        path = request.rel_url.raw_path
        return next((made for start, made in self._refusals.items() if path.startswith(start)), error_answer)

    async def _routed(self, request: web.BaseRequest, cors: dict[str, str] | None) -> web.StreamResponse:
        method, path = request.method, request.rel_url.raw_path
        if method == "OPTIONS":
            return self._options(request, path, cors)
        if self._closing:
            raise Closing("the bridge is closing", hint="start it again, then ask again")
        route, values = self._router.find(method, path)
        if self._security.asks_token and route.path not in _OPEN_TO_ALL:
            self._security.authorize(request.headers, request.remote, request.query.get("token"))
        query = check_query(route, request.query) if request.query_string else NOTHING
        if route.endless:
            return await self._go_on(route, request, query, values)
        return await route.handler(request, query, *values)

    async def _go_on(
        self, route: Route, request: web.BaseRequest, query: Checked, values: list[str]
    ) -> web.StreamResponse:
        task = asyncio.current_task()
        assert task is not None
        self._endless.add(task)
        try:
            return await route.handler(request, query, *values)
        finally:
            self._endless.discard(task)

    def _options(self, request: web.BaseRequest, path: str, cors: dict[str, str] | None) -> Answer:
        if cors is not None and "Access-Control-Request-Method" in request.headers:
            return empty_answer(self._security.preflight(request.headers, cors))
        offered = self._router.options(path)
        if not offered:
            self._router.find("OPTIONS", path)
        return empty_answer(offered)

    def _own_routes(
        self, hub: Hub, workspaces: Workspaces, usage: Usage, settings: Settings, wires: Wires, origins: Origins
    ) -> list[Route]:
        groups = (
            Page(),
            About(hub, settings, wires, origins, lambda: self.routes),
            Models(hub, usage),
            Sessions(hub, workspaces, settings.max_body),
            Runs(hub, settings.max_body),
            Outputs(hub),
            EventStreams(hub),
            Metrics(hub, lambda: self.connections, wires),
        )
        return [route for group in groups for route in group.routes()]


def server_for(answer: WebSocketHandler, max_body: int) -> web.Server:
    """A low-level server of aiohttp with our requests and connections."""

    def request(
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: web.RequestHandler,
        writer: AbstractStreamWriter,
        task: "asyncio.Task[None]",
    ) -> web.BaseRequest:
        return Request(message, payload, protocol, writer, task, task.get_loop(), client_max_size=max_body)

    return _Server(
        answer,
        request_factory=request,
        handler_cancellation=True,  # a caller that hangs up frees the model
        access_log=None,
        logger=_log,
        keepalive_timeout=75.0,
    )


def websocket_route(handler: WebSocketHandler) -> Route:
    """The WebSocket as a route; its handler looks at the query itself."""

    async def upgraded(request: web.BaseRequest, query: Checked) -> web.StreamResponse:
        return await handler(request)

    summary = "everything over one WebSocket; docs/protocol.md has its messages"
    return Route("GET", "/api/ws", upgraded, summary, answers={}, status=101, inputs_in_query=True, endless=True)


class _Connection(RepeatingConnection):
    """One connection. What is not HTTP at all is answered like any mistake, and leaves no traceback in the log."""

    __slots__ = ("_gone", "_wire")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._gone = self._loop.create_future()
        self._wire = cast(asyncio.Transport, transport)  # aiohttp forgets it before it is closed
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        if not self._gone.done():
            self._gone.set_result(None)

    async def shutdown(self, timeout: float | None = 15.0) -> None:  # noqa: ASYNC109 - aiohttp's own
        """Until it is closed for good; a caller who does not read is not waited for longer than that."""
        await super().shutdown(timeout)
        await asyncio.wait([self._gone], timeout=timeout)
        if not self._gone.done():
            self._wire.abort()
            await self._gone

    def _process_keepalive(self) -> None:
        super()._process_keepalive()
        if self.transport is None and self._wire.get_write_buffer_size():
            self._wire.abort()  # idle, and in all that time it did not read its answer: closing would wait for that

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
            answer = error_answer(BadMessage(f"this is not HTTP: {_first_line(message)}"))
            answer.code = status
        answer.force_close()
        return answer


class _Server(web.Server):
    """aiohttp's server with our connections."""

    def __call__(self) -> web.RequestHandler:
        return _Connection(self, loop=self._loop, **self._kwargs)


def _first_line(message: str | None) -> str:
    return (message or "it can't be read").strip().splitlines()[0].rstrip(":")[:200]
