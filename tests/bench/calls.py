"""Loads on an HTTP echo: one caller at a time, and sixteen at once.

One at a time is a blocking socket with the request's bytes made beforehand. Sixteen at once is wrk, one thread, where
it is installed: written in C, it leaves nearly all of the two cores to what is measured. Else a small client on the
event loop of this process, which costs more; the table says which.
"""

import asyncio
import json
import re
import socket
import subprocess
import tempfile
import time
from statistics import median
from typing import Any

from tests.bench.programs import wrk

BODY = json.dumps({"value": {"x": 0.25, "y": 0.75, "label": "hand"}}).encode()
_HEAD_END = b"\r\n\r\n"


def request_bytes(path: str, port: int, body: bytes = BODY) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def get_json(port: int, path: str) -> tuple[int, Any]:
    """Status and decoded body of one GET."""
    with socket.create_connection(("127.0.0.1", port), 5) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while part := connection.recv(65536):
            answer += part
    head, _, body = answer.partition(_HEAD_END)
    status = int(head.split(b" ", 2)[1])
    try:
        return status, json.loads(body)
    except ValueError:
        return status, body


def patch(port: int, path: str, value: Any) -> None:
    """One PATCH that has to succeed."""
    body = json.dumps(value).encode()
    head = f"PATCH {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\nConnection: close\r\n"
    with socket.create_connection(("127.0.0.1", port), 5) as connection:
        connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        answer = connection.recv(65536)
    if b" 200 " not in answer[:20]:
        raise RuntimeError(f"PATCH {path}: {answer!r}")


class Answers:
    """Counts whole answers in what arrives, each known by its Content-Length; refuses any that is not 200."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> int:
        self._rest += data
        count = 0
        while (length := self._whole()) and len(self._rest) >= length:
            self._rest = self._rest[length:]
            count += 1
        return count

    def _whole(self) -> int:
        end = self._rest.find(_HEAD_END)
        if end < 0:
            return 0
        head = self._rest[:end].lower()
        if b" 200 " not in self._rest[:20]:
            raise RuntimeError(f"not a 200: {self._rest[:500]!r}")
        at = head.find(b"content-length:")
        if at < 0:
            raise RuntimeError(f"an answer without Content-Length: {head!r}")
        return end + 4 + int(head[at + 15 :].split(b"\r\n", 1)[0])


def check_echo(port: int, path: str) -> None:
    """One call, its answer looked at: the value must be in it, whole."""
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.sendall(request_bytes(path, port))
        answers, seen = Answers(), b""
        while True:
            part = connection.recv(65536)
            if not part:
                raise RuntimeError(f"the connection ended: {seen!r}")
            seen += part
            if answers.feed(part):
                break
    value = json.loads(BODY)["value"]
    if value not in _values(json.loads(seen.partition(_HEAD_END)[2])):
        raise RuntimeError(f"no echo: {seen!r}")


def _values(answer: Any) -> list[Any]:
    inner = [value for found in answer.values() if isinstance(found, dict) for value in found.values()]
    return [*answer.values(), *inner]


def serial_p50_ms(port: int, path: str, calls: int) -> float:
    """The usual time of one call when nobody else calls; a tenth as many before it to warm up."""
    request = request_bytes(path, port)
    times: list[float] = []
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        answers = Answers()
        for _ in range(calls + calls // 10):
            began = time.perf_counter()
            connection.sendall(request)
            while not answers.feed(connection.recv(65536)):
                pass
            times.append(time.perf_counter() - began)
    return median(times[calls // 10 :]) * 1000


def rate(port: int, path: str, connections: int, seconds: float) -> float:
    """Answers a second with so many connections, each sending its next request when it has its answer."""
    program = wrk()
    if program is None:
        return asyncio.run(_load(port, path, connections, seconds))
    return _wrk(program, port, path, connections, seconds)


def load_generator() -> str:
    return "wrk, one thread" if wrk() else "an asyncio client in Python (wrk is not installed)"


def _wrk(program: str, port: int, path: str, connections: int, seconds: float) -> float:
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(f'wrk.method = "POST"\nwrk.body = [==[{BODY.decode()}]==]\n')
        script.write('wrk.headers["Content-Type"] = "application/json"\n')
        script.flush()
        command = [program, "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "-s", script.name]
        said = subprocess.run([*command, f"http://127.0.0.1:{port}{path}"], capture_output=True, text=True, check=True)
    if "Non-2xx" in said.stdout or "Socket errors" in said.stdout:
        raise RuntimeError(said.stdout)
    found = re.search(r"Requests/sec:\s+([\d.]+)", said.stdout)
    assert found is not None, said.stdout
    return float(found[1])


class _Caller(asyncio.Protocol):
    def __init__(self, request: bytes) -> None:
        self.done = 0
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._request = request
        self._answers = Answers()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if count := self._answers.feed(data):
            self.done += count
            self.transport.write(self._request)

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended.set_result(None)


async def _load(port: int, path: str, connections: int, seconds: float) -> float:
    loop = asyncio.get_running_loop()
    request = request_bytes(path, port)
    callers = [
        (await loop.create_connection(lambda: _Caller(request), "127.0.0.1", port))[1] for _ in range(connections)
    ]
    before, began = sum(caller.done for caller in callers), time.perf_counter()
    await asyncio.sleep(seconds)
    counted = (sum(caller.done for caller in callers) - before) / (time.perf_counter() - began)
    for caller in callers:
        caller.transport.abort()
    await asyncio.gather(*(caller.ended for caller in callers))
    return counted
