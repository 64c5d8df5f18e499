"""One session gets another name while clients of every wire are on it: nobody is cut off, and all are told."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import aiohttp
import cv2
import numpy as np
import pytest
import socketio

from bridge.server import Server
from tests.transports.runway.homes import homes, place, settled
from tests.transports.runway.test_socketio import Polling
from tests.transports.serving import calling
from tests.transports.talking import osc_port, talking
from tests.transports.webrtc_clients import watching

Hear = Callable[[], Awaitable[str]]  # the name under which the next picture came
DARK, LIGHT = 0.2, 0.8  # what is painted under the old name, and under the new one
BETWEEN = 150  # lighter than that came after the new name


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with homes("painter") as server:
        yield server


@asynccontextmanager
async def events(server: Server) -> AsyncIterator[tuple[Hear, Hear]]:
    """Server-sent events. Every client gives what hears a picture, and what hears of a new name."""
    async with calling(server) as http, http.get("/api/sessions/painter/events?port=image&policy=all") as answer:

        async def said(kind: str) -> dict[str, Any]:
            name = ""
            async for raw in answer.content:
                word, _, rest = raw.decode().strip().partition(": ")
                name = rest if word == "event" else name
                if word == "data" and name == kind:
                    return json.loads(rest)
            raise AssertionError("the stream ended")

        await said("hello")

        async def picture() -> str:
            return str((await said("output"))["session"])

        async def renamed() -> str:
            return str((await said("session_renamed"))["session"])

        yield picture, renamed


@asynccontextmanager
async def websocket(server: Server) -> AsyncIterator[tuple[Hear, Hear]]:
    async with calling(server) as http, http.ws_connect("/api/ws") as socket:
        frames: asyncio.Queue[str] = asyncio.Queue()
        names: asyncio.Queue[str] = asyncio.Queue()
        replies: asyncio.Queue[None] = asyncio.Queue()

        async def read() -> None:
            async for message in socket:
                if message.type is aiohttp.WSMsgType.BINARY:
                    frames.put_nowait("painted" if b'"session":"painted"' in message.data else "painter")
                    continue
                said = message.json()
                if said["type"] == "reply":
                    replies.put_nowait(None)
                if said["type"] == "event":
                    names.put_nowait(said["session"])

        async with _beside(read()):
            await socket.send_json({"type": "subscribe", "id": 1, "session": "painter", "port": "image"})
            await socket.send_json({"type": "events", "id": 2, "session": "painter", "kinds": ["session_renamed"]})
            await replies.get()
            await replies.get()
            yield frames.get, names.get


@asynccontextmanager
async def socket_io(server: Server) -> AsyncIterator[tuple[Hear, Hear]]:
    client = socketio.AsyncClient(reconnection=False)
    frames: asyncio.Queue[str] = asyncio.Queue()
    names: asyncio.Queue[str] = asyncio.Queue()
    client.on("frame", lambda head, picture: frames.put_nowait(head["session"]))
    client.on("event", lambda said: names.put_nowait(said["session"]))
    await client.connect(server.url)
    try:
        await client.call("subscribe", {"session": "painter", "port": "image"})
        await client.call("events", {"session": "painter", "kinds": ["session_renamed"]})
        yield frames.get, names.get
    finally:
        await client.disconnect()


@asynccontextmanager
async def osc(server: Server) -> AsyncIterator[tuple[Hear, Hear]]:
    """Over UDP the new address is how one hears of it; OSCQuery says it."""
    query = f"http://127.0.0.1:{osc_port(server, 'osc.tcp')}"
    async with talking(server) as program, aiohttp.ClientSession() as http, http.ws_connect(query) as tree:
        program.say("/painter/subscribe")
        await program.heard_all()

        async def picture() -> str:
            while True:
                address, values = await program.hear()
                _, name, *rest = address.split("/")
                if rest == ["out", "image"]:
                    assert f"/sessions/{name}/" in values[0]  # a picture's address leads to where it is now
                    return name

        async def renamed() -> str:
            while (said := await tree.receive_json())["COMMAND"] != "PATH_RENAMED":
                pass
            return str(said["DATA"]["NEW"]).strip("/")

        yield picture, renamed


@asynccontextmanager
async def mjpeg(server: Server) -> AsyncIterator[tuple[Hear, Hear]]:
    """A stream of pictures has no names in it: it goes on, which is all that can be told."""
    async with calling(server) as http, http.get("/api/sessions/painter/stream/image.mjpg") as answer:
        name = "painter"

        async def picture() -> str:
            while True:
                await answer.content.readuntil(b"Content-Length: ")
                size = int(await answer.content.readuntil(b"\r\n"))
                await answer.content.readuntil(b"\r\n\r\n")
                if name == "painter" or lightness(await answer.content.readexactly(size)) > BETWEEN:
                    return name

        async def renamed() -> str:
            nonlocal name
            name = "painted"
            return name

        yield picture, renamed


@asynccontextmanager
async def webrtc(server: Server) -> AsyncIterator[tuple[Hear, Hear]]:
    """Nor has a video."""
    async with calling(server) as http, watching(http, "/api/sessions/painter/whep/image") as (peer, video, _):
        name = "painter"

        async def picture() -> str:
            while True:
                frame = await video.recv()
                if name == "painter" or frame.to_ndarray(format="gray").mean() > BETWEEN:
                    return name

        async def renamed() -> str:
            nonlocal name
            name = "painted"
            assert peer.connectionState == "connected"
            return name

        yield picture, renamed


@asynccontextmanager
async def runway(server: Server) -> AsyncIterator[tuple[Hear, Hear]]:
    """Nor has the old app: a model is a port there, which is now said to be that of the new name."""
    at = place(server, "painter", "socket.io")
    async with aiohttp.ClientSession() as http:
        client = Polling(http, at, 3)
        await client.open()
        await client.heard("info")
        name = "painter"

        async def picture() -> str:
            while True:
                said = await client.heard("data")
                assert isinstance(said, dict)
                shown = base64.b64decode(said["image"].partition(",")[2])
                if name == "painter" or lightness(shown) > BETWEEN:
                    return name

        async def renamed() -> str:
            nonlocal name
            await settled(server, "painted")
            assert place(server, "painted", "socket.io") == at
            name = "painted"
            return name

        yield picture, renamed


def lightness(picture: bytes) -> float:
    return float(cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR).mean())


WIRES = {
    "HTTP": events,
    "WebSocket": websocket,
    "Socket.IO": socket_io,
    "OSC": osc,
    "MJPEG": mjpeg,
    "WebRTC": webrtc,
    "old Runway": runway,
}


async def test_whoever_is_on_a_session_goes_on_under_its_new_name_and_is_told(server: Server):
    async with AsyncExitStack() as stack, calling(server) as http:
        clients = {name: await stack.enter_async_context(wire(server)) for name, wire in WIRES.items()}
        readers = server.hub.get("painter").describe()["stats"]["readers"]
        assert readers >= len(WIRES) - 1  # OSC sends a picture's address, and may follow it by other means

        async def painted(shade: float) -> None:
            (name,) = server.hub.sessions
            async with http.patch(f"/api/sessions/{name}/inputs", json={"shade": shade}) as answer:
                assert answer.status == 200

        await painted(DARK)
        heard = await asyncio.gather(*(picture() for picture, _ in clients.values()))
        assert heard == ["painter"] * len(WIRES)
        async with http.patch("/api/sessions/painter", json={"name": "painted"}) as answer:
            assert answer.status == 200
        told = await asyncio.gather(*(renamed() for _, renamed in clients.values()))
        assert told == ["painted"] * len(WIRES)
        await painted(LIGHT)
        for picture, _ in clients.values():
            while await picture() != "painted":  # what was on its way under the old name
                pass
        assert server.hub.get("painted").describe()["stats"]["readers"] == readers


@asynccontextmanager
async def _beside(work: Any) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
