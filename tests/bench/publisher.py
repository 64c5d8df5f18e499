"""Our server with a worker that lives inside it and gives out a frame in every turn of the loop.

For one question: what do our session, fan-out and WebSocket cost beside a bare one, the model's process left out?
`python -m tests.bench.publisher --port N --state DIR`.
"""

import argparse
import asyncio
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from bridge.config import Settings
from bridge.hub import Hub
from bridge.ports import Blob, Image
from bridge.server import Server
from bridge.session.backend import Listener
from bridge.session.messages import Output, Ready, Run, Start, ToWorker, Wants, Wish
from bridge.signature import Command, Signature
from tests.bench.programs import HERE

FRAME = Blob("raw", bytes(range(256)) * 160, {"width": 256, "height": 160, "channels": 1})
_SIGNATURE = Signature({}, {"run": Command("run", {}, {"image": Image(channels=1)}, streams=True)})


class Publisher:
    """A backend without a process."""

    place = "inside the server"
    memory = 0  # none of its own

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._loop = asyncio.get_running_loop()
        self._wishes: tuple[Wish, ...] = ()
        self._run = 0
        self._sequence = 0
        self._turn: asyncio.Handle = self._loop.call_soon(listener.received, Ready(_SIGNATURE, {}))

    def post(self, message: ToWorker) -> None:
        if isinstance(message, Run):
            self._run = message.run
        if isinstance(message, Wants):
            self._wishes = message.wishes
        self._turn.cancel()
        if self._run and self._wishes:
            self._turn = self._loop.call_soon(self._give)

    def _give(self) -> None:
        values: dict[str, list[tuple[Any, Any]]] = {"image": [(encoding, FRAME) for _, encoding in self._wishes]}
        self._sequence += 1
        self._turn = self._loop.call_soon(self._give)
        self._listener.received(Output(self._run, self._sequence, values, False, 0.0, 0.0))

    async def close(self) -> None:
        self._turn.cancel()


async def launch(start: Start, listener: Listener) -> Publisher:
    return Publisher(listener)


class PublishingServer(Server):
    """The server as it is, with that in place of worker processes."""

    async def _new_hub(self, scratch: Path) -> Hub:
        hub = await super()._new_hub(scratch)
        hub._launch = launch
        return hub


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--state", type=Path, required=True)
    given = parser.parse_args()
    models = (f"frames={HERE / 'models' / 'frames'}",)
    async with PublishingServer(Settings(port=given.port, state=given.state, models=models, demo=False)) as server:
        await server.serve_until_signalled()


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """On the loop that the server has."""
    if sys.platform == "win32":
        return asyncio.run(coroutine)
    import uvloop

    return uvloop.run(coroutine)


if __name__ == "__main__":
    run(main())
