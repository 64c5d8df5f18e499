"""The directory of models: what could be opened."""

import asyncio
from pathlib import Path
from typing import Any

from aiohttp import web

from bridge import limits
from bridge.catalog import Entry
from bridge.errors import NotFound
from bridge.hub import Hub
from bridge.transports.http_answer import Answer, json_answer
from bridge.transports.http_media import JSON, MEDIA
from bridge.transports.http_routes import Checked, Query, Route

_QUERY = (
    Query("search", "words in title, tagline, keywords or id"),
    Query("kind", "what it does", choices=("extract", "generate", "transform")),
    Query("category", "such as drawing, colour or text"),
    Query("input", "the kind of one of its inputs, such as image"),
    Query("output", "the kind of one of its outputs"),
    Query("cpu", "true: runs without a GPU", "boolean"),
    Query("sort", "the order", choices=("name", "newest")),
)


class Models:
    """The catalogue, read only."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def routes(self) -> tuple[Route, ...]:
        one = "/api/models/{model}"
        return (
            Route("GET", "/api/models", self.list, "the models that can be opened", _QUERY, {JSON: "Models"}),
            Route("GET", one, self.look, "one model: manifest, card, ports", (), {JSON: "Model"}),
            Route("GET", f"{one}/preview", self.preview, "its preview picture", (), {"image/*": ""}),
        )

    async def list(self, request: web.BaseRequest, query: Checked) -> web.StreamResponse:
        catalog = self._hub.catalog
        await asyncio.to_thread(catalog.refresh)
        if "input" in query or "output" in query:
            await catalog.describe_all()
        found = catalog.search(
            query.get("search", ""),
            kind=query.get("kind", ""),
            category=query.get("category", ""),
            input=query.get("input", ""),
            output=query.get("output", ""),
            cpu=query.get("cpu"),
            sort=query.get("sort", ""),
        )
        return json_answer({"models": [_brief(entry) for entry in found]})

    async def look(self, request: web.BaseRequest, query: Checked, id: str) -> web.StreamResponse:
        entry = await self._hub.catalog.described(self._hub.catalog.get(id))
        running = [session.name for session in self._hub.sessions.values() if session.model == entry.id]
        return json_answer({**entry.describe(), "sessions": running})

    async def preview(self, request: web.BaseRequest, query: Checked, id: str) -> web.StreamResponse:
        file = self._hub.catalog.get(id).preview
        if file is None:
            raise NotFound(f"{id} has no preview picture")
        try:
            data = await asyncio.to_thread(_first_bytes, file)
        except OSError:
            raise NotFound(f"the preview picture of {id} can't be read") from None
        kind = MEDIA["png"] if file.suffix.lower() == ".png" else MEDIA["jpeg"]
        return Answer(data, kind, 200, {"Cache-Control": "max-age=60"})


def _brief(entry: Entry) -> dict[str, Any]:
    """Without the card, which is long."""
    described = entry.describe()
    del described["card"]
    return described


def _first_bytes(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(limits.IMAGE_BYTES)
