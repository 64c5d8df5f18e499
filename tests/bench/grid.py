"""A page of the grid, 25 tiles, against 25 single calls one after the other."""

import random
import struct
import time
from collections.abc import Callable
from statistics import median

from tests.bench import instrument, talk
from tests.bench.measure import Goal, Sample, column, ratio, spread
from tests.bench.programs import wait_for_quiet
from tests.bench.report import Finding, Row

_SIDE = 5
_TILES = _SIDE * _SIDE
_GRID, _CALLS = "grid", "single calls"
_HOW = """
Over one WebSocket connection, JPEG in binary messages. *Grid*: one `grid` message for {side} × {side} tiles that were
never made before, until its `done`. *Single calls*: {tiles} `run` messages with a `z` each, the next when the one
before has been answered. In turns within a round, on one server, the walk paused; medians.
"""


def measure(rounds: int, seconds: float, told: Callable[[str], None]) -> Finding:
    samples: dict[str, list[Sample]] = {_GRID: [], _CALLS: []}
    for number in range(rounds):
        wait_for_quiet()
        for name, sample in _round(seconds * 2, number).items():
            samples[name].append(sample)
            told(f"  round {number + 1}/{rounds}  {name}: " + ", ".join(f"{k} {v:.4g}" for k, v in sample.items()))
    return Finding(f"A grid of {_TILES} tiles", _HOW.format(side=_SIDE, tiles=_TILES), _rows(samples), dict(samples))


def _round(seconds: float, number: int) -> dict[str, Sample]:
    grids: list[tuple[float, float]] = []
    singles: list[float] = []
    with instrument.playing() as program, talk.Talk(program.port) as client:
        instrument.walk(program, {"pause": True})
        _grid(client, 0)  # warms up: other threads, other shapes
        _singles(client)
        end = time.perf_counter() + seconds
        turn = 0
        while time.perf_counter() < end or turn < 2:
            turn += 1
            for grid in (True, False) if turn % 2 else (False, True):
                if grid:
                    grids.append(_grid(client, 1000 * number + turn))
                else:
                    singles.append(_singles(client))
    first, whole = (median(times) * 1000 for times in zip(*grids, strict=True))
    return {_GRID: {"ms": whole, "first_ms": first}, _CALLS: {"ms": median(singles) * 1000}}


def _grid(client: talk.Talk, seed: int) -> tuple[float, float]:
    """Seconds until the first tile, and until all."""
    page = {"rows": _SIDE, "columns": _SIDE, "seed": seed, "distance": 0.5, "centre": seed}
    began, first, count = time.perf_counter(), 0.0, 0
    client.say({"type": "grid", "id": 10_000 + seed, "session": instrument.NAME, "set": page})
    while (heard := client.hear()).head["type"] != "done":
        if heard.head["type"] == "output":
            count += 1
            first = first or time.perf_counter() - began
    took = time.perf_counter() - began
    if count != _TILES:
        raise RuntimeError(f"{count} tiles came, not {_TILES}")
    return first, took


def _singles(client: talk.Talk) -> float:
    length = instrument.length()
    began = time.perf_counter()
    for number in range(_TILES):
        vector = struct.pack(f"<{length}f", *(random.gauss(0, 1) for _ in range(length)))
        client.run(100 + number, instrument.NAME, vector)
        heard = client.hear()
        while heard.head.get("type") != "done":
            heard = client.hear()
        if heard.payload[:2] != b"\xff\xd8":
            raise RuntimeError(f"no JPEG: {heard.head}")
    return time.perf_counter() - began


def _rows(samples: dict[str, list[Sample]]) -> list[Row]:
    grid, calls = samples[_GRID], samples[_CALLS]
    first = spread(column(grid, "first_ms"))
    return [
        Row(
            f"{_TILES} pictures",
            _ms(grid),
            _CALLS,
            _ms(calls),
            ratio(grid, calls, "ms"),
            Goal(1, at_least=False),
        ),
        Row("until the first tile", f"{first.median:.3g} ms ({first.low:.3g} to {first.high:.3g})"),
    ]


def _ms(samples: list[Sample]) -> str:
    return f"{spread(column(samples, 'ms')).median:.3g} ms"
