"""A walk: how many frames a second come to WebSocket clients, beside the bare loop of the same model."""

from collections.abc import Callable

from tests.bench import bareloop, instrument, watchers
from tests.bench.measure import Goal, Sample, Spread, column, ratio, spread, there_and_back
from tests.bench.programs import wait_for_quiet
from tests.bench.report import Finding, Row

_BARE = "bare loop"
_CLIENTS = {"1 client": 1, "16 clients": 16}
_GOALS = {"1 client": Goal(0.97), "16 clients": Goal(0.90)}
_WANTED = Goal(30, unit="frames/s")
_HOW = """
`dream` walks without a cap on its frames a second (`"fps": null`), as JPEG at the usual quality. Its clients are one
process, with plain sockets, that counts messages and decodes none; shown is the mean of all clients.

The bare loop is the same model class in a process of its own, with the number of threads that our worker found best
({threads}): its `run()` with the vectors of the same walk, worked out beforehand, and nothing else: no picture is
encoded, none leaves. Every round starts both anew; both stay, only one works at a time, and in each round they take
turns, there and back (A B C C B A), half the time each.
"""


def measure(rounds: int, seconds: float, told: Callable[[str], None]) -> Finding:
    samples: dict[str, list[Sample]] = {name: [] for name in (_BARE, *_CLIENTS)}
    threads: list[int] = []
    for number in range(rounds):
        wait_for_quiet()
        found = _round(seconds / 2, threads)
        for name, sample in found.items():
            samples[name].append(sample)
            told(f"  round {number + 1}/{rounds}  {name}: " + ", ".join(f"{k} {v:.4g}" for k, v in sample.items()))
    how = _HOW.format(threads=", ".join(map(str, dict.fromkeys(threads))))
    return Finding("A walk at its clients", how, _rows(samples), {**samples, "threads": threads})


def _round(seconds: float, threads: list[int]) -> dict[str, Sample]:
    with instrument.playing() as program:
        threads.append(instrument.threads(program))
        instrument.walk(program, {"fps": None, "play": True})
        with bareloop.bare(instrument.FOLDER, threads[-1]) as bare:
            contenders: dict[str, Callable[[], Sample]] = {_BARE: lambda: {"rate": bare.rate(seconds)}}
            for name, clients in _CLIENTS.items():
                contenders[name] = lambda clients=clients: watchers.in_own_process(  # type: ignore[misc]
                    program.port, clients, seconds, instrument.NAME
                )._asdict()
            return there_and_back(contenders)


def _rows(samples: dict[str, list[Sample]]) -> list[Row]:
    bare = samples[_BARE]
    rows = [
        Row(f"frames/s, {name}", _rate(samples[name]), _BARE, _rate(bare), ratio(samples[name], bare, "rate"), goal)
        for name, goal in _GOALS.items()
    ]
    rows += [
        Row(
            "frames/s of the client that got the fewest of 16",
            _rate(samples["16 clients"], "fewest"),
            _BARE,
            _rate(bare),
            _fewest(samples["16 clients"], bare),
        )
    ]
    alone = spread(column(samples["1 client"], "rate"))
    shown = f"{alone.median:.0f} ({alone.low:.0f} to {alone.high:.0f})"
    return [*rows, Row("frames/s, 1 client", shown, goal=_WANTED, value=alone.median)]


def _fewest(ours: list[Sample], bare: list[Sample]) -> Spread:
    return spread(a / b for a, b in zip(column(ours, "fewest"), column(bare, "rate"), strict=True))


def _rate(samples: list[Sample], what: str = "rate") -> str:
    return f"{spread(column(samples, what)).median:,.1f}"
