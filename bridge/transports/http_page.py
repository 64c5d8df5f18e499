"""The page for people: plain files, each served packed where the browser takes that, checked anew by its ETag."""

import gzip
import hashlib
from collections.abc import Iterator, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable

from aiohttp import web

from bridge.errors import NotFound
from bridge.transports.http_answer import Answer
from bridge.transports.http_routes import Checked, Route

_TYPES = {
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "svg": "image/svg+xml",
    "png": "image/png",
    "md": "text/markdown; charset=utf-8",
    "txt": "text/plain; charset=utf-8",
}
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
        "media-src 'self' data: blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Permissions-Policy": "camera=(self), microphone=(self), fullscreen=(self), accelerometer=(self), gyroscope=(self)",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
    "Vary": "Accept-Encoding",
}


class Page:
    """bridge/studio, and nothing beside it."""

    def __init__(self) -> None:
        self._files = dict(_found())
        self._packed: dict[str, tuple[str, bytes]] = {}  # of each file its tag, and what it packs to

    def routes(self) -> tuple[Route, ...]:
        any_kind: Mapping[str, str] = {"*/*": ""}
        return (
            Route("GET", "/", self.page, "the page for people", (), {"text/html": ""}),
            Route("GET", "/studio/{file}", self.file, "a file of that page", (), any_kind),
            Route("GET", "/studio/{folder}/{file}", self.nested, "a file in a folder of that page", (), any_kind),
        )

    async def page(self, request: web.BaseRequest, query: Checked) -> web.StreamResponse:
        return self._answer(request, "index.html")

    async def file(self, request: web.BaseRequest, query: Checked, name: str) -> web.StreamResponse:
        return self._answer(request, name)

    async def nested(self, request: web.BaseRequest, query: Checked, folder: str, name: str) -> web.StreamResponse:
        return self._answer(request, f"{folder}/{name}")

    def _answer(self, request: web.BaseRequest, name: str) -> Answer:
        file = self._files.get(name)
        if file is None:
            raise NotFound(f"the page has no file {name[:80]!r}", hint="GET / is the page")
        content = file.read_bytes()
        tag = f'W/"{hashlib.blake2s(content, digest_size=12).hexdigest()}"'
        headers = {**_HEADERS, "ETag": tag}
        if tag in (request.headers.get("If-None-Match") or ""):
            return Answer(b"", "", 304, headers)
        if "gzip" in (request.headers.get("Accept-Encoding") or ""):
            headers["Content-Encoding"] = "gzip"
            content = self._pack(name, tag, content)
        return Answer(content, _TYPES[name.rpartition(".")[2]], 200, headers)

    def _pack(self, name: str, tag: str, content: bytes) -> bytes:
        """Packed once, and anew when the file is another."""
        of, packed = self._packed.get(name, ("", b""))
        if of != tag:
            packed = gzip.compress(content, mtime=0)
            self._packed[name] = (tag, packed)
        return packed


def _found() -> Iterator[tuple[str, Traversable]]:
    """Only these can be had, so that no name leads out of the folder."""
    for entry in (files("bridge") / "studio").iterdir():
        if entry.is_dir():
            yield from ((f"{entry.name}/{file.name}", file) for file in entry.iterdir() if _served(file))
        elif _served(entry):
            yield entry.name, entry


def _served(file: Traversable) -> bool:
    return file.is_file() and file.name.rpartition(".")[2] in _TYPES
