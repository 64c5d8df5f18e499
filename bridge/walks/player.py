"""Plays a walk into a session: for every frame that the model can take, one snapshot of where the walk is then.

The model sets the pace. Where nothing moves, or nobody looks, nothing is sent; time goes on all the same, since where a
walk is follows from the time alone.
"""

import asyncio
import logging
import math
from collections.abc import Callable, Mapping
from typing import Any, Self

from bridge.errors import BridgeError, InputError
from bridge.session.session import Session
from bridge.walks.anchors import Vectors
from bridge.walks.handles import Handles
from bridge.walks.keys import Favourite, Given
from bridge.walks.mapping import mapped
from bridge.walks.performance import Performance
from bridge.walks.recording import Control
from bridge.walks.settings import Settings, favourites_in
from bridge.walks.timeline import Walk

_AHEAD_S = 1.0  # vectors that the model has to work out are asked for so long before they are needed
_LOOK_S = 1 / 60  # between two looks at a walk that goes on while nothing of it changes
_AGAIN_S = 1.0  # after something went wrong
_log = logging.getLogger(__name__)

Kept = Callable[[str], Given | None]  # the vector of a favourite
Noted = Callable[[Control], None]


class Player:
    """The walk of one session. Use as `async with Player(...)`; when it ends the picture stays where it is."""

    def __init__(self, session: Session, handles: Handles, settings: Mapping[str, Any], kept: Kept) -> None:
        """`settings` as a patch of the usual ones; InputError if they can't be."""
        self.handles = handles
        self._session = session
        self._kept = kept
        self._began = session.clock()
        self._vectors = {space: Vectors(handles.latent, space) for space in handles.latent.spaces}
        self.first = self._checked(Settings().changed(settings, handles.latent))
        self._performance = Performance(handles, Walk.begun(handles.latent, self.first))
        self._offered: dict[str, Any] = {}
        self._restarts = session.stats.restarts
        self._due = -math.inf  # when the next frame may be offered, where fewer are wanted than the model can make
        self._news: asyncio.Future[None] | None = None  # resolved when something was told
        self._task: asyncio.Task[None] | None = None
        self._noting: list[Noted] = []
        self._hear_no_more = session.overhear(self._overheard)
        session.steered = self.first.playing

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._play(), name=f"walk of {self._session.name}")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Stop. Idempotent."""
        self._hear_no_more()
        self._session.steered = False
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    # --- what it is told -------------------------------------------------------------------------

    def change(self, patch: Mapping[str, Any]) -> None:
        """Settings, and verbs such as "seek": 2 or "tap": true; or InputError, and it goes on as it was."""
        t = self._now()
        performance = self._performance.told(patch, t, self._here)
        self._checked(performance.walk.settings)
        self._performance = performance
        self._note(Control(t, set=dict(patch)))

    def describe(self) -> dict[str, Any]:
        """Where it is and what it was told, as JSON."""
        t, walk = self._now(), self._performance.walk
        return {
            "settings": walk.settings.plain(),
            "held": self._performance.held,
            "time": round(t, 3),
            "place": round(walk.place(t), 6),
            "beat": round(walk.beat(t), 6),
            "numbers": walk.numbers(t),
        }

    @property
    def settings(self) -> Settings:
        return self._performance.walk.settings

    def now(self) -> tuple[float, Performance]:
        """Seconds since it began, and its whole state."""
        return self._now(), self._performance

    def note(self, noted: Noted) -> Callable[[], None]:
        """Hand on all that it is told from now on, hand-sent inputs too. What is given back ends it."""
        self._noting.append(noted)
        return lambda: self._noting.remove(noted) if noted in self._noting else None

    def _checked(self, settings: Settings) -> Settings:
        """The same; its favourites are there, and their vectors with the others."""
        for name in favourites_in(settings):
            given = self._kept(name)
            if given is None:
                raise InputError(f"there is no favourite {name!r} of this model", hint="GET /api/favourites lists them")
            if given.space != settings.space and given.space == "w":
                raise InputError(f"the favourite {name!r} was kept in w", hint='set space to "w" as well')
            of_its_space = self._vectors[given.space]
            of_its_space.put(Favourite(name), of_its_space[given])
        return settings

    def _overheard(self, inputs: Mapping[str, Any], by: object) -> None:
        """Inputs sent by hand."""
        if by is self:
            return
        t = self._now()
        self._performance = self._performance.given(inputs, t, self._here)
        if "label" in inputs and "w" in self._vectors:  # another label means other vectors in w
            self._vectors["w"] = Vectors(self.handles.latent, "w")
        self._offered = {**self._offered, **inputs}  # the model gets them without us
        self._note(Control(t, inputs=dict(inputs)))

    def _note(self, control: Control) -> None:
        self._session.steered = self._walk.settings.playing
        for noted in tuple(self._noting):
            noted(control)
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    # --- playing ---------------------------------------------------------------------------------

    async def _play(self) -> None:
        """Until the session is over. Whatever goes wrong with a frame is told, and the walk tries again."""
        while self._session.state not in ("closed", "failed"):
            try:
                await self._session.ready()
                if self._session.watched:
                    await self._next()
                else:
                    await self._session.movement()
            except BridgeError as error:
                if self._session.state not in ("closed", "failed"):
                    _log.warning("the walk of %s waits: %s", self._session.name, error.message)
                    await self._told(_AGAIN_S)
            except Exception:  # a mistake of ours, which should not stop a show
                _log.exception("the walk of %s stumbled", self._session.name)
                await self._told(_AGAIN_S)

    async def _next(self) -> None:
        """Offer one frame, or wait until there is one worth it."""
        t = self._now()
        if t < self._due:
            await self._told(self._due - t)
            return
        try:
            inputs = self._performance.inputs(t, self._here)
        except KeyError:
            await self._fetch()
            return
        if inputs != self._offered or self._restarts != self._session.stats.restarts:
            self._offer(inputs, t)
        elif self._walk.rests(t):
            await self._told_or_moved()
        else:
            await self._told(_LOOK_S)

    def _offer(self, inputs: dict[str, Any], t: float) -> None:
        self._offered = inputs
        self._restarts = self._session.stats.restarts
        self._session.send(inputs, by=self)
        fps = self._walk.settings.fps
        if fps is not None:
            self._due = max(self._due + 1 / fps, t)

    @property
    def _walk(self) -> Walk:
        return self._performance.walk

    @property
    def _here(self) -> Vectors:
        """The vectors of the space that is walked."""
        return self._vectors[self._walk.settings.space]

    def _now(self) -> float:
        return self._session.clock() - self._began

    async def _told(self, seconds: float) -> None:
        """Until the walk is told something, or the time is over."""
        self._news = asyncio.get_running_loop().create_future()
        await asyncio.wait([self._news], timeout=seconds)

    async def _told_or_moved(self) -> None:
        """Until the walk is told something, or something happens to the session: it may have been started again."""
        self._news = asyncio.get_running_loop().create_future()
        moved = asyncio.ensure_future(self._session.movement())
        try:
            await asyncio.wait([self._news, moved], return_when=asyncio.FIRST_COMPLETED)
        finally:
            moved.cancel()

    # --- vectors that can't be computed here -----------------------------------------------------

    async def _fetch(self) -> None:
        """Get the vectors that are needed now or soon: favourites as they were kept, those in w from the model."""
        self._checked(self._walk.settings)
        for key in self._here.missing(self._walk.needs(self._now(), _AHEAD_S)):
            vector = self._vectors["z"][key]
            made = await mapped(self._session, self.handles, vector, self._session.snapshot())
            self._vectors["w"].put(key, made)
