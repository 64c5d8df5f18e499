"""Chains: what one session gives out goes into another, as fast as that can take it."""

import asyncio
import logging
from itertools import islice
from typing import Any, Self

import msgspec

from bridge import limits
from bridge.errors import BridgeError, Busy, InputError, NotFound, UnknownInput
from bridge.hub import Hub
from bridge.ports import AnyPort, to_json
from bridge.session.fanout import EventReader, Policy
from bridge.session.outputs import Event, Frame
from bridge.session.session import Session
from bridge.workspace import Workspace

_NOTE = "chains"
_HAPPENINGS = frozenset({"session_opened", "session_closed", "session_renamed", "state"})
_log = logging.getLogger(__name__)


class Chain(msgspec.Struct, frozen=True, kw_only=True):
    """From an output to an input. An input has one source at most."""

    source: str
    output: str
    target: str
    input: str


class Chains:
    """All of them. Use as `async with`, inside hub and workspace file; restore() brings back what was kept."""

    def __init__(self, hub: Hub, file: Workspace) -> None:
        self._hub = hub
        self._file = file
        self._carriers: dict[tuple[str, str], _Carrier] = {}  # by target and input
        self._turn = asyncio.Lock()  # who changes them now: each change is made of what the one before left
        self._watching: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._watching = asyncio.create_task(self._watch(self._hub.events.subscribe(_HAPPENINGS)), name="chains")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        for carrier in self._carriers.values():
            await carrier.close()
        self._carriers.clear()

    async def restore(self) -> None:
        """Those that were kept. One whose session is not there waits for it: its model may be back the next time."""
        async with self._turn:
            for chain in islice(await self._file.noted_each(_NOTE, Chain), limits.CHAINS):
                await self._put(chain)

    def described(self) -> list[dict[str, Any]]:
        """Each with what keeps it from working, if anything does."""
        return [
            {**msgspec.structs.asdict(carrier.chain), "error": self._absent(carrier.chain) or carrier.trouble}
            for carrier in self._carriers.values()
        ]

    def _absent(self, chain: Chain) -> str:
        missing = [name for name in (chain.source, chain.target) if name not in self._hub.sessions]
        return f"{missing[0]} is not open" if missing else ""

    async def add(self, chain: Chain) -> None:
        """From now on, in place of what fed that input before. Refused when the two don't fit."""
        source, target = self._hub.get(chain.source), self._hub.get(chain.target)
        _check(chain, source, target)
        async with self._turn:
            if (chain.target, chain.input) not in self._carriers and len(self._carriers) >= limits.CHAINS:
                raise Busy(f"there are {limits.CHAINS} chains, as many as there may be", hint="remove one")
            await self._put(chain)
            await self._keep()

    async def remove(self, target: str, input: str) -> None:
        """Nothing feeds that input any more; it keeps its last value."""
        async with self._turn:
            carrier = self._carriers.pop((target, input), None)
            if carrier is None:
                raise NotFound(f"nothing feeds {input[:80]} of {target[:80]}", hint="GET /api/chains lists them")
            await carrier.close()
            await self._keep()

    async def _put(self, chain: Chain) -> None:
        before = self._carriers.pop((chain.target, chain.input), None)
        if before is not None:
            await before.close()
        carrier = self._carriers[chain.target, chain.input] = _Carrier(chain)
        carrier.go_on(self._hub)

    async def _keep(self) -> None:
        chains = [carrier.chain for carrier in self._carriers.values()]
        self._hub.events.publish(Event("chains", "", {"chains": self.described()}))
        await self._file.note(_NOTE, msgspec.to_builtins(chains))

    async def _watch(self, events: EventReader) -> None:
        async with events as happening:
            async for event in happening:
                try:
                    async with self._turn:
                        await self._heed(event)
                except BridgeError as error:
                    _log.error("the chains were not saved: %s; %s", error.message, error.hint)

    async def _heed(self, event: Event) -> None:
        if event.kind == "session_closed" and event.session not in self._hub.sessions:
            await self._without(event.session)
        elif event.kind == "session_renamed":
            await self._renamed(event.data["from"], event.session)
        for carrier in self._carriers.values():
            carrier.go_on(self._hub)

    async def _without(self, session: str) -> None:
        gone = [key for key, carrier in self._carriers.items() if session in (key[0], carrier.chain.source)]
        for key in gone:
            await self._carriers.pop(key).close()
        if gone:
            await self._keep()

    async def _renamed(self, old: str, new: str) -> None:
        carriers = self._carriers.values()
        touched = [carrier for carrier in carriers if old in (carrier.chain.source, carrier.chain.target)]
        for carrier in touched:
            names = {field: new for field in ("source", "target") if getattr(carrier.chain, field) == old}
            carrier.chain = msgspec.structs.replace(carrier.chain, **names)
        if touched:
            self._carriers = {(one.chain.target, one.chain.input): one for one in self._carriers.values()}
            await self._keep()


class _Carrier:
    """Does the carrying of one chain while both its ends are there."""

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        self.trouble = ""
        self._task: asyncio.Task[None] | None = None
        self._ends: tuple[Session, Session] | None = None

    def go_on(self, hub: Hub) -> None:
        """Carry, unless that is being done, if both ends are there by now."""
        source, target = hub.sessions.get(self.chain.source), hub.sessions.get(self.chain.target)
        if source is None or target is None:
            return
        if self._task is not None and not self._task.done() and self._ends == (source, target):
            return
        if self._task is not None:
            self._task.cancel()
        self._ends = source, target
        self._task = asyncio.create_task(self._carry(source, target), name=f"chain into {self.chain.target}")

    async def close(self) -> None:
        """Carry no more. Idempotent."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _carry(self, source: Session, target: Session) -> None:
        try:
            await source.started()
            await target.started()
            _check(self.chain, source, target)
            given = _Given(self.chain.output, source)
            plain = _inputs(target)[self.chain.input].kind == "any"  # which takes JSON, and no bytes
            async with source.subscribe(self.chain.output, given.policy) as frames:
                async for frame in frames:
                    given.take(frame)
                    await target.ready()  # no sooner than it can be used, and then the newest
                    while (newer := frames.take()) is not None:
                        given.take(newer)
                    target.send({self.chain.input: to_json(given.value) if plain else given.value}, by=self)
                    self.trouble = ""
        except BridgeError as error:
            self.trouble = error.message  # it goes on with the next thing that happens to one of its ends


class _Given:
    """The newest value of an output; what comes in pieces, as much of it as is there."""

    def __init__(self, output: str, source: Session) -> None:
        assert source.signature is not None
        self._port = source.signature.outputs[output]
        self._run = 0
        self.policy: Policy = "all" if getattr(self._port, "pieces", False) else "newest"
        self.value: Any = None

    def take(self, frame: Frame) -> None:
        self.value = self._port.join(self.value, frame.value) if frame.run == self._run else frame.value
        self._run = frame.run


def _check(chain: Chain, source: Session, target: Session) -> None:
    """Do they fit? What a model has not told yet can't be asked."""
    if source.signature is None or target.signature is None:
        return
    outputs, inputs = source.signature.outputs, _inputs(target)
    if chain.output not in outputs:
        hint = f"it gives out {', '.join(outputs)}"
        raise NotFound(f"{source.name} has no output named {chain.output[:80]}", hint=hint, field="output")
    if chain.input not in inputs:
        hint = f"it takes {', '.join(inputs)}"
        raise UnknownInput(f"{target.name} has no input named {chain.input[:80]}", hint=hint, field="input")
    given, taken = outputs[chain.output], inputs[chain.input]
    if not _fits(given, taken):
        takes, gives = f"{chain.input} of {target.name} takes", f"{chain.output} of {source.name} gives"
        raise InputError(
            f"{takes} {taken.kind}, and {gives} {given.kind}",
            hint="choose an output and an input of the same kind",
            field="input",
        )


def _inputs(target: Session) -> dict[str, AnyPort]:
    assert target.signature is not None
    return target.signature.default.inputs


def _fits(given: AnyPort, taken: AnyPort) -> bool:
    return taken.kind in (given.kind, "any")
