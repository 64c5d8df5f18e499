"""Engine.IO packets and payloads, protocol 3 (clients up to 2.x) and 4 (from 3.x on), both ways. Pure.

For both servers: socketio_engine, which speaks 4, and runway/engineio, which speaks both. What comes is read without
trust: anything wrong is a BadMessage or TooLarge, never another exception.
"""

import binascii
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from bridge import limits
from bridge.errors import BadMessage, TooLarge
from bridge.wire import Buffer

OPEN, CLOSE, PING, PONG, MESSAGE, UPGRADE, NOOP = range(7)
_HIGHEST = NOOP
PING_SECONDS = 25.0  # between two pings: what clients are used to
PONG_SECONDS = 20.0  # for the answer to one
SEPARATOR = b"\x1e"  # between the packets of a payload of protocol 4
_LENGTH_DIGITS = 10
_END_OF_LENGTH = 255
_TAKES = "a Socket.IO client makes what is taken here"


class Packet(msgspec.Struct, frozen=True):
    """One packet: a text as UTF-8, or bytes as they are."""

    kind: int
    data: bytes = b""
    binary: bool = False


# --- in a WebSocket ------------------------------------------------------------------------------


def to_frame(packet: Packet, version: int) -> bytes:
    """The content of a WebSocket message; a binary message where the packet is binary."""
    if not packet.binary:
        return b"%d%b" % (packet.kind, packet.data)
    return packet.data if version >= 4 else bytes((packet.kind,)) + packet.data


def from_text(data: bytes, version: int) -> Packet:
    """The packet of a text message, or BadMessage. Its bytes are base64: not every client can send others."""
    if data[:1] == b"b":
        return Packet(MESSAGE, _decoded(data[1:]), True) if version >= 4 else _base64_3(data)
    if not data.isascii():
        _check_utf8(data)
    return Packet(_kind(data), data[1:])


def _base64_3(data: bytes) -> Packet:
    return Packet(_kind(data[1:2]), _decoded(data[2:]), True)


def _kind(data: bytes) -> int:
    kind = data[0] - 48 if data else -1
    if not 0 <= kind <= _HIGHEST:
        raise _bad("a packet begins with a digit from 0 to 6")
    return kind


def from_binary(data: bytes, version: int) -> Packet:
    """The packet of a binary message, or BadMessage."""
    if version >= 4:
        return Packet(MESSAGE, data, True)
    if not data or data[0] > _HIGHEST:
        raise _bad("a binary packet begins with a byte from 0 to 6")
    return Packet(data[0], data[1:], True)


def opening(sid: str, upgrades: Sequence[str], ping: float, pong: float, most: int | None) -> Packet:
    """The first packet of a connection. `most`: bytes that it may send at once; protocol 3 does not know of it."""
    told = {"sid": sid, "upgrades": upgrades, "pingInterval": int(ping * 1000), "pingTimeout": int(pong * 1000)}
    return Packet(OPEN, msgspec.json.encode(told if most is None else told | {"maxPayload": most}))


# --- over polling --------------------------------------------------------------------------------


def to_payload(packets: Iterable[Packet], version: int, base64: bool) -> tuple[bytes, bool]:
    """The body that carries these packets, and whether it is binary; `base64`: the client can take text only."""
    packets = tuple(packets)
    if version >= 4:
        return SEPARATOR.join(map(_as_text_4, packets)), False
    if not base64 and any(packet.binary for packet in packets):
        return b"".join(map(_in_binary_3, packets)), True
    return b"".join(map(_in_text_3, packets)), False


def from_payload(body: bytes, version: int, binary: bool) -> list[Packet]:
    """The packets of a body, or BadMessage or TooLarge; `binary` when it came as application/octet-stream."""
    packets = _from_payload_4(body) if version >= 4 else _from_payload_3(body, binary)
    found: list[Packet] = []
    for packet in packets:
        if len(found) >= limits.SOCKETIO_PACKETS:
            raise _too_many("more")
        found.append(packet)
    return found


def _as_text_4(packet: Packet) -> bytes:
    return in_base64(packet.data) if packet.binary else to_frame(packet, 4)


def in_base64(data: Buffer) -> bytes:
    """Bytes as a packet of a payload of protocol 4."""
    return b"b" + binascii.b2a_base64(data, newline=False)


def _in_text_3(packet: Packet) -> bytes:
    if packet.binary:
        text = b"b%d%b" % (packet.kind, binascii.b2a_base64(packet.data, newline=False))
    else:
        text = to_frame(packet, 3)
    return b"%d:%b" % (_units(text), text)


def _in_binary_3(packet: Packet) -> bytes:
    content = to_frame(packet, 3)
    digits = bytes(digit - 48 for digit in b"%d" % len(content))
    return bytes((packet.binary,)) + digits + bytes((_END_OF_LENGTH,)) + content


def _from_payload_4(body: bytes) -> Iterator[Packet]:
    count = body.count(SEPARATOR) + 1  # first: a body may be nothing but separators, millions of them
    if count > limits.SOCKETIO_PACKETS:
        raise _too_many(str(count))
    for piece in body.split(SEPARATOR):
        yield from_text(piece, 4)


def _from_payload_3(body: bytes, binary: bool) -> Iterator[Packet]:
    if binary and body[:1] in (b"\0", b"\1"):
        yield from _from_binary_3(body)
    elif body.isascii():  # a unit is a byte then
        yield from _from_text_3(body, 1)
    else:
        _check_utf8(body)
        yield from _from_text_3(body.decode().encode("utf-16-le"), 2)


def _from_text_3(body: bytes, unit: int) -> Iterator[Packet]:
    """`unit` is how many bytes the unit of length takes: lengths count what JavaScript calls characters."""
    colon = b":" if unit == 1 else b":\0"
    at = 0
    while at < len(body):
        end = body.find(colon, at, at + _LENGTH_DIGITS * unit + unit)
        digits = body[at:end:unit] if end >= 0 else b""
        if not digits.isdigit():
            raise _bad("every packet of a payload has its length and a colon before it")
        start = end + unit
        at = start + int(digits) * unit
        if at > len(body):
            raise _bad("a payload broke off")
        yield from_text(body[start:at] if unit == 1 else _from_utf16(body[start:at]), 3)


def _from_binary_3(body: bytes) -> Iterator[Packet]:
    at = 0
    while at < len(body):
        end = body.find(_END_OF_LENGTH, at + 1, at + _LENGTH_DIGITS + 2)
        digits = body[at + 1 : end] if end >= 0 else b""
        if body[at] > 1 or not digits or max(digits) > 9:
            raise _bad("every packet of a binary payload has its kind and length before it")
        length = int("".join(map(str, digits)))
        if end + 1 + length > len(body):
            raise _bad("a payload broke off")
        content = body[end + 1 : end + 1 + length]
        yield from_binary(content, 3) if body[at] else from_text(content, 3)
        at = end + 1 + length


def _units(text: bytes) -> int:
    """How long JavaScript takes a text to be: characters beyond the first 65536 count twice."""
    return len(text) if text.isascii() else len(text.decode().encode("utf-16-le")) // 2


def _check_utf8(data: bytes) -> None:
    try:
        data.decode()
    except UnicodeDecodeError:
        raise _bad("a text packet is UTF-8") from None


def _from_utf16(data: bytes) -> bytes:
    try:
        return data.decode("utf-16-le").encode()
    except UnicodeDecodeError:
        raise _bad("a packet ends within a character") from None


def _decoded(text: bytes) -> bytes:
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        raise _bad("a binary packet in text is base64") from None


def _bad(what: str) -> BadMessage:
    return BadMessage(f"this is not Socket.IO: {what}", hint=_TAKES)


def _too_many(count: str) -> TooLarge:
    return TooLarge(f"{count} packets came in one body", hint=f"up to {limits.SOCKETIO_PACKETS} are taken")
