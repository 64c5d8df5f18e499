"""Mappings of controllers to inputs, and the addresses that nothing listens to yet."""

from typing import Any

import msgspec
from aiohttp import web

from bridge.errors import InputError
from bridge.hub import Hub
from bridge.mappings import Mapping, Mappings
from bridge.osc import addresses
from bridge.osc.values import BINARY
from bridge.session.session import Session
from bridge.transports.http_answer import json_answer
from bridge.transports.http_bodies import read_object
from bridge.transports.http_media import JSON
from bridge.transports.http_routes import Checked, Query, Route
from bridge.transports.osc_space import tree_of

_TAKES = 'it takes {"address": "/1/fader1", "session": "dream", "input": "truncation", "target": [0, 1]}'


class MappingRoutes:
    """Under /api/mappings."""

    def __init__(self, hub: Hub, mappings: Mappings, max_body: int) -> None:
        self._hub = hub
        self._mappings = mappings
        self._max_body = max_body

    def routes(self) -> tuple[Route, ...]:
        path = "/api/mappings"
        about = "let a controller's address move an input, or a setting of a walk such as walk/speed"
        which = (Query("id", "which one"),)
        gives = {JSON: "Mappings"}
        return (
            Route("GET", path, self.list, "what is mapped, and what came that nothing listens to", (), gives),
            Route("POST", path, self.add, about, (), gives, "json", status=201, body_schema=_SCHEMA),
            Route("DELETE", path, self.remove, "map that no more", which, gives),
        )

    async def list(self, request: web.BaseRequest, query: Checked) -> web.StreamResponse:
        return json_answer(self._mappings.described())

    async def add(self, request: web.BaseRequest, query: Checked) -> web.StreamResponse:
        body = await read_object(request, self._max_body, _TAKES)
        try:
            mapping = msgspec.convert(body, Mapping)
        except msgspec.ValidationError as error:
            raise InputError(f"this is no mapping: {error}", hint=_TAKES) from None
        _check(self._hub.get(mapping.session), mapping.input)
        await self._mappings.add(mapping)
        return json_answer(self._mappings.described(), 201)

    async def remove(self, request: web.BaseRequest, query: Checked) -> web.StreamResponse:
        await self._mappings.remove(query.get("id", ""))
        return json_answer(self._mappings.described())


def _check(session: Session, input: str) -> None:
    """Whether a number can move that; while its model loads nobody knows."""
    signature = session.signature
    if signature is None:
        return
    tree = tree_of(session)
    place = input if input.startswith("walk/") else addresses.place_of(input)
    node = tree.at(f"/{place}")
    if node is None or node.method is None:
        raise addresses.unknown(f"/{session.name}/{place}", addresses.root([tree]), signature, ())
    kind, port = node.method.kind, node.method.port
    if kind != "setting" and (port is None or kind != "input" or port.kind in _NO_NUMBER):
        what = f"takes {port.takes}" if port is not None and kind == "input" else "is no value"
        hint = "numbers, switches and choices can be mapped, and settings of a walk"
        raise InputError(f"{input} of {session.name} {what}: no fader moves that", hint=hint, field="input")


_NO_NUMBER = BINARY | {"vector", "point", "box", "landmarks"}
_RANGE = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["address", "session", "input"],
    "additionalProperties": False,
    "properties": {
        "address": {"type": "string", "description": "of the controller's message, such as /1/fader1"},
        "argument": {"type": "integer", "description": "which of its numbers, the first is 0"},
        "session": {"type": "string", "description": "the session that is moved"},
        "input": {"type": "string", "description": "its input, or walk/speed and the like"},
        "source": {**_RANGE, "description": "what the controller sends at its ends; 0 to 1 if left out"},
        "target": {**_RANGE, "description": "what the input gets there; 0 to 1 if left out"},
    },
}
