"""A real bridge in a process of its own, started as people start it."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import sysconfig
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
COMMAND = (sys.executable, "-m", "bridge")


class Ended(RuntimeError):
    """It ended before it was ready."""


class Bridge:
    """One started bridge; `log` holds the lines it wrote."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.log: list[dict[str, Any]] = []
        self.url = ""
        self.sessions: list[str] = []

    async def ready(self) -> None:
        line = await self.until("ready")
        self.url, self.sessions = line["url"], line["sessions"]

    async def until(self, event: str, **fields: Any) -> dict[str, Any]:
        """The next log line of this kind."""
        assert self.process.stderr is not None
        async for raw in self.process.stderr:
            try:
                line = json.loads(raw)
            except ValueError:
                line = {"event": "", "message": raw.decode()}
            self.log.append(line)
            if line["event"] == event and fields.items() <= line.items():
                return line
        raise Ended(await self.process.wait(), [line["message"] for line in self.log])

    async def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Its exit code after a signal, everything it wrote read."""
        if self.process.returncode is None:
            self.process.send_signal(number)
        assert self.process.stderr is not None
        for raw in (await self.process.stderr.read()).splitlines():
            self.log.append(json.loads(raw) if raw.startswith(b"{") else {"event": "", "message": raw.decode()})
        return await self.process.wait()


@asynccontextmanager
async def running(
    state: Path, *flags: str, command: Sequence[str] = COMMAND, cwd: Path = ROOT
) -> AsyncIterator[Bridge]:
    """A bridge that is ready; ended, at the latest, when the block is left."""
    started = (*command, "serve", "--port", "0", "--osc-port", "0", "--log", "json", "--state", str(state), *flags)
    process = await asyncio.create_subprocess_exec(
        *started, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=cwd, env=environment()
    )
    bridge = Bridge(process)
    try:
        await bridge.ready()
        yield bridge
    finally:
        if process.returncode is None:
            await bridge.end()
        assert process.stdout is not None
        await process.stdout.read()


async def call(
    *arguments: str, command: Sequence[str] = COMMAND, cwd: Path = ROOT, variables: Mapping[str, str] | None = None
) -> tuple[int, str, str]:
    """A command that ends by itself: its code, what it printed, what it complained about."""
    process = await asyncio.create_subprocess_exec(
        *command,
        *arguments,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=cwd,
        env=environment() | dict(variables or {}),
    )
    out, complaint = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), complaint.decode()


def environment() -> dict[str, str]:
    """Ours without settings that whoever runs the tests may have."""
    return {name: value for name, value in os.environ.items() if not name.startswith("SKETCHBRIDGE_")}


def children(pid: int) -> list[int]:
    """The processes that a process has started, where the system tells."""
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        return [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except OSError:
        return []


async def printed(folder: Path, *command: str, **variables: str) -> str:
    """What it printed, in that folder, with this environment's commands on the path and the client at hand."""
    variables["PATH"] = os.pathsep.join((sysconfig.get_path("scripts"), os.environ["PATH"]))
    variables["PYTHONPATH"] = str(ROOT / "clients" / "python")
    code, out, complaint = await call(command=command, cwd=folder, variables=variables)
    assert code == 0, complaint
    return out
