"""Routes as values: the router finds by them, the query is checked by them, and OpenAPI describes them."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Literal
from urllib.parse import unquote

import msgspec
from aiohttp import web
from multidict import MultiMapping

from bridge.errors import InputError, NotFound, UnknownInput
from bridge.transports.http_answer import MethodNotAllowed

# handler(request, query, *values of the path)
Handler = Callable[..., Awaitable[web.StreamResponse]]
Checked = Mapping[str, Any]
NOTHING: Checked = {}
_REMEMBERED = 1024  # paths, so that the next request for one costs a look-up
_TRUTH = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}


class Query(msgspec.Struct, frozen=True):
    """One parameter after the question mark."""

    name: str
    description: str
    kind: Literal["text", "integer", "boolean", "list"] = "text"
    choices: tuple[str, ...] = ()
    minimum: int = 0
    maximum: int = 0

    def read(self, raw: str) -> Any:
        """The value, or InputError that says what it takes."""
        if self.kind == "integer":
            return self._integer(raw)
        if self.kind == "boolean":
            return self._boolean(raw)
        if self.kind == "list":
            return [part for part in raw.split(",") if part]
        if self.choices and raw not in self.choices:
            raise self._wrong(raw, f"it takes {', '.join(self.choices)}")
        return raw

    def schema(self) -> dict[str, Any]:
        """JSON Schema of the value."""
        if self.kind == "integer":
            return {"type": "integer", "minimum": self.minimum, "maximum": self.maximum}
        if self.kind == "list":
            return {"type": "array", "items": {"type": "string"}}
        if self.choices:
            return {"type": "string", "enum": list(self.choices)}
        return {"type": "boolean" if self.kind == "boolean" else "string"}

    def _integer(self, raw: str) -> int:
        takes = f"it takes a whole number from {self.minimum} to {self.maximum}"
        if not (raw.isascii() and raw.isdigit() and len(raw) < 10):
            raise self._wrong(raw, takes)
        if not self.minimum <= int(raw) <= self.maximum:
            raise self._wrong(raw, takes)
        return int(raw)

    def _boolean(self, raw: str) -> bool:
        if raw.lower() not in _TRUTH:
            raise self._wrong(raw, "it takes true or false")
        return _TRUTH[raw.lower()]

    def _wrong(self, raw: str, takes: str) -> InputError:
        return InputError(f"{self.name} can't be {raw[:80]!r}", hint=takes, field=self.name)


def _an_object() -> Mapping[str, str]:
    return {"application/json": "object"}


class Route(msgspec.Struct, frozen=True):
    """One method of one path. {name} in a path takes one segment, or the part of it before a dot that follows."""

    method: str
    path: str
    handler: Handler
    summary: str
    query: tuple[Query, ...] = ()
    answers: Mapping[str, str] = msgspec.field(default_factory=_an_object)  # content type and the name of its schema
    takes: str = ""  # the body: "", "json", "inputs" or a media type
    inputs_in_query: bool = False  # every other query parameter is an input of the model
    status: int = 200
    endless: bool = False  # goes on until somebody leaves
    body_schema: Mapping[str, Any] = msgspec.field(default_factory=dict)


def check_query(route: Route, given: MultiMapping[str]) -> Checked:
    """The declared parameters, converted. An unknown or doubled one is refused, so that no slip of the pen is lost."""
    checked: dict[str, Any] = {}
    declared = {query.name: query for query in route.query}
    for name, raw in given.items():
        query = declared.get(name)
        if name == "token" or (query is None and route.inputs_in_query):
            continue
        if query is None:
            known = ", ".join(declared) or "none"
            raise UnknownInput(
                f"{name[:80]!r} is not a parameter of this address", hint=f"it takes {known}", field=name
            )
        if query.kind == "list":
            checked.setdefault(name, []).extend(query.read(raw))
        elif name in checked:
            raise InputError(f"{name} came twice", hint="give it once", field=name)
        else:
            checked[name] = query.read(raw)
    return checked


class Router:
    """Finds the route for a method and a path."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes = tuple(routes)
        self._known: dict[tuple[str, str], tuple[Route, list[str]]] = {}
        self._root = _Node()
        for route in self.routes:
            self._root.add(route)

    def find(self, method: str, path: str) -> tuple[Route, list[str]]:
        """The route for a path as it came, and the values in it; NotFound or MethodNotAllowed in words."""
        known = self._known.get((method, path))
        if known is None:
            known = self._look(method, path)
            if len(self._known) < _REMEMBERED:
                self._known[method, path] = known
        return known

    def _look(self, method: str, path: str) -> tuple[Route, list[str]]:
        values: list[str] = []
        node = self._root
        for segment in _segments(path):
            found = node.next(segment, values)
            if found is None:
                raise _no_such(path)
            node = found
        route = node.routes.get(method)
        if route is None:
            route = self._other(node, method, path)
        return route, values

    def options(self, path: str) -> dict[str, str]:
        """What a path takes, as headers; empty if there is none such."""
        values: list[str] = []
        node: _Node | None = self._root
        for segment in _segments(path):
            node = node.next(segment, values) if node is not None else None
        if node is None or not node.routes:
            return {}
        media = {method: route.takes for method, route in node.routes.items() if "/" in route.takes}
        accepted = {f"Accept-{method.title()}": kind for method, kind in media.items()}
        return {"Allow": ", ".join((*_offered(node), "OPTIONS")), **accepted}

    @staticmethod
    def _other(node: "_Node", method: str, path: str) -> Route:
        if method == "HEAD" and "GET" in node.routes:
            return node.routes["GET"]
        if node.routes:
            raise MethodNotAllowed(method, path, ", ".join(_offered(node)))
        raise _no_such(path)


class _Node:
    """One segment of the paths."""

    __slots__ = ("any", "literal", "routes", "suffixed")

    def __init__(self) -> None:
        self.routes: dict[str, Route] = {}
        self.literal: dict[str, _Node] = {}
        self.suffixed: list[tuple[str, _Node]] = []  # "{port}.mjpg"
        self.any: _Node | None = None

    def add(self, route: Route) -> None:
        node = self
        for segment in route.path.split("/")[1:]:
            node = node._child(segment)
        if route.method in node.routes:
            raise ValueError(f"{route.method} {route.path} is there twice")
        node.routes[route.method] = route

    def next(self, segment: str, values: list[str]) -> "_Node | None":
        """Where a segment leads; what stands for {name} is added to values."""
        found = self.literal.get(segment)
        if found is not None:
            return found
        for suffix, node in self.suffixed:
            if segment.endswith(suffix) and len(segment) > len(suffix):
                values.append(segment[: -len(suffix)])
                return node
        if self.any is not None and segment:
            values.append(segment)
            return self.any
        return None

    def _child(self, segment: str) -> "_Node":
        if not segment.startswith("{"):
            return self.literal.setdefault(segment, _Node())
        suffix = segment.partition("}")[2]
        if not suffix:
            self.any = self.any or _Node()
            return self.any
        for known, node in self.suffixed:
            if known == suffix:
                return node
        self.suffixed.append((suffix, _Node()))
        return self.suffixed[-1][1]


def _segments(path: str) -> list[str]:
    """Decoded one by one, so that an encoded slash stays within its segment."""
    segments = path.split("/")[1:]
    return [unquote(segment) for segment in segments] if "%" in path else segments


def _offered(node: _Node) -> tuple[str, ...]:
    head = ("HEAD",) if "GET" in node.routes else ()
    return (*sorted(node.routes), *head)


def _no_such(path: str) -> NotFound:
    if len(path) > 1 and path.endswith("/"):
        return NotFound(f"there is nothing at {path[:200]}", hint="try it without the / at the end")
    return NotFound(f"there is nothing at {path[:200]}", hint="GET /api/openapi.json lists all addresses")
