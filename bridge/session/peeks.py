"""The last outputs, asked of the worker once more: for who came too late for them, or wants another encoding."""

import asyncio
from functools import partial
from typing import Any

from bridge import limits
from bridge.errors import BridgeError, from_info
from bridge.session.backend import Backend
from bridge.session.messages import Peek, Peeked, Wish


class Peeks:
    """What is being asked of the worker.

    Messages keep their order, so an answer is of what was given out before the question.
    """

    def __init__(self) -> None:
        self._count = 0
        self._open: dict[int, asyncio.Future[Any]] = {}
        self._shared: dict[Wish, asyncio.Future[Any]] = {}  # those of them that a further reader may wait for as well

    def ask(self, wish: Wish, backend: Backend) -> asyncio.Future[Any] | None:
        """What the worker gave out last of a port, once it says so. Asked once for all who want to know it now.

        None when too much is being asked for: a worker that hangs reads nothing of it.
        """
        asked = self._shared.get(wish)
        if asked is not None and not asked.done():
            return asked
        if len(self._open) >= limits.PEEKS_WAITING:
            return None
        self._count += 1
        answer = self._open[self._count] = self._shared[wish] = asyncio.get_running_loop().create_future()
        answer.add_done_callback(partial(self._answered, wish))
        backend.post(Peek(self._count, *wish))
        return answer

    def heard(self, message: Peeked) -> None:
        """The worker's answer to one of the questions."""
        answer = self._open.pop(message.request, None)
        if answer is None or answer.done():
            return
        if message.error is not None:
            answer.set_exception(from_info(message.error))
        else:
            answer.set_result(message.value)

    def ask_anew(self) -> None:
        """What is asked for from now on may be newer than what was asked for before."""
        self._shared.clear()

    def give_up(self, error: BridgeError) -> None:
        """No answer will come any more."""
        for answer in self._open.values():
            if not answer.done():
                answer.set_exception(error)
        self._open.clear()

    def _answered(self, wish: Wish, answer: asyncio.Future[Any]) -> None:
        if self._shared.get(wish) is answer:
            del self._shared[wish]
        answer.exception()  # who asked may be gone by now: an error that nobody hears is no mistake of ours
