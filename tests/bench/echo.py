"""A small JSON value there and back through the model's process: how long, and how many a second."""

import json
import subprocess
from collections.abc import Callable

from tests.bench import calls, programs
from tests.bench.measure import Goal, Sample, column, difference, in_turns, ratio, spread
from tests.bench.report import Finding, Row

CONNECTIONS = 16
_OURS = "sketchbridge"
_ECHO = programs.ROOT / "tests" / "models" / "echo"
_PATHS = {"mosec": "/inference", "litserve": "/predict", "aiohttp in-process": "/echo", "aiohttp + bare pipe": "/echo"}
_FILES = {
    "mosec": "echo_mosec",
    "litserve": "echo_litserve",
    "aiohttp in-process": "echo_aiohttp",
    "aiohttp + bare pipe": "echo_floor",
}
_HOW = """
A `POST` of {size} bytes of JSON, whose value a model gives back that does nothing else. Each server is started anew for
every round and runs alone; mosec and LitServe with one worker process each and their defaults otherwise.

- p50: one blocking socket, one call after the other, the request's bytes made beforehand.
- requests/s: {connections} connections, each sends again when it has its answer; {generator}.
- gradio is called by its own client, one call after the other and from 16 threads.
- *aiohttp in-process* has no process for the model. *aiohttp + bare pipe* sends the value through one child and back,
  checks nothing and knows one route: what a process for the model costs at least.
"""


def measure(rounds: int, seconds: float, told: Callable[[str], None]) -> Finding:
    contenders: dict[str, Callable[[], Sample]] = {_OURS: lambda: _ours(seconds)}
    for name in _FILES:
        contenders[name] = lambda name=name: _peer(name, seconds)  # type: ignore[misc]
    samples = in_turns(contenders, rounds, told)
    gradio = in_turns({_OURS: contenders[_OURS], "gradio": lambda: _gradio(seconds)}, max(1, rounds // 3), told)
    return Finding(
        "Echo through the worker",
        _HOW.format(size=len(calls.BODY), connections=CONNECTIONS, generator=calls.load_generator()),
        _rows(samples) + _gradio_rows(gradio),
        {"echo": samples, "gradio": gradio},
    )


def _load(program: programs.Program, path: str, seconds: float) -> Sample:
    calls.check_echo(program.port, path)
    p50 = calls.serial_p50_ms(program.port, path, round(400 * seconds))
    calls.rate(program.port, path, CONNECTIONS, 1)
    before = programs.cpu_seconds(program.pid)
    rate = calls.rate(program.port, path, CONNECTIONS, seconds)
    used = programs.cpu_seconds(program.pid) - before
    return {"p50_ms": p50, "rate": rate, "cpu_us": used / (rate * seconds) * 1e6}


def _ours(seconds: float) -> Sample:
    with programs.ours(f"echo={_ECHO}") as program:
        return _load(program, "/api/sessions/echo/run", seconds)


def _peer(name: str, seconds: float) -> Sample:
    with programs.peer(_FILES[name]) as program:
        return _load(program, _PATHS[name], seconds)


def _gradio(seconds: float) -> Sample:
    client = programs.HERE / "peers" / "echo_gradio_client.py"
    with programs.peer("echo_gradio") as program:
        command = [str(programs.peers_python()), str(client), program.url, "20", str(CONNECTIONS), str(seconds)]
        said = subprocess.run(command, capture_output=True, text=True, check=False, env=programs.environment())
    if said.returncode:
        raise RuntimeError(said.stderr)
    return dict(json.loads(said.stdout.splitlines()[-1]))


def _rows(samples: dict[str, list[Sample]]) -> list[Row]:
    goals = {"mosec": Goal(1.5), "litserve": Goal(5)}
    ours = samples[_OURS]
    rows = [_rate_row(ours, name, samples[name], goals.get(name)) for name in _FILES]
    rows += [_p50_row(ours, name, samples[name]) for name in _FILES]
    mosec = samples["mosec"]
    rows += [_cpu_row(ours, name, samples[name]) for name in _FILES]
    within = difference(ours, mosec, "p50_ms")
    told = "p50 behind mosec's"
    return [*rows, Row(told, _ms(ours), "mosec", _ms(mosec), within, Goal(0.1, at_least=False, unit="ms"), "ms")]


def _gradio_rows(samples: dict[str, list[Sample]]) -> list[Row]:
    ours, gradio = samples[_OURS], samples["gradio"]
    return [_rate_row(ours, "gradio", gradio, None), _p50_row(ours, "gradio", gradio)]


def _rate_row(ours: list[Sample], name: str, theirs: list[Sample], goal: Goal | None) -> Row:
    return Row(f"requests/s at {CONNECTIONS}", _rate(ours), name, _rate(theirs), ratio(ours, theirs, "rate"), goal)


def _p50_row(ours: list[Sample], name: str, theirs: list[Sample]) -> Row:
    goal = Goal(1, at_least=False) if name == "mosec" else None
    return Row("p50, one caller", _ms(ours), name, _ms(theirs), ratio(ours, theirs, "p50_ms"), goal)


def _cpu_row(ours: list[Sample], name: str, theirs: list[Sample]) -> Row:
    told = [f"{spread(column(samples, 'cpu_us')).median:.0f} µs" for samples in (ours, theirs)]
    return Row("processor time a request, all processes", told[0], name, told[1], ratio(ours, theirs, "cpu_us"))


def _rate(samples: list[Sample]) -> str:
    return f"{spread(column(samples, 'rate')).median:,.0f}"


def _ms(samples: list[Sample]) -> str:
    return f"{spread(column(samples, 'p50_ms')).median:.3g} ms"
