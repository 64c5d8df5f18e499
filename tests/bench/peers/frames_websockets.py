"""40 kB frames from websockets on uvloop: a task a client, each sends as fast as its socket takes."""

import asyncio
import sys

import uvloop
from websockets.asyncio.server import ServerConnection, serve  # type: ignore[import-not-found]

FRAME = bytes(range(256)) * 160


async def frames(socket: ServerConnection) -> None:
    while True:
        await socket.send(FRAME)


async def main(port: int) -> None:
    async with serve(frames, "127.0.0.1", port, compression=None):
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[2])))
