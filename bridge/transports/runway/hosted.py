"""Server B: every session as a hosted model, `/hosted/{session}/v1`, also with `.runwayml.cloud` behind its name."""

from collections.abc import Callable

from aiohttp import web

from bridge import limits
from bridge.hub import Hub
from bridge.transports.http_answer import Answer, json_answer
from bridge.transports.http_bodies import read_object
from bridge.transports.http_media import JSON
from bridge.transports.http_routes import Checked, Route
from bridge.transports.runway.board import Board
from bridge.transports.runway.local import TAKES, status_of

PREFIX = "/hosted/"
CLOUD = ".runwayml.cloud"  # the old SDK refuses addresses without it


class Hosted:
    """All sessions by name. `find` gives a session's board, or raises that there is none."""

    def __init__(self, hub: Hub, find: Callable[[str], Board], max_body: int) -> None:
        self._hub = hub
        self._find = find
        self._max_body = max_body

    def routes(self) -> tuple[Route, ...]:
        base = PREFIX + "{session}/v1"
        return (
            Route("GET", base, self.status, "is the model awake?"),
            Route("GET", f"{base}/info", self.info, "the model's name, inputs and outputs in the words of the old app"),
            Route("POST", f"{base}/query", self.query, "run the model; its outputs by name", (), {JSON: ""}, "json"),
        )

    async def status(self, request: web.BaseRequest, query: Checked, name: str) -> web.StreamResponse:
        board = await self._awake(name)
        if board.session.error is not None and board.session.state == "failed":
            raise board.session.error  # a client that waits until it is awake would wait for ever
        routes = {"queryRoute": "/v1/query", "dataRoute": None, "errorRoute": None}
        return json_answer({"status": status_of(board), **routes})

    async def info(self, request: web.BaseRequest, query: Checked, name: str) -> web.StreamResponse:
        board = await self._awake(name)
        described = await board.info()
        command = await board.command()
        about = board.session.manifest.tagline or command.description
        return json_answer({"name": board.session.name, "description": about, **described})

    async def query(self, request: web.BaseRequest, query: Checked, name: str) -> web.StreamResponse:
        board = await self._awake(name)
        inputs = await read_object(request, self._max_body, TAKES)
        # The old SDK asks again at once when it hears 429, without end: what it does not hear, it does not repeat.
        return Answer(await board.query(inputs, limits.RUNWAY_PATIENCE_SECONDS))

    async def _awake(self, name: str) -> Board:
        """Who asks for a model that sleeps wakes it."""
        board = self._find(name.removesuffix(CLOUD))
        if board.session.state == "stopped":
            await self._hub.start(board.session.name)
        return board
