"""A raw picture from the model's process into the server's: our pipe, a bare pipe, shared memory."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.shared_memory import SharedMemory
from statistics import median
from typing import IO

from bridge.backends.process import ProcessBackend, launch
from bridge.errors import from_info
from bridge.ports import Encoding
from bridge.session.backend import Exit
from bridge.session.messages import Failed, FromWorker, Output, Ready, Refusal, Run, Start
from tests.bench import programs
from tests.bench.measure import Sample, column, in_turns, ratio, spread
from tests.bench.report import Finding, Row

_OURS = "our pipe"
_BARE = "bare pipe, blocking"
_SHARED = "shared memory, copied in and out"
_SIDES = {8: "192 bytes", 512: "512 × 512 RGB, 0.79 MB", 1024: "1024 × 1024 RGB, 3.1 MB"}
_CHILD = programs.HERE / "peers" / "crossing_child.py"
_HOW = """
The model is asked for a picture it has painted beforehand. Timed from asking until its bytes are in the server's own
memory, one picture at a time; each round gives a median.

Ours is the whole way of a `raw` output: the message, the model's call, its array made into bytes, the pipe, the event
loop, the message read. Beside it are the bytes of a bare pipe between two blocking processes, and one copy into and one
out of shared memory with a byte on a pipe to say so. This is about raw values only: a live picture usually crosses as
40 kB of JPEG.
"""
_RAW = (("image", Encoding("raw")),)


def measure(rounds: int, seconds: float, told: Callable[[str], None]) -> Finding:
    crossings = max(20, round(40 * seconds))
    contenders: dict[str, Callable[[], Sample]] = {
        _OURS: lambda: _new_loop(_ours(crossings)),
        _BARE: lambda: _bare(crossings),
        _SHARED: lambda: _shared(crossings),
    }
    samples = in_turns(contenders, rounds, told)
    return Finding(
        "Large values",
        _HOW,
        [row for side in _SIDES for row in _rows(side, samples)],
        samples,
    )


def _rows(side: int, samples: dict[str, list[Sample]]) -> Iterator[Row]:
    what = f"crossing_ms_{side}"
    ours = spread(column(samples[_OURS], what)).median
    for name in (_BARE, _SHARED):
        theirs = spread(column(samples[name], what)).median
        yield Row(_SIDES[side], f"{ours:.3g} ms", name, f"{theirs:.3g} ms", ratio(samples[_OURS], samples[name], what))


# --- ours ----------------------------------------------------------------------------------------


class _Ear:
    """Hears one answer at a time."""

    def __init__(self) -> None:
        self.answer: asyncio.Future[FromWorker] = asyncio.get_running_loop().create_future()

    def received(self, message: FromWorker) -> None:
        if isinstance(message, (Output, Ready)):
            self.answer.set_result(message)
        elif isinstance(message, (Failed, Refusal)):
            self.answer.set_exception(from_info(message.error))

    def log_line(self, line: str) -> None:
        print(line, file=sys.stderr)

    def lost(self, exit: Exit) -> None:
        self.answer.set_exception(RuntimeError(exit.reason))

    async def next(self) -> FromWorker:
        answer = await self.answer
        self.answer = asyncio.get_running_loop().create_future()
        return answer


async def _ours(crossings: int) -> Sample:
    ear = _Ear()
    backend = await launch(Start("pixels", str(programs.HERE / "models" / "pixels"), {}), ear)
    try:
        await ear.next()
        return {f"crossing_ms_{side}": await _ours_at(backend, ear, side, crossings) for side in _SIDES}
    finally:
        await backend.close()


async def _ours_at(backend: ProcessBackend, ear: _Ear, side: int, crossings: int) -> float:
    times: list[float] = []
    for number in range(crossings + crossings // 5):
        began = time.perf_counter()
        backend.post(Run(number, "run", {"side": side}, _RAW))
        output = await ear.next()
        times.append(time.perf_counter() - began)
        assert isinstance(output, Output) and len(output.values["image"][0][1].data) == side * side * 3
    return median(times[crossings // 5 :]) * 1000


def _new_loop(measuring: object) -> Sample:
    """On the loop that the server has."""
    if sys.platform == "win32":
        return asyncio.run(measuring)  # type: ignore[arg-type]
    import uvloop

    return uvloop.run(measuring)  # type: ignore[arg-type]


# --- the others ----------------------------------------------------------------------------------


def _bare(crossings: int) -> Sample:
    with _child("pipe") as (asks, answers):
        return {f"crossing_ms_{side}": _timed(answers.read, asks, side, crossings) for side in _SIDES}


def _shared(crossings: int) -> Sample:
    shared = SharedMemory(create=True, size=1024 * 1024 * 3)
    try:
        with _child(shared.name) as (asks, answers):

            def taken(length: int) -> bytes:
                assert answers.read(1) == b"!" and shared.buf is not None
                return bytes(shared.buf[:length])

            return {f"crossing_ms_{side}": _timed(taken, asks, side, crossings) for side in _SIDES}
    finally:
        shared.close()
        shared.unlink()


@contextmanager
def _child(how: str) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    command = [sys.executable, str(_CHILD), how]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as child:
        assert child.stdin is not None and child.stdout is not None
        yield child.stdin, open(child.stdout.fileno(), "rb", closefd=False)  # noqa: SIM115
        child.stdin.close()


def _timed(answer: Callable[[int], bytes], asks: IO[bytes], side: int, crossings: int) -> float:
    length = side * side * 3
    times: list[float] = []
    for _ in range(crossings + crossings // 5):
        began = time.perf_counter()
        asks.write(length.to_bytes(4, "little"))
        frame = answer(length)
        times.append(time.perf_counter() - began)
        assert len(frame) == length
    return median(times[crossings // 5 :]) * 1000
