"""One picture a request: JSON in, a JPEG out, against mosec and gradio with the same generator."""

import json
import random
import socket
import subprocess
import sysconfig
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from typing import Self

from tests.bench import calls, instrument, programs
from tests.bench.measure import Sample, column, ratio, spread, there_and_back
from tests.bench.programs import wait_for_quiet
from tests.bench.report import Finding, Row

CALLERS = (1, 4)
_OURS, _MOSEC, _GRADIO = "sketchbridge", "mosec", "gradio"
_RUN = f"/api/sessions/{instrument.NAME}/run"
_HOW = """
A `POST` of a `z` as JSON, answered by a JPEG: `dream`'s network, the same code for its pictures, the same truncation,
the same number of threads (what our worker found best in that round: {threads}), the same JPEG of quality {quality} in
ours and in mosec; gradio writes its own. Every `z` is another one. Callers are threads with a blocking socket each,
which ask again when they have their answer; gradio is called by its own client, which fetches the file. mosec with one
worker process and its defaults otherwise, gradio with its defaults. Every round starts all three anew; all stay, only
one works at a time, and in each round they take turns, there and back (A B C C B A), half the time each.
"""


def measure(rounds: int, seconds: float, told: Callable[[str], None]) -> Finding:
    samples: dict[str, list[Sample]] = {name: [] for name in (_OURS, _MOSEC, _GRADIO)}
    threads: list[int] = []
    for number in range(rounds):
        wait_for_quiet()
        for name, sample in _round(seconds / 2, threads).items():
            samples[name].append(sample)
            told(f"  round {number + 1}/{rounds}  {name}: " + ", ".join(f"{k} {v:.4g}" for k, v in sample.items()))
    how = _HOW.format(threads=", ".join(map(str, dict.fromkeys(threads))), quality=instrument.QUALITY)
    return Finding("One picture a request", how, list(_rows(samples)), {**samples, "threads": threads})


def _round(seconds: float, threads: list[int]) -> dict[str, Sample]:
    with instrument.playing() as ours:
        instrument.walk(ours, {"pause": True})
        threads.append(instrument.threads(ours))
        more = _told(threads[-1])
        with programs.peer("images_mosec", more=more) as mosec, programs.peer("images_gradio", more=more) as gradio:
            return there_and_back(
                {
                    _OURS: lambda: _load(ours.port, _RUN, seconds),
                    _MOSEC: lambda: _load(mosec.port, "/inference", seconds),
                    _GRADIO: lambda: _by_its_client(gradio.url, seconds),
                }
            )


def _by_its_client(url: str, seconds: float) -> Sample:
    client = programs.HERE / "peers" / "images_gradio_client.py"
    found: dict[str, float] = {}
    for callers in CALLERS:
        command = [str(programs.peers_python()), str(client), url, str(callers), str(seconds), str(instrument.length())]
        said = subprocess.run(command, capture_output=True, text=True, check=False, env=programs.environment())
        if said.returncode:
            raise RuntimeError(said.stderr)
        found |= {f"{what}_{callers}": value for what, value in json.loads(said.stdout.splitlines()[-1]).items()}
    return found


def _told(threads: int) -> dict[str, str]:
    """What the peers' generator has to know."""
    return {
        **programs.as_our_workers(),
        "BENCH_ROOT": str(programs.ROOT),
        "BENCH_PACKAGES": sysconfig.get_paths()["platlib"],
        "BENCH_NETWORK": str(instrument.FOLDER / instrument.NAME),
        "BENCH_THREADS": str(threads or 1),
        "BENCH_TRUNCATION": str(instrument.TRUNCATION),
        "BENCH_QUALITY": str(instrument.QUALITY),
    }


# --- the load ------------------------------------------------------------------------------------


def _load(port: int, path: str, seconds: float) -> Sample:
    _until_it_answers(port, path)
    found: dict[str, float] = {}
    for callers in CALLERS:
        _called(port, path, callers, min(1.0, seconds / 4))
        rate, p50 = _called(port, path, callers, seconds)
        found |= {f"rate_{callers}": rate, f"p50_ms_{callers}": p50}
    return found


def _until_it_answers(port: int, path: str, seconds: float = 60.0) -> None:
    """A front may listen before its worker has loaded."""
    end = time.monotonic() + seconds
    while True:
        try:
            with _Caller(port, path) as caller:
                caller.picture()
            return
        except (OSError, RuntimeError):
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


def _called(port: int, path: str, callers: int, seconds: float) -> tuple[float, float]:
    """Pictures a second in all, and the usual time of one in ms."""

    def call(end: float) -> list[float]:
        with _Caller(port, path) as caller:
            times = []
            while (began := time.perf_counter()) < end:
                caller.picture()
                times.append(time.perf_counter() - began)
        return times

    with ThreadPoolExecutor(callers) as pool:
        began = time.perf_counter()
        times = [took for each in pool.map(call, [began + seconds] * callers) for took in each]
        return len(times) / (time.perf_counter() - began), median(times) * 1000


class _Caller:
    """One keep-alive connection."""

    def __init__(self, port: int, path: str) -> None:
        head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
        self._head = f"{head}Accept: image/jpeg\r\n"
        self._random = random.Random()
        self._length = instrument.length()
        self._socket = socket.create_connection(("127.0.0.1", port), 30)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def picture(self) -> None:
        """Ask for one, take it in; RuntimeError if it is none."""
        body = json.dumps({"z": [round(self._random.gauss(0, 1), 6) for _ in range(self._length)]}).encode()
        self._socket.sendall(f"{self._head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        answers, seen = calls.Answers(), b""
        while True:
            part = self._socket.recv(65536)
            if not part:
                raise RuntimeError(f"the connection ended: {seen[:500]!r}")
            seen += part
            if answers.feed(part):
                break
        if seen.partition(b"\r\n\r\n")[2][:2] != b"\xff\xd8":
            raise RuntimeError(f"no JPEG: {seen[:500]!r}")


# --- the table -----------------------------------------------------------------------------------


def _rows(samples: dict[str, list[Sample]]) -> Iterator[Row]:
    ours = samples[_OURS]
    for callers in CALLERS:
        who = f"{callers} {'caller' if callers == 1 else 'callers'}"
        for name in (_MOSEC, _GRADIO):
            what, theirs = f"rate_{callers}", samples[name]
            told = (f"{spread(column(found, what)).median:,.1f}" for found in (ours, theirs))
            yield Row(f"pictures/s, {who}", next(told), name, next(told), ratio(ours, theirs, what))
        for name in (_MOSEC, _GRADIO):
            what, theirs = f"p50_ms_{callers}", samples[name]
            told = (f"{spread(column(found, what)).median:.3g} ms" for found in (ours, theirs))
            yield Row(f"p50, {who}", next(told), name, next(told), ratio(ours, theirs, what))
