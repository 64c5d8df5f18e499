"""MJPEG to 1 and to 16 readers: how many pictures a second arrive."""

import contextlib
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.bench import calls, fanout, parts, programs
from tests.bench.measure import Sample, column, in_turns, ratio, spread
from tests.bench.models.frames.model import PICTURE
from tests.bench.report import Finding, Row

READERS = (1, 16)
_ROWS = {
    "rate_1": "pictures/s, 1 reader",
    "rate_16": "pictures/s, 16 readers",
    "fewest_16": "pictures/s of the reader that got the fewest of 16",
}
_OURS = "sketchbridge"
_INSIDE = "sketchbridge, no process for the model"
_BARE = "aiohttp"
_STREAM = "/api/sessions/frames/stream/image.mjpg"
_HOW = """
The reader is one process with plain sockets. It counts pictures for half a second, then the bytes that arrive, which
the kernel throws away, and divides by what a picture has on the wire.

- *no process for the model*: our server, session, fan-out and stream, with 40,960 bytes published in every turn of the
  event loop. aiohttp: the same bytes, on uvloop, one task a reader that sends them over and over and waits where the
  socket is full. This is the like for like.
- *with a model*: in its own process one gives out a picture of 160 by 256 as quickly as it can; each is encoded there,
  once, as a JPEG of 2 kB, and goes to every reader that is ready for one. Nobody else does that, so it stands alone.
"""


def measure(rounds: int, seconds: float, told: Callable[[str], None]) -> Finding:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        picture = Path(folder, "picture")
        picture.write_bytes(PICTURE.tobytes())
        contenders: dict[str, Callable[[], Sample]] = {
            _OURS: lambda: _counted(programs.ours(fanout.FRAMES), _STREAM, seconds, ours=True),
            _INSIDE: lambda: _counted(fanout.publisher(), _STREAM, seconds, ours=True),
            _BARE: lambda: _counted(programs.peer("mjpeg_aiohttp", str(picture)), "/stream.mjpg", seconds),
        }
        samples = in_turns(contenders, rounds, told)
    alike = [_alike(what, told_as, samples) for what, told_as in _ROWS.items()]
    alone = [Row(f"{told_as}, with a model", _rate(samples[_OURS], what)) for what, told_as in _ROWS.items()]
    return Finding("MJPEG", _HOW, [*alike, *alone], samples)


def _counted(
    server: contextlib.AbstractContextManager[programs.Program], path: str, seconds: float, *, ours: bool = False
) -> Sample:
    found: dict[str, float] = {}
    with server as program:
        if ours:
            calls.patch(program.port, "/api/sessions/frames/inputs", {})
        for readers in READERS:
            counted = parts.in_own_process(program.port, path, readers, seconds)
            found |= {f"{what}_{readers}": value for what, value in counted.items()}
    return found


def _alike(what: str, told: str, samples: dict[str, list[Sample]]) -> Row:
    ours, theirs = samples[_INSIDE], samples[_BARE]
    compared = ratio(ours, theirs, what)
    return Row(f"{told}, no process for the model", _rate(ours, what), _BARE, _rate(theirs, what), compared)


def _rate(samples: list[Sample], what: str) -> str:
    return f"{spread(column(samples, what)).median:,.0f}"
