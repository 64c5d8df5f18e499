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
from bridge.usage import Usage

_QUERY = (
    Query("search", "words in title, tagline, keywords or id"),
    Query("kind", "what it does", choices=("extract", "generate", "transform")),
    Query("category", "such as drawing, colour or text"),
    Query("input", "the kind of one of its inputs, such as image"),
    Query("output", "the kind of one of its outputs"),
    Query("cpu", "true: runs without a GPU", "boolean"),
    Query("sort", "the order", choices=("name", "newest", "used")),
)


class Models:
    """The catalogue, read only."""

    def __init__(self, hub: Hub, usage: Usage) -> None:
        self._hub = hub
        self._usage = usage

    def routes(self) -> tuple[Route, ...]:
        one = "/api/models/{model}"
        return (
            Route("GET", "/api/models", self.list, "the models that can be opened", _QUERY, {JSON: "Models"}),
            Route("GET", one, self.look, "one model: manifest, card, ports", (), {JSON: "Model"}),
            Route("GET", f"{one}/preview", self.preview, "its preview picture", (), {"image/*": ""}),
            Route(
                "GET", f"{one}/pictures/{{file}}", self.picture, "a picture that its card shows", (), {"image/*": ""}
            ),
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
            sort="" if query.get("sort") == "used" else query.get("sort", ""),
        )
        models = [{**_brief(entry), "used": self._usage.of(entry.id)} for entry in found]
        if query.get("sort") == "used":
            models.sort(key=lambda model: (-model["used"]["opened"], -model["used"]["runs"]))
        return json_answer({"models": models})

    async def look(self, request: web.BaseRequest, query: Checked, id: str) -> web.StreamResponse:
        entry = await self._hub.catalog.described(await self._hub.catalog.named(id))
        running = [session.name for session in self._hub.sessions.values() if session.model == entry.id]
        return json_answer({**entry.describe(), "sessions": running, "used": self._usage.of(entry.id)})

    async def preview(self, request: web.BaseRequest, query: Checked, id: str) -> web.StreamResponse:
        file = self._hub.catalog.get(id).preview
        if file is None:
            raise NotFound(f"{id} has no preview picture")
        return await _picture(file, id)

    async def picture(self, request: web.BaseRequest, query: Checked, id: str, name: str) -> web.StreamResponse:
        folder = self._hub.catalog.get(id).folder
        file = (await asyncio.to_thread(_pictures, folder)).get(name)
        if file is None:
            raise NotFound(
                f"{id} has no picture {name[:80]!r}", hint="pictures that lie in the model's folder are served"
            )
        return await _picture(file, id)


_PICTURES = {".jpg": MEDIA["jpeg"], ".jpeg": MEDIA["jpeg"], ".png": MEDIA["png"]}


def _pictures(folder: Path) -> dict[str, Path]:
    """Only these can be had, so that no name leads out of the folder."""
    try:
        return {
            file.name: file for file in folder.iterdir() if file.suffix.lower() in _PICTURES and not file.is_symlink()
        }
    except OSError:
        return {}


async def _picture(file: Path, id: str) -> Answer:
    try:
        data = await asyncio.to_thread(_first_bytes, file)
    except OSError:
        raise NotFound(f"the picture {file.name} of {id} can't be read") from None
    return Answer(data, _PICTURES[file.suffix.lower()], 200, {"Cache-Control": "max-age=60"})


def _brief(entry: Entry) -> dict[str, Any]:
    """Without the card, which is long."""
    described = entry.describe()
    del described["card"]
    return described


def _first_bytes(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(limits.IMAGE_BYTES)
