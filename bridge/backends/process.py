"""Runs a model in a process beside the server."""

import asyncio
import logging
import shutil
import tempfile
from pathlib import Path

import msgspec

from bridge import limits, spawn
from bridge.backends.pipe import Buffer, Packer, Unpacker
from bridge.errors import BridgeError, ErrorInfo, ModelBroken, from_info
from bridge.ports.scratch import VARIABLE
from bridge.session.backend import Exit, Listener
from bridge.session.messages import FromWorker, Start, Stop, ToWorker, Wants
from bridge.signature import Signature

_log = logging.getLogger(__name__)


class ProcessBackend:
    """A worker process. Made by launch()."""

    module = "bridge.backends.worker"

    def __init__(self, listener: Listener, folder: Path | None = None) -> None:
        self._listener = listener
        self._folder = folder  # its own, for what it unpacks: gone with it, however it ends
        self._packer = Packer()
        self._unpacker: Unpacker[FromWorker] = Unpacker(FromWorker)
        self._child: spawn.Child | None = None
        self._closing = False
        self._gathering = False  # something was written in this turn of the loop: what follows goes together
        self._gathered: list[tuple[ToWorker, list[Buffer]]] = []

    @property
    def place(self) -> str:
        return f"this machine, process {self._child.pid}" if self._child else "this machine"

    @property
    def memory(self) -> int:
        return spawn.memory_of(self._child.pid) if self._child else 0

    async def start(self, start: Start) -> None:
        self._child = await spawn.python(
            ["-m", self.module],
            self._heard,
            self._listener.log_line,
            self._ended,
            {VARIABLE: str(self._folder)} if self._folder is not None else None,
            self._flush,
        )
        self.post(start)

    def post(self, message: ToWorker) -> None:
        """The first message of a turn of the loop leaves at once, those behind it together: fewer wake-ups."""
        if self._child is None or self._closing:
            return
        if self._gathering or self._child.full:
            self._hold(message)
        else:
            self._child.write(self._packer.pack(message))
            self._gather()

    def _hold(self, message: ToWorker) -> None:
        """Of wants that wait for a worker which reads nothing, only the last count: they can't pile up."""
        if isinstance(message, Wants):
            self._gathered = [held for held in self._gathered if not isinstance(held[0], Wants)]
        self._gathered.append((message, self._packer.pack(message)))

    def _gather(self) -> None:
        self._gathering = True
        asyncio.get_running_loop().call_soon(self._end_of_turn)

    def _end_of_turn(self) -> None:
        self._gathering = False
        if self._child is not None and not self._child.full:
            self._flush()

    def _flush(self) -> None:
        if self._gathered and self._child is not None:
            gathered, self._gathered = self._gathered, []
            self._child.write([buffer for _, buffers in gathered for buffer in buffers])
            if not self._gathering:
                self._gather()

    async def close(self) -> None:
        """Let the model close, end it when that takes too long. Idempotent."""
        if self._child is not None:
            self.post(Stop())
            self._flush()
            self._closing = True
            await self._child.close()
        if self._folder is not None:
            await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)

    def _heard(self, data: bytes) -> None:
        try:
            for message in self._unpacker.feed(data):
                if not self._closing:
                    self._listener.received(message)
        except Exception as error:
            # The loop would drop the pipe in silence, and everybody would wait for ever. Ended, it is told as a crash.
            if not isinstance(error, BridgeError):  # a worker that does not speak our language any more
                _log.exception("a message of %s could not be taken in", self.place)
            assert self._child is not None
            self._child.kill()

    def _ended(self, reason: str, last_lines: tuple[str, ...]) -> None:
        if not self._closing:
            self._closing = True
            self._listener.lost(Exit(reason, last_lines))


async def launch(
    start: Start, listener: Listener, *, scratch: Path | None = None, backend: type[ProcessBackend] = ProcessBackend
) -> ProcessBackend:
    """Start a worker for one model; it says Ready, Refusal or is lost, in its own time.

    What it unpacks goes to a folder of its own in `scratch`, and is gone when the worker is, even when it was killed.
    """
    made = backend(listener, await asyncio.to_thread(_own_folder, scratch) if scratch is not None else None)
    try:
        await made.start(start)
    except BaseException:
        await made.close()
        raise
    return made


def _own_folder(scratch: Path) -> Path:
    scratch.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(dir=scratch.absolute(), prefix="worker-"))


class _Description(msgspec.Struct):
    signature: Signature | None = None
    error: ErrorInfo | None = None


async def describe(folder: Path) -> Signature:
    """What the model in this folder takes and gives, told by a short-lived child; ModelBroken when it can't tell."""
    return await described_by(ProcessBackend.module, str(folder), folder.name)


async def described_by(module: str, where: str, name: str) -> Signature:
    """What a child that runs this module prints of the model there."""
    arguments = ["-m", module, "--describe", where]
    try:
        said = await spawn.output_of(arguments, limits.DESCRIBE_SECONDS, limits.DESCRIPTION_BYTES)
        description = msgspec.json.decode(said, type=_Description)
    except TimeoutError:
        raise ModelBroken(f"{name} took more than {limits.DESCRIBE_SECONDS:.0f} s to be imported") from None
    except (RuntimeError, msgspec.MsgspecError) as error:
        raise ModelBroken(f"{name} can't be imported: {error}") from None
    if description.error is not None:
        raise from_info(description.error)
    assert description.signature is not None
    return description.signature
