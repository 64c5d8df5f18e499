"""OSC packets: bytes to messages and back. The common types are read here, the others by python-osc.

What goes out uses the types that every receiver knows: `i`, `f`, `s` and `b`.
"""

import math
import struct
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from bridge import limits
from bridge.errors import BadMessage, TooLarge

BUNDLE = b"#bundle\0"
_HEAD = 16  # of a bundle: its name and its time tag
_UINT64 = struct.Struct(">Q")
_INT32 = struct.Struct(">i")
_FLOAT32 = struct.Struct(">f")
_LARGEST_FLOAT = 3.4028235677973366e38  # from here on a float32 would be infinite
_PADDING = (b"\0\0\0\0", b"\0\0\0", b"\0\0", b"\0")

Reader = Callable[[bytes, int], tuple[Any, int]]


class Message(NamedTuple):
    """An address, which may be a pattern, and the values behind it: numbers, text, bytes, truths, None, lists."""

    address: str
    arguments: list[Any]


class Bundle(NamedTuple):
    """Packets that belong together, and when they are meant: an NTP time of 64 bits, 1 is at once."""

    time: int
    packets: list[bytes]


def is_bundle(packet: bytes) -> bool:
    """Whether it says that it is a bundle; else it is a message or nothing at all."""
    return packet.startswith(b"#")


def read_bundle(packet: bytes) -> Bundle:
    """What is in it, unread. BadMessage if it is no bundle."""
    if not packet.startswith(BUNDLE) or len(packet) < _HEAD:
        raise BadMessage("a packet came that begins like a bundle and is none", hint="#bundle, then a time tag")
    packets, at, count = [], _HEAD, 0
    while at < len(packet):
        size = _int32(packet, at)[0]
        at += 4
        if size < 0 or at + size > len(packet):
            raise BadMessage("a bundle came that ends too early")
        if size:
            packets.append(packet[at : at + size])
        count += 1  # empty ones, too: there is room for millions
        if count > limits.OSC_BUNDLE_PACKETS:
            raise TooLarge(
                f"a bundle came with more than {limits.OSC_BUNDLE_PACKETS} packets", hint="send less at once"
            )
        at += size
    return Bundle(_UINT64.unpack_from(packet, 8)[0], packets)


def read_message(packet: bytes) -> Message:
    """The message. BadMessage in words if it is none. Without type tags, as old senders write it, types are guessed."""
    address, at = _address(packet)
    if at >= len(packet):
        return Message(address, [])
    if packet[at] != 0x2C:  # a comma
        return Message(address, untyped(packet[at:]))
    try:
        tags, at = _text(packet, at)
        return Message(address, _arguments(packet, at, tags[1:]))
    except BadMessage as error:
        raise BadMessage(f"{address[:80]}: {error.message}", hint=error.hint) from None


def address_of(packet: bytes) -> str:
    """As far as it can be read, of a message that may be wrong otherwise; empty where there is none."""
    address = packet.partition(b"\0")[0]
    return address[:256].decode(errors="replace") if address.startswith(b"/") else ""


def head_of(packet: bytes) -> bytes:
    """Address and type tags as they came, or nothing where it has no tags. For messages that were read before."""
    comma = packet.find(b",")
    end = packet.find(b"\0", comma)
    return packet[: (end + 4) & ~3] if comma > 0 and end > 0 else b""


def size_of(tags: str) -> int:
    """The bytes of such arguments where they always are as many; -1 where they are not."""
    if tags.strip("if"):
        sizes = [_SIZES.get(tag, -1) for tag in tags]
        return -1 if -1 in sizes else sum(sizes)
    return 4 * len(tags)


def message(address: str, arguments: Iterable[Any] = ()) -> bytes:
    """A message that every receiver can read: numbers, text and bytes; truths become 1 and 0, nothing becomes ""."""
    tags, parts = [","], []
    for argument in arguments:
        tag, part = _written(argument)
        tags.append(tag)
        parts.append(part)
    return b"".join((_padded(address.encode()), _padded("".join(tags).encode()), *parts))


def floats(address: str, values: Sequence[float]) -> bytes:
    """The same for numbers only, quicker when they are many."""
    count = len(values)
    tags = _padded(b"," + b"f" * count)
    return b"".join((_padded(address.encode()), tags, struct.pack(f">{count}f", *values)))


def bundle(packets: Iterable[bytes], time: int = 1) -> bytes:
    """Packets as one."""
    sized = (part for packet in packets for part in (_INT32.pack(len(packet)), packet))
    return b"".join((BUNDLE, _UINT64.pack(time), *sized))


def untyped(rest: bytes) -> list[Any]:
    """Arguments that came without their types: text if it can be, else numbers, each the one it looks like.

    Four bytes are always a number: 0.75 would be a text as well.
    """
    text = rest.rstrip(b"\0")
    if len(rest) > 4 and text.isascii() and text.decode().isprintable() and len(rest) - len(text) in (1, 2, 3, 4):
        return [text.decode()]
    whole = len(rest) // 4
    return [_guessed(rest, 4 * index) for index in range(min(whole, limits.OSC_ARGUMENTS))]


# --- reading -------------------------------------------------------------------------------------


def _address(packet: bytes) -> tuple[str, int]:
    if not packet.startswith(b"/"):
        raise BadMessage("a packet came that is not OSC", hint="a message begins with its address, such as /dream/run")
    try:
        return _text(packet, 0)
    except BadMessage as error:
        raise BadMessage(f"a message came whose address can't be read: {error.message}") from None


def _arguments(packet: bytes, at: int, tags: str) -> list[Any]:
    if len(tags) > limits.OSC_ARGUMENTS:
        said = f"{len(tags)} arguments came; up to {limits.OSC_ARGUMENTS} are taken"
        raise BadMessage(said, hint="send them as a blob")
    if tags and not tags.strip("f"):
        return _same(packet, at, len(tags), "f")
    if tags and not tags.strip("i"):
        return _same(packet, at, len(tags), "i")
    return _mixed(packet, at, tags)


def _same(packet: bytes, at: int, count: int, kind: str) -> list[Any]:
    if len(packet) - at < 4 * count:
        raise BadMessage(f"it says that {count} numbers come, and holds {max(0, len(packet) - at) // 4}")
    return list(struct.unpack_from(f">{count}{kind}", packet, at))


def _mixed(packet: bytes, at: int, tags: str) -> list[Any]:
    found: list[Any] = []
    open_lists = [found]
    for tag in tags:
        if tag == "[":
            inner: list[Any] = []
            open_lists[-1].append(inner)
            open_lists.append(inner)
            if len(open_lists) > limits.JSON_DEPTH:
                raise BadMessage(f"lists are nested deeper than {limits.JSON_DEPTH} levels")
        elif tag == "]":
            open_lists.pop()
            if not open_lists:
                raise BadMessage("a list ends that has not begun")
        else:
            value, at = _reader(tag)(packet, at)
            open_lists[-1].append(value)
    if len(open_lists) > 1:
        raise BadMessage("a list has no end")
    return found


def _reader(tag: str) -> Reader:
    reader = _READERS.get(tag)
    if reader is not None:
        return reader
    if tag in _RARE:
        return _rare(tag)
    raise BadMessage(
        f"an argument of type {tag!r} came, which is not known", hint="types are i f s b T F N I h d t S c r m"
    )


def _rare(tag: str) -> Reader:
    """Read by python-osc, which is loaded when somebody sends such a thing."""
    from pythonosc.parsing import osc_types

    read = getattr(osc_types, _RARE[tag])

    def reader(packet: bytes, at: int) -> tuple[Any, int]:
        try:
            value, after = read(packet, at)
        except (osc_types.ParseError, ValueError, OverflowError):
            raise BadMessage("it ends too early, or holds what can't be read") from None
        return _PLAIN.get(tag, _as_it_is)(value), after

    return reader


def _text(packet: bytes, at: int) -> tuple[str, int]:
    end = packet.find(b"\0", at)
    if end < 0:
        raise BadMessage("a text has no end")
    try:
        return packet[at:end].decode(), (end + 4) & ~3
    except UnicodeDecodeError:
        raise BadMessage("a text is not UTF-8") from None


def _int32(packet: bytes, at: int) -> tuple[int, int]:
    if at + 4 > len(packet):
        raise BadMessage("it ends too early")
    return _INT32.unpack_from(packet, at)[0], at + 4


def _float32(packet: bytes, at: int) -> tuple[float, int]:
    if at + 4 > len(packet):
        raise BadMessage("it ends too early")
    return _FLOAT32.unpack_from(packet, at)[0], at + 4


def _blob(packet: bytes, at: int) -> tuple[bytes, int]:
    size, at = _int32(packet, at)
    if size < 0 or at + size > len(packet):
        raise BadMessage("a blob says that it is longer than the message")
    return packet[at : at + size], (at + size + 3) & ~3


def _character(packet: bytes, at: int) -> tuple[str, int]:
    number, at = _int32(packet, at)
    if not 0 < number < 0x110000 or 0xD800 <= number < 0xE000:
        raise BadMessage("a character came that is none")
    return chr(number), at


def _constant(value: Any) -> Reader:
    return lambda packet, at: (value, at)


def _guessed(rest: bytes, at: int) -> float | int:
    """A float whose exponent would be all zeros or all ones is a whole number, small or just below zero."""
    whole: int = _INT32.unpack_from(rest, at)[0]
    exponent = (whole >> 23) & 0xFF
    return whole if exponent in (0, 0xFF) else float(_FLOAT32.unpack_from(rest, at)[0])


def _as_it_is(value: Any) -> Any:
    return value


def _colour(value: int) -> str:
    return f"#{value & 0xFFFFFFFF:08x}"


def _midi(value: tuple[int, ...]) -> list[int]:
    return list(value)


_READERS: dict[str, Reader] = {
    "i": _int32,
    "f": _float32,
    "s": _text,
    "S": _text,
    "b": _blob,
    "c": _character,
    "T": _constant(True),
    "I": _constant(True),  # an impulse: a button
    "F": _constant(False),
    "N": _constant(None),
}
_RARE = {"h": "get_int64", "d": "get_double", "t": "get_uint64", "r": "get_rgba", "m": "get_midi"}
_PLAIN: dict[str, Callable[[Any], Any]] = {"r": _colour, "m": _midi}
_SIZES = {"i": 4, "f": 4, "c": 4, "r": 4, "m": 4, "h": 8, "d": 8, "t": 8, "T": 0, "F": 0, "N": 0, "I": 0}


# --- writing -------------------------------------------------------------------------------------


def _written(value: Any) -> tuple[str, bytes]:
    if isinstance(value, bool):
        return "i", _INT32.pack(value)
    if isinstance(value, int) and -(2**31) <= value < 2**31:
        return "i", _INT32.pack(value)
    if isinstance(value, (int, float)):
        return _float(float(value))
    if isinstance(value, str):
        return "s", _padded(value.replace("\0", "").encode("utf-8", "replace"))
    if isinstance(value, (bytes, bytearray, memoryview)):
        return "b", b"".join((_INT32.pack(len(value)), value, b"\0" * (-len(value) % 4)))
    return "s", _padded(b"")


def _float(value: float) -> tuple[str, bytes]:
    """As float32, or as text where that has no room for it."""
    if math.isfinite(value) and abs(value) >= _LARGEST_FLOAT:
        return "s", _padded(repr(value).encode())
    return "f", _FLOAT32.pack(value)


def _padded(text: bytes) -> bytes:
    return text + _PADDING[len(text) % 4]
