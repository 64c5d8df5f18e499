"""The ways in that stand beside HTTP. Each is entered on its own: one that can't start says so, the others run."""

import logging
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Literal, Protocol, Self

import msgspec

from bridge.errors import SetupError

_log = logging.getLogger(__name__)


class Wire(msgspec.Struct, frozen=True, omit_defaults=True):
    """How one way in is doing, as people and programs are told."""

    name: str
    state: Literal["on", "failed"]
    addresses: tuple[str, ...] = ()
    message: str = ""
    hint: str = ""
    counts: Mapping[str, int] = {}


class Opening(Protocol):
    """A way in: entered it listens and says where, in a `note` what is not as usual, in `counts` what came and went.

    SetupError when it can't.
    """

    @property
    def addresses(self) -> tuple[str, ...]: ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *_: object) -> None: ...


class Wires(AbstractAsyncContextManager["Wires"]):
    """All of them; closes them in the reverse order."""

    def __init__(self) -> None:
        self._stack = AsyncExitStack()
        self._wires: dict[str, Wire | Opening] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def add(self, name: str, opening: Opening) -> bool:
        """Whether it is on. What keeps it from starting is logged, and told by described()."""
        try:
            entered = await self._stack.enter_async_context(opening)
        except SetupError as error:
            self._wires[name] = Wire(name, "failed", (), error.message, error.hint)
            _log.error("%s is off: %s; %s", name, error.message, error.hint)
            return False
        self._wires[name] = entered
        return True

    def described(self) -> tuple[Wire, ...]:
        """Each of them, in the order they were added."""
        return tuple(wire if isinstance(wire, Wire) else _on(name, wire) for name, wire in self._wires.items())


def _on(name: str, wire: Opening) -> Wire:
    return Wire(name, "on", wire.addresses, getattr(wire, "note", ""), counts=getattr(wire, "counts", {}))
