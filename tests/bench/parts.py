"""MJPEG readers light enough for many of them on one core: they count pictures and look at none.

As tests.bench.frames does for WebSocket: while they warm up they count the pictures and the bytes that come, and so
learn what one has on the wire; then only bytes, which the kernel throws away where it can. Runs as a process of its
own: `python -m tests.bench.parts PORT PATH READERS SECONDS`.
"""

import json
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

from tests.bench import programs

WARM_UP_SECONDS = 0.5
_MARK = b"Content-Type: image/jpeg"
_SCRATCH = memoryview(bytearray(1 << 20))
_SKIP = getattr(socket, "MSG_TRUNC", 0) if sys.platform == "linux" else 0  # TCP: drop the bytes instead of copying them


class Reader:
    """One connection that reads a stream."""

    def __init__(self, port: int, path: str) -> None:
        self.pictures = 0  # that began while it warmed up
        self.wire_bytes = 0  # from the first of them on
        self.skimmed = 0  # bytes counted since
        self._end = b""  # of what came last: a mark may lie across two reads
        self.socket = socket.create_connection(("127.0.0.1", port), 10)
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())

    def read(self) -> bool:
        """Take in some of what is there; False when the other side has gone."""
        data = self.socket.recv(1 << 20)
        looked = self._end + data
        self.pictures += looked.count(_MARK)
        self.wire_bytes += len(data)
        self._end = looked[-len(_MARK) + 1 :]
        return bool(data)

    def skim(self) -> bool:
        """Count what is there; False when the other side has gone."""
        taken = self.socket.recv_into(_SCRATCH, len(_SCRATCH), _SKIP)
        self.skimmed += taken
        return taken > 0


def count(port: int, path: str, readers: int, seconds: float) -> dict[str, float]:
    """Pictures a second over all readers, and those of the one that got the fewest."""
    everybody = [Reader(port, path) for _ in range(readers)]
    _each(everybody, Reader.read, WARM_UP_SECONDS)
    picture = sum(reader.wire_bytes for reader in everybody) / sum(reader.pictures for reader in everybody)
    took = _each(everybody, Reader.skim, seconds)
    counts = [reader.skimmed / picture for reader in everybody]
    for reader in everybody:
        reader.socket.close()
    return {"rate": sum(counts) / took, "fewest": min(counts) / took}


def _each(everybody: Sequence[Reader], what: Callable[[Reader], bool], seconds: float) -> float:
    """Do that with every reader that has something to read, for so long; how long it was."""
    with selectors.DefaultSelector() as selector:
        for reader in everybody:
            reader.socket.setblocking(False)
            selector.register(reader.socket, selectors.EVENT_READ, reader)
        began = time.perf_counter()
        while (now := time.perf_counter()) - began < seconds:
            for key, _ in selector.select(0.1):
                if not what(key.data):
                    raise RuntimeError("the server closed a connection")
        return now - began


def in_own_process(port: int, path: str, readers: int, seconds: float) -> dict[str, float]:
    """count() with a Python of its own."""
    command = [sys.executable, "-m", "tests.bench.parts", str(port), path, str(readers), str(seconds)]
    said = subprocess.run(command, cwd=programs.ROOT, capture_output=True, text=True, check=False)
    if said.returncode:
        raise RuntimeError(said.stderr)
    return dict(json.loads(said.stdout))


if __name__ == "__main__":
    port, path, readers, seconds = sys.argv[1:]
    print(json.dumps(count(int(port), path, int(readers), float(seconds))))
