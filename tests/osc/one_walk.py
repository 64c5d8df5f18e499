"""One walk, steered at once by oscsend, by a client of Socket.IO and by curl; they and ffmpeg all see it move.

Part of the suite `osc` (`make test SUITES=osc`), because it takes these programs, which tests/tools.py gets.
"""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import cv2
import numpy as np
import pytest
import socketio

from bridge.server import Server
from tests.bridges import call
from tests.transports.serving import MODELS, serving
from tests.transports.talking import osc_port

SIDE = 8  # of the model's pictures, each of one colour
GREY = 128  # which it gives out for a truncation of nothing
IN_A_ROW = 5  # pictures: a walk passes by that grey, and only a steered one stays there
Look = Callable[[], Awaitable[float]]  # the grey of the next picture


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serving(models=(f"dream={MODELS / 'latent'}",)) as server:
        await server.hub.get("dream").started()
        yield server


# --- who looks -----------------------------------------------------------------------------------


@asynccontextmanager
async def ffmpeg(server: Server) -> AsyncIterator[Look]:
    """Plays the stream, and prints every picture in grey."""
    at_once = ("-fflags", "nobuffer", "-probesize", "32", "-analyzeduration", "0")
    address = f"{server.url}/api/sessions/dream/stream/image.mjpg"
    process = await asyncio.create_subprocess_exec(
        *(
            "ffmpeg",
            "-v",
            "error",
            *at_once,
            "-i",
            address,
            "-f",
            "rawvideo",
            "-pix_fmt",
            "gray",
            "-flush_packets",
            "1",
            "-",
        ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    out = process.stdout

    async def look() -> float:
        return float(np.frombuffer(await out.readexactly(SIDE * SIDE), np.uint8).mean())

    try:
        yield look
    finally:
        process.kill()
        await process.communicate()


@asynccontextmanager
async def socket_io(server: Server) -> AsyncIterator[tuple[Look, socketio.AsyncClient]]:
    """Follows the pictures, and can be asked to steer."""
    client = socketio.AsyncClient(reconnection=False)
    frames: asyncio.Queue[bytes] = asyncio.Queue()
    client.on("frame", lambda head, picture: frames.put_nowait(picture))
    await client.connect(server.url)

    async def look() -> float:
        return grey(await frames.get())

    try:
        await client.call("subscribe", {"session": "dream", "port": "image"})
        yield look, client
    finally:
        await client.disconnect()


async def curl(server: Server, path: str, *options: str) -> bytes:
    address = f"{server.url}/api/sessions/dream/{path}"
    process = await asyncio.create_subprocess_exec(
        *("curl", "-sSf", *options, address), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    out, complaint = await process.communicate()
    assert process.returncode == 0, complaint.decode()
    return out


async def oscsend(server: Server, *words: str) -> None:
    code, _, complaint = await call(f"osc.udp://127.0.0.1:{osc_port(server)}", *words, command=("oscsend",))
    assert code == 0, complaint


def grey(picture: bytes) -> float:
    return float(cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_GRAYSCALE).mean())


async def sees_it_move(look: Look) -> None:
    """Until it has seen several pictures."""
    seen: set[int] = set()
    while len(seen) < 4:
        seen.add(round(await look()))


async def sees_it_stay(look: Look) -> None:
    """Until so many pictures in a row are of the one grey."""
    count = 0
    while count < IN_A_ROW:
        count = count + 1 if abs(await look() - GREY) < 3 else 0


# --- what they see -------------------------------------------------------------------------------


async def test_one_walk_is_steered_over_every_wire_and_all_see_the_same(server: Server):
    async with AsyncExitStack() as stack:
        film = await stack.enter_async_context(ffmpeg(server))
        frames, client = await stack.enter_async_context(socket_io(server))

        async def fetched() -> float:
            return grey(await curl(server, "outputs/image.png"))

        async def by_oscsend(truncation: float) -> None:
            await oscsend(server, "/dream/truncation", "f", str(truncation))

        async def by_socket_io(truncation: float) -> None:
            await client.emit("send", {"session": "dream", "inputs": {"truncation": truncation}})

        async def by_curl(truncation: float) -> None:
            await curl(server, "inputs", "-X", "PATCH", "-d", json.dumps({"truncation": truncation}))

        async def all_see(what: Callable[[Look], Awaitable[None]]) -> None:
            async with asyncio.TaskGroup() as group:
                for look in (film, frames, fetched):
                    group.create_task(what(look))

        await client.call("walk", {"session": "dream", "set": {"play": True, "fps": 50}, "id": 1})
        await frames()  # before the first picture there is none to fetch
        await all_see(sees_it_move)
        for steer in (by_oscsend, by_socket_io, by_curl):
            await steer(0)
            await all_see(sees_it_stay)
            await steer(1)
            await all_see(sees_it_move)

        await asyncio.gather(
            oscsend(server, "/dream/walk/kind", "s", "circle"),
            client.call("walk", {"session": "dream", "set": {"seconds": 3}, "id": 2}),
            curl(server, "walk", "-X", "PATCH", "-d", '{"seed": 7}'),
        )
        wanted = {"kind": "circle", "seconds": 3, "seed": 7}
        while not wanted.items() <= json.loads(await curl(server, "walk"))["settings"].items():
            pass
        told = await client.call("walk", {"session": "dream", "id": 3})
        assert wanted.items() <= told["value"]["settings"].items()
        await all_see(sees_it_move)
