"""Socket.IO packets, the same for the clients of 2.x (protocol 4) and of 3.x and 4.x (protocol 5), both ways. Pure."""

import re
from typing import Any

import msgspec

from bridge import limits
from bridge.errors import BadMessage
from bridge.transports.base import load_json

CONNECT, DISCONNECT, EVENT, ACK, ERROR, BINARY_EVENT, BINARY_ACK = range(7)
_HEAD = re.compile(rb"([0-6])(?:(\d{1,4})-)?(?:(/[^,]{0,200}),)?(\d{1,15})?")


class Packet(msgspec.Struct, frozen=True):
    """One packet. `attachments` binary messages follow it; their places in the data are marked."""

    kind: int
    data: Any = None
    namespace: str = "/"
    id: int | None = None
    attachments: int = 0


def packed(kind: int, data: bytes = b"", namespace: str = "/", id: int | None = None) -> bytes:
    """A packet without attachments; the data is JSON already."""
    where = b"" if namespace == "/" else namespace.encode() + b","
    return b"%d%b%b%b" % (kind, where, b"" if id is None else b"%d" % id, data)


def event(name: str, body: bytes) -> bytes:
    """An event with one argument, which is JSON already: what several clients get is made once."""
    return packed(EVENT, b'["%b",%b]' % (name.encode(), body))


def unpacked(data: bytes) -> Packet:
    """The packet of a text message, or BadMessage."""
    head = _HEAD.match(data)
    if head is None:
        raise BadMessage("this is not Socket.IO: a packet begins with a digit from 0 to 6")
    kind, count, namespace, id = head.groups()
    attachments = int(count or 0)
    if attachments > limits.RUNWAY_ATTACHMENTS:
        raise BadMessage(f"{attachments} attachments came", hint=f"up to {limits.RUNWAY_ATTACHMENTS} are taken")
    body = data[head.end() :]
    where = (namespace or b"/").decode("utf-8", "replace").partition("?")[0]
    return Packet(int(kind), load_json(body) if body else None, where, None if id is None else int(id), attachments)
