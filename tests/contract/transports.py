"""One caller for each transport, all with the same verbs. A new transport joins with one class and one line."""

import asyncio
import base64
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Protocol, Self

import aiohttp
import socketio

from bridge.errors import BridgeError, ErrorInfo, from_info
from tests.contract.osc_caller import OscCaller, OscTcpCaller
from tests.contract.runway_caller import RunwayCaller


class Caller(Protocol):
    """What any client can do over any transport."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *_: object) -> None: ...

    async def sessions(self) -> dict[str, str]:
        """Names and states."""

    async def open(self, model: str, name: str) -> None: ...

    async def close_session(self, name: str) -> None: ...

    async def run(self, session: str, inputs: dict[str, Any], command: str | None = None) -> dict[str, Any]: ...

    def stream(self, session: str, inputs: dict[str, Any], command: str | None = None) -> Any:
        """`async with` giving an iterator of outputs by name; leaving it early hangs up."""

    async def send(self, session: str, inputs: dict[str, Any]) -> None: ...

    def follow(self, session: str, port: str, policy: str = "newest") -> Any:
        """`async with` giving an iterator of values."""


def raised(error: dict[str, str]) -> BridgeError:
    return from_info(ErrorInfo(error["code"], error["message"], error.get("hint", ""), error.get("field", "")))


class HttpCaller:
    """Plain requests, and server-sent events for what streams."""

    def __init__(self, url: str) -> None:
        self._http = aiohttp.ClientSession(url)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.close()

    async def sessions(self) -> dict[str, str]:
        answer = await self._asked("GET", "/api/sessions")
        return {session["name"]: session["state"] for session in answer["sessions"]}

    async def open(self, model: str, name: str) -> None:
        await self._asked("POST", "/api/sessions", json={"model": model, "name": name})

    async def close_session(self, name: str) -> None:
        await self._asked("DELETE", f"/api/sessions/{name}")

    async def run(self, session: str, inputs: dict[str, Any], command: str | None = None) -> dict[str, Any]:
        answer = await self._asked("POST", _run(session, command), json=inputs)
        outputs: dict[str, Any] = answer["outputs"]
        return outputs

    @asynccontextmanager
    async def stream(
        self, session: str, inputs: dict[str, Any], command: str | None = None
    ) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
        async with self._http.post(
            _run(session, command), json=inputs, headers={"Accept": "text/event-stream"}
        ) as response:
            if response.status >= 400:
                raise raised((await response.json())["error"])
            yield (data["outputs"] async for data in _events(response, "output", "done"))

    async def send(self, session: str, inputs: dict[str, Any]) -> None:
        await self._asked("PATCH", f"/api/sessions/{session}/inputs", json=inputs)

    @asynccontextmanager
    async def follow(self, session: str, port: str, policy: str = "newest") -> AsyncIterator[AsyncIterator[Any]]:
        address = f"/api/sessions/{session}/events?port={port}&policy={policy}"
        async with self._http.get(address) as response:
            if response.status >= 400:
                raise raised((await response.json())["error"])
            await anext(_events(response, "hello"))  # from here on nothing is missed
            yield (_plain(data["value"]) async for data in _events(response, "output"))

    async def _asked(self, method: str, path: str, **more: Any) -> Any:
        async with self._http.request(method, path, **more) as response:
            body = await response.json() if response.content_type == "application/json" else None
            if response.status >= 400:
                assert body is not None, f"an error without a body: {response.status}"
                raise raised(body["error"])
            return body


def _run(session: str, command: str | None) -> str:
    return f"/api/sessions/{session}/run" + (f"?command={command}" if command else "")


async def _events(response: aiohttp.ClientResponse, wanted: str, end: str = "") -> AsyncIterator[dict[str, Any]]:
    kind = ""
    async for raw in response.content:
        line = raw.decode().rstrip("\n")
        if line.startswith("event: "):
            kind = line.removeprefix("event: ")
        elif line.startswith("data: "):
            data = json.loads(line.removeprefix("data: "))
            if kind == "error":
                raise raised(data.get("error", data))
            if kind == wanted:
                yield data
            elif kind == end:
                return


class WebSocketCaller:
    """Text messages over /api/ws, one connection for each conversation, to keep the test's side simple."""

    def __init__(self, url: str) -> None:
        self._http = aiohttp.ClientSession(url)
        self._ids = itertools.count(1)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.close()

    async def sessions(self) -> dict[str, str]:
        return {session["name"]: session["state"] for session in (await self._asked(type="list"))["value"]}

    async def open(self, model: str, name: str) -> None:
        await self._asked(type="open", model=model, name=name)

    async def close_session(self, name: str) -> None:
        await self._asked(type="close", session=name)

    async def run(self, session: str, inputs: dict[str, Any], command: str | None = None) -> dict[str, Any]:
        answer = await self._asked(type="run", session=session, inputs=inputs, command=command, binary=False)
        outputs: dict[str, Any] = answer["outputs"]
        return outputs

    @asynccontextmanager
    async def stream(
        self, session: str, inputs: dict[str, Any], command: str | None = None
    ) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
        async with self._talk() as (say, hear):
            await say(type="run", session=session, inputs=inputs, command=command, stream=True, binary=False)
            yield (answer["outputs"] async for answer in _until_end(hear, "output"))

    async def send(self, session: str, inputs: dict[str, Any]) -> None:
        await self._asked(type="send", session=session, inputs=inputs)

    @asynccontextmanager
    async def follow(self, session: str, port: str, policy: str = "newest") -> AsyncIterator[AsyncIterator[Any]]:
        async with self._talk() as (say, hear):
            await say(type="subscribe", session=session, port=port, policy=policy, binary=False)
            await say(type="ping")  # its answer tells that the subscription stands
            early = []
            async for answer in hear:
                if answer["type"] == "error":
                    raise raised(answer["error"])
                if answer["type"] == "pong":
                    break
                early.append(_plain(answer["value"]) if answer["type"] == "frame" else None)

            async def values() -> AsyncIterator[Any]:
                for value in early:
                    if value is not None:
                        yield value
                async for answer in _until_end(hear, "frame"):
                    yield _plain(answer["value"])

            yield values()

    async def _asked(self, **message: Any) -> dict[str, Any]:
        async with self._talk() as (say, hear):
            await say(**message)
            async for answer in hear:
                if answer["type"] == "error":
                    raise raised(answer["error"])
                if answer["type"] in ("reply", "done"):
                    found: dict[str, Any] = answer
                    return found
        raise AssertionError("the connection ended without an answer")

    @asynccontextmanager
    async def _talk(self) -> AsyncIterator[tuple[Any, AsyncIterator[dict[str, Any]]]]:
        async with self._http.ws_connect("/api/ws") as socket:
            hello = await socket.receive_json()
            assert hello["type"] == "hello"

            async def say(**message: Any) -> None:
                await socket.send_str(json.dumps({"id": next(self._ids), **message}))

            async def hear() -> AsyncIterator[dict[str, Any]]:
                async for message in socket:
                    yield json.loads(message.data)

            yield say, hear()


async def _until_end(hear: AsyncIterator[dict[str, Any]], wanted: str) -> AsyncIterator[dict[str, Any]]:
    async for answer in hear:
        if answer["type"] == "error":
            raise raised(answer["error"])
        if answer["type"] == wanted:
            yield answer
        elif answer["type"] == "done":
            return


class SocketIoCaller:
    """python-socketio's client: acknowledgements for what ends, events for what goes on, a client for each of those."""

    transports = ("polling", "websocket")  # from the one to the other

    def __init__(self, url: str) -> None:
        self._url = url
        self._client = socketio.AsyncClient(reconnection=False)

    async def __aenter__(self) -> Self:
        await self._client.connect(self._url, transports=list(self.transports))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.disconnect()

    async def sessions(self) -> dict[str, str]:
        return {session["name"]: session["state"] for session in (await self._asked("list"))["value"]}

    async def open(self, model: str, name: str) -> None:
        await self._asked("open", model=model, name=name)

    async def close_session(self, name: str) -> None:
        await self._asked("close", session=name)

    async def run(self, session: str, inputs: dict[str, Any], command: str | None = None) -> dict[str, Any]:
        answer = await self._asked("run", session=session, inputs=inputs, command=command)
        outputs: dict[str, Any] = answer["outputs"]
        return outputs

    @asynccontextmanager
    async def stream(
        self, session: str, inputs: dict[str, Any], command: str | None = None
    ) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
        async with self._listening() as (client, hear):
            asked = {"id": 1, "session": session, "inputs": inputs, "command": command, "stream": True}
            await client.emit("run", asked)
            yield (answer["outputs"] async for answer in _until_end(hear, "output"))

    async def send(self, session: str, inputs: dict[str, Any]) -> None:
        await self._asked("send", session=session, inputs=inputs)

    @asynccontextmanager
    async def follow(self, session: str, port: str, policy: str = "newest") -> AsyncIterator[AsyncIterator[Any]]:
        async with self._listening() as (client, hear):
            answer = await client.call("subscribe", {"session": session, "port": port, "policy": policy})
            if answer["type"] == "error":
                raise raised(answer["error"])
            yield (answer["value"] async for answer in _until_end(hear, "frame"))

    async def _asked(self, verb: str, **fields: Any) -> dict[str, Any]:
        answer: dict[str, Any] = await self._client.call(verb, fields)
        if answer["type"] == "error":
            raise raised(answer["error"])
        return answer

    @asynccontextmanager
    async def _listening(self) -> AsyncIterator[tuple[socketio.AsyncClient, AsyncIterator[dict[str, Any]]]]:
        client = socketio.AsyncClient(reconnection=False)
        heard: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        for event in ("output", "done", "error"):
            client.on(event, heard.put_nowait)
        client.on("frame", lambda head, value: heard.put_nowait({"type": "frame", **head, "value": value}))
        await client.connect(self._url, transports=list(self.transports))

        async def hear() -> AsyncIterator[dict[str, Any]]:
            while True:
                yield await heard.get()

        try:
            yield client, hear()
        finally:
            await client.disconnect()


class PollingCaller(SocketIoCaller):
    """The same where no WebSocket gets through."""

    transports = ("polling",)


def _plain(value: Any) -> Any:
    """A picture's bytes from its data URI; anything else as it is."""
    if isinstance(value, str) and value.startswith("data:"):
        return base64.b64decode(value.partition(",")[2])
    return value


TRANSPORTS: dict[str, type[Caller]] = {
    "http": HttpCaller,
    "websocket": WebSocketCaller,
    "osc": OscCaller,
    "osc over tcp": OscTcpCaller,
    "socketio": SocketIoCaller,
    "socketio-polling": PollingCaller,
    "runway": RunwayCaller,
}
