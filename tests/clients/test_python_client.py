"""The Python client against a real server; the blocking one in a thread, as a script would have it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from sketchbridge_client import AsyncBridge, Bridge, BridgeError

from bridge.server import Server
from tests.transports.serving import MODELS, serving


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serving("echo", "counter", "painter", "gate", "crash", "batcher") as server:
        yield server


async def test_the_blocking_client_does_it_all(server: Server):
    def script() -> None:
        with Bridge(server.url) as bridge:
            assert {session["name"] for session in bridge.sessions()} >= {"echo", "painter"}
            assert bridge.session("echo").run(value={"a": [1, None]}) == {"any": {"a": [1, None]}}
            counter = bridge.session("counter")
            assert [step["text"] for step in counter.stream(upto=5)] == ["0 ", "1 ", "2 ", "3 ", "4 "]
            assert counter.run(upto=3) == {"text": "0 1 2 "}
            painter = bridge.session("painter")
            assert painter.run(shade=0.1)["image"][:2] == b"\xff\xd8"
            with painter.subscribe("image", format="png", width=8) as frames:
                painter.send(shade=0.2)
                frame = next(frames)
                assert frame.format == "png" and frame.value[1:4] == b"PNG" and frame.age_ms >= 0
            with pytest.raises(BridgeError) as caught:
                painter.run(shade=7)
            assert caught.value.code == "invalid_input" and caught.value.field == "shade"

    await asyncio.to_thread(script)


async def test_a_session_is_renamed_stopped_and_started_from_a_script(server: Server):
    def script() -> None:
        with Bridge(server.url) as bridge:
            echo = bridge.session("echo")
            echo.rename("parrot")
            assert echo.name == "parrot" and echo.run(value=1) == {"any": 1}
            echo.stop()
            with pytest.raises(BridgeError) as caught:
                echo.run(value=2)
            assert caught.value.code == "model_stopped"
            echo.start()
            assert echo.run(value=3) == {"any": 3}
            place = echo.describe()["place"]
            echo.restart()
            assert echo.describe()["place"] != place

    await asyncio.to_thread(script)


async def test_a_bridge_that_is_not_there_is_told():
    def script() -> None:
        with pytest.raises(BridgeError, match="no bridge answers"), Bridge("http://127.0.0.1:9"):
            pass

    await asyncio.to_thread(script)


async def test_vectors_and_pictures_go_as_bytes(server: Server):
    async with AsyncBridge(server.url) as bridge:
        total = await bridge.session("batcher").run(z=np.array([1, 2, 3, 4], np.float32))
        assert total["total"] == 10
        assert (await bridge.session("batcher").run(z=[1.0, 0, 0, 0]))["total"] == 1


async def test_runs_side_by_side_do_not_mix(server: Server):
    async with AsyncBridge(server.url) as bridge:
        counter = bridge.session("counter")
        texts = await asyncio.gather(*(counter.run(upto=50, prefix=name) for name in "abcd"))
    assert [text["text"] for text in texts] == ["".join(f"{name}{n} " for n in range(50)) for name in "abcd"]


async def test_leaving_a_stream_frees_the_model(server: Server, tmp_path: Path):
    path = tmp_path / "steps"
    path.write_text("one\n")
    async with AsyncBridge(server.url) as bridge:
        gate = bridge.session("gate")
        steps = gate.stream("steps", path=str(path))
        assert await anext(steps) == {"text": "one"}
        await steps.aclose()  # type: ignore[attr-defined]
        assert await gate.run(tag="free") == {"text": "free"}
    assert (tmp_path / "steps.left").exists()


async def test_a_crash_is_an_error_and_the_connection_lives(server: Server):
    async with AsyncBridge(server.url) as bridge:
        with pytest.raises(BridgeError) as caught:
            await bridge.session("crash").run(how="kill")
        assert caught.value.code == "model_crashed"
        assert await bridge.session("crash").run(how="x") == {"text": "survived x"}


async def test_subscriptions_come_back_after_a_restart_and_runs_raise(tmp_path: Path):
    path = tmp_path / "never"
    async with serving("painter", "gate") as first:
        port = first.port
        bridge = await AsyncBridge(first.url).__aenter__()
        subscription = bridge.session("painter").subscribe("image")
        frames = await subscription.__aenter__()
        running = asyncio.ensure_future(bridge.session("gate").run("steps", path=str(path)))
        while not first.hub.get("gate").describe()["stats"]["under_way"]:
            await asyncio.sleep(0.005)
    with pytest.raises(BridgeError):
        await running
    async with serving("painter", port=port):
        await bridge.session("painter").send(shade=0.5)
        assert (await anext(frames)).port == "image"
        await subscription.__aexit__(None, None, None)
        await bridge.aclose()
        await bridge.aclose()


async def test_a_subscription_may_be_looped_over_and_ends_with_the_loop(server: Server):
    def script() -> None:
        with Bridge(server.url) as bridge:
            painter = bridge.session("painter")
            painter.send(shade=0.3)
            for frame in painter.subscribe("image"):
                assert frame.value[:2] == b"\xff\xd8"
                break
            assert painter.describe()["stats"]["readers"] == 0

    await asyncio.to_thread(script)
    async with AsyncBridge(server.url) as bridge:
        async for frame in bridge.session("painter").subscribe("image", format="raw", width=8):
            assert frame.format == "raw"
            break


async def test_a_wrong_token_is_told_as_such():
    async with serving(token="open-sesame") as server:
        with pytest.raises(BridgeError) as caught:
            async with AsyncBridge(server.url, token="open-barley"):
                pass
        assert caught.value.code == "unauthorized"
        async with AsyncBridge(server.url, token="open-sesame") as bridge:
            assert await bridge.sessions() == []


async def test_a_subscription_waits_for_a_session_that_is_opened_late_after_a_restart():
    async with serving("painter") as first:
        port = first.port
        bridge = await AsyncBridge(first.url).__aenter__()
        subscription = bridge.session("painter").subscribe("image")
        frames = await subscription.__aenter__()
        await bridge.session("painter").send(shade=0.1)
        await anext(frames)
    async with serving(port=port) as second:
        await bridge.sessions()  # it is back, and has been told that there is no such session
        second.hub.catalog.add_path(MODELS / "painter")
        await bridge.open("painter")
        await bridge.session("painter").send(shade=0.9)
        assert (await anext(frames)).port == "image"
        await subscription.__aexit__(None, None, None)
        await bridge.aclose()


async def test_walks_and_grids():
    def script(url: str) -> None:
        with Bridge(url) as bridge:
            latent = bridge.session("latent")
            assert latent.walk(kind="circle", speed=2)["settings"]["speed"] == 2
            assert latent.walk({"direction/1": 1})["settings"]["directions"] == {"direction/1": 1}
            tiles = {(tile["row"], tile["column"]) for tile in latent.grid(rows=2, columns=2)}
            assert len(tiles) == 4
            for tile in latent.grid(rows=20, columns=20):
                assert tile["image"][:2] == b"\xff\xd8"
                break
            with pytest.raises(BridgeError) as caught:
                latent.walk(speed=-1)
            assert caught.value.field == "speed"

    async with serving("latent") as server:
        await asyncio.to_thread(script, server.url)
