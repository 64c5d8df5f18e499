"""A real server on a free port, with the test models."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp

from bridge.config import Settings
from bridge.server import Server
from bridge.transports.http import _Connection

MODELS = Path(__file__).parent.parent / "models"


@asynccontextmanager
async def serving(*models: str, **settings: Any) -> AsyncIterator[Server]:
    """The server, its sessions loaded; a session has the name of its model."""
    with TemporaryDirectory() as state:
        asked = tuple(f"{model}={MODELS / model}" for model in models)
        made = Settings(**{"port": 0, "osc_port": 0, "demo": False, "state": Path(state), "models": asked, **settings})
        async with Server(made) as server:
            await server.opened()
            for name in models:
                await server.hub.get(name).started()
            yield server


@asynccontextmanager
async def calling(server: Server) -> AsyncIterator[aiohttp.ClientSession]:
    """A client whose addresses begin with a slash."""
    async with aiohttp.ClientSession(server.url) as client:
        yield client


def connections(server: Server) -> list[_Connection]:
    """The server's side of its connections, the newest last."""
    assert server.http._server is not None
    return [connection for connection in server.http._server.connections if isinstance(connection, _Connection)]


async def settled(server: Server) -> None:
    """Until the server has read what was sent before this."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert (await reader.read()).startswith(b"HTTP/1.1 200 ")
    writer.close()
    await writer.wait_closed()


@asynccontextmanager
async def deaf(server: Server, *requests: bytes, flood: bytes = b"") -> AsyncIterator[_Connection]:
    """A caller who reads a few bytes between two requests, and then never again; given is the server's side of it.

    `flood` is sent for as long as the server takes it.
    """
    loop = asyncio.get_running_loop()
    with socket.socket() as caller:
        caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        caller.setblocking(False)
        await loop.sock_connect(caller, ("127.0.0.1", server.port))
        for number, request in enumerate(requests):
            if number:
                await loop.sock_recv(caller, 64)
            await loop.sock_sendall(caller, request)
        await settled(server)
        port = caller.getsockname()[1]
        (connection,) = [one for one in connections(server) if one._wire.get_extra_info("peername")[1] == port]
        sending = asyncio.create_task(loop.sock_sendall(caller, flood))
        yield connection
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)


async def exists(path: Path) -> None:
    """Until a file is there."""
    while not path.exists():
        await asyncio.sleep(0.002)


async def full(connection: _Connection) -> int:
    """Until the system takes no more of what goes to that caller; the bytes that wait for it in the server."""
    while not connection._wire.get_write_buffer_size():
        await asyncio.sleep(0)
    return connection._wire.get_write_buffer_size()
