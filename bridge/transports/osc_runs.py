"""Runs that somebody asked for over OSC, each until its one end; they end early when their sender goes away.

/{session}/run id name value…     /reply address id port value…, then /done address id run, or /error
"""

import asyncio
from collections.abc import Callable, Coroutine, Hashable, Sequence
from typing import Any, NamedTuple

from bridge import limits
from bridge.errors import BadMessage, Busy, Cancelled, InputError, MissingInput, TooLarge, UnknownInput
from bridge.osc.values import given, told
from bridge.ports import AnyPort, Blob
from bridge.session.guests import speaking
from bridge.session.run import RunHandle
from bridge.session.session import Session
from bridge.signature import Command
from bridge.suggest import nearest
from bridge.transports.osc_peers import Peer, guest, refuse, reply, say, sendable

_SEVERAL = frozenset(("vector", "array", "point", "box", "landmarks"))  # ports that take all numbers that follow
_PAUSE = 32  # answers, then others have their turn


class _Work(NamedTuple):
    """Something under way for one sender."""

    peer: Peer
    address: str
    id: str
    session: Session | None
    task: "asyncio.Task[None]"


class Runs:
    """All that takes time. Close it to end all of it."""

    def __init__(self) -> None:
        self._work: set[_Work] = set()

    async def close(self) -> None:
        """End everything under way. Idempotent."""
        work = tuple(self._work)
        for one in work:
            one.task.cancel()
        await asyncio.gather(*(one.task for one in work), return_exceptions=True)

    @property
    def under_way(self) -> int:
        return len(self._work)

    def run(self, session: Session, command: str, address: str, arguments: list[Any], peer: Peer, stream: bool) -> None:
        """Begin a run; what is wrong with it is told to the peer with the id it gave."""
        if _let_go(arguments):
            return
        id = _id(arguments)
        try:
            inputs = self._inputs(session, command, arguments[1:])
            self._check(peer, address, id)
            with speaking(guest(peer)):
                handle = session.run(inputs, command or None)
        except Exception as error:
            refuse(peer, address, id, error)
            return
        following = self._follow(session, handle, peer, address, id, stream)
        task = self.begin(following, peer, address, id, session)
        task.add_done_callback(lambda _: handle.cancel())  # also when it was ended before it could begin

    def begin(
        self, doing: Coroutine[Any, Any, None], peer: Peer, address: str, id: str, session: Session | None = None
    ) -> "asyncio.Task[None]":
        """Work on something until it has ended; what goes wrong is told to the peer."""
        task = asyncio.create_task(self._told(doing, peer, address, id), name=f"osc {address}")
        work = _Work(peer, address, id, session, task)
        self._work.add(work)
        task.add_done_callback(lambda _: self._work.discard(work))
        return task

    def check_room(self, peer: Peer) -> None:
        """Busy if this peer has as much under way as it may have, or all of them together."""
        if len(self._work) >= limits.OSC_REQUESTS_OF_ALL:
            said = f"{limits.OSC_REQUESTS_OF_ALL} requests over OSC are under way, as many as there may be"
            raise Busy(said, hint="wait for some of them to end")
        if sum(one.peer.key == peer.key for one in self._work) >= limits.OSC_REQUESTS:
            said = f"{limits.OSC_REQUESTS} requests from {peer.host} are under way, as many as one sender may have"
            raise Busy(said, hint="wait for some of them to end, or send live inputs, which never queue")

    def cancel(self, session: Session, id: str) -> None:
        """End the runs of that session with this id, or all, the live ones too."""
        for one in tuple(self._work):
            if one.session is session and id in ("", one.id):
                one.task.cancel()
        if not id:
            session.cancel_live()

    def gone(self, key: Hashable) -> None:
        """This peer will hear no more: nobody is left to work for."""
        for one in tuple(self._work):
            if one.peer.key == key:
                one.task.cancel()

    def shut_out(self, may: Callable[[str], bool]) -> None:
        """End what is under way for those who may not ask for it any more."""
        for one in tuple(self._work):
            if not may(one.peer.host):
                one.task.cancel()

    def _check(self, peer: Peer, address: str, id: str) -> None:
        self.check_room(peer)
        if id and any(one.peer.key == peer.key and one.id == id for one in self._work):
            raise BadMessage(f"a run with the id {id!r} is still under way", hint="choose another", field="id")

    def _inputs(self, session: Session, command: str, rest: Sequence[Any]) -> dict[str, Any]:
        """Those behind the id; with none, the live inputs as they stand."""
        assert session.signature is not None
        called = session.signature.command(command or None)
        if rest:
            return _named(called, list(rest))
        return dict(session.snapshot()) if called is session.signature.default else {}

    async def _told(self, doing: Coroutine[Any, Any, None], peer: Peer, address: str, id: str) -> None:
        try:
            async with asyncio.timeout(limits.RUN_SECONDS):
                await doing
        except asyncio.CancelledError:
            refuse(peer, address, id, Cancelled(f"{address} {id} was cancelled"))
            raise
        except TimeoutError:
            refuse(peer, address, id, Cancelled(f"{address} took longer than {limits.RUN_SECONDS:g} s"))
        except Exception as error:
            refuse(peer, address, id, error)

    async def _follow(
        self, session: Session, handle: RunHandle, peer: Peer, address: str, id: str, stream: bool
    ) -> None:
        assert session.signature is not None
        outputs = session.signature.outputs
        async with handle as run:
            if stream:
                await _stream(run, outputs, peer, address, id)
            else:
                result = await run.result()
                for port, value in result.outputs.items():
                    _answer(outputs[port], port, value, peer, address, id)
        if id:
            say(peer, "/done", address, id, handle.number)


async def _stream(run: RunHandle, outputs: dict[str, AnyPort], peer: Peer, address: str, id: str) -> None:
    count = 0
    async for output in run:
        for port, value in output.values.items():
            _answer(outputs[port], port, value, peer, address, id)
        count += 1
        if count % _PAUSE == 0:
            await asyncio.sleep(0)
        await peer.room()
    if run.error is not None:  # a cancelled run ends without raising
        raise run.error


def _answer(port: AnyPort, name: str, value: Any, peer: Peer, address: str, id: str) -> None:
    if not id:
        return
    values = told(port, value)
    if values is None:
        values = [_blob(value, name, peer)]
    reply(peer, address, id, [name, *values])


def _blob(value: Blob, name: str, peer: Peer) -> bytes:
    data = bytes(value.data)
    if sendable(data, peer):
        return data
    raise TooLarge(
        f"{name} is {len(data)} bytes, more than goes into one packet over UDP: {limits.OSC_BLOB_BYTES}",
        hint="ask over TCP, or over HTTP",
        field=name,
    )


def _let_go(arguments: list[Any]) -> bool:
    """The 0 of a button that is let go asks for nothing."""
    return len(arguments) == 1 and not isinstance(arguments[0], str) and not arguments[0]


def _id(arguments: list[Any]) -> str:
    """The text in the first place; a button has none."""
    if not arguments or (len(arguments) == 1 and not isinstance(arguments[0], str)):
        return ""
    if not isinstance(arguments[0], str):
        hint = "such as /dream/run 7 truncation 0.5, the 7 as text"
        raise InputError("a run with inputs begins with its id, a text of yours", hint=hint, field="id")
    return str(arguments[0])


def _named(command: Command, rest: list[Any]) -> dict[str, Any]:
    """Names, each with its value behind it; a vector's are all the numbers up to the next text."""
    inputs: dict[str, Any] = {}
    while rest:
        name = rest.pop(0)
        if not isinstance(name, str):
            raise InputError(
                "inputs of a run come by name, each with its value behind it", hint="name value name value"
            )
        port = command.inputs.get(name)
        if port is None:
            hint = nearest(name, command.inputs, "it takes")
            raise UnknownInput(f"there is no input {name[:80]!r}", hint=hint, field=name[:80])
        if not rest:
            raise MissingInput(f"{name} has no value behind it", hint=f"it takes {port.takes}", field=name)
        inputs[name] = given(port, _taken(rest, several=port.kind in _SEVERAL), name)
    return inputs


def _taken(rest: list[Any], *, several: bool) -> list[Any]:
    """The next value, taken off the list."""
    count = 1
    if several and not isinstance(rest[0], (str, bytes)):
        count = next((index for index, value in enumerate(rest) if isinstance(value, str)), len(rest))
    taken = rest[:count]
    del rest[:count]
    return taken
