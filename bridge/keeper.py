"""Keeps the workspace in step with the hub: opens what was saved, saves what is opened, closed and set."""

import asyncio
import logging
from collections.abc import Collection, Iterable
from contextlib import suppress
from typing import Any, Self

import msgspec

from bridge.errors import BridgeError, InputError
from bridge.hub import Hub
from bridge.ports import AnyPort, Blob, to_json
from bridge.session.fanout import EventReader
from bridge.session.session import Session
from bridge.walking import Walks
from bridge.workspace import SavedSession, Workspace

_STRUCTURE = frozenset({"session_opened", "session_closed", "session_renamed"})
_VECTOR_BYTES = 64 * 1024  # a longer live vector is a stream, not a setting
_log = logging.getLogger(__name__)


class Keeper:
    """Watches one hub for one workspace. Use as `async with`, inside the two: what is open when it ends is saved.

    A start alone writes nothing: what the command line or the demo opened is saved with the first change after it.
    """

    def __init__(self, hub: Hub, workspace: Workspace, walks: Walks, pause: float = 2.0) -> None:
        self._hub = hub
        self._walks = walks
        self._workspace = workspace
        self._pause = pause  # between two looks at the live inputs, which may change a hundred times a second
        self._wanted: dict[str, SavedSession] = {}  # not running yet, or not yet with its inputs
        self._saved: list[SavedSession] | None = None  # None: not restored yet, so nothing may be saved over it
        self._trouble = ""
        self._saving = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._spawn(self._watch(self._hub.events.subscribe(_STRUCTURE)))  # from now on, not from the task's first turn
        self._spawn(self._look_now_and_then())
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.save()

    async def restore(
        self, saved: Iterable[SavedSession], more: Iterable[SavedSession] = ()
    ) -> list[tuple[SavedSession, BridgeError]]:
        """Open them, without waiting until they have loaded; gives back those that could not be opened, and why.

        A saved one that could not be opened stays in the workspace: its model may be back the next time.
        """
        async with self._saving:
            refused = await self._open_each(saved)
            unknown = await self._open_each(more)
            for session, _ in unknown:
                self._wanted.pop(session.name, None)
            self._saved = self._now()
        return refused + unknown

    async def save(self) -> None:
        """Save what is open if it changed. Trouble, whatever it is, is told once, and does not end anything."""
        async with self._saving:
            try:
                await self._save_changes()
            except BridgeError as error:
                self._tell(error.message, error.hint)
            except Exception as error:  # a mistake of ours; the next change may be saved all the same
                self._tell(f"{type(error).__name__}: {error}", "the traceback is in the log", error)

    async def _save_changes(self) -> None:
        if self._saved is None:
            return
        now = self._now()
        if now != self._saved:
            await self._workspace.save(now)
            self._saved = now
            _log.debug("saved", extra={"event": "saved", "data": {"sessions": len(now)}})
        self._trouble = ""

    async def _open_each(self, sessions: Iterable[SavedSession]) -> list[tuple[SavedSession, BridgeError]]:
        refused = []
        for session in sessions:
            try:
                await self._open(session)
            except BridgeError as error:
                refused.append((session, error))
        return refused

    async def _open(self, wanted: SavedSession) -> None:
        self._wanted[wanted.name] = wanted
        session = await self._hub.open(wanted.model, wanted.name, wanted.options, stopped=wanted.stopped)
        session.workspace = wanted.workspace
        if wanted.walk is not None:
            self._walks.wish(session, wanted.walk)
        if wanted.inputs:
            self._spawn(self._bring_inputs(session, wanted))
        else:
            del self._wanted[wanted.name]

    async def _bring_inputs(self, session: Session, wanted: SavedSession) -> None:
        """Once the model is there, give it the live inputs it had; one that it no longer takes is left out."""
        with suppress(BridgeError):  # a model that does not start keeps what was saved for it
            while session.state == "stopped":
                await session.movement()
            await session.started()
            for name, value in wanted.inputs.items():
                try:
                    session.send({name: value})
                except InputError as error:
                    _log.warning("%s was not given back what %s was: %s", wanted.name, name, error.message)
            self._wanted.pop(session.name, None)

    async def _watch(self, events: EventReader) -> None:
        async with events as happening:
            async for event in happening:
                if event.kind == "session_closed":
                    self._wanted.pop(event.session, None)
                elif event.kind == "session_renamed" and (wanted := self._wanted.pop(event.data["from"], None)):
                    self._wanted[event.session] = msgspec.structs.replace(wanted, name=event.session)
                await self.save()

    async def _look_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(self._pause)
            await self.save()

    def _now(self) -> list[SavedSession]:
        """What would have to be opened to have all this again."""
        running = [self._seen(session) for session in self._hub.sessions.values()]
        absent = [wanted for name, wanted in self._wanted.items() if name not in self._hub.sessions]
        return running + absent

    def _seen(self, session: Session) -> SavedSession:
        wanted = self._wanted.get(session.name)
        inputs = wanted.inputs if wanted is not None else _changed_inputs(session, self._walks.moves(session))
        options = {name: to_json(value) for name, value in session.options.items() if name not in session.preset}
        walk, stopped = self._walks.saved(session), session.state == "stopped"
        model = self._hub.reference(session)
        return SavedSession(session.name, model, options, inputs, walk, stopped, session.workspace)

    def _tell(self, why: str, hint: str, error: Exception | None = None) -> None:
        if why != self._trouble:
            self._trouble = why
            _log.error("the workspace was not saved: %s; %s", why, hint, exc_info=error)

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work, name="workspace keeper")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _changed_inputs(session: Session, moved: Collection[str]) -> dict[str, Any]:
    """The live inputs that were set by someone, without pictures and sound, and without what a walk moves."""
    if session.signature is None:
        return {}
    ports = session.signature.default.inputs
    current = {name: value for name, value in session.snapshot().items() if name in ports and name not in moved}
    return {name: to_json(value) for name, value in current.items() if _is_kept(ports[name], name, value)}


def _is_kept(port: AnyPort, name: str, value: Any) -> bool:
    if isinstance(value, Blob) and (port.kind != "vector" or len(value.data) > _VECTOR_BYTES):
        return False
    if port.required:
        return True
    default = None if port.default is None else port.parse(port.default, name)
    return bool(value != default)
