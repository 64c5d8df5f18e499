"""One walk, steered at once by oscsend, by a client of Socket.IO and by curl; they and ffmpeg all see it move.

Part of the suite `osc` (`make test SUITES=osc`), because it takes these programs, which tests/tools.py gets.
"""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress

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
AS_IT_IS = {"format": "jpeg", "quality": 90}  # how all of them ask for it where the bytes are compared
PATIENCE = 20.0
END = b"\xff\xd9"  # of a JPEG, and nowhere else in it
Look = Callable[[], Awaitable[float]]  # the grey of the next picture
Take = Callable[[], Awaitable[bytes]]  # the next picture itself


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serving(models=(f"dream={MODELS / 'latent'}",)) as server:
        await server.hub.get("dream").started()
        yield server


# --- who looks -----------------------------------------------------------------------------------


@asynccontextmanager
async def ffmpeg(server: Server) -> AsyncIterator[Look]:
    """Plays the stream, and prints every picture in grey."""
    async with played(server, "stream/image.mjpg", "-f", "rawvideo", "-pix_fmt", "gray") as out:

        async def look() -> float:
            return float(np.frombuffer(await out.readexactly(SIDE * SIDE), np.uint8).mean())

        yield look


@asynccontextmanager
async def ffmpeg_copies(server: Server) -> AsyncIterator[Take]:
    """Takes the stream apart, and leaves every picture as it came."""
    async with played(server, f"stream/image.mjpg?quality={AS_IT_IS['quality']}", "-c", "copy", "-f", "mjpeg") as out:

        async def take() -> bytes:
            return await out.readuntil(END)

        yield take


@asynccontextmanager
async def played(server: Server, path: str, *output: str) -> AsyncIterator[asyncio.StreamReader]:
    """What ffmpeg makes of it."""
    at_once = ("-fflags", "nobuffer", "-probesize", "32", "-analyzeduration", "0")
    address = f"{server.url}/api/sessions/dream/{path}"
    process = await asyncio.create_subprocess_exec(
        *("ffmpeg", "-v", "error", *at_once, "-i", address, *output, "-flush_packets", "1", "-"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        yield process.stdout
    finally:
        process.kill()
        await process.communicate()


@asynccontextmanager
async def socket_io_takes(server: Server) -> AsyncIterator[Take]:
    """Follows the pictures, and leaves them as they came."""
    client = socketio.AsyncClient(reconnection=False)
    frames: asyncio.Queue[bytes] = asyncio.Queue()
    client.on("frame", lambda head, picture: frames.put_nowait(picture))
    await client.connect(server.url)
    try:
        await client.call("subscribe", {"session": "dream", "port": "image", "encoding": AS_IT_IS})
        yield frames.get
    finally:
        await client.disconnect()


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


# --- to the last byte ----------------------------------------------------------------------------


class Newest:
    """The last picture that somebody took, and whether there was another one since it was asked the last time."""

    def __init__(self, take: Take) -> None:
        self.picture = b""
        self._take = take
        self._news = asyncio.Event()

    async def follow(self) -> None:
        while True:
            taken = await self._take()
            if taken != self.picture:
                self._news.set()
            self.picture = taken

    async def changes(self) -> None:
        self._news.clear()
        await self._news.wait()


async def test_where_it_stands_still_all_have_the_same_picture_to_the_last_byte(server: Server):
    """They ask for one form, and one encoder makes it, when the picture comes or when it is asked for later."""
    pictures = []
    async with ffmpeg_copies(server) as film, socket_io_takes(server) as frames:
        watching = {"ffmpeg": Newest(film), "Socket.IO": Newest(frames)}
        following = [asyncio.create_task(one.follow()) for one in watching.values()]
        try:
            for _ in range(3):
                await oscsend(server, "/dream/walk/play")
                for one in watching.values():
                    await one.changes()
                await oscsend(server, "/dream/walk/pause")
                while json.loads(await curl(server, "walk"))["settings"]["playing"]:
                    pass
                pictures.append(await agreed(server, watching))
        finally:
            for task in following:
                task.cancel()
            await asyncio.gather(*following, return_exceptions=True)
    assert len(set(pictures)) == len(pictures)  # each time it stood somewhere else


async def agreed(server: Server, watching: dict[str, Newest]) -> bytes:
    """The picture that all of them have, once what was on its way is there."""
    have: dict[str, bytes] = {}
    with suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE):
            while len(set(have.values())) != 1:
                have = {"curl": await curl(server, f"outputs/image.jpg?quality={AS_IT_IS['quality']}")}
                have |= {name: one.picture for name, one in watching.items()}
    assert len(set(have.values())) == 1, {name: len(picture) for name, picture in have.items()}
    return have["curl"]
