"""OSC with programs that others wrote: oscsend, oscdump, Pure Data. A suite of its own, for they have to be there."""

import asyncio
import base64
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import cv2
import numpy as np
import psutil
import pytest

from bridge.osc import codec
from bridge.server import Server
from bridge.walks.player import Player
from tests.bridges import ROOT, call
from tests.transports.serving import MODELS, serving
from tests.transports.talking import osc_port
from tests.transports.test_osc import until

EXAMPLES = ROOT / "examples"


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    """With a session that is called as the examples have it."""
    async with serving(models=(f"dream={MODELS / 'latent'}", f"counter={MODELS / 'counter'}")) as server:
        for name in ("dream", "counter"):
            await server.hub.get(name).started()
        yield server


async def oscsend(server: Server, *words: str, way: str = "osc.udp") -> None:
    code, _, complaint = await call(f"{way}://127.0.0.1:{osc_port(server)}", *words, command=("oscsend",))
    assert code == 0, complaint


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def started(*command: str, environment: dict[str, str] | None = None) -> AsyncIterator[asyncio.StreamReader]:
    """A program, and what it prints."""
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, env=environment
    )
    assert process.stdout is not None
    try:
        yield process.stdout
    finally:
        process.terminate()
        await process.stdout.read()
        await process.wait()


async def line_with(lines: asyncio.StreamReader, *words: str) -> str:
    """The next line with all these words in it."""
    while line := await asyncio.wait_for(lines.readline(), 30):
        if all(word in line.decode() for word in words):
            return line.decode().strip()
    raise AssertionError("it ended")


async def bound(port: int) -> None:
    """Until a program has this UDP port: before that, the system says that nobody does."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(("127.0.0.1", port))
            probe.setblocking(False)
            probe.send(codec.bundle([]))
            await asyncio.sleep(0.05)
            try:
                probe.recv(16)
            except ConnectionRefusedError:
                continue
            except BlockingIOError:
                return


async def bound_over_tcp(port: int) -> None:
    """Until a program listens on this port. Asked of the system, for oscdump would take a connection as a sender."""
    while not any(one.laddr.port == port and one.status == "LISTEN" for one in psutil.net_connections("tcp")):
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("way", ["osc.udp", "osc.tcp"])
async def test_oscsend_sets_numbers_words_and_vectors(server: Server, way: str):
    player = await server.walks.of(server.hub.get("dream"))
    await oscsend(server, "/dream/truncation", "f", "0.25", way=way)
    await oscsend(server, "/dream/walk/kind", "s", "circle", way=way)
    await oscsend(server, "/dream/walk/keyframes", "iii", "3", "14", "15", way=way)
    await oscsend(server, "/dream/walk/playing", "F", way=way)
    session = server.hub.get("dream")
    await until(lambda: player.settings.playing is False)
    await until(lambda: session.inputs()["truncation"] == 0.25)
    assert (player.settings.kind, player.describe()["settings"]["keyframes"]) == ("circle", [3, 14, 15])


async def test_oscdump_shows_what_is_given_out(server: Server):
    port = free_port()
    async with started("oscdump", "-L", str(port)) as lines:
        await bound(port)
        await oscsend(server, "/counter/subscribe", "i", str(port))
        await oscsend(server, "/counter/upto", "i", "2")
        assert '"0 "' in await line_with(lines, "/counter/out/text")
        assert '"1 "' in await line_with(lines, "/counter/out/text")
        await oscsend(server, "/dream/subscribe", "is", str(port), "format=f32")
        await oscsend(server, "/dream/walk/play")
        assert f"{server.url}/api/sessions/dream/outputs/image.jpg" in await line_with(lines, "/dream/out/image")


async def test_oscdump_over_tcp_is_connected_to(server: Server):
    port = free_port()
    async with started("oscdump", "-L", f"osc.tcp://:{port}") as lines:
        await bound_over_tcp(port)
        await oscsend(server, "/counter/subscribe", "s", f"osc.tcp://127.0.0.1:{port}")
        await until(lambda: server.hub.get("counter").describe()["stats"]["readers"])
        await oscsend(server, "/counter/upto", "i", "2")
        assert '"0 "' in await line_with(lines, "/counter/out/text")
    await until(lambda: not server.hub.get("counter").describe()["stats"]["readers"])  # it has hung up


async def test_the_example_for_the_shell(server: Server):
    player = await server.walks.of(server.hub.get("dream"))
    code, _, complaint = await call(str(EXAMPLES / "walk-osc" / "walk.sh"), str(osc_port(server)), command=("sh",))
    assert code == 0, complaint
    await until(lambda: player.settings.playing)
    settings = player.describe()["settings"]
    assert (settings["kind"], settings["keyframes"], settings["bpm"], settings["beats"]) == (
        "loop",
        [3, 14, 15],
        60,
        60,
    )
    assert settings["directions"] == {"direction/1": 2.0} and settings["seconds"] == 10


async def test_the_example_for_pure_data(server: Server, tmp_path: Path):
    patch = (EXAMPLES / "walk-puredata" / "walk.pd").read_text()
    (tmp_path / "walk.pd").write_text(patch.replace("9000", str(osc_port(server))))
    async with started("pd", "-nogui", "-noaudio", "-nomidi", "-stderr", str(tmp_path / "walk.pd")) as lines:
        assert "/subscribe" in await line_with(lines, "answer:")
        assert f"{server.url}/api/sessions/dream/outputs/image.jpg" in await line_with(lines, "given:", "out", "image")
        session = server.hub.get("dream")
        await until(lambda: server.walks.running(session) is not None)
        player = server.walks.running(session)
        assert player is not None
        await until(lambda: player.settings.kind == "circle" and player.settings.speed != 1.0)
        first = player.settings.speed
        await until(lambda: player.settings.speed != first)


async def test_pure_data_sends_words_with_spaces_and_hears_why_not(server: Server, tmp_path: Path):
    """A patch that sends two words to a text input, and something wrong."""
    (tmp_path / "words.pd").write_text(_WORDS.replace("9000", str(osc_port(server))))
    async with started("pd", "-nogui", "-noaudio", "-nomidi", "-stderr", str(tmp_path / "words.pd")) as lines:
        assert "number" in await line_with(lines, "heard:", "/counter/upto")
    await until(lambda: server.hub.get("counter").inputs()["prefix"] == "hello world 7")


_WORDS = """#N canvas 0 0 400 300 12;
#X obj 10 10 loadbang;
#X obj 10 40 t b b b;
#X msg 200 70 connect 127.0.0.1 9000;
#X msg 100 70 list hello world 7;
#X obj 100 100 oscformat counter prefix;
#X msg 10 70 list many;
#X obj 10 100 oscformat counter upto;
#X obj 10 150 list prepend send;
#X obj 10 180 list trim;
#X obj 10 210 netsend -u -b;
#X obj 200 210 oscparse;
#X obj 200 240 print heard;
#X connect 0 0 1 0;
#X connect 1 0 5 0;
#X connect 1 1 3 0;
#X connect 1 2 2 0;
#X connect 2 0 9 0;
#X connect 3 0 4 0;
#X connect 4 0 7 0;
#X connect 5 0 6 0;
#X connect 6 0 7 0;
#X connect 7 0 8 0;
#X connect 8 0 9 0;
#X connect 9 1 10 0;
#X connect 10 0 11 0;
"""


async def test_one_walk_steered_by_oscsend_by_a_web_socket_and_by_curl_at_once(server: Server):
    """All steer the same walk, and all see the same frames."""
    player = await server.walks.of(server.hub.get("dream"))
    async with (
        aiohttp.ClientSession(server.url) as web,
        web.ws_connect("/api/ws") as watcher,
        web.ws_connect("/api/ws") as other,
    ):
        for one in (watcher, other):
            await one.receive_json()
            await one.send_json({"type": "subscribe", "id": 1, "session": "dream", "port": "image", "binary": False})
        await asyncio.gather(
            *(oscsend(server, "/dream/walk/speed", "f", str(number)) for number in range(1, 6)),
            *(curled(server, f'{{"seconds": {number}}}') for number in range(1, 6)),
            *(told(web, {"distance": number / 10}) for number in range(1, 6)),
        )
        await oscsend(server, "/dream/walk/speed", "f", "2")
        await curled(server, '{"seconds": 7}')
        await told(web, {"distance": 0.5, "kind": "drift"})
        await until(lambda: settings_of(player) == (2.0, 7.0, 0.5))
        await oscsend(server, "/dream/walk/pause")
        await until(lambda: not player.settings.playing)
        seen = [await last_frames(one) for one in (watcher, other)]
    assert seen[0][-1] == seen[1][-1]
    assert cv2.imdecode(np.frombuffer(seen[0][-1], np.uint8), cv2.IMREAD_COLOR) is not None


def settings_of(player: Player) -> tuple[object, ...]:
    return player.settings.speed, player.settings.seconds, player.settings.distance


async def curled(server: Server, body: str) -> None:
    address = f"{server.url}/api/sessions/dream/walk"
    code, out, complaint = await call("-fsS", "-X", "PATCH", address, "-d", body, command=("curl",))
    assert code == 0, complaint + out


async def told(web: aiohttp.ClientSession, patch: dict[str, object]) -> None:
    async with web.ws_connect("/api/ws") as socket:
        await socket.receive_json()
        await socket.send_json({"type": "walk", "id": 1, "session": "dream", "set": patch})
        assert (await socket.receive_json())["type"] == "reply"


async def last_frames(socket: aiohttp.ClientWebSocketResponse) -> list[bytes]:
    """All pictures until none comes any more."""
    found: list[bytes] = []
    while True:
        try:
            message = await socket.receive_json(timeout=1.0)
        except TimeoutError:
            return found
        if message["type"] == "frame":
            found.append(base64.b64decode(message["value"].partition(",")[2]))
