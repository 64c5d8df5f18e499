"""Frames of 40 kB to 1, 16 and 64 WebSocket clients: how many a second arrive."""

import contextlib
import json
import sys
import tempfile
from collections.abc import Callable, Iterator

from tests.bench import calls, frames, programs
from tests.bench.measure import Goal, Sample, column, in_turns, ratio, spread
from tests.bench.report import Finding, Row

CLIENTS = (1, 16, 64)
_OURS = "sketchbridge"
_INSIDE = "sketchbridge, no process for the model"
_PEERS = {"aiohttp": "frames_aiohttp", "websockets": "frames_websockets", "picows": "frames_picows"}
FRAMES = f"frames={programs.HERE / 'models' / 'frames'}"
_SUBSCRIBE = json.dumps(
    {"type": "subscribe", "id": 1, "session": "frames", "port": "image", "encoding": {"format": "raw"}}
)
_GOALS = {("aiohttp", 16): Goal(1), ("picows", 16): Goal(0.8)}
_HOW = """
40,960 bytes in every frame. The client is one process with plain sockets. It takes frames apart for half a second, then
counts the bytes that arrive, which the kernel throws away, and divides by what a frame has on the wire: so it is not
what limits anybody.

- *sketchbridge*: a model in its own process gives out frames as quickly as it can; every frame crosses the pipe once
  and goes to each client whose socket has room for it (policy `newest`), with our header. That is three busy processes
  on the machine's cores, where the peers have two.
- *no process for the model*: the same server, session, fan-out and WebSocket, with a frame published in every turn of
  the event loop. This is the like for like with the peers.
- aiohttp, websockets: on uvloop, one task sends every frame to each client in turn and waits where a socket is full.
  (A task a client that only sends would be quicker yet, but it starves the others: one of sixteen got 50 frames/s.)
  picows: on uvloop, one task sends to each client whose transport does not ask for a pause. No compression anywhere.
"""


def measure(rounds: int, seconds: float, told: Callable[[str], None]) -> Finding:
    contenders: dict[str, Callable[[], Sample]] = {
        _OURS: lambda: _counted(programs.ours(FRAMES), seconds, ours=True),
        _INSIDE: lambda: _counted(publisher(), seconds, ours=True),
    }
    for name, file in _PEERS.items():
        contenders[name] = lambda file=file: _counted(programs.peer(file), seconds)  # type: ignore[misc]
    samples = in_turns(contenders, rounds, told)
    rows = [
        _row(us, clients, name, samples, _GOALS.get((name, clients)))
        for us in (_OURS, _INSIDE)
        for clients in CLIENTS
        for name in _PEERS
    ]
    return Finding(
        "Frames to many WebSocket clients", _HOW, [*rows, *(_fewest(samples, name) for name in _PEERS)], samples
    )


def _counted(
    server: contextlib.AbstractContextManager[programs.Program], seconds: float, *, ours: bool = False
) -> Sample:
    found: dict[str, float] = {}
    with server as program:
        if ours:
            calls.patch(program.port, "/api/sessions/frames/inputs", {})
        path, first = ("/api/ws", [_SUBSCRIBE]) if ours else ("/ws", [])
        for clients in CLIENTS:
            counted = frames.in_own_process(program.port, path, clients, seconds, first)
            found |= {f"{what}_{clients}": value for what, value in counted.items()}
    return found


@contextlib.contextmanager
def publisher() -> Iterator[programs.Program]:
    port = programs.free_port()
    with tempfile.TemporaryDirectory(prefix="bench-") as state:
        command = [sys.executable, "-m", "tests.bench.publisher", "--port", str(port), "--state", state]
        with programs.running(command, port) as program:
            programs.wait_for_port(program)
            programs.wait_for_session(program, "frames")
            yield program


def _row(us: str, clients: int, name: str, samples: dict[str, list[Sample]], goal: Goal | None) -> Row:
    what = f"rate_{clients}"
    told = f"frames/s, {clients} {'client' if clients == 1 else 'clients'}"
    if us == _INSIDE:
        told += ", no process for the model"
    compared = ratio(samples[us], samples[name], what)
    return Row(told, _rate(samples[us], what), name, _rate(samples[name], what), compared, goal)


def _fewest(samples: dict[str, list[Sample]], name: str) -> Row:
    """How evenly sixteen clients were served."""
    told = [_rate(samples[who], "fewest_16") for who in (_OURS, name)]
    compared = ratio(samples[_OURS], samples[name], "fewest_16")
    return Row("frames/s of the client that got the fewest of 16", told[0], name, told[1], compared)


def _rate(samples: list[Sample], what: str) -> str:
    return f"{spread(column(samples, what)).median:,.0f}"
