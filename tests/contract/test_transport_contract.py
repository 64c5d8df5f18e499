"""What every transport does, over a real server with real models."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bridge.errors import BridgeError, ModelCrashed, ModelFailed
from bridge.server import Server
from tests.contract.transports import TRANSPORTS, Caller
from tests.transports.serving import serving

MODELS = ("echo", "counter", "painter", "gate", "crash")
ANYWHERE = {"runway": True} | {f"runway_{one}_port": 0 for one in ("http", "socketio", "osc", "sdk", "daemon")}


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serving(*MODELS, **ANYWHERE) as server:
        yield server


@pytest.fixture(params=list(TRANSPORTS))
async def caller(request: pytest.FixtureRequest, server: Server) -> AsyncIterator[Caller]:
    made = TRANSPORTS[request.param]
    if why := getattr(made, "cannot", {}).get(request.function.__name__):
        pytest.skip(f"{request.param} cannot say it: {why}")
    async with made(server.url) as caller:
        yield caller


async def exists(path: Path) -> None:
    """Until a file is there."""
    while not path.exists():
        await asyncio.sleep(0.005)


async def test_the_open_sessions_are_listed(caller: Caller):
    assert await caller.sessions() == dict.fromkeys(MODELS, "ready")


async def test_a_run_gives_its_outputs(caller: Caller):
    for value in (1, 2.5, "text", [1, {"a": None}], True):
        assert await caller.run("echo", {"value": value}) == {"any": value}


async def test_a_stream_read_to_its_end_is_the_whole(caller: Caller):
    assert await caller.run("counter", {"upto": 500}) == {"text": "".join(f"{n} " for n in range(500))}


async def test_a_stream_comes_piece_by_piece(caller: Caller):
    async with caller.stream("counter", {"upto": 300}) as outputs:
        assert [output["text"] async for output in outputs] == [f"{n} " for n in range(300)]


async def test_hanging_up_frees_the_model_at_the_next_yield(caller: Caller, tmp_path: Path):
    path = tmp_path / "steps"
    path.write_text("one\n")
    async with caller.stream("gate", {"path": str(path)}, "steps") as outputs:
        assert await anext(outputs) == {"text": "one"}
    await exists(tmp_path / "steps.left")
    assert await caller.run("gate", {"tag": "free"}) == {"text": "free"}


async def test_live_inputs_reach_followers_and_the_newest_wins(caller: Caller):
    async with caller.follow("painter", "image") as pictures:
        for shade in (0.1, 0.5, 1.0):
            await caller.send("painter", {"shade": shade})
        while (picture := await anext(pictures))[:2] == b"\xff\xd8":
            if brightness(picture) > 250:
                break


async def test_followers_see_what_others_caused_and_each_its_own_copy(caller: Caller):
    async with caller.follow("counter", "text", "all") as first, caller.follow("counter", "text", "all") as second:
        await caller.run("counter", {"upto": 50})
        for follower in (first, second):
            assert [await anext(follower) for _ in range(50)] == [f"{n} " for n in range(50)]


BAD_INPUTS = (
    ("nobody", {}, "unknown_session", ""),
    ("counter", {"upto": "many"}, "invalid_input", "upto"),
    ("counter", {"upto": -1}, "invalid_input", "upto"),
    ("counter", {"upto": 1.5}, "invalid_input", "upto"),
    ("counter", {"speed": 1}, "unknown_input", "speed"),
    ("painter", {"shade": True}, "invalid_input", "shade"),
    ("painter", {"width": 10**9}, "invalid_input", "width"),
    ("crash", {"how": "input"}, "invalid_input", "how"),
)


async def test_bad_inputs_are_named(caller: Caller):
    for session, inputs, code, field in BAD_INPUTS:
        with pytest.raises(BridgeError) as caught:
            await caller.run(session, inputs)
        assert caught.value.code == code and caught.value.message
        assert not field or caught.value.field == field


async def test_an_unknown_command_or_port_is_named(caller: Caller):
    with pytest.raises(BridgeError) as caught:
        await caller.run("gate", {}, "fly")
    assert caught.value.code == "unknown_command"
    with pytest.raises(BridgeError) as caught:
        async with caller.follow("painter", "sound") as values:
            await anext(values)
    assert caught.value.code == "unknown_port"


async def test_the_models_own_failure_is_told(caller: Caller):
    with pytest.raises(ModelFailed, match="the author's code is wrong"):
        await caller.run("crash", {"how": "raise"})


async def test_a_crash_is_told_to_the_one_whose_run_it_was_and_followers_stay(caller: Caller):
    async with caller.follow("crash", "text") as values:
        with pytest.raises(ModelCrashed):
            await caller.run("crash", {"how": "kill"})
        assert await caller.run("crash", {"how": "nothing"}) == {"text": "survived nothing"}
        assert await anext(values) == "survived nothing"


async def test_sessions_are_opened_and_closed_while_others_run(caller: Caller, server: Server):
    model = server.hub.get("echo").model
    await caller.open(model, "second")
    await server.hub.get("second").started()
    assert await caller.run("second", {"value": 1}) == {"any": 1}
    await caller.close_session("second")
    assert "second" not in await caller.sessions()
    with pytest.raises(BridgeError, match="second"):
        await caller.close_session("second")


def brightness(jpeg: bytes) -> float:
    import cv2
    import numpy as np

    return float(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_GRAYSCALE).mean())
