"""Workspaces, and the chains between sessions."""

from typing import Any

from aiohttp import web

from bridge.chains import Chain, Chains
from bridge.errors import InputError, MissingInput, UnknownInput
from bridge.transports.http_answer import json_answer
from bridge.transports.http_bodies import read_object
from bridge.transports.http_media import JSON
from bridge.transports.http_routes import Checked, Route
from bridge.workspaces import Workspaces

_NAMES = 'it takes {"name": "Tuesday"}'
_ENDS = ("source", "output", "target", "input")
_CHAINS = 'it takes {"source": "dream", "output": "image", "target": "pencil", "input": "image"}'


class WorkspaceRoutes:
    """Under /api/workspaces."""

    def __init__(self, workspaces: Workspaces, max_body: int) -> None:
        self._workspaces = workspaces
        self._max_body = max_body

    def routes(self) -> tuple[Route, ...]:
        all, one = "/api/workspaces", "/api/workspaces/{workspace}"
        named = _schema({"name": "how it is called"})
        gives = {JSON: "Workspaces"}
        return (
            Route("GET", all, self.list, "the workspaces and the sessions shown in each", (), gives),
            Route("POST", all, self.add, "one more", (), gives, "json", status=201, body_schema=named),
            Route("PATCH", one, self.rename, "call it otherwise", (), gives, "json", body_schema=named),
            Route("DELETE", one, self.remove, "close its sessions and forget it", (), gives),
            Route("POST", f"{one}/stop", self.stop, "end the processes of all its sessions", (), gives),
            Route("POST", f"{one}/start", self.start, "start all its sessions again", (), gives),
        )

    async def list(self, request: web.BaseRequest, query: Checked) -> web.StreamResponse:
        return self._all()

    async def add(self, request: web.BaseRequest, query: Checked) -> web.StreamResponse:
        await self._workspaces.add(await self._name(request))
        return self._all(201)

    async def rename(self, request: web.BaseRequest, query: Checked, workspace: str) -> web.StreamResponse:
        await self._workspaces.rename(workspace, await self._name(request))
        return self._all()

    async def remove(self, request: web.BaseRequest, query: Checked, workspace: str) -> web.StreamResponse:
        await self._workspaces.remove(workspace)
        return self._all()

    async def stop(self, request: web.BaseRequest, query: Checked, workspace: str) -> web.StreamResponse:
        self._workspaces.stop(workspace)
        return self._all()

    async def start(self, request: web.BaseRequest, query: Checked, workspace: str) -> web.StreamResponse:
        await self._workspaces.start(workspace)
        return self._all()

    def _all(self, status: int = 200) -> web.StreamResponse:
        return json_answer({"workspaces": self._workspaces.described()}, status)

    async def _name(self, request: web.BaseRequest) -> Any:
        return (await _read(request, self._max_body, ("name",), _NAMES))["name"]


class ChainRoutes:
    """Under /api/chains."""

    def __init__(self, chains: Chains, max_body: int) -> None:
        self._chains = chains
        self._max_body = max_body

    def routes(self) -> tuple[Route, ...]:
        ends = _schema(
            {
                "source": "the session that gives",
                "output": "its output",
                "target": "the session that takes",
                "input": "its input",
            }
        )
        about = "let an output feed an input, in place of what fed it before"
        gives = {JSON: "Chains"}
        return (
            Route("GET", "/api/chains", self.list, "which outputs feed which inputs", (), gives),
            Route("POST", "/api/chains", self.add, about, (), gives, "json", status=201, body_schema=ends),
            Route("DELETE", "/api/chains/{session}/{input}", self.remove, "feed that input no more", (), gives),
        )

    async def list(self, request: web.BaseRequest, query: Checked) -> web.StreamResponse:
        return self._all()

    async def add(self, request: web.BaseRequest, query: Checked) -> web.StreamResponse:
        await self._chains.add(Chain(**await _read(request, self._max_body, _ENDS, _CHAINS)))
        return self._all(201)

    async def remove(self, request: web.BaseRequest, query: Checked, session: str, input: str) -> web.StreamResponse:
        await self._chains.remove(session, input)
        return self._all()

    def _all(self, status: int = 200) -> web.StreamResponse:
        return json_answer({"chains": self._chains.described()}, status)


async def _read(request: web.BaseRequest, max_body: int, fields: tuple[str, ...], takes: str) -> dict[str, str]:
    """These texts, all of them and nothing else."""
    body = await read_object(request, max_body, takes)
    for name, value in body.items():
        if name not in fields:
            raise UnknownInput(f"{name[:80]!r} is not known here", hint=takes, field=name)
        if not isinstance(value, str):
            raise InputError(f"{name} is a text, not {type(value).__name__}", hint=takes, field=name)
    for name in fields:
        if not body.get(name):
            raise MissingInput(f"{name} is missing", hint=takes, field=name)
    return body


def _schema(fields: dict[str, str]) -> dict[str, Any]:
    properties = {name: {"type": "string", "description": about} for name, about in fields.items()}
    return {"type": "object", "required": list(fields), "additionalProperties": False, "properties": properties}
