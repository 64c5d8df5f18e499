"""40 kB frames from python-socketio's emit to a room, with aiohttp on uvloop.

emit never waits, so a server that just goes on would fill the memory: a frame is sent when no client has more than a
few waiting, which is the quickest this one can go for long.
"""

import asyncio
import sys

import socketio
import uvloop
from aiohttp import web

FRAME = bytes(range(256)) * 160
HEAD = {"id": 1, "n": 1, "drops": 0, "age_ms": 1.25, "session": "frames", "port": "image", "run": 1, "sequence": 1}
MOST = 4  # packets that wait for one client, two of them a frame

server = socketio.AsyncServer(async_mode="aiohttp", cors_allowed_origins="*")


@server.event
async def connect(sid, environ, auth):
    await server.enter_room(sid, "frames/image")


async def broadcast():
    while True:
        waiting = [client.queue.qsize() for client in server.eio.sockets.values()]
        if waiting and max(waiting) <= MOST:
            await server.emit("frame", (HEAD, FRAME), room="frames/image")
        await asyncio.sleep(0 if waiting else 0.01)


async def main(port):
    app = web.Application()
    server.attach(app)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await broadcast()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[2])))
