"""Socket.IO's packets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import BadMessage
from bridge.transports.runway import socketio_codec as codec
from bridge.transports.runway.socketio_codec import Packet


@pytest.mark.parametrize(
    ("data", "packet"),
    [
        (b"0", Packet(codec.CONNECT)),
        (b'0{"token":"x"}', Packet(codec.CONNECT, {"token": "x"})),
        (b"0/admin,", Packet(codec.CONNECT, None, "/admin")),
        (b"0/admin?a=b,", Packet(codec.CONNECT, None, "/admin")),
        (b"1", Packet(codec.DISCONNECT)),
        (b'2["query",{"z":[1]}]', Packet(codec.EVENT, ["query", {"z": [1]}])),
        (b'212["query",{}]', Packet(codec.EVENT, ["query", {}], "/", 12)),
        (
            b'51-["query",{"image":{"_placeholder":true,"num":0}}]',
            Packet(codec.BINARY_EVENT, ["query", {"image": {"_placeholder": True, "num": 0}}], "/", None, 1),
        ),
        (b'52-/a,7["x"]', Packet(codec.BINARY_EVENT, ["x"], "/a", 7, 2)),
    ],
)
def test_packets_are_read_as_the_clients_write_them(data: bytes, packet: Packet):
    assert codec.unpacked(data) == packet


def test_packets_are_written_as_the_clients_read_them():
    assert codec.event("data", b'{"image":""}') == b'2["data",{"image":""}]'
    assert codec.packed(codec.ACK, b"[1]", id=3) == b"33[1]"
    assert codec.packed(codec.ERROR, b'{"message":"no"}', "/x") == b'4/x,{"message":"no"}'


@pytest.mark.parametrize("data", [b"", b"9", b"x", b"2[", b'2["a"', b"599-[]", b"2" + b"[" * 200 + b"]" * 200])
def test_what_is_no_packet_is_refused(data: bytes):
    with pytest.raises(BadMessage):
        codec.unpacked(data)


@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "replace")))
def test_random_texts_are_packets_or_refused(data: bytes):
    try:
        codec.unpacked(data)
    except BadMessage:
        return
