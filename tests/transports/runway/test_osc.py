"""Server A over OSC, with python-osc and with liblo's own tools."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder

from bridge import limits
from bridge.server import Server
from bridge.transports.runway import osc
from tests.transports.runway.homes import homes, place, port
from tests.transports.serving import exists


class Ear:
    """A UDP socket that says and hears OSC."""

    def __init__(self, to: int, host: str = "127.0.0.1") -> None:
        self.to = (host, to)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)

    @property
    def port(self) -> int:
        return int(self.socket.getsockname()[1])

    def say(self, address: str, *arguments: object) -> None:
        builder = OscMessageBuilder(address)
        for argument in arguments:
            builder.add_arg(argument)  # type: ignore[arg-type]
        self.send(builder.build().dgram)

    def send(self, data: bytes) -> None:
        self.socket.sendto(data, self.to)

    async def hear(self, address: str) -> object:
        while True:
            heard = OscMessage(await asyncio.get_running_loop().sock_recv(self.socket, 65536))
            if heard.address == address:
                (text,) = heard.params
                return json.loads(text)


@asynccontextmanager
async def ear(server: Server, session: str) -> AsyncIterator[Ear]:
    made = Ear(port(server, session, "osc"))
    try:
        yield made
    finally:
        made.socket.close()


async def test_who_connects_is_informed_and_hears_all_outputs():
    async with homes("echo") as server, ear(server, "echo") as one, ear(server, "echo") as other:
        for each in (one, other):
            each.say("/server/connect")
            assert [field["name"] for field in (await each.hear("/info"))["inputs"]] == ["value"]
        one.say("/query", '{"value": [1, 2]}')
        assert await one.hear("/data") == await other.hear("/data") == {"any": [1, 2]}
        server.hub.get("echo").send({"value": "live"})
        assert await other.hear("/data") == {"any": "live"}
        other.say("/server/disconnect")
        one.say("/query", '{"value": 2}')
        await one.hear("/data")
        other.say("/query", '{"value": 3}')
        assert await other.hear("/data") == {"any": 3}  # its own answer, and nothing of what was between


async def test_who_only_asks_is_answered():
    async with homes("echo") as server, ear(server, "echo") as one:
        one.say("/query", '{"value": "x"}')
        assert await one.hear("/data") == {"any": "x"}


async def test_one_more_port_may_be_named():
    async with homes("echo") as server, ear(server, "echo") as one, ear(server, "echo") as listens:
        one.say("/server/connect", listens.port)
        await listens.hear("/info")
        one.say("/query", '{"value": 1}')
        assert await listens.hear("/data") == {"any": 1}


async def test_a_fixed_target_hears_without_asking():
    listens = Ear(0)
    target = f"127.0.0.1:{listens.port}"
    try:
        async with homes("echo", "counter", runway_osc_targets=(f"echo={target}",)) as server:
            await server.hub.get("counter").run({}).result()
            await server.hub.get("echo").run({"value": 1}).result()
            assert await listens.hear("/data") == {"any": 1}
    finally:
        listens.socket.close()


@pytest.mark.parametrize("entry", ["here", "localhost", "example.org:57200", "127.0.0.1:0", "echo=127.0.0.1"])
async def test_a_target_that_is_none_is_named(entry: str):
    async with homes(runway_osc_targets=(entry,)) as server:
        (wire,) = [wire for wire in server.wires.described() if wire.name == "runway"]
        assert wire.state == "failed" and "--runway-osc-target" in wire.message


WRONG = (
    (b"not osc", "not OSC"),
    (b"", "not OSC"),
    (b"#bundle\0" + b"\0" * 8 + b"\xff\xff\xff\xff", "not OSC"),
    (b"/fly\0\0\0\0,\0\0\0", "no address /fly"),
    (b"/query\0\0,\0\0\0", "one text"),
    (b"/query\0\0,i\0\0\0\0\0\1", "one text"),
    (b"/query\0\0,s\0\0{no\0", "not JSON"),
    (b"/query\0\0,s\0\0[1]\0", "a list"),
    (b"/query\0\0,s\0\0" + b'{"fly":1}\0\0\0', "no input 'fly'"),
)


@pytest.mark.parametrize(("data", "told"), WRONG)
async def test_what_is_wrong_is_told_to_who_said_it(data: bytes, told: str):
    async with homes("echo") as server, ear(server, "echo") as one:
        one.send(data)
        assert told in (await one.hear("/error"))["error"]
        one.say("/query", '{"value": "goes on"}')
        assert await one.hear("/data") == {"any": "goes on"}


async def test_our_own_words_are_not_answered():
    """Two bridges that answer each other's errors would never end."""
    async with homes("echo") as server, ear(server, "echo") as one:
        for address in ("/error", "/data", "/info"):
            one.say(address, "{}")
        one.say("/query", '{"value": 1}')
        first = OscMessage(await asyncio.get_running_loop().sock_recv(one.socket, 65536))
        assert first.address == "/data"


async def test_too_much_for_a_datagram_is_told_once_until_something_fits():
    async with homes("echo") as server, ear(server, "echo") as one:
        one.say("/server/connect")
        await one.hear("/info")
        at = place(server, "echo") + "/query"
        async with aiohttp.ClientSession() as http:
            for value in ("x" * 70_000, "y" * 70_000, "fits", "z" * 70_000):
                async with http.post(at, json={"value": value}) as answer:
                    await answer.read()
        first = await one.hear("/error")
        assert "an OSC message holds up to 64 KiB" in first["error"] and first["code"] == "too_large"
        assert await one.hear("/data") == {"any": "fits"}
        assert "an OSC message" in (await one.hear("/error"))["error"]


async def test_who_asks_without_waiting_hears_of_the_newest(tmp_path: Path):
    gate = tmp_path / "gate"
    async with homes("gate") as server, ear(server, "gate") as one:
        one.say("/query", json.dumps({"path": str(gate), "tag": "first"}))
        await exists(tmp_path / "gate.begun")
        for number in range(50):
            one.say("/query", json.dumps({"tag": str(number)}))
        async with aiohttp.ClientSession() as http, http.get(place(server, "gate") + "/info") as answer:
            await answer.read()  # by now it has read them
        gate.touch()
        while (await one.hear("/data")) != {"text": "49"}:
            continue
        assert server.hub.get("gate").stats.runs < 50


async def test_so_many_subscribers_and_the_oldest_goes(monkeypatch):
    monkeypatch.setattr(limits, "RUNWAY_CLIENTS", 2)
    async with homes("echo") as server, ear(server, "echo") as one, ear(server, "echo") as two:
        ears = [one, two, Ear(port(server, "echo", "osc"))]
        for each in ears:
            each.say("/server/connect")
            await each.hear("/info")
        await server.hub.get("echo").run({"value": 1}).result()
        assert await ears[2].hear("/data") == await two.hear("/data") == {"any": 1}
        one.say("/query", '{"value": 2}')
        assert await one.hear("/data") == {"any": 2}
        ears[2].socket.close()


async def test_for_one_who_went_without_a_word_nothing_is_made_any_more(monkeypatch):
    """And one who says from a port of its own that it listens on the usual one is heard of there."""
    monkeypatch.setattr(limits, "OSC_PROBE_SECONDS", 0.01)
    async with homes("echo") as server, ear(server, "echo") as usual:
        monkeypatch.setattr(osc, "LISTENS", usual.port)
        session = server.hub.get("echo")
        async with ear(server, "echo") as one:
            one.say("/server/connect")
            await usual.hear("/info")
        for number in range(20):
            await session.run({"value": number}).result()
            assert await usual.hear("/data") == {"any": number}
        usual.socket.close()
        while session.describe()["stats"]["readers"]:
            await asyncio.sleep(0.005)


async def test_a_closed_session_lets_go_of_its_port():
    async with homes("echo") as server:
        number = port(server, "echo", "osc")
        await server.hub.close_session("echo")
        while True:
            try:
                osc.bound("127.0.0.1", number).close()
                break
            except OSError:
                await asyncio.sleep(0.005)


async def test_a_sender_that_is_not_allowed_is_told_how_to_be():
    async with homes("echo", token="secret") as server, ear(server, "echo") as one:
        one.say("/query", '{"value": 1}')
        assert "--runway-allow 127.0.0.1" in (await one.hear("/error"))["error"]
        one.say("/query", '{"value": 1}')  # told once
    async with homes("echo", token="secret", runway_allow=("127.0.0.1",)) as server, ear(server, "echo") as one:
        one.say("/query", '{"value": 1}')
        assert await one.hear("/data") == {"any": 1}


def test_an_address_is_a_number_and_a_port():
    assert osc.address("localhost:57200") == ("127.0.0.1", 57200)
    assert osc.address("[::1]:57200") == ("::1", 57200)
    for wrong in ("here:1", "1.2.3.4", "1.2.3.4:x", "1.2.3.4:99999"):
        with pytest.raises(ValueError):  # noqa: PT011
            osc.address(wrong)
