"""A caller that speaks as sketches and plugins of the old Runway app do.

The old protocol A knows one session and its usual command. What it has no word for is done as the app's plugins did it:
sessions by the daemon (D), other commands and streams by the Model SDK's form (C).
"""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, ClassVar, Self

import aiohttp
import socketio

from bridge.errors import BridgeError, ErrorInfo, UnknownPort, from_info


class RunwayCaller:
    """HTTP for runs, Socket.IO for whoever follows, a WebSocket for jobs."""

    cannot: ClassVar[dict[str, str]] = {
        "test_followers_see_what_others_caused_and_each_its_own_copy": "outputs are never pieces of a text",
    }

    def __init__(self, url: str) -> None:
        self._http = aiohttp.ClientSession()
        self._main = url

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.close()

    async def sessions(self) -> dict[str, str]:
        told = await self._asked("GET", await self._daemon() + "/v1/model_sessions")
        states = {"RUNNING": "ready"}
        return {one["id"]: states.get(one["runningStatus"], one["runningStatus"]) for one in told["modelSessions"]}

    async def open(self, model: str, name: str) -> None:
        address = await self._daemon()
        models = (await self._asked("GET", address + "/v1/models"))["models"]
        (version,) = [one["defaultVersionId"] for one in models if one["slug"] == model]
        started = await self._asked(
            "POST", address + "/v1/model_sessions", {"modelVersionId": version, "modelOptions": {}, "name": name}
        )
        assert started["id"] == started["modelSession"]["id"] == name

    async def close_session(self, name: str) -> None:
        await self._asked("DELETE", f"{await self._daemon()}/v1/model_sessions/{name}")

    async def run(self, session: str, inputs: dict[str, Any], command: str | None = None) -> dict[str, Any]:
        if command is not None:
            return await self._asked("POST", f"{await self._place(session, 'sdk')}/{command}", inputs)
        place = await self._place(session, "http") if session != "nobody" else f"{self._main}/hosted/nobody/v1"
        return await self._asked("POST", f"{place}/query", inputs)

    @asynccontextmanager
    async def stream(
        self, session: str, inputs: dict[str, Any], command: str | None = None
    ) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
        address = await self._place(session, "sdk")
        async with self._http.ws_connect(address + "/") as socket:
            name = command or (await self._asked("GET", address + "/meta"))["commands"][0]["name"]
            await socket.send_json({"type": "submit", "command": name, "inputData": inputs, "pieces": True})
            yield _outputs(socket)

    async def send(self, session: str, inputs: dict[str, Any]) -> None:
        async with self._connected(session) as (client, _):
            await client.call("query", inputs)

    @asynccontextmanager
    async def follow(self, session: str, port: str, policy: str = "newest") -> AsyncIterator[AsyncIterator[Any]]:
        async with self._connected(session) as (_, hear):
            info = await hear("info")
            if port not in [one["name"] for one in info["outputs"]]:
                raise UnknownPort(f"/info tells of no {port}", field=port)

            async def values() -> AsyncIterator[Any]:
                while True:
                    yield _plain((await hear("data"))[port])

            yield values()

    @asynccontextmanager
    async def _connected(self, session: str) -> AsyncIterator[tuple[socketio.AsyncClient, Any]]:
        client = socketio.AsyncClient(reconnection=False)
        heard: dict[str, asyncio.Queue[Any]] = {name: asyncio.Queue() for name in ("info", "data")}
        for name, queue in heard.items():
            client.on(name, queue.put_nowait)

        async def hear(name: str) -> Any:
            return await heard[name].get()

        await client.connect(await self._place(session, "socket.io"))
        try:
            yield client, hear
        finally:
            await client.disconnect()

    # --- where things are ------------------------------------------------------------------------

    async def _daemon(self) -> str:
        (wire,) = [wire for wire in await self._wires() if wire["name"] == "runway daemon"]
        return str(wire["addresses"][0])

    async def _place(self, session: str, server: str) -> str:
        begins = f"{session} http" if server == "http" else f"{session} {server} "
        while True:  # the servers of a new session open behind it
            for wire in await self._wires():
                for address in wire.get("addresses", ()):
                    if address.startswith(begins):
                        return str(address.split(" ")[-1])

    async def _wires(self) -> list[dict[str, Any]]:
        async with self._http.get(f"{self._main}/api/info") as answer:
            wires: list[dict[str, Any]] = (await answer.json())["wires"]
            return wires

    async def _asked(self, method: str, url: str, body: Any = None) -> Any:
        async with self._http.request(method, url, json=body) as answer:
            told = await answer.json()
            if answer.status >= 400:
                raise raised(told)
            return told


async def _outputs(socket: aiohttp.ClientWebSocketResponse) -> AsyncIterator[dict[str, Any]]:
    async for message in socket:
        said = json.loads(message.data)
        if said["type"] == "output":
            yield said["outputData"]
        elif said["type"] == "failed":
            raise raised(said)
        elif said["type"] in ("succeeded", "cancelled"):
            return


def raised(body: dict[str, Any]) -> BridgeError:
    """The one text that old clients read, with the code that stands beside it."""
    return from_info(ErrorInfo(body["code"], body["error"], "", body.get("field", "")))


def _plain(value: Any) -> Any:
    if isinstance(value, str) and value.startswith("data:"):
        return base64.b64decode(value.partition(",")[2])
    return value
