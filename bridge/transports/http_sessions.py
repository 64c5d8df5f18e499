"""The sessions: list, open, look, close."""

from typing import Any

import msgspec
from aiohttp import web

from bridge.errors import InputError, MissingInput, UnknownInput
from bridge.hub import Hub
from bridge.transports.http_answer import empty_answer, json_answer
from bridge.transports.http_bodies import read_object
from bridge.transports.http_media import JSON
from bridge.transports.http_routes import Checked, Query, Route
from bridge.transports.http_run import started

_WAIT = Query("wait", "answer only when the model is loaded, or could not be", "boolean")
_TAKES = 'it takes {"model": "pencil"}, and "name" and "options" if you like'


class Opening(msgspec.Struct, frozen=True):
    """The body of POST /api/sessions."""

    model: str
    name: str | None = None
    options: dict[str, Any] | None = None


class Sessions:
    """Open sessions by name."""

    def __init__(self, hub: Hub, max_body: int) -> None:
        self._hub = hub
        self._max_body = max_body

    def routes(self) -> tuple[Route, ...]:
        one = "/api/sessions/{session}"
        return (
            Route("GET", "/api/sessions", self.list, "the open sessions", (), {JSON: "Sessions"}),
            Route(
                "POST",
                "/api/sessions",
                self.open,
                "open a session, or join the one that runs this model under that name (then 200)",
                (_WAIT,),
                {JSON: "Session"},
                "json",
                status=201,
                body_schema=OPENING,
            ),
            Route("GET", one, self.look, "one session: ports, state, inputs, stats", (_WAIT,), {JSON: "Session"}),
            Route("DELETE", one, self.close, "close a session and end its process", (), {}, status=204),
        )

    async def list(self, request: web.BaseRequest, query: Checked) -> web.StreamResponse:
        return json_answer({"sessions": [session.describe() for session in self._hub.sessions.values()]})

    async def open(self, request: web.BaseRequest, query: Checked) -> web.StreamResponse:
        wish = _opening(await read_object(request, self._max_body, _TAKES))
        self._hub.catalog.get(wish.model).check_told(
            wish.options
        )  # an id, never a path: a path is code that only this machine's user may name
        before = set(map(id, self._hub.sessions.values()))
        session = await self._hub.open(wish.model, wish.name, wish.options)
        if query.get("wait"):
            await started(session)
        status = 200 if id(session) in before else 201
        return json_answer(session.describe(), status, {"Location": f"/api/sessions/{session.name}"})

    async def look(self, request: web.BaseRequest, query: Checked, name: str) -> web.StreamResponse:
        session = self._hub.get(name)
        if query.get("wait"):
            await started(session)
        return json_answer(session.describe())

    async def close(self, request: web.BaseRequest, query: Checked, name: str) -> web.StreamResponse:
        await self._hub.close_session(name)
        return empty_answer()


OPENING: dict[str, Any] = {
    "type": "object",
    "required": ["model"],
    "additionalProperties": False,
    "properties": {
        "model": {"type": "string", "description": "a catalogue id, such as pencil"},
        "name": {"type": "string", "description": "the name of the session; the model's id if left out"},
        "options": {"type": "object", "description": "the model's options, which count from its start"},
    },
}


def _opening(body: dict[str, Any]) -> Opening:
    for name in body:
        if name not in OPENING["properties"]:
            raise UnknownInput(f"{name[:80]!r} is not known here", hint=_TAKES, field=name)
    if not body.get("model"):
        raise MissingInput("model is missing", hint=_TAKES, field="model")
    for name, kind, word in (("model", str, "a text"), ("name", str, "a text"), ("options", dict, "an object")):
        value = body.get(name)
        if value is not None and not isinstance(value, kind):
            raise InputError(f"{name} is {word}, not {type(value).__name__}", hint=_TAKES, field=name)
    return Opening(**body)
