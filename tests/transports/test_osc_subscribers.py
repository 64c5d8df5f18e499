"""What sessions give out, as OSC messages to whoever wants them."""

import asyncio
import socket
from collections.abc import AsyncIterator

import aiohttp
import numpy as np
import pytest

from bridge import limits
from bridge.errors import Forbidden, InputError, SettingError
from bridge.osc import codec
from bridge.osc.places import Place
from bridge.server import Server
from bridge.transports import osc_tcp
from bridge.transports.osc_subscribers import Options, Scope
from bridge.transports.osc_udp import UdpPeer
from tests.transports.serving import serving
from tests.transports.talking import Program, osc_port, talking
from tests.transports.test_osc import until


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serving("painter", "latent", "counter", "seer") as server:
        yield server


@pytest.fixture
async def program(server: Server) -> AsyncIterator[Program]:
    async with talking(server) as program:
        yield program


async def subscribed(program: Program, address: str, *arguments: object) -> list[object]:
    """What the bridge says to a subscription."""
    program.say(address, *arguments)
    while (heard := await program.hear())[0] != "/reply":
        assert heard[0] != "/error", heard
    return heard[1][2:]


async def test_a_picture_goes_as_its_address_which_shows_it(server: Server, program: Program):
    await subscribed(program, "/painter/out/image/subscribe")
    program.say("/painter/width", 32)
    address, (url,) = await program.hear()
    assert address == "/painter/out/image" and url.startswith(server.url)
    async with aiohttp.ClientSession() as client, client.get(url) as answer:
        assert answer.status == 200 and (await answer.read())[:2] == b"\xff\xd8"


async def test_a_picture_goes_as_bytes_where_that_was_asked_for(program: Program):
    await subscribed(program, "/painter/out/image/subscribe", "format=jpeg", "width=16", "quality=50")
    program.say("/painter/shade", 1.0)
    _, (picture,) = await program.hear()
    assert size_of(picture) == (16, 12)
    await subscribed(program, "/painter/out/image/subscribe", "format=png")
    program.say("/painter/shade", 0.0)
    while (await program.hear())[1][0][:4] != b"\x89PNG":
        pass


def size_of(picture: bytes) -> tuple[int, int]:
    import cv2

    height, width = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_GRAYSCALE).shape
    return width, height


async def test_a_picture_too_large_for_a_packet_is_told_once_and_the_next_that_fits_goes(
    server: Server, program: Program
):
    await subscribed(program, "/painter/out/image/subscribe", "format=raw")
    program.say("/painter/width", 1000)
    error = await program.refusal()
    assert (error["address"], error["code"]) == ("/painter/out/image", "too_large")
    assert str(limits.OSC_BLOB_BYTES) in error["message"] and "width" in error["hint"]
    for shade in (0.1, 0.2, 0.3):
        program.say("/painter/shade", shade)
        await program.heard_all()
    program.say("/painter/width", 10)
    address, (picture,) = await program.hear()
    assert address == "/painter/out/image" and len(picture) == 10 * 48 * 3


async def test_numbers_lists_and_text_go_as_they_are(program: Program):
    await subscribed(program, "/seer/subscribe")
    import cv2

    program.say("/seer/image", bytes(cv2.imencode(".png", np.full((4, 6, 3), 255, np.uint8))[1]))
    heard = dict([await program.hear(), await program.hear()])
    assert heard == {"/seer/out/size": [6, 4], "/seer/out/mean": [255.0]}


async def test_pieces_of_a_text_all_go_with_what_is_to_be_known_about_them(program: Program):
    await subscribed(program, "/counter/out/text/subscribe", "about=1")
    program.say("/counter/run", "mine", "upto", 3)
    heard = [await program.hear() for _ in range(8)]
    about = [values[:3] for address, values in heard if address == "/counter/out/text/about"]
    assert [values[0] for address, values in heard if address == "/counter/out/text"] == ["0 ", "1 ", "2 "]
    assert [(run, sequence) for run, sequence, _ in about] == [(1, 0), (1, 1), (1, 2)]


async def test_everything_is_followed_also_what_is_opened_later(server: Server, program: Program):
    await subscribed(program, "/subscribe")
    session = await server.hub.open(server.hub.get("counter").model, "later")
    await session.started()
    await until(lambda: session.describe()["stats"]["readers"])
    program.say("/later/run", 1)
    while (heard := await program.hear())[0] != "/later/out/text":
        pass
    assert heard[1] == ["0 "]


async def test_subscriptions_go_along_with_a_session_that_is_renamed(server: Server, program: Program):
    await subscribed(program, "/painter/out/image/subscribe", "format=jpeg")
    await server.hub.rename("painter", "colour")
    program.say("/colour/shade", 0.25)
    assert (await program.hear())[0] == "/colour/out/image"


async def test_they_end_when_they_are_taken_back_and_with_their_session(server: Server, program: Program):
    readers = server.hub.get("painter").describe
    await subscribed(program, "/painter/subscribe")
    await subscribed(program, "/counter/out/text/subscribe")
    assert readers()["stats"]["readers"] == 1
    assert await subscribed(program, "/painter/out/image/unsubscribe") == [0]  # another one than was asked for
    assert await subscribed(program, "/unsubscribe") == [2]
    assert readers()["stats"]["readers"] == 0
    await subscribed(program, "/painter/subscribe")
    await server.hub.close_session("painter")
    await program.heard_all()
    assert await subscribed(program, "/unsubscribe") == [0]


async def test_another_port_and_host_may_be_named(server: Server, program: Program):
    async with talking(server) as receiver:
        assert await subscribed(program, "/counter/subscribe", receiver.port) == ["127.0.0.1", receiver.port]
        program.say("/counter/run", 1)
        assert await receiver.hear() == ("/counter/out/text", ["0 "])
        assert await subscribed(program, "/counter/unsubscribe", "localhost", receiver.port) == [1]
        await subscribed(program, "/counter/subscribe", f"localhost:{receiver.port}")
        program.say("/counter/run", 1)
        assert (await receiver.hear())[0] == "/counter/out/text"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("format=mp3",), "format takes"),
        (("quality=500",), "quality takes"),
        (("policy=some",), "policy takes"),
        (("colour=red",), "no option 'colour'"),
        (("somewhere.invalid",), "a port"),
        ((99999,), "a port is a number"),
        ((12000, 12001), "came as well"),
        (("somewhere.invalid", 12000), "no address"),
    ],
)
async def test_what_makes_no_sense_is_refused(program: Program, arguments: tuple[object, ...], said: str):
    program.say("/painter/subscribe", *arguments)
    assert said in (await program.refusal())["message"]


async def test_so_many_subscriptions_and_no_more(server: Server, program: Program):
    for number in range(limits.OSC_SUBSCRIBERS):
        await subscribed(program, "/counter/subscribe", 20_000 + number)
    program.say("/counter/subscribe", 30_000)
    assert (await program.refusal())["code"] == "busy"


async def test_receivers_of_the_settings_are_sent_everything():
    async with serving() as other, talking(other) as receiver:
        told = (f"127.0.0.1:{receiver.port}",)
        async with serving("counter", osc_send=told) as server, talking(server) as program:
            program.say("/counter/run", 1)
            assert await receiver.hear() == ("/counter/out/text", ["0 "])


async def test_a_receiver_of_the_settings_over_tcp_may_come_later_and_again():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    async with serving("counter", osc_send=(f"osc.tcp://127.0.0.1:{port}",)) as server, talking(server) as program:
        for _ in range(2):
            assert len(server.osc.subscribers) == 0
            heard: asyncio.Queue[asyncio.StreamReader] = asyncio.Queue()
            listening = await asyncio.start_server(lambda reader, _, heard=heard: heard.put_nowait(reader), port=port)
            await server.osc.start_sending()
            await server.osc.start_sending()  # it is there already
            reader = await heard.get()
            program.say("/counter/run", 1)
            size = int.from_bytes(await reader.readexactly(4))
            assert codec.read_message(await reader.readexactly(size)) == ("/counter/out/text", ["0 "])
            listening.close()
            reader._transport.abort()  # type: ignore[attr-defined]
            await until(lambda: not len(server.osc.subscribers))


@pytest.mark.parametrize("entry", ["somewhere", "localhost:0", ":12000", "localhost:many"])
async def test_a_receiver_that_is_none_is_told_at_the_start(entry: str):
    with pytest.raises(SettingError, match="osc_send"):
        async with serving(osc_send=(entry,)):
            pass


async def test_a_port_where_nobody_is_left_is_noticed(
    server: Server, program: Program, monkeypatch: pytest.MonkeyPatch
):
    """The system says so to whoever sends there; two times are enough."""
    osc = server.osc
    async with talking(server) as receiver:
        await subscribed(program, "/counter/subscribe", receiver.port)
        osc.look_for_subscribers()
        osc.look_for_subscribers()
        assert len(osc.subscribers) == 1
    for _ in range(3):
        osc.look_for_subscribers()
        await asyncio.sleep(0.01)
    assert len(osc.subscribers) == 0


async def test_a_receiver_of_the_settings_may_come_later():
    async with serving() as other, talking(other) as early:
        port = early.port
    async with serving("counter", osc_send=(f"127.0.0.1:{port}",)) as server, talking(server) as program:
        osc = server.osc
        for _ in range(3):
            osc.look_for_subscribers()
            await asyncio.sleep(0.01)
        assert osc.subscribers.described()[0]["asleep"]
        assert server.hub.get("counter").describe()["stats"]["readers"] == 0
        async with talking(server) as receiver:
            receiver.socket.close()
            async with listening_on(port) as late:
                for _ in range(2):
                    osc.look_for_subscribers()
                    await asyncio.sleep(0.01)
                program.say("/counter/run", 1)
                assert await late.hear() == ("/counter/out/text", ["0 "])


class listening_on:  # noqa: N801 - reads as a verb
    """A program on this very port."""

    def __init__(self, port: int) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", port))
        self._socket.setblocking(False)

    async def __aenter__(self) -> Program:
        return Program(self._socket, ("127.0.0.1", 9))

    async def __aexit__(self, *_: object) -> None:
        self._socket.close()


async def test_a_slow_reader_over_tcp_gets_the_newest_and_holds_nobody_up(server: Server, program: Program):
    _, writer = await asyncio.open_connection("127.0.0.1", osc_port(server, "osc.tcp"), limit=1024)
    packet = codec.message("/painter/out/image/subscribe", ["format=raw"])
    writer.write(len(packet).to_bytes(4) + packet)
    await writer.drain()
    session = server.hub.get("painter")
    await until(lambda: session.describe()["stats"]["readers"])
    program.say("/painter/width", 2048)
    program.say("/painter/height", 1024)
    number = 0
    while session.describe()["stats"]["drops"] < 5:  # each picture has 6 MB: more than any buffer on the way
        number += 1
        program.say("/painter/shade", number % 100 / 100)
        await program.heard_all()
        await session.ready()
    (connection,) = server.osc.streams.connections
    assert connection._transport.get_write_buffer_size() < limits.REPLY_BYTES  # type: ignore[union-attr]
    writer.close()
    await until(lambda: not session.describe()["stats"]["readers"])


async def test_a_receiver_that_was_called_over_tcp_may_not_say_anything(server: Server, program: Program):
    heard: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    listening = await asyncio.start_server(lambda *both: heard.put_nowait(both), "127.0.0.1", 0)
    async with listening:
        port = listening.sockets[0].getsockname()[1]
        await subscribed(program, "/counter/subscribe", f"osc.tcp://127.0.0.1:{port}")
        reader, writer = await heard.get()
        packet = codec.message("/painter/shade", [0.25])
        writer.write(len(packet).to_bytes(4) + packet)
        await writer.drain()
        program.say("/counter/run", 1)
        size = int.from_bytes(await reader.readexactly(4))
        assert codec.read_message(await reader.readexactly(size)) == ("/counter/out/text", ["0 "])
        writer.write_eof()
        await until(lambda: not len(server.osc.subscribers))  # so what came before was read
        assert server.hub.get("painter").inputs()["shade"] == 0.5
        writer.close()


async def test_all_sessions_are_followed_also_where_one_is_called_like_the_verb(server: Server, program: Program):
    await server.hub.rename("counter", "subscribe")
    await subscribed(program, "/subscribe")
    program.say("/painter/width", 32)
    assert (await program.hear())[0] == "/painter/out/image"


async def test_a_receiver_over_tcp_is_called_once_and_left_when_nothing_goes_there(
    server: Server, program: Program, monkeypatch: pytest.MonkeyPatch
):
    heard: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    listening = await asyncio.start_server(lambda *both: heard.put_nowait(both), "127.0.0.1", 0)
    async with listening:
        where = ("osc.tcp://127.0.0.1", listening.sockets[0].getsockname()[1])
        names = ("painter", "latent", "counter")
        for name in names:  # all at once, before the first connection is there
            program.say(f"/{name}/subscribe", *where)
        for _ in names:
            assert (await program.hear())[0] == "/reply"
        reader, writer = await heard.get()
        assert heard.empty()
        for name in names:
            program.say(f"/{name}/unsubscribe", *where)
            assert (await program.hear())[1][2:] == [1]
        server.osc.look_for_subscribers()
        assert len(server.osc.streams.connections) == 1  # one that was made just now stays
        monkeypatch.setattr(osc_tcp, "_CONNECT_SECONDS", -1.0)
        server.osc.look_for_subscribers()
        assert await asyncio.wait_for(reader.read(), 20) == b""
        writer.close()
    await until(lambda: not server.osc.streams.connections)


def elsewhere(server: Server, host: str = "192.168.1.20") -> UdpPeer:
    """A program on another machine, by way of a socket that can't reach it."""
    return UdpPeer(server.osc.datagrams._inlets[0], (host, 9))


async def test_a_sender_elsewhere_names_no_receiver_on_this_machine(server: Server):
    server.osc.gate.restore(["0.0.0.0/0"])
    for host in ("127.0.0.1", "localhost", "127.8.8.8", "0.0.0.0", "::ffff:127.0.0.1"):
        with pytest.raises(Forbidden, match="on the bridge's machine"):
            await server.osc.peer_at(Place(host, 12000), elsewhere(server))
    other = await server.osc.peer_at(Place("192.168.1.21", 12000), elsewhere(server))
    assert other.host == "192.168.1.21"


async def test_one_on_another_machine_lasts_as_long_as_something_comes_from_there(server: Server):
    subscribers, limit = server.osc.subscribers, limits.OSC_SUBSCRIPTION_SECONDS
    subscribers.add(elsewhere(server), Scope(), Options())
    subscribers.add(elsewhere(server, "192.168.1.21"), Scope(), Options(), asked_by="192.168.1.22")
    subscribers.add(elsewhere(server, "192.168.1.23"), Scope(), Options(), fixed=True)
    subscribers.add(elsewhere(server, "127.0.0.1"), Scope(), Options())

    def left() -> set[str]:
        return {peer.host for peer, _ in subscribers.peers()}

    subscribers.expire(set(), 1000.0)
    subscribers.expire({"192.168.1.20", "192.168.1.22"}, 1000.0 + limit)
    subscribers.expire({"192.168.1.22"}, 1000.0 + 2 * limit)
    assert len(left()) == 4
    subscribers.add(elsewhere(server), Scope(), Options())  # once more
    subscribers.expire({"192.168.1.22"}, 1001.0 + 2 * limit)
    subscribers.expire(set(), 1000.0 + 3 * limit)
    assert len(left()) == 4
    subscribers.expire(set(), 1002.0 + 3 * limit)
    assert left() == {"192.168.1.23", "127.0.0.1"}


async def test_what_was_asked_for_before_goes_on_when_something_else_can_not_be_had(server: Server, program: Program):
    await subscribed(program, "/painter/out/image/subscribe", "format=jpeg")
    ((peer, _),) = server.osc.subscribers.peers()
    with pytest.raises(InputError):
        server.osc.subscribers.add(peer, Scope(server.hub.get("painter"), "image"), Options("jpeg", quality=1000))
    program.say("/painter/shade", 1.0)
    assert (await program.hear())[1][0][:2] == b"\xff\xd8"


async def test_a_receiver_of_the_settings_stays_one_whatever_it_asks_for():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.bind(("127.0.0.1", 0))
        made.setblocking(False)
        async with serving("counter", osc_send=(f"127.0.0.1:{made.getsockname()[1]}",)) as server:
            receiver = Program(made, ("127.0.0.1", osc_port(server)))
            await subscribed(receiver, "/subscribe", "policy=newest")
            assert [one["fixed"] for one in server.osc.subscribers.described()] == [True]
