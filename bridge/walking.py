"""The walks of all sessions: each begins when its model is ready and wants to walk, or when somebody asks for it."""

import asyncio
import importlib
import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Self, cast

from bridge.errors import BridgeError, InputError
from bridge.favourites import Favourites
from bridge.hub import Hub
from bridge.session.fanout import EventReader
from bridge.session.session import Session
from bridge.walks.handles import Handles, handles_of
from bridge.walks.keys import Given

if TYPE_CHECKING:
    from bridge.walks.explorer import Explorer
    from bridge.walks.player import Player

_HAPPENINGS = frozenset({"session_closed", "state"})
_log = logging.getLogger(__name__)


class Walks:
    """Owns every walk of one hub. Use as `async with Walks(hub, favourites)`, inside the hub."""

    def __init__(self, hub: Hub, favourites: Favourites) -> None:
        self._hub = hub
        self._favourites = favourites
        self._players: dict[str, tuple[Session, Player]] = {}
        self._explorers: dict[str, tuple[Session, Explorer]] = {}
        self._wanted: dict[str, Mapping[str, Any]] = {}  # settings for sessions whose model still loads
        self._turns: dict[str, asyncio.Lock] = {}
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._watch(self._hub.events.subscribe(_HAPPENINGS)), name="walks")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await asyncio.gather(*(player.close() for _, player in self._players.values()))
        self._players.clear()

    async def of(self, session: Session) -> "Player":
        """The walk of that session, begun but standing still if it had none. Waits until its model is loaded."""
        await session.started()
        return await self._begun(session, {"playing": False})

    def running(self, session: Session) -> "Player | None":
        """The walk of that session if it has one already."""
        known, player = self._players.get(session.name, (None, None))
        return player if known is session else None

    async def reset(self, session: Session) -> None:
        """As the model has it: its own walk from the start, or none."""
        await self._end(session.name)
        self._wanted.pop(session.name, None)
        await self._begin(session)

    async def explorer(self, session: Session) -> "Explorer":
        """The explorer of that session. Waits until its model is loaded."""
        await session.started()
        known, explorer = self._explorers.get(session.name, (None, None))
        if explorer is None or known is not session:
            handles = _handles(session)
            module = await asyncio.to_thread(importlib.import_module, "bridge.walks.explorer")
            explorer = cast("Explorer", module.Explorer(session, handles, self._kept_by(session)))
            self._explorers[session.name] = session, explorer
        return explorer

    def wish(self, name: str, settings: Mapping[str, Any]) -> None:
        """With these settings instead of the model's own, once a session of that name has loaded."""
        self._wanted[name] = settings

    def settings_of(self, session: Session) -> dict[str, Any] | None:
        """What the walk was told, for those who save it; None while it is as the model has it."""
        player = self.running(session)
        if player is not None:
            told = player.settings.plain()
            return None if told == player.first.plain() and session.name not in self._wanted else told
        wanted = self._wanted.get(session.name)
        return None if wanted is None else dict(wanted)

    async def _watch(self, events: EventReader) -> None:
        async with events as happening:
            for session in tuple(self._hub.sessions.values()):
                await self._begin(session)
            async for event in happening:
                await self._follow(event.session)

    async def _follow(self, name: str) -> None:
        """Something happened to the session of that name, which may be another one by now, or gone."""
        session = self._hub.sessions.get(name)
        known, _ = self._players.get(name, (None, None))
        if known is not None and known is not session:
            await self._end(name)
        if session is not None:
            await self._begin(session)

    async def _begin(self, session: Session) -> None:
        """If it is ready, and walks by itself or did the last time."""
        settings = self._wanted.get(session.name, session.manifest.walk)
        if session.state != "ready" or settings is None:
            return
        for told in (settings, {}):  # saved for another network, or a slip in model.toml: then as any other
            try:
                await self._begun(session, told)
                return
            except BridgeError as error:
                _log.warning("%s does not walk as it was told: %s", session.name, error.message)

    async def _begun(self, session: Session, settings: Mapping[str, Any]) -> "Player":
        async with self._turns.setdefault(session.name, asyncio.Lock()):
            player = self.running(session)
            if player is not None:
                return player
            handles = _handles(session)
            # Brings numpy with it, which takes its time: not before something walks, and not on the loop.
            module = await asyncio.to_thread(importlib.import_module, "bridge.walks.player")
            made = cast("Player", module.Player(session, handles, settings, self._kept_by(session)))
            await made.__aenter__()
            self._players[session.name] = session, made
            return made

    def _kept_by(self, session: Session) -> Callable[[str], Given | None]:
        return lambda id: self._favourites.vector(id, session.model)

    async def _end(self, name: str) -> None:
        _, player = self._players.pop(name, (None, None))
        self._explorers.pop(name, None)
        if player is not None:
            await player.close()


def _handles(session: Session) -> Handles:
    assert session.signature is not None
    handles = handles_of(session.signature)
    if handles is None:
        takes = ", ".join(session.signature.default.inputs) or "nothing"
        raise InputError(
            f"{session.name} can't walk: none of its inputs is a vector", hint=f"it takes {takes}", field="session"
        )
    return handles
