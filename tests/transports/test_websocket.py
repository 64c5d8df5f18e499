"""The WebSocket over a real server with real models; what all transports share is in tests/contract."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bridge import limits, wire
from bridge.ports import Blob
from bridge.server import Server
from bridge.transports.websocket_codec import accept
from tests.transports.serving import MODELS, serving
from tests.transports.test_websocket_codec import HANDSHAKE, frame

Answer = dict[str, Any]
VECTORS = Path(__file__).parent.parent / "vectors"


class Client:
    """One connection; binary messages are read as their head, with `n`, `drops` and `payload` beside it."""

    def __init__(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        self.ws = ws

    async def say(self, type: str, **fields: Any) -> None:
        await self.ws.send_str(json.dumps({"type": type, **fields}))

    async def hear(self) -> Answer:
        message = await self.ws.receive()
        if message.type is aiohttp.WSMsgType.TEXT:
            return json.loads(message.data)
        assert message.type is aiohttp.WSMsgType.BINARY, f"the connection ended: {message} {self.ws.close_code}"
        binary = wire.unpack(message.data)
        beside = {"id": binary.id, "n": binary.n, "drops": binary.drops, "payload": bytes(binary.payload)}
        kind = {"type": "frame"} if binary.kind == wire.FRAME else {}
        return {**kind, **json.loads(bytes(binary.head)), **beside}

    async def ask(self, type: str, **fields: Any) -> Answer:
        await self.say(type, **fields)
        return await self.hear()

    async def until(self, type: str, **fields: Any) -> Answer:
        """The next message like that; others are passed over."""
        while True:
            answer = await self.hear()
            if answer["type"] == type and fields.items() <= answer.items():
                return answer

    async def closed(self) -> int | None:
        """The code the server closes with."""
        while True:
            message = await self.ws.receive()
            if message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.CLOSING):
                return self.ws.close_code


@asynccontextmanager
async def connected(server: Server, path: str = "/api/ws", **options: Any) -> AsyncIterator[Client]:
    """Connected and greeted."""
    async with aiohttp.ClientSession(server.url) as http, http.ws_connect(path, **options) as ws:
        client = Client(ws)
        assert (await client.hear())["type"] == "hello"
        yield client


def models(*names: str) -> pytest.MarkDecorator:
    """The models this test needs; echo and painter if it does not say."""
    return pytest.mark.parametrize("server", [names], indirect=True, ids=[""])


@pytest.fixture
async def server(request: pytest.FixtureRequest) -> AsyncIterator[Server]:
    async with serving(*getattr(request, "param", ("echo", "painter"))) as server:
        yield server


@pytest.fixture
async def client(server: Server) -> AsyncIterator[Client]:
    async with connected(server) as client:
        yield client


# --- greeting and questions ----------------------------------------------------------------------


async def test_the_greeting_tells_the_version_and_what_is_open(server: Server):
    async with aiohttp.ClientSession(server.url) as http, http.ws_connect("/api/ws") as ws:
        hello = await ws.receive_json()
    assert (hello["type"], hello["protocol"], hello["locked"]) == ("hello", 1, False)
    assert {"name": "echo", "model": "echo", "state": "ready", "title": "echo"} in hello["sessions"]


async def test_questions_are_answered_with_their_id(client: Client):
    assert await client.ask("ping", id=5, data="marco") == {"type": "pong", "id": 5, "data": "marco"}
    assert await client.ask("ping") == {"type": "pong", "id": None, "data": None}
    listed = await client.ask("list", id=6)
    assert listed["id"] == 6 and {session["name"] for session in listed["value"]} >= {"echo", "painter"}
    described = await client.ask("describe", id=7, session="painter")
    assert described["value"]["signature"]["commands"]["run"]["outputs"]["image"]["kind"] == "image"
    found = await client.ask("models", id=8, search="painter")
    assert [model["id"] for model in found["value"]] == ["painter"]
    assert await client.ask("hello", id=9, protocol=[1, 2]) == {"type": "reply", "id": 9, "value": {"protocol": 1}}


@models()
async def test_a_client_of_another_protocol_is_sent_away(client: Client):
    error = await client.ask("hello", id=1, protocol=[99])
    assert error["error"]["code"] == "refused"
    assert await client.closed() == 1008


@models("echo")
async def test_opening_can_wait_until_the_model_is_loaded(client: Client):
    opened = await client.ask("open", id=1, model="echo", name="other", wait=True)
    assert (opened["value"]["name"], opened["value"]["state"]) == ("other", "ready")
    assert await client.ask("close", id=1, session="other") == {"type": "reply", "id": 1, "value": None}


@models()
async def test_a_path_is_no_model(client: Client):
    error = await client.ask("open", id=1, model=str(MODELS / "echo"), name="other")
    assert error["error"]["code"] == "unknown_model"


# --- what is wrong -------------------------------------------------------------------------------


@models("echo")
async def test_mistakes_are_told_and_cost_nothing_else(client: Client):
    for vector in json.loads((VECTORS / "refused.json").read_text(encoding="utf-8")):
        if "hex" in vector:
            await client.ws.send_bytes(bytes.fromhex(vector["hex"]))
        else:
            await client.ws.send_str(vector["raw"])
        answer = await client.hear()
        assert answer["type"] == "error", vector["name"]
        assert (answer["id"], answer["to"]) == (vector["id"], vector["to"]), vector["name"]
        assert vector["error"].items() <= answer["error"].items(), vector["name"]
        assert set(answer["error"]) == {"code", "message", "hint", "field"}
    assert (await client.ask("run", id=1, session="echo", inputs={"value": 1}))["outputs"] == {"any": 1}


IMPOSSIBLE: tuple[tuple[str, Answer, str, str], ...] = (
    ("run", {"session": "nobody"}, "unknown_session", "session"),
    ("run", {"session": "painter", "inputs": {"shade": 2}}, "invalid_input", "shade"),
    ("run", {"session": "painter", "inputs": {"sahde": 1}}, "unknown_input", "sahde"),
    ("run", {"session": "painter", "command": "fly"}, "unknown_command", ""),
    ("run", {"session": "painter", "encodings": {"sound": {}}}, "unknown_port", "sound"),
    ("run", {"session": "painter", "encodings": {"image": {"format": "mp3"}}}, "invalid_input", "image"),
    ("run", {"session": "batcher"}, "missing_input", "z"),
    ("send", {"session": "painter", "inputs": {"shade": "dark"}}, "invalid_input", "shade"),
    ("subscribe", {"session": "painter", "port": "sound"}, "unknown_port", "sound"),
    ("subscribe", {"session": "painter", "port": "image", "encoding": {"quality": -1}}, "invalid_input", "image"),
    ("open", {"model": "nothing"}, "unknown_model", ""),
    ("open", {"model": "painter", "name": "a/b"}, "invalid_input", "name"),
    ("close", {"session": "nobody"}, "unknown_session", "session"),
    ("events", {"session": "nobody"}, "unknown_session", "session"),
    ("unsubscribe", {}, "not_found", "id"),
)


@models("painter", "batcher")
async def test_what_can_not_be_done_is_told_with_its_id(client: Client):
    for type, fields, code, field in IMPOSSIBLE:
        answer = await client.ask(type, id=3, **fields)
        assert (answer["type"], answer["id"], answer["to"], answer["error"]["code"]) == ("error", 3, type, code)
        assert not field or answer["error"]["field"] == field


@models("painter")
async def test_a_refused_send_without_id_is_told(client: Client):
    answer = await client.ask("send", session="painter", inputs={"shade": 2})
    assert (answer["id"], answer["to"], answer["error"]["field"]) == (None, "send", "shade")


@models("gate", "echo")
async def test_an_id_that_is_in_use_is_refused(client: Client, tmp_path: Path):
    await client.say("run", id=1, session="gate", inputs={"path": str(tmp_path / "gate")})
    for type, fields in (
        ("run", {"session": "echo"}),
        ("subscribe", {"session": "echo", "port": "any"}),
        ("events", {}),
    ):
        answer = await client.ask(type, id=1, **fields)
        assert (answer["error"]["code"], answer["error"]["field"]) == ("bad_message", "id")
    (tmp_path / "gate").touch()
    await client.until("done", id=1)
    assert (await client.ask("run", id=1, session="echo"))["type"] == "done"


@models("gate", "echo")
async def test_too_many_runs_at_once_are_refused(client: Client, tmp_path: Path):
    for id in range(limits.RUNS_PER_CONNECTION):
        await client.say("run", id=id, session="gate", inputs={"path": str(tmp_path / "gate")})
    answer = await client.ask("run", id=100, session="echo")
    assert answer["error"]["code"] == "busy"
    (tmp_path / "gate").touch()
    for _ in range(limits.RUNS_PER_CONNECTION):
        assert (await client.hear())["type"] == "done"


@models("echo")
async def test_too_many_subscriptions_are_refused(client: Client):
    for id in range(limits.SUBSCRIPTIONS):
        assert (await client.ask("subscribe", id=id, session="echo", port="any"))["type"] == "reply"
    assert (await client.ask("subscribe", id=1000, session="echo", port="any"))["error"]["code"] == "busy"


async def test_a_message_beyond_the_limit_is_told_and_the_third_ends_the_connection():
    async with serving("echo", max_body=10_000) as server, connected(server) as client:
        for _ in range(2):
            await client.ws.send_str("x" * 10_001)
            assert (await client.hear())["error"]["code"] == "too_large"
            assert (await client.ask("run", id=1, session="echo"))["type"] == "done"
        await client.ws.send_bytes(bytes(10_001))
        assert await client.closed() == 1009


@models()
async def test_a_request_that_is_no_handshake_gets_an_answer(server: Server):
    async with aiohttp.ClientSession(server.url) as http, http.get("/api/ws") as response:
        assert response.status == 400
        assert (await response.json())["error"]["code"] == "bad_message"


@models()
async def test_too_many_connections_are_refused(server: Server, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "CONNECTIONS", 1)
    async with connected(server):
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            async with connected(server):
                pass
    assert caught.value.status == 429


# --- runs ----------------------------------------------------------------------------------------


@models("batcher", "echo", "painter")
async def test_bytes_go_in_and_come_out_as_bytes(client: Client):
    z = memoryview(bytes.fromhex("0000803f000000400000404000008040"))
    _, parts = wire.write_inputs(wire.Run(id=1, session="batcher", inputs={"z": Blob("f32", z)}))
    await client.ws.send_bytes(b"".join(bytes(part) for part in parts))
    assert (await client.hear())["outputs"]["total"] == 10
    _, parts = wire.write_inputs(wire.Run(id=2, session="echo", inputs={"value": 1}))
    await client.ws.send_str(b"".join(bytes(part) for part in parts).decode())
    assert (await client.hear())["outputs"] == {"any": 1}
    done = await client.ask("run", id=3, session="painter", encodings={"image": {"format": "png", "width": 32}})
    assert done["blobs"][0]["port"] == "image" and done["blobs"][0]["format"] == "png"
    assert done["blobs"][0]["meta"]["width"] == 32 and done["payload"].startswith(b"\x89PNG")
    done = await client.ask("run", id=4, session="painter", binary=False)
    assert done["outputs"]["image"].startswith("data:image/jpeg;base64,")


@models("echo")
async def test_runs_of_one_connection_are_answered_each_by_its_id(client: Client):
    for id in range(20):
        await client.say("run", id=id, session="echo", inputs={"value": id})
    answers = [await client.hear() for _ in range(20)]
    assert {answer["id"]: answer["outputs"]["any"] for answer in answers} == {id: id for id in range(20)}


@models("counter")
async def test_a_stream_ends_with_exactly_one_done(client: Client):
    await client.say("run", id=1, session="counter", inputs={"upto": 3}, stream=True)
    heard = [await client.hear() for _ in range(4)]
    assert [answer["type"] for answer in heard] == ["output", "output", "output", "done"]
    assert [answer["sequence"] for answer in heard[:3]] == [0, 1, 2]
    assert "outputs" not in heard[3] and heard[3]["run"] == heard[0]["run"]
    assert (await client.ask("ping"))["type"] == "pong"


@models("gate")
async def test_a_cancelled_run_ends_once_and_frees_the_model(client: Client, tmp_path: Path):
    path = tmp_path / "steps"
    path.write_text("one\n")
    await client.say("run", id=1, session="gate", command="steps", inputs={"path": str(path)}, stream=True)
    assert (await client.hear())["outputs"] == {"text": "one"}
    error = await client.ask("cancel", id=1)
    assert (error["type"], error["id"], error["error"]["code"]) == ("error", 1, "cancelled")
    assert (await client.ask("run", id=1, session="gate", inputs={"tag": "free"}))["outputs"] == {"text": "free"}
    assert (tmp_path / "steps.left").exists()
    await client.say("cancel", id=1)  # it has ended: no answer
    assert (await client.ask("ping"))["type"] == "pong"


SLOW_VERBS: tuple[tuple[str, Answer], ...] = (
    ("run", {"session": "gate", "inputs": {"tag": "x"}}),
    ("run", {"session": "gate", "command": "steps", "inputs": {"path": "no-such-folder/nothing"}, "stream": True}),
    ("models", {}),
    ("open", {"model": "gate", "name": "other", "wait": True}),
)


@models("gate")
async def test_what_is_cancelled_in_the_same_breath_ends_once(server: Server):
    """Both messages come before the loop has begun with the first."""
    async with bare(server) as wire_:
        for verb, fields in SLOW_VERBS:
            wire_.say({"type": verb, "id": 1, **fields}, {"type": "cancel", "id": 1}, {"type": "ping", "id": 2})
            heard = [await wire_.hear(), await wire_.hear()]
            ends = [answer for answer in heard if answer["id"] == 1]
            assert [(end["type"], end["to"], end["error"]["code"]) for end in ends] == [("error", verb, "cancelled")]
            wire_.say({"type": "run", "id": 1, "session": "gate", "inputs": {"tag": "free"}})
            assert (await wire_.hear())["outputs"] == {"text": "free"}
    assert server.hub.get("gate").describe()["stats"]["under_way"] == 0


class Bare:
    """A connection whose messages go out in one piece."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def say(self, *messages: Answer) -> None:
        self.writer.write(b"".join(frame(0x1, json.dumps(message).encode()) for message in messages))

    async def hear(self) -> Answer:
        length = (await self.reader.readexactly(2))[1]
        if length == 126:
            length = int.from_bytes(await self.reader.readexactly(2))
        return json.loads(await self.reader.readexactly(length))


@asynccontextmanager
async def bare(server: Server) -> AsyncIterator[Bare]:
    """Connected and greeted."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    head = "\r\n".join(f"{name}: {value}" for name, value in {"Host": "127.0.0.1", **HANDSHAKE}.items())
    writer.write(f"GET /api/ws HTTP/1.1\r\n{head}\r\n\r\n".encode())
    await reader.readuntil(b"\r\n\r\n")
    connection = Bare(reader, writer)
    assert (await connection.hear())["type"] == "hello"
    yield connection
    writer.close()
    await writer.wait_closed()


@models("gate")
async def test_what_is_done_in_the_same_breath_is_told_to_who_listens(server: Server):
    async with bare(server) as wire_:
        wire_.say(
            {"type": "events", "id": 1, "session": "gate", "kinds": ["state", "message"]},
            {"type": "run", "id": 2, "session": "gate", "inputs": {"tag": "mine"}},
            {"type": "stop", "id": 3, "session": "gate"},
        )
        told = []
        while len(told) < 2:
            heard = await wire_.hear()
            told += [heard] if heard["type"] == "event" else []
        assert sorted((one["kind"], one["data"].get("verb"), one["data"].get("state")) for one in told) == [
            ("message", "run", None),
            ("state", None, "stopped"),
        ]
        wire_.say(
            {"type": "unsubscribe", "id": 1},
            {"type": "events", "id": 4, "session": "gate", "kinds": ["message"]},
            {"type": "unsubscribe", "id": 4},
            {"type": "ping", "id": 5},
        )
        while (await wire_.hear())["type"] != "pong":
            pass
        while server.hub.get("gate").messages.listeners:
            await asyncio.sleep(0)


@models("gate")
async def test_a_lost_connection_ends_all_its_runs_and_nobody_elses(server: Server, client: Client, tmp_path: Path):
    gate = server.hub.get("gate")
    async with connected(server) as leaving:
        for id in range(3):
            await leaving.say("run", id=id, session="gate", inputs={"path": str(tmp_path / f"theirs{id}")})
        while gate._mailbox.held < 3:
            await asyncio.sleep(0)
        await client.say("run", id=1, session="gate", inputs={"path": str(tmp_path / "mine"), "tag": "mine"})
    (tmp_path / "theirs0").touch()  # it had begun and can't be stopped before its end
    (tmp_path / "mine").touch()
    assert (await client.hear())["outputs"] == {"text": "mine"}
    assert not (tmp_path / "theirs1.begun").exists() and not (tmp_path / "theirs2.begun").exists()


async def test_what_is_asked_of_a_model_that_loads_waits_for_it():
    async with serving() as server, connected(server) as client:
        server.hub.catalog.add_path(MODELS / "painter")
        await client.ask("open", id=1, model="painter")
        assert server.hub.get("painter").signature is None
        await client.say("send", session="painter", inputs={"shade": 0.1})
        await client.say("send", session="painter", inputs={"shade": 0.4})
        await client.say("send", session="painter", inputs={"width": 8})
        await client.say("run", id=2, session="painter")
        await client.say("subscribe", id=3, session="painter", port="image")
        await client.say("describe", id=4, session="painter", wait=True)
        heard = [await client.hear() for _ in range(3)]
        assert {answer["id"] for answer in heard} >= {2, 3} or {answer["id"] for answer in heard} >= {3, 4}
        while server.hub.get("painter").inputs() != {"shade": 0.4, "width": 8, "height": 48}:
            await asyncio.sleep(0)


VERSED = """
from typing import Annotated
from bridge import Model, Number

class Versed(Model):
    def run(self, prompt: str = "", version: Annotated[int, Number(goes_with=("prompt",))] = 0) -> float:
        return 1.0
"""


async def test_what_belonged_to_an_earlier_prompt_does_not_stay_with_a_later_one(tmp_path: Path):
    folder = tmp_path / "versed"
    folder.mkdir()
    (folder / "model.py").write_text(VERSED)
    (folder / "model.toml").write_text('title = "versed"\nkind = "generate"\n')
    async with serving() as server, connected(server) as client:
        server.hub.catalog.add_path(folder)
        await client.ask("open", id=1, model="versed")
        assert server.hub.get("versed").signature is None
        await client.say("send", session="versed", inputs={"prompt": "a", "version": 7})
        await client.say("send", session="versed", inputs={"prompt": "b"})
        while server.hub.get("versed").inputs().get("prompt") != "b":
            await asyncio.sleep(0)
        assert server.hub.get("versed").inputs()["version"] == 0


async def test_what_waits_for_a_model_that_loads_can_be_taken_back():
    async with serving() as server, connected(server) as client:
        server.hub.catalog.add_path(MODELS / "painter")
        await client.say("open", id=1, model="painter")
        await client.until("reply", id=1)
        assert server.hub.get("painter").signature is None
        await client.say("subscribe", id=2, session="painter", port="image")
        assert await client.ask("unsubscribe", id=2) == {"type": "done", "id": 2}
        await client.say("subscribe", id=3, session="painter", port="image")
        cancelled = await client.ask("cancel", id=3)
        assert (cancelled["id"], cancelled["to"], cancelled["error"]["code"]) == (3, "subscribe", "cancelled")
        await client.say("run", id=4, session="painter")
        refused = await client.ask("unsubscribe", id=4)  # it is a run, and goes on
        assert (refused["id"], refused["error"]["code"]) == (4, "not_found")
        assert (await client.hear())["type"] == "done"
        assert server.hub.get("painter").describe()["stats"]["readers"] == 0
        assert (await client.ask("subscribe", id=2, session="painter", port="image"))["type"] == "reply"


async def test_what_waits_for_a_model_that_loads_is_weighed_with_all_that_is_in_it():
    async with serving(max_body=100_000) as server, connected(server) as client:
        server.hub.catalog.add_path(MODELS / "echo")
        await client.ask("open", id=1, model="echo")
        assert server.hub.get("echo").signature is None
        await client.say("send", session="echo", inputs={"value": [[0] * 10_000]})
        refused = await client.ask("send", id=2, session="echo", inputs={"more": [[0] * 10_000]})
        assert (refused["type"], refused["error"]["code"]) == ("error", "busy")
        while server.hub.get("echo").inputs().get("value") != [[0] * 10_000]:
            await asyncio.sleep(0.005)


# --- subscriptions -------------------------------------------------------------------------------


@models("painter")
async def test_a_subscriber_gets_the_last_frame_at_once_and_then_each_new_one(client: Client):
    await client.ask("run", id=1, session="painter")
    reply = await client.ask("subscribe", id=2, session="painter", port="image")
    assert reply["value"]["encoding"]["format"] == "jpeg"
    first = await client.hear()
    assert (first["id"], first["n"], first["drops"]) == (2, 1, 0) and first["payload"].startswith(b"\xff\xd8")
    assert (first["session"], first["port"], first["format"]) == ("painter", "image", "jpeg")
    await client.say("send", session="painter", inputs={"shade": 1})
    second = await client.hear()
    assert second["n"] == 2 and second["run"] > first["run"] and second["live"]


@models("painter")
async def test_the_same_port_can_be_followed_in_several_encodings_at_once(client: Client):
    for id, encoding in enumerate(({}, {"format": "png"}, {"format": "raw"}, {"width": 16})):
        await client.ask("subscribe", id=id, session="painter", port="image", encoding=encoding)
    await client.ask("subscribe", id=9, session="painter", port="image", binary=False)
    await client.say("send", session="painter", inputs={"shade": 0.3})
    heard = {answer["id"]: answer for answer in [await client.hear() for _ in range(5)]}
    assert heard[0]["payload"].startswith(b"\xff\xd8") and heard[1]["payload"].startswith(b"\x89PNG")
    assert len(heard[2]["payload"]) == 64 * 48 * 3 and heard[3]["meta"]["width"] == 16
    assert heard[9]["value"].startswith("data:image/jpeg")


@models("counter")
async def test_all_frames_come_in_order_to_a_reader_of_all(client: Client):
    await client.ask("subscribe", id=1, session="counter", port="text", policy="all")
    await client.say("run", id=2, session="counter", inputs={"upto": 500})
    frames = [await client.until("frame", id=1) for _ in range(500)]
    assert [frame["value"] for frame in frames] == [f"{n} " for n in range(500)]
    assert [frame["n"] for frame in frames] == list(range(1, 501))


@models("painter")
async def test_with_a_window_no_more_frames_come_than_were_acknowledged(client: Client):
    await client.ask("subscribe", id=1, session="painter", port="image", window=2)
    for id in range(10, 16):
        await client.say("run", id=id, session="painter")
    heard = [await client.hear() for _ in range(8)]
    assert [answer["n"] for answer in heard if answer["type"] == "frame"] == [1, 2]
    await client.say("ack", id=1, n=1)
    third = await client.hear()
    assert (third["type"], third["n"]) == ("frame", 3) and third["drops"] == 3
    last = max(answer["run"] for answer in heard if answer["type"] == "done")
    assert third["run"] == last  # the newest, not the next


@models("painter")
async def test_an_ack_of_frames_that_never_came_gives_no_credit(client: Client):
    await client.ask("subscribe", id=1, session="painter", port="image", window=1)
    await client.say("ack", id=1, n=1000)
    for id in (10, 11, 12):
        await client.say("run", id=id, session="painter")
    heard = [await client.hear() for _ in range(4)]
    assert [answer["type"] for answer in heard].count("frame") == 1


@models("painter")
async def test_after_unsubscribing_nothing_comes_any_more(server: Server, client: Client):
    await client.ask("subscribe", id=1, session="painter", port="image")
    assert await client.ask("unsubscribe", id=1) == {"type": "done", "id": 1}
    assert server.hub.get("painter").describe()["stats"]["readers"] == 0
    assert (await client.ask("run", id=1, session="painter"))["type"] == "done"


@models("painter")
async def test_when_a_session_is_closed_its_subscribers_are_told(server: Server, client: Client):
    await client.ask("subscribe", id=1, session="painter", port="image")
    await server.hub.close_session("painter")
    error = await client.hear()
    assert (error["type"], error["id"], error["error"]["code"]) == ("error", 1, "cancelled")


@models("painter")
async def test_a_lost_connection_takes_its_subscriptions_along(server: Server):
    async with connected(server) as client:
        await client.ask("subscribe", id=1, session="painter", port="image")
        assert server.hub.get("painter").describe()["stats"]["readers"] == 1
    while server.hub.get("painter").describe()["stats"]["readers"]:
        await asyncio.sleep(0)


@models("painter")
async def test_a_client_that_reads_nothing_costs_nobody_anything(server: Server, client: Client):
    """It gets no queue: its frames are replaced, and counted; another goes on getting every one."""
    reader, stalled = await stalled_subscriber(server)
    painter = server.hub.get("painter")
    await client.ask("subscribe", id=1, session="painter", port="image", encoding={"format": "raw"}, window=1)
    drops = 0
    for _ in range(200):
        painter.run({"width": 512, "height": 512})
        got = await client.until("frame", id=1)
        await client.say("ack", id=1, n=got["n"])
        drops += got["drops"]
    theirs = [reader for readers in painter._fanout._readers.values() for reader in readers if reader.drops]
    assert drops == 0 and len(theirs) == 1 and theirs[0].drops > 100
    assert len(theirs[0]._frames) == 1  # what waits is the newest, not a queue
    assert theirs[0]._frames[0].run == painter._runs
    stalled.close()
    await stalled.wait_closed()
    del reader


async def stalled_subscriber(server: Server) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Subscribed to large frames, and from then on reads no byte."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.setblocking(False)
    await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", server.port))
    reader, writer = await asyncio.open_connection(sock=connection, limit=1024)
    head = "\r\n".join(f"{name}: {value}" for name, value in {"Host": "127.0.0.1", **HANDSHAKE}.items())
    wanted = {"type": "subscribe", "id": 1, "session": "painter", "port": "image", "encoding": {"format": "raw"}}
    writer.write(f"GET /api/ws HTTP/1.1\r\n{head}\r\n\r\n".encode())
    assert accept(HANDSHAKE) == await reader.readuntil(b"\r\n\r\n")
    writer.write(frame(0x1, json.dumps(wanted).encode()))
    while server.hub.get("painter").describe()["stats"]["readers"] == 0:
        await asyncio.sleep(0)
    return reader, writer


@models("painter")
async def test_a_client_that_asks_and_never_reads_is_sent_away(server: Server):
    _, writer = await stalled_subscriber(server)
    question = frame(0x1, b'{"type": "describe", "id": 1, "session": "painter"}') * 100
    with pytest.raises(ConnectionError):
        await insist(writer, question)
    writer.close()
    assert server.hub.get("painter").describe()["stats"]["readers"] == 0


async def insist(writer: asyncio.StreamWriter, question: bytes) -> None:
    while True:
        writer.write(question)
        await writer.drain()


@models("counter", "echo")
async def test_a_reader_of_all_who_falls_behind_loses_only_that(
    server: Server, client: Client, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(limits, "LOSSLESS_FRAMES", 10)
    await client.ask("subscribe", id=1, session="counter", port="text", policy="all", window=1)
    done = await client.ask("run", id=2, session="counter", inputs={"upto": 50})
    heard = [done, *[await client.hear() for _ in range(2)]]
    error = next(answer for answer in heard if answer["type"] == "error")
    assert (error["id"], error["error"]["code"]) == (1, "too_slow")
    assert {answer["type"] for answer in heard} == {"frame", "error", "done"}
    assert (await client.ask("run", id=3, session="echo"))["type"] == "done"


# --- events --------------------------------------------------------------------------------------


async def test_what_happens_is_told(server: Server, client: Client):
    await client.ask("events", id=1, kinds=["session_opened", "session_closed"])
    await client.ask("events", id=2, session="painter", kinds=["state"])
    await client.say("open", id=3, model="echo", name="other")
    opened = await client.until("event")
    assert (opened["id"], opened["kind"], opened["session"], opened["drops"]) == (1, "session_opened", "other", 0)
    await client.say("close", id=4, session="painter")
    heard = {answer["id"]: answer for answer in [await client.until("event"), await client.until("event")]}
    assert heard[1]["kind"] == "session_closed" and heard[2]["data"]["state"] == "closed"
    await client.say("unsubscribe", id=1)
    assert (await client.until("done"))["id"] == 1


# --- crashes and the end -------------------------------------------------------------------------


async def test_a_killed_worker_costs_the_connection_nothing():
    async with serving("crash") as server, connected(server) as client:
        await client.ask("subscribe", id=1, session="crash", port="text")
        error = await client.ask("run", id=2, session="crash", inputs={"how": "kill"})
        assert (error["id"], error["error"]["code"]) == (2, "model_crashed")
        await client.say("run", id=3, session="crash", inputs={"how": "nothing"})
        heard = [await client.hear(), await client.hear()]
        assert {(answer["type"], answer["id"]) for answer in heard} == {("frame", 1), ("done", 3)}


async def test_when_the_bridge_closes_its_clients_are_told():
    async with serving("echo") as server, aiohttp.ClientSession(server.url) as http:
        ws = await http.ws_connect("/api/ws")
        assert (await ws.receive_json())["type"] == "hello"
        closing = asyncio.create_task(server.close())
        message = await ws.receive()
        assert (message.type, ws.close_code) == (aiohttp.WSMsgType.CLOSE, 1001)
        await closing


# --- who may call --------------------------------------------------------------------------------


@pytest.fixture
async def locked() -> AsyncIterator[Server]:
    async with serving("echo", token="open-sesame") as server:
        yield server


async def test_a_token_opens_wherever_it_is_shown(locked: Server):
    for path, headers in (("/api/ws?token=open-sesame", {}), ("/api/ws", {"Authorization": "Bearer open-sesame"})):
        async with aiohttp.ClientSession(locked.url) as http, http.ws_connect(path, headers=headers) as ws:
            hello = await ws.receive_json()
            assert not hello["locked"] and hello["sessions"]


async def test_a_token_may_come_in_the_first_message(locked: Server):
    async with connected(locked) as client:
        hello = await client.ask("hello", token="open-sesame", id=1)
        assert (hello["type"], hello["locked"], hello["sessions"][0]["name"]) == ("hello", False, "echo")
        assert (await client.hear())["type"] == "reply"
        assert (await client.ask("run", id=1, session="echo", inputs={"value": 1}))["outputs"] == {"any": 1}


async def test_without_a_token_nothing_is_told_or_done(locked: Server):
    async with aiohttp.ClientSession(locked.url) as http, http.ws_connect("/api/ws") as ws:
        hello = await ws.receive_json()
        assert hello["locked"] and hello["sessions"] == []
        error = await Client(ws).ask("run", id=1, session="echo")
        assert error["error"]["code"] == "unauthorized"
        assert await Client(ws).closed() == 1008


async def test_who_has_shown_no_token_can_not_send_much(locked: Server):
    async with connected(locked) as client:
        await client.ws.send_str("x" * (limits.STRANGER_BYTES + 1))
        assert await client.closed() == 1008
    async with connected(locked) as client:
        await client.ask("hello", token="open-sesame")
        value = "x" * (limits.STRANGER_BYTES + 1)
        assert (await client.ask("run", id=1, session="echo", inputs={"value": value}))["outputs"] == {"any": value}


async def test_a_wrong_token_ends_the_connection(locked: Server):
    async with connected(locked) as client:
        assert (await client.ask("hello", token="open-barley"))["error"]["code"] == "unauthorized"
        assert await client.closed() == 1008
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        async with connected(locked, "/api/ws?token=open-barley"):
            pass
    assert caught.value.status == 401


@models()
async def test_a_page_from_elsewhere_may_not_connect(server: Server):
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        async with connected(server, headers={"Origin": "https://evil.example"}):
            pass
    assert caught.value.status == 403
