"""aiohttp on uvloop and one pipe to a child process: the floor for whoever keeps the model in a process of its own."""

import asyncio
import os
import struct
import sys
from typing import Any

import msgspec
import uvloop
from aiohttp import web

LENGTH = struct.Struct("<I")
encode = msgspec.msgpack.encode
decode = msgspec.msgpack.decode


def packed(message: object) -> bytes:
    data = encode(message)
    return LENGTH.pack(len(data)) + data


def messages(rest: bytearray) -> list:
    """Takes every whole message off the front."""
    found, at = [], 0
    while len(rest) - at >= 4:
        end = at + 4 + LENGTH.unpack_from(rest, at)[0]
        if end > len(rest):
            break
        found.append(decode(rest[at + 4 : end]))
        at = end
    del rest[:at]
    return found


def child() -> None:
    rest = bytearray()
    while data := os.read(0, 1 << 18):
        rest += data
        os.write(1, b"".join(packed(message) for message in messages(rest)))


class Pipe(asyncio.SubprocessProtocol):
    def __init__(self) -> None:
        self.rest = bytearray()
        self.waiting: dict[int, asyncio.Future] = {}
        self.number = 0

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self.rest += data
        for number, value in messages(self.rest):
            self.waiting.pop(number).set_result(value)

    async def call(self, value: object) -> object:
        self.number += 1
        answer = self.waiting[self.number] = asyncio.get_running_loop().create_future()
        self.stdin.write(packed((self.number, value)))
        return await answer

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.subprocess_exec(lambda: self, sys.executable, __file__, "child", stderr=None)
        self.stdin: Any = transport.get_pipe_transport(0)


async def main(port: int) -> None:
    pipe = Pipe()
    await pipe.start()

    async def echo(request: web.Request) -> web.Response:
        body = msgspec.json.decode(await request.read())
        value = await pipe.call(body["value"])
        return web.Response(body=msgspec.json.encode({"value": value}), content_type="application/json")

    app = web.Application()
    app.router.add_post("/echo", echo)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    if sys.argv[1] == "child":
        child()
    else:
        uvloop.run(main(int(sys.argv[2])))
