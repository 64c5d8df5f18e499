"""Live inputs at four times the model's pace and a client that never reads: the others' frames, the server's memory."""

import json
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median, quantiles

from tests.bench import frames, programs
from tests.bench.measure import Goal
from tests.bench.models.slow.model import MODEL_SECONDS, STAMP
from tests.bench.report import Finding, Row

OVERLOAD = 4
_MODEL = f"slow={programs.HERE / 'models' / 'slow'}"
_SUBSCRIBE = json.dumps(
    {"type": "subscribe", "id": 1, "session": "slow", "port": "image", "encoding": {"format": "raw"}}
)
_HOW = """
For {seconds:.0f} s a model that takes {model:.0f} ms gets live inputs at {times} times its pace.
One client sends them and reads every frame, another subscribed to the same frames (40 kB each) and never reads. Every
input carries the time it was sent, every frame the time of the input it was made from; age is taken where the frame has
arrived whole, in the process that sent the input. Memory is the resident set of the server process, first looked at
after five seconds, when its buffers have found their size.
"""


@dataclass
class Course:
    """What was seen while it went on."""

    ages: list[tuple[float, float]] = field(default_factory=list)  # when, and how old in s
    sizes: list[tuple[float, float]] = field(default_factory=list)  # when, and how many MiB

    def ages_between(self, begin: float, end: float) -> list[float]:
        return [age * 1000 for when, age in self.ages if begin <= when < end]


def measure(rounds: int, seconds: float, told: Callable[[str], None]) -> Finding:
    seconds *= 15  # a minute when it counts
    with programs.ours(_MODEL) as program:
        course = _watched(program, seconds)
    told(f"  {len(course.ages)} frames, {len(course.ages) / seconds:.1f} a second")
    how = _HOW.format(seconds=seconds, model=MODEL_SECONDS * 1000, times=OVERLOAD)
    quarters = [_quarter(course, seconds, number) for number in range(4)]
    samples = {"quarters": quarters, "rss_mib": [size for _, size in course.sizes]}
    return Finding("Overload and a client that never reads", how, _rows(quarters, course, seconds), samples)


def _quarter(course: Course, seconds: float, number: int) -> dict[str, float]:
    ages = course.ages_between(seconds / 4 * number, seconds / 4 * (number + 1))
    return {"frames": len(ages), "p50_ms": median(ages), "p99_ms": quantiles(ages, n=100)[98], "max_ms": max(ages)}


def _watched(program: programs.Program, seconds: float) -> Course:
    course = Course()
    stalled = frames.Client(program.port, "/api/ws", [_SUBSCRIBE])
    healthy = frames.Client(program.port, "/api/ws", [_SUBSCRIBE])
    healthy.socket.settimeout(10)
    began = time.monotonic()
    sender = threading.Thread(target=_send, args=(healthy, began + seconds))
    sender.start()
    try:
        _read(healthy, program, course, began, seconds)
    finally:
        sender.join()
        healthy.close()
        stalled.close()
    return course


def _send(client: frames.Client, end: float) -> None:
    """Inputs in even steps."""
    due = time.monotonic()
    while (now := time.monotonic()) < end:
        client.say(json.dumps({"type": "send", "session": "slow", "inputs": {"stamp": now}}))
        due += MODEL_SECONDS / OVERLOAD
        time.sleep(max(0.0, due - time.monotonic()))


def _read(client: frames.Client, program: programs.Program, course: Course, began: float, seconds: float) -> None:
    look = 5.0 if seconds > 20 else 1.0
    while (passed := time.monotonic() - began) < seconds:
        stamp = _next_stamp(client.socket)
        if stamp:
            now = time.monotonic()
            course.ages.append((now - began, now - stamp))
        if passed >= look:
            course.sizes.append((passed, programs.rss_mib(program.pid)))
            look += 1.0


def _next_stamp(connection: socket.socket) -> float | None:
    """What the next frame begins with; None for other messages, pings answered."""
    opcode, body = frames.message(connection)
    if opcode == 9:
        connection.sendall(b"\x8a" + bytes([0x80 | len(body)]) + b"\0\0\0\0" + body)
    return STAMP.unpack_from(body, len(body) - frames.FRAME_BYTES)[0] if opcode == 2 else None


def _rows(quarters: list[dict[str, float]], course: Course, seconds: float) -> list[Row]:
    model = MODEL_SECONDS * 1000
    ages = course.ages_between(0, seconds)
    p50, p99 = median(ages), quantiles(ages, n=100)[98]
    three = Goal(3, at_least=False, unit="model times")
    pace = f"{1 / MODEL_SECONDS:.0f}"
    return [
        Row("frames/s at the client that reads", f"{len(ages) / seconds:.1f}", "the model", pace),
        Row("age of a frame, p50", _age(p50), "model time", f"{model:.0f} ms"),
        Row("age of a frame, p99", _age(p99), "model time", f"{model:.0f} ms", goal=three, value=p99 / model),
        _later("p50", quarters, Goal(1.1, at_least=False)),
        _later("p99", quarters, Goal(1.25, at_least=False)),
        _memory(course),
    ]


def _later(what: str, quarters: list[dict[str, float]], goal: Goal) -> Row:
    first, last = quarters[0][f"{what}_ms"], quarters[-1][f"{what}_ms"]
    return Row(f"{what}, last quarter", _age(last), "first quarter", _age(first), goal=goal, value=last / first)


def _memory(course: Course) -> Row:
    start, end = course.sizes[0][1], course.sizes[-1][1]
    goal = Goal(2, at_least=False, unit="MiB more")
    return Row(
        "memory at the end", f"{end:.1f} MiB", "near the start", f"{start:.1f} MiB", goal=goal, value=end - start
    )


def _age(ms: float) -> str:
    return f"{ms:.1f} ms = {ms / MODEL_SECONDS / 1000:.2f} model times"
