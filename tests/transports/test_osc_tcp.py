"""OSC over TCP, however it is framed, beside OSCQuery on the same port."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from bridge import limits
from bridge.osc import codec
from bridge.osc.framing import Framing
from bridge.server import Server
from tests.transports.serving import exists, serving
from tests.transports.talking import osc_port, talking
from tests.transports.test_osc import until


class Stream:
    """One connection that frames as it is told."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: str) -> None:
        self._reader = reader
        self._framing = Framing()
        self._framing.way = way  # type: ignore[assignment]
        self.writer = writer
        self._inbox: list[bytes] = []

    def say(self, address: str, *values: Any) -> None:
        self.writer.write(self._framing.wrap(codec.message(address, values)))

    async def hear(self) -> codec.Message:
        while not self._inbox:
            data = await asyncio.wait_for(self._reader.read(65536), 20)
            assert data, "the connection was closed"
            self._inbox += self._framing.feed(data)[0]
        return codec.read_message(self._inbox.pop(0))


@asynccontextmanager
async def connected(server: Server, way: str = "length") -> AsyncIterator[Stream]:
    reader, writer = await asyncio.open_connection("127.0.0.1", osc_port(server, "osc.tcp"))
    yield Stream(reader, writer, way)
    writer.close()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serving("painter", "gate", "echo") as server:
        yield server


@pytest.mark.parametrize("way", ["length", "slip"])
async def test_it_answers_as_it_was_asked(server: Server, way: str):
    async with connected(server, way) as stream:
        stream.say("/painter/shade", 0.75)
        stream.say("/echo/run", "1", "value", "\N{SNOWMAN}")
        assert (await stream.hear()).arguments == ["/echo/run", "1", "any", "\N{SNOWMAN}"]
        assert (await stream.hear()).address == "/done"
    assert server.hub.get("painter").inputs()["shade"] == 0.75


async def test_a_picture_larger_than_a_datagram_goes_in_one_packet(server: Server):
    async with connected(server) as stream:
        stream.say("/painter/out/image/subscribe", "format=raw")
        await stream.hear()
        stream.say("/painter/width", 1000)
        while len((await stream.hear()).arguments[0]) != 1000 * 48 * 3:
            pass


async def test_hanging_up_ends_what_it_asked_for(server: Server, tmp_path: Path):
    async with connected(server) as stream:
        stream.say("/painter/subscribe")
        (tmp_path / "steps").write_text("one\n")
        stream.say("/gate/stream/steps", "1", "path", str(tmp_path / "steps"))
        while "one" not in (await stream.hear()).arguments:  # one that never began leaves no trace
            pass
        assert server.hub.get("painter").describe()["stats"]["readers"] == 1
    await exists(tmp_path / "steps.left")
    await until(lambda: not server.hub.get("painter").describe()["stats"]["readers"])


async def test_what_is_no_osc_and_no_http_is_hung_up_on(server: Server):
    for noise in (b"\x16\x03\x01\x02\x00", b"\xff\xff\xff\xff", b"/painter/shade\0\0"):
        reader, writer = await asyncio.open_connection("127.0.0.1", osc_port(server, "osc.tcp"))
        writer.write(noise)
        with suppress(ConnectionError):
            while data := await reader.read():
                assert b"/error" in data
        writer.close()


async def test_a_packet_beyond_the_limit_is_told_and_the_next_one_counts(server: Server):
    async with connected(server) as stream:
        size = limits.OSC_STREAM_BYTES
        stream.writer.write((size + 1).to_bytes(4))
        assert (await stream.hear()).arguments[2] == "too_large"
    async with connected(server, "slip") as stream:
        stream.say("/painter/shade", 9.0)
        assert (await stream.hear()).arguments[2] == "invalid_input"
        stream.writer.write(b"\xc0/a\xdb\xdb\xc0")
        assert (await stream.hear()).arguments[2] == "bad_message"
        stream.say("/painter/shade", 0.125)
        stream.say("/painter/shade")
        assert (await stream.hear()).arguments[2:] == [0.125]
    assert server.osc.datagrams.counts["errors"] == 3


async def test_many_slow_messages_in_one_piece_leave_others_their_turn(server: Server):
    """They are dealt with a few at a time: a datagram that comes after them need not wait for all."""
    async with connected(server) as stream, talking(server) as other:
        many = b"".join(stream._framing.wrap(codec.message("/painter/nothing", [number])) for number in range(4000))
        stream.writer.write(many)
        await stream.hear()
        await other.heard_all()
        stream.say("/painter/shade", 0.25)
        await until(lambda: server.hub.get("painter").inputs()["shade"] == 0.25)


async def test_so_many_connections_and_no_more(server: Server):
    async with AsyncExitStack() as stack:
        for _ in range(limits.OSC_CONNECTIONS):
            stream = await stack.enter_async_context(connected(server))
            stream.say("/painter/shade")
            await stream.hear()
        assert server.osc.streams.open == limits.OSC_CONNECTIONS
        await hung_up_on(server)
    await until(lambda: server.osc.streams.open == 0)


async def hung_up_on(server: Server) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", osc_port(server, "osc.tcp"))
    with suppress(ConnectionError):
        assert await asyncio.wait_for(reader.read(), 20) == b""
    writer.close()


@pytest.mark.parametrize("said", [b"", b"\0", b"\0\0\0\x10/pai"])
async def test_those_who_never_say_anything_whole_hold_no_place(server: Server, said: bytes):
    port = osc_port(server, "osc.tcp")
    async with connected(server) as first:  # the oldest, which has said something
        first.say("/painter/shade")
        await first.hear()
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(limits.OSC_CONNECTIONS - 1)]
        for _, writer in held:
            writer.write(said)
        await until(lambda: server.osc.streams.open == limits.OSC_CONNECTIONS)
        async with connected(server) as late:
            late.say("/painter/shade", 0.125)
            late.say("/painter/shade")
            assert (await late.hear()).arguments[2:] == [0.125]
            with suppress(ConnectionError):
                assert await asyncio.wait_for(held[0][0].read(), 20) == b""
        first.say("/painter/shade")
        await first.hear()
        for _, writer in held:
            writer.close()
    await until(lambda: server.osc.streams.open == 0)


async def test_the_system_looks_whether_the_other_side_is_still_there(server: Server):
    async with connected(server) as stream:
        stream.say("/painter/shade")
        await stream.hear()
        (connection,) = server.osc.streams.connections
        made = connection._transport.get_extra_info("socket")  # type: ignore[union-attr]
        assert made.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        if hasattr(socket, "TCP_KEEPIDLE"):
            assert made.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) <= 60


async def test_a_taken_port_is_told_with_its_flag_and_the_other_way_in_runs(caplog: pytest.LogCaptureFixture):
    for kind, failed in ((socket.SOCK_DGRAM, "osc"), (socket.SOCK_STREAM, "oscquery")):
        with socket.socket(socket.AF_INET, kind) as taken:
            taken.bind(("127.0.0.1", 0))
            if kind == socket.SOCK_STREAM:
                taken.listen()
            port = taken.getsockname()[1]
            async with serving("echo", osc_port=port) as server:
                wires = {wire.name: wire for wire in server.wires.described()}
                assert wires[failed].state == "failed" and f"--osc-port {port + 1}" in wires[failed].hint
                assert f"port {port} is taken" in wires[failed].message
                assert wires[{"osc": "oscquery", "oscquery": "osc"}[failed]].state == "on"


async def test_osc_can_be_switched_off():
    async with serving(osc=False) as server:
        assert [wire.name for wire in server.wires.described() if wire.name.startswith("osc")] == []
