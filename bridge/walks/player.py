"""Plays a walk into a session: for every frame that the model can take, one snapshot of where the walk is then.

The model sets the pace. Where nothing moves, or nobody looks, nothing is sent; time goes on all the same, since where a
walk is follows from the time alone.
"""

import asyncio
import logging
import math
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, Self

import msgspec

from bridge.errors import BridgeError
from bridge.session.outputs import Event
from bridge.session.session import Session
from bridge.walks import kept, keys
from bridge.walks.anchors import Vectors
from bridge.walks.beginning import Begin
from bridge.walks.handles import Handles
from bridge.walks.kept import Kept
from bridge.walks.keys import Favourite, Given, Key
from bridge.walks.mapping import mapped
from bridge.walks.performance import Performance
from bridge.walks.recording import Control
from bridge.walks.settings import HOW, Settings
from bridge.walks.timeline import Walk

_AHEAD_S = 1.0  # vectors that the model has to work out are asked for so long before they are needed
_LOOK_S = 1 / 60  # between two looks at a walk that goes on while nothing of it changes
_AGAIN_S = 1.0  # after something went wrong
_COUNT_S = 2.0  # between two counts of curves that are counted from tick to tick
_log = logging.getLogger(__name__)

Tile = Callable[[Any, str], Given]  # the vector of a place of the grid, told as [row, column], for this setting
Noted = Callable[[Control], None]


class Player:
    """The walk of one session. Use as `async with Player(...)`; when it ends the picture stays where it is."""

    def __init__(self, session: Session, handles: Handles, begin: Begin, kept_by: Kept, tile: Tile) -> None:
        """InputError if it can't begin like that. `tile`: a place of the grid."""
        self.handles = handles
        self.begun = begin
        self._session = session
        self._kept = kept_by
        self._tile = tile
        self._places: dict[str, Given] = {}  # favourites that were asked for: they stay, also when they are dropped
        self._began = session.clock()
        self._vectors = {space: Vectors(handles.latent, space) for space in handles.latent.spaces}
        self._mapped_by = session.signature  # told anew by each process: the file it loaded may be another by then
        walk = Walk.begun(handles.latent, self._checked(Settings().changed(begin.settings, handles.latent)))
        self._performance = _found(session, handles, walk.sought(begin.place, 0.0), begin.stands_by)
        self._offered: dict[str, Any] = {}
        self._offered_to = session.signature
        self._slot = -math.inf  # of the last frame, where fewer are wanted than the model can make
        self._news: asyncio.Future[None] | None = None  # resolved when something was told
        self._task: asyncio.Task[None] | None = None
        self._counting: asyncio.Task[None] | None = None
        self._ahead: asyncio.Task[None] | None = None  # gets vectors that will be needed soon
        self._look_ahead_at = -math.inf
        self._noting: list[Noted] = []
        self._when_closing: list[Callable[[], None]] = []
        self._hear_no_more = session.overhear(self._overheard)
        self._steer()
        self.first = self.state()

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._play(), name=f"walk of {self._session.name}")
        self._counting = asyncio.create_task(self._count(), name=f"curves of the walk of {self._session.name}")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Stop. What it moved beside the place goes back to where it was. Idempotent."""
        closing, self._when_closing = self._when_closing, []
        for call in closing:
            call()
        self._hear_no_more()
        self._session.steered = False
        tasks = [task for task in (self._task, self._counting, self._ahead) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with suppress(BridgeError):  # the session may be gone
            self._give_back(self._offered.keys() - {self.handles.z, self.handles.w})

    def when_closing(self, call: Callable[[], None]) -> None:
        """Call this once, when it ends, its last state still there to be asked for."""
        self._when_closing.append(call)

    # --- what it is told -------------------------------------------------------------------------

    def change(self, patch: Mapping[str, Any]) -> None:
        """Settings, and verbs such as "seek": 2 or "tap": true; or InputError, and it goes on as it was."""
        t = self._now()
        told, patch = patch, self._in_vectors(patch, "")
        performance = self._performance.told(patch, t, self._here)
        self._checked(performance.walk.settings)
        gone = self._performance.walk.settings.numbers.keys() - performance.walk.settings.numbers.keys() - {*HOW}
        self._performance = performance
        self._give_back({self.handles.truncation if name == "truncation" else name for name in gone})
        self._session.heard("walk", told)
        self._note(Control(t, set={name: self._without_favourites(value) for name, value in patch.items()}))
        self._session.events.publish(Event("walk", self._session.name, {"set": dict(told)}))

    def leave(self, names: Iterable[str]) -> None:
        """Move these inputs of the model no longer, so that what is sent for them counts."""
        gone = self.settings.numbers.keys() - {*HOW} & {
            "truncation" if name == self.handles.truncation else name for name in names
        }
        if gone:
            sliders = dict.fromkeys(gone - {"truncation"})
            self.change({"directions": sliders, **dict.fromkeys(gone & {"truncation"})})

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
    def moves(self) -> frozenset[str]:
        """The inputs that it has set itself, as things are."""
        ours = {name for name in self._offered if name not in self._performance.sent}
        return frozenset(ours if self._performance.held else ours | {self.handles.z, self.handles.w or self.handles.z})

    @property
    def settings(self) -> Settings:
        return self._performance.walk.settings

    def now(self) -> tuple[float, Performance]:
        """Seconds since it began, and its whole state, its favourites as the vectors that they are."""
        walk = self._walk
        told = walk.settings.with_keys(self._plainly)
        return self._now(), msgspec.structs.replace(
            self._performance, walk=msgspec.structs.replace(walk, settings=told)
        )

    async def here(self) -> dict[str, Any]:
        """What the model gets, or would get if it waits to be told, for a picture of where it is now."""
        while True:
            held = self._performance.held and self._performance.holds_a_vector
            with suppress(KeyError):
                return msgspec.structs.replace(self._performance, held=held).inputs(self._now(), self._here)
            await self._fetch()

    def note(self, noted: Noted) -> Callable[[], None]:
        """Hand on all that it is told from now on, hand-sent inputs too. What is given back ends it."""
        self._noting.append(noted)
        return lambda: self._noting.remove(noted) if noted in self._noting else None

    def state(self) -> Begin:
        """With what another one would begin where this is; favourites that are no more as their vectors."""
        walk = self._walk
        told = walk.settings.with_keys(lambda key: key if self._is_kept(key) else self._plainly(key))
        place = 0.0 if walk.settings.playing else walk.place(self._now())
        return Begin(told.plain(), place, self._performance.held and not self._performance.holds_a_vector)

    def _is_kept(self, key: Key) -> bool:
        return not isinstance(key, Favourite) or self._kept(key.favourite) is not None

    def _checked(self, settings: Settings) -> Settings:
        """The same; its favourites are known, and their vectors with the others."""
        found = kept.given(settings, self.handles.latent, self._given, "GET /api/favourites lists them")
        for name, given in found.items():
            self._places[name] = given
            of_its_space = self._vectors[given.space]
            of_its_space.put(Favourite(name), of_its_space[given])
        return settings

    def _given(self, id: str) -> Given | None:
        return self._places.get(id) or self._kept(id)

    def _plainly(self, key: Key) -> Key:
        """The same place, in words that mean the same everywhere."""
        return self._places.get(key.favourite, key) if isinstance(key, Favourite) else key

    def _in_vectors(self, value: Any, field: str) -> Any:
        """What it is told, but for places of the grid, which are the vectors that they are now."""
        if isinstance(value, list | tuple) and field == "keyframes":
            return [self._in_vectors(item, f"{field}[{index}]") for index, item in enumerate(value)]
        if isinstance(value, Mapping) and not field:
            return {name: self._in_vectors(item, str(name)) for name, item in value.items()}
        return self._tile(value["grid"], field).plain() if keys.in_grid(value) else value

    def _without_favourites(self, value: Any) -> Any:
        """A setting as it was told, but for favourites: a recording is for any machine."""
        if isinstance(value, list | tuple):
            return [self._without_favourites(item) for item in value]
        if isinstance(value, Mapping) and "favourite" in value:
            return self._plainly(Favourite(str(value["favourite"]))).plain()
        return value

    def _overheard(self, inputs: Mapping[str, Any], by: object) -> None:
        """Inputs sent by hand."""
        if by is self:
            return
        t = self._now()
        self._performance = self._performance.given(inputs, t, self._here)
        if "label" in inputs:
            self._forget_styles()
        self._offered = {**self._offered, **inputs}  # the model gets them without us
        self._note(Control(t, inputs=dict(inputs)))

    def _give_back(self, names: Iterable[str | None]) -> None:
        """Inputs that the walk moves no longer: as somebody sent them, or as the model has them."""
        assert self._session.signature is not None
        ports = self._session.signature.default.inputs
        sent = self._performance.sent
        back = {name: sent.get(name, ports[name].default) for name in names if name in ports and name in self._offered}
        if back:
            self._offered = {name: value for name, value in self._offered.items() if name not in back}
            self._session.send(back, by=self)

    def _steer(self) -> None:
        """While the walk shows where it is, a single picture is for its caller alone."""
        self._session.steered = not self._performance.held

    def _note(self, control: Control) -> None:
        self._steer()
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

    async def _count(self) -> None:
        """Keep what the curves have been, whether anybody looks or not: else there would be a lot to count later."""
        while True:
            await asyncio.sleep(_COUNT_S)
            self._performance = self._performance.upto(self._now())

    async def _next(self) -> None:
        """Offer one frame, or wait until there is one worth it."""
        t = self._now()
        wait = self._slot + self._gap(t) - t
        if wait > 0:
            await self._told(min(wait, _LOOK_S) if self._gap_moves else wait)
            return
        self._performance = self._performance.upto(t)
        try:
            inputs = self._performance.inputs(t, self._here)
        except KeyError:
            await self._fetch()
            return
        self._get_ahead(t)
        if not _same(inputs, self._offered) or self._offered_to is not self._session.signature:
            self._offer(inputs, t)
        elif self._walk.rests(t):
            await self._told_or_moved()
        else:
            await self._told(_LOOK_S)

    def _offer(self, inputs: dict[str, Any], t: float) -> None:
        self._offered = inputs
        self._offered_to = self._session.signature
        self._session.send(inputs, by=self)
        gap = self._gap(t)
        self._slot = max(self._slot + gap, t - gap)

    def _gap(self, t: float) -> float:
        """Seconds there have to be between two frames."""
        return 0.0 if self._walk.settings.fps is None else 1 / self._walk.number("fps", t)

    @property
    def _gap_moves(self) -> bool:
        return not isinstance(self._walk.settings.fps, int | float | None)

    @property
    def _walk(self) -> Walk:
        return self._performance.walk

    @property
    def _here(self) -> Vectors:
        """The vectors of the space that is walked, in w those of the network that is loaded now."""
        if self._mapped_by is not self._session.signature:
            self._forget_styles()
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

    def _forget_styles(self) -> None:
        """With another label, or another network in the same file, other vectors in w belong to keys."""
        self._mapped_by = self._session.signature
        if "w" in self._vectors:
            self._vectors["w"] = Vectors(self.handles.latent, "w")
            self._checked(self._walk.settings)

    async def _fetch(self) -> None:
        """Get the vectors that are needed now or soon: favourites as they were kept, those in w from the model."""
        self._checked(self._walk.settings)  # favourites
        here = self._here  # those that are forgotten meanwhile get nothing that was made for the ones before
        for key in here.missing(self._walk.needs(self._now(), _AHEAD_S)):
            vector = self._vectors["z"][key]
            here.put(key, await mapped(self._session, self.handles, vector, self._session.snapshot()))

    def _get_ahead(self, t: float) -> None:
        """Have the vectors in w that will be needed soon worked out beside the frames."""
        busy = self._ahead is not None and not self._ahead.done()
        if self._walk.settings.space == "z" or busy or t < self._look_ahead_at:
            return
        self._look_ahead_at = t + _AHEAD_S / 4
        if self._here.missing(self._walk.needs(t, _AHEAD_S)):
            self._ahead = asyncio.create_task(self._fetch_quietly(), name=f"walk of {self._session.name}, ahead")

    async def _fetch_quietly(self) -> None:
        with suppress(BridgeError):  # it is asked for again, and told, when it is needed
            await self._fetch()


def _found(session: Session, handles: Handles, walk: Walk, stands_by: bool) -> Performance:
    """A walk in a session where others may have set inputs. One that stands still leaves their place as it is."""
    current = {name: value for name, value in session.snapshot().items() if value is not None}
    vectors = {name for name in (handles.z, handles.w) if name in current}
    held = not walk.settings.playing and (stands_by or bool(vectors))
    sent = {name: value for name, value in current.items() if held or name not in vectors}
    return Performance(handles, walk, held, sent)


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Pictures among them are not compared byte by byte if they are the same object."""
    return one.keys() == other.keys() and all(one[name] is other[name] or one[name] == other[name] for name in one)
