"""All sessions of this bridge, by name."""

import asyncio
import re
import time
from collections.abc import Callable, Mapping
from typing import Any, Self
from weakref import WeakValueDictionary

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
        self._leaving: set[asyncio.Task[None]] = set()  # sessions that are closing, their workers perhaps not gone yet
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def open(self, model: str, name: str | None = None, options: Mapping[str, Any] | None = None) -> Session:
        """The session of that name: a new one, still starting, or the one that already runs this model."""
        entry = await self.catalog.resolved(model)
        name = _checked(name or entry.id)
        options = {**options, **entry.options} if options else None
        async with self._turn(name):
            running = self.sessions.get(name)
            if running is not None and running.state != "failed":
                return await self._joined(running, entry, options)
            parsed = await self._parsed(entry, options) if options else dict(entry.options)
            if running is not None:
                await self.close_session(name)
            return await self._start(entry, name, parsed)

    def get(self, name: str) -> Session:
        """The session of that name; UnknownSession if there is none."""
        session = self.sessions.get(name)
        if session is None:
            open_now = ", ".join(self.sessions) or "none"
            raise UnknownSession(f"there is no session named {name}", hint=f"open now: {open_now}", field="session")
        return session

    async def close_session(self, name: str) -> None:
        """End a session and its process."""
        session = self.get(name)
        del self.sessions[name]  # at once: the name is free, also when nobody waits for the end
        leaving = asyncio.create_task(session.close(), name=f"close {name}")
        self._leaving.add(leaving)
        leaving.add_done_callback(self._leaving.discard)
        self.events.publish(Event("session_closed", name, {}))
        await asyncio.shield(leaving)  # who waits may go away: it goes on

    async def close(self) -> None:
        """End all sessions, side by side, and open no more. Idempotent."""
        self._closed = True
        await asyncio.gather(*(session.close() for session in self.sessions.values()), *self._leaving)
        self.sessions.clear()

    def _turn(self, name: str) -> asyncio.Lock:
        """Who opens under this name. Others do not wait for it: to ask a model's code for its options can take long."""
        turn = self._turns.get(name)
        if turn is None:
            turn = self._turns[name] = asyncio.Lock()
        return turn

    async def _joined(self, running: Session, entry: Entry, options: Mapping[str, Any] | None) -> Session:
        if running.folder != str(entry.folder) or not _loads(running, entry):
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
        return running

    async def _parsed(self, entry: Entry, options: Mapping[str, Any]) -> dict[str, Any]:
        """Options checked before anything is started."""
        signature = await self.catalog.signature(entry)
        return signature.parse_options(options)

    async def _start(self, entry: Entry, name: str, options: dict[str, Any]) -> Session:
        if self._closed:
            raise Refused(f"{name} is not opened: the bridge is ending")
        if len(self.sessions) >= self._max_sessions:
            raise Busy(
                f"{self._max_sessions} sessions are open, as many as this bridge allows",
                hint="close one, or raise max_sessions in the settings",
            )
        session = Session(
            name,
            entry.about,
            Start(name, str(entry.folder), options, self._threads),
            self._launch,
            model=entry.id,
            events=self.events,
            clock=self.clock,
            queue=self._queue,
            start_seconds=self._start_seconds,
            preset=entry.options,
        )
        self.sessions[name] = session
        self.events.publish(Event("session_opened", name, {"model": entry.id}))
        await session.__aenter__()
        return session


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
