"""Server A over HTTP: the local network API of one session, as sketches of all kinds ask it. Never compressed."""

from collections.abc import Callable

from aiohttp import web

from bridge.transports.http_answer import Answer, json_answer
from bridge.transports.http_bodies import read_object
from bridge.transports.http_media import JSON
from bridge.transports.http_routes import Checked, Route
from bridge.transports.runway.board import Board

PATHS = frozenset(("/query", "/data", "/error", "/info"))
TAKES = 'it takes the inputs by name: {"name": value, ...}'


class Local:
    """The four addresses of one session. `find` gives its board, or raises why there is none."""

    def __init__(self, find: Callable[[], Board], max_body: int) -> None:
        self._find = find
        self._max_body = max_body

    def routes(self) -> tuple[Route, ...]:
        return (
            Route("POST", "/query", self.query, "run the model; its outputs by name", (), {JSON: "object"}, "json"),
            Route("GET", "/data", self.data, "the last output"),
            Route("GET", "/error", self.error, "the last error, or null"),
            Route("GET", "/info", self.info, "the model's inputs and outputs in the words of the old app"),
        )

    def own_routes(self) -> tuple[Route, ...]:
        """With the bare address, which a port of its own answers, too."""
        return (*self.routes(), Route("GET", "/", self.top, "which addresses there are"))

    async def query(self, request: web.BaseRequest, query: Checked) -> web.StreamResponse:
        board = self._find()
        return Answer(await board.query(await read_object(request, self._max_body, TAKES)))

    async def data(self, request: web.BaseRequest, query: Checked) -> web.StreamResponse:
        return Answer(await self._find().look())

    async def error(self, request: web.BaseRequest, query: Checked) -> web.StreamResponse:
        return Answer(self._find().error)

    async def info(self, request: web.BaseRequest, query: Checked) -> web.StreamResponse:
        return json_answer(await self._find().info())

    async def top(self, request: web.BaseRequest, query: Checked) -> web.StreamResponse:
        routes = {"queryRoute": "/query", "dataRoute": "/data", "errorRoute": "/error"}
        return json_answer({"status": status_of(self._find()), **routes})


def status_of(board: Board) -> str:
    """In the two words that old clients know."""
    return "running" if board.session.state == "ready" else "starting"
