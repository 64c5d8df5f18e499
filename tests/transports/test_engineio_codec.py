"""Engine.IO's payloads, both protocols."""

import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge import limits
from bridge.errors import BadMessage, TooLarge
from bridge.transports import engineio_codec as codec
from bridge.transports.engineio_codec import Packet

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=40).filter(lambda text: "\x1e" not in text)
PACKETS = st.lists(
    st.builds(lambda kind, text: Packet(kind, text.encode()), st.integers(0, 6), TEXT)
    | st.builds(lambda data: Packet(codec.MESSAGE, data, True), st.binary(max_size=40)),
    min_size=1,
    max_size=8,
)


@given(PACKETS, st.sampled_from((3, 4)), st.booleans())
def test_what_was_packed_comes_out_again(packets: list[Packet], version: int, base64: bool):
    body, binary = codec.to_payload(packets, version, base64)
    assert codec.from_payload(body, version, binary) == packets


@given(PACKETS, st.sampled_from((3, 4)))
def test_a_packet_in_a_frame_comes_out_again(packets: list[Packet], version: int):
    for packet in packets:
        frame = codec.to_frame(packet, version)
        assert (codec.from_binary(frame, version) if packet.binary else codec.from_text(frame, version)) == packet


def test_payloads_are_as_the_clients_write_them():
    # Written by engine.io-client 3.x (protocol 3): lengths count UTF-16 units, a parrot is two of them.
    parrot = Packet(codec.MESSAGE, '2["query","🦜"]'.encode())
    assert codec.to_payload([parrot], 3, True) == ('16:42["query","🦜"]'.encode(), False)
    assert codec.from_payload('1:216:42["query","🦜"]'.encode(), 3, False) == [Packet(codec.PING), parrot]
    assert codec.from_payload(b"\x00\x04\xff4abc\x01\x03\xff\x04\x00\x01", 3, True) == [
        Packet(codec.MESSAGE, b"abc"),
        Packet(codec.MESSAGE, b"\x00\x01", True),
    ]
    assert codec.from_payload(b"6:b4AAEC", 3, False) == [Packet(codec.MESSAGE, b"\x00\x01\x02", True)]
    # By engine.io-client 6.x (protocol 4).
    assert codec.from_payload(b"40\x1e2\x1ebAAEC", 4, False) == [
        Packet(codec.MESSAGE, b"0"),
        Packet(codec.PING),
        Packet(codec.MESSAGE, b"\x00\x01\x02", True),
    ]


BROKEN = (
    (b"", 4, False),
    (b"9", 4, False),
    (b"4a\x1e", 4, False),
    (b"bnobase64!", 4, False),
    (b"4\xff\xfe", 4, False),
    (b"5:4abc", 3, False),
    (b"x:4abc", 3, False),
    (b"4abc", 3, False),
    (b"-1:4", 3, False),
    (b"99999999999999:4", 3, False),
    (b"2:4\xf0", 3, False),
    (b"\x00\x05\xff4", 3, True),
    (b"\x00\x01", 3, True),
    (b"\x02\x01\xff4", 3, True),
    (b"\x01\x00\xff", 3, True),
    ("2:4🦜".encode(), 3, False),  # half a parrot
)


@pytest.mark.parametrize(("body", "version", "binary"), BROKEN)
def test_what_is_no_payload_is_refused_in_words(body: bytes, version: int, binary: bool):
    with pytest.raises(BadMessage, match=r"this is not Socket\.IO"):
        codec.from_payload(body, version, binary)


@pytest.mark.parametrize("version", [3, 4])
def test_one_payload_holds_so_many_packets_and_no_more(version: int):
    most = [Packet(codec.MESSAGE)] * limits.SOCKETIO_PACKETS
    assert codec.from_payload(codec.to_payload(most, version, True)[0], version, False) == most
    with pytest.raises(TooLarge, match="packets"):
        codec.from_payload(codec.to_payload([*most, Packet(codec.PING)], version, True)[0], version, False)


def test_a_body_of_nothing_but_separators_is_not_taken_apart():
    body = codec.SEPARATOR * 1_000_000
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge, match="1000001 packets"):
            codec.from_payload(body, 4, False)
        assert tracemalloc.get_traced_memory()[1] < len(body) / 2
    finally:
        tracemalloc.stop()


def test_a_packet_is_its_digit_and_the_rest():
    assert codec.from_text(b"3", 4) == Packet(codec.PONG)
    assert codec.from_text('42["ä"]'.encode(), 4) == Packet(codec.MESSAGE, '2["ä"]'.encode())


@pytest.mark.parametrize(("text", "version"), [(b"bAP8=", 4), (b"b4AP8=", 3)])
def test_bytes_in_a_text_are_base64(text: bytes, version: int):
    """In a WebSocket, too: not every client can send bytes as they are."""
    assert codec.from_text(text, version) == Packet(codec.MESSAGE, b"\0\xff", True)


@pytest.mark.parametrize("version", [3, 4])
@pytest.mark.parametrize("data", [b"", b"7", b"x", b"-1", b"\xff", b"4\xff", b"b!", b"bAAA", "４2".encode()])
def test_no_packet_is_refused(data: bytes, version: int):
    with pytest.raises(BadMessage, match=r"this is not Socket\.IO"):
        codec.from_text(data, version)


def test_the_opening_tells_what_clients_ask_for():
    told = json.loads(codec.opening("s", ("websocket",), 25.0, 20.0, 100).data)
    assert told == {
        "sid": "s",
        "upgrades": ["websocket"],
        "pingInterval": 25000,
        "pingTimeout": 20000,
        "maxPayload": 100,
    }
    assert "maxPayload" not in json.loads(codec.opening("s", (), 25.0, 20.0, None).data)
