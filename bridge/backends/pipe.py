"""How messages stand on the pipe between server and worker. Pure.

    u32 length of the head · u32 number of buffers · u32 length of each buffer · head · buffers

The head is the message in MessagePack; a Blob in it is only a number, its bytes follow as a buffer of their own and
are never copied into the message.
"""

import struct
from collections.abc import Iterator
from typing import Any, Generic, TypeVar

import msgspec

from bridge import limits
from bridge.errors import BadMessage
from bridge.ports import Blob

BLOB = 1  # the MessagePack extension that stands for a Blob
_PREFIX = struct.Struct("<II")
_LENGTH = struct.Struct("<I")
_COPY_BELOW = 64 * 1024  # a smaller blob is copied out, so that it does not keep the whole chunk it came in alive
Buffer = bytes | bytearray | memoryview
T = TypeVar("T")


class Packer:
    """Turns messages into buffers to be written one after the other."""

    def __init__(self) -> None:
        self._encoder = msgspec.msgpack.Encoder(enc_hook=self._set_aside)
        self._blobs: list[Buffer] = []

    def pack(self, message: Any) -> list[Buffer]:
        """The message as buffers; the first is the head, the rest are the blobs' own bytes, not copies."""
        self._blobs = []
        head = self._encoder.encode(message)
        blobs = self._blobs
        if not blobs:
            return [_PREFIX.pack(len(head), 0) + head]
        lengths = b"".join(_LENGTH.pack(_size(blob)) for blob in blobs)
        return [_PREFIX.pack(len(head), len(blobs)) + lengths + head, *blobs]

    def _set_aside(self, value: Any) -> msgspec.msgpack.Ext:
        if not isinstance(value, Blob):
            raise NotImplementedError(f"{type(value).__name__} can't cross to another process")
        place = msgspec.msgpack.encode((len(self._blobs), value.format, value.meta))
        self._blobs.append(value.data)
        return msgspec.msgpack.Ext(BLOB, place)


class Unpacker(Generic[T]):
    """Bytes as they arrive in, whole messages out."""

    def __init__(self, message_type: Any) -> None:
        self._decoder: msgspec.msgpack.Decoder[T] = msgspec.msgpack.Decoder(message_type, ext_hook=self._put_back)
        self._buffers: list[Buffer] = []
        self._rest = bytearray()  # the beginning of a message whose end has not come
        self._need = _PREFIX.size  # how long the rest must be before anything can be read from it

    def feed(self, data: Buffer) -> Iterator[T]:
        """Every message that is complete now, in order."""
        if self._rest:
            self._rest += data
            if len(self._rest) < self._need:
                return
            data, self._rest = self._rest, bytearray()
        view = memoryview(data)
        at, end = 0, len(view)
        while (whole := self._length(view, at)) <= end - at and whole <= limits.MESSAGE_BYTES:
            yield self._message(view[at : at + whole])
            at += whole
        if whole > limits.MESSAGE_BYTES:
            raise BadMessage(f"a message on the pipe is longer than {limits.MESSAGE_BYTES} bytes")
        if at < end:
            self._rest = bytearray(view[at:])
            self._need = whole

    def _length(self, view: memoryview, at: int) -> int:
        """How long the message is that begins here, or at least is, when not enough of it has come to tell."""
        left = len(view) - at
        if left < _PREFIX.size:
            return _PREFIX.size
        head, count = _PREFIX.unpack_from(view, at)
        fixed = int(_PREFIX.size + _LENGTH.size * count)
        if not count:
            return fixed + int(head)
        if left < fixed:
            return fixed
        lengths: tuple[int, ...] = struct.unpack_from(f"<{count}I", view, at + _PREFIX.size)
        return fixed + int(head) + sum(lengths)

    def _message(self, view: memoryview) -> T:
        head, count = _PREFIX.unpack_from(view)
        at = _PREFIX.size + _LENGTH.size * count
        lengths = struct.unpack_from(f"<{count}I", view, _PREFIX.size) if count else ()
        body = at + head
        self._buffers = []
        for length in lengths:
            part = view[body : body + length]
            self._buffers.append(bytes(part) if length < _COPY_BELOW else part)
            body += length
        try:
            return self._decoder.decode(view[at : at + head])
        except msgspec.MsgspecError as error:
            raise BadMessage(f"a message on the pipe can't be read: {error}") from error

    def _put_back(self, code: int, data: memoryview) -> Blob:
        if code != BLOB:
            raise BadMessage(f"unknown extension {code} on the pipe")
        index, format, meta = msgspec.msgpack.decode(data)
        return Blob(format, self._buffers[index], meta)


def _size(buffer: Buffer) -> int:
    return buffer.nbytes if isinstance(buffer, memoryview) else len(buffer)
