"""Which session has which port: the lowest that is free, and the same again after a restart."""

import logging
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from typing import Any

from bridge import limits
from bridge.errors import BridgeError

Keep = Callable[[Any], Awaitable[None]]
_log = logging.getLogger(__name__)


class Slots:
    """The ports of all sessions, by session and server, until the session is closed.

    `noted` is what `keep` was given the last time, `expected` the sessions that are about to be opened.
    """

    def __init__(self, bases: Mapping[str, int], noted: Any, keep: Keep, expected: Collection[str]) -> None:
        self._bases = bases
        self._keep = keep
        self._saved: dict[str, dict[str, int]] = {name: dict(ports) for name, ports in _sound(noted)}
        # The ports of sessions that will not be opened again are free.
        self._kept = {name: dict(ports) for name, ports in self._saved.items() if name in expected}

    def candidates(self, name: str, server: str) -> Iterator[int]:
        """Ports to try, the best first."""
        own = self._kept.get(name, {}).get(server)
        if own is not None:
            yield own
        base = self._bases[server]
        if base == 0:
            yield 0
            return
        others = {ports.get(server) for session, ports in self._kept.items() if session != name}
        for port in range(base, min(base + limits.RUNWAY_PORTS, 65536)):
            if port != own and port not in others:
                yield port

    def keep(self, name: str, server: str, port: int) -> None:
        """That port is this session's. One that had to give way for now stays its own."""
        self._kept.setdefault(name, {}).setdefault(server, port)

    def drop(self, name: str) -> None:
        """The session was closed: its ports are free for others."""
        self._kept.pop(name, None)

    def rename(self, names: Mapping[str, str]) -> None:
        """New names by old ones, all at once: one may have the name that another had."""
        moved = {new: self._kept.pop(old) for old, new in names.items() if old in self._kept}
        self._kept.update(moved)

    async def save(self) -> None:
        """Keep it for the next start. Trouble is told, and ends nothing."""
        if self._kept == self._saved:
            return
        now = {name: dict(ports) for name, ports in self._kept.items()}
        try:
            await self._keep(now)
            self._saved = now
        except BridgeError as error:
            _log.error("the ports of the old app were not saved: %s; %s", error.message, error.hint)


def _sound(noted: Any) -> Iterator[tuple[str, dict[str, int]]]:
    for name, ports in noted.items() if isinstance(noted, dict) else ():
        if isinstance(ports, dict):
            yield name, {server: port for server, port in ports.items() if type(port) is int and 0 < port < 65536}
