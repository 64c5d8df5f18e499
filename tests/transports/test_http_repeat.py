"""A call that comes again on the same connection takes the short way; nothing else may differ."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from bridge.server import Server
from bridge.transports.http import _Connection
from tests.transports.serving import MODELS, connections, deaf, exists, full, serving, settled

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server() -> AsyncIterator[Server]:
    async with serving("echo", "gate") as server:
        yield server


HEAD = b"POST /api/sessions/%b/run HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
FIRST = HEAD[:-12]
SECOND = HEAD[-12:] + b'Content-Length: 18\r\n\r\n{"value": "first"}'


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
    async with calling(server) as caller:
        yield caller


@contextlib.asynccontextmanager
async def calling(server: Server) -> AsyncIterator[Caller]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    yield Caller(reader, writer)
    writer.close()
    await writer.wait_closed()


async def until_known(server: Server, caller: Caller) -> None:
    """Call until the connection knows the head: the usual way has to be left entirely first."""
    await caller.call({"value": "first"})
    await idle(server_side(server, caller))


async def idle(connection: _Connection) -> None:
    while connection._waiter is None:
        await asyncio.sleep(0)


def server_side(server: Server, caller: Caller) -> _Connection:
    port = caller.writer.get_extra_info("sockname")[1]
    (found,) = [one for one in connections(server) if one._wire.get_extra_info("peername")[1] == port]
    return found


async def is_short(server: Server, caller: Caller, *call: Any) -> bool:
    """Whether this call is answered without aiohttp; it has to succeed either way."""
    connection = server_side(server, caller)
    await idle(connection)
    counted = connection._request_count
    assert (await caller.call(*call))[0] == 200
    return connection._request_count == counted


async def test_the_second_call_is_answered_like_the_first(server: Server, caller: Caller) -> None:
    first = await caller.call({"value": "aaaa"})
    second = await caller.call({"value": "bbbb"})
    assert (first[2]["outputs"], second[2]["outputs"]) == ({"any": "aaaa"}, {"any": "bbbb"})
    assert second[2]["run"] == first[2]["run"] + 1
    assert first[0] == second[0] == 200
    assert first[1].keys() == second[1].keys()


async def test_it_does_take_the_short_way(server: Server, caller: Caller) -> None:
    await until_known(server, caller)
    counted = server_side(server, caller)._request_count
    assert (await caller.call({"value": "other"}))[2]["outputs"] == {"any": "other"}
    assert server_side(server, caller)._request_count == counted


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
    caller.writer.write(FIRST % b"echo")
    await settled(server)
    caller.writer.write(SECOND)
    assert (await caller.answer())[2]["outputs"] == {"any": "first"}


async def test_the_end_of_a_head_is_never_taken_for_a_head(server: Server, caller: Caller) -> None:
    for session, status in ((b"echo", 200), (b"echo", 200), (b"gate", 400), (b"nobody", 404)):
        caller.writer.write(FIRST % session)
        await settled(server)
        caller.writer.write(SECOND)
        assert (await caller.answer())[0] == status
    assert (await caller.call({"value": "other"}))[2]["outputs"] == {"any": "other"}


async def test_a_known_call_behind_the_begin_of_another_is_no_call(server: Server, caller: Caller) -> None:
    await until_known(server, caller)
    caller.writer.write(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Begun: ")
    await settled(server)
    before = server.hub.get("echo").describe()["stats"]["runs"]
    caller.ask({"value": "first"})
    assert (await caller.answer())[0] == 400  # two hosts, and no call
    assert server.hub.get("echo").describe()["stats"]["runs"] == before


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
    await exists(tmp_path / "gate.begun")
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
    connection = server_side(server, caller)
    await idle(connection)
    connection.run_seconds = 0.01
    status, _, answer = await caller.call({"path": str(gate), "tag": ""}, "gate")
    gate.touch()
    assert (status, answer["error"]["code"]) == (504, "timed_out")


async def test_a_server_that_closes_lets_the_call_finish(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    async with serving("gate") as server:
        caller = Caller(*await asyncio.open_connection("127.0.0.1", server.port))
        await caller.call({"path": "", "tag": "x" * len(str(gate))}, "gate")
        await idle(server_side(server, caller))
        caller.ask({"path": str(gate), "tag": ""}, "gate")
        await exists(tmp_path / "gate.begun")
        closing = asyncio.create_task(server.http.close())
        await asyncio.sleep(0)
        gate.touch()
        assert (await caller.answer())[0] == 200
        await closing
        assert await caller.reader.read() == b""
        caller.writer.close()
        await caller.writer.wait_closed()


# --- what else may come on such a connection -----------------------------------------------------


async def test_a_body_that_comes_behind_its_head_is_read_and_the_short_way_stays(
    server: Server, caller: Caller
) -> None:
    await until_known(server, caller)
    caller.writer.write(HEAD % b"echo" + b"Content-Length: 18\r\n\r\n")
    await settled(server)
    caller.writer.write(b'{"value": "fir')
    await settled(server)
    caller.writer.write(b'st"}')
    assert (await caller.answer())[2]["outputs"] == {"any": "first"}
    assert await is_short(server, caller, {"value": "other"})


async def test_a_body_in_chunks_is_read(server: Server, caller: Caller) -> None:
    await until_known(server, caller)
    for _ in range(2):
        caller.writer.write(
            HEAD % b"echo" + b'Transfer-Encoding: chunked\r\n\r\n9\r\n{"value":\r\n2\r\n3}\r\n0\r\n\r\n'
        )
        assert (await caller.answer())[2]["outputs"] == {"any": 3}
    assert (await caller.call({"value": "first"}))[0] == 200


async def test_who_asks_before_sending_is_told_to_go_on_each_time(server: Server, caller: Caller) -> None:
    for _ in range(3):
        caller.writer.write(HEAD % b"echo" + b"Expect: 100-continue\r\nContent-Length: 11\r\n\r\n")
        assert await caller.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        caller.writer.write(b'{"value":1}')
        assert (await caller.answer())[2]["outputs"] == {"any": 1}


async def test_other_requests_in_between_change_nothing(server: Server, caller: Caller) -> None:
    await until_known(server, caller)
    caller.writer.write(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    assert (await caller.answer())[2] == {"status": "ok"}
    caller.writer.write(b"HEAD /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    await caller.reader.readuntil(b"\r\n\r\n")
    assert await is_short(server, caller, {"value": "other"})
    caller.writer.write(b"GET /api/sessions/echo/run HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    assert (await caller.answer())[0] == 405


async def test_who_says_keep_alive_gets_the_short_way_and_who_says_close_is_closed(
    server: Server, caller: Caller
) -> None:
    await caller.call({"value": "first"}, "echo", "Connection: keep-alive\r\n")
    assert await is_short(server, caller, {"value": "other"}, "echo", "Connection: keep-alive\r\n")
    status, headers, _ = await caller.call({"value": "third"}, "echo", "Connection: close\r\n")
    assert (status, headers["connection"]) == (200, "close")
    assert await caller.reader.read() == b""


async def test_a_body_beyond_the_limit_is_refused_and_a_shorter_one_is_not() -> None:
    async with serving("echo", max_body=1000) as server, calling(server) as caller:
        await caller.call({"value": "first"})
        assert await is_short(server, caller, {"value": "other"})
        assert (await caller.call({"value": "x" * 1000}))[0] == 413
        assert (await caller.call({"value": "other"}))[0] == 200


async def test_a_token_is_looked_at_with_every_head() -> None:
    right, wrong = "Authorization: Bearer s3cret\r\n", "Authorization: Bearer s3cre7\r\n"
    async with serving("echo", token="s3cret") as server, calling(server) as caller:
        assert (await caller.call({"value": "first"}, "echo", right))[0] == 200
        assert await is_short(server, caller, {"value": "other"}, "echo", right)
        for _ in range(2):
            assert (await caller.call({"value": "first"}, "echo", wrong))[0] == 401
            assert (await caller.call({"value": "first"}))[0] == 401
        assert await is_short(server, caller, {"value": "third"}, "echo", right)


async def test_only_so_many_heads_are_remembered(server: Server, caller: Caller) -> None:
    for length in range(100):
        assert (await caller.call({"value": "x" * length}))[0] == 200
    assert len(server_side(server, caller)._heads) == 32


async def test_both_ways_are_counted_alike(server: Server, caller: Caller) -> None:
    await until_known(server, caller)
    before = server.hub.get("echo").describe()["stats"]
    for _ in range(3):
        await caller.call({"value": "first"})
    await caller.call({"valve": "first"})
    after = server.hub.get("echo").describe()["stats"]
    assert after["runs"] - before["runs"] == 3
    assert (after["failed"], after["cancelled"]) == (before["failed"], before["cancelled"])


# --- callers that are slow, or idle, or leave ----------------------------------------------------


async def test_a_connection_is_not_idle_while_a_call_is_under_way(
    server: Server, caller: Caller, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    connection = await in_a_short_call(server, caller, gate)
    connection._next_keepalive_close_time = 0.0
    connection._process_keepalive()
    gate.touch()
    assert (await caller.answer())[0] == 200
    connection._next_keepalive_close_time = 0.0
    connection._process_keepalive()
    assert await caller.reader.read() == b""


async def test_who_sends_calls_ahead_and_reads_none_waits_for_himself(server: Server, caller: Caller) -> None:
    await until_known(server, caller)
    body = json.dumps({"value": "x" * 20_000}).encode()
    call = HEAD % b"echo" + b"Content-Length: %d\r\n\r\n" % len(body) + body
    async with deaf(server, call, flood=call * 1000) as connection:
        await full(connection)
        for _ in range(100):
            assert (await caller.call({"value": "other"}))[0] == 200
        waiting = connection._wire.get_write_buffer_size()
        assert 0 < waiting < 200_000


async def test_who_calls_again_and_again_and_reads_nothing_gets_no_further_answers(server: Server) -> None:
    body = json.dumps({"value": "x" * 20_000}).encode()
    call = HEAD % b"echo" + b"Content-Length: %d\r\n\r\n" % len(body) + body
    async with deaf(server, call) as connection:
        await idle(connection)
        short = connection._request_count
        while not connection._paused:
            await idle(connection)
            connection.data_received(call)
            while connection._call is not None:
                await asyncio.sleep(0)
        assert connection._request_count == short
        for _ in range(50):
            connection.data_received(call)
            await settled(server)
        assert connection._wire.get_write_buffer_size() < 200_000


async def test_an_idle_connection_is_given_up_although_its_last_answer_was_never_read(server: Server) -> None:
    body = json.dumps({"value": "x" * 20_000}).encode()
    call = HEAD % b"echo" + b"Content-Length: %d\r\n\r\n" % len(body) + body
    async with deaf(server, call) as connection:
        while not connection._paused:
            await idle(connection)
            connection.data_received(call)
            while connection._call is not None:
                await asyncio.sleep(0)
        connection._next_keepalive_close_time = 0.0
        connection._process_keepalive()
        await connection._gone


async def test_a_server_that_closes_ends_a_call_that_has_no_end(tmp_path: Path) -> None:
    async with serving("gate") as server, calling(server) as caller:
        await in_a_short_call(server, caller, tmp_path / "gate")
        await server.http.close()
        assert await caller.reader.read() == b""
        assert not connections(server)
        (tmp_path / "gate").touch()


async def in_a_short_call(server: Server, caller: Caller, gate: Path) -> _Connection:
    """The connection, in a call that ends when the gate is there."""
    await caller.call({"path": "", "tag": "x" * len(str(gate))}, "gate")
    connection = server_side(server, caller)
    await idle(connection)
    caller.ask({"path": str(gate), "tag": ""}, "gate")
    await exists(Path(f"{gate}.begun"))
    assert connection._call is not None
    return connection
