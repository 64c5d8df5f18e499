"""A session is opened and closed while clients of every wire are connected: each learns of it in its own way."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp
import socketio

from bridge.server import Server
from tests.transports.runway.homes import homes, place
from tests.transports.serving import MODELS, calling
from tests.transports.talking import osc_port, talking

Hear = Callable[[], Awaitable[str]]  # the name of the session that it is told of next
KINDS = ["session_opened", "session_closed"]


@asynccontextmanager
async def events(server: Server) -> AsyncIterator[tuple[Hear, Hear]]:
    """Server-sent events. Every client gives what hears of a session that came, and what hears of one that went."""
    async with calling(server) as http, http.get("/api/events") as answer:

        async def told(wanted: str) -> str:
            kind = ""
            async for raw in answer.content:
                word, _, rest = raw.decode().strip().partition(": ")
                kind = rest if word == "event" else kind
                if word == "data" and kind == wanted:
                    return str(json.loads(rest).get("session"))
            raise AssertionError("the stream ended")

        await told("hello")
        yield lambda: told(KINDS[0]), lambda: told(KINDS[1])


@asynccontextmanager
async def websocket(server: Server) -> AsyncIterator[tuple[Hear, Hear]]:
    async with calling(server) as http, http.ws_connect("/api/ws") as socket:
        await socket.send_json({"type": "events", "id": 1, "kinds": KINDS})
        while (await socket.receive_json())["type"] != "reply":
            pass

        async def told(kind: str) -> str:
            said = await socket.receive_json()
            assert said["kind"] == kind, said
            return str(said["session"])

        yield lambda: told(KINDS[0]), lambda: told(KINDS[1])


@asynccontextmanager
async def socket_io(server: Server) -> AsyncIterator[tuple[Hear, Hear]]:
    client = socketio.AsyncClient(reconnection=False)
    said: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
    client.on("event", lambda event: said.put_nowait((event["kind"], event["session"])))
    await client.connect(server.url)

    async def told(wanted: str) -> str:
        kind, session = await said.get()
        assert kind == wanted
        return session

    try:
        await client.call("events", {"kinds": KINDS})
        yield lambda: told(KINDS[0]), lambda: told(KINDS[1])
    finally:
        await client.disconnect()


@asynccontextmanager
async def osc(server: Server) -> AsyncIterator[tuple[Hear, Hear]]:
    """Who follows everything is sent what the new one gives out; one that went is not among the sessions any more."""
    async with talking(server) as program:
        program.say("/subscribe")
        await program.heard_all()

        async def came() -> str:
            return (await program.hear())[0].split("/")[1]

        async def went() -> str:
            while True:
                program.say("/sessions")
                address, values = await program.hear()
                if address == "/reply" and "later" not in values:
                    return "later"

        yield came, went


@asynccontextmanager
async def oscquery(server: Server) -> AsyncIterator[tuple[Hear, Hear]]:
    url = f"http://127.0.0.1:{osc_port(server, 'osc.tcp')}"
    async with aiohttp.ClientSession() as http, http.ws_connect(url) as tree:

        async def told(command: str) -> str:
            said = await tree.receive_json()
            assert said["COMMAND"] == command, said
            return str(said["DATA"]).strip("/")

        yield lambda: told("PATH_ADDED"), lambda: told("PATH_REMOVED")


@asynccontextmanager
async def runway(server: Server) -> AsyncIterator[tuple[Hear, Hear]]:
    """The daemon lists it, and where it says that it is somebody answers, for as long as it is open."""
    daemon = next(wire for wire in server.wires.described() if wire.name == "runway daemon").addresses[0]
    async with aiohttp.ClientSession() as http:
        found = ""

        async def came() -> str:
            nonlocal found
            while True:
                async with http.get(f"{daemon}/v1/model_sessions") as answer:
                    listed = {one["id"]: one["url"] for one in (await answer.json())["modelSessions"]}
                if listed.get("later"):
                    found = place(server, "later")
                    async with http.get(found + "/info") as answer:
                        assert answer.status == 200
                    return "later"

        async def went() -> str:
            while True:
                try:
                    async with http.get(found + "/info"):
                        pass
                except aiohttp.ClientConnectionError:
                    return "later"

        yield came, went


WIRES = {
    "HTTP": events,
    "WebSocket": websocket,
    "Socket.IO": socket_io,
    "OSC": osc,
    "OSCQuery": oscquery,
    "old Runway": runway,
}


async def test_everybody_learns_of_a_session_that_is_opened_and_of_one_that_is_closed():
    async with homes("painter") as server, AsyncExitStack() as stack:
        clients = {name: await stack.enter_async_context(wire(server)) for name, wire in WIRES.items()}
        session = await server.hub.open(str(MODELS / "echo"), "later")
        await session.started()
        await session.run({"value": 7}).result()
        came = await asyncio.gather(*(hear() for hear, _ in clients.values()))
        assert dict(zip(clients, came, strict=True)) == dict.fromkeys(clients, "later")
        await server.hub.close_session("later")
        went = await asyncio.gather(*(hear() for _, hear in clients.values()))
        assert dict(zip(clients, went, strict=True)) == dict.fromkeys(clients, "later")
