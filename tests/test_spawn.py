"""Child processes: how their end is told, whatever they leave behind."""

import asyncio
import os
import platform
import signal
from contextlib import suppress

import pytest

from bridge import spawn

# Starts a child of its own which keeps our pipes open, says its number, and leaves.
LEAVES_ONE_BEHIND = """
import subprocess, sys
grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session={apart})
print("last words", file=sys.stderr)
print(grandchild.pid, flush=True)
sys.exit(7)
"""

# Takes and gives back what a picture needs, again and again; how often the system had to hand out memory in the end.
FORGETS_PICTURES = """
import resource
def again():
    for _ in range(20):
        kept = [bytearray(megabytes << 20) for megabytes in (1, 2, 8)]
again()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
again()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


class Told:
    """What a child said and how it ended."""

    def __init__(self) -> None:
        self.said = b""
        self.end: asyncio.Future[tuple[str, tuple[str, ...]]] = asyncio.get_running_loop().create_future()
        self.ends = 0

    def heard(self, data: bytes) -> None:
        self.said += data

    def ended(self, reason: str, lines: tuple[str, ...]) -> None:
        self.ends += 1
        self.end.set_result((reason, lines))

    async def of(self, code: str) -> spawn.Child:
        return await spawn.python(["-c", code], self.heard, lambda line: None, self.ended)


def exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("apart", [False, True], ids=["in its group", "in a group of its own"])
async def test_the_end_is_told_once_although_a_grandchild_holds_the_pipes(monkeypatch, apart: bool):
    monkeypatch.setattr(spawn, "_DRAIN_S", 0.05)
    told = Told()
    child = await told.of(LEAVES_ONE_BEHIND.format(apart=apart))
    try:
        reason, lines = await told.end
        assert reason == "ended by itself with code 7" and lines == ("last words",)
        await child.close()
        assert told.ends == 1
        while not apart and exists(int(told.said)):  # what stayed in the child's group was ended with it
            await asyncio.sleep(0.002)
    finally:
        with suppress(ProcessLookupError):
            os.kill(int(told.said), signal.SIGKILL)


async def test_a_child_that_does_not_leave_is_ended():
    told = Told()
    child = await told.of("import time; print('up', flush=True); time.sleep(600)")
    while not told.said:
        await asyncio.sleep(0.002)
    await child.close(patience=0.0)
    assert (await told.end)[0] == "was ended by signal SIGKILL"


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")
async def test_memory_of_one_picture_is_kept_for_the_next(monkeypatch):
    for name in spawn.NATIVE_ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    kept = await pages_fetched()
    monkeypatch.setenv("MALLOC_MMAP_THRESHOLD_", "4096")  # somebody's own word counts more
    assert 20 * kept + 100 < await pages_fetched()


async def pages_fetched() -> int:
    return int(await spawn.output_of(["-c", FORGETS_PICTURES], 60, 100))


async def test_what_a_short_lived_child_prints_is_given_back():
    assert await spawn.output_of(["-c", "print('hello')"], 60, 100) == f"hello{os.linesep}".encode()


async def test_one_that_says_too_much_or_nothing_is_told_in_words():
    with pytest.raises(RuntimeError, match="more than 100 bytes"):
        await spawn.output_of(["-c", "while True: print('x' * 1000)"], 60, 100)
    with pytest.raises(RuntimeError, match=r"code 3\nbecause"):
        await spawn.output_of(["-c", "import sys; print('because', file=sys.stderr); sys.exit(3)"], 60, 100)


async def test_one_that_takes_too_long_is_ended():
    with pytest.raises(TimeoutError):
        await spawn.output_of(["-c", "import time; time.sleep(600)"], 0.05, 100)
