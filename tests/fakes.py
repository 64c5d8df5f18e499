"""Stand-ins with names: small, and each does one thing honestly."""

import asyncio
from collections.abc import Callable
from typing import Any

from bridge.errors import ErrorInfo
from bridge.ports import AnyPort, Number, Text
from bridge.session.backend import Exit, Listener
from bridge.session.messages import (
    Cancel,
    Done,
    Dropped,
    Failed,
    FromWorker,
    Output,
    Ready,
    Run,
    Start,
    ToWorker,
)
from bridge.signature import Command, Signature


class ManualClock:
    """Time that passes when told."""

    def __init__(self, now: float = 100.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def pass_ms(self, ms: float) -> None:
        self.now += ms / 1000


def signature(
    inputs: dict[str, AnyPort] | None = None,
    outputs: dict[str, AnyPort] | None = None,
    *,
    streams: bool = False,
    batch: int = 1,
    concurrency: int = 1,
) -> Signature:
    """A signature with one command, `run`."""
    command = Command(
        "run",
        inputs if inputs is not None else {"level": Number(0, 1, default=0.5)},
        outputs if outputs is not None else {"text": Text(pieces=streams)},
        streams=streams,
        batch=batch,
    )
    return Signature({}, {"run": command}, concurrency)


class PuppetBackend:
    """A worker that does what the test says, when it says so."""

    def __init__(self, listener: Listener, start: Start) -> None:
        self.listener = listener
        self.start = start
        self.posted: list[ToWorker] = []
        self.closed = 0
        self.may_close = asyncio.Event()  # a test that clears it decides how long closing takes
        self.may_close.set()

    @property
    def place(self) -> str:
        return "a puppet"

    @property
    def memory(self) -> int:
        return 4_096

    def post(self, message: ToWorker) -> None:
        self.posted.append(message)

    async def close(self) -> None:
        await self.may_close.wait()
        self.closed += 1

    # --- what the test makes it do ---------------------------------------------------------------

    def ready(self, signature: Signature) -> None:
        self.listener.received(Ready(signature, {}))

    def give(self, run: int, last: bool = True, sequence: int = 0, model_ms: float = 1.0, **values: Any) -> None:
        """Give out values, each in every encoding that was wished for."""
        wishes = self.wishes(run)
        encoded = {
            port: [(encoding, value) for name, encoding in wishes if name == port] for port, value in values.items()
        }
        self.listener.received(Output(run, sequence, encoded, last, model_ms, 0.0))

    def done(self, run: int) -> None:
        self.listener.received(Done(run))

    def fail(self, run: int, message: str) -> None:
        self.listener.received(Failed(run, ErrorInfo("model_failed", message)))

    def drop(self, run: int) -> None:
        self.listener.received(Dropped(run))

    def say(self, message: FromWorker) -> None:
        self.listener.received(message)

    def die(self, reason: str = "was ended by signal SIGKILL", *log: str) -> None:
        self.listener.lost(Exit(reason, log))

    # --- what it was told ------------------------------------------------------------------------

    def runs(self) -> list[Run]:
        return [message for message in self.posted if isinstance(message, Run)]

    def cancelled(self) -> list[int]:
        return [message.run for message in self.posted if isinstance(message, Cancel)]

    def wishes(self, run: int) -> list[tuple[str, Any]]:
        own = [wish for message in self.runs() if message.run == run for wish in message.wishes]
        wanted = [
            message.wishes for message in self.posted if hasattr(message, "wishes") and not isinstance(message, Run)
        ]
        return list(dict.fromkeys([*own, *(wanted[-1] if wanted else ())]))


class Puppeteer:
    """Launches puppets and keeps them, the newest last."""

    def __init__(self, on_launch: Callable[[PuppetBackend], None] | None = None) -> None:
        self.puppets: list[PuppetBackend] = []
        self._on_launch = on_launch

    async def __call__(self, start: Start, listener: Listener) -> PuppetBackend:
        puppet = PuppetBackend(listener, start)
        self.puppets.append(puppet)
        if self._on_launch is not None:
            self._on_launch(puppet)
        return puppet
