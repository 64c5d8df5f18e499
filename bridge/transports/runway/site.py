"""HTTP as the old servers speak it: routes, open to every page, errors as one text. On ports of its own, or mounted."""

import asyncio
import contextlib
import re
import socket
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Self

from aiohttp import web

from bridge.errors import BridgeError, InputError, NotFound, Unauthorized
from bridge.transports.base import told
from bridge.transports.http import server_for
from bridge.transports.http_answer import Answer, MethodNotAllowed, empty_answer, json_answer, problem
from bridge.transports.http_routes import NOTHING, Route, Router
from bridge.transports.runway.gate import Gate

_GRACE_SECONDS = 0.3
_STATUS = {"unauthorized": 401, "forbidden": 403, "method_not_allowed": 405, "too_large": 413, "busy": 429}
_CORS = {"Access-Control-Allow-Origin": "*"}
_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, HEAD, POST, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": "Accept, Authorization, Cache-Control, Content-Type, X-Runway-Output-Format",
    "Access-Control-Allow-Private-Network": "true",
    "Access-Control-Max-Age": "600",
}


def error_body(error: BaseException) -> dict[str, Any]:
    """An error as old clients read it: one text. What newer ones may want to know stands beside it."""
    info = told(error)
    text = f"{info.message}; {info.hint}" if info.hint else info.message
    return {"error": text, "code": info.code, "field": info.field}


def error_answer(error: BaseException) -> Answer:
    """With a status that these clients understand: their own fault is a 400, the model's a 500."""
    answer = json_answer(error_body(error), _status(error))
    if isinstance(error, MethodNotAllowed):
        answer.add({"Allow": error.allowed})
    if isinstance(error, Unauthorized):
        answer.add({"WWW-Authenticate": 'Bearer realm="sketchbridge"'})
    return answer


def _status(error: BaseException) -> int:
    code = getattr(error, "code", "")
    if code in _STATUS:
        return _STATUS[code]
    return 404 if isinstance(error, NotFound) else 400 if isinstance(error, InputError) else 500


class Site:
    """Some routes behind one gate. `answer` never raises but for a caller that is gone."""

    def __init__(
        self,
        routes: Iterable[Route],
        gate: Gate,
        *,
        credentials: bool = False,
        refusal: Callable[[BaseException], Answer] = error_answer,
    ) -> None:
        self._router = Router(routes)
        self._gate = gate
        self._refusal = refusal
        self._credentials = credentials  # the clients of Socket.IO 2.x ask for them in browsers, without having any
        self.endless: set[asyncio.Task[Any]] = set()

    @property
    def routes(self) -> tuple[Route, ...]:
        return self._router.routes

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        cors = self.cors(request.headers)
        try:
            answer = await self._routed(request)
        except (BridgeError, web.HTTPException) as error:
            answer = self._refusal(error if isinstance(error, BridgeError) else problem(error))
        except ConnectionError:
            raise
        except Exception as error:
            answer = self._refusal(error)
        if isinstance(answer, Answer):
            answer.add(cors)
        return answer

    def cors(self, headers: Mapping[str, str]) -> dict[str, str]:
        """What lets the page that calls read the answer."""
        origin = headers.get("Origin")
        if not self._credentials or origin is None:
            return _CORS
        return {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Allow-Credentials": "true",
            "Vary": "Origin",
        }

    async def _routed(self, request: web.BaseRequest) -> web.StreamResponse:
        path = tidy(request.rel_url.raw_path)
        if request.method == "OPTIONS":
            return empty_answer(_PREFLIGHT)
        self._gate.check(request.headers, request.remote, request.query.get("token"))
        route, values = self._found(request.method, path)
        if not route.endless:
            return await route.handler(request, NOTHING, *values)
        task = asyncio.current_task()
        assert task is not None
        self.endless.add(task)
        try:
            return await route.handler(request, NOTHING, *values)
        finally:
            self.endless.discard(task)

    def _found(self, method: str, path: str) -> tuple[Route, list[str]]:
        try:
            return self._router.find(method, path)
        except NotFound:
            there = ", ".join(dict.fromkeys(route.path for route in self.routes))
            raise NotFound(f"there is nothing at {path[:200]}", hint=f"there are {there}") from None


class SitePort:
    """A site on listening sockets, which it closes with itself. Use as `async with`."""

    def __init__(self, site: Site, sockets: Iterable[socket.socket], max_body: int) -> None:
        self._site = site
        self._sockets = list(sockets)
        self._max_body = max_body
        self._runner: web.ServerRunner | None = None

    @property
    def port(self) -> int:
        return int(self._sockets[0].getsockname()[1]) if self._sockets else 0

    async def __aenter__(self) -> Self:
        self._runner = web.ServerRunner(server_for(self._site.answer, self._max_body), shutdown_timeout=_GRACE_SECONDS)
        await self._runner.setup()
        for listening in self._sockets:
            await web.SockSite(self._runner, listening).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Hang up on everybody. Idempotent."""
        for task in tuple(self._site.endless):
            task.cancel()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        for listening in self._sockets:
            with contextlib.suppress(OSError):
                listening.close()


def tidy(path: str) -> str:
    """Without doubled slashes and one at the end: addresses were written as `.../v1/` and then got `/query` behind."""
    if "//" in path:
        path = re.sub("//+", "/", path)
    return path if path == "/" else path.removesuffix("/")
