"""A call that comes again on the same connection takes the short way; nothing else may differ."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from bridge.server import Server
from bridge.transports.http_repeat import RepeatingConnection
from tests.transports.serving import MODELS, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server() -> AsyncIterator[Server]:
    async with serving("echo", "gate") as server:
        yield server


class Caller:
    """One connection, spoken to in bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def ask(self, inputs: Any, session: str = "echo", more: str = "") -> None:
        body = json.dumps(inputs).encode() if not isinstance(inputs, bytes) else inputs
        head = (
            f"POST /api/sessions/{session}/run HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n{more}"
        )
        self.writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)

    async def answer(self) -> tuple[int, dict[str, str], Any]:
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        body = await self.reader.readexactly(int(headers["content-length"]))
        return int(head[0].split()[1]), headers, json.loads(body)

    async def call(self, inputs: Any, session: str = "echo", more: str = "") -> tuple[int, dict[str, str], Any]:
        self.ask(inputs, session, more)
        return await self.answer()


@pytest_asyncio.fixture(loop_scope="module")
async def caller(server: Server) -> AsyncIterator[Caller]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    yield Caller(reader, writer)
    writer.close()
    await writer.wait_closed()


def connections(server: Server) -> list[RepeatingConnection]:
    assert server.http._server is not None
    return [connection for connection in server.http._server.connections if isinstance(connection, RepeatingConnection)]


async def until_known(server: Server, caller: Caller) -> None:
    """Call until the connection knows the head: the usual way has to be left entirely first."""
    await caller.call({"value": "first"})
    while connections(server)[-1]._waiter is None:
        await asyncio.sleep(0)


async def test_the_second_call_is_answered_like_the_first(server: Server, caller: Caller) -> None:
    first = await caller.call({"value": "aaaa"})
    second = await caller.call({"value": "bbbb"})
    assert (first[2]["outputs"], second[2]["outputs"]) == ({"any": "aaaa"}, {"any": "bbbb"})
    assert second[2]["run"] == first[2]["run"] + 1
    assert first[0] == second[0] == 200
    assert first[1].keys() == second[1].keys()


async def test_it_does_take_the_short_way(server: Server, caller: Caller) -> None:
    await until_known(server, caller)
    (known,) = [connection for connection in connections(server) if connection._heads]
    counted = known._manager.requests_count  # type: ignore[union-attr]
    assert (await caller.call({"value": "other"}))[2]["outputs"] == {"any": "other"}
    assert known._manager.requests_count == counted  # type: ignore[union-attr]


async def test_a_wrong_body_is_refused_in_the_same_words(server: Server, caller: Caller) -> None:
    usual = await caller.call({"valve": "first"})
    await until_known(server, caller)
    assert (await caller.call({"valve": "first"}))[2] == usual[2]
    assert (await caller.call(b'{"value": "first]'))[0] == 400
    assert (await caller.call({"value": "again"}))[0] == 200


async def test_calls_sent_ahead_are_answered_in_order(server: Server, caller: Caller) -> None:
    await until_known(server, caller)
    for number in range(10, 60):
        caller.ask({"value": f"no. {number % 10}"})
    values = [(await caller.answer())[2]["outputs"]["any"] for _ in range(50)]
    assert values == [f"no. {number % 10}" for number in range(10, 60)]


async def test_a_call_in_two_pieces_is_understood(server: Server, caller: Caller) -> None:
    await until_known(server, caller)
    body = b'{"value": "first"}'
    caller.writer.write(b"POST /api/sessions/echo/run HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: applic")
    await caller.writer.drain()
    caller.writer.write(b"ation/json\r\nContent-Length: 18\r\n\r\n" + body)
    assert (await caller.answer())[2]["outputs"] == {"any": "first"}


async def test_what_a_page_needs_is_told_every_time(server: Server, caller: Caller) -> None:
    origin = "Origin: https://editor.p5js.org\r\n"
    answers = [await caller.call({"value": 1}, more=origin) for _ in range(3)]
    assert {answer[1]["access-control-allow-origin"] for answer in answers} == {"https://editor.p5js.org"}


async def test_a_page_from_elsewhere_is_refused_every_time(server: Server, caller: Caller) -> None:
    answers = [await caller.call({"value": 1}, more="Origin: https://example.org\r\n") for _ in range(3)]
    assert [answer[0] for answer in answers] == [403, 403, 403]


async def test_a_caller_that_hangs_up_frees_the_model(server: Server, caller: Caller, tmp_path: Path) -> None:
    await caller.call({"path": "", "tag": "x" * len(str(tmp_path / "gate"))}, "gate")
    first, second = tmp_path / "gate", tmp_path / "next"
    caller.ask({"path": str(first), "tag": ""}, "gate")
    while not (tmp_path / "gate.begun").exists():
        await asyncio.sleep(0)
    caller.ask({"path": str(second), "tag": ""}, "gate")
    caller.writer.close()
    await caller.writer.wait_closed()
    first.touch()
    session = server.hub.get("gate")
    await session.ready()
    assert not (tmp_path / "next.begun").exists()


async def test_another_session_of_that_name_is_asked_the_usual_way(caller: Caller, server: Server) -> None:
    async def open_it(model: str) -> None:
        await (await server.hub.open(str(MODELS / model), "which")).started()

    await open_it("echo")
    assert (await caller.call({"value": 1}, "which"))[2]["outputs"] == {"any": 1}
    assert (await caller.call({"value": 2}, "which"))[2]["outputs"] == {"any": 2}
    await server.hub.close_session("which")
    assert (await caller.call({"value": 3}, "which"))[0] == 404
    await open_it("gate")
    status, _, answer = await caller.call({"value": 4}, "which")
    assert (status, answer["error"]["code"]) == (400, "unknown_input")
    await server.hub.close_session("which")


async def test_a_run_that_takes_too_long_is_ended(server: Server, caller: Caller, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    await caller.call({"path": "", "tag": "x" * len(str(gate))}, "gate")
    while connections(server)[-1]._waiter is None:
        await asyncio.sleep(0)
    for connection in connections(server):
        connection.run_seconds = 0.01
    status, _, answer = await caller.call({"path": str(gate), "tag": ""}, "gate")
    gate.touch()
    assert (status, answer["error"]["code"]) == (504, "timed_out")


async def test_a_server_that_closes_lets_the_call_finish(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    async with serving("gate") as server:
        caller = Caller(*await asyncio.open_connection("127.0.0.1", server.port))
        await caller.call({"path": "", "tag": "x" * len(str(gate))}, "gate")
        while connections(server)[-1]._waiter is None:
            await asyncio.sleep(0)
        caller.ask({"path": str(gate), "tag": ""}, "gate")
        while not (tmp_path / "gate.begun").exists():
            await asyncio.sleep(0)
        closing = asyncio.create_task(server.http.close())
        await asyncio.sleep(0)
        gate.touch()
        assert (await caller.answer())[0] == 200
        await closing
        assert await caller.reader.read() == b""
        caller.writer.close()
        await caller.writer.wait_closed()
