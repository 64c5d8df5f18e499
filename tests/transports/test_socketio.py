"""Socket.IO over a real server, packet by packet; what all transports share is in tests/contract."""

import asyncio
import base64
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bridge import limits, wire
from bridge.server import Server
from bridge.transports import socketio_client
from bridge.transports.socketio import Room
from tests.transports.serving import MODELS, calling, exists, serving
from tests.transports.test_socketio_packet import frame

Answer = dict[str, Any]
PATH = "/socket.io/?EIO=4"
POLLING = f"{PATH}&transport=polling"


class Poller:
    """A client that polls."""

    def __init__(self, http: aiohttp.ClientSession, sid: str) -> None:
        self.http = http
        self.sid = sid
        self.waiting: list[str] = []

    @property
    def path(self) -> str:
        return f"{POLLING}&sid={self.sid}"

    async def post(self, *packets: str) -> tuple[int, str]:
        async with self.http.post(self.path, data="\x1e".join(packets)) as answer:
            return answer.status, await answer.text()

    async def say(self, verb: str, ack: int | str = "", **fields: Any) -> None:
        assert await self.post(f"42{ack}{json.dumps([verb, fields])}") == (200, "ok")

    async def poll(self) -> tuple[int, str]:
        async with self.http.get(self.path) as answer:
            return answer.status, await answer.text()

    async def packet(self) -> str:
        """The next one that is no ping."""
        while not self.waiting:
            status, body = await self.poll()
            assert status == 200, body
            self.waiting = [packet for packet in body.split("\x1e") if packet != "2"]
        return self.waiting.pop(0)

    async def hear(self) -> tuple[str, list[Any]]:
        """The next message: its digits, and its values with the bytes in their places."""
        text = await self.packet()
        digits, _, body = text.partition("[")
        if not body:
            return text, []
        count = int(digits[2:].partition("-")[0]) if "-" in digits else 0
        pieces = [base64.b64decode((await self.packet()).removeprefix("b")) for _ in range(count)]
        return digits, filled(json.loads("[" + body), pieces)

    async def until(self, digits: str, name: str = "") -> list[Any]:
        """The values of the next one like that; others are passed over."""
        while True:
            heard, values = await self.hear()
            if heard.startswith(digits) and (not name or values[0] == name):
                return values[1:] if name else values


def filled(value: Any, pieces: list[bytes]) -> Any:
    if isinstance(value, list):
        return [filled(item, pieces) for item in value]
    if isinstance(value, dict):
        return pieces[value["num"]] if "_placeholder" in value else {k: filled(v, pieces) for k, v in value.items()}
    return value


@asynccontextmanager
async def polling(server: Server, auth: object = None) -> AsyncIterator[Poller]:
    """A client that was greeted."""
    async with calling(server) as http:
        poller = await opened(http)
        await poller.post("40" + (json.dumps(auth) if auth else ""))
        await poller.until("42", "hello")
        yield poller


async def opened(http: aiohttp.ClientSession, more: str = "", **options: Any) -> Poller:
    async with http.get(POLLING + more, **options) as answer:
        text = await answer.text()
        assert answer.status == 200, text
        return Poller(http, json.loads(text[1:])["sid"])


@asynccontextmanager
async def socket(server: Server, sid: str = "") -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    async with calling(server) as http:
        path = f"{PATH}&transport=websocket" + (f"&sid={sid}" if sid else "")
        async with http.ws_connect(path, max_msg_size=0) as ws:
            yield ws


async def closed(ws: aiohttp.ClientWebSocketResponse) -> int | None:
    """The code the server closes with."""
    while True:
        message = await ws.receive()
        if message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.CLOSING):
            return ws.close_code


async def told(ws: aiohttp.ClientWebSocketResponse, start: str) -> str:
    """The next text that begins so."""
    while True:
        message = await ws.receive()
        assert message.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY), message
        if message.type is aiohttp.WSMsgType.TEXT and message.data.startswith(start):
            return str(message.data)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serving("painter", "counter") as server:
        yield server


async def gone(server: Server, left: int = 0) -> None:
    """Until no more clients than that are connected."""
    while server.socketio.clients > left:
        await asyncio.sleep(0.005)


# --- connecting ----------------------------------------------------------------------------------


async def test_the_first_packet_tells_the_pace_and_how_much_is_taken(server: Server) -> None:
    async with calling(server) as http, http.get(POLLING) as answer:
        told = json.loads((await answer.text())[1:])
    assert told["upgrades"] == ["websocket"]
    assert (told["pingInterval"], told["pingTimeout"]) == (25_000, 20_000)
    assert told["maxPayload"] == server.settings.max_body


async def test_what_is_no_handshake_is_refused_in_words(server: Server) -> None:
    async with calling(server) as http:
        for path, word in (
            ("/socket.io/?EIO=3&transport=polling", "old Socket.IO"),
            ("/socket.io/?transport=polling", "old Socket.IO"),
            ("/socket.io/?EIO=4", "transport"),
            ("/socket.io/?EIO=4&transport=telegraph", "transport"),
            (f"{POLLING}&sid=nobody", "has ended"),
            (f"{PATH}&transport=websocket", "WebSocket only"),
        ):
            async with http.get(path) as answer:
                assert answer.status == 400
                assert word in (await answer.json())["error"]["message"]
        async with http.head(POLLING) as answer:
            assert answer.status == 405
        async with http.post(POLLING, data="40") as answer:
            assert answer.status == 400
    assert server.socketio.clients == 0


async def test_a_page_from_elsewhere_is_refused_and_ours_may_read_the_answer(server: Server) -> None:
    async with calling(server) as http:
        async with http.get(POLLING, headers={"Origin": "https://evil.example"}) as answer:
            assert answer.status == 403
        async with http.get(POLLING, headers={"Origin": "http://localhost:5500"}) as answer:
            assert answer.status == 200
            assert answer.headers["Access-Control-Allow-Origin"] == "http://localhost:5500"
        async with http.get(POLLING, headers={"Host": "rebound.example"}) as answer:
            assert answer.status == 403
        path = f"{PATH}&transport=websocket"
        with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
            await http.ws_connect(path, headers={"Origin": "https://evil.example"})


async def test_a_session_tells_who_uses_it_with_their_real_address(server: Server) -> None:
    async with polling(server) as poller:
        await poller.say("send", session="painter", inputs={"shade": 0.5})
        guests = server.hub.get("painter").describe()["guests"]
    assert [guest["wire"] for guest in guests] == ["socket.io"]
    assert guests[0]["address"].startswith("127.0.0.1:")
    assert not guests[0]["address"].endswith(":0")


async def test_other_namespaces_are_refused_and_ours_goes_on(server: Server) -> None:
    async with polling(server) as poller:
        await poller.post("40/admin,")
        assert (await poller.packet()).startswith("44/admin,")
        await poller.post("40")  # twice
        assert (await poller.packet()).startswith("44")
        await poller.say("ping", 1)
        assert (await poller.until("43"))[0]["type"] == "pong"


async def test_only_so_many_are_taken(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CONNECTIONS", 1)
    async with polling(server), calling(server) as http, http.get(POLLING) as answer:
        assert answer.status == 429
        assert (await answer.json())["error"]["code"] == "busy"


async def test_a_connection_that_asks_for_nothing_is_ended(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socketio_client, "_CONNECT_SECONDS", 0.0)
    async with socket(server) as ws:
        assert await closed(ws) == 1000
    await gone(server)


async def test_one_who_leaves_its_namespace_may_come_back_for_a_while(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with socket(server) as ws:
        await ws.send_str("40")
        await told(ws, '42["hello"')
        await ws.send_str("41")
        await ws.send_str("40")
        await told(ws, '42["hello"')
        monkeypatch.setattr(socketio_client, "_CONNECT_SECONDS", 0.0)
        await ws.send_str("41")
        assert await closed(ws) == 1000


# --- who may -------------------------------------------------------------------------------------


async def test_a_token_is_shown_in_auth_in_the_address_or_in_a_header() -> None:
    async with serving("counter", token="secret") as server:
        async with polling(server, {"token": "secret"}) as poller:
            await poller.say("run", 1, session="counter", inputs={"upto": 1})
            assert (await poller.until("43"))[0]["outputs"] == {"text": "0 "}
        async with calling(server) as http:
            for more, headers in (("&token=secret", {}), ("", {"Authorization": "Bearer secret"})):
                poller = await opened(http, more, headers=headers)
                await poller.post("40")
                assert (await poller.packet()).startswith("40")


async def test_without_it_nobody_comes_in() -> None:
    async with serving(token="secret") as server, calling(server) as http:
        for auth in ("", '{"token":"wrong"}', '{"token":17}', "[]", '{"token":null}'):
            await refused(server, http, auth)


async def refused(server: Server, http: aiohttp.ClientSession, auth: str) -> None:
    poller = await opened(http)
    await poller.post(f"40{auth}")
    error = json.loads((await poller.packet()).removeprefix("44"))
    assert "token" in error["message"]
    assert error["data"]["code"] == "unauthorized"
    assert "auth" in error["data"]["hint"]
    status, body = await poller.post('42["list"]')
    assert status == 200, body  # it was read; what is wrong with it ends the connection
    await gone(server)


async def test_before_it_was_shown_little_is_taken(server: Server) -> None:
    large = "40" + json.dumps({"token": "x" * limits.STRANGER_BYTES})
    async with calling(server) as http:
        poller = await opened(http)
        assert (await poller.post(large))[0] == 413
    async with socket(server) as ws:
        await ws.send_str(large)
        assert await closed(ws) == 1009
    await gone(server)


# --- asking --------------------------------------------------------------------------------------


async def test_every_answer_is_an_event_where_no_acknowledgement_was_asked_for(server: Server) -> None:
    async with polling(server) as poller:
        await poller.say("list", id=7)
        (reply,) = await poller.until("42", "reply")
        assert reply["id"] == 7
        assert {session["name"] for session in reply["value"]} == {"painter", "counter"}
        await poller.say("run", session="counter", inputs={"upto": 2})
        (done,) = await poller.until("42", "done")
        assert done["outputs"] == {"text": "0 1 "}
        await poller.say("send", session="painter", inputs={"shade": "dark"})
        (error,) = await poller.until("42", "error")
        assert (error["to"], error["error"]["field"]) == ("send", "shade")


async def test_bytes_come_and_go_in_their_places() -> None:
    async with serving("painter", "seer") as server, polling(server) as poller:
        told = [{"port": "image", "format": "raw", "meta": {"width": 2, "height": 1, "channels": 3}}]
        place = {"_placeholder": True, "num": 0}
        event = json.dumps(["run", {"session": "seer", "inputs": {"image": place}, "blobs": told}])
        await poller.post(f"451-3{event}", "b" + base64.b64encode(bytes([10] * 6)).decode())
        assert (await poller.until("433"))[0]["outputs"] == {"size": [2, 1], "mean": 10.0}
        await poller.say("run", 4, session="painter", inputs={"width": 8}, encodings={"image": {"format": "png"}})
        (done,) = await poller.until("461-4")
        assert done["outputs"]["image"].startswith(b"\x89PNG")
        assert done["blobs"] == [
            {
                "port": "image",
                "format": "png",
                "length": len(done["outputs"]["image"]),
                "meta": {"width": 8, "height": 48},
            }
        ]
        await poller.say("run", 5, session="painter", inputs={}, binary=False)
        assert (await poller.until("435"))[0]["outputs"]["image"].startswith("data:image/jpeg;base64,")


MISTAKES = (
    ('["fly"]', "bad_message", "fly"),
    ('["run"]', "missing_input", "run"),
    ('["run",7]', "bad_message", "run"),
    ('["list",{},{}]', "bad_message", "list"),
    ('["list",{"type":"run"}]', "bad_message", "list"),
    ('["list",{"id":-1}]', "invalid_input", "list"),
    ('["list",{"id":"one"}]', "invalid_input", "list"),
    ('["describe",{"session":"nobody"}]', "unknown_session", "describe"),
    ('["run",{"session":"painter","speed":1}]', "unknown_input", "run"),
    ('["run",{"session":"painter","blobs":[{"port":"image"}]}]', "bad_message", "run"),
    ('["cancel"]', "missing_input", "cancel"),
    ('["connect"]', "bad_message", "connect"),
    ('["disconnect",{}]', "bad_message", "disconnect"),
)


async def test_a_mistake_is_acknowledged_and_costs_nothing_else(server: Server) -> None:
    async with polling(server) as poller:
        for event, code, to in MISTAKES:
            await poller.post(f"428{event}", '429["ping",{"data":1}]')
            (error,) = await poller.until("438")
            assert (error["type"], error["error"]["code"], error["to"]) == ("error", code, to), event
            (pong,) = await poller.until("439")
            assert (pong["type"], pong["data"]) == ("pong", 1)


async def test_bytes_belong_into_inputs_only(server: Server) -> None:
    async with polling(server) as poller:
        place = {"_placeholder": True, "num": 0}
        await poller.post(f"451-1{json.dumps(['walk', {'session': 'painter', 'set': {'z': place}}])}", "bAAA=")
        assert (await poller.until("431"))[0]["error"]["code"] == "bad_message"


async def test_a_mistake_in_a_second_request_of_an_id_does_not_end_the_first(tmp_path: Path) -> None:
    path = tmp_path / "steps"
    path.write_text("one\n")
    async with serving("gate") as server, polling(server) as poller:
        await poller.say("run", 1, id=5, session="gate", command="steps", inputs={"path": str(path)})
        await poller.say("run", 2, id=5, session="gate")
        assert "under way" in (await poller.until("432"))[0]["error"]["message"]
        await poller.say("cancel", 3, id=5)
        assert [(await poller.until("43"))[0]["type"] for _ in range(2)] == [
            "reply",
            "error",
        ]  # of the cancel, of the run
        assert not server.socketio._server._talks[poller.sid]._acks


async def test_every_verb_of_the_websocket_is_there() -> None:
    async with serving("latent") as server, polling(server) as poller:
        for number, (verb, fields) in enumerate(VERBS):
            await poller.say(verb, number, **fields)
            (answer,) = await poller.until(f"43{number}[".removesuffix("["))
            assert answer["type"] in ("reply", "pong", "done"), (verb, answer)
    assert {verb for verb, _ in VERBS} == set(wire.REQUESTS)


VERBS: tuple[tuple[str, Answer], ...] = (
    ("hello", {}),
    ("ping", {}),
    ("list", {}),
    ("models", {"search": "palette"}),
    ("open", {"model": "palette", "name": "other", "wait": True}),
    ("describe", {"session": "other"}),
    ("stop", {"session": "other"}),
    ("start", {"session": "other", "wait": True}),
    ("restart", {"session": "other", "wait": True}),
    ("rename", {"session": "other", "name": "another"}),
    ("run", {"session": "latent", "inputs": {"truncation": 0.5}, "binary": False}),
    ("send", {"session": "latent", "inputs": {"truncation": 0.5}}),
    ("subscribe", {"id": 3, "session": "latent", "port": "image"}),
    ("ack", {"id": 3, "n": 1}),
    ("unsubscribe", {"id": 3}),
    ("events", {"id": 4}),
    ("cancel", {"id": 4}),
    ("walk", {"session": "latent"}),
    ("grid", {"session": "latent", "width": 16}),
    ("close", {"session": "another"}),
)


# --- following -----------------------------------------------------------------------------------


async def test_one_who_polls_gets_the_newest_and_is_told_what_was_skipped(server: Server) -> None:
    async with polling(server) as poller:
        await poller.say("subscribe", 1, session="painter", port="image")
        await poller.until("431")
        painter = server.hub.get("painter")
        for _ in range(20):
            await painter.run({"width": 4}).result()
        head, picture = await poller.until("451-", "frame")
        assert (head["n"], head["drops"], head["format"]) == (1, 19, "jpeg")
        assert picture.startswith(b"\xff\xd8")
        waiting = asyncio.create_task(poller.until("451-", "frame"))
        await asyncio.sleep(0)
        await painter.run({"width": 4}).result()
        assert (await waiting)[0]["n"] == 2


async def test_with_a_window_frames_wait_for_their_acks(server: Server) -> None:
    async with polling(server) as poller:
        await poller.say("subscribe", id=1, session="counter", port="text", policy="all", window=2)
        await server.hub.get("counter").run({"upto": 4}).result()
        heard = [await poller.until("42", "frame") for _ in range(2)]
        assert [value for _, value in heard] == ["0 ", "1 "]
        await poller.say("ping", 1)
        await poller.until("431")  # no frame came before it
        await poller.say("ack", 2, id=1, n=2)
        assert [(await poller.until("42", "frame"))[1] for _ in range(2)] == ["2 ", "3 "]


async def test_those_who_follow_one_port_share_a_room(server: Server) -> None:
    painter = server.hub.get("painter")
    readers = server.socketio.readers
    async with polling(server) as first, polling(server) as second:
        for poller in (first, second):
            await poller.say("subscribe", 1, id=1, session="painter", port="image")
            await poller.until("431")
        await first.say("subscribe", 2, id=2, session="painter", port="image", encoding={"format": "png"})
        await first.until("432")
        assert readers(painter, "image") == 2
        await first.say("unsubscribe", 3, id=1)
        await first.until("433")
        assert readers(painter, "image") == 2  # it still follows as PNG
        await first.say("unsubscribe", 4, id=2)
        await first.until("434")
        assert readers(painter, "image") == 1
        await second.post("41")
        while readers(painter, "image"):
            await asyncio.sleep(0.005)


async def test_a_second_subscription_of_an_id_is_refused_and_the_first_goes_on(server: Server) -> None:
    async with polling(server) as poller:
        for ack in (1, 2):
            await poller.say("subscribe", ack, id=7, session="painter", port="image")
        assert (await poller.until("431"))[0]["type"] == "reply"
        assert "under way" in (await poller.until("432"))[0]["error"]["message"]
        await server.hub.get("painter").run({"width": 4}).result()
        assert (await poller.until("451-", "frame"))[0]["id"] == 7
        assert server.socketio.readers(server.hub.get("painter"), "image") == 1


def test_a_room_packs_a_frame_once() -> None:
    room, one, other = Room(), frame(), frame()
    assert room.shared(one, True) is room.shared(one, True)
    assert room.shared(one, True) is not room.shared(one, False)
    assert room.shared(other, True) is not room.shared(one, True)


async def test_who_follows_a_session_goes_on_under_its_new_name(server: Server) -> None:
    async with polling(server) as poller:
        await poller.say("subscribe", 1, session="painter", port="image")
        await poller.until("431")
        await poller.say("events", 2, kinds=["session_renamed"])
        await poller.until("432")
        await poller.say("rename", 3, session="painter", name="artist")
        (event,) = await poller.until("42", "event")
        assert (event["session"], event["data"]) == ("artist", {"from": "painter"})
        await poller.say("send", session="artist", inputs={"shade": 0.5})
        head, _ = await poller.until("451-", "frame")
        assert head["session"] == "artist"
        assert server.socketio.readers(server.hub.get("artist"), "image") == 1


async def test_the_end_of_a_session_ends_what_follows_it(server: Server) -> None:
    async with polling(server) as poller:
        await poller.say("subscribe", 1, id=4, session="painter", port="image")
        await poller.until("431")
        await server.hub.close_session("painter")
        (error,) = await poller.until("42", "error")
        assert (error["id"], error["error"]["code"]) == (4, "cancelled")


# --- from polling to a WebSocket -----------------------------------------------------------------


async def test_a_websocket_takes_over_and_nothing_is_lost_or_out_of_order(server: Server) -> None:
    async with polling(server) as poller:
        await poller.say("subscribe", 1, session="counter", port="text", policy="all")
        await poller.until("431")
        waiting = asyncio.create_task(poller.poll())
        async with socket(server, poller.sid) as ws:
            await ws.send_str("2probe")
            assert (await ws.receive()).data == "3probe"
            assert await waiting == (200, "6")  # so that the client can stop to poll
            await server.hub.get("counter").run({"upto": 3}).result()
            await ws.send_str("5")
            assert [json.loads((await told(ws, "42"))[2:])[2] for _ in range(3)] == ["0 ", "1 ", "2 "]
            for ask in (poller.poll, lambda: poller.post("3")):
                status, body = await ask()
                assert status == 400
                assert "WebSocket by now" in body
            await ws.send_str('421["ping",{}]')
            await told(ws, "431")
        await gone(server)


async def test_a_probe_that_fails_leaves_the_client_polling(server: Server) -> None:
    async with polling(server) as poller:
        for wrong in ("2prob", "5", "42[]", "", "x"):
            async with socket(server, poller.sid) as ws:
                await ws.send_str(wrong)
                assert await closed(ws) == 1002
        async with socket(server, poller.sid) as ws:
            await ws.send_str("2probe")
            await ws.receive()
        await poller.say("ping", 1)
        assert (await poller.until("431"))[0]["type"] == "pong"


async def test_one_websocket_at_a_time_may_ask_to_take_over(server: Server) -> None:
    async with polling(server) as poller, socket(server, poller.sid) as ws, calling(server) as http:
        await ws.send_str("2probe")
        await ws.receive()
        with pytest.raises(aiohttp.WSServerHandshakeError, match="400"):
            await http.ws_connect(f"{PATH}&transport=websocket&sid={poller.sid}")


# --- ending --------------------------------------------------------------------------------------


async def test_a_poll_that_is_hung_up_on_frees_the_model(tmp_path: Path) -> None:
    path = tmp_path / "steps"
    path.write_text("one\n")
    async with serving("gate") as server, polling(server) as poller:
        await poller.say("run", session="gate", command="steps", inputs={"path": str(path)}, stream=True)
        await poller.until("42", "output")
        waiting = asyncio.create_task(poller.poll())
        await asyncio.sleep(0.05)  # it is on its way
        waiting.cancel()
        await exists(tmp_path / "steps.left")
        await gone(server)


async def test_two_requests_at_once_end_the_client(server: Server) -> None:
    async with polling(server) as poller:
        first, second = await asyncio.gather(poller.poll(), poller.poll())
        assert sorted((first[0], second[0])) == [200, 400]
        assert (await poller.poll())[0] == 400
    await gone(server)


BROKEN = (
    "9",
    "x",
    "",
    "0",
    "6",
    "2",
    "4",
    "47",
    "4x",
    "42{",
    '42["a"',
    "42[]",
    "42[7]",
    "427",
    '451-["a"]\x1e42[]',
    "bAAA=",
    "b!",
    '4564-["a"',
    '4565-["a"]',
    "42" + "[" * 99,
    '42/x,["a"]',
    "44{}",
    '451-[{"_placeholder":true,"num":4}]\x1ebAAA=',
)


async def test_what_is_no_packet_ends_its_client_and_leaves_no_traceback(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    for packets in BROKEN:
        async with polling(server) as poller:
            await poller.post(packets)
            await gone(server)
            assert (await poller.poll())[0] == 400, packets
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_it_is_told_before(server: Server) -> None:
    async with socket(server) as ws:
        await ws.send_str("40")
        await told(ws, '42["hello"')
        await ws.send_str("42{")
        error = json.loads((await told(ws, '42["error"'))[2:])[1]
        assert error["error"]["code"] == "bad_message"
        assert await closed(ws) == 1002


async def test_more_than_is_taken_ends_its_client() -> None:
    async with serving("counter", max_body=200_000) as server:
        async with polling(server) as poller:
            status, body = await poller.post("42" + json.dumps(["ping", {"data": "x" * 200_000}]))
            assert (status, json.loads(body)["error"]["code"]) == (413, "too_large")
        for sent in (
            ["4" + "x" * 200_001],
            ['452-["a",{"_placeholder":true,"num":0}]', bytes(150_000), bytes(150_000)],
        ):
            async with socket(server) as ws:
                await ws.send_str("40")
                await told(ws, '42["hello"')
                for data in sent:
                    await (ws.send_str(data) if isinstance(data, str) else ws.send_bytes(data))
                assert await closed(ws) == 1009
        await gone(server)


async def test_the_bridge_tells_that_it_closes() -> None:
    async with serving("counter") as server, polling(server), socket(server) as ws:
        await ws.send_str("40")
        await told(ws, '42["hello"')
        closing = asyncio.create_task(server.close())
        assert await closed(ws) == 1001
        await closing
        assert server.socketio.clients == 0


async def test_a_session_is_opened_over_it(server: Server) -> None:
    async with polling(server) as poller:
        await poller.say("open", 1, model=str(MODELS / "counter"))
        assert (await poller.until("431"))[0]["error"]["code"] == "unknown_model"  # a path is for this machine's user
        await poller.say("open", 2, model="counter", name="second", wait=True)
        assert (await poller.until("432"))[0]["value"]["state"] == "ready"
        assert server.hub.get("second").model == "counter"
