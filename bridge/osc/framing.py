"""How packets stand in a stream: with their length before them (OSC 1.0), or between marks (SLIP, OSC 1.1).

Which of the two a sender uses shows in its first byte. Answers go back in the same way.
"""

import struct
from typing import Literal

from bridge import limits
from bridge.errors import BadMessage, BridgeError, TooLarge

END = 0xC0
_END, _ESCAPE = b"\xc0", b"\xdb"
_ESCAPED_END = b"\xdb\xdc"
_ESCAPED_ESCAPE = b"\xdb\xdd"
_LENGTH = struct.Struct(">I")
_LENGTHS = range(0x10)  # a length of four bytes begins so, also one beyond the limit: that is told, not hung up on

Way = Literal["", "length", "slip"]


class Framing:
    """One connection. Feed it what comes; it gives packets that are whole, and what was wrong with the others."""

    def __init__(self, limit: int = limits.OSC_STREAM_BYTES) -> None:
        self.way: Way = ""
        self._limit = limit
        self._buffer = bytearray()
        self._skip = 0  # bytes of an oversized packet that are still to come
        self._overlong = False  # the packet between two marks is too long: until the next mark all is thrown away
        self._seen = 0  # of the buffer, where no mark is

    def feed(self, data: bytes) -> tuple[list[bytes], list[BridgeError]]:
        """All packets that are whole now, in order. BadMessage if this is no OSC at all: then it is of no use."""
        if not self.way and data:
            self.way = _way(data[0])
        self._buffer += data
        return self._between_marks() if self.way == "slip" else self._by_length()

    def wrap(self, packet: bytes) -> bytes:
        """As it goes back over the same stream; with its length as long as nothing has come."""
        if self.way != "slip":
            return _LENGTH.pack(len(packet)) + packet
        safe = packet.replace(_ESCAPE, _ESCAPED_ESCAPE).replace(_END, _ESCAPED_END)
        return b"".join((_END, safe, _END))

    # --- length ----------------------------------------------------------------------------------

    def _by_length(self) -> tuple[list[bytes], list[BridgeError]]:
        packets: list[bytes] = []
        flaws: list[BridgeError] = []
        buffer, at = self._buffer, self._skipped()
        while len(buffer) - at >= 4:
            size = _LENGTH.unpack_from(buffer, at)[0]
            if size > self._limit:
                flaws.append(self._too_large(size))
                self._skip = 4 + size
                del buffer[:at]
                at = self._skipped()
                continue
            if len(buffer) - at - 4 < size:
                break
            packets.append(bytes(buffer[at + 4 : at + 4 + size]))
            at += 4 + size
        del buffer[:at]
        return packets, flaws

    def _skipped(self) -> int:
        """Throw away what came of an oversized packet."""
        count = min(self._skip, len(self._buffer))
        self._skip -= count
        return count

    # --- marks -----------------------------------------------------------------------------------

    def _between_marks(self) -> tuple[list[bytes], list[BridgeError]]:
        packets: list[bytes] = []
        flaws: list[BridgeError] = []
        start = 0
        while (end := self._buffer.find(_END, max(start, self._seen))) >= 0:
            if end > start and not self._overlong:
                self._unescape(bytes(self._buffer[start:end]), packets, flaws)
            self._overlong = False
            start = end + 1
        del self._buffer[:start]
        if len(self._buffer) > 2 * self._limit + 2:  # every byte of a packet may have been escaped
            flaws.append(self._too_large(len(self._buffer)))
            self._overlong = True
        if self._overlong:
            self._buffer.clear()
        self._seen = len(self._buffer)
        return packets, flaws

    def _unescape(self, raw: bytes, packets: list[bytes], flaws: list[BridgeError]) -> None:
        escapes = raw.count(_ESCAPE)
        if escapes:
            if raw.count(_ESCAPED_END) + raw.count(_ESCAPED_ESCAPE) != escapes:
                flaws.append(BadMessage("a packet came whose SLIP escapes are wrong"))
                return
            raw = raw.replace(_ESCAPED_END, _END).replace(_ESCAPED_ESCAPE, _ESCAPE)
        if len(raw) > self._limit:
            flaws.append(self._too_large(len(raw)))
        else:
            packets.append(raw)

    def _too_large(self, size: int) -> TooLarge:
        return TooLarge(f"a packet of {size} bytes came; up to {self._limit} are taken", hint="send less at once")


def is_osc(first: int) -> bool:
    """Whether a stream that begins with this byte can be OSC."""
    return first in _LENGTHS or first == END


def _way(first: int) -> Way:
    if first == END:
        return "slip"
    if first in _LENGTHS:
        return "length"
    hint = "a packet begins with its length in four bytes, or stands between SLIP marks"
    raise BadMessage("a connection came that does not speak OSC", hint=hint)
