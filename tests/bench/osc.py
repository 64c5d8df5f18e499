"""OSC: messages handled a second, and how long from a message to what the model makes of it."""

import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

from bridge.osc import codec
from tests.bench import calls, programs
from tests.bench.measure import Goal, Sample, column, in_turns, ratio, spread
from tests.bench.models.slow.model import MODEL_SECONDS
from tests.bench.report import Finding, Row
from tests.bench.talk import Talk

_OURS = "sketchbridge"
_PEERS = {"python-osc": "osc_pythonosc", "liblo": "osc_liblo"}
_CASES = {"one": "1 float", "many": "512 floats", "mixed": "1 float, 64 addresses in turn"}
_GOALS = {"one": 130_000.0, "many": 50_000.0}
_KNOBS = f"knobs={programs.HERE / 'models' / 'knobs'}"
_JPEG = b"\xff\xd8\xff"
_SLOW = f"slow={programs.HERE / 'models' / 'slow'}"
_WARM_S = 0.3
_TIMED = 200
_FRAMES = 100
_FIRST = 5  # frames that are not timed: the way is new to everybody
_HOW = """
*handled*: one process floods the port with datagrams, sixty with each call (UDP_SEGMENT), so that there is always
another one waiting; what finds the socket's buffer full, the kernel drops and counts. Handled means: received, read,
set as the newest for its address. In ours that is counted by the bridge itself, which hands the newest to a model of
{model:.0f} ms in a process of its own meanwhile. The peers do no more than keep the newest of each address. python-osc:
its asyncio server on uvloop; liblo: C, called through pyliblo3.

*to its number*: a model without a pace of its own; a client sends a value and waits until the model has given it back:
OSC over UDP both ways, against our WebSocket. One after the other.

*to its frame*: a model that takes {slow:.0f} ms for a picture; a client sends a value over OSC and waits until the JPEG
made of it has arrived whole at our WebSocket. One after the other; frames are counted, so that each belongs to its
value. The model's time is what its worker measured for that very frame; what is beyond it has OSC, encoding and the way
out in it.
"""


def measure(rounds: int, seconds: float, told: Callable[[str], None]) -> Finding:
    contenders: dict[str, Callable[[], Sample]] = {_OURS: lambda: _ours(seconds)}
    for name, file in _PEERS.items():
        contenders[name] = lambda file=file: _theirs(file, seconds)  # type: ignore[misc]
    samples = in_turns(contenders, rounds, told)
    rows = [_goal_row(case, samples) for case in _GOALS]
    rows += [_row(case, peer, samples) for case in _CASES for peer in _PEERS]
    wait = ratio(samples[_OURS], [{"osc_ms": sample["ws_ms"]} for sample in samples[_OURS]], "osc_ms")
    osc, ws = (spread(column(samples[_OURS], what)).median for what in ("osc_ms", "ws_ms"))
    rows.append(Row("a value to its number, p50", f"{osc:.2f} ms", "our WebSocket", f"{ws:.2f} ms", wait))
    rows += _frame_rows(samples[_OURS])
    return Finding("OSC", _HOW.format(model=5, slow=MODEL_SECONDS * 1000), rows, samples)


# --- how many ------------------------------------------------------------------------------------


def _ours(seconds: float) -> Sample:
    with programs.ours(_KNOBS) as program:
        port = _osc_port(program.port)
        found = {case: _handled(port, case, seconds, lambda: _our_count(program.port)) for case in _CASES}
        found |= {"osc_ms": _over_osc(port), "ws_ms": _over_websocket(program.port)}
    with programs.ours(_SLOW) as program:
        return {**found, **_to_frames(program.port)}


def _theirs(file: str, seconds: float) -> Sample:
    with programs.peer(file) as program:
        return {case: _handled(program.port, case, seconds, lambda: _their_count(program.port)) for case in _CASES}


def _handled(port: int, case: str, seconds: float, count: Callable[[], int]) -> float:
    """A second, once the flood runs."""
    command = [sys.executable, "-m", "tests.bench.osc_flood", str(port), case, str(seconds + 2 * _WARM_S)]
    with subprocess.Popen(command, cwd=programs.ROOT, env=programs.environment()):
        time.sleep(_WARM_S)
        before, began = count(), time.perf_counter()
        time.sleep(seconds)
        after, ended = count(), time.perf_counter()
    return (after - before) / (ended - began)


def _our_count(port: int) -> int:
    return int(calls.get_json(port, "/api/osc")[1]["counts"]["messages"])


def _their_count(port: int) -> int:
    with socket.create_connection(("127.0.0.1", port), 10) as asked:
        return int(asked.recv(64))


def _osc_port(port: int) -> int:
    found = calls.get_json(port, "/api/osc")[1]["addresses"]
    return int(next(one for one in found if one.startswith("osc.udp://127.")).rpartition(":")[2])


# --- how soon ------------------------------------------------------------------------------------


def _over_osc(port: int) -> float:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect(("127.0.0.1", port))
        client.settimeout(5)
        client.send(codec.message("/knobs/pace", [0.0]))
        client.send(codec.message("/knobs/out/level/subscribe"))
        client.recv(1024)
        return statistics.median(_osc_once(client, float(number)) for number in range(1, _TIMED))


def _osc_once(client: socket.socket, value: float) -> float:
    began = time.perf_counter()
    client.send(codec.message("/knobs/fader/1", [value]))
    while codec.read_message(client.recv(1024)) != ("/knobs/out/level", [value]):
        pass
    return (time.perf_counter() - began) * 1000


def _over_websocket(port: int) -> float:
    with Talk(port) as client:
        client.say({"type": "subscribe", "id": 1, "session": "knobs", "port": "level"})
        return statistics.median(_ws_once(client, float(number)) for number in range(_TIMED, 2 * _TIMED))


def _ws_once(client: Talk, value: float) -> float:
    began = time.perf_counter()
    client.say({"type": "send", "session": "knobs", "inputs": {"fader/1": value}})
    while client.hear().head.get("value") != value:
        pass
    return (time.perf_counter() - began) * 1000


def _to_frames(port: int) -> Sample:
    """In ms: from an OSC message until the JPEG made of it is there, the model's part of it, and the rest."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as osc, Talk(port) as client:
        osc.connect(("127.0.0.1", _osc_port(port)))
        client.subscribe("slow", format="jpeg")
        heads = [_frame_once(osc, client, float(number)) for number in range(1, _FIRST + _FRAMES + 1)]
    runs = [run for _, _, run in heads]
    if runs != list(range(runs[0], runs[0] + len(runs))):
        raise RuntimeError(f"frames that nobody waited for came between: {runs}")
    totals, models = ([head[place] for head in heads[_FIRST:]] for place in (0, 1))
    beyond = [total - model for total, model in zip(totals, models, strict=True)]
    p50 = statistics.median
    return {"frame_ms": p50(totals), "model_ms": p50(models), "beyond_ms": p50(beyond)}


def _frame_once(osc: socket.socket, client: Talk, value: float) -> tuple[float, float, int]:
    """How long it took, the model's part of it, and which run it was."""
    began = time.perf_counter()
    osc.send(codec.message("/slow/stamp", [value]))
    frame = client.frame()
    took = (time.perf_counter() - began) * 1000
    if not frame.payload.startswith(_JPEG):
        raise RuntimeError(f"not a JPEG: {frame.payload[:16]!r}")
    return took, frame.head["model_ms"], frame.head["run"]


def _frame_rows(samples: list[Sample]) -> list[Row]:
    total, model, beyond = (spread(column(samples, what)) for what in ("frame_ms", "model_ms", "beyond_ms"))
    parts = spread(sample["frame_ms"] / sample["model_ms"] for sample in samples)
    told = f"{beyond.median:.3g} ms ({beyond.low:.3g} to {beyond.high:.3g})"
    return [
        Row("a value to its frame, p50", f"{total.median:.3g} ms", "model time", f"{model.median:.3g} ms", parts),
        Row("a value to its frame, beyond model time, p50", told),
    ]


def _row(case: str, peer: str, samples: dict[str, list[Sample]]) -> Row:
    us, them = (spread(column(samples[name], case)).median for name in (_OURS, peer))
    compared = ratio(samples[_OURS], samples[peer], case)
    return Row(f"handled/s, {_CASES[case]}", f"{us:,.0f}", peer, f"{them:,.0f}", compared)


def _goal_row(case: str, samples: dict[str, list[Sample]]) -> Row:
    reached = spread(column(samples[_OURS], case)).median
    goal = Goal(_GOALS[case], unit="a second")
    return Row(f"handled/s, {_CASES[case]}", f"{reached:,.0f}", goal=goal, value=reached)
