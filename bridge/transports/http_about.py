"""Who we are: info, health, the description of all routes."""

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from aiohttp import web

from bridge import limits
from bridge.config import Settings
from bridge.hub import Hub
from bridge.transports.base import own_version
from bridge.transports.http_answer import json_answer
from bridge.transports.http_routes import Checked, Route
from bridge.transports.openapi import document
from bridge.transports.wires import Wires

Origins = Callable[[], Awaitable[Sequence[str]]]


async def nowhere() -> Sequence[str]:
    """For a server that knows no address of its own."""
    return ()


class About:
    """What needs no session. `origins` tells where this bridge is found, those addresses first that others reach."""

    def __init__(
        self,
        hub: Hub,
        settings: Settings,
        wires: Wires,
        origins: Origins,
        routes: Callable[[], tuple[Route, ...]],
    ) -> None:
        self._origins = origins
        self._hub = hub
        self._settings = settings
        self._wires = wires
        self._routes = routes
        self._since = time.monotonic()
        self._version = own_version()

    def routes(self) -> tuple[Route, ...]:
        return (
            Route("GET", "/healthz", self.health, "alive"),
            Route("GET", "/api/info", self.info, "who this is, its limits, and where it is found"),
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
                "addresses": await self._origins(),
                "wires": self._wires.described(),
                "limits": self._limits(),
                "links": {
                    "openapi": "/api/openapi.json",
                    "sessions": "/api/sessions",
                    "websocket": "/api/ws",
                    "socketio": "/socket.io/",
                },
            }
        )

    async def openapi(self, request: web.BaseRequest, query: Checked) -> web.StreamResponse:
        return json_answer(document(self._routes(), self._hub.sessions.values(), self._version))

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
