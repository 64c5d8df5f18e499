"""Clients that read texts as they stream: many at once on one thread, and one that waits for the first piece only."""

import json
import re
import selectors
import socket
import time
from collections.abc import Mapping, Sequence
from typing import Any

_PATIENCE = 300.0
_HEAD_END = b"\r\n\r\n"


def request(port: int, path: str, body: Mapping[str, Any]) -> bytes:
    """A POST that wants its answer as server-sent events."""
    data = json.dumps(body).encode()
    head = [
        f"POST {path} HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        "Content-Type: application/json",
        "Accept: text/event-stream",
        "Connection: close",
        f"Content-Length: {len(data)}",
    ]
    return "\r\n".join([*head, "", ""]).encode() + data


def rate(port: int, requests: Sequence[bytes], count: bytes) -> float:
    """All at once, to their ends. Tokens a second over all; `count` is what stands before the number of each."""
    connections = [socket.create_connection(("127.0.0.1", port), _PATIENCE) for _ in requests]
    try:
        began = time.perf_counter()
        for connection, asked in zip(connections, requests, strict=True):
            connection.sendall(asked)
        tails = _read(connections)
        took = time.perf_counter() - began
    finally:
        for connection in connections:
            connection.close()
    return sum(_counted(tail, count) for tail in tails) / took


def first_piece(port: int, asked: bytes) -> float:
    """Milliseconds until the first event is there. Then it hangs up."""
    with socket.create_connection(("127.0.0.1", port), _PATIENCE) as connection:
        began = time.perf_counter()
        connection.sendall(asked)
        found = b""
        while b"data:" not in found.partition(_HEAD_END)[2]:
            part = connection.recv(65536)
            if not part:
                raise RuntimeError(f"no text came: {found[-500:]!r}")
            found += part
        return (time.perf_counter() - began) * 1000


def _read(connections: Sequence[socket.socket]) -> list[bytes]:
    """Until all have hung up; the last of what each said."""
    tails = [b""] * len(connections)
    with selectors.DefaultSelector() as selector:
        for number, connection in enumerate(connections):
            selector.register(connection, selectors.EVENT_READ, number)
        while selector.get_map():
            for key, _ in selector.select(_PATIENCE):
                part = key.fileobj.recv(1 << 18)  # type: ignore[union-attr]
                tails[key.data] = (tails[key.data] + part)[-8192:]
                if not part:
                    selector.unregister(key.fileobj)
    return tails


def _counted(tail: bytes, count: bytes) -> int:
    found = re.search(count + rb"\s*(\d+)", tail)
    if not found:
        raise RuntimeError(f"a text broke off: {tail[-500:]!r}")
    return int(found[1])
