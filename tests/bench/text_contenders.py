"""Who writes in the text benchmarks: our bridge, `transformers serve`, and engines without a server.

All are started once and wait; while one is measured the others are stopped, so that none takes its time.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, Self

from tests.bench import instrument, programs, text_clients, text_networks
from tests.bench.text_networks import Network

SESSION = "text"
_MODEL = f"{SESSION}={programs.HERE / 'models' / 'text'}"


class Contender(Protocol):
    """Somebody who writes, greedily; what is under way while another is measured stands still."""

    def write(self, prompts: Sequence[str], tokens: int) -> float:
        """Go on with these side by side; tokens a second over all."""
        ...

    def first(self, prompt: str) -> float:
        """Milliseconds until the first piece is there; what would come after it is given up."""
        ...

    def pause(self) -> None: ...

    def go_on(self) -> None: ...


class _Stoppable:
    process: subprocess.Popen[bytes]

    def pause(self) -> None:
        self._tell(signal.SIGSTOP)

    def go_on(self) -> None:
        self._tell(signal.SIGCONT)

    def _tell(self, number: int) -> None:
        for pid in _with_children(self.process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)


class Served(_Stoppable):
    """A server asked over HTTP, with its answers as server-sent events."""

    def __init__(self, program: programs.Program, path: str, wishes: Mapping[str, Any], count: bytes) -> None:
        self.program, self.process, self.port = program, program.process, program.port
        self._path, self._wishes, self._count = path, wishes, count

    def write(self, prompts: Sequence[str], tokens: int) -> float:
        requests = [self.request(prompt, tokens) for prompt in prompts]
        return text_clients.rate(self.port, requests, self._count)

    def first(self, prompt: str) -> float:
        return text_clients.first_piece(self.port, self.request(prompt, 64))

    def request(self, prompt: str, tokens: int) -> bytes:
        return text_clients.request(self.port, self._path, {"prompt": prompt, "max_tokens": tokens, **self._wishes})


class Alone(_Stoppable):
    """An engine in a process of its own, asked by a line of JSON."""

    def __init__(self, name: str, network: Path, threads: int, device: str = "cpu") -> None:
        command = [sys.executable, "-m", "tests.bench.text_engine", name, str(network), "--device", device]
        if name in text_networks.PEERS:
            command += ["--packages", text_networks.peer_packages()]
        told = {**programs.as_our_workers(), "OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            command,
            cwd=programs.ROOT,
            env=programs.environment(told),
            stdin=pipe,
            stdout=pipe,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._answer()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.go_on()
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()

    def write(self, prompts: Sequence[str], tokens: int) -> float:
        told = self._ask(prompts, tokens)
        if told["tokens"] != len(prompts) * tokens:
            raise RuntimeError(f"{told['tokens']} tokens came, not {len(prompts)} x {tokens}")
        return float(told["tokens"] / told["seconds"])

    def first(self, prompt: str) -> float:
        return float(self._ask([prompt], 1)["seconds"] * 1000)

    def _ask(self, prompts: Sequence[str], tokens: int) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"prompts": list(prompts), "tokens": tokens}).encode() + b"\n")
        self.process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("an engine has ended: run python -m tests.bench.text_engine by hand to see why")
        return dict(json.loads(line))


@contextlib.contextmanager
def bridge(network: Network) -> Iterator[Served]:
    """`sketchbridge serve` with a session of this network."""
    port = programs.free_port()
    with tempfile.TemporaryDirectory(prefix="bench-") as state:
        command = programs.ours_command(port, state, _MODEL)
        with programs.running(command, port, {"BENCH_NETWORK": str(network.folder)}) as program:
            programs.wait_for_port(program)
            programs.wait_for_session(program, SESSION, 120.0)
            served = Served(program, f"/api/sessions/{SESSION}/run", {"temperature": 0}, b'"generated_tokens":')
            with going_on_at_the_end(served):
                yield served


@contextlib.contextmanager
def serve(network: Network, threads: int, *, batching: bool = False) -> Iterator[Served]:
    """`transformers serve`, plain or with continuous batching, warm."""
    more = {
        **programs.as_our_workers(),
        "BENCH_PACKAGES": sysconfig.get_paths()["platlib"],
        "OMP_NUM_THREADS": str(threads),
    }
    extra = ["--continuous-batching"] if batching else []
    with programs.peer("text_serve", "--network", str(network.folder), *extra, more=more) as program:
        wishes = {"model": str(network.folder), "stream": True, "temperature": 0}
        served = Served(program, "/v1/completions", wishes, b'"completion_tokens":')
        _until_it_writes(served)
        with going_on_at_the_end(served):
            yield served


def threads_of(ours: Served) -> int:
    """How many our worker found best; the others get as many."""
    return instrument.threads(ours.program, SESSION) or 1


@contextlib.contextmanager
def going_on_at_the_end(contender: Contender) -> Iterator[None]:
    """Who stands still can't be asked to end."""
    try:
        yield
    finally:
        contender.go_on()


@contextlib.contextmanager
def only(contender: Contender) -> Iterator[None]:
    """It goes on for as long as the block."""
    contender.go_on()
    try:
        yield
    finally:
        contender.pause()


def _until_it_writes(served: Served, seconds: float = 240.0) -> None:
    """The first answer of `transformers serve` can take most of a minute."""
    end = time.monotonic() + seconds
    while True:
        try:
            served.write(["def f("], 8)
            return
        except (OSError, RuntimeError):
            if time.monotonic() > end:
                raise
            time.sleep(0.5)


def _with_children(pid: int) -> list[int]:
    """The process and all below it, where that can be told."""
    found = [pid]
    for parent in found:
        for task in Path(f"/proc/{parent}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                found += [int(child) for child in task.read_text().split()]
    return found
