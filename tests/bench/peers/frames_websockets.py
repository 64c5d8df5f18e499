"""40 kB frames from websockets on uvloop: one task sends every frame to each client in turn."""

import asyncio
import contextlib
import sys

import uvloop
from websockets.asyncio.server import ServerConnection, serve  # type: ignore[import-not-found]
from websockets.exceptions import ConnectionClosed  # type: ignore[import-not-found]

FRAME = bytes(range(256)) * 160
CLIENTS: set[ServerConnection] = set()


async def join(client: ServerConnection) -> None:
    CLIENTS.add(client)
    await client.wait_closed()
    CLIENTS.discard(client)


async def broadcast() -> None:
    while True:
        for client in tuple(CLIENTS):
            with contextlib.suppress(ConnectionClosed):
                await client.send(FRAME)
        await asyncio.sleep(0 if CLIENTS else 0.01)


async def main(port: int) -> None:
    async with serve(join, "127.0.0.1", port, compression=None):
        await broadcast()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[2])))
