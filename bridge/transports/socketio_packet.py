"""Socket.IO packets (protocol 5), as Engine.IO's (protocol 4, see engineio_codec) carry them. Pure.

What comes is read without trust: anything wrong is a BadMessage or TooLarge, never another exception. What goes is
packed once, as bytes that any client can be sent, however it is connected.
"""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
from socketio import packet as library  # type: ignore[import-untyped]

from bridge import limits, wire
from bridge.errors import BadMessage, TooLarge
from bridge.ports import Blob
from bridge.session.outputs import Frame
from bridge.transports import websocket_codec as codec
from bridge.transports.base import dump_json, load_json
from bridge.transports.engineio_codec import in_base64
from bridge.wire import Buffer

_HEAD = re.compile(r"([0-6])(?:([0-9]{1,9})-)?(?:(/[^,\x00-\x1f]{0,199})(?:,|$))?([0-9]{1,15})?")
_TAKES = "a Socket.IO client of version 3 or 4 makes what is taken here"


# --- what comes: Socket.IO -----------------------------------------------------------------------


class Packet(library.Packet):  # type: ignore[misc]
    """python-socketio's packet, read within our limits. Bytes become Blobs where they belong."""

    def decode(self, encoded_packet: str | bytes) -> int:
        """Take the packet in; how many attachments follow it."""
        if isinstance(encoded_packet, bytes):
            raise _bad("bytes came that no message told of")
        head = _HEAD.match(encoded_packet)
        if head is None:
            raise _bad("a message begins with a digit from 0 to 6")
        kind, count, self.namespace, id = head.groups()
        self.packet_type, attachments = int(kind), int(count or 0)
        self.id = None if id is None else int(id)
        self._check(attachments)
        body = encoded_packet[head.end() :]
        self.data = load_json(body.encode()) if body else None
        return attachments

    def add_attachment(self, attachment: str | bytes) -> bool:
        """Whether that was the last of them; then data is whole."""
        if not isinstance(attachment, bytes):
            raise _bad("a text came where bytes were due")
        self.attachments.append(attachment)
        if len(self.attachments) < self.attachment_count:
            return False
        self.data = filled(self.data, [Blob("bytes", one) for one in self.attachments])
        return True

    @property
    def bytes(self) -> int:
        """So many have come with it."""
        return sum(map(len, self.attachments))

    def _check(self, attachments: int) -> None:
        binary = self.packet_type in (library.BINARY_EVENT, library.BINARY_ACK)
        if binary is not bool(attachments):
            raise _bad("a binary message tells how many bytes follow it, another has none")
        if attachments > limits.SOCKETIO_ATTACHMENTS:
            most = limits.SOCKETIO_ATTACHMENTS
            raise TooLarge(f"a message with {attachments} attachments came", hint=f"up to {most} are taken")


def filled(value: Any, attachments: Sequence[Any]) -> Any:
    """The same with the attachments in their places, or BadMessage. JSON is never nested deeper than its limit."""
    if isinstance(value, list):
        return [filled(item, attachments) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get("_placeholder") is not True:
        return {name: filled(item, attachments) for name, item in value.items()}
    number = value.get("num")
    if type(number) is not int or not 0 <= number < len(attachments):
        raise _bad("a message names an attachment that it does not have")
    return attachments[number]


def _bad(what: str) -> BadMessage:
    return BadMessage(f"this is not Socket.IO: {what}", hint=_TAKES)


# --- what goes -----------------------------------------------------------------------------------


class Message(NamedTuple):
    """An Engine.IO packet, and the binary ones that belong to it."""

    text: bytes
    attachments: Sequence[Buffer] = ()

    @property
    def size(self) -> int:
        return len(self.text) + sum(map(len, self.attachments))

    def framed(self) -> list[Buffer]:
        """As it goes through a WebSocket."""
        parts: list[Buffer] = [codec.frame_head(codec.TEXT, len(self.text)), self.text]
        for attachment in self.attachments:
            parts += (codec.frame_head(codec.BINARY, len(attachment)), attachment)
        return parts

    def polled(self) -> list[Buffer]:
        """As packets of an HTTP body."""
        return [self.text, *map(in_base64, self.attachments)]


def event(answer: wire.Answer, *, binary: bool = True) -> Message:
    """An answer as an event that has the name of its type. Bytes in it follow as attachments, or fit JSON."""
    name = str(answer.__struct_config__.tag)
    return _packed(b"2", b'["%b",' % name.encode(), answer, binary)


def acknowledgement(id: int, answer: wire.Answer, *, binary: bool = True) -> Message:
    """An answer as what the client's callback gets."""
    return _packed(b"3", b"%d[" % id, answer, binary)


def _packed(kind: bytes, begin: bytes, answer: wire.Answer, binary: bool) -> Message:
    if not binary:
        return Message(b"4" + kind + begin + dump_json(answer) + b"]")
    attachments: list[Buffer] = []
    body = _writer(attachments).encode(_with_heads(answer))
    if not attachments:
        return Message(b"4" + kind + begin + body + b"]")
    binary_kind = {b"2": b"5", b"3": b"6"}[kind]
    return Message(b"4%b%d-%b%b]" % (binary_kind, len(attachments), begin, body), attachments)


def _with_heads(answer: wire.Answer) -> wire.Answer:
    """The same, telling what its bytes are."""
    outputs = answer.outputs if isinstance(answer, wire.Output | wire.Done) else None
    blobs = {port: value for port, value in (outputs or {}).items() if isinstance(value, Blob)}
    return msgspec.structs.replace(answer, blobs=wire.blob_heads(blobs)) if blobs else answer


class _Place(msgspec.Struct, frozen=True, rename={"placeholder": "_placeholder"}):
    num: int
    placeholder: bool = True


def _writer(attachments: list[Buffer]) -> msgspec.json.Encoder:
    def placed(value: Any) -> _Place:
        if not isinstance(value, Blob):
            raise NotImplementedError(f"{type(value).__name__} is not a JSON value")
        attachments.append(value.data)
        return _Place(len(attachments) - 1)

    return msgspec.json.Encoder(enc_hook=placed)


# --- what goes: frames ---------------------------------------------------------------------------


class _FrameHead(msgspec.Struct, frozen=True):
    session: str
    port: str
    run: int
    sequence: int
    format: str
    meta: dict[str, Any]
    model_ms: float
    encode_ms: float
    live: bool
    last: bool


_OWN = b'"id":%d,"n":%d,"drops":%d,"age_ms":%.2f,'


class SharedFrame:
    """What all subscribers of a frame get alike, made once: the event `frame` with its head and its value."""

    __slots__ = ("_attachment", "_base64", "_begin", "_length", "_rest", "_tail")

    def __init__(self, frame: Frame, *, binary: bool) -> None:
        value = frame.value
        is_blob = binary and isinstance(value, Blob)
        form, meta = (value.format, value.meta) if isinstance(value, Blob) else (frame.encoding.format, {})
        known = (frame.session, frame.port, frame.run, frame.sequence, form, meta)
        times = (round(frame.model_ms, 3), round(frame.encode_ms, 3))
        head = msgspec.json.encode(_FrameHead(*known, *times, frame.live, frame.last))
        rest = b'{"_placeholder":true,"num":0}' if is_blob else dump_json(value)
        self._begin = b'451-["frame",{' if is_blob else b'42["frame",{'
        self._rest = b"%b,%b]" % (head[1:], rest)
        self._length = len(self._begin) + len(self._rest)
        self._attachment: Buffer | None = value.data if is_blob else None
        self._tail = codec.frame_head(codec.BINARY, len(value.data)) if is_blob else b""
        self._base64 = b""

    def framed(self, id: int, n: int, drops: int, age_ms: float) -> Sequence[Buffer]:
        """For one subscriber, through a WebSocket."""
        own = _OWN % (id, n, drops, age_ms)
        head = codec.frame_head(codec.TEXT, self._length + len(own))
        text = b"".join((head, self._begin, own, self._rest, self._tail))
        return (text,) if self._attachment is None else (text, self._attachment)

    def polled(self, id: int, n: int, drops: int, age_ms: float) -> Sequence[Buffer]:
        """For one subscriber, as packets of an HTTP body."""
        text = b"".join((self._begin, _OWN % (id, n, drops, age_ms), self._rest))
        if self._attachment is None:
            return (text,)
        self._base64 = self._base64 or in_base64(self._attachment)
        return (text, self._base64)
