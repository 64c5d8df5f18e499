"""40 kB frames from aiohttp's WebSocket on uvloop: a task a client, each sends as fast as its socket takes."""

import sys

import uvloop
from aiohttp import web

FRAME = bytes(range(256)) * 160


async def frames(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse(compress=False)
    await socket.prepare(request)
    while not socket.closed:
        await socket.send_bytes(FRAME)
    return socket


if __name__ == "__main__":
    uvloop.install()
    app = web.Application()
    app.router.add_get("/ws", frames)
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[2]), access_log=None, print=None, shutdown_timeout=0.1)
