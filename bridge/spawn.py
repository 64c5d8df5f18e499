"""The only file that starts or ends child processes."""

import asyncio
import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from bridge import limits

# What a model prints is seen at once, whatever it prints; and tokenizers do not warn about the fork they never see.
_QUIET_ENVIRONMENT = {
    "PYTHONUNBUFFERED": "1",
    "PYTHONIOENCODING": "utf-8",
    "TOKENIZERS_PARALLELISM": "false",
    "PYTHONSAFEPATH": "1",  # a random.py in the folder people started from is not ours to import
}

# How the libraries behind a model behave; a word of the user's own counts more. Threads that wait for each other give
# their core away at once: spinning, two of them on a shared core take five times as long as one. And memory that a
# picture needed is kept for the next: given back to the system and fetched again for every tensor, a picture of 128 px
# takes a quarter longer. (Those two numbers count together; only glibc reads them.)
NATIVE_ENVIRONMENT = {
    "GOMP_SPINCOUNT": "2000",
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(128 << 20),
}


# Out of reach of our terminal's Ctrl-C: a child is ended by its owner, after the model has been closed.
_APART: dict[str, Any]
if sys.platform == "win32":
    _APART = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
else:
    _APART = {"start_new_session": True}


_DRAIN_S = 1.0  # for the last lines of a process that has ended


def memory_of(pid: int) -> int:
    """Bytes of memory that a process holds; 0 where the system has no file that says so."""
    try:
        resident = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]
    except (OSError, IndexError):
        return 0
    return int(resident) * os.sysconf("SC_PAGE_SIZE")


class Child(asyncio.SubprocessProtocol):
    """A Python child process of ours: bytes to its input, bytes from its output, lines from its error output."""

    def __init__(
        self,
        on_data: Callable[[bytes], None],
        on_line: Callable[[str], None],
        on_exit: Callable[[str, tuple[str, ...]], None],
        on_room: Callable[[], None] = lambda: None,
    ) -> None:
        self.lines: deque[str] = deque(maxlen=limits.LOG_LINES)
        self._on_data = on_data
        self._on_line = on_line
        self._on_exit = on_exit
        self._transport: asyncio.SubprocessTransport | None = None
        self._input: asyncio.WriteTransport | None = None
        self._half_line = b""
        self.full = False  # it reads slower than we write: what is written now waits in our memory
        self._on_room = on_room
        self._ended = asyncio.get_running_loop().create_future()

    @property
    def pid(self) -> int:
        assert self._transport is not None
        return self._transport.get_pid() or 0

    def write(self, buffers: Sequence[bytes | bytearray | memoryview]) -> None:
        """Queue the buffers for the child's input, without copying them together; nothing once it has ended."""
        if self._input is not None and not self._input.is_closing():
            if len(buffers) == 1:
                self._input.write(buffers[0])
            else:
                self._input.writelines(buffers)

    async def close(self, patience: float = limits.STOP_SECONDS) -> None:
        """Close its input, which tells it to leave; after `patience` seconds end it. Idempotent."""
        if self._input is not None:
            self._input.close()
        if not await self._wait(patience):
            self.kill()
            await self._wait(limits.STOP_SECONDS)  # closed sooner, the transport would take its exit code from the loop
        if self._transport is not None:
            self._transport.close()

    def kill(self) -> None:
        """End it and what it started, now."""
        if self._transport is not None and not self._ended.done():
            self._end_group()

    def _end_group(self) -> None:
        assert self._transport is not None
        with suppress(ProcessLookupError, PermissionError):
            if hasattr(os, "killpg"):
                os.killpg(self.pid, signal.SIGKILL)  # it leads a group of its own: see python()
            else:
                self._transport.kill()

    async def _wait(self, seconds: float) -> bool:
        await asyncio.wait([self._ended], timeout=seconds)
        return self._ended.done()

    # --- called by the loop ----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not asked with isinstance: uvloop's transports are no subclasses of asyncio's.
        self._transport = cast(asyncio.SubprocessTransport, transport)
        self._input = cast(asyncio.WriteTransport, self._transport.get_pipe_transport(0))

    def pause_writing(self) -> None:
        self.full = True

    def resume_writing(self) -> None:
        self.full = False
        self._on_room()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        if fd == 1:
            self._on_data(data)
        else:
            *whole, self._half_line = (self._half_line + data).split(b"\n")
            for line in whole:
                self._log(line)
            if len(self._half_line) > limits.LOG_LINE_CHARS:  # a progress bar that never ends its line
                self._log(self._half_line)
                self._half_line = b""

    def _log(self, raw: bytes) -> None:
        line = raw.rsplit(b"\r", 1)[-1].decode(errors="replace")[: limits.LOG_LINE_CHARS].rstrip()
        if line:
            self.lines.append(line)
            self._on_line(line)

    def process_exited(self) -> None:
        """What it left running goes too: it would hold the pipes open, and the end would never be told."""
        if self._transport is not None:  # None: it ended before the loop told us that it began
            self._end_group()
        # What left the group may still hold the pipes open; what the process itself said has been read by then.
        asyncio.get_running_loop().call_later(_DRAIN_S, self._finish)

    def connection_lost(self, exc: Exception | None) -> None:
        """The process has ended and its pipes are read to the end."""
        self._finish()

    def _finish(self) -> None:
        if self._ended.done():
            return
        if self._half_line:
            self._log(self._half_line)
        code = self._transport.get_returncode() if self._transport else None
        self._ended.set_result(None)
        if self._transport is not None:
            self._transport.close()
        self._on_exit(_how_it_ended(code), tuple(self.lines))


async def python(
    arguments: Sequence[str],
    on_data: Callable[[bytes], None],
    on_line: Callable[[str], None],
    on_exit: Callable[[str, tuple[str, ...]], None],
    environment: dict[str, str] | None = None,
    on_room: Callable[[], None] = lambda: None,
) -> Child:
    """Start this Python with these arguments; on_exit is told how it ended and what it said last.

    on_room is called when the child has read what made it `full`.
    """
    _, child = await asyncio.get_running_loop().subprocess_exec(
        lambda: Child(on_data, on_line, on_exit, on_room),
        sys.executable,
        *arguments,
        env={
            **NATIVE_ENVIRONMENT,
            **os.environ,
            "PYTHONPATH": _import_path(),
            **_QUIET_ENVIRONMENT,
            **(environment or {}),
        },
        **_APART,
    )
    assert isinstance(child, Child)
    return child


async def output_of(arguments: Sequence[str], seconds: float, most_bytes: int) -> bytes:
    """What a short-lived Python child prints, the child ended when it takes too long or says too much."""
    parts = bytearray()
    ended = asyncio.get_running_loop().create_future()

    def keep(data: bytes) -> None:
        parts.extend(data[: most_bytes + 1 - len(parts)])
        if len(parts) > most_bytes:
            child.kill()

    def end(reason: str, last_lines: tuple[str, ...]) -> None:
        if not ended.done():
            ended.set_result(reason)

    child = await python(arguments, keep, lambda line: None, end)
    try:
        async with asyncio.timeout(seconds):
            reason = await ended
        if len(parts) > most_bytes:
            raise RuntimeError(f"it said more than {most_bytes} bytes")
        if not parts:
            raise RuntimeError("\n".join([reason, *child.lines]))
        return bytes(parts)
    finally:
        child.kill()
        await child.close()


def _import_path() -> str:
    """Where the child finds this package, also when it is not installed but run from its folder."""
    here = str(Path(__file__).resolve().parent.parent)
    rest = os.environ.get("PYTHONPATH", "")
    return os.pathsep.join([here, rest]) if rest else here


def _how_it_ended(code: int | None) -> str:
    if code is None:
        return "ended"
    if code < 0:
        try:
            return f"was ended by signal {signal.Signals(-code).name}"
        except ValueError:
            return f"was ended by signal {-code}"
    return f"ended by itself with code {code}"
