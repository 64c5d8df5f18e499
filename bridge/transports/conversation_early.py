"""What a client says to a model that still loads. It waits here, in the order in which it came, and is bounded."""

from collections.abc import Sequence
from functools import partial, reduce
from typing import Any, NamedTuple

import msgspec

from bridge import limits, wire
from bridge.errors import Busy
from bridge.ports import Blob
from bridge.session.session import Session


class EarlySends:
    """Live inputs: of each input the newest."""

    def __init__(self, most: int) -> None:
        self._most = most  # bytes, for one session
        self._waiting: dict[Session, list[dict[str, Any]]] = {}

    def add(self, session: Session, inputs: dict[str, Any]) -> bool:
        """Is it the first for this session? Then somebody has to wait until it can be taken."""
        before = self._waiting.get(session)
        kept = [{name: value for name, value in one.items() if name not in inputs} for one in before or ()]
        told = [one for one in kept if one] + [inputs]
        if sum(map(len, told)) > limits.EARLY_INPUTS or sum(map(_deep_size, told)) > self._most:
            raise _too_much(session)
        self._waiting[session] = told
        return before is None

    def take(self, session: Session) -> dict[str, Any]:
        """All of them as if they had come together, for a session that has started."""
        told, signature = self._waiting.pop(session), session.signature
        assert signature is not None
        return reduce(partial(signature.joined, signature.default), told)

    def forget(self, session: Session) -> None:
        self._waiting.pop(session, None)


class EarlyWalks:
    """What a walk that has not begun shall be told; if it is a lot, only the newest of each setting."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiting: dict[Session, list[_Sized]] = {}

    def __contains__(self, session: Session) -> bool:
        return session in self._waiting

    def add(self, session: Session, request: wire.Walk) -> bool:
        """Is it the first for this session? Then somebody has to wait until it can be taken."""
        before = self._waiting.get(session, [])
        told = [*before, _Sized.of(request)]
        if len(told) > limits.EARLY_INPUTS and request.id is before[-1].request.id is None:
            merged = {**before[-1].request.set, **request.set}
            told[-2:] = [_Sized.of(msgspec.structs.replace(request, set=merged))]
        if len(told) > limits.EARLY_INPUTS or sum(one.size for one in told) > self._most:
            raise _too_much(session)
        self._waiting[session] = told
        return not before

    def of(self, session: Session) -> Sequence[wire.Walk]:
        """Those that wait; more may join them until forget()."""
        return [one.request for one in self._waiting[session]]

    def forget(self, session: Session) -> None:
        self._waiting.pop(session, None)


class _Sized(NamedTuple):
    """A request, and about how many bytes it holds."""

    request: wire.Walk
    size: int

    @classmethod
    def of(cls, request: wire.Walk) -> "_Sized":
        return cls(request, _deep_size(request.set))


def _too_much(session: Session) -> Busy:
    return Busy(f"{session.name} is still loading, and too much waits for it", hint="wait until it is ready")


def _deep_size(value: Any) -> int:
    """About the bytes of a value of JSON, with all that is in it."""
    if isinstance(value, dict):
        return sum(len(str(name)) + _deep_size(item) for name, item in value.items())
    return 8 + sum(map(_deep_size, value)) if isinstance(value, list) else _size(value)


def _size(value: Any) -> int:
    return len(value.data) if isinstance(value, Blob) else len(value) if isinstance(value, str | list) else 8
