"""A WebSocket client light enough for sixty-four of them on one core: it counts frames and looks at none.

Plain sockets and one selector. While it warms up it takes every frame apart, and so learns how many bytes one has on
the wire; then it only counts bytes, which the kernel throws away where it can (Linux) instead of copying them. Runs
as a process of its own, so that server and client have a core each:
`python -m tests.bench.frames PORT PATH CLIENTS SECONDS`, what to say first as a list on standard input.
"""

import base64
import json
import os
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

from tests.bench import programs

FRAME_BYTES = 40_960  # what is in a frame; what carries it comes on top
WARM_UP_SECONDS = 0.5
_SCRATCH = memoryview(bytearray(1 << 20))
_SKIP = getattr(socket, "MSG_TRUNC", 0) if sys.platform == "linux" else 0  # TCP: drop the bytes instead of copying them


class Client:
    """One connection, after its handshake."""

    def __init__(self, port: int, path: str, first: Sequence[str] = ()) -> None:
        self.frames = 0  # taken apart so far
        self.wire_bytes = 0  # of these frames, with all that goes with them
        self.skimmed = 0  # bytes counted since
        self._left = 0  # of the body under way
        self._head = b""
        self.socket = socket.create_connection(("127.0.0.1", port), 10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as browsers do; else small sends wait
        self.socket.sendall(_handshake(port, path))
        _finish_handshake(self.socket)
        for text in first:
            self.say(text)

    def say(self, text: str) -> None:
        self.socket.sendall(text_frame(text))

    def read(self) -> bool:
        """Take in some of what is there; False when the other side has gone."""
        if self._left:
            taken = self.socket.recv_into(_SCRATCH, min(self._left, len(_SCRATCH)), _SKIP)
            self._left -= taken
            return taken > 0
        part = self.socket.recv(missing(self._head))
        self._head += part
        if not missing(self._head):
            self._begin(self._head)
            self._head = b""
        return bool(part)

    def skim(self) -> bool:
        """Count what is there; False when the other side has gone."""
        taken = self.socket.recv_into(_SCRATCH, len(_SCRATCH), _SKIP)
        self.skimmed += taken
        return taken > 0

    def _begin(self, head: bytes) -> None:
        self._left = body_length(head)
        if head[0] & 0x0F == 2:
            assert self._left >= FRAME_BYTES
            self.frames += 1
        self.wire_bytes += len(head) + self._left

    def close(self) -> None:
        self.socket.close()


def message(connection: socket.socket) -> tuple[int, bytes]:
    """The next message on a blocking socket, whole: its opcode and its body."""
    head = _exactly(connection, 2)
    head += _exactly(connection, missing(head))
    return head[0] & 0x0F, _exactly(connection, body_length(head))


def _exactly(connection: socket.socket, length: int) -> bytes:
    data = bytearray(length)
    view = memoryview(data)
    while view:
        taken = connection.recv_into(view)
        if not taken:
            raise RuntimeError("the server closed a connection")
        view = view[taken:]
    return bytes(data)


def text_frame(text: str) -> bytes:
    return client_frame(1, text.encode())


def client_frame(opcode: int, data: bytes) -> bytes:
    """As a client sends it: masked, here with zeroes. Up to 64 KiB."""
    length = bytes([0x80 | len(data)]) if len(data) < 126 else bytes([0xFE]) + len(data).to_bytes(2, "big")
    return bytes([0x80 | opcode]) + length + b"\0\0\0\0" + data


def missing(head: bytes) -> int:
    """How many bytes of a frame's head have not come."""
    if len(head) < 2:
        return 2 - len(head)
    return {126: 4, 127: 10}.get(head[1] & 0x7F, 2) - len(head)


def body_length(head: bytes) -> int:
    return int.from_bytes(head[2:], "big") if len(head) > 2 else head[1] & 0x7F


def _handshake(port: int, path: str) -> bytes:
    key = base64.b64encode(os.urandom(16)).decode()
    lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Upgrade: websocket", "Connection: Upgrade"]
    return "\r\n".join([*lines, f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", "", ""]).encode()


def _finish_handshake(connection: socket.socket) -> None:
    answer = b""
    while b"\r\n\r\n" not in answer:
        part = connection.recv(1)  # one by one: the first frame may come with it
        if not part:
            raise RuntimeError(f"no handshake: {answer!r}")
        answer += part
    if not answer.startswith(b"HTTP/1.1 101"):
        raise RuntimeError(f"no handshake: {answer!r}")


def count(port: int, path: str, clients: int, seconds: float, first: Sequence[str]) -> dict[str, float]:
    """Frames a second over all clients, and those of the one that got the fewest."""
    everybody = [Client(port, path, first) for _ in range(clients)]
    _each(everybody, Client.read, WARM_UP_SECONDS)
    frame = sum(client.wire_bytes for client in everybody) / sum(client.frames for client in everybody)
    took = _each(everybody, Client.skim, seconds)
    counts = [client.skimmed / frame for client in everybody]
    for client in everybody:
        client.close()
    return {"rate": sum(counts) / took, "fewest": min(counts) / took}


def _each(everybody: Sequence[Client], what: Callable[[Client], bool], seconds: float) -> float:
    """Do that with every client that has something to read, for so long; how long it was."""
    selector = selectors.DefaultSelector()
    for client in everybody:
        client.socket.setblocking(False)
        selector.register(client.socket, selectors.EVENT_READ, client)
    began = time.perf_counter()
    while (now := time.perf_counter()) - began < seconds:
        for key, _ in selector.select(0.1):
            if not what(key.data):
                raise RuntimeError("the server closed a connection")
    selector.close()
    return now - began


def in_own_process(port: int, path: str, clients: int, seconds: float, first: Sequence[str]) -> dict[str, float]:
    """count() with a Python of its own."""
    command = [sys.executable, "-m", "tests.bench.frames", str(port), path, str(clients), str(seconds)]
    said = subprocess.run(
        command, input=json.dumps(list(first)), cwd=programs.ROOT, capture_output=True, text=True, check=False
    )
    if said.returncode:
        raise RuntimeError(said.stderr)
    return dict(json.loads(said.stdout))


if __name__ == "__main__":
    port, path, clients, seconds = sys.argv[1:]
    print(json.dumps(count(int(port), path, int(clients), float(seconds), json.load(sys.stdin))))
