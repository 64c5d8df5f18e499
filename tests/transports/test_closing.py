"""How a server ends while many hold on to it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import pytest

from bridge.server import Server
from tests.transports.serving import connections, serving
from tests.transports.test_slow_readers import get, socket, socketio

MANY = 100
KINDS = {
    "websocket": (socket(type="ping")[0], b"hello"),
    "socketio": (socketio("ping")[0], b'"sid"'),
    "events": (get("/api/events"), b"event: hello"),
    "mjpeg": (get("/api/sessions/painter/stream/image.mjpg"), b"--frame"),
    "idle": (get("/healthz"), b'"ok"'),
}


@pytest.fixture(autouse=True)
def many_files() -> None:
    """Some systems allow few open sockets unless they are asked."""
    with suppress(ImportError):
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft < 10 * MANY + 200:
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(10 * MANY + 200, hard), hard))


@asynccontextmanager
async def opened(server: Server, request: bytes, first: bytes) -> AsyncIterator[asyncio.StreamReader]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(request)
    await reader.readuntil(first)
    yield reader
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


async def test_a_hundred_of_each_kind_are_let_go_and_no_task_is_left() -> None:
    async with serving("painter") as server, AsyncExitStack() as stack:
        before = asyncio.all_tasks()
        readers = [
            await stack.enter_async_context(opened(server, *kind)) for kind in KINDS.values() for _ in range(MANY)
        ]
        held = connections(server)
        assert len(held) == len(KINDS) * MANY
        async with asyncio.timeout(60):  # in words: it does end
            await server.close()
        assert asyncio.all_tasks() <= before
        assert all(connection._gone.done() for connection in held)
        for reader in readers:
            with suppress(ConnectionError):
                await reader.read()
            assert reader.at_eof()
