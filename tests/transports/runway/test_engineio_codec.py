"""Engine.IO's payloads, both protocols."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge import limits
from bridge.errors import BadMessage
from bridge.transports.runway import engineio_codec as codec
from bridge.transports.runway.engineio_codec import Packet

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
        assert (codec.from_binary(frame, version) if packet.binary else codec.from_text(frame)) == packet


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
)


@pytest.mark.parametrize(("body", "version", "binary"), BROKEN)
def test_what_is_no_payload_is_refused_in_words(body: bytes, version: int, binary: bool):
    with pytest.raises(BadMessage, match=r"not Engine\.IO"):
        codec.from_payload(body, version, binary)


def test_one_payload_holds_so_many_packets_and_no_more():
    codec.from_payload(b"\x1e".join([b"4"] * limits.RUNWAY_PACKETS), 4, False)
    with pytest.raises(BadMessage, match="packets"):
        codec.from_payload(b"\x1e".join([b"4"] * (limits.RUNWAY_PACKETS + 1)), 4, False)


@given(st.binary(max_size=60), st.sampled_from((3, 4)), st.booleans())
def test_random_bytes_are_packets_or_refused(body: bytes, version: int, binary: bool):
    try:
        codec.from_payload(body, version, binary)
    except BadMessage:
        return
