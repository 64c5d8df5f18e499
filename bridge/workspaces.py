"""The workspaces: named groups that sessions are shown in. Stopped, started and closed together."""

import asyncio
from collections.abc import Callable
from typing import Any, Self

from bridge import limits
from bridge.errors import BridgeError, Busy, InputError, NameTaken, NotFound, TooLarge
from bridge.hub import Hub
from bridge.ports.words import came
from bridge.session.outputs import Event
from bridge.session.session import Session
from bridge.workspace import Workspace

FIRST = "Workspace"
_NOTE = "workspaces"


class Workspaces:
    """All of them, in order; there is always one. Use as `async with`, inside hub and workspace file."""

    def __init__(self, hub: Hub, file: Workspace) -> None:
        self._hub = hub
        self._file = file
        self._names: list[str] = [FIRST]
        self._turn = asyncio.Lock()  # who changes them now: each change is made of what the one before left

    async def __aenter__(self) -> Self:
        self._names = await self._file.noted_each(_NOTE, str) or [FIRST]
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    def described(self) -> list[dict[str, Any]]:
        """Each with the names of its sessions."""
        return [{"name": name, "sessions": [session.name for session in self.sessions(name)]} for name in self._names]

    def of(self, session: Session) -> str:
        """Where a session is shown. One whose workspace is gone is in the first."""
        return session.workspace if session.workspace in self._names else self._names[0]

    def sessions(self, name: str) -> list[Session]:
        """Those shown there; NotFound when there is no such workspace."""
        self._check(name)
        return [session for session in self._hub.sessions.values() if self.of(session) == name]

    async def add(self, name: Any) -> None:
        """One more, empty, behind the others."""
        async with self._turn:
            if len(self._names) >= limits.WORKSPACES:
                raise Busy(f"there are {limits.WORKSPACES} workspaces, as many as there may be", hint="remove one")
            await self._keep([*self._names, self._new(name)])

    async def rename(self, old: str, name: Any) -> None:
        """Its sessions go with it."""
        async with self._turn:
            sessions = self.sessions(old)
            if name == old:
                return
            new = self._new(name)
            await self._keep([new if known == old else known for known in self._names])
            for session in sessions:
                session.workspace = new

    async def remove(self, name: str) -> None:
        """Close its sessions and forget it. The last one stays."""
        async with self._turn:
            sessions = self.sessions(name)
            if len(self._names) == 1:
                raise InputError("the last workspace stays", hint="add another one first", field="name")
            await asyncio.gather(*(self._hub.close_session(session.name) for session in sessions))
            await self._keep([known for known in self._names if known != name])

    def move(self, session: Session, name: Any) -> None:
        """Show a session there from now on."""
        if not isinstance(name, str):
            raise InputError(f"workspace takes the name of one; {came(name)} came", field="workspace")
        self._check(name)
        session.workspace = name
        self._tell()

    def stop(self, name: str) -> None:
        """End the processes of its sessions; the sessions stay."""
        _each(self.sessions(name), Session.stop)

    async def start(self, name: str) -> None:
        """Let all its sessions run again."""
        for session in self.sessions(name):
            await self._hub.start(session.name)

    def _new(self, name: Any) -> str:
        if not isinstance(name, str) or not name.strip():
            raise InputError(f"name takes a text; {came(name)} came", field="name")
        if len(name) > limits.NAME_CHARS:
            raise TooLarge(f"name takes up to {limits.NAME_CHARS} characters; {len(name)} came", field="name")
        if name.strip() in self._names:
            raise NameTaken(f"there is a workspace named {name} already", hint="choose another name", field="name")
        return name.strip()

    def _check(self, name: str) -> None:
        if name not in self._names:
            raise NotFound(
                f"there is no workspace named {name[:80]}",
                hint=f"there are {', '.join(self._names)}",
                field="workspace",
            )

    async def _keep(self, names: list[str]) -> None:
        await self._file.note(_NOTE, names)
        self._names = names
        self._tell()

    def _tell(self) -> None:
        self._hub.events.publish(Event("workspaces", "", {"names": list(self._names)}))


def _each(sessions: list[Session], do: Callable[[Session], None]) -> None:
    """All of them, whatever one of them says; a failed one has nothing to stop."""
    for session in sessions:
        try:
            do(session)
        except BridgeError:
            continue
