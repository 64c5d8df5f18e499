"""The guards themselves: each must fail the test that deserves it, and let a clean one pass."""

import pytest

pytest_plugins = ["pytester"]

CASES = {
    "clean": ("async def test_it():\n    await asyncio.sleep(0)\n", ""),
    "blocked loop": ("async def test_it():\n    time.sleep(1.3)\n    await asyncio.sleep(0)\n", "the loop was blocked"),
    "left task": (
        "async def test_it():\n    KEEP.append(asyncio.create_task(asyncio.sleep(99)))\n",
        "tasks left running",
    ),
    "left thread": (
        "def test_it():\n    threading.Thread(target=time.sleep, args=(30,), name='lost', daemon=True).start()\n",
        "thread lost",
    ),
    "left process": (
        "def test_it():\n    KEEP.append(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(30)']))\n",
        "left behind: process",
    ),
    "left port": (
        "def test_it():\n    s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen(); KEEP.append(s)\n",
        "left behind: port",
    ),
}


@pytest.mark.parametrize("name", list(CASES))
def test_each_guard_fails_what_it_should(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, name: str):
    body, complaint = CASES[name]
    pytester.makeini("[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n")
    pytester.makeconftest(
        "import tests.guards\ntests.guards._PATIENCE_S = 0.2\n"
        "from tests.guards import no_blocked_loop, nothing_left_behind\n"
    )
    pytester.makepyfile(
        f"import asyncio, socket, subprocess, sys, threading, time\nKEEP = []\n{body}\n"
        "def teardown_module():\n    [thing.kill() for thing in KEEP if hasattr(thing, 'kill')]\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(pytest.importorskip("tests.guards").__file__).rsplit("/tests/", 1)[0])
    result = pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider")
    if complaint:
        result.stdout.fnmatch_lines([f"*{complaint}*"])
        assert result.ret != 0
    else:
        assert result.ret == 0, result.stdout.str()
