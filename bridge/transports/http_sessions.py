"""The sessions: list, open, look, rename, stop, start, close."""

from typing import Any

import msgspec
from aiohttp import web

from bridge.errors import InputError, MissingInput, UnknownInput
from bridge.hub import Hub
from bridge.session.session import Session
from bridge.transports.http_answer import empty_answer, json_answer
from bridge.transports.http_bodies import read_object
from bridge.transports.http_media import JSON
from bridge.transports.http_routes import Checked, Query, Route
from bridge.transports.http_run import started
from bridge.workspaces import Workspaces

_WAIT = Query("wait", "answer only when the model is loaded, or could not be", "boolean")
_TAKES = 'it takes {"model": "pencil"}, and "name", "options" and "workspace" if you like'
_CHANGES = 'it takes {"name": "my-pencil"}, or "workspace", or both'
_STARTS = 'it takes {}, or {"options": {...}} to start with others'


class Opening(msgspec.Struct, frozen=True):
    """The body of POST /api/sessions."""

    model: str
    name: str | None = None
    options: dict[str, Any] | None = None
    workspace: str | None = None


class Sessions:
    """Open sessions by name."""

    def __init__(self, hub: Hub, workspaces: Workspaces, max_body: int) -> None:
        self._hub = hub
        self._workspaces = workspaces
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
            Route(
                "PATCH",
                one,
                self.change,
                "give a session another name, or show it in another workspace; whoever follows it goes on",
                (),
                {JSON: "Session"},
                "json",
                body_schema=CHANGE,
            ),
            Route("POST", f"{one}/stop", self.stop, "end its process; the session stays", (), {JSON: "Session"}),
            Route(
                "POST",
                f"{one}/start",
                self.start,
                "start a stopped or failed session again",
                (_WAIT,),
                {JSON: "Session"},
                "json",
                body_schema=START,
            ),
            Route(
                "POST",
                f"{one}/restart",
                self.restart,
                "a new process for a session",
                (_WAIT,),
                {JSON: "Session"},
                "json",
                body_schema=START,
            ),
            Route("DELETE", one, self.close, "close a session and end its process", (), {}, status=204),
        )

    async def list(self, request: web.BaseRequest, query: Checked) -> web.StreamResponse:
        return json_answer({"sessions": [session.describe() for session in self._hub.sessions.values()]})

    async def open(self, request: web.BaseRequest, query: Checked) -> web.StreamResponse:
        wish = _opening(await read_object(request, self._max_body, _TAKES))
        if wish.workspace is not None:
            self._workspaces.sessions(wish.workspace)  # there is one of that name
        (await self._hub.catalog.named(wish.model)).check_told(
            wish.options
        )  # an id, never a path: a path is code that only this machine's user may name
        before = set(map(id, self._hub.sessions.values()))
        session = await self._hub.open(wish.model, wish.name, wish.options)
        if wish.workspace is not None:
            self._workspaces.move(session, wish.workspace)
        if query.get("wait"):
            await started(session)
        status = 200 if id(session) in before else 201
        return json_answer(session.describe(), status, {"Location": f"/api/sessions/{session.name}"})

    async def look(self, request: web.BaseRequest, query: Checked, name: str) -> web.StreamResponse:
        session = self._hub.get(name)
        if query.get("wait"):
            await started(session)
        return json_answer(session.describe())

    async def change(self, request: web.BaseRequest, query: Checked, name: str) -> web.StreamResponse:
        session = self._hub.get(name)
        wish = _checked(await read_object(request, self._max_body, _CHANGES), CHANGE, _CHANGES)
        if "workspace" in wish:
            self._workspaces.move(session, wish["workspace"])
        if "name" in wish:
            await self._hub.rename(name, wish["name"])
        return json_answer(session.describe())

    async def stop(self, request: web.BaseRequest, query: Checked, name: str) -> web.StreamResponse:
        session = self._hub.get(name)
        session.stop()
        return json_answer(session.describe())

    async def start(self, request: web.BaseRequest, query: Checked, name: str) -> web.StreamResponse:
        return await self._begun(await self._hub.start(name, await self._options(request, name)), query)

    async def restart(self, request: web.BaseRequest, query: Checked, name: str) -> web.StreamResponse:
        return await self._begun(await self._hub.restart(name, await self._options(request, name)), query)

    async def _options(self, request: web.BaseRequest, name: str) -> dict[str, Any] | None:
        session = self._hub.get(name)
        if not request.body_exists:
            return None
        wish = _checked(await read_object(request, self._max_body, _STARTS), START, _STARTS)
        options: dict[str, Any] | None = wish.get("options")
        self._hub.catalog.get(session.model).check_told(options)
        return options

    async def _begun(self, session: Session, query: Checked) -> web.StreamResponse:
        if query.get("wait"):
            await started(session)
        return json_answer(session.describe())

    async def close(self, request: web.BaseRequest, query: Checked, name: str) -> web.StreamResponse:
        await self._hub.close_session(name)
        return empty_answer()


_OPTIONS = {"type": "object", "description": "the model's options, which count from its start"}
_WORKSPACE = {"type": "string", "description": "the workspace that it is shown in"}
OPENING: dict[str, Any] = {
    "type": "object",
    "required": ["model"],
    "additionalProperties": False,
    "properties": {
        "model": {"type": "string", "description": "a catalogue id, such as pencil"},
        "name": {"type": "string", "description": "the name of the session; the model's id if left out"},
        "options": _OPTIONS,
        "workspace": _WORKSPACE,
    },
}
CHANGE: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {"name": {"type": "string", "description": "how it is called from now on"}, "workspace": _WORKSPACE},
}
START: dict[str, Any] = {"type": "object", "additionalProperties": False, "properties": {"options": _OPTIONS}}
_WORDS = {"string": (str, "a text"), "object": (dict, "an object")}


def _opening(body: dict[str, Any]) -> Opening:
    checked = _checked(body, OPENING, _TAKES)
    if not checked.get("model"):
        raise MissingInput("model is missing", hint=_TAKES, field="model")
    return Opening(**checked)


def _checked(body: dict[str, Any], schema: dict[str, Any], takes: str) -> dict[str, Any]:
    """What came, without nulls; refused when it is not known here or of another kind."""
    for name, value in body.items():
        if name not in schema["properties"]:
            raise UnknownInput(f"{name[:80]!r} is not known here", hint=takes, field=name)
        kind, word = _WORDS[schema["properties"][name]["type"]]
        if value is not None and not isinstance(value, kind):
            raise InputError(f"{name} is {word}, not {type(value).__name__}", hint=takes, field=name)
    return {name: value for name, value in body.items() if value is not None}
