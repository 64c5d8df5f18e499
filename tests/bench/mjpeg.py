"""MJPEG to 1 and to 16 readers: how many pictures a second arrive."""

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2

from tests.bench import calls, fanout, parts, programs
from tests.bench.measure import Goal, Sample, column, in_turns, ratio, spread
from tests.bench.models.frames.model import PICTURE
from tests.bench.report import Finding, Row

READERS = (1, 16)
_OURS = "sketchbridge"
_INSIDE = "sketchbridge, no process for the model"
_BARE = "aiohttp"
_BARE_JPEG = "aiohttp, the same JPEG"
_STREAM = "/api/sessions/frames/stream/image.mjpg"
_QUALITY = 85  # what a session gives when nothing is asked for
_HOW = """
The reader is one process with plain sockets. It counts pictures for half a second, then the bytes that arrive, which the
kernel throws away, and divides by what a picture has on the wire.

- *sketchbridge*: a model in its own process gives out a picture of 160 by 256 as quickly as it can; each is encoded as a
  JPEG there, once, and goes to every reader whose socket has room for it. The peer sends the same JPEG, which was encoded
  before it started, and has no model.
- *no process for the model*: the same server, session, fan-out and stream, with 40,960 bytes published in every turn of
  the event loop. The peer sends the same bytes. This is the like for like.
- aiohttp: on uvloop, one task a reader that sends the bytes of a file over and over and waits where the socket is full.
"""


def measure(rounds: int, seconds: float, told: Callable[[str], None]) -> Finding:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        raw, jpeg = Path(folder, "raw"), Path(folder, "jpeg")
        raw.write_bytes(PICTURE.tobytes())
        jpeg.write_bytes(cv2.imencode(".jpeg", PICTURE, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes())
        contenders: dict[str, Callable[[], Sample]] = {
            _OURS: lambda: _counted(programs.ours(fanout.FRAMES), _STREAM + "?quality=85", seconds, ours=True),
            _INSIDE: lambda: _counted(fanout.publisher(), _STREAM, seconds, ours=True),
            _BARE: lambda: _counted(programs.peer("mjpeg_aiohttp", str(raw)), "/stream.mjpg", seconds),
            _BARE_JPEG: lambda: _counted(programs.peer("mjpeg_aiohttp", str(jpeg)), "/stream.mjpg", seconds),
        }
        samples = in_turns(contenders, rounds, told)
    rows = [
        row
        for us, them in ((_OURS, _BARE_JPEG), (_INSIDE, _BARE))
        for readers in READERS
        for row in _rows(us, them, readers, samples)
    ]
    return Finding("MJPEG", _HOW, rows, samples)


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


def _rows(us: str, them: str, readers: int, samples: dict[str, list[Sample]]) -> Iterator[Row]:
    told = f"pictures/s, {readers} {'reader' if readers == 1 else 'readers'}"
    if us == _INSIDE:
        told += ", no process for the model"
    goal = Goal(0.9) if (us, readers) == (_INSIDE, 16) else None
    yield _row(told, us, them, f"rate_{readers}", samples, goal)
    if readers > 1:
        yield _row(f"{told}, the reader that got the fewest", us, them, f"fewest_{readers}", samples, None)


def _row(told: str, us: str, them: str, what: str, samples: dict[str, list[Sample]], goal: Goal | None) -> Row:
    ours, theirs = (f"{spread(column(samples[who], what)).median:,.0f}" for who in (us, them))
    return Row(told, ours, them, theirs, ratio(samples[us], samples[them], what), goal)
