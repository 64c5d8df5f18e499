"""What is said over OSC to walks that have not begun: it waits for them, and outlasts who sent it."""

import asyncio
from collections.abc import Callable
from typing import Any, NamedTuple

from bridge.session.session import Session
from bridge.transports.osc_peers import Peer, refuse
from bridge.walking import Walks


class _Patch(NamedTuple):
    """What one sender said at once."""

    settings: dict[str, Any]
    peer: Peer


class EarlyWalks:
    """By session, what its walk is told once it has begun; the newest of each setting. Close it to end all waiting."""

    def __init__(self, walks: Walks) -> None:
        self._walks = walks
        self._patches: dict[Session, list[_Patch]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def waits(self, session: Session) -> bool:
        """Is anything to be told before what comes now?"""
        return session in self._patches

    def add(self, session: Session, settings: dict[str, Any], peer: Peer) -> None:
        """Tell this when it begins. What is wrong with it is then told to the one who sent it, and costs no other."""
        waiting = self._patches.get(session)
        if waiting is None:
            waiting = self._patches[session] = []
            task = asyncio.create_task(self._tell_when_begun(session), name=f"osc /{session.name}/walk")
            self._tasks.add(task)
            task.add_done_callback(lambda _: self._ended(session, task))  # also when it was ended before it could begin
        for earlier in waiting:
            for name in settings:
                earlier.settings.pop(name, None)
        waiting[:] = [one for one in waiting if one.settings]
        waiting.append(_Patch(dict(settings), peer))

    def shut_out(self, may: Callable[[str], bool]) -> None:
        """What those said who may not send any more is not told."""
        for waiting in self._patches.values():
            waiting[:] = [one for one in waiting if may(one.peer.host)]

    async def close(self) -> None:
        """Wait no more. Idempotent."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ended(self, session: Session, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        self._patches.pop(session, None)

    async def _tell_when_begun(self, session: Session) -> None:
        address = f"/{session.name}/walk"
        try:
            player = await self._walks.of(session)
        except Exception as error:
            for peer in {one.peer.key: one.peer for one in self._patches[session]}.values():
                refuse(peer, address, "", error)
            return
        for settings, peer in self._patches.pop(session):
            try:
                player.change(settings)
            except Exception as error:
                refuse(peer, address, "", error)
