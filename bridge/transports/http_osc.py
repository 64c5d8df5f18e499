"""OSC as the page sees it: who sends, who may, who is sent to."""

from typing import Any

from aiohttp import web

from bridge.errors import InputError, MissingInput
from bridge.transports.http_answer import empty_answer, json_answer
from bridge.transports.http_bodies import read_object
from bridge.transports.http_routes import Checked, Route
from bridge.transports.osc import Osc

_TAKES = 'it takes {"host": "192.168.1.20"}, or a network such as 192.168.1.0/24'


class OscRoutes:
    """Under /api/osc."""

    def __init__(self, osc: Osc, max_body: int) -> None:
        self._osc = osc
        self._max_body = max_body

    def routes(self) -> tuple[Route, ...]:
        return (
            Route("GET", "/api/osc", self.look, "OSC: its addresses, who may send, who tries to, who is sent outputs"),
            Route(
                "POST",
                "/api/osc/allow",
                self.allow,
                "let an address or a network send OSC, from now on and after a restart",
                takes="json",
                body_schema=ALLOW,
            ),
            Route("DELETE", "/api/osc/allow/{host}", self.forbid, "take that back", (), {}, status=204),
        )

    async def look(self, request: web.BaseRequest, query: Checked) -> web.StreamResponse:
        return json_answer(self._osc.described())

    async def allow(self, request: web.BaseRequest, query: Checked) -> web.StreamResponse:
        wish = await read_object(request, self._max_body, _TAKES)
        host = wish.get("host")
        if not isinstance(host, str) or set(wish) != {"host"}:
            kind = MissingInput if "host" not in wish else InputError
            raise kind("an address is expected as host", hint=_TAKES, field="host")
        await self._osc.gate.allow(host.strip())
        return json_answer(self._osc.described())

    async def forbid(self, request: web.BaseRequest, query: Checked, host: str) -> web.StreamResponse:
        await self._osc.gate.forbid(host)
        return empty_answer()


ALLOW: dict[str, Any] = {
    "type": "object",
    "properties": {"host": {"type": "string", "description": "an address or a network"}},
    "required": ["host"],
    "additionalProperties": False,
    "examples": [{"host": "192.168.1.20"}],
}
