"""Echo in aiohttp on uvloop, inside the server process: what HTTP alone costs."""

import sys

import msgspec
import uvloop
from aiohttp import web


async def echo(request: web.Request) -> web.Response:
    body = msgspec.json.decode(await request.read())
    return web.Response(body=msgspec.json.encode({"value": body["value"]}), content_type="application/json")


async def health(request: web.Request) -> web.Response:
    return web.Response(text="ok")


def make_app() -> web.Application:
    app = web.Application()
    app.router.add_post("/echo", echo)
    app.router.add_get("/healthz", health)
    return app


if __name__ == "__main__":
    uvloop.install()
    web.run_app(make_app(), host="127.0.0.1", port=int(sys.argv[2]), access_log=None, print=None)
