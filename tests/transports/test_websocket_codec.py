import struct

import pytest

from bridge.errors import BadMessage
from bridge.transports import websocket_codec as codec
from bridge.transports.websocket_codec import BINARY, CLOSE, CONTINUATION, PING, TEXT, Broken, Decoder, Message

MASK = b"\x01\x82\x03\xf4"


def frame(opcode: int, payload: bytes, *, final: bool = True, mask: bytes = MASK) -> bytes:
    """As a client sends it."""
    length = len(payload)
    first = bytes((opcode | (0x80 if final else 0),))
    if length < 126:
        head = first + bytes((0x80 | length,))
    elif length < 65536:
        head = first + b"\xfe" + struct.pack("!H", length)
    else:
        head = first + b"\xff" + struct.pack("!Q", length)
    return head + mask + bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))


def read(*pieces: bytes, limit: int = 100_000) -> list[Message]:
    decoder = Decoder(limit)
    return [message for piece in pieces for message in decoder.feed(piece)]


@pytest.mark.parametrize("length", [0, 1, 3, 125, 126, 127, 65535, 65536])
def test_a_message_of_any_length_is_read(length: int):
    payload = bytes(index % 251 for index in range(length))
    assert read(frame(BINARY, payload)) == [Message(BINARY, payload)]


def test_however_the_bytes_come_the_messages_are_the_same():
    sent = frame(TEXT, b"one") + frame(BINARY, bytes(300)) + frame(PING, b"?") + frame(TEXT, b"")
    whole = read(sent)
    assert [message.opcode for message in whole] == [TEXT, BINARY, PING, TEXT]
    for step in (1, 2, 7):
        assert read(*(sent[at : at + step] for at in range(0, len(sent), step))) == whole


def test_fragments_are_put_together_and_control_frames_may_come_between():
    sent = frame(TEXT, "grü".encode()[:3], final=False) + frame(PING, b"x") + frame(CONTINUATION, "grüße".encode()[3:])
    assert read(sent) == [Message(PING, b"x"), Message(TEXT, "grüße".encode())]


def test_an_empty_first_fragment_is_one():
    assert read(frame(BINARY, b"", final=False) + frame(CONTINUATION, b"ab")) == [Message(BINARY, b"ab")]


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b"\x81\x00", 1002),  # not masked
        (b"\xc1\x80" + MASK, 1002),  # a reserved bit
        (b"\x83\x80" + MASK, 1002),  # an opcode that is none
        (frame(PING, b"", final=False), 1002),
        (frame(PING, bytes(126)), 1002),
        (frame(CONTINUATION, b""), 1002),
        (frame(TEXT, b"", final=False) + frame(TEXT, b""), 1002),
        (frame(TEXT, b"\xff"), 1007),
        (frame(TEXT, b"\xc3", final=False) + frame(CONTINUATION, b"\x28"), 1007),
    ],
)
def test_what_breaks_the_rules_ends_the_connection_with_its_code(sent: bytes, code: int):
    with pytest.raises(Broken) as caught:
        read(sent)
    assert caught.value.code == code


def test_what_is_too_large_is_skipped_and_told_and_the_next_is_read():
    sent = frame(BINARY, bytes(101)) + frame(TEXT, b"next")
    for step in (1, 50, 1000):
        pieces = [sent[at : at + step] for at in range(0, len(sent), step)]
        assert read(*pieces, limit=100) == [Message(BINARY, b"", 101), Message(TEXT, b"next")]


def test_fragments_that_are_too_large_together_are_told_once():
    sent = frame(BINARY, bytes(60), final=False) + frame(CONTINUATION, bytes(60), final=False)
    sent += frame(CONTINUATION, bytes(60)) + frame(TEXT, b"next")
    assert read(sent, limit=100) == [Message(BINARY, b"", 180), Message(TEXT, b"next")]


def test_a_length_beyond_belief_takes_no_memory():
    decoder = Decoder(100)
    assert [m.oversized for m in decoder.feed(b"\x82\xff" + struct.pack("!Q", 2**62) + MASK)] == [2**62]
    assert list(decoder.feed(bytes(10_000))) == []
    assert len(decoder._buffer) == 0


@pytest.mark.parametrize("length", [0, 1, 2, 3, 4, 5, 1023])
def test_both_ways_to_unmask_agree(length: int):
    data = bytes(range(256)) * 4
    expected = bytes(byte ^ MASK[index % 4] for index, byte in enumerate(data[:length]))
    assert codec.slow_unmask(bytearray(data[:length]), MASK) == expected
    assert codec.unmask(bytearray(data[:length]), MASK) == expected


def test_a_head_says_the_length():
    assert codec.frame_head(TEXT, 5) == b"\x81\x05"
    assert codec.frame_head(BINARY, 126) == b"\x82\x7e\x00\x7e"
    assert codec.frame_head(BINARY, 65536) == b"\x82\x7f" + struct.pack("!Q", 65536)


def test_a_long_reason_is_cut_between_letters():
    sent = codec.close_frame(1000, "ü" * 100)
    assert sent[1] <= 125
    sent[4:].decode()


@pytest.mark.parametrize(
    ("data", "code"), [(b"", 1000), (b"\x03\xe8", 1000), (b"\x03\xe9bye", 1001), (b"\x0f\xa0", 4000)]
)
def test_the_code_of_a_close_frame_is_read(data: bytes, code: int):
    assert codec.close_code(data) == code


@pytest.mark.parametrize("data", [b"\x03", b"\x03\xed", b"\x00\x01", b"\x13\x88", b"\x03\xe8\xff"])
def test_a_close_frame_that_can_not_be_is_refused(data: bytes):
    with pytest.raises(Broken):
        codec.close_code(data)


HANDSHAKE = {
    "Upgrade": "websocket",
    "Connection": "keep-alive, Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def test_the_handshake_of_the_specification_gets_the_answer_of_the_specification():
    assert b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n" in codec.accept(HANDSHAKE)


@pytest.mark.parametrize(
    "wrong",
    [{"Upgrade": "h2c"}, {"Connection": "close"}, {"Sec-WebSocket-Version": "8"}, {"Sec-WebSocket-Key": "short"}],
)
def test_what_is_no_handshake_is_told_so(wrong: dict[str, str]):
    with pytest.raises(BadMessage):
        codec.accept({**HANDSHAKE, **wrong})


def test_close_is_a_message_like_others():
    assert read(frame(CLOSE, b"\x03\xe8")) == [Message(CLOSE, b"\x03\xe8")]
