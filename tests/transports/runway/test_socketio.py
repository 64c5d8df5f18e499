"""Server A over Socket.IO, below what the real clients do: bad packets, slow readers, clients that vanish."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import psutil
import pytest

from bridge import limits
from bridge.config import Settings
from bridge.errors import InputError
from bridge.transports import engineio_codec as codec
from bridge.transports.engineio_codec import Packet
from bridge.transports.listen import listen
from bridge.transports.runway import socketio_codec
from bridge.transports.runway.engineio import Client, Engine
from bridge.transports.runway.gate import Gate
from bridge.transports.runway.site import Site, SitePort
from bridge.transports.security import Security
from tests.transports.runway.homes import homes, place
from tests.transports.serving import exists


class Polling:
    """A client by hand, of either protocol."""

    def __init__(self, http: aiohttp.ClientSession, at: str, version: int = 4) -> None:
        self.http = http
        self.version = version
        self.at = f"{at}/socket.io/?EIO={version}&transport=polling"
        self.held: list[Packet] = []

    async def open(self) -> dict:
        first, *rest = await self.poll()
        told = json.loads(first.data)
        self.at += f"&sid={told['sid']}"
        if self.version == 4:
            await self.say("40")
            rest = await self.poll()
        assert rest[0].data.startswith(b"0")
        self.held = rest[1:]
        return told

    async def poll(self) -> list[Packet]:
        async with self.http.get(self.at) as answer:
            assert answer.status == 200, await answer.text()
            return codec.from_payload(await answer.read(), self.version, False)

    async def say(self, *packets: str) -> int:
        made = [codec.from_text(packet.encode(), self.version) for packet in packets]
        return await self.send(codec.to_payload(made, self.version, True)[0])

    async def send(self, body: bytes) -> int:
        async with self.http.post(self.at, data=body, headers={"Content-Type": "text/plain"}) as answer:
            await answer.read()
            return answer.status

    async def heard(self, name: str) -> object:
        while True:
            while self.held:
                packet = self.held.pop(0)
                if packet.data.startswith(f'2["{name}",'.encode()):
                    return json.loads(packet.data[1:])[1]
            self.held = await self.poll()


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as client:
        yield client


@pytest.mark.parametrize("version", [3, 4])
async def test_a_client_is_informed_asks_and_hears(http: aiohttp.ClientSession, version: int):
    async with homes("echo") as server:
        client = Polling(http, place(server, "echo", "socket.io"), version)
        told = await client.open()
        assert told["upgrades"] == ["websocket"] and ("maxPayload" in told) == (version == 4)
        assert await client.heard("info") == {
            "inputs": [{"type": "any", "name": "value", "description": ""}],
            "outputs": [{"type": "any", "name": "any", "description": ""}],
        }
        await client.say('42["query",{"value":"🦜"}]')
        assert await client.heard("data") == {"any": "🦜"}
        await client.say('42["query","{\\"value\\": 3}"]')
        assert await client.heard("data") == {"any": 3}


@pytest.mark.parametrize("version", [3, 4])
async def test_what_is_wrong_is_told_to_who_said_it(http: aiohttp.ClientSession, version: int):
    async with homes("echo") as server:
        client = Polling(http, place(server, "echo", "socket.io"), version)
        await client.open()
        await client.say('42["fly",{}]')
        assert "there is no event 'fly'" in (await client.heard("error"))["error"]
        await client.say('42["query",7]')
        assert "by name; 7 came" in (await client.heard("error"))["error"]
        await client.say('42["query",{"speed":7}]')
        assert "no input 'speed'" in (await client.heard("error"))["error"]


async def test_other_namespaces_are_refused_as_clients_expect(http: aiohttp.ClientSession):
    async with homes("echo") as server:
        client = Polling(http, place(server, "echo", "socket.io"))
        await client.open()
        await client.say("40/admin,")
        while not (found := [packet for packet in await client.poll() if packet.data.startswith(b"4/admin")]):
            continue
        assert json.loads(found[0].data.partition(b",")[2]) == {"message": "Invalid namespace"}


async def test_strangers_and_nonsense_are_refused(http: aiohttp.ClientSession):
    async with homes("echo") as server:
        at = place(server, "echo", "socket.io") + "/socket.io/"
        for query, code in (("", 0), ("?transport=pigeon", 0), ("?transport=polling&sid=nobody", 1)):
            async with http.get(at + query) as answer:
                assert (answer.status, (await answer.json())["code"]) == (400, code)
        async with http.post(at + "?transport=polling&EIO=4", data=b"40") as answer:
            assert answer.status == 400
        client = Polling(http, place(server, "echo", "socket.io"))
        await client.open()
        assert await client.send(b"9what") == 400
        async with http.get(client.at) as answer:
            assert answer.status == 400  # it is gone


async def test_pages_may_poll_with_the_credentials_that_old_clients_ask_for(http: aiohttp.ClientSession):
    async with homes("echo") as server:
        at = place(server, "echo", "socket.io") + "/socket.io/?EIO=3&transport=polling&b64=1"
        async with http.get(at, headers={"Origin": "https://editor.p5js.org"}) as answer:
            assert answer.headers["Access-Control-Allow-Origin"] == "https://editor.p5js.org"
            assert answer.headers["Access-Control-Allow-Credentials"] == "true"


async def test_a_client_who_asks_without_waiting_hears_of_the_newest(http: aiohttp.ClientSession, tmp_path: Path):
    gate = tmp_path / "gate"
    async with homes("gate") as server:
        client = Polling(http, place(server, "gate", "socket.io"))
        await client.open()
        await client.say(f'42["query",{json.dumps({"path": str(gate), "tag": "first"})}]')
        await exists(tmp_path / "gate.begun")
        await client.say(*(f'42["query",{{"tag":"{number}"}}]' for number in range(50)))
        gate.touch()
        heard = []
        while heard[-1:] != ["49"]:
            heard.append((await client.heard("data"))["text"])
        assert server.hub.get("gate").stats.runs <= 2 + limits.RUNWAY_QUERIES


async def test_what_a_client_asked_to_be_acknowledged_ends_with_it(http: aiohttp.ClientSession, tmp_path: Path):
    gate, left = tmp_path / "gate", tmp_path / "left"
    async with homes("gate") as server:
        client, other = (Polling(http, place(server, "gate", "socket.io")) for _ in range(2))
        await client.open()
        await other.open()
        for number, path in enumerate((gate, left)):
            await client.say(f'42{number}["query",{json.dumps({"path": str(path)})}]')
        await exists(tmp_path / "gate.begun")
        await client.say("41")
        gate.touch()
        left.touch()
        await other.say('42["query",{"tag":"after"}]')
        while (await other.heard("data"))["text"] != "after":
            continue
        assert not (tmp_path / "left.begun").exists()


async def test_a_client_who_does_not_poll_costs_one_place(http: aiohttp.ClientSession):
    async with homes("echo") as server:
        deaf = Polling(http, place(server, "echo", "socket.io"))
        await deaf.open()
        await deaf.heard("info")
        at = place(server, "echo") + "/query"
        for number in range(200):
            async with http.post(at, json={"value": "x" * 10_000 + str(number)}) as answer:
                await answer.read()
        (packet,) = await deaf.poll()
        assert packet.data.endswith(b'199"}]')


async def test_a_second_poll_takes_over_from_one_that_was_lost(http: aiohttp.ClientSession):
    async with homes("echo") as server:
        client = Polling(http, place(server, "echo", "socket.io"))
        await client.open()
        await client.heard("info")
        first, second = asyncio.create_task(client.poll()), asyncio.create_task(client.poll())
        (done,), _ = await asyncio.wait((first, second), return_when=asyncio.FIRST_COMPLETED)
        assert [packet.kind for packet in done.result()] == [codec.NOOP]
        await client.say('42["query",{"value":1}]')
        (other,) = {first, second} - {done}
        assert [packet.data for packet in await other] == [b'2["data",{"any":1}]']


async def test_a_socket_moves_over_and_what_it_is_told_comes_there(http: aiohttp.ClientSession):
    async with homes("echo") as server:
        client = Polling(http, place(server, "echo", "socket.io"))
        await client.open()
        await client.heard("info")
        waiting = asyncio.create_task(client.poll())
        async with http.ws_connect(client.at.replace("polling", "websocket")) as socket:
            await socket.send_str("2probe")
            assert await socket.receive_str() == "3probe"
            assert [packet.kind for packet in await waiting] == [codec.NOOP]
            await socket.send_str("5")
            await socket.send_str('42["query",{"value":1}]')
            assert await socket.receive_str() == '42["data",{"any":1}]'
            async with http.ws_connect(client.at.replace("polling", "websocket")) as other:
                await other.send_str("2probe")
                assert (await other.receive()).type is aiohttp.WSMsgType.CLOSE
            await socket.send_str('42["query",{"value":2}]')
            assert await socket.receive_str() == '42["data",{"any":2}]'


async def test_of_two_sockets_that_ask_to_take_over_one_does(http: aiohttp.ClientSession):
    async with homes("echo") as server:
        client = Polling(http, place(server, "echo", "socket.io"))
        await client.open()
        await client.heard("info")
        at = client.at.replace("transport=polling", "transport=websocket")
        async with http.ws_connect(at) as first, http.ws_connect(at) as second:
            for socket in (first, second):
                await socket.send_str("2probe")
                assert await socket.receive_str() == "3probe"
            await first.send_str("5")
            await first.send_str('42["query",{"value":1}]')
            assert await first.receive_str() == '42["data",{"any":1}]'
            await second.send_str("5")
            assert (await second.receive()).type is aiohttp.WSMsgType.CLOSE
            await first.send_str('42["query",{"value":2}]')
            assert await first.receive_str() == '42["data",{"any":2}]'


async def test_so_many_clients_may_be_there_and_no_more(http: aiohttp.ClientSession):
    async with homes("echo") as server:
        at = place(server, "echo", "socket.io")
        clients = [Polling(http, at) for _ in range(limits.RUNWAY_CLIENTS)]
        for client in clients:
            await client.open()
        async with http.get(f"{at}/socket.io/?EIO=4&transport=polling") as answer:
            assert answer.status == 429
        await clients[0].say("1")
        await Polling(http, at).open()


# --- with clocks of our own ------------------------------------------------------------------------


class Diary:
    """An app that writes down what happens."""

    def __init__(self) -> None:
        self.opens: list[Client] = []
        self.closes: list[Client] = []

    def opened(self, client: Client) -> None:
        self.opens.append(client)

    def received(self, client: Client, packet: Packet) -> None:
        client.send(packet)

    def closed(self, client: Client) -> None:
        self.closes.append(client)


@asynccontextmanager
async def engine(tmp_path: Path, pings: float, pongs: float) -> AsyncIterator[tuple[Diary, Engine, str]]:
    diary = Diary()
    made = Engine(diary, 1 << 20, (pings, pongs))
    settings = Settings(state=tmp_path)
    site = Site(made.routes(), Gate(settings, Security(settings)))
    async with SitePort(site, listen("127.0.0.1", 0), 1 << 20) as port:
        try:
            yield diary, made, f"http://127.0.0.1:{port.port}"
        finally:
            made.close()


@pytest.mark.parametrize("version", [3, 4])
async def test_a_client_that_vanishes_is_forgotten(http: aiohttp.ClientSession, version: int, tmp_path: Path):
    async with engine(tmp_path, 0.02, 0.02) as (diary, made, at):
        async with http.get(f"{at}/socket.io/?EIO={version}&transport=polling") as answer:
            await answer.read()
        socket = await http.ws_connect(f"{at}/socket.io/?EIO={version}&transport=websocket")
        while len(diary.closes) < 2:
            await asyncio.sleep(0.005)
        assert made.clients == {} and len(diary.opens) == 2
        await socket.close()


async def test_pings_come_from_the_side_that_the_protocol_says(http: aiohttp.ClientSession, tmp_path: Path):
    async with engine(tmp_path, 0.02, 20.0) as (diary, _, at):
        async with http.ws_connect(f"{at}/socket.io/?EIO=4&transport=websocket") as socket:
            await socket.receive_str()
            assert await socket.receive_str() == "2"
            await socket.send_str("3")
            assert await socket.receive_str() == "2"
        async with http.ws_connect(f"{at}/socket.io/?EIO=3&transport=websocket") as socket:
            await socket.receive_str()
            await socket.send_str("2")
            assert await socket.receive_str() == "3"
        assert len(diary.opens) == 2


async def test_a_socket_that_is_not_read_holds_a_bounded_amount(http: aiohttp.ClientSession, tmp_path: Path):
    async with (
        engine(tmp_path, 20, 20) as (_, made, at),
        http.ws_connect(f"{at}/socket.io/?EIO=4&transport=websocket") as socket,
    ):
        await socket.receive_str()
        (client,) = made.clients.values()
        for _ in range(100):
            client.send(Packet(codec.MESSAGE, b"x" * 1_000_000), "data")
        assert len(client._waiting) == 1
        while not client.closed:
            client.send(Packet(codec.MESSAGE, b"x" * 1_000_000))
        assert made.clients == {}


async def test_closing_hangs_up_on_everybody(http: aiohttp.ClientSession, tmp_path: Path):
    async with engine(tmp_path, 20, 20) as (_, _, at):
        polling = Polling(http, at)
        polling.at = f"{at}/socket.io/?EIO=3&transport=polling"
        (told,) = await _first(polling)
        polling.at += f"&sid={told['sid']}"
        waiting = asyncio.create_task(http.get(polling.at))
        socket = await http.ws_connect(f"{at}/socket.io/?EIO=4&transport=websocket")
        await socket.receive_str()
        await asyncio.sleep(0)
    assert (await socket.receive()).type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)
    await asyncio.gather(waiting, return_exceptions=True)
    await socket.close()


async def _first(polling: Polling) -> list[dict]:
    async with polling.http.get(polling.at) as answer:
        return [json.loads(packet.data) for packet in codec.from_payload(await answer.read(), 3, False)]


# --- nonsense --------------------------------------------------------------------------------------

SEEDS = (
    b'42["query",{"value":1}]',
    b'451-["query",{"value":{"_placeholder":true,"num":0}}]',
    b'4212["query",{"value":"\xf0\x9f\xa6\x9c"}]',
    b"40",
    b"41",
    b"2probe",
    b"5",
    b"3",
    b"6",
    b"44/x,{}",
    b"bAAEC",
)


def mutated(chance: random.Random) -> bytes:
    data = bytearray(chance.choice(SEEDS))
    for _ in range(chance.randrange(4)):
        at = chance.randrange(len(data) + 1)
        match chance.randrange(4):
            case 0:
                data[at:at] = bytes((chance.randrange(256),))
            case 1:
                del data[at : at + chance.randrange(1, 4)]
            case 2:
                data[at:at] = data
            case 3 if at < len(data):
                data[at] = chance.randrange(256)
    return bytes(data)


def test_a_hundred_thousand_mutated_packets_are_packets_or_refused():
    chance = random.Random(7)
    refused, weights = 0, []
    for number in range(100_000):
        data, version = mutated(chance), chance.choice((3, 4))
        if number % 25_000 == 0:
            weights.append(psutil.Process().memory_info().rss)
        try:
            for packet in (codec.from_text(data, version), *codec.from_payload(data, version, chance.random() < 0.5)):
                socketio_codec.unpacked(packet.data)
        except InputError:
            refused += 1
    assert 1000 < refused < 100_000
    assert weights[-1] - weights[1] < 4 * limits.MIB


async def test_mutated_packets_leave_no_traceback_and_no_weight(http: aiohttp.ClientSession, caplog, monkeypatch):
    monkeypatch.setattr(limits, "RUNWAY_CLIENTS", 1 << 20)
    chance = random.Random(6)
    async with homes("echo") as server:
        at = place(server, "echo", "socket.io")
        weights = []
        for _ in range(4):
            for _ in range(20):
                version = chance.choice((3, 4))
                async with http.ws_connect(f"{at}/socket.io/?EIO={version}&transport=websocket") as socket:
                    for _ in range(40):
                        data = mutated(chance)
                        try:
                            if chance.random() < 0.7:
                                await socket.send_str(data.decode("utf-8", "replace"))
                            else:
                                await socket.send_bytes(data)
                        except ConnectionError:
                            break
                client = Polling(http, at, version)
                await client.open()
                body = b"\x1e".join(mutated(chance) for _ in range(8)) if version == 4 else mutated(chance)
                await client.send(body)
                await client.send(b"1:1" if version == 3 else b"1")
            weights.append(psutil.Process().memory_info().rss)
        async with http.post(place(server, "echo") + "/query", json={"value": "fine"}) as answer:
            assert await answer.json() == {"any": "fine"}
    assert weights[-1] - weights[1] < 8 * limits.MIB
    assert [record for record in caplog.records if record.exc_info] == []
