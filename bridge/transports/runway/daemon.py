"""Server D: what plugins take for the app itself. Models are listed, sessions of them started, listed and stopped."""

import datetime as dt
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import msgspec
from aiohttp import web

from bridge.catalog import Entry
from bridge.errors import InputError, UnknownModel
from bridge.hub import Hub
from bridge.ports.sdk import fields
from bridge.ports.words import came
from bridge.session.session import Session
from bridge.signature import Command, Signature
from bridge.transports.http_answer import json_answer
from bridge.transports.http_bodies import read_object
from bridge.transports.http_routes import Checked, Route
from bridge.transports.runway import values
from bridge.transports.runway.aliases import NONE

_TAKES = 'it takes {"modelVersionId": number of a model, "modelOptions": {...}, "application": text}'
_OVER = ("failed", "closed")


class _Facts(msgspec.Struct):
    """What is known of a session here only."""

    created: float
    started: float | None = None
    application: Any = None
    provider: Any = None
    ours: bool = False  # it was started here


class Daemon:
    """The models of this bridge. `url_of` says where the SDK's form of a session is, empty if nowhere yet."""

    def __init__(
        self, hub: Hub, url_of: Callable[[str], str], base: Callable[[], str], max_body: int,
        now: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        self._hub = hub
        self._url_of = url_of
        self._base = base
        self._max_body = max_body
        self._now = now
        self._facts: WeakKeyDictionary[Session, _Facts] = WeakKeyDictionary()

    def routes(self) -> tuple[Route, ...]:
        sessions = "/v1/model_sessions"
        return (
            Route("GET", "/v1/healthcheck", self.health, "alive"),
            Route("GET", "/v1/models", self.models, "the models"),
            Route("GET", sessions, self.list, "the sessions"),
            Route("POST", sessions, self.start, "start a session", takes="json"),
            Route("POST", f"{sessions}/stop_all", self.stop_all, "stop what an application has started", takes="json"),
            Route("GET", f"{sessions}/{{session}}", self.look, "one session"),
            Route("DELETE", f"{sessions}/{{session}}", self.stop, "stop a session"),
        )

    def note(self, session: Session) -> None:
        """A session was opened, or its state has changed."""
        facts = self._facts.setdefault(session, _Facts(self._now()))
        if facts.started is None and session.state == "ready":
            facts.started = self._now()

    async def health(self, request: web.BaseRequest, query: Checked) -> web.StreamResponse:
        return json_answer({"success": True})

    async def models(self, request: web.BaseRequest, query: Checked) -> web.StreamResponse:
        entries = await self._hub.catalog.describe_all()
        return json_answer({"models": [self._model(entry) for entry in entries if entry.signature is not None]})

    async def list(self, request: web.BaseRequest, query: Checked) -> web.StreamResponse:
        active = request.query.get("show") == "active"
        shown = [one for one in self._hub.sessions.values() if not (active and one.state in (*_OVER, "stopped"))]
        return json_answer({"modelSessions": [await self._session(session) for session in shown]})

    async def look(self, request: web.BaseRequest, query: Checked, name: str) -> web.StreamResponse:
        return json_answer({"modelSession": await self._session(self._hub.get(name))})

    async def start(self, request: web.BaseRequest, query: Checked) -> web.StreamResponse:
        """Old plugins differ in where they look for the session: it is in both places."""
        body = await read_object(request, self._max_body, _TAKES)
        entry = self._entry(body.get("modelVersionId"))
        options = body.get("modelOptions") or {}
        if not isinstance(options, dict):
            raise InputError(f"modelOptions takes options by name; {came(options)} came", field="modelOptions")
        entry.check_told(options)
        session = await self._hub.open(entry.id, self._free_name(body.get("name") or entry.id), options)
        self._facts[session] = _Facts(
            self._now(), None, body.get("application"), body.get("providerOptions"), ours=True
        )
        told = await self._session(session)
        return json_answer({**told, "modelSession": told})

    async def stop(self, request: web.BaseRequest, query: Checked, name: str) -> web.StreamResponse:
        await self._hub.close_session(name)
        return json_answer({"success": True})

    async def stop_all(self, request: web.BaseRequest, query: Checked) -> web.StreamResponse:
        """Only what was started here, by that application if one is named: never what the artist has opened."""
        body = await read_object(request, self._max_body, 'it takes {"application": text}')
        application = body.get("application")
        for session in tuple(self._hub.sessions.values()):
            facts = self._facts.get(session)
            if facts is not None and facts.ours and application in (None, facts.application):
                await self._hub.close_session(session.name)
        return json_answer({"success": True})

    # --- as they are told ------------------------------------------------------------------------

    def _entry(self, version: Any) -> Entry:
        for entry in self._hub.catalog.entries:
            if entry.manifest is not None and version in (version_of(entry.id), entry.id):
                return entry
        raise UnknownModel(
            f"there is no model with the version {came(version)}", hint="GET /v1/models lists them", field="model"
        )

    def _free_name(self, wanted: Any) -> str:
        """The model's own, with a number behind it if that is taken."""
        name, number = str(wanted), 2
        while name in self._hub.sessions:
            name, number = f"{wanted}-{number}", number + 1
        return name

    def _model(self, entry: Entry, signature: Signature | None = None) -> dict[str, Any]:
        signature = signature or entry.signature
        about = entry.manifest
        preview = f"{self._base()}/api/models/{entry.id}/preview" if entry.preview is not None else None
        return {
            "id": version_of(entry.id),
            "name": about.title if about else entry.id,
            "slug": entry.id,
            "description": about.tagline if about else "",
            "coverImage": preview,
            "defaultVersionId": version_of(entry.id),
            "options": fields(signature.options) if signature else [],
            "commands": [_command(command) for command in signature.commands.values()] if signature else [],
        }

    async def _session(self, session: Session) -> dict[str, Any]:
        """With what its model can do, also while it loads: plugins look once."""
        self.note(session)
        facts = self._facts[session]
        entry = next((entry for entry in self._hub.catalog.entries if entry.id == session.model), None)
        entry = entry or Entry(session.model, Path(session.folder), "path", session.manifest)
        if session.signature is None:
            entry = await self._hub.catalog.described(entry)
        return {
            "id": session.name,
            "createdAt": _time(facts.created),
            "startedRunningAt": _time(facts.started),
            "endedAt": None,
            "runningStatus": "RUNNING" if session.state == "ready" else session.state.upper(),
            "url": self._url_of(session.name),
            "persistent": False,
            "application": facts.application,
            "modelVersionId": version_of(entry.id),
            "providerOptions": facts.provider or {"runLocation": "Local"},
            "model": self._model(entry, session.signature),
        }


def version_of(id: str) -> int:
    """The number of a model, always the same: old clients know models by numbers."""
    return zlib.crc32(id.encode()) & 0x7FFFFFFF


def _command(command: Command) -> dict[str, Any]:
    return {"name": command.name, "description": command.description, **values.described(command, NONE)}


def _time(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
