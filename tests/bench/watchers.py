"""WebSocket clients that count pictures of any size, many of them light enough for one process.

Plain sockets and one selector; of each message only the head is looked at. Runs as a process of its own, so that the
server has its cores to itself as far as there are any:
`python -m tests.bench.watchers PORT CLIENTS SECONDS SESSION [FORMAT]`.
"""

import json
import selectors
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import NamedTuple

from tests.bench import frames, programs

WARM_UP_SECONDS = 0.5
_BINARY = 2


class Watcher:
    """One client that takes whatever comes."""

    def __init__(self, port: int, session: str, format: str) -> None:
        wish = {"type": "subscribe", "id": 1, "session": session, "port": "image", "encoding": {"format": format}}
        self.frames = 0
        self._head = b""
        self._left = 0  # of the body under way
        self._counts = False  # whether that is a picture
        self._client = frames.Client(port, "/api/ws", [json.dumps(wish)])
        self.socket = self._client.socket
        self.socket.setblocking(False)

    def read(self) -> None:
        """Take in what is there."""
        data = self.socket.recv(1 << 20)
        if not data:
            raise RuntimeError("the server closed a connection")
        at = 0
        while at < len(data):
            at = self._body(data, at) if self._left else self._heading(data, at)

    def _body(self, data: bytes, at: int) -> int:
        taken = min(self._left, len(data) - at)
        self._left -= taken
        self.frames += self._counts and not self._left
        return at + taken

    def _heading(self, data: bytes, at: int) -> int:
        while at < len(data) and (missing := frames.missing(self._head)):
            self._head += data[at : at + missing]
            at += min(missing, len(data) - at)
        if not frames.missing(self._head):
            self._left, self._counts = frames.body_length(self._head), self._head[0] & 0x0F == _BINARY
            self._head = b""
        return at

    def close(self) -> None:
        self._client.close()


class Watched(NamedTuple):
    """Pictures a second: the mean of all clients, and of the one that got the fewest."""

    rate: float
    fewest: float


def count(port: int, clients: int, seconds: float, session: str, format: str = "jpeg") -> Watched:
    """After a warm-up."""
    everybody = [Watcher(port, session, format) for _ in range(clients)]
    _listen(everybody, WARM_UP_SECONDS)
    before = [watcher.frames for watcher in everybody]
    took = _listen(everybody, seconds)
    counts = [watcher.frames - had for watcher, had in zip(everybody, before, strict=True)]
    for watcher in everybody:
        watcher.close()
    return Watched(sum(counts) / clients / took, min(counts) / took)


def _listen(everybody: Sequence[Watcher], seconds: float) -> float:
    """For so long; how long it was."""
    with selectors.DefaultSelector() as selector:
        for watcher in everybody:
            selector.register(watcher.socket, selectors.EVENT_READ, watcher)
        began = time.perf_counter()
        while (now := time.perf_counter()) - began < seconds:
            for key, _ in selector.select(0.1):
                key.data.read()
        return now - began


def in_own_process(port: int, clients: int, seconds: float, session: str, format: str = "jpeg") -> Watched:
    """count() with a Python of its own."""
    arguments = [str(port), str(clients), str(seconds), session, format]
    command = [sys.executable, "-m", "tests.bench.watchers", *arguments]
    said = subprocess.run(command, cwd=programs.ROOT, capture_output=True, text=True, check=False)
    if said.returncode:
        raise RuntimeError(said.stderr)
    return Watched(*json.loads(said.stdout))


if __name__ == "__main__":
    port, clients, seconds, *rest = sys.argv[1:]
    print(json.dumps(count(int(port), int(clients), float(seconds), *rest)))
