"""Who we are: info, health, the description of all routes, and the page."""

import time
from collections.abc import Callable, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from aiohttp import web

from bridge import limits
from bridge.config import Settings
from bridge.errors import NotFound
from bridge.hub import Hub
from bridge.transports.base import own_version
from bridge.transports.http_answer import Answer, json_answer
from bridge.transports.http_routes import Checked, Route
from bridge.transports.openapi import document
from bridge.transports.wires import Wires

_TYPES = {
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "svg": "image/svg+xml",
    "png": "image/png",
}
_PAGE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


class About:
    """What needs no session."""

    def __init__(self, hub: Hub, settings: Settings, wires: Wires, routes: Callable[[], tuple[Route, ...]]) -> None:
        self._hub = hub
        self._settings = settings
        self._wires = wires
        self._routes = routes
        self._since = time.monotonic()
        self._version = own_version()
        self._pages = _page_files()

    def routes(self) -> tuple[Route, ...]:
        page = {"text/html": ""}
        return (
            Route("GET", "/", self.page, "the page for people", (), page),
            Route("GET", "/studio/{file}", self.file, "a file of that page", (), {"*/*": ""}),
            Route("GET", "/healthz", self.health, "alive"),
            Route("GET", "/api/info", self.info, "who this is, and its limits"),
            Route("GET", "/api/openapi.json", self.openapi, "this description"),
        )

    async def health(self, request: web.BaseRequest, query: Checked) -> web.StreamResponse:
        return json_answer({"status": "ok"})

    async def info(self, request: web.BaseRequest, query: Checked) -> web.StreamResponse:
        return json_answer(
            {
                "name": "sketchbridge",
                "version": self._version,
                "uptime_s": round(time.monotonic() - self._since, 1),
                "sessions": {name: session.state for name, session in self._hub.sessions.items()},
                "wires": self._wires.described(),
                "limits": self._limits(),
                "links": {"openapi": "/api/openapi.json", "sessions": "/api/sessions", "websocket": "/api/ws"},
            }
        )

    async def openapi(self, request: web.BaseRequest, query: Checked) -> web.StreamResponse:
        return json_answer(document(self._routes(), self._hub.sessions.values(), self._version))

    async def page(self, request: web.BaseRequest, query: Checked) -> web.StreamResponse:
        return self._page("index.html")

    async def file(self, request: web.BaseRequest, query: Checked, name: str) -> web.StreamResponse:
        return self._page(name)

    def _page(self, name: str) -> Answer:
        file = self._pages.get(name)
        if file is None:
            raise NotFound(f"the page has no file {name[:80]!r}", hint="GET / is the page")
        return Answer(file.read_bytes(), _TYPES[name.rpartition(".")[2]], 200, _PAGE_HEADERS)

    def _limits(self) -> dict[str, Any]:
        return {
            "body_bytes": self._settings.max_body,
            "json_depth": limits.JSON_DEPTH,
            "pixels": limits.PIXELS,
            "image_bytes": limits.IMAGE_BYTES,
            "runs_waiting": self._settings.queue,
            "sessions": self._settings.max_sessions,
            "run_seconds": limits.RUN_SECONDS,
        }


def _page_files() -> Mapping[str, Traversable]:
    """Only these can be had, so that no name leads out of the folder."""
    folder = files("bridge") / "studio"
    return {file.name: file for file in folder.iterdir() if file.name.rpartition(".")[2] in _TYPES}
