"""The walk of a session: look, tell, begin anew; and the grid of what is around a place."""

import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from aiohttp import web

from bridge import limits
from bridge.errors import BridgeError
from bridge.hub import Hub
from bridge.ports import to_json
from bridge.recorder import Recorder
from bridge.transports.http_answer import error_body, json_answer
from bridge.transports.http_bodies import read_object
from bridge.transports.http_media import EVENTS, JSON, wanted
from bridge.transports.http_routes import Checked, Query, Route
from bridge.transports.http_streams import Stream
from bridge.walking import Walks
from bridge.walks import keys, settings, verbs

if TYPE_CHECKING:
    from bridge.walks.explorer import Explorer, Picture

LINES = "application/x-ndjson"
_LOOKS = 'it takes settings, such as {"rows": 5, "column": 3}, or {"to": [0, 1]} or {"back": true}'
_TAKES = 'it takes settings and verbs, such as {"speed": 2} or {"seek": 3}'


class WalkRoutes:
    """Under /api/sessions/{session}/walk."""

    def __init__(self, hub: Hub, walks: Walks, recorder: Recorder, max_body: int) -> None:
        self._recorder = recorder
        self._hub = hub
        self._walks = walks
        self._max_body = max_body

    def routes(self) -> tuple[Route, ...]:
        walk, grid = "/api/sessions/{session}/walk", "/api/sessions/{session}/grid"
        tape = walk + "/recording"
        return (
            Route("GET", walk, self.look, "the walk: its settings, and where it is", (), {JSON: "Walk"}),
            Route(
                "PATCH",
                walk,
                self.tell,
                "tell the walk settings and verbs (play, pause, seek, step, tap), all or nothing",
                (),
                {JSON: "Walk"},
                "json",
                body_schema=PATCH,
            ),
            Route("GET", grid, self.grid, "the grid that is looked at, and its history", (), {JSON: "Grid"}),
            Route(
                "PATCH",
                grid,
                self.look_elsewhere,
                "look elsewhere: settings; or to a tile, back, forward",
                (),
                {JSON: "Grid"},
                "json",
                body_schema=LOOK,
            ),
            Route(
                "GET",
                grid + "/tiles",
                self.tiles,
                "its pictures: together, or as server-sent events as they are made",
                (Query("width", "of one picture, in pixels", "integer", minimum=1, maximum=limits.IMAGE_SIDE),),
                {JSON: "Tiles", EVENTS: ""},
            ),
            Route("POST", tape, self.record, "record what it is told from now on", (), {JSON: "Recording"}, status=201),
            Route("GET", tape, self.recording, "the recording that runs, or the last one", (), {LINES: ""}),
            Route("DELETE", tape, self.stop, "end the recording; its file is whole then", (), {JSON: "Recording"}),
            Route("DELETE", walk, self.reset, "as the model has it: its own walk anew, or none", (), {JSON: "Walk"}),
        )

    async def look(self, request: web.BaseRequest, query: Checked, name: str) -> web.StreamResponse:
        player = await self._walks.of(self._hub.get(name))
        return json_answer(player.describe())

    async def tell(self, request: web.BaseRequest, query: Checked, name: str) -> web.StreamResponse:
        player = await self._walks.of(self._hub.get(name))
        player.change(await read_object(request, self._max_body, _TAKES))
        return json_answer(player.describe())

    async def grid(self, request: web.BaseRequest, query: Checked, name: str) -> web.StreamResponse:
        return json_answer((await self._explorer(name)).describe())

    async def look_elsewhere(self, request: web.BaseRequest, query: Checked, name: str) -> web.StreamResponse:
        explorer = await self._explorer(name)
        explorer.look(await read_object(request, self._max_body, _LOOKS))
        return json_answer(explorer.describe())

    async def tiles(self, request: web.BaseRequest, query: Checked, name: str) -> web.StreamResponse:
        explorer = await self._explorer(name)
        made = explorer.pictures(explorer.grid, query.get("width", 0))
        async with contextlib.aclosing(made):
            if wanted(request.headers.get("Accept"), {}, "") == EVENTS:
                return await _streamed(request, made)
            return json_answer({"tiles": [_tile(picture) async for picture in made]})

    async def _explorer(self, name: str) -> "Explorer":
        return await self._walks.explorer(self._hub.get(name))

    async def record(self, request: web.BaseRequest, query: Checked, name: str) -> web.StreamResponse:
        return json_answer(await self._recorder.start(self._hub.get(name)), 201)

    async def recording(self, request: web.BaseRequest, query: Checked, name: str) -> web.StreamResponse:
        async with self._recorder.reading(name) as recorded:
            headers = {"Content-Length": str(recorded.size)}
            if recorded.trouble:
                headers["Recording-Error"] = " ".join(recorded.trouble.split())
            stream = await Stream(request, LINES, headers).open()
            if stream.wanted:
                async for piece in recorded.pieces:
                    await stream.send(piece)
            return stream.response

    async def stop(self, request: web.BaseRequest, query: Checked, name: str) -> web.StreamResponse:
        return json_answer(await self._recorder.stop(name))

    async def reset(self, request: web.BaseRequest, query: Checked, name: str) -> web.StreamResponse:
        player = await self._walks.reset(self._hub.get(name))
        return json_answer(player.describe())


async def _streamed(request: web.BaseRequest, made: "AsyncIterator[Picture]") -> web.StreamResponse:
    stream = await Stream(request, EVENTS).open()
    if stream.wanted:
        try:
            async for picture in made:
                await stream.event("tile", _tile(picture))
            await stream.end("done", {})
        except BridgeError as error:
            await stream.end("error", error_body(error.info()))
    return stream.response


def _tile(picture: "Picture") -> dict[str, Any]:
    return {"row": picture.row, "column": picture.column, "image": to_json(picture.image)}


_SIDE: dict[str, Any] = {"type": "integer", "minimum": 1, "maximum": limits.GRID_TILES}
_OFFSET: dict[str, Any] = {"type": "integer", "minimum": -limits.GRID_OFFSET, "maximum": limits.GRID_OFFSET}

PATCH: dict[str, Any] = {
    **settings.schema(),
    "properties": {**settings.schema()["properties"], **verbs.schema()},
    "description": "settings of a walk, and verbs; docs/walks.md has them all",
    "examples": [{"kind": "loop", "keyframes": [1, 2, 3], "speed": 2}, {"seek": 1.5}, {"tap": True}],
}

LOOK: dict[str, Any] = {
    "type": "object",
    "properties": {
        "centre": {"anyOf": [{"const": "here"}, keys.schema(keys.ANY)]},
        "distance": {"type": "number", "minimum": limits.WALK_NEAREST, "maximum": limits.WALK_DISTANCE},
        "rows": _SIDE,
        "columns": _SIDE,
        "row": _OFFSET,
        "column": _OFFSET,
        "seed": {"type": "integer", "minimum": 0, "maximum": 2**32 - 1},
        "to": {"type": ["array", "null"], "items": _OFFSET, "minItems": 2, "maxItems": 2},
        "back": {"type": ["boolean", "null"]},
        "forward": {"type": ["boolean", "null"]},
    },
    "additionalProperties": False,
    "description": "settings of the grid, or one of to, back, forward; docs/walks.md has them all",
    "examples": [{"rows": 5, "columns": 5, "distance": 0.2}, {"to": [0, 1]}, {"back": True}],
}
