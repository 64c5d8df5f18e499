"""The bundled generator in a server of ours, and a word with its walk."""

import contextlib
import json
import socket
from collections.abc import Iterator, Mapping
from typing import Any

from tests.bench import programs
from tests.bench.calls import get_json

NAME = "dream"
FOLDER = programs.ROOT / "models" / NAME
QUALITY = 85  # of our JPEGs when nobody says otherwise
TRUNCATION = 0.7  # the model's own


def length() -> int:
    """Numbers in its z."""
    return int(json.loads((FOLDER / f"{NAME}.json").read_text())["settings"]["z_dim"])


@contextlib.contextmanager
def playing() -> Iterator[programs.Program]:
    """A server with the generator loaded; while nobody looks it computes nothing."""
    if not (FOLDER / f"{NAME}.safetensors").is_file():
        raise SystemExit(f"{NAME} has no weights yet: python -m models.{NAME}.make makes them")
    with programs.ours(f"{NAME}={NAME}") as program:
        yield program


def walk(program: programs.Program, settings: Mapping[str, Any], session: str = NAME) -> None:
    """Tell its walk something."""
    tell(program.port, f"/api/sessions/{session}/walk", settings)


def tell(port: int, path: str, value: Mapping[str, Any], method: str = "PATCH") -> bytes:
    """One request that has to succeed; the body of its answer."""
    body = json.dumps(value).encode()
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\nConnection: close\r\n"
    )
    with socket.create_connection(("127.0.0.1", port), 30) as connection:
        connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        answer = b""
        while part := connection.recv(65536):
            answer += part
    if answer.split(b" ", 2)[1][:1] != b"2":
        raise RuntimeError(f"{method} {path}: {answer[:2000]!r}")
    return answer.partition(b"\r\n\r\n")[2]


def described(program: programs.Program, session: str = NAME) -> dict[str, Any]:
    status, found = get_json(program.port, f"/api/sessions/{session}")
    if status != 200:
        raise RuntimeError(f"{session}: {found}")
    return dict(found)


def threads(program: programs.Program, session: str = NAME) -> int:
    """How many its worker found best; 0 if that was not tried."""
    return int(described(program, session)["notes"].get("threads", 0))
