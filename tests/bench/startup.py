"""From the start of the process until /healthz answers, and what the server process then weighs."""

import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence

from tests.bench import calls, programs
from tests.bench.measure import Goal, Sample, column, in_turns, ratio, spread
from tests.bench.report import Finding, Row

_OURS = "sketchbridge serve"
_BARE = "bare aiohttp server"
_PYTHON = "python -c pass"
_MODELS = programs.ROOT / "tests" / "models"
_KEPT_OUT = ("torch", "numpy", "cv2")

_HOW = """
From starting the process until `GET /healthz` answers 200, asked every 2 ms; nothing to open (`--no-demo`), an empty
state folder. Memory is the resident set of the server process alone: with nothing open, and with two models running,
each in a process of its own that is not counted. torch, numpy and OpenCV are looked for among the files that are mapped
into the server process.
"""


def measure(rounds: int, seconds: float, told: Callable[[str], None]) -> Finding:
    rounds = max(3, rounds * 2)
    contenders = {_OURS: _ours, _BARE: _bare, _PYTHON: _python}
    samples = in_turns(contenders, rounds, told)
    with_models = _with_models()
    told(f"  with two sessions: {with_models}")
    return Finding(
        "Start and weight of the server",
        _HOW,
        _rows(samples, with_models),
        {"start": samples, "two sessions": with_models},
    )


def _ours() -> Sample:
    port = programs.free_port()
    with tempfile.TemporaryDirectory(prefix="bench-") as state:
        return _until_healthy(programs.ours_command(port, state), port)


def _bare() -> Sample:
    port = programs.free_port()
    return _until_healthy([sys.executable, str(programs.HERE / "peers" / "bare_aiohttp.py"), "--port", str(port)], port)


def _python() -> Sample:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    return {"ready_ms": (time.perf_counter() - began) * 1000}


def _until_healthy(command: Sequence[str], port: int) -> Sample:
    began = time.perf_counter()
    with programs.running(command, port) as program:
        while not _healthy(port):
            if program.process.poll() is not None:
                raise RuntimeError(f"ended with code {program.process.returncode}")
            time.sleep(0.002)
        took = time.perf_counter() - began
        time.sleep(0.3)  # what it does after it is ready counts as weight, too
        return {"ready_ms": took * 1000, "rss_mib": programs.rss_mib(program.pid)}


def _healthy(port: int) -> bool:
    with contextlib.suppress(OSError):
        return calls.get_json(port, "/healthz")[0] == 200
    return False


def _with_models() -> dict[str, float | bool]:
    """The server after it has served two models for a moment."""
    with programs.ours(f"echo={_MODELS / 'echo'}", f"painter={_MODELS / 'painter'}") as program:
        calls.check_echo(program.port, "/api/sessions/echo/run")
        calls.serial_p50_ms(program.port, "/api/sessions/echo/run", 200)
        found: dict[str, float | bool] = {library: programs.loaded(program.pid, library) for library in _KEPT_OUT}
        return {**found, "rss_mib": programs.rss_mib(program.pid)}


def _rows(samples: dict[str, list[Sample]], with_models: dict[str, float | bool]) -> list[Row]:
    return [*_start_rows(samples), *_weight_rows(samples, with_models)]


def _start_rows(samples: dict[str, list[Sample]]) -> Iterator[Row]:
    ours = spread(column(samples[_OURS], "ready_ms"))
    goal = Goal(1000, at_least=False, unit="ms")
    yield Row("ready after", f"{ours.median:.0f} ms ({ours.low:.0f} to {ours.high:.0f})", goal=goal, value=ours.median)
    for name in (_BARE, _PYTHON):
        theirs = spread(column(samples[name], "ready_ms"))
        compared = ratio(samples[_OURS], samples[name], "ready_ms")
        yield Row("ready after", f"{ours.median:.0f} ms", name, f"{theirs.median:.0f} ms", compared)


def _weight_rows(samples: dict[str, list[Sample]], with_models: dict[str, float | bool]) -> Iterator[Row]:
    ours, bare = (spread(column(samples[name], "rss_mib")).median for name in (_OURS, _BARE))
    goal = Goal(100, at_least=False, unit="MiB")
    compared = ratio(samples[_OURS], samples[_BARE], "rss_mib")
    yield Row("memory, nothing open", f"{ours:.0f} MiB", goal=goal, value=ours)
    yield Row("memory, nothing open", f"{ours:.0f} MiB", _BARE, f"{bare:.0f} MiB", compared)
    busy = float(with_models["rss_mib"])
    yield Row("memory, two models running", f"{busy:.0f} MiB", goal=goal, value=busy)
    found = [library for library in _KEPT_OUT if with_models[library]]
    none = Goal(0, at_least=False, unit="found")
    yield Row("torch, numpy, OpenCV in the server", ", ".join(found) or "none", goal=none, value=float(len(found)))
