"""Queries of clients that send them without waiting: a few wait for their turn, beyond that the oldest go."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from bridge import limits
from bridge.errors import BridgeError

_log = logging.getLogger(__name__)
Ask = Callable[[Any], Awaitable[object]]


class Queries:
    """Those of one client, one after the other. Old sketches have no number to tell answers apart by.

    A sketch that asks on every frame of its own would wait longer and longer; so it is the newest that count.
    """

    def __init__(self, name: str, ask: Ask) -> None:
        self.dropped = 0
        self._name = name
        self._ask = ask
        self._waiting: deque[Any] = deque()
        self._task: asyncio.Task[None] | None = None

    def put(self, query: Any) -> None:
        """Ask this when those before it have been answered."""
        if len(self._waiting) >= limits.RUNWAY_QUERIES:
            self._waiting.popleft()
            if not self.dropped:
                _log.warning("%s asks faster than it is answered: the oldest of its queries are left out", self._name)
            self.dropped += 1
        self._waiting.append(query)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._answer(), name=f"queries of {self._name}")

    async def _answer(self) -> None:
        while self._waiting:
            try:
                await self._ask(self._waiting.popleft())
            except BridgeError:  # who listens was told
                continue
            except Exception:
                _log.exception("a query of %s could not be answered", self._name)

    async def close(self) -> None:
        """Forget what waits and end what is asked. Idempotent."""
        self._waiting.clear()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
