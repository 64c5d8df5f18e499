"""The link alone, over a transport that takes as much as the test lets it."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from bridge import limits
from bridge.transports import websocket_codec as codec
from bridge.transports.websocket_link import Link
from bridge.wire import Buffer
from tests.transports.test_websocket_codec import frame


class Pipe(asyncio.Transport):
    """A transport that is full after `room` writes, until it is emptied."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []
        self.room = 1_000_000
        self.ended = ""
        self.protocol: Any = None

    def write(self, data: Buffer) -> None:
        self.writelines([data])

    def writelines(self, parts: Any) -> None:
        assert self.room > 0, "written to although it was full"
        self.sent.append(b"".join(bytes(part) for part in parts))
        self.room -= 1
        if self.room == 0:
            self.protocol.pause_writing()

    def empty(self, room: int = 1_000_000) -> None:
        self.room = room
        self.protocol.resume_writing()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        assert high == 0

    def abort(self) -> None:
        self.ended = self.ended or "aborted"

    def close(self) -> None:
        self.ended = self.ended or "closed"


class Server(asyncio.BaseProtocol):
    """What the connection belonged to before."""

    lost = False

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True


class Listener:
    """What the link tells."""

    def __init__(self) -> None:
        self.messages: list[tuple[int, bytes, int]] = []
        self.ends = 0

    def received(self, opcode: int, data: bytes, oversized: int) -> None:
        self.messages.append((opcode, data, oversized))

    def lost(self) -> None:
        self.ends += 1


class Pictures:
    """A source with so many frames."""

    def __init__(self, name: bytes, count: int, *, eager: bool = True) -> None:
        self.queued = False
        self.eager = eager
        self.name = name
        self.count = count

    def next(self) -> Sequence[Buffer] | None:
        if self.count == 0:
            return None
        self.count -= 1
        return (self.name,)


@pytest.fixture
async def pipe() -> Pipe:
    return Pipe()


@pytest.fixture
async def listener() -> Listener:
    return Listener()


@pytest.fixture
async def link(pipe: Pipe, listener: Listener) -> Any:
    link = Link(pipe, Server(), 1000)
    link.open(listener, b"handshake")
    pipe.sent.clear()
    yield link
    link.connection_lost(None)


async def test_what_fits_is_written_at_once_and_whole(link: Link, pipe: Pipe):
    link.say(codec.TEXT, [b"one", b"two"])
    assert pipe.sent == [b"\x81\x06onetwo"]


async def test_nothing_is_written_while_the_transport_is_full_and_the_order_stays(link: Link, pipe: Pipe):
    pipe.room = 1
    for text in (b"1", b"2", b"3"):
        link.say(codec.TEXT, [text])
    assert pipe.sent == [b"\x81\x011"]
    pipe.empty(1)
    assert pipe.sent == [b"\x81\x011", b"\x81\x012"]
    pipe.empty()
    assert pipe.sent == [b"\x81\x011", b"\x81\x012", b"\x81\x013"] and link.waiting == 0


async def test_sources_take_turns_with_each_other_and_with_answers(link: Link, pipe: Pipe):
    pipe.room = 1
    link.say(codec.TEXT, [b"x"])
    for source in (Pictures(b"a", 3), Pictures(b"b", 2), Pictures(b"c", 1)):
        link.ready(source)
    link.say(codec.TEXT, [b"1"])
    link.say(codec.TEXT, [b"2"])
    pipe.sent.clear()
    pipe.empty()
    assert pipe.sent == [b"\x81\x011", b"a", b"\x81\x012", b"b", b"c", b"a", b"b", b"a"]


async def test_a_source_is_asked_only_when_its_frame_can_be_written(link: Link, pipe: Pipe):
    pipe.room = 1
    source = Pictures(b"a", 5)
    link.ready(source)
    assert source.count == 4
    link.ready(source)
    assert source.count == 4
    pipe.empty(2)
    assert source.count == 2


async def test_a_client_that_lets_answers_pile_up_is_sent_away_at_the_bound(link: Link, pipe: Pipe):
    pipe.room = 1
    answer = bytes(1_000_000)
    said = 0
    while not pipe.ended:
        link.say(codec.TEXT, [answer])
        said += 1
        assert link.waiting <= limits.REPLY_BYTES + 1_001_000
    assert pipe.ended == "aborted" and said == limits.REPLY_BYTES // 1_000_000 + 3


async def test_those_who_can_wait_do_until_there_is_room(link: Link, pipe: Pipe):
    await link.room()
    pipe.room = 1
    link.say(codec.TEXT, [b"x"])
    waiting = asyncio.create_task(link.room())
    await asyncio.sleep(0)
    assert not waiting.done()
    pipe.empty()
    await waiting


async def test_the_end_lets_go_of_those_who_wait(link: Link, pipe: Pipe):
    pipe.room = 1
    link.say(codec.TEXT, [b"x"])
    waiting = asyncio.create_task(link.room())
    await asyncio.sleep(0)
    link.abort()
    await waiting


async def test_a_ping_is_answered_and_a_message_is_passed_on(link: Link, pipe: Pipe, listener: Listener):
    link.data_received(frame(codec.PING, b"42") + frame(codec.TEXT, b"hi") + frame(codec.PONG, b""))
    assert pipe.sent == [b"\x8a\x0242"] and listener.messages == [(codec.TEXT, b"hi", 0)]


async def test_a_goodbye_is_answered_with_its_code(link: Link, pipe: Pipe):
    link.data_received(frame(codec.CLOSE, b"\x0f\xa0"))
    assert pipe.sent == [b"\x88\x02\x0f\xa0"] and pipe.ended == "closed"


async def test_broken_framing_ends_the_connection_and_nothing_more_is_heard(link: Link, pipe: Pipe, listener: Listener):
    link.data_received(b"\x81\x00")
    assert pipe.sent[0].startswith(b"\x88") and pipe.sent[0][2:4] == b"\x03\xea"
    link.data_received(frame(codec.TEXT, b"late"))
    assert listener.messages == []


async def test_after_a_goodbye_nothing_is_sent(link: Link, pipe: Pipe):
    link.close(codec.GOING_AWAY, "the bridge is closing")
    pipe.sent.clear()
    link.say(codec.TEXT, [b"late"])
    link.ready(Pictures(b"late", 1))
    assert pipe.sent == []


async def test_the_end_is_told_once_and_to_the_server_too(pipe: Pipe, listener: Listener):
    server = Server()
    link = Link(pipe, server, 1000)
    link.open(listener, b"")
    link.connection_lost(None)
    await link.closed
    assert listener.ends == 1 and server.lost


async def test_a_client_that_never_says_a_word_is_asked_three_times_and_given_up(pipe: Pipe, listener: Listener):
    link = Link(pipe, Server(), 1000, beat=0.001)
    link.open(listener, b"")
    pipe.sent.clear()
    while not pipe.ended:
        await asyncio.sleep(0)
    assert pipe.sent == [b"\x89\x00"] * 3 and pipe.ended == "aborted"
    link.connection_lost(None)


async def test_a_client_that_answers_is_kept(pipe: Pipe, listener: Listener):
    link = Link(pipe, Server(), 1000, beat=0.001)
    link.open(listener, b"")
    pipe.sent.clear()
    while len(pipe.sent) < 10:
        link.data_received(frame(codec.PONG, b""))
        asked = len(pipe.sent)
        while len(pipe.sent) == asked:
            await asyncio.sleep(0)
    assert not pipe.ended
    link.connection_lost(None)
