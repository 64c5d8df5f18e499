"""Fixtures that every test has. A test that blocks the loop or leaves something behind fails, whatever it asserts."""

import asyncio
import inspect
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

_BLOCKED_S = 1.0  # on busy machines a quick step can take long; what really blocks takes longer
_PATIENCE_S = 3.0  # what is on its way out may take so long
_STUMBLES = 10  # looks at the processes there are
_EXPECTED_THREADS = ("asyncio_", "asyncio-waitpid", "ThreadPoolExecutor")


class _SlowSteps(logging.Handler):
    """Hears asyncio complain that a step took too long, not counting what it waited for a processor."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[str] = []
        self._waited = _waited_s()

    def emit(self, record: logging.LogRecord) -> None:
        if str(record.msg).startswith("Executing") and isinstance(record.args, tuple):
            before, self._waited = self._waited, _waited_s()
            if float(str(record.args[1])) - (self._waited - before) >= _BLOCKED_S:
                self.heard.append(record.getMessage())


def _waited_s() -> float:
    """How long this thread has waited for a processor that others had; 0 where the system does not tell."""
    with suppress(OSError, IndexError):
        return int(Path("/proc/thread-self/schedstat").read_text().split()[1]) / 1e9
    return 0.0


@pytest_asyncio.fixture(autouse=True)
async def no_blocked_loop(request: pytest.FixtureRequest) -> AsyncIterator[None]:
    """Fails an async test in which one step kept the loop from everybody else, or which leaves a task running."""
    if not inspect.iscoroutinefunction(getattr(request, "function", None)):
        yield
        return
    loop = asyncio.get_running_loop()
    slow = _SlowSteps()
    logger = logging.getLogger("asyncio")
    logger.addHandler(slow)
    loop.slow_callback_duration = _BLOCKED_S
    loop.set_debug(True)
    before = asyncio.all_tasks()
    try:
        yield
        await _until(lambda: not _left_tasks(before))
    finally:
        loop.set_debug(False)
        logger.removeHandler(slow)
    left = _left_tasks(before)
    for task in left:
        task.cancel()
    assert not left, f"tasks left running: {[task.get_name() + ' ' + str(task.get_coro()) for task in left]}"
    assert not slow.heard, f"the loop was blocked: {slow.heard}"


def _left_tasks(before: set[asyncio.Task[object]]) -> list[asyncio.Task[object]]:
    return [task for task in asyncio.all_tasks() - before if task is not asyncio.current_task() and not task.done()]


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """Fails a test that leaves a thread, a child process or an open port."""
    me = psutil.Process()
    threads, children, ports = set(threading.enumerate()), _children(me), _ports(me)
    yield
    deadline = time.monotonic() + _PATIENCE_S
    while (left := _left(me, threads, children, ports)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not left, f"left behind: {', '.join(left)}"


def _left(me: psutil.Process, threads: set[threading.Thread], children: dict[int, str], ports: set[int]) -> list[str]:
    new_threads = [
        f"thread {thread.name}"
        for thread in set(threading.enumerate()) - threads
        if not thread.name.startswith(_EXPECTED_THREADS)
    ]
    new_children = [f"process {pid} {what}" for pid, what in _children(me).items() if pid not in children]
    new_ports = [f"port {port}" for port in _ports(me) - ports]
    return [*new_threads, *new_children, *new_ports]


def _children(me: psutil.Process) -> dict[int, str]:
    for _ in range(_STUMBLES):
        with suppress(IndexError):  # of psutil, over a process anywhere that ends just as it is looked at
            return _children_now(me)
    return _children_now(me)


def _children_now(me: psutil.Process) -> dict[int, str]:
    found = {}
    for child in me.children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if child.status() != psutil.STATUS_ZOMBIE:
                found[child.pid] = " ".join(child.cmdline())
    return found


def _ports(me: psutil.Process) -> set[int]:
    return {
        connection.laddr.port for connection in me.net_connections("inet") if connection.status == psutil.CONN_LISTEN
    }


async def _until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not done() and time.monotonic() < deadline:
        await asyncio.sleep(0.005)
