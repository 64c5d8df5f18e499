"""Mappings: a fader at any OSC address moves an input or a setting of a walk, over the range that was chosen."""

import asyncio
import logging
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple, Self

import msgspec

from bridge import limits
from bridge.errors import BridgeError, Busy, InputError, NotFound
from bridge.hub import Hub
from bridge.session.fanout import EventReader
from bridge.session.outputs import Event
from bridge.workspace import Workspace, left_out

_NOTE = "mappings"
_STRAYS = 32  # addresses that are remembered
Range = tuple[float, float]
_log = logging.getLogger(__name__)


class Mapping(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From the numbers a controller sends to an input. What lies outside the first range is held at its ends."""

    address: str  # of the controller's message, such as /1/fader1
    argument: int = 0  # which of its numbers
    session: str
    input: str  # or walk/speed and the like
    source: Range = (0.0, 1.0)
    target: Range = (0.0, 1.0)

    @property
    def id(self) -> str:
        """Two mappings of one number to one input are the same one."""
        return f"{self.address}:{self.argument}>{self.session}/{self.input}"

    def of(self, number: float) -> float:
        """What the input gets when the controller sends this."""
        (low, high), (first, last) = self.source, self.target
        share = (number - low) / (high - low)
        return first + min(max(share, 0.0), 1.0) * (last - first)


class Stray(NamedTuple):
    """A message of a controller: whoever learns a control wants to know of it."""

    address: str
    numbers: tuple[float, ...]


class Mappings:
    """All of them. Use as `async with`, inside hub and workspace file."""

    def __init__(self, hub: Hub, file: Workspace) -> None:
        self._hub = hub
        self._file = file
        self._kept: dict[str, Mapping] = {}
        self._at: dict[str, tuple[Mapping, ...]] = {}
        self._strays: dict[str, Stray] = {}
        self._moved: dict[str, Stray] = {}  # by mapped address, so there are no more than mappings
        self._turn = asyncio.Lock()  # who changes them now: each change is made of what the one before left
        self._watching: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._take(_sound(await self._file.noted_each(_NOTE, Mapping)))
        happening = self._hub.events.subscribe(("session_renamed",))
        self._watching = asyncio.create_task(self._watch(happening), name="mappings")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)

    def at(self, address: str) -> tuple[Mapping, ...]:
        """Those of one address."""
        return self._at.get(address, ())

    def stray(self, address: str, numbers: tuple[float, ...]) -> None:
        """A message came that nothing listens to. One whose address is too long to be mapped is not remembered."""
        if len(address) > limits.ADDRESS_CHARS:
            return
        self._strays.pop(address, None)
        while len(self._strays) >= _STRAYS:
            del self._strays[next(iter(self._strays))]
        self._strays[address] = Stray(address, numbers)

    def moved(self, address: str, numbers: tuple[float, ...]) -> None:
        """A message came to an address that is mapped: it can be learned for one more control."""
        if address in self._at:
            self._moved.pop(address, None)
            self._moved[address] = Stray(address, numbers)

    def described(self) -> dict[str, Any]:
        """As JSON: the mappings; what came to addresses nothing listens to, and to mapped ones, the newest first."""
        return {
            "mappings": [{"id": id, **msgspec.to_builtins(mapping)} for id, mapping in self._kept.items()],
            "strays": [stray._asdict() for stray in reversed(self._strays.values())],
            "moved": [one._asdict() for one in reversed(self._moved.values())],
        }

    async def add(self, mapping: Mapping) -> None:
        """In place of the same one, if there is one."""
        _check(mapping)
        async with self._turn:
            if mapping.id not in self._kept and len(self._kept) >= limits.MAPPINGS:
                raise Busy(f"there are {limits.MAPPINGS} mappings, as many as there may be", hint="remove one")
            await self._keep([*(one for one in self._kept.values() if one.id != mapping.id), mapping])
            self._strays.pop(mapping.address, None)

    async def remove(self, id: str) -> None:
        async with self._turn:
            if id not in self._kept:
                raise NotFound(f"there is no mapping {id[:80]!r}", hint="GET /api/mappings lists them", field="id")
            await self._keep([one for one in self._kept.values() if one.id != id])

    async def _watch(self, happening: EventReader) -> None:
        async with happening:
            async for event in happening:
                try:
                    await self._renamed(event.data["from"], event.session)
                except BridgeError as error:
                    _log.error("the mappings were not saved: %s; %s", error.message, error.hint)

    async def _renamed(self, old: str, new: str) -> None:
        """Those of a session go with its name."""
        async with self._turn:
            kept = self._kept.values()
            if any(one.session == old for one in kept):
                moved = msgspec.structs.replace
                mappings = [moved(one, session=new) if one.session == old else one for one in kept]
                self._take(mappings)  # they move it now, whether that can be saved or not
                await self._keep(mappings)

    async def _keep(self, mappings: list[Mapping]) -> None:
        await self._file.note(_NOTE, msgspec.to_builtins(mappings))
        self._take(mappings)
        self._hub.events.publish(Event("mappings", "", {"mappings": msgspec.to_builtins(mappings)}))

    def _take(self, mappings: Iterable[Mapping]) -> None:
        self._kept = {one.id: one for one in mappings}
        self._at = {}
        for one in self._kept.values():
            self._at[one.address] = (*self.at(one.address), one)
        self._moved = {address: last for address, last in self._moved.items() if address in self._at}


def _sound(kept: Iterable[Mapping]) -> Iterator[Mapping]:
    """Those that could be added as well."""
    for mapping in islice(kept, limits.MAPPINGS):
        try:
            _check(mapping)
            yield mapping
        except InputError as error:
            left_out(_NOTE, mapping, error.message)


def _check(mapping: Mapping) -> None:
    if not mapping.address.startswith("/") or len(mapping.address) > limits.ADDRESS_CHARS:
        takes = f"an OSC address, which begins with a slash, of up to {limits.ADDRESS_CHARS} characters"
        raise InputError(f"address takes {takes}", hint="such as /1/fader1", field="address")
    if not 0 <= mapping.argument < limits.MAPPED_ARGUMENTS:
        raise InputError(f"argument takes 0 to {limits.MAPPED_ARGUMENTS - 1}", field="argument")
    if mapping.source[0] == mapping.source[1]:
        raise InputError("source takes two different numbers: what the controller sends at its ends", field="source")
    numbers = (*mapping.source, *mapping.target)
    if not all(abs(number) < limits.MAPPED_NUMBER for number in numbers):
        raise InputError(f"source and target take numbers up to {limits.MAPPED_NUMBER:g}", field="target")
