"""Frames of 40 kB to 1, 16 and 64 Socket.IO clients: how many a second arrive."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager

from tests.bench import calls, fanout, frames, programs
from tests.bench.fanout import CLIENTS
from tests.bench.measure import Goal, Sample, column, in_turns, ratio, spread
from tests.bench.report import Finding, Row

_OURS = "sketchbridge"
_INSIDE = "sketchbridge, no process for the model"
_PEER = "python-socketio"
_PATH = "/socket.io/?EIO=4&transport=websocket"
_WISH = {"id": 1, "session": "frames", "port": "image", "encoding": {"format": "raw"}}
_FIRST = ("40", "42" + json.dumps(["subscribe", _WISH]))  # connect, subscribe
_GOALS = {16: Goal(3)}
_HOW = """
As above, over Socket.IO: every frame is an event with a head in JSON and 40,960 bytes as its attachment, through
WebSockets. The client is the same light one; it counts all bytes, the heads too.

- *sketchbridge*, and with *no process for the model*: as above. The head's common part and the attachment are packed
  once for a room and written straight to each socket that has room.
- python-socketio: its `emit` to a room, on aiohttp and uvloop. It packs a frame once for all as well, then puts it into
  a queue for each client, two tasks a client and frame. Its queues have no bound, so the peer sends the next frame when
  no queue holds more than four packets; faster it would only fill the memory.
"""


def measure(rounds: int, seconds: float, told: Callable[[str], None]) -> Finding:
    contenders: dict[str, Callable[[], Sample]] = {
        _OURS: lambda: _counted(programs.ours(fanout.FRAMES), seconds, live=True),
        _INSIDE: lambda: _counted(fanout.publisher(), seconds, live=True),
        _PEER: lambda: _counted(programs.peer("frames_socketio"), seconds),
    }
    samples = in_turns(contenders, rounds, told)
    rows = [_row(us, clients, samples) for us in (_OURS, _INSIDE) for clients in CLIENTS]
    return Finding("Frames to many Socket.IO clients", _HOW, rows, samples)


def _counted(server: AbstractContextManager[programs.Program], seconds: float, *, live: bool = False) -> Sample:
    found: dict[str, float] = {}
    with server as program:
        if live:
            calls.patch(program.port, "/api/sessions/frames/inputs", {})
        for clients in CLIENTS:
            counted = frames.in_own_process(program.port, _PATH, clients, seconds, _FIRST if live else _FIRST[:1])
            found |= {f"{what}_{clients}": value for what, value in counted.items()}
    return found


def _row(us: str, clients: int, samples: dict[str, list[Sample]]) -> Row:
    what = f"rate_{clients}"
    told = f"frames/s, {clients} {'client' if clients == 1 else 'clients'}"
    if us == _INSIDE:
        told += ", no process for the model"
    rates = [f"{spread(column(samples[who], what)).median:,.0f}" for who in (us, _PEER)]
    return Row(told, rates[0], _PEER, rates[1], ratio(samples[us], samples[_PEER], what), _GOALS.get(clients))
