"""Runs a model that a server of the old Model SDK holds: a worker beside us asks it, and encodes what it gives out."""

from pathlib import Path

from bridge.backends import process
from bridge.backends.process import ProcessBackend
from bridge.session.backend import Listener
from bridge.session.messages import Start
from bridge.signature import Signature

MODULE = "bridge.backends.sdk_worker"


class SdkBackend(ProcessBackend):
    """The worker that asks. Made by launch()."""

    module = MODULE

    def __init__(self, listener: Listener, folder: Path | None = None) -> None:
        super().__init__(listener, folder)
        self._address = ""

    @property
    def place(self) -> str:
        return f"the server at {self._address}"

    async def start(self, start: Start) -> None:
        self._address = start.folder
        await super().start(start)


async def launch(start: Start, listener: Listener, *, scratch: Path | None = None) -> ProcessBackend:
    """As that of a process; the model's folder is an address."""
    return await process.launch(start, listener, scratch=scratch, backend=SdkBackend)


async def describe(address: str) -> Signature:
    """What the server there takes and gives; ModelBroken when it can't tell."""
    return await process.described_by(MODULE, address, address)
