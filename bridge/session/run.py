"""One call, followed by the one who made it."""

import asyncio
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from bridge import limits
from bridge.errors import BridgeError, Cancelled, TooSlow
from bridge.ports import Encoding
from bridge.session.messages import Output
from bridge.session.outputs import Result, RunOutput, weight
from bridge.signature import Command


class RunHandle:
    """A run until its one end: done, failed or cancelled. Leaving the `async with` early cancels it.

    Either iterate over its outputs as they come, or await result() for the whole.
    """

    def __init__(
        self, number: int, command: Command, wishes: dict[str, Encoding], time_in: float, cancel: Callable[[int], None]
    ) -> None:
        self.number = number
        self.time_in = time_in
        self._command = command
        self._wishes = wishes
        self._cancel = cancel
        self._outputs: deque[RunOutput] = deque()
        self._bytes = 0  # that wait in them
        self._waiter: asyncio.Future[None] | None = None
        self._folded: dict[str, Any] | None = None  # set: nobody iterates, outputs are joined as they come
        self._model_ms = 0.0
        self._encode_ms = 0.0
        self._then: Callable[[RunHandle], None] | None = None
        self.ended = False
        self._error: BridgeError | None = None

    async def result(self) -> Result:
        """The whole run: text pieces joined, of everything else the last. Raises what the run ended with."""
        self._folded = {}
        while self._outputs:
            self._fold(self._outputs.popleft().values)
        while not self.ended:
            await self._news()
        return self.whole()

    def then(self, call: "Callable[[RunHandle], None]") -> None:
        """Instead of awaiting result(): be called once when the run has ended, perhaps at once. Then read whole()."""
        self._folded = {}
        while self._outputs:
            self._fold(self._outputs.popleft().values)
        self._then = call
        if self.ended:
            self._notify()

    def whole(self) -> Result:
        """The result of a run that has ended. Raises what it ended with."""
        if self._error is not None:
            raise self._error
        assert self._folded is not None
        return Result(self.number, self._folded, self._model_ms, self._encode_ms, self.time_in)

    @property
    def error(self) -> BridgeError | None:
        """What it ended with; None while it goes on, and when it is done."""
        return self._error

    def cancel(self) -> None:
        """End it now; harmless when it has ended."""
        if not self.ended:
            self._cancel(self.number)

    # --- the session's side ----------------------------------------------------------------------

    def gave(self, output: Output) -> None:
        """The model gave something out for this run."""
        if self.ended or (output.unencoded and self._misses(output)):
            return
        values = {
            port: value
            for port, encodings in output.values.items()
            for encoding, value in encodings
            if self._wishes.get(port) == encoding
        }
        self._model_ms += output.model_ms
        self._encode_ms += output.encode_ms
        if self._folded is not None:
            self._fold(values)
        elif len(self._outputs) < limits.LOSSLESS_FRAMES and self._bytes <= limits.LOSSLESS_BYTES:
            self._bytes += sum(weight(value) for value in values.values())
            self._outputs.append(
                RunOutput(output.run, output.sequence, values, output.model_ms, output.encode_ms, output.last)
            )
        else:
            self._fall_behind()
            return
        if output.last:
            self.ended = True
        if self._folded is None or self.ended:
            self._notify()

    def end(self, error: BridgeError | None = None) -> None:
        """The run has ended. The first end counts."""
        if not self.ended:
            self.ended = True
            self._error = error
            self._notify()

    def _misses(self, output: Output) -> bool:
        """Something of our own could not be encoded: nothing comes of this run any more but its end."""
        return any(self._wishes.get(flaw.port) == flaw.encoding for flaw in output.unencoded)

    def _fall_behind(self) -> None:
        waiting = len(self._outputs)
        self._outputs.clear()
        self.end(
            TooSlow(
                f"{waiting} outputs of run {self.number} waited for their reader, more than are kept",
                hint="read faster, or subscribe to the newest only",
            )
        )
        self._cancel(self.number)

    def _fold(self, values: dict[str, Any]) -> None:
        assert self._folded is not None
        for name, value in values.items():
            port = self._command.outputs[name]
            self._folded[name] = port.join(self._folded[name], value) if name in self._folded else value

    # --- waiting ---------------------------------------------------------------------------------

    def _notify(self) -> None:
        if self._then is not None and self.ended:
            then, self._then = self._then, None
            then(self)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _news(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cancel()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> RunOutput:
        while not self._outputs:
            if self.ended:
                if self._error is not None and not isinstance(self._error, Cancelled):
                    raise self._error
                raise StopAsyncIteration
            await self._news()
        output = self._outputs.popleft()
        self._bytes -= sum(weight(value) for value in output.values.values())
        return output
