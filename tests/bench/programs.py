"""The programs under measurement: started alone, waited for, looked at from outside, ended with all they started."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from bridge import spawn

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
VENV = ROOT / ".venv-bench"
_START_SECONDS = 60.0
_QUIET = 0.15  # of all processors
# One thread for numeric libraries in everybody, nobody calls home, nobody finds the other's modules.
_PINNED = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "GRADIO_ANALYTICS_ENABLED": "False",
    "DO_NOT_TRACK": "1",
}


class Program(NamedTuple):
    """A server that runs."""

    process: subprocess.Popen[bytes]
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        return self.process.pid


def peers_python() -> Path:
    """The Python that has the peers; made, with all of them at their pinned versions, when it is not there yet."""
    python = VENV / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    files = [HERE / "requirements.txt", HERE / "requirements-alone.txt"]
    wanted = "".join(file.read_text() for file in files)
    stamp = VENV / ".requirements"
    if not stamp.exists() or stamp.read_text() != wanted:
        print("Installing what we are measured against into .venv-bench ...", flush=True)
        subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--requirement", str(files[0])], check=True)
        subprocess.run([*pip, "--no-deps", "--requirement", str(files[1])], check=True, stderr=subprocess.DEVNULL)
        stamp.write_text(wanted)
    return python


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    return {**os.environ, **_PINNED, **(more or {})}


def as_our_workers() -> dict[str, str]:
    """What our workers tell the libraries behind a model, for those who shall run under the same terms."""
    return {name: value for name, value in spawn.NATIVE_ENVIRONMENT.items() if name not in os.environ}


@contextlib.contextmanager
def peer(name: str, *extra: str, more: Mapping[str, str] | None = None) -> Iterator[Program]:
    """A file of peers/, listening. `more` joins its environment."""
    port = free_port()
    command = [str(peers_python()), str(HERE / "peers" / f"{name}.py"), "--port", str(port), *extra]
    with running(command, port, more) as program:
        wait_for_port(program)
        yield program


@contextlib.contextmanager
def ours(*models: str, wait: bool = True) -> Iterator[Program]:
    """`sketchbridge serve` with sessions of these test models (name=folder), every session ready."""
    port = free_port()
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as state,
        running(ours_command(port, state, *models), port) as program,
    ):
        if wait:
            wait_for_port(program)
            for model in models:
                wait_for_session(program, model.partition("=")[0])
        yield program


def ours_command(port: int, state: str, *models: str) -> list[str]:
    chosen = [argument for model in models for argument in ("--model", model)]
    ports = ["--port", str(port), "--osc-port", "0"]
    command = [sys.executable, "-m", "bridge", "serve", *ports, "--state", state, "--no-demo"]
    return [*command, "--log-level", "warning", *chosen]


@contextlib.contextmanager
def running(command: Sequence[str], port: int, more: Mapping[str, str] | None = None) -> Iterator[Program]:
    """The program, and everything it starts, for as long as the block."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment(more),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            yield Program(process, port)
        except BaseException:
            log.seek(0)
            print(log.read()[-4000:].decode(errors="replace"), file=sys.stderr)
            raise
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask, then insist, then sweep up what it left: the next contender must be alone."""
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(3)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_port(program: Program, seconds: float = _START_SECONDS) -> None:
    """Until it accepts connections; says why if it never does."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if program.process.poll() is not None:
            raise RuntimeError(f"ended with code {program.process.returncode} before it listened")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", program.port), 1):
            return
        time.sleep(0.01)
    raise RuntimeError(f"did not listen within {seconds:.0f} s")


def wait_for_session(program: Program, name: str, seconds: float = _START_SECONDS) -> None:
    """Until one of our sessions is ready."""
    from tests.bench.calls import get_json

    deadline = time.monotonic() + seconds
    state = ""
    while time.monotonic() < deadline:
        status, described = get_json(program.port, f"/api/sessions/{name}")
        state = described.get("state", status) if isinstance(described, dict) else str(status)
        if state == "ready":
            return
        time.sleep(0.02)
    raise RuntimeError(f"session {name} is {state} after {seconds:.0f} s")


def rss_mib(pid: int) -> float:
    """Resident memory of one process; needs /proc or ps."""
    status = Path(f"/proc/{pid}/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1024
    found = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=True)
    return int(found.stdout) / 1024


def cpu_seconds(pid: int) -> float:
    """What a process and all below it have used of the processor so far; 0 where there is no /proc."""
    stats = [_stat(folder) for folder in Path("/proc").glob("[0-9]*")]
    parents = {found[0]: found[1] for found in stats if found}
    used = {found[0]: found[2] for found in stats if found}
    return sum(seconds for process, seconds in used.items() if _descends(process, pid, parents))


def _stat(folder: Path) -> tuple[int, int, float] | None:
    """Process, parent, seconds."""
    try:
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return int(folder.name), int(fields[1]), (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _descends(process: int, ancestor: int, parents: dict[int, int]) -> bool:
    while process in parents and process != ancestor:
        process = parents[process]
    return process == ancestor


def wait_for_quiet(seconds: float = 20.0) -> None:
    """Until nobody else keeps the machine busy, or for so long. To be called while nothing of ours runs."""
    deadline = time.monotonic() + seconds
    while _busy(0.3) > _QUIET and time.monotonic() < deadline:
        pass


def _busy(seconds: float) -> float:
    """The share of all processors that was in use; 0 where there is no /proc."""
    before = _ticks()
    time.sleep(seconds)
    after = _ticks()
    passed = sum(after) - sum(before)
    return 1 - sum(b - a for a, b in zip(before[3:5], after[3:5], strict=True)) / passed if passed else 0.0


def _ticks() -> list[int]:
    stat = Path("/proc/stat")
    return [int(field) for field in stat.read_text().split("\n", 1)[0].split()[1:9]] if stat.exists() else []


def loaded(pid: int, library: str) -> bool:
    """Whether a process has a compiled part of that library in memory."""
    maps = Path(f"/proc/{pid}/maps")
    return maps.exists() and f"/{library}/" in maps.read_text()


def wrk() -> str | None:
    """The load generator written in C, where it is installed."""
    return shutil.which("wrk")
