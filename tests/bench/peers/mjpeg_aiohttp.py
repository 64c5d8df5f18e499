"""MJPEG from aiohttp on uvloop, bare: every caller has a task that sends the picture of a file over and over."""

import asyncio
import sys
from pathlib import Path

import uvloop
from aiohttp import web

PICTURE = Path(sys.argv[3]).read_bytes()
HEAD = b"Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(PICTURE)
PART = HEAD + PICTURE + b"\r\n--frame\r\n"


async def stream(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse(headers={"Content-Type": "multipart/x-mixed-replace; boundary=frame"})
    await answer.prepare(request)
    await answer.write(b"--frame\r\n")
    while True:
        await answer.write(PART)  # waits where the socket is full
        await asyncio.sleep(0)


async def main(port: int) -> None:
    app = web.Application()
    app.router.add_get("/stream.mjpg", stream)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[2])))
