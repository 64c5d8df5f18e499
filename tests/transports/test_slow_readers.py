"""Readers that never read, over real sockets: they skip or are sent away, and nobody else notices."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bridge import limits
from bridge.server import Server
from bridge.session.outputs import Event
from bridge.transports.http_run import Runs
from tests.transports.serving import deaf, exists, full, serving
from tests.transports.test_websocket_codec import HANDSHAKE, frame

PICTURE = {"width": 1024, "height": 1024}


def get(path: str, more: str = "", method: str = "GET") -> bytes:
    return f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{more}\r\n".encode()


def socket(**message: object) -> tuple[bytes, bytes]:
    """The handshake, and what is said then."""
    more = "".join(f"{name}: {value}\r\n" for name, value in HANDSHAKE.items())
    return get("/api/ws", more), frame(0x1, json.dumps(message).encode())


def socketio(verb: str, **fields: object) -> tuple[bytes, bytes]:
    """The same over Socket.IO."""
    more = "".join(f"{name}: {value}\r\n" for name, value in HANDSHAKE.items())
    event = f"42{json.dumps([verb, fields])}".encode()
    return get("/socket.io/?EIO=4&transport=websocket", more), frame(0x1, b"40") + frame(0x1, event)


FOLLOWERS = {
    "mjpeg": (get("/api/sessions/painter/stream/image.mjpg"),),
    "events": (get("/api/sessions/painter/events?port=image"),),
    "websocket": socket(type="subscribe", id=1, session="painter", port="image"),
    "socketio": socketio("subscribe", session="painter", port="image"),
}
FOLLOWERS_OF_ALL = {
    "events": (get("/api/sessions/painter/events?port=image&policy=all"),),
    "websocket": socket(type="subscribe", id=1, session="painter", port="image", policy="all"),
    "socketio": socketio("subscribe", session="painter", port="image", policy="all"),
}
EAGER = "Accept: text/event-stream\r\n"
STREAMS = {
    "events": (get("/api/sessions/counter/run?upto=1000000000", EAGER, "POST"),),
    "websocket": socket(type="run", id=1, session="counter", inputs={"upto": 1_000_000_000}, stream=True),
    "socketio": socketio("run", session="counter", inputs={"upto": 1_000_000_000}, stream=True),
}


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serving("painter", "counter", "gate") as server:
        yield server


def stats(server: Server, name: str = "painter") -> dict[str, float]:
    found: dict[str, float] = server.hub.get(name).describe()["stats"]
    return found


async def paint(server: Server) -> None:
    await server.hub.get("painter").run(PICTURE).result()


@pytest.mark.parametrize("kind", list(FOLLOWERS))
async def test_a_follower_who_never_reads_skips_and_another_gets_every_picture(server: Server, kind: str) -> None:
    async with (
        deaf(server, *FOLLOWERS[kind]) as connection,
        server.hub.get("painter").subscribe("image", "all") as pictures,
    ):
        while stats(server)["readers"] < 2:
            await asyncio.sleep(0)
        painted = 0
        while not connection._wire.get_write_buffer_size():
            await paint(server)
            painted += 1
        for _ in range(50):
            await paint(server)
        sizes = [len((await anext(pictures)).value.data) for _ in range(painted + 50)]
        assert stats(server)["drops"] >= 49
        assert connection._wire.get_write_buffer_size() < 2 * max(sizes)  # one picture, perhaps as base64
        await server.close()
        assert connection._gone.done()


@pytest.mark.parametrize("kind", list(FOLLOWERS_OF_ALL))
async def test_a_follower_of_all_who_never_reads_is_sent_away_at_the_bound(
    server: Server, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "LOSSLESS_FRAMES", 10)
    async with deaf(server, *FOLLOWERS_OF_ALL[kind]):
        while not stats(server)["readers"]:
            await asyncio.sleep(0)
        while stats(server)["readers"]:
            await paint(server)
        await paint(server)
        await server.close()


@pytest.mark.parametrize("kind", list(STREAMS))
async def test_a_run_whose_caller_never_reads_is_ended_at_the_bound(server: Server, kind: str) -> None:
    async with deaf(server, *STREAMS[kind]) as connection:
        while not stats(server, "counter")["cancelled"]:
            await asyncio.sleep(0)
        assert connection._wire.get_write_buffer_size() > 0
        assert connection._wire.get_write_buffer_size() < limits.REPLY_BYTES
        await server.close()
        assert connection._gone.done()


async def test_a_run_whose_caller_never_reads_is_ended_in_time_and_the_caller_hung_up_on(
    server: Server, tmp_path: Path
) -> None:
    (runs,) = [route.handler.__self__ for route in server.http.routes if route.path.endswith("/run")]  # type: ignore[attr-defined]
    assert isinstance(runs, Runs)
    runs._run_seconds = 0.5
    path = tmp_path / "steps"
    path.write_text("\n".join(["x" * 500_000] * 16))
    request = get(f"/api/sessions/gate/run?command=steps&path={path}", EAGER, "POST")
    async with deaf(server, request) as connection:
        await full(connection)
        await exists(Path(f"{path}.left"))
        assert (await server.hub.get("gate").run({"tag": "free"}).result()).outputs == {"text": "free"}
        await connection._gone


async def test_of_events_that_nobody_reads_the_oldest_are_lost(server: Server) -> None:
    async with deaf(server, get("/api/events")) as connection:
        while not connection._wire.get_write_buffer_size():
            server.hub.events.publish(Event("log", "painter", {"line": "x" * 10_000}))
            await asyncio.sleep(0)
        for _ in range(10 * limits.EVENTS_WAITING):
            server.hub.events.publish(Event("log", "painter", {"line": "x" * 10_000}))
        await paint(server)
        waiting = [len(reader._events) for reader in server.hub.events._listeners if reader.drops]
        assert waiting == [limits.EVENTS_WAITING]
        assert connection._wire.get_write_buffer_size() < 20_000
        await server.close()
        assert connection._gone.done()
