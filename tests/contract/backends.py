"""Where the backend contract suite finds the backends. A new one joins with one line."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from bridge.backends import process, sdk
from bridge.config import Settings
from bridge.server import Server
from bridge.session.backend import Backend, Launch, Listener
from bridge.session.messages import Start, ToWorker

BACKENDS: dict[str, Launch] = {
    "process": process.launch,
}


class BehindServer:
    """A model that another bridge runs and offers in the form of the Model SDK. Both are opened and closed as one."""

    def __init__(self) -> None:
        self._state = TemporaryDirectory()
        self._server: Server | None = None
        self._backend: process.ProcessBackend | None = None
        self._closed = False

    @property
    def place(self) -> str:
        return self._backend.place if self._backend is not None else ""

    @property
    def _child(self) -> Any:
        """The worker that asks."""
        return self._backend._child if self._backend is not None else None

    @property
    def memory(self) -> int:
        return self._backend.memory if self._backend is not None else 0

    async def open(self, start: Start, listener: Listener) -> None:
        anywhere = {f"runway_{one}_port": 0 for one in ("http", "socketio", "osc", "sdk", "daemon")}
        models = (f"{start.session}={start.folder}",)
        state = Path(self._state.name)
        settings = Settings(port=0, osc=False, demo=False, state=state, models=models, runway=True, **anywhere)
        self._server = await Server(settings).__aenter__()
        await self._server.opened()
        while not (places := self._places(self._server)):  # its servers open behind the session
            await asyncio.sleep(0.005)
        self._backend = await sdk.launch(msgspec.structs.replace(start, folder=places[0]), listener)

    @staticmethod
    def _places(server: Server) -> list[str]:
        wires = [wire for wire in server.wires.described() if wire.name == "runway"]
        return [one.split()[-1] for wire in wires for one in wire.addresses if " sdk " in one]

    def post(self, message: ToWorker) -> None:
        if self._backend is not None:
            self._backend.post(message)

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        if self._backend is not None:
            await self._backend.close()
        if self._server is not None:
            await self._server.close()
        self._state.cleanup()


async def launch_behind_server(start: Start, listener: Listener) -> Backend:
    made = BehindServer()
    try:
        await made.open(start, listener)
    except BaseException:
        await made.close()
        raise
    return made


BACKENDS["runway sdk"] = launch_behind_server
CANNOT = {  # what the protocol between has no word for
    "runway sdk": {
        "test_waiting_runs_are_put_together_up_to_the_batch": "jobs are asked for one by one",
        "test_a_crash_is_named_and_the_next_run_is_served": "the other side starts its model again, unseen from here",
        "test_what_the_model_prints_is_told_as_log_lines": "what the model prints is in the other side's log",
    }
}
