"""What a worker process costs while it hangs, and what it leaves when it is killed."""

import asyncio
import os
import signal
from functools import partial
from pathlib import Path

import pytest

from bridge.backends import process
from bridge.backends.process import ProcessBackend, launch
from bridge.errors import ModelCrashed
from bridge.manifest import read
from bridge.ports import Encoding
from bridge.session.messages import Start, Wants
from bridge.session.session import Session
from tests.ports.files import zipped

MODELS = Path(__file__).parent.parent / "models"
MANY = Wants(tuple(("text", Encoding("json", width=width)) for width in range(1000)))


def session_of(model: str, scratch: Path | None = None) -> Session:
    folder = MODELS / model
    return Session(model, read(folder), Start(model, str(folder), {}), partial(launch, scratch=scratch))


async def begun(path: Path) -> str:
    while not path.with_name(path.name + ".begun").exists():
        await asyncio.sleep(0.002)
    return path.with_name(path.name + ".begun").read_text()


async def test_wants_do_not_pile_up_before_a_model_that_hangs(tmp_path: Path):
    async with session_of("gate") as session:
        await session.started()
        first = session.run({"path": str(tmp_path / "gate"), "tag": "first"})
        await begun(tmp_path / "gate")
        backend = session._life.backend
        assert isinstance(backend, ProcessBackend) and backend._child is not None
        for turn in range(2000):
            backend.post(MANY)
            if turn % 100 == 0:
                await asyncio.sleep(0)
        second = session.run({"tag": "second"})
        backend.post(Wants(()))
        assert backend._child.full and len(backend._gathered) == 2
        (tmp_path / "gate").touch()
        assert [(await run.result()).outputs["text"] for run in (first, second)] == ["first", "second"]
        assert not backend._child.full and not backend._gathered


async def test_a_killed_worker_leaves_no_unpacked_folder(tmp_path: Path):
    scratch = tmp_path / "scratch"
    async with session_of("unpacker", scratch) as session:
        await session.started()
        run = session.run({"folder": zipped({"a.txt": b"a"}), "until": str(tmp_path / "never")})
        folder = Path(await begun(tmp_path / "never"))
        assert folder.is_relative_to(scratch) and (folder / "a.txt").exists()
        os.kill(int(session.describe()["place"].split()[-1]), signal.SIGKILL)
        with pytest.raises(ModelCrashed):
            await run.result()
        await session.ready()
        assert not folder.exists() and len(list(scratch.iterdir())) == 1
        assert (await session.run({"folder": zipped({"b.txt": b"b"})}).result()).outputs == {"text": "b.txt"}
        while len(list(scratch.rglob("*"))) > 1:  # what it was given goes soon after the run
            await asyncio.sleep(0.002)
    assert list(scratch.iterdir()) == []


async def test_a_worker_that_can_not_be_started_leaves_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(process.spawn.sys, "executable", str(tmp_path / "no-such-python"))
    session = session_of("gate", tmp_path / "scratch")
    with pytest.raises(FileNotFoundError):
        await session._life._launch(session._life._start, session)
    assert list((tmp_path / "scratch").iterdir()) == []
