"""The walks of all sessions: each begins when its model is ready and wants to walk, or when somebody asks for it."""

import asyncio
import importlib
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self, cast
from weakref import WeakKeyDictionary

import msgspec

from bridge.errors import BridgeError, InputError
from bridge.favourites import Favourites
from bridge.hub import Hub
from bridge.session.fanout import EventReader
from bridge.session.session import Session
from bridge.walks.beginning import STANDING_BY, Begin
from bridge.walks.handles import Handles, needed
from bridge.walks.keys import Given

if TYPE_CHECKING:
    from bridge.walks.explorer import Explorer
    from bridge.walks.player import Player

_HAPPENINGS = frozenset({"session_closed", "session_renamed", "state"})
_log = logging.getLogger(__name__)


class Walks:
    """Owns every walk of one hub. Use as `async with Walks(hub, favourites)`, inside the hub."""

    def __init__(self, hub: Hub, favourites: Favourites) -> None:
        self._hub = hub
        self._favourites = favourites
        self._players: dict[Session, Player] = {}
        self._explorers: dict[Session, Explorer] = {}
        self._wanted: dict[Session, Begin] = {}  # those whose model still loads
        self._turns: WeakKeyDictionary[Session, asyncio.Lock] = WeakKeyDictionary()  # who begins there now
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._watch(self._hub.events.subscribe(_HAPPENINGS)), name="walks")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await asyncio.gather(*(player.close() for player in self._players.values()))
        self._players.clear()

    async def of(self, session: Session) -> "Player":
        """The walk of that session; if it had none, one that waits to be told. Waits until its model is loaded."""
        await session.started()
        return await self._begun(session)

    def running(self, session: Session) -> "Player | None":
        """The walk of that session if it has one already."""
        return self._players.get(session)

    async def reset(self, session: Session) -> "Player":
        """As the model has it: its own walk from the start, or one that waits to be told."""
        await session.started()
        async with self._turn(session):  # one that is just beginning ends as well
            self._wanted.pop(session, None)
            await self._end(session)
        return await self._begun(session)

    async def explorer(self, session: Session) -> "Explorer":
        """The explorer of that session. Waits until its model is loaded."""
        await session.started()
        await asyncio.to_thread(importlib.import_module, "bridge.walks.explorer")
        return self._explorer(session)

    def _explorer(self, session: Session) -> "Explorer":
        """The one it has, or a new one; what that needs was brought before."""
        module = importlib.import_module("bridge.walks.explorer")
        handles = _handles(session)
        explorer = self._explorers.get(session)
        if explorer is None or explorer.handles != handles:
            explorer = cast("Explorer", module.Explorer(session, handles, self._kept_by(session)))
            self._explorers[session] = explorer
        return explorer

    def wish(self, session: Session, saved: Mapping[str, Any]) -> None:
        """Begin as saved() said, instead of as the model has it, once this session has loaded."""
        with suppress(msgspec.ValidationError):  # by another version of ours
            self._wanted[session] = msgspec.convert(saved, Begin)

    def saved(self, session: Session) -> dict[str, Any] | None:
        """How it would have to begin to be where it is, as JSON; None while it is as the model has it."""
        player = self.running(session)
        if player is None:
            begin = self._wanted.get(session)
        else:
            stands = player.state()
            begin = None if player.begun == self._own(session) and stands == player.first else stands
        return None if begin is None else msgspec.to_builtins(begin)

    def moves(self, session: Session) -> frozenset[str]:
        """The inputs that its walk sets all the time, so that nobody else need keep them."""
        player = self.running(session)
        return player.moves if player is not None else frozenset()

    async def _watch(self, events: EventReader) -> None:
        async with events as happening:
            for session in tuple(self._hub.sessions.values()):
                await self._follow(session)
            async for event in happening:
                if event.kind == "session_renamed":
                    await self._favourites.renamed(event.data["from"], event.session)
                for gone in self._known() - set(self._hub.sessions.values()):
                    await self._forget(gone)
                happened_to = self._hub.sessions.get(event.session)
                if happened_to is not None:
                    await self._follow(happened_to)

    def _known(self) -> set[Session]:
        return {*self._players, *self._explorers, *self._wanted}

    async def _forget(self, session: Session) -> None:
        """It was closed."""
        self._wanted.pop(session, None)
        self._explorers.pop(session, None)
        await self._end(session)

    async def _follow(self, session: Session) -> None:
        """Something happened to it: it walks once it is ready, if it is to."""
        try:
            if session.state == "ready":
                await self._end_what_no_longer_fits(session)
                if session in self._wanted or session.manifest.walk is not None:
                    await self._begun(session)
        except BridgeError as error:
            _log.warning("%s does not walk: %s", session.name, error.message)
        except Exception:  # a mistake of ours, which is nothing to the other sessions
            _log.exception("the walk of %s could not be begun or ended", session.name)

    async def _end_what_no_longer_fits(self, session: Session) -> None:
        """Started again with other options, or other code, a model can take other vectors than before."""
        player = self._players.get(session)
        if player is not None and player.handles != _handles(session):
            async with self._turn(session):
                self._wanted[session] = player.state()
                await self._end(session)

    async def _begun(self, session: Session) -> "Player":
        """The one it has, else one that begins as was saved, or as the model has it."""
        async with self._turn(session):
            player = self.running(session)
            if player is None:
                player = await self._made(session, _handles(session))
                await player.__aenter__()
                self._players[session] = player
            return player

    async def _made(self, session: Session, handles: Handles) -> "Player":
        # Brings numpy with it, which takes its time: not before something walks, and not on the loop.
        module = await asyncio.to_thread(importlib.import_module, "bridge.walks.player")
        await asyncio.to_thread(importlib.import_module, "bridge.walks.explorer")
        wanted, own = self._wanted.pop(session, None), self._own(session)
        for begin in (wanted, own, STANDING_BY):
            try:
                if begin is not None:
                    kept, tile = self._kept_by(session), self._tile_of(session)
                    return cast("Player", module.Player(session, handles, begin, kept, tile))
            except InputError as error:  # saved for another network, or a slip in model.toml
                _log.warning("%s does not walk as it was told: %s", session.name, error.message)
        raise AssertionError("standing by is always possible")

    def _own(self, session: Session) -> Begin:
        """As the model has it."""
        walk = session.manifest.walk
        return STANDING_BY if walk is None else Begin(walk)

    def _turn(self, session: Session) -> asyncio.Lock:
        return self._turns.setdefault(session, asyncio.Lock())

    def _kept_by(self, session: Session) -> Callable[[str], Given | None]:
        return lambda id: self._favourites.vector(id, session.model)

    def _tile_of(self, session: Session) -> Callable[[Any, str], Given]:
        return lambda raw, field: self._explorer(session).place(raw, field)

    async def _end(self, session: Session) -> None:
        player = self._players.pop(session, None)
        if player is not None:
            await player.close()


def _handles(session: Session) -> Handles:
    assert session.signature is not None
    return needed(session.signature, session.name)
