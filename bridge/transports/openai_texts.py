"""The runs of one request, side by side."""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, Self

from bridge.session.outputs import RunOutput
from bridge.session.run import RunHandle
from bridge.session.session import Session
from bridge.transports.http_answer import TimedOut

AT_ONCE = 8  # texts of one request that are written at a time: others want to write, too

Step = tuple[int, RunOutput | None]  # the number of a run and what it gave out; None: it has ended


class Texts:
    """Use as `async with`, then `async for`: left early, all are cancelled. To stop waiting for a step loses nothing.

    The first run begins alone: what it reads of a prompt the others then find read. Subscribers see that one only.
    """

    def __init__(
        self, session: Session, command: str, runs: Sequence[Mapping[str, Any]], seconds: float, quiet: bool = False
    ) -> None:
        self._session = session
        self._command = command
        self._seconds = seconds  # for all of it
        self._until = 0.0
        self._quiet = quiet
        self._next = deque(enumerate(runs))
        self._handles: dict[int, RunHandle] = {}
        self._steps: dict[asyncio.Task[RunOutput | None], int] = {}  # that are waited for, where there are several runs

    async def __aenter__(self) -> Self:
        self._until = asyncio.get_running_loop().time() + self._seconds
        self._begin()  # here, so that wrong inputs are refused before anything is answered
        return self

    async def __aexit__(self, *_: object) -> None:
        for handle in self._handles.values():
            handle.cancel()
        for step in self._steps:
            step.cancel()
        await asyncio.gather(*self._steps, return_exceptions=True)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Step:
        """The next step of any of them. Raises what a run ended with, if that was no good end."""
        try:
            async with asyncio.timeout_at(self._until):
                return await self._one()
        except TimeoutError:
            raise TimedOut(
                f"{self._session.name} worked for more than {self._seconds:.0f} s on this request, which was ended",
                hint="ask for a shorter text",
            ) from None

    async def _one(self) -> Step:
        if not self._handles:
            raise StopAsyncIteration
        if not self._next and not self._steps and len(self._handles) == 1:
            number, handle = next(iter(self._handles.items()))
            return self._came(number, await anext(handle, None))
        for number, handle in self._handles.items():
            if number not in self._steps.values():
                self._steps[asyncio.ensure_future(_next(handle))] = number
        done, _ = await asyncio.wait(self._steps, return_when=asyncio.FIRST_COMPLETED)
        step = min(done, key=self._steps.__getitem__)
        return self._came(self._steps.pop(step), step.result())

    def _begin(self) -> None:
        number, inputs = self._next.popleft()
        quiet = self._quiet or number > 0
        self._handles[number] = self._session.run(inputs, self._command, quiet=quiet)

    def _came(self, number: int, output: RunOutput | None) -> Step:
        if output is None:
            handle = self._handles.pop(number)
            if handle.error is not None:  # a cancelled run ends without raising
                raise handle.error
        while self._next and len(self._handles) < AT_ONCE:
            self._begin()
        return number, output


async def _next(handle: RunHandle) -> RunOutput | None:
    return await anext(handle, None)
