"""The conversation with a bridge, without any I/O: requests out, messages in. Both shells stand on it."""

import itertools
import json
import struct
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

MOST_WAITING = 10_000  # messages of one call that nobody has read; then the call ends with an error
MOST_ATTEMPTS = 60  # to find a session again after the bridge was restarted
MOST_BYTES = 256 * 1024 * 1024  # of one message
_HEADER = struct.Struct("<2sBBIIIfI")  # magic, version, kind, id, n, drops, age in ms, length of the head
_MESSAGE, _FRAME = 1, 2


class BridgeError(Exception):
    """What the bridge refused or could not do: code, message, a hint what to do, and the field it is about."""

    def __init__(self, code: str, message: str, hint: str = "", field: str = "") -> None:
        super().__init__(f"{message} ({hint})" if hint else message)
        self.code = code
        self.message = message
        self.hint = hint
        self.field = field


@dataclass(frozen=True, slots=True)
class Frame:
    """One output of a subscription."""

    session: str
    port: str
    run: int
    sequence: int
    value: Any  # bytes of a picture or sound, a list of numbers, text ...
    format: str
    age_ms: float
    model_ms: float
    drops: int  # frames skipped so far because this reader was slower


class Call:
    """Everything that is said about one request, until its end."""

    def __init__(self, id: int, wake: Callable[[], None], request: dict[str, Any], *, newest: bool = False) -> None:
        self.id = id
        self.request = request
        self.ended = False
        self.error: BridgeError | None = None
        self._stood = False  # the bridge has confirmed it once
        self._attempts = 0
        self._wake = wake
        self._newest = newest
        self._items: deque[Any] = deque()

    @property
    def lasting(self) -> bool:
        """Is it one that comes back after the connection was lost?"""
        return self.request["type"] in ("subscribe", "events")

    @property
    def streams(self) -> bool:
        """Does it give something before its end?"""
        return self.request["type"] == "grid" or bool(self.request.get("stream"))

    def stands(self) -> None:
        """The bridge has taken it."""
        self._stood, self._attempts = True, 0

    def may_come_back(self, error: BridgeError) -> bool:
        """A bridge that was just restarted does not have its sessions yet: was it that, and is it worth another try?"""
        self._attempts += 1
        return self.lasting and self._stood and error.code == "unknown_session" and self._attempts <= MOST_ATTEMPTS

    def put(self, item: Any) -> None:
        if self._newest:
            self._items.clear()
        if len(self._items) >= MOST_WAITING:
            self.end(BridgeError("too_slow", f"{MOST_WAITING} messages wait to be read", "read faster"))
            return
        self._items.append(item)
        self._wake()

    def end(self, error: BridgeError | None = None) -> None:
        if not self.ended:
            self.ended, self.error = True, error
            self._wake()

    def take(self) -> list[Any]:
        """What has come and was not taken yet: at most one. Raises the error the call ended with."""
        if self._items:
            return [self._items.popleft()]
        if self.error is not None:
            raise self.error
        return []


class Conversation:
    """Ids, messages, and who waits for what."""

    def __init__(self, url: str, token: str = "") -> None:
        self.url = _socket_url(url, token)
        self._ids = itertools.count(1)
        self._calls: dict[int, Call] = {}

    def request(self, wake: Callable[[], None], newest: bool = False, **message: Any) -> tuple[Call, str | bytes]:
        """A new call and the message that starts it."""
        call = Call(next(self._ids), wake, message, newest=newest)
        self._calls[call.id] = call
        return call, self.message(call)

    def message(self, call: Call) -> str | bytes:
        return _packed({"id": call.id, **{name: value for name, value in call.request.items() if value is not None}})

    def forget(self, call: Call) -> None:
        self._calls.pop(call.id, None)

    def end_of(self, call: Call) -> str:
        """The message that ends a call early."""
        kind = "unsubscribe" if call.lasting else "cancel"
        return json.dumps({"type": kind, "id": call.id})

    def again(self) -> list[str | bytes]:
        """After a new connection: what makes the subscriptions come back."""
        return [self.message(call) for call in self._calls.values() if call.lasting and not call.ended]

    def lost(self) -> None:
        """The connection is gone: runs and questions end, subscriptions wait for the next one."""
        for call in list(self._calls.values()):
            if not call.lasting:
                call.end(BridgeError("connection_lost", "the connection to the bridge was lost", "run it again"))

    def over(self) -> None:
        for call in list(self._calls.values()):
            call.end(BridgeError("closed", "this client was closed"))
        self._calls.clear()

    def received(self, data: str | bytes) -> Call | None:
        """A message from the bridge, given to the call it is about. A call that comes back has to be asked again."""
        answer = _frame(data) if isinstance(data, bytes) else json.loads(data)
        call = self._calls.get(answer.get("id") or 0)
        if call is None:
            return None
        kind = answer["type"]
        if kind == "error":
            error = error_of(answer["error"])
            if call.may_come_back(error):
                return call
            call.end(error)
        elif kind == "frame":
            call.put(_as_frame(answer))
        elif kind == "output":
            call.put(answer["outputs"])
        elif kind == "event":
            call.put(answer)
        elif kind in ("reply", "done"):
            self._answered(call, answer)
        return None

    def _answered(self, call: Call, answer: dict[str, Any]) -> None:
        if call.lasting and answer["type"] == "reply":
            call.stands()
            return
        if not call.lasting and not call.streams:
            call.put(answer.get("outputs") if answer["type"] == "done" else answer.get("value"))
        call.end()


def run_message(
    session: str, inputs: Mapping[str, Any], command: str | None, encodings: Mapping[str, Any] | None, stream: bool
) -> dict[str, Any]:
    wanted = dict(encodings) if encodings else None
    return {
        "type": "run",
        "session": session,
        "command": command,
        "inputs": dict(inputs),
        "encodings": wanted,
        "stream": stream,
    }


def subscribe_message(session: str, port: str, policy: str, encoding: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "subscribe", "session": session, "port": port, "policy": policy, "encoding": dict(encoding) or None}


def _socket_url(url: str, token: str) -> str:
    parts = urlsplit(url if "://" in url else f"http://{url}")
    scheme = "wss" if parts.scheme in ("https", "wss") else "ws"
    return urlunsplit((scheme, parts.netloc, "/api/ws", urlencode({"token": token}) if token else "", ""))


def _packed(message: dict[str, Any]) -> str | bytes:
    """As JSON; with bytes among the inputs, as a binary message."""
    blobs = {name: blob for name, value in message.get("inputs", {}).items() if (blob := _blob(value)) is not None}
    if not blobs:
        return json.dumps(message, default=_plain)
    rest = {name: value for name, value in message["inputs"].items() if name not in blobs}
    heads = [{"port": name, **about, "length": len(data)} for name, (about, data) in blobs.items()]
    head = json.dumps({**message, "inputs": rest, "blobs": heads}, default=_plain).encode()
    head += b" " * (-len(head) % 4)
    payload = _joined(data for _, data in blobs.values())
    return _HEADER.pack(b"SB", 1, _MESSAGE, message["id"], 0, 0, 0.0, len(head)) + head + payload


def _joined(blobs: Iterable[bytes]) -> bytes:
    """One behind the other, each beginning at a multiple of four."""
    payload = bytearray()
    for data in blobs:
        payload += bytes(-len(payload) % 4) + data
    return bytes(payload)


def _blob(value: Any) -> tuple[dict[str, Any], bytes] | None:
    """Bytes as they are; arrays as float32 or as pixels. Anything else goes as JSON."""
    if isinstance(value, bytes | bytearray | memoryview):
        return {"format": "bytes"}, bytes(value)
    if not hasattr(value, "dtype") or not hasattr(value, "tobytes"):
        return None
    if value.ndim == 1:
        return {"format": "f32"}, value.astype("<f4").tobytes()
    if str(value.dtype) != "uint8" or value.ndim not in (2, 3):
        return None
    height, width, *channels = value.shape
    return {"format": "raw", "meta": {"width": width, "height": height, "channels": (*channels, 1)[0]}}, value.tobytes()


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} can't be sent")


def _frame(data: bytes) -> dict[str, Any]:
    """A binary message as the dict that a text would have been."""
    _, _, kind, id, n, drops, age_ms, length = _HEADER.unpack_from(data)
    start = _HEADER.size + length
    head: dict[str, Any] = json.loads(data[_HEADER.size : start])
    payload = memoryview(data)[start:]
    if kind == _FRAME:
        value = _value(head["format"], payload)
        return {**head, "type": "frame", "id": id, "n": n, "drops": drops, "age_ms": age_ms, "value": value}
    outputs = {**(head.get("outputs") or {}), **dict(_split(head.get("blobs", []), payload))}
    return {**head, "outputs": outputs}


def _split(heads: Iterable[dict[str, Any]], payload: memoryview) -> Iterable[tuple[str, Any]]:
    at = 0
    for head in heads:
        at += -at % 4
        length = head.get("length", len(payload) - at)
        yield head["port"], _value(head.get("format", "bytes"), payload[at : at + length])
        at += length


def _value(format: str, data: memoryview) -> Any:
    if format != "f32":
        return bytes(data)
    numbers = array("f")
    numbers.frombytes(data)
    return numbers.tolist()


def _as_frame(answer: dict[str, Any]) -> Frame:
    return Frame(
        answer["session"],
        answer["port"],
        answer["run"],
        answer["sequence"],
        answer["value"],
        answer["format"],
        answer["age_ms"],
        answer["model_ms"],
        answer["drops"],
    )


def error_of(told: dict[str, str]) -> BridgeError:
    return BridgeError(told["code"], told["message"], told.get("hint", ""), told.get("field", ""))
