"""Random and mutated packets into the parsers of the WebSocket and of Socket.IO, alone and in a running server.

Only a mistake in words may come of it. The parsers alone get a hundred thousand each time; a running server, where it
takes minutes, with NOISE_PACKETS=100000.
"""

import asyncio
import json
import logging
import os
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import suppress

import aiohttp
import psutil
import pytest

from bridge import wire
from bridge.errors import BridgeError
from bridge.server import Server
from bridge.transports import engineio_codec
from bridge.transports import socketio_packet as packet
from bridge.transports import websocket_codec as codec
from tests.transports.serving import calling, serving
from tests.transports.test_slow_readers import get
from tests.transports.test_websocket_codec import HANDSHAKE, frame

PARSED = 100_000  # packets for each parser alone
PACKETS = int(os.environ.get("NOISE_PACKETS", "1500"))  # for each wire of a running server
AT_ONCE = 20  # packets of one connection
GROWTH = 24 * 1024 * 1024  # of the process, over all of them
REQUESTS = (
    {"type": "list", "id": 1},
    {"type": "models", "id": 2, "search": "ä", "cpu": True},
    {"type": "describe", "id": 3, "session": "counter", "wait": True},
    {"type": "open", "id": 4, "model": "nobody", "name": "x", "options": {"a": [1, 2.5, None]}},
    {"type": "close", "id": 5, "session": "nobody"},
    {"type": "run", "id": 6, "session": "counter", "inputs": {"upto": 3}, "stream": True, "encodings": {}},
    {"type": "cancel", "id": 6},
    {"type": "send", "session": "counter", "inputs": {"upto": 1e300}},
    {"type": "subscribe", "id": 7, "session": "counter", "port": "text", "policy": "all", "window": 2},
    {"type": "unsubscribe", "id": 7},
    {"type": "ack", "id": 7, "n": 1},
    {"type": "events", "id": 8, "kinds": ["state", "log"]},
    {"type": "walk", "session": "counter", "set": {"speed": 1}},
    {"type": "grid", "id": 9, "session": "counter", "width": 64},
    {"type": "ping", "data": "x"},
    {"type": "hello", "protocol": [1], "token": "t"},
)
TEXTS = tuple(json.dumps(request).encode() for request in REQUESTS)
HEAD = wire.padded(json.dumps({**REQUESTS[5], "blobs": [{"port": "upto", "length": 4}]}).encode())
BINARY = wire.header(wire.MESSAGE, 6, 0, 0, 0.0, len(HEAD)) + HEAD + b"\0\0\0\0"
PLACE = b'{"_placeholder":true,"num":0}'
EVENTS = tuple(
    b'42%d["%s",%s]' % (number, str(request["type"]).encode(), text)
    for number, (request, text) in enumerate(zip(REQUESTS, TEXTS, strict=True))
)
SOCKETIO = (
    *EVENTS,
    b"40",
    b'40{"token":"x"}',
    b"41",
    b"2probe",
    b"3",
    b"5",
    b"6",
    b"1",
    b"43[1]",
    b'451-["run",{"session":"counter","inputs":{"upto":' + PLACE + b"}}]",
    b"bAAECAw==",
    b'4562-9["a",' + PLACE + b"," + PLACE + b"]",
    b'40/admin,{"a":1}',
    b'3\x1e42["ping",{}]\x1ebAAA=',
)


def noise(seed: int, whole: Sequence[bytes], count: int) -> Iterator[bytes]:
    """So many packets: a few whole ones, the others damaged or made up."""
    chance = random.Random(seed)
    for _ in range(count):
        data = bytearray(chance.choice(whole))
        for _ in range(chance.choice((0, 1, 1, 2, 5))):
            damage(data, chance, whole)
        yield bytes(data) if chance.random() > 0.1 else chance.randbytes(chance.randrange(64))


def damage(data: bytearray, chance: random.Random, whole: Sequence[bytes]) -> None:
    at = chance.randrange(len(data) + 1)
    end = min(len(data), at + chance.randrange(1, 12))
    kind = chance.randrange(5)
    if kind == 0:
        data[at:end] = chance.randbytes(end - at)
    elif kind == 1:
        del data[at:end]
    elif kind == 2:
        data[at:at] = chance.choice(
            (b"\x1e", b"-", b'"', b"[" * 40, b"{}", b"\0", b"9" * 20, b"\xff", b"\xed\xa0\x80", b"1e999")
        )
    elif kind == 3:
        data[at:] = chance.choice(whole)
    else:
        data[at:at] = data[at:end]


# --- the parsers alone ---------------------------------------------------------------------------


@pytest.mark.timeout(300)
def test_the_socketio_parser_says_what_is_wrong() -> None:
    read = 0
    waiting: packet.Packet | None = None
    for data in noise(1, SOCKETIO, PARSED):
        try:
            for came in engineio_codec.from_payload(data, 4, False):
                waiting = taken(came, waiting)
                read += 1
        except BridgeError:
            waiting = None
    assert read > PARSED / 4


def taken(came: engineio_codec.Packet, waiting: packet.Packet | None) -> packet.Packet | None:
    """As the server takes them; the packet whose attachments are still to come."""
    if came.kind != engineio_codec.MESSAGE:
        return waiting
    content = came.data if came.binary else came.data.decode()
    if waiting is not None:
        return None if waiting.add_attachment(content) else waiting
    read = packet.Packet(encoded_packet=content)
    if isinstance(read.data, list) and read.data and isinstance(read.data[-1], dict):
        with suppress(BridgeError):
            wire.read_object(str(read.data[0]), read.data[-1])
    return read if read.attachment_count else None


@pytest.mark.timeout(300)
def test_the_websocket_parser_says_what_is_wrong() -> None:
    frames = (*(frame(codec.TEXT, text) for text in TEXTS), frame(codec.BINARY, BINARY), frame(codec.PING, b"x"))
    more = (
        frame(codec.TEXT, b'{"type":', final=False),
        frame(codec.CONTINUATION, b'"list"}'),
        frame(codec.CLOSE, b"\x03\xe8"),
    )
    decoder, read = codec.Decoder(1_000), 0
    for number, data in enumerate(noise(2, (*frames, *more), PARSED)):
        if number % AT_ONCE == 0:  # one that was told of a long frame waits for the end of it
            decoder = codec.Decoder(1_000)
        try:
            for part in (data[: len(data) // 2], data[len(data) // 2 :]):
                read += sum(1 for _ in decoder.feed(part))
        except codec.Broken:
            decoder = codec.Decoder(1_000)
    assert read > PARSED / 8


@pytest.mark.timeout(300)
def test_the_reader_of_messages_says_what_is_wrong() -> None:
    read = 0
    for data in noise(3, TEXTS, PARSED):
        with suppress(BridgeError):
            wire.read_text(data)
            read += 1
        wire.id_of(data)
    for data in noise(4, (BINARY,), PARSED):
        with suppress(BridgeError):
            wire.read_binary(data)
            read += 1
        wire.id_of_binary(data)
    assert read > PARSED / 8


# --- a running server ----------------------------------------------------------------------------


async def through_websocket(server: Server, packets: Sequence[bytes]) -> None:
    kinds = (codec.TEXT, codec.BINARY)
    await through_frames(server, "/api/ws", b"".join(frame(kinds[data[:1] == b"S"], data) for data in packets))


async def through_socketio(server: Server, packets: Sequence[bytes]) -> None:
    sent = b"".join(frame(codec.TEXT, data) for data in (b"40", *packets))
    await through_frames(server, "/socket.io/?EIO=4&transport=websocket", sent)


async def through_frames(server: Server, path: str, sent: bytes) -> None:
    """All of it over one connection, until the server has answered and hung up, too."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    more = "".join(f"{name}: {value}\r\n" for name, value in HANDSHAKE.items())
    with suppress(ConnectionError):
        writer.write(get(path, more) + sent)
        writer.write_eof()
        while await reader.read(1 << 16):
            pass
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


async def through_polling(server: Server, packets: Sequence[bytes]) -> None:
    async with calling(server) as http:
        path = ""
        for data in packets:
            path = path or await connected(http)
            async with http.post(path, data=data) as answer:
                path = path if answer.status == 200 else ""
        async with http.post(path or await connected(http), data=b"1"):
            pass


async def connected(http: aiohttp.ClientSession) -> str:
    path = "/socket.io/?EIO=4&transport=polling"
    async with http.get(path) as answer:
        path += "&sid=" + json.loads((await answer.read())[1:])["sid"]
    async with http.post(path, data=b"40"):
        return path


WIRES: dict[str, tuple[Callable[[Server, Sequence[bytes]], Awaitable[None]], Sequence[bytes]]] = {
    "websocket": (through_websocket, (*TEXTS, BINARY)),
    "socketio": (through_socketio, SOCKETIO),
    "socketio-polling": (through_polling, SOCKETIO),
}


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", list(WIRES))
async def test_a_server_goes_on_and_its_log_stays_clean(name: str, caplog: pytest.LogCaptureFixture) -> None:
    send, whole = WIRES[name]
    count = PACKETS // 5 if send is through_polling else PACKETS  # a request for each
    memory = psutil.Process()
    async with serving("counter") as server:
        async for batch in batches(noise(5, whole, count // 5)):
            await send(server, batch)
        before = memory.memory_info().rss
        async for batch in batches(noise(6, whole, count)):
            await send(server, batch)
        assert (await server.hub.get("counter").run({"upto": 2}).result()).outputs == {"text": "0 1 "}
        while server.socketio.clients:
            await asyncio.sleep(0.005)
        assert memory.memory_info().rss - before < GROWTH
    assert [record for record in caplog.records if record.levelno >= logging.ERROR or record.exc_info] == []


async def batches(packets: Iterator[bytes]) -> AsyncIterator[list[bytes]]:
    batch: list[bytes] = []
    for data in packets:
        batch.append(data)
        if len(batch) == AT_ONCE:
            yield batch
            batch = []
    yield batch
