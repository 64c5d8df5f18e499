"""Favourites: keep where a session is, look, rename, drop."""

from typing import Any

from aiohttp import web

from bridge.errors import MissingInput, UnknownInput
from bridge.favourites import Favourites, check_model, described, listed, shown
from bridge.hub import Hub
from bridge.transports.http_answer import Answer, empty_answer, json_answer
from bridge.transports.http_bodies import read_object
from bridge.transports.http_media import JSON
from bridge.transports.http_routes import Checked, Query, Route
from bridge.walking import Walks

_TAKES = 'it takes {"session": "dream"}, and "name" if you like'
_SHOWS = 'it takes {"session": "dream"}, or nothing: where it was kept'
_RENAMES = 'it takes {"name": "the blue one"}'


class FavouriteRoutes:
    """Under /api/favourites."""

    def __init__(self, hub: Hub, walks: Walks, favourites: Favourites, max_body: int) -> None:
        self._hub = hub
        self._walks = walks
        self._favourites = favourites
        self._max_body = max_body

    def routes(self) -> tuple[Route, ...]:
        all, one = "/api/favourites", "/api/favourites/{id}"
        of = Query("session", "only those of this session")
        return (
            Route("GET", all, self.list, "what was kept, the oldest first", (of,), {JSON: "Favourites"}),
            Route(
                "POST",
                all,
                self.keep,
                "keep where a session is now",
                (),
                {JSON: "Favourite"},
                "json",
                status=201,
                body_schema=_schema({"session": "whose place is kept", "name": "how it is called"}, "session"),
            ),
            Route("GET", "/api/favourites/{id}.jpg", self.picture, "its small picture", (), {"image/jpeg": ""}),
            Route("GET", one, self.look, "one favourite with its vector", (), {JSON: "Favourite"}),
            Route(
                "PATCH",
                one,
                self.rename,
                "call it otherwise",
                (),
                {JSON: "Favourite"},
                "json",
                body_schema=_schema({"name": "how it is called"}, "name"),
            ),
            Route(
                "POST",
                one + "/show",
                self.show,
                "bring its picture back: the place, and what lay on top of it",
                (),
                {},
                "json",
                status=204,
                body_schema=_schema({"session": "where it is shown; left out, where it was kept"}),
            ),
            Route("DELETE", one, self.drop, "drop it for good", (), {}, status=204),
        )

    async def list(self, request: web.BaseRequest, query: Checked) -> web.StreamResponse:
        found = self._favourites.of(query.get("session"))
        return json_answer({"favourites": [listed(favourite) for favourite in found]})

    async def keep(self, request: web.BaseRequest, query: Checked) -> web.StreamResponse:
        wish = await self._read(request, ("session", "name"), "session", _TAKES)
        session = self._hub.get(str(wish["session"]))
        player = await self._walks.of(session)
        kept = await self._favourites.add(session, player.handles, await player.here(), wish.get("name", ""))
        return json_answer(described(kept), 201, {"Location": f"/api/favourites/{kept.id}"})

    async def look(self, request: web.BaseRequest, query: Checked, id: str) -> web.StreamResponse:
        return json_answer(described(self._favourites.get(id)))

    async def picture(self, request: web.BaseRequest, query: Checked, id: str) -> web.StreamResponse:
        return Answer(self._favourites.get(id).picture, "image/jpeg")

    async def rename(self, request: web.BaseRequest, query: Checked, id: str) -> web.StreamResponse:
        wish = await self._read(request, ("name",), "name", _RENAMES)
        return json_answer(described(await self._favourites.rename(id, wish["name"])))

    async def show(self, request: web.BaseRequest, query: Checked, id: str) -> web.StreamResponse:
        wish = await self._read(request, ("session",), "", _SHOWS) if request.can_read_body else {}
        favourite = self._favourites.get(id)
        session = self._hub.get(str(wish.get("session") or favourite.session))
        check_model(favourite, session)
        player = await self._walks.of(session)
        inputs = shown(favourite, session, player.handles)
        player.leave(inputs)
        session.send(inputs)
        return empty_answer()

    async def drop(self, request: web.BaseRequest, query: Checked, id: str) -> web.StreamResponse:
        await self._favourites.forget(id)
        return empty_answer()

    async def _read(self, request: web.BaseRequest, known: tuple[str, ...], needed: str, takes: str) -> dict[str, Any]:
        body = await read_object(request, self._max_body, takes)
        for name in body:
            if name not in known:
                raise UnknownInput(f"{name[:80]!r} is not known here", hint=takes, field=name)
        if needed and not body.get(needed):
            raise MissingInput(f"{needed} is missing", hint=takes, field=needed)
        return body


def _schema(fields: dict[str, str], *needed: str) -> dict[str, Any]:
    properties = {name: {"type": "string", "description": about} for name, about in fields.items()}
    return {"type": "object", "required": [*needed], "additionalProperties": False, "properties": properties}
