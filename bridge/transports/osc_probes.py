"""Looks whether anybody is left at a port, since over UDP nobody hangs up."""

import socket
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

_MISSED = 2
_EMPTY_BUNDLE = b"#bundle\0\0\0\0\0\0\0\0\1"
T = TypeVar("T")


class Probes(Generic[T]):
    """A packet that means nothing, from a socket of its own: the other system says "no such port" when nobody is there.

    Two times in a row are enough. `gone` and `back` are told with each look who is not there, and who is.
    """

    def __init__(self, gone: Callable[[T], object], back: Callable[[T], object], packet: bytes = _EMPTY_BUNDLE) -> None:
        self._gone = gone
        self._back = back
        self._packet = packet
        self._open: dict[T, tuple[socket.socket, int]] = {}  # the socket, and how often nobody was there

    def look(self, at: Mapping[T, tuple[Any, ...]]) -> None:
        """At the addresses of all these; forget those that are no more among them."""
        for one in [one for one in self._open if one not in at]:
            self._open.pop(one)[0].close()
        for one, where in at.items():
            self._look_at(one, where)

    def close(self) -> None:
        """Idempotent."""
        for made, _ in self._open.values():
            made.close()
        self._open.clear()

    def _look_at(self, one: T, where: tuple[Any, ...]) -> None:
        made, missed = self._open.get(one) or (_connected(where), 0)
        missed = missed + 1 if _nobody(made, self._packet) else 0
        self._open[one] = (made, missed)
        if missed >= _MISSED:
            self._gone(one)
        elif not missed:
            self._back(one)


def _nobody(made: socket.socket, packet: bytes) -> bool:
    """Ask again, and say whether the system heard since the last time that nobody is there."""
    refused = False
    for attempt in (lambda: made.recv(16), lambda: made.send(packet)):
        try:
            attempt()
        except (ConnectionRefusedError, ConnectionResetError):
            refused = True
        except OSError:
            continue
    return refused


def _connected(where: tuple[Any, ...]) -> socket.socket:
    made = socket.socket(socket.AF_INET6 if ":" in where[0] else socket.AF_INET, socket.SOCK_DGRAM)
    made.setblocking(False)
    try:
        made.connect(where)
    except OSError:
        return made  # no way there now; it is counted as unsent
    return made
