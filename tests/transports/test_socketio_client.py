"""One Engine.IO connection alone: what waits for whom, and how long."""

import asyncio
import base64
from collections.abc import AsyncIterator, Sequence

import pytest

from bridge import limits
from bridge.errors import BadMessage
from bridge.transports import socketio_client
from bridge.transports.engineio_codec import MESSAGE, SEPARATOR, Packet, from_text
from bridge.transports.socketio_client import Client
from bridge.transports.socketio_packet import Message
from bridge.wire import Buffer
from tests.transports.test_websocket_link import Pictures


class Last:
    """A source that has something else to say instead of a frame."""

    queued = False
    eager = False

    def __init__(self, client: Client) -> None:
        self.client = client

    def next(self) -> Sequence[Buffer] | None:
        self.client.say(Message(b"42[]"))
        return None


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    client = Client("sid", 1000)
    yield client
    client.close("server shutting down")


async def polled(client: Client) -> list[bytes]:
    return (await client.poll()).split(SEPARATOR)


async def test_a_poll_waits_until_there_is_something(client: Client):
    waiting = asyncio.create_task(polled(client))
    await asyncio.sleep(0)
    assert not waiting.done()
    client.say(Message(b"40"))
    client.say(Message(b"451-[]", (b"\0\1",)))
    assert await waiting == [b"40", b"451-[]", b"b" + base64.b64encode(b"\0\1")]
    assert client.waiting == 0


async def test_of_each_source_a_poll_takes_one_frame_and_all_of_an_eager_one(client: Client):
    newest, every = Pictures(b"newest", 9, eager=False), Pictures(b"all", 3)
    client.ready(newest)
    client.ready(every)
    client.ready(newest)  # it waits already
    assert await polled(client) == [b"newest", b"all", b"all", b"all"]


async def test_a_poll_takes_no_more_packets_than_every_client_can_read(client: Client):
    client.ready(Pictures(b"frame", 100))
    for _ in range(20):
        client.say(Message(b"451-[]", (b"",)))
    heard = []
    while len(heard) < 140:
        packets = await polled(client)
        assert len(packets) <= 16
        heard += packets
    assert heard == [b"451-[]", b"b"] * 20 + [b"frame"] * 100


async def test_what_is_said_instead_of_a_frame_is_heard_at_once(client: Client):
    waiting = asyncio.create_task(polled(client))
    await asyncio.sleep(0)
    client.ready(Last(client))
    assert await waiting == [b"42[]"]


async def test_a_client_that_lets_too_much_wait_is_sent_away(client: Client, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "REPLY_BYTES", 10_000)
    for _ in range(100):
        client.say(Message(bytes(1000)))
        assert client.waiting < 12_000
    assert client.closed
    assert await client.next() is None


async def test_those_who_can_wait_do_until_it_has_polled(client: Client):
    await client.room()
    client.say(Message(bytes(100_000)))
    waiting = asyncio.create_task(client.room())
    await asyncio.sleep(0)
    assert not waiting.done()
    await client.poll()
    await waiting


async def test_messages_come_in_order_and_what_came_before_the_end_is_still_read(client: Client):
    client.received(from_text(b"42[]", 4))
    client.received(Packet(MESSAGE, b"bytes", True))
    client.received(from_text(b"3", 4))
    client.received(from_text(b"1", 4))
    client.received(from_text(b"4never", 4))
    assert [await client.next() for _ in range(3)] == ["2[]", b"bytes", None]
    assert client.reason == "client disconnect"


@pytest.mark.parametrize("kind", [0, 2, 5, 6])
async def test_packets_out_of_turn_are_refused(client: Client, kind: int):
    with pytest.raises(BadMessage, match="out of turn"):
        client.received(Packet(kind))


async def test_attachments_count_together_until_the_next_text(client: Client):
    for _ in range(3):
        client.received(from_text(b"451-[]", 4))
        client.received(Packet(MESSAGE, bytes(900), True))
    assert not client.closed
    client.received(Packet(MESSAGE, bytes(101), True))
    assert client.closed and client.reason == "too large"


async def test_it_is_asked_whether_it_is_there_and_given_up_when_it_does_not_say_so(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(socketio_client, "PATIENCE_SECONDS", 0.0)
    client = Client("sid", 1000, ping=0.0)
    assert await polled(client) == [b"2"]
    assert await client.next() is None
    assert client.reason == "ping timeout"


async def test_who_answers_is_asked_again():
    client = Client("sid", 1000, ping=0.0)
    for _ in range(3):
        assert await polled(client) == [b"2"]
        client.received(from_text(b"3", 4))
    assert not client.closed
    client.close("server shutting down")


async def test_closing_answers_the_poll_that_waits_and_is_harmless_twice(client: Client):
    waiting = asyncio.create_task(polled(client))
    await asyncio.sleep(0)
    client.say(Message(b"42[]"))
    client.close("parse error")
    client.close("something else")
    assert await waiting == [b"42[]", b"1"]
    assert client.reason == "parse error"
