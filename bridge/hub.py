"""All sessions of this bridge, by name."""

import asyncio
import re
import time
from collections.abc import Callable, Mapping
from typing import Any, Self
from weakref import WeakKeyDictionary, WeakValueDictionary

from bridge import limits
from bridge.catalog import Catalog, Entry
from bridge.errors import Busy, InputError, NameTaken, Refused, UnknownSession
from bridge.session.backend import Launch
from bridge.session.fanout import Events
from bridge.session.messages import Start
from bridge.session.outputs import Event
from bridge.session.session import Session

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


class Hub:
    """Opens and closes sessions; owns them until it is closed itself. Use as `async with Hub(...)`."""

    def __init__(
        self,
        catalog: Catalog,
        launch: Launch,
        *,
        queue: int = limits.RUNS_WAITING,
        max_sessions: int = limits.SESSIONS,
        start_seconds: float = limits.START_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        threads: int = 0,
    ) -> None:
        self.catalog = catalog
        self._threads = threads  # for every model's library; 0: as many as do best
        self.sessions: dict[str, Session] = {}
        self.events = Events()
        self.clock = clock
        self._launch = launch
        self._queue = queue
        self._max_sessions = max_sessions
        self._start_seconds = start_seconds
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()  # by name: who opens under it now
        self._heirs: WeakKeyDictionary[Session, Session] = WeakKeyDictionary()  # by the failed one that each replaced
        self._leaving: set[asyncio.Task[None]] = set()  # sessions that are closing, their workers perhaps not gone yet
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def open(
        self, model: str, name: str | None = None, options: Mapping[str, Any] | None = None, *, stopped: bool = False
    ) -> Session:
        """The session of that name: a new one, still starting or stopped, or the one that already runs this model."""
        entry = await self.catalog.resolved(model)
        name = _checked(name or entry.name)
        options = {**options, **entry.options} if options else None
        async with self._turn(name):
            running = self.sessions.get(name)
            if running is not None and running.state != "failed":
                return await self._joined(running, entry, options)
            parsed = await self._parsed(entry, options) if options else dict(entry.options)
            running = self.sessions.get(name)  # it may have another name by now, or run again
            if running is not None and running.state != "failed":
                return await self._joined(running, entry, options)
            if running is not None:
                await self.close_session(name)
            return await self._start(entry, name, parsed, stopped)

    def get(self, name: str) -> Session:
        """The session of that name; UnknownSession if there is none."""
        session = self.sessions.get(name)
        if session is None:
            open_now = ", ".join(self.sessions) or "none"
            raise UnknownSession(f"there is no session named {name}", hint=f"open now: {open_now}", field="session")
        return session

    async def rename(self, old: str, new: str) -> Session:
        """Give a session another name; whoever follows it goes on. NameTaken when another one has it."""
        new = _checked(new)
        async with self._turn(new):
            session = self.get(old)
            if new == old:
                return session
            if new in self.sessions:
                raise NameTaken(f"there is a session named {new} already", hint="choose another name", field="name")
            named = [(new if one is session else name, one) for name, one in self.sessions.items()]
            self.sessions.clear()
            self.sessions.update(named)  # in its old place
            session.name = new
            self.events.publish(Event("session_renamed", new, {"from": old}))
            return session

    async def start(self, name: str, options: Mapping[str, Any] | None = None) -> Session:
        """Let a stopped or failed session run again, with other options if some are given."""
        return await self._begin(self.get(name), options, anew=False)

    async def restart(self, name: str, options: Mapping[str, Any] | None = None) -> Session:
        """A new process for a session, with other options if some are given."""
        return await self._begin(self.get(name), options, anew=True)

    def reference(self, session: Session) -> str:
        """By what its model is found again: its id, or the path it was named by."""
        entry = next((entry for entry in self.catalog.entries if entry.id == session.model), None)
        return str(entry.file or entry.folder) if entry is not None and entry.origin == "path" else session.model

    async def close_session(self, name: str) -> None:
        """End a session and its process."""
        session = self.get(name)
        del self.sessions[name]  # at once: the name is free, also when nobody waits for the end
        leaving = self._leave(session)
        self.events.publish(Event("session_closed", name, {}))
        await asyncio.shield(leaving)  # who waits may go away: it goes on

    async def close(self) -> None:
        """End all sessions, side by side, and open no more. Idempotent."""
        self._closed = True
        await asyncio.gather(*(session.close() for session in self.sessions.values()), *self._leaving)
        self.sessions.clear()

    def _leave(self, session: Session) -> "asyncio.Task[None]":
        leaving = asyncio.create_task(session.close(), name=f"close {session.name}")
        self._leaving.add(leaving)
        leaving.add_done_callback(self._leaving.discard)
        return leaving

    def _turn(self, name: str) -> asyncio.Lock:
        """Who opens under this name. Others do not wait for it: to ask a model's code for its options can take long."""
        turn = self._turns.get(name)
        if turn is None:
            turn = self._turns[name] = asyncio.Lock()
        return turn

    async def _joined(self, running: Session, entry: Entry, options: Mapping[str, Any] | None) -> Session:
        if running.folder != entry.where or not _loads(running, entry):
            raise NameTaken(
                f"{running.name} already runs {running.model}",
                hint="choose another name, or close it first",
                field="name",
            )
        if options and await self._parsed(entry, options) != await self._parsed(entry, running.options):
            raise NameTaken(
                f"{running.name} already runs with other options",
                hint="options count from the start: choose another name, or close it first",
                field="options",
            )
        return self._now(running)

    async def _parsed(self, entry: Entry, options: Mapping[str, Any]) -> dict[str, Any]:
        """Options checked before anything is started."""
        signature = await self.catalog.signature(entry)
        return signature.parse_options(options)

    async def _start(self, entry: Entry, name: str, options: dict[str, Any], stopped: bool) -> Session:
        if self._closed:
            raise Refused(f"{name} is not opened: the bridge is ending")
        if len(self.sessions) >= self._max_sessions:
            raise Busy(
                f"{self._max_sessions} sessions are open, as many as this bridge allows",
                hint="close one, or raise max_sessions in the settings",
            )
        return await self._enter(self._new(entry, name, options, stopped=stopped))

    async def _begin(self, session: Session, options: Mapping[str, Any] | None, anew: bool) -> Session:
        """It is the session that is meant, whatever it is called by the time its model was found and asked."""
        entry = await self.catalog.resolved(self.reference(session))
        parsed = None if options is None else await self._parsed(entry, {**options, **entry.options})
        session = self._now(session)
        if session.state == "failed":
            return await self._replace(session, entry, session.options if parsed is None else parsed)
        if anew:
            session.stop()
        session.start(parsed)
        return session

    def _now(self, session: Session) -> Session:
        """What it is by now: itself, or the one in its place; UnknownSession when it was closed."""
        while session in self._heirs:
            session = self._heirs[session]
        if self.sessions.get(session.name) is not session:
            raise UnknownSession(f"{session.name} was closed", hint="open it again", field="session")
        return session

    async def _replace(self, old: Session, entry: Entry, options: dict[str, Any]) -> Session:
        """A failed one by another, in one step: nobody can rename or close it half way."""
        if self._closed:
            raise Refused(f"{old.name} is not started: the bridge is ending")
        new = self._heirs[old] = self._new(entry, old.name, options, inputs=old.snapshot())
        new.workspace = old.workspace
        old.end()
        self._leave(old)
        return await self._enter(new)

    async def _enter(self, session: Session) -> Session:
        self.sessions[session.name] = session
        self.events.publish(Event("session_opened", session.name, {"model": session.model}))
        return await session.__aenter__()

    def _new(self, entry: Entry, name: str, options: dict[str, Any], **more: Any) -> Session:
        return Session(
            name,
            entry.about,
            Start(name, entry.where, options, self._threads),
            self._launch,
            model=entry.id,
            events=self.events,
            clock=self.clock,
            queue=self._queue,
            start_seconds=self._start_seconds,
            preset=entry.options,
            **more,
        )


def _loads(running: Session, entry: Entry) -> bool:
    """Does it run with the same file?"""
    return all(running.options.get(name) == value for name, value in entry.options.items()) and not (
        running.preset.keys() - entry.options.keys()
    )


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise InputError(
            f"{name!r} can't be the name of a session",
            hint="letters, digits, - and _, up to 64, beginning with a letter or digit",
            field="name",
        )
    return name
