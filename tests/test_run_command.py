"""sketchbridge run, of a text model: the text as it comes and nothing else, until it ends or somebody leaves."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import pytest

from tests.bridges import COMMAND, ROOT, call, children, environment, running
from tests.models.scribe.model import SONG

SCRIBE = str(ROOT / "tests" / "models" / "scribe")
SURE = ("-i", "prompt=la ", "-i", "temperature=0", "-i", "max_tokens=19")
ENDLESS = ("-i", "prompt=la ", "-i", "max_tokens=16000")
SUNG = "漢字 lo 🦜 hey;"


@pytest.fixture
def state(tmp_path):
    (tmp_path / "config.toml").write_text("port = 1\n")  # where no bridge answers
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "slow").symlink_to(SCRIBE, target_is_directory=True)
    return tmp_path


async def started(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *COMMAND, "run", *arguments, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE, cwd=ROOT, env=environment(),
    )  # fmt: skip


async def test_a_file_gets_the_text_and_nothing_else(state):
    async with running(state, "--model", f"poet={SCRIBE}") as bridge:
        code, out, complaint = await call("run", "poet", *SURE, "--url", bridge.url)
        assert (code, out, complaint) == (0, SUNG + "\n", "")
        code, out, _ = await call("run", "poet", *SURE, "--url", bridge.url, "--json")
        told = json.loads(out)["outputs"]
    assert (told["generated_text"], told["finish_reason"]) == (SUNG, "tokens")


async def test_it_says_when_it_started_a_worker_of_its_own(state):
    code, out, complaint = await call("run", "slow", *SURE, "--state", str(state))
    assert (code, out) == (0, SUNG + "\n")
    assert "no bridge answers on port 1: slow is started just for this" in complaint
    code, _, complaint = await call("run", SCRIBE, *SURE, "--state", str(state))
    assert (code, complaint) == (0, "")  # a path was named: there was no bridge to be looked for


async def test_letters_that_a_terminal_lacks_do_not_end_it(state):
    code, out, _ = await call(
        "run", SCRIBE, *SURE, "--state", str(state), variables={"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    )
    assert code == 0 and out.startswith("?? lo ? hey;")


@pytest.mark.skipif(os.name != "posix", reason="terminals are opened in another way there")
async def test_what_a_text_would_tell_a_terminal_is_shown_and_a_file_gets_it(state):
    asked = ("run", SCRIBE, "-i", "prompt=la ", "-i", "max_tokens=3", "-i", 'logit_bias={"27": 100}')
    asked = (*asked, "--state", str(state))
    assert (await call(*asked))[1] == "\x1b\x1b\x1b\n"
    ours, theirs = os.openpty()
    process = await asyncio.create_subprocess_exec(
        *COMMAND, *asked, stdin=asyncio.subprocess.DEVNULL, stdout=theirs, stderr=asyncio.subprocess.DEVNULL, cwd=ROOT,
        env={**environment(), "PYTHONIOENCODING": "utf-8"},
    )  # fmt: skip
    async with asyncio.timeout(60):
        await process.wait()
    shown = os.read(ours, 65536).decode()
    os.close(ours), os.close(theirs)
    assert process.returncode == 0 and shown == "␛␛␛\r\n"


@pytest.mark.skipif(sys.platform == "win32", reason="signals of this kind are not sent on Windows")
@pytest.mark.parametrize("where", ["by itself", "in a bridge"])
async def test_ctrl_c_ends_it_cleanly(where, state, tmp_path):
    async with running(tmp_path / "other", "--model", f"poet={SCRIBE}") as bridge:
        asked = ("poet", "--url", bridge.url) if where == "in a bridge" else (SCRIBE, "--state", str(state))
        process = await started(*asked, *ENDLESS)
        assert process.stdout is not None and process.stderr is not None
        await process.stdout.readexactly(len(SONG))
        workers = children(process.pid)
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(20):
            rest, said = await process.communicate()
    assert process.returncode == 130 and b"Traceback" not in said and rest.endswith(b"\n")
    assert not [pid for pid in workers if Path(f"/proc/{pid}").exists()]


@pytest.mark.skipif(os.name != "posix", reason="a pipe that nobody reads is told in another way there")
async def test_a_reader_that_has_enough_ends_it_without_a_word(state):
    process = await started(SCRIBE, *ENDLESS, "--state", str(state))
    assert process.stdout is not None and process.stderr is not None
    await process.stdout.readexactly(20)
    process._transport.get_pipe_transport(1).close()  # as `head` does
    async with asyncio.timeout(20):
        said = await process.stderr.read()
        await process.wait()
    assert (process.returncode, said) == (1, b"")
