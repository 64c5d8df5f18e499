"""40 kB frames from aiohttp's WebSocket on uvloop: one task sends every frame to each client in turn."""

import asyncio
import contextlib
import sys

import uvloop
from aiohttp import web

FRAME = bytes(range(256)) * 160
CLIENTS: set[web.WebSocketResponse] = set()


async def join(request: web.Request) -> web.WebSocketResponse:
    client = web.WebSocketResponse(compress=False)
    await client.prepare(request)
    CLIENTS.add(client)
    async for _ in client:
        pass
    CLIENTS.discard(client)
    return client


async def broadcast() -> None:
    while True:
        for client in tuple(CLIENTS):
            with contextlib.suppress(ConnectionError):
                await client.send_bytes(FRAME)
        await asyncio.sleep(0 if CLIENTS else 0.01)


async def main(port: int) -> None:
    app = web.Application()
    app.router.add_get("/ws", join)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await broadcast()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[2])))
