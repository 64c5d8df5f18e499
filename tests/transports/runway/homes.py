"""A server that speaks the old protocols on free ports, and where each of its sessions is found."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from bridge.server import Server
from tests.transports.serving import serving

ANYWHERE = {f"runway_{one}_port": 0 for one in ("http", "socketio", "osc", "sdk", "daemon")}


@asynccontextmanager
async def homes(*models: str, **settings: Any) -> AsyncIterator[Server]:
    """With the old servers of every session open."""
    async with serving(*models, **{"runway": True, **ANYWHERE, **settings}) as server:
        for name in models:
            await settled(server, name)
        yield server


async def settled(server: Server, session: str) -> None:
    """Until the servers of a session that is being opened are there."""
    while not any(address.startswith(f"{session} sdk ") for address in addresses(server)):
        await asyncio.sleep(0.005)


def addresses(server: Server) -> list[str]:
    """All of them."""
    return [address for wire in server.wires.described() if wire.name == "runway" for address in wire.addresses]


def place(server: Server, session: str, way: str = "http") -> str:
    """One of: http, socket.io, osc, sdk."""
    begins = f"{session} http" if way == "http" else f"{session} {way} "
    return next(address.split(" ")[-1] for address in addresses(server) if address.startswith(begins))


def port(server: Server, session: str, way: str = "http") -> int:
    return int(place(server, session, way).rpartition(":")[2])


def taken(count: int, kind: int = socket.SOCK_STREAM) -> list[socket.socket]:
    """Sockets that hold so many ports in a row, the first of them even further free ports behind."""
    while True:
        first = socket.socket(socket.AF_INET, kind)
        first.bind(("127.0.0.1", 0))
        base = first.getsockname()[1]
        held = [first]
        try:
            for offset in range(1, count):
                other = socket.socket(socket.AF_INET, kind)
                held.append(other)
                other.bind(("127.0.0.1", base + offset))
            if kind == socket.SOCK_STREAM:
                for one in held:
                    one.listen()
        except OSError:
            for one in held:
                one.close()
            continue
        return held
