"""A WebSocket client on a blocking socket that looks at what it gets: one message, one answer."""

import json
import socket
import struct
from collections.abc import Mapping
from typing import Any, NamedTuple, Self

from bridge import wire
from bridge.ports import Blob
from tests.bench import frames

SUBSCRIPTION = 1
_HEADER = struct.Struct("<2sBBIIIfI")
_PING, _TEXT, _BINARY = 9, 1, 2


class Heard(NamedTuple):
    """A message of the server: what it says, and the bytes that came with it."""

    head: dict[str, Any]
    payload: bytes = b""


class Talk:
    """One connection."""

    def __init__(self, port: int, patience: float = 30.0) -> None:
        self._client = frames.Client(port, "/api/ws")
        self._client.socket.settimeout(patience)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    @property
    def socket(self) -> socket.socket:
        """To wait for, beside others."""
        return self._client.socket

    def say(self, message: Mapping[str, Any]) -> None:
        self._client.say(json.dumps(message))

    def send(self, session: str, vector: bytes, name: str = "z") -> None:
        """A live input of little-endian float32 numbers, as bytes."""
        self._write(wire.Send(session=session, inputs={name: Blob("f32", vector)}))

    def run(self, id: int, session: str, vector: bytes, name: str = "z") -> None:
        self._write(wire.Run(id=id, session=session, inputs={name: Blob("f32", vector)}))

    def _write(self, request: wire.Run | wire.Send) -> None:
        binary, buffers = wire.write_inputs(request)
        self._client.socket.sendall(frames.client_frame(_BINARY if binary else _TEXT, b"".join(buffers)))

    def subscribe(self, session: str, **encoding: Any) -> None:
        """Follow its pictures; returns when the server has agreed."""
        request = {"type": "subscribe", "id": SUBSCRIPTION, "session": session, "port": "image"}
        self.say({**request, "encoding": encoding} if encoding else request)
        while self.hear().head.get("type") != "reply":
            pass

    def hear(self) -> Heard:
        """The next message; RuntimeError if it is an error. Pings are answered."""
        while True:
            opcode, body = frames.message(self._client.socket)
            if opcode == _PING:
                self._client.socket.sendall(frames.client_frame(10, body))
            elif opcode == _BINARY:
                length = _HEADER.unpack_from(body)[-1]
                return Heard(json.loads(body[_HEADER.size : _HEADER.size + length]), body[_HEADER.size + length :])
            elif opcode == _TEXT:
                said = json.loads(body)
                if said["type"] == "error":
                    raise RuntimeError(said["error"])
                return Heard(said)
            else:
                raise RuntimeError(f"the server closed the connection: {body!r}")

    def frame(self) -> Heard:
        """The next picture of a subscription."""
        while True:
            heard = self.hear()
            if heard.payload and "sequence" in heard.head and "type" not in heard.head:
                return heard

    def until_quiet(self, seconds: float) -> None:
        """Take what comes until nothing has come for so long."""
        patience = self._client.socket.gettimeout()
        self._client.socket.settimeout(seconds)
        try:
            while True:
                self.hear()
        except TimeoutError:
            self._client.socket.settimeout(patience)
