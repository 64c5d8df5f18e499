"""The whole server: how it starts and how it ends."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bridge.config import Settings
from bridge.errors import PortTaken, SettingError
from bridge.server import Server
from bridge.session.session import Session
from tests.transports.serving import MODELS, calling, serving


async def test_a_taken_port_is_told_before_anything_starts(tmp_path: Path) -> None:
    async with serving() as first:
        with pytest.raises(PortTaken):
            async with Server(Settings(port=first.port, state=tmp_path, demo=False)):
                raise AssertionError("two servers on one port")
    assert not list(tmp_path.iterdir())


async def test_beyond_loopback_it_does_not_start_without_a_token(tmp_path: Path) -> None:
    with pytest.raises(SettingError):
        async with Server(Settings(host="0.0.0.0", port=0, state=tmp_path)):
            raise AssertionError("open to all")


async def test_it_answers_while_models_load_and_a_run_waits_for_them(tmp_path: Path) -> None:
    settings = Settings(port=0, state=tmp_path, models=(f"echo={MODELS / 'echo'}",))
    async with Server(settings) as server, calling(server) as client:
        assert (await client.get("/healthz")).status == 200
        await server.opened()
        answer = await client.post("/api/sessions/echo/run", json={"value": 1})
        assert (await answer.json())["outputs"] == {"any": 1}


async def test_a_model_that_can_not_be_opened_does_not_keep_the_rest_from_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings(port=0, state=tmp_path, models=("a=no-such-model", f"echo={MODELS / 'echo'}"))
    async with Server(settings) as server:
        await server.opened()
        await server.hub.get("echo").started()
        assert list(server.hub.sessions) == ["echo"]
    assert "no-such-model" in caplog.text


async def test_what_was_open_is_opened_again(tmp_path: Path) -> None:
    settings = Settings(port=0, state=tmp_path, models=(f"counter={MODELS / 'counter'}",), demo=False)
    async with Server(settings) as server:
        await server.opened()
        await server.hub.open("counter", "second")
    async with Server(settings) as server:
        await server.opened()
        assert set(server.hub.sessions) == {"counter", "second"}


async def test_it_closes_soon_although_readers_hold_on(tmp_path: Path) -> None:
    async with serving("painter", "gate") as server, calling(server) as client:
        await client.patch("/api/sessions/painter/inputs", json={"width": 2000, "height": 2000})
        stalled = []
        for path in (
            "/api/sessions/painter/stream/image.mjpg",
            "/api/events",
            "/api/sessions/painter/events?port=image",
        ):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            await reader.readline()
            stalled.append(writer)
        path = tmp_path / "never"
        waiting = asyncio.create_task(client.post("/api/sessions/gate/run?command=steps", json={"path": str(path)}))
        while server.hub.get("gate").describe()["stats"]["under_way"] == 0:
            await asyncio.sleep(0.002)
        async with asyncio.timeout(10):
            await server.close()
        await asyncio.gather(waiting, return_exceptions=True)
        for writer in stalled:
            writer.close()
        await server.close()


async def test_a_killed_worker_costs_the_run_it_was_at_and_nobody_their_connection(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    async with (
        serving("gate") as server,
        calling(server) as client,
        client.ws_connect("/api/ws") as ws,
        server.hub.events.subscribe({"state"}) as happening,
    ):
        await ws.send_json({"type": "subscribe", "id": 1, "session": "gate", "port": "text", "policy": "all"})
        while (await ws.receive_json())["type"] != "reply":
            pass
        runs = [
            asyncio.create_task(client.post("/api/sessions/gate/run", json={"path": str(gate), "tag": f"tag {n}"}))
            for n in range(16)
        ]
        session = server.hub.get("gate")
        while not gate.with_name("gate.begun").exists() or _held(session) < 16:
            await asyncio.sleep(0.002)
        os.kill(int(session.describe()["place"].split()[-1]), signal.SIGKILL)
        assert (await anext(happening)).data["state"] == "restarting"
        gate.touch()
        answers = [await (await run).json() for run in runs]
        crashed = [answer["error"]["code"] for answer in answers if "error" in answer]
        served = [answer["outputs"]["text"] for answer in answers if "outputs" in answer]
        assert crashed == ["model_crashed"] and len(set(served)) == 15
        assert (await anext(happening)).data["state"] == session.state == "ready"
        assert {(await ws.receive_json())["value"] for _ in range(15)} == set(served)


def _held(session: Session) -> int:
    stats = session.describe()["stats"]
    return int(stats["waiting"] + stats["under_way"])


async def test_what_a_killed_bridge_left_unpacked_is_cleared_at_the_next_start_and_at_the_end(tmp_path: Path) -> None:
    left = tmp_path / "scratch" / "worker-of-a-killed-bridge"
    left.mkdir(parents=True)
    (left / "photo.jpg").touch()
    async with Server(Settings(port=0, state=tmp_path, demo=False, models=(f"echo={MODELS / 'echo'}",))) as server:
        await server.opened()
        await server.hub.get("echo").started()
        assert not left.exists() and len(list((tmp_path / "scratch").iterdir())) == 1
    assert not (tmp_path / "scratch").exists()


def test_starting_loads_neither_numpy_nor_torch_nor_cv2() -> None:
    code = "import sys, bridge.server; print([name for name in ('numpy', 'cv2', 'torch') if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
