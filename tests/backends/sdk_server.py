"""A stand-in for a server that somebody wrote with the old Model SDK: what is known of how those answer, and no more.

Errors are words without a code, outputs of a stream replace each other, and a job that is cancelled may not say so.
"""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

PIXEL = b64encode(
    bytes.fromhex(
        "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b550000000a49444154789c6360000000020001"
        "48afa4710000000049454e44ae426082"
    )
).decode()
FLOOD = 80  # outputs of a megabyte each
COMMANDS = [
    {
        "name": "grow",
        "description": "a text that grows",
        "inputs": [{"type": "text", "name": "seed", "description": "", "default": "", "minLength": 0}],
        "outputs": [{"type": "text", "name": "text", "description": "", "default": "", "minLength": 0}],
    },
    {
        "name": "paint",
        "description": "a picture",
        "inputs": [
            {"type": "category", "name": "mood", "oneOf": ["calm", "wild"], "default": "calm"},
            {"type": "vector", "name": "z", "length": 4, "samplingMean": 0, "samplingStd": 1, "default": None},
        ],
        "outputs": [{"type": "image", "name": "image", "channels": 3, "defaultOutputFormat": "PNG"}],
    },
]


class SdkServer:
    """Two commands. `calls` is what it was asked, by which way."""

    def __init__(self, sockets: bool = True, loading: int = 0) -> None:
        self.calls: list[tuple[str, str, dict[str, Any]]] = []
        self.options: dict[str, Any] = {"size": "256"}
        self.hung_up = asyncio.Event()
        self.sent = 0
        self._sockets = sockets
        self._loading = loading
        self.address = ""

    @asynccontextmanager
    async def running(self, port: int = 0) -> AsyncIterator["SdkServer"]:
        app = web.Application()
        app.add_routes(
            [
                web.get("/", self._top),
                web.get("/meta", self._meta),
                web.get("/healthcheck", self._health),
                web.post("/setup", self._setup),
                web.post("/{command}", self._command),
            ]
        )
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        self.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await runner.cleanup()

    async def _meta(self, request: web.Request) -> web.Response:
        size = {"type": "category", "name": "size", "oneOf": ["256", "512"], "default": "256"}
        return web.json_response({"modelSDKVersion": "0.6.1", "GPU": False, "options": [size], "commands": COMMANDS})

    async def _health(self, request: web.Request) -> web.Response:
        self._loading -= 1
        return web.json_response({"status": "STARTING" if self._loading >= 0 else "RUNNING"})

    async def _setup(self, request: web.Request) -> web.Response:
        self.options = await request.json()
        return web.json_response({"success": True})

    async def _command(self, request: web.Request) -> web.Response:
        name, inputs = request.match_info["command"], await request.json()
        self.calls.append(("post", name, inputs))
        if inputs.get("seed") == "fail":
            return web.json_response({"error": "Error during inference: ValueError('no')", "traceback": []}, status=500)
        return web.json_response(self._outputs(name, inputs)[-1])

    async def _top(self, request: web.Request) -> web.StreamResponse:
        if not self._sockets or request.headers.get("Upgrade") != "websocket":
            return await self._meta(request)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            said = message.json()
            self.calls.append(("job", said["command"], said["inputData"]))
            await self._job(socket, said)
        self.hung_up.set()
        return socket

    async def _job(self, socket: web.WebSocketResponse, said: dict[str, Any]) -> None:
        id, seed = said["id"], said["inputData"].get("seed")
        if seed == "flood":
            await self._flood(socket, id)
            return
        if seed == "fail":
            await socket.send_json({"type": "failed", "id": id, "error": "ValueError('no')"})
            return
        if seed == "cuda":
            words = "RuntimeError('Cannot re-initialize CUDA in forked subprocess')"
            await socket.send_json({"type": "failed", "id": id, "error": words})
            return
        await socket.send_json({"type": "started", "id": id})
        for output in self._outputs(said["command"], said["inputData"]):
            await socket.send_json({"type": "output", "id": id, "outputData": output, "progress": 0.5})
        if seed == "endless":
            return
        if seed == "vanish":
            await socket.close()
            return
        await socket.send_json({"type": "succeeded", "id": id, "timeElapsed": 0.1})

    async def _flood(self, socket: web.WebSocketResponse, id: str) -> None:
        """Large outputs as fast as they are taken; `sent` is how many were."""
        for number in range(FLOOD):
            await socket.send_json({"type": "output", "id": id, "outputData": {"text": f"{number:07} " * 125_000}})
            self.sent += 1
        await socket.send_json({"type": "succeeded", "id": id, "timeElapsed": 0.1})

    @staticmethod
    def _outputs(command: str, inputs: dict[str, Any]) -> list[dict[str, Any]]:
        if command == "paint":
            return [{"image": f"data:image/png;base64,{PIXEL}"}]
        seed = inputs.get("seed", "")
        if seed.startswith("large"):
            return [{"text": "x" * 2 * 1024 * 1024}]
        return [{"text": seed + "!" * count} for count in (1, 2, 3)]
