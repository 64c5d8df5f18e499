"""RFC 6455 as a server speaks it: bytes in, whole messages out. No I/O, no extensions.

Frames are written by joining a few bytes before a payload, so the payload itself is never copied.
"""

import base64
import binascii
import hashlib
import struct
import sys
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from bridge.errors import BadMessage

try:  # the compiled one that comes with aiohttp is forty times as fast
    from aiohttp._websocket.helpers import websocket_mask as _fast_mask
except ImportError:
    _fast_mask = None  # type: ignore[assignment]

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
NORMAL, GOING_AWAY, PROTOCOL_ERROR, NOT_TEXT, POLICY, TOO_BIG, TRY_LATER = 1000, 1001, 1002, 1007, 1008, 1009, 1013
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_KNOWN = frozenset((CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG))
_LENGTH_16 = struct.Struct("!BBH")
_LENGTH_64 = struct.Struct("!BBQ")
_CODE = struct.Struct("!H")


class Broken(Exception):
    """The other side does not keep to the protocol; the connection ends with this code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Message(NamedTuple):
    """A whole message, or a control frame. `oversized`: too large, so its bytes were thrown away."""

    opcode: int
    data: bytes
    oversized: int = 0


def accept(headers: Mapping[str, str]) -> bytes:
    """The answer that opens a WebSocket; BadMessage if the request does not ask for one."""
    if headers.get("Upgrade", "").strip().lower() != "websocket":
        raise BadMessage("this address speaks WebSocket only", hint="connect with ws:// and a WebSocket client")
    if "upgrade" not in [part.strip().lower() for part in headers.get("Connection", "").split(",")]:
        raise BadMessage("a WebSocket opens with the header Connection: Upgrade", field="Connection")
    if headers.get("Sec-WebSocket-Version", "").strip() != "13":
        raise BadMessage("this WebSocket version is not known", hint="version 13 is", field="Sec-WebSocket-Version")
    key = headers.get("Sec-WebSocket-Key", "").strip()
    if not _is_key(key):
        raise BadMessage("the WebSocket key is missing or is none", field="Sec-WebSocket-Key")
    answer = base64.b64encode(hashlib.sha1(key.encode() + _GUID, usedforsecurity=False).digest())
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + answer + b"\r\n\r\n"
    )


def frame_head(opcode: int, length: int) -> bytes:
    """What comes before a payload of that length."""
    if length < 126:
        return bytes((0x80 | opcode, length))
    if length < 0x1_0000:
        return _LENGTH_16.pack(0x80 | opcode, 126, length)
    return _LENGTH_64.pack(0x80 | opcode, 127, length)


def close_frame(code: int, reason: str = "") -> bytes:
    """A close frame; the reason is cut to what fits."""
    data = _CODE.pack(code) + reason.encode()[:120].decode(errors="ignore").encode()
    return frame_head(CLOSE, len(data)) + data


def close_code(data: bytes) -> int:
    """The code in a client's close frame, one that may be sent back; Broken if it is not allowed there."""
    if not data:
        return NORMAL
    if len(data) == 1:
        raise Broken(PROTOCOL_ERROR, "a close frame holds a code of two bytes")
    code = int(_CODE.unpack_from(data)[0])
    _text(data[2:])
    if not (1000 <= code <= 1014 and code not in (1004, 1005, 1006)) and not 3000 <= code <= 4999:
        raise Broken(PROTOCOL_ERROR, f"{code} can't be the code of a close frame")
    return code


def unmask(data: bytearray, mask: bytes) -> bytearray:
    """The payload as it was meant; may change what it is given."""
    if _fast_mask is None:
        return slow_unmask(data, mask)  # type: ignore[unreachable]
    _fast_mask(mask, data)
    return data


def slow_unmask(data: bytearray, mask: bytes) -> bytearray:
    """The same with nothing but Python, a big number at a time."""
    key = (mask * (len(data) // 4 + 1))[: len(data)]
    order = sys.byteorder
    return bytearray((int.from_bytes(data, order) ^ int.from_bytes(key, order)).to_bytes(len(data), order))


class Decoder:
    """What a client sends, put together. A message beyond the limit is skipped and told; the connection can go on."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._buffer = bytearray()
        self._skip = 0  # bytes of an oversized frame that are still to come
        self._opcode = 0  # of the message whose fragments come; 0: none is open
        self._parts = bytearray()
        self._size = 0  # of that message so far, thrown away or not

    def allow(self, limit: int) -> None:
        """From now on messages may be as large as that."""
        self._limit = limit

    def feed(self, data: bytes) -> Iterator[Message]:
        """Every message that is whole now. Raises Broken."""
        self._buffer += data
        while (message := self._next()) is not None:
            if message.opcode != CONTINUATION:
                yield message

    def _next(self) -> Message | None:
        """One step: a message, a fragment (told as CONTINUATION), or None when more bytes are needed."""
        if self._skip and not self._skipped():
            return None
        if len(self._buffer) < 2:
            return None
        head, length, start = self._head()
        if start == 0:
            return None
        opcode, final = head & 0x0F, bool(head & 0x80)
        self._check(opcode, length, final)
        if opcode < CLOSE and self._size + length > self._limit:
            return self._oversized(opcode, final, length, start)
        end = start + 4 + length
        if len(self._buffer) < end:
            return None
        payload = unmask(self._buffer[start + 4 : end], bytes(self._buffer[start : start + 4]))
        del self._buffer[:end]
        return Message(opcode, bytes(payload)) if opcode >= CLOSE else self._data(opcode, final, payload)

    def _head(self) -> tuple[int, int, int]:
        """First byte, length of the payload, where the mask begins; 0 for the last when it has not all come."""
        first, second = self._buffer[0], self._buffer[1]
        if not second & 0x80:
            raise Broken(PROTOCOL_ERROR, "frames from a client are masked")
        length, start = second & 0x7F, 2
        if length == 126:
            length, start = int.from_bytes(self._buffer[2:4]), 4
        elif length == 127:
            length, start = int.from_bytes(self._buffer[2:10]), 10
        if len(self._buffer) < start + 4:
            return first, length, 0
        return first, length, start

    def _check(self, opcode: int, length: int, final: bool) -> None:
        if self._buffer[0] & 0x70 or opcode not in _KNOWN:
            raise Broken(PROTOCOL_ERROR, "this kind of frame was not agreed on")
        if opcode >= CLOSE and (length > 125 or not final):
            raise Broken(PROTOCOL_ERROR, "control frames are short and whole")
        if opcode == CONTINUATION and not self._opcode:
            raise Broken(PROTOCOL_ERROR, "there is no message to go on with")
        if opcode in (TEXT, BINARY) and self._opcode:
            raise Broken(PROTOCOL_ERROR, "a message has to end before the next begins")

    def _data(self, opcode: int, final: bool, payload: bytearray) -> Message:
        if opcode and final:
            self._opcode = opcode
            return self._whole(bytes(payload))
        self._opcode = opcode or self._opcode
        self._parts += payload
        self._size += len(payload)
        return self._whole(bytes(self._parts)) if final else Message(CONTINUATION, b"")

    def _whole(self, data: bytes) -> Message:
        opcode, size = self._opcode, self._size
        self._opcode, self._size = 0, 0
        self._parts.clear()
        if size > self._limit:
            return Message(opcode, b"", size)
        if opcode == TEXT:
            _text(data)
        return Message(opcode, data)

    def _oversized(self, opcode: int, final: bool, length: int, start: int) -> Message | None:
        self._opcode = opcode or self._opcode
        self._parts.clear()
        self._size += length
        del self._buffer[: start + 4]
        self._skip = length
        if final:
            return self._whole(b"")
        return Message(CONTINUATION, b"")

    def _skipped(self) -> bool:
        """Throw away what came of an oversized frame; True when it is through."""
        count = min(self._skip, len(self._buffer))
        del self._buffer[:count]
        self._skip -= count
        return self._skip == 0


def _text(data: bytes) -> None:
    try:
        str(data, "utf-8")
    except UnicodeDecodeError:
        raise Broken(NOT_TEXT, "text has to be UTF-8") from None


def _is_key(key: str) -> bool:
    try:
        return len(base64.b64decode(key, validate=True)) == 16
    except (binascii.Error, ValueError):
        return False
