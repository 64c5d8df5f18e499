"""Sending `z` by hand: how long until its frame is there, and how old frames get when far too many are sent."""

import struct
import threading
import time
from collections.abc import Callable
from statistics import median, quantiles

from tests.bench import instrument, programs, talk
from tests.bench.measure import Goal, Sample, Spread, column, spread
from tests.bench.models.steady.model import FRAMES_PER_SECOND, LENGTH, MODEL_SECONDS
from tests.bench.programs import wait_for_quiet
from tests.bench.report import Finding, Row

_A_SECOND = 1000  # vectors sent
_PACES = {"one after the other": 0.0, "60 a second": 1 / 60}
_STEADY = f"steady={programs.HERE / 'models' / 'steady'}"
_VECTORS = 64
_HOW = """
*z to its frame*: a client sends a `z` to `dream`, in binary, and waits until the JPEG made of it has arrived whole;
then the next, at once or at sixty a second. Each `z` is another place; frames are counted, so that each belongs to its
`z`. The model's time is what its worker measured for that very frame; what is beyond it has the way in, encoding and
the way out in it. Medians over the rounds.

*{a_second} a second*: for {seconds:.0f} s a model that takes {model:.1f} ms ({pace} frames/s) gets that many vectors of
512 numbers a second. Each carries its number, and each frame the number of the vector it was made from; age is
taken from before that one was sent until its frame (40 kB) has arrived whole, in one process. The bound: the model's
time and that of two frames.
"""


def measure(rounds: int, seconds: float, told: Callable[[str], None]) -> Finding:
    replies: dict[str, list[Sample]] = {name: [] for name in _PACES}
    for number in range(rounds):
        wait_for_quiet()
        for name, sample in _replies(min(seconds, 4.0)).items():
            replies[name].append(sample)
            told(f"  round {number + 1}/{rounds}  {name}: " + ", ".join(f"{k} {v:.4g}" for k, v in sample.items()))
    seconds *= 15  # a minute when it counts
    wait_for_quiet()
    with programs.ours(_STEADY) as program:
        flood = _Flood(program.port, seconds)
    told(f"  {len(flood.ages)} frames, {len(flood.ages) / seconds:.1f} a second; {flood.sent / seconds:.0f} sent")
    how = _HOW.format(a_second=_A_SECOND, seconds=seconds, model=MODEL_SECONDS * 1000, pace=FRAMES_PER_SECOND)
    quarters = [flood.quarter(number) for number in range(4)]
    rows = [row for name in _PACES for row in _reply_rows(name, replies[name])]
    return Finding("z by hand", how, [*rows, *_flood_rows(flood, quarters)], {**replies, "quarters": quarters})


# --- one, and its frame --------------------------------------------------------------------------


def _replies(seconds: float) -> dict[str, Sample]:
    with instrument.playing() as program, talk.Talk(program.port) as client:
        instrument.walk(program, {"pause": True})
        client.subscribe(instrument.NAME)
        for vector in _vectors():  # warms up
            client.send(instrument.NAME, vector)
            client.frame()
        client.until_quiet(0.5)
        return {name: _timed(client, pause, seconds) for name, pause in _PACES.items()}


def _timed(client: talk.Talk, pause: float, seconds: float) -> Sample:
    totals: list[float] = []
    models: list[float] = []
    vectors, last = _vectors(), None
    end = time.perf_counter() + seconds
    while (began := time.perf_counter()) < end:
        client.send(instrument.NAME, vectors[len(totals) % _VECTORS])
        head = client.frame().head
        totals.append((time.perf_counter() - began) * 1000)
        models.append(head["model_ms"])
        if last is not None and head["run"] != last + 1:
            raise RuntimeError(f"frame {head['run']} came after {last}: not the one that was waited for")
        last = head["run"]
        time.sleep(max(0.0, began + pause - time.perf_counter()))
    beyond = [total - model for total, model in zip(totals, models, strict=True)]
    return {
        "total_ms": median(totals),
        "model_ms": median(models),
        "beyond_p50_ms": median(beyond),
        "beyond_p99_ms": quantiles(beyond, n=100)[98],
        "frames": len(totals),
    }


def _vectors() -> list[bytes]:
    import numpy as np

    source = np.random.default_rng(1)
    return [source.standard_normal(instrument.length()).astype("<f4").tobytes() for _ in range(_VECTORS)]


def _reply_rows(name: str, samples: list[Sample]) -> list[Row]:
    total, model, p50, p99 = (
        spread(column(samples, what)) for what in ("total_ms", "model_ms", "beyond_p50_ms", "beyond_p99_ms")
    )
    parts = spread(s["total_ms"] / s["model_ms"] for s in samples)
    return [
        Row(f"z to its frame, {name}", _ms(total.median), "model time", _ms(model.median), parts),
        Row(f"beyond model time, p50, {name}", _with_range(p50)),
        Row(f"beyond model time, p99, {name}", _with_range(p99)),
    ]


# --- far too many --------------------------------------------------------------------------------


class _Flood:
    """Numbered vectors in even steps from a thread, frames read beside it."""

    def __init__(self, port: int, seconds: float) -> None:
        self.ages: list[tuple[float, float]] = []  # when, and how old in ms
        self.sent = 0
        self.seconds = seconds
        self._times = [0.0] * 65536  # when each of the last was sent
        self._tail = bytes(4 * (LENGTH - 1))
        with talk.Talk(port) as client:
            client.subscribe("steady", format="raw")
            self._began = time.perf_counter()
            sender = threading.Thread(target=self._send, args=(client,))
            sender.start()
            try:
                self._read(client)
            finally:
                sender.join()

    def _send(self, client: talk.Talk) -> None:
        end = self._began + self.seconds
        while (now := time.perf_counter()) < end:
            self._times[self.sent % len(self._times)] = now
            client.send("steady", struct.pack("<f", self.sent) + self._tail)
            self.sent += 1
            time.sleep(max(0.0, self._began + self.sent / _A_SECOND - time.perf_counter()))

    def _read(self, client: talk.Talk) -> None:
        while time.perf_counter() - self._began < self.seconds:
            (number,) = struct.unpack_from("<f", client.frame().payload)
            now = time.perf_counter()
            self.ages.append((now - self._began, (now - self._times[int(number) % len(self._times)]) * 1000))

    def quarter(self, number: int) -> Sample:
        part = self.seconds / 4
        ages = [age for when, age in self.ages if part * number <= when < part * (number + 1)]
        return {"frames": len(ages), "p50_ms": median(ages), "p99_ms": quantiles(ages, n=100)[98], "max_ms": max(ages)}


def _flood_rows(flood: _Flood, quarters: list[Sample]) -> list[Row]:
    ages, seconds = [age for _, age in flood.ages], flood.seconds
    p50, p99, most = median(ages), quantiles(ages, n=100)[98], max(ages)
    told = f"{_A_SECOND} a second"
    return [
        Row(f"{told}: vectors/s that were sent", f"{flood.sent / seconds:,.0f}"),
        Row(f"{told}: frames/s", f"{len(ages) / seconds:.1f}", "the model", str(FRAMES_PER_SECOND)),
        _age(f"{told}: age of a frame, p50", p50),
        _age(f"{told}: age of a frame, p99", p99, bound=True),
        _age(f"{told}: age of a frame, the oldest", most, bound=True),
        Row(
            f"{told}: p99, last quarter",
            _ms(quarters[-1]["p99_ms"]),
            "first quarter",
            _ms(quarters[0]["p99_ms"]),
            goal=Goal(1.25, at_least=False),
            value=quarters[-1]["p99_ms"] / quarters[0]["p99_ms"],
        ),
    ]


def _age(what: str, ms: float, *, bound: bool = False) -> Row:
    model = MODEL_SECONDS * 1000
    goal = Goal(3, at_least=False, unit="model times") if bound else None
    ours = f"{ms:.1f} ms = {ms / model:.2f} model times"
    return Row(what, ours, "model time", _ms(model), goal=goal, value=ms / model)


def _ms(value: float) -> str:
    return f"{value:.3g} ms"


def _with_range(found: Spread) -> str:
    return f"{found.median:.3g} ms ({found.low:.3g} to {found.high:.3g})"
