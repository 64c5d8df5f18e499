"""OSCQuery over HTTP and WebSocket, with real sessions."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bridge import limits
from bridge.errors import ModelStopped
from bridge.osc import codec
from bridge.server import Server
from tests.transports.serving import serving
from tests.transports.talking import osc_port, talking
from tests.transports.test_osc import until


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serving("painter", "latent", "echo") as server:
        yield server


def url(server: Server) -> str:
    return f"http://127.0.0.1:{osc_port(server)}"


@asynccontextmanager
async def asking(server: Server) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(url(server)) as client:
        yield client


async def asked(server: Server, path: str, status: int = 200) -> Any:
    async with asking(server) as client, client.get(path) as answer:
        assert answer.status == status, await answer.text()
        return await answer.json() if status != 204 else None


# --- HTTP ----------------------------------------------------------------------------------------


async def test_the_whole_tree_with_what_stands_there(server: Server):
    tree = await asked(server, "/")
    assert {"painter", "latent", "echo", "subscribe", "sessions"} <= tree["CONTENTS"].keys()
    shade = tree["CONTENTS"]["painter"]["CONTENTS"]["shade"]
    assert shade == {
        "FULL_PATH": "/painter/shade",
        "TYPE": "f",
        "ACCESS": 3,
        "RANGE": [{"MIN": 0, "MAX": 1}],
        "CLIPMODE": ["none"],
        "VALUE": [0.5],
    }
    assert tree["CONTENTS"]["latent"]["CONTENTS"]["walk"]["CONTENTS"]["kind"]["RANGE"][0]["VALS"][0] == "noise"


async def test_values_are_those_of_now_whoever_set_them(server: Server):
    server.hub.get("painter").send({"shade": 0.125})
    assert await asked(server, "/painter/shade?VALUE") == {"VALUE": [0.125]}
    player = await server.walks.of(server.hub.get("latent"))
    player.change({"speed": 2.5})
    assert await asked(server, "/latent/walk/speed?VALUE") == {"VALUE": [2.5]}


async def test_an_output_that_is_asked_for_is_got(server: Server):
    assert (await asked(server, "/echo/out/any?VALUE")) == {"VALUE": [None]}
    await server.hub.get("echo").run({"value": "hello"}).result()
    assert (await asked(server, "/echo/out/any"))["VALUE"] == ["hello"]
    (address,) = (await asked(server, "/painter/out/image?VALUE"))["VALUE"]
    assert address == f"{server.url}/api/sessions/painter/outputs/image.jpg"


async def test_one_attribute_and_what_is_none(server: Server):
    assert await asked(server, "/painter/shade?RANGE") == {"RANGE": [{"MIN": 0, "MAX": 1}]}
    assert await asked(server, "/painter/shade?TYPE") == {"TYPE": "f"}
    assert await asked(server, "/painter?VALUE") == {}
    await asked(server, "/painter/run?VALUE", 204)
    error = (await asked(server, "/painter/shade?COLOUR", 400))["error"]
    assert error["code"] == "bad_message" and "TYPE" in error["hint"] and "LISTEN" not in error["hint"]
    assert (await asked(server, "/painter/shad", 404))["error"]["code"] == "not_found"


async def test_who_serves_it_is_told_at_any_path(server: Server):
    for path in ("/?HOST_INFO", "/painter/shade?HOST_INFO", "/nowhere?HOST_INFO"):
        told = await asked(server, path)
        assert told["OSC_PORT"] == told["WS_PORT"] == osc_port(server) and told["OSC_TRANSPORT"] == "UDP"
        assert told["EXTENSIONS"]["LISTEN"] is True and told["EXTENSIONS"]["VALUE"] is True


@pytest.mark.parametrize("line", [b"GET ?HOST_INFO HTTP/1.1", b"GET /?HOST_INFO HTTP/1.1"])
async def test_an_address_without_a_path_is_the_root(server: Server, line: bytes):
    """As Chataigne's library writes it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", osc_port(server))
    writer.write(line + b"\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
    answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 200 ") and b'"OSC_TRANSPORT"' in answer
    writer.close()


async def test_pages_from_elsewhere_may_not_ask(server: Server):
    async with asking(server) as client:
        for headers, status in (
            ({"Origin": "https://evil.example"}, 403),
            ({"Host": "evil.example"}, 403),
            ({"Origin": "http://localhost:3000"}, 200),
            ({"Origin": "https://editor.p5js.org"}, 200),
        ):
            async with client.get("/?HOST_INFO", headers=headers) as answer:
                assert answer.status == status, headers
                allowed = answer.headers.get("Access-Control-Allow-Origin")
                assert allowed == (headers.get("Origin") if status == 200 else None)
        async with client.ws_connect("/", headers={"Origin": "http://localhost:3000"}):
            pass
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await client.ws_connect("/", headers={"Origin": "https://evil.example"})
        for method in ("POST", "PUT", "DELETE", "PATCH"):
            async with client.request(method, "/painter/shade") as answer:
                assert answer.status == 405 and "GET" in answer.headers["Allow"]


async def test_what_is_no_http_is_answered_in_words(server: Server, caplog: pytest.LogCaptureFixture):
    reader, writer = await asyncio.open_connection("127.0.0.1", osc_port(server))
    writer.write(b"NONSENSE\r\n\r\n\r\n")
    answer = await reader.read()
    assert answer.startswith(b"HTTP/1.") and b" 400 " in answer.split(b"\r\n")[0] and b"bad_message" in answer
    writer.close()
    assert [record for record in caplog.records if record.exc_info] == []


# --- WebSocket -----------------------------------------------------------------------------------


class Listener:
    """A client on the WebSocket."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    async def tell(self, command: str, data: Any) -> None:
        await self.socket.send_json({"COMMAND": command, "DATA": data})

    async def hear(self) -> tuple[str, Any]:
        """An address with its values, or a command with its data."""
        message = await self.socket.receive(20)
        if message.type == aiohttp.WSMsgType.TEXT:
            told = message.json()
            return told["COMMAND"], told["DATA"]
        assert message.type == aiohttp.WSMsgType.BINARY, message
        return tuple(codec.read_message(message.data))  # type: ignore[return-value]

    async def say(self, address: str, *values: Any) -> None:
        await self.socket.send_bytes(codec.message(address, values))


@asynccontextmanager
async def listening(server: Server) -> AsyncIterator[Listener]:
    async with asking(server) as client, client.ws_connect("/") as socket:
        yield Listener(socket)


async def test_binary_messages_are_osc_in_both_directions(server: Server):
    async with listening(server) as client:
        await client.say("/painter/shade", 0.75)
        await client.say("/painter/shade")
        assert await client.hear() == ("/reply", ["/painter/shade", "", 0.75])
        await client.say("/painter/shade", 7.0)
        assert (await client.hear())[1][2] == "invalid_input"


async def test_an_input_that_is_listened_to_is_told_whoever_sets_it(server: Server):
    async with listening(server) as client, talking(server) as program:
        await client.tell("LISTEN", "/painter/shade")
        assert await client.hear() == ("/painter/shade", [0.5])
        program.say("/painter/shade", 0.25)
        assert await client.hear() == ("/painter/shade", [0.25])
        server.hub.get("painter").send({"shade": 0.75})
        assert await client.hear() == ("/painter/shade", [0.75])
        await client.tell("IGNORE", "/painter/shade")
        await client.tell("LISTEN", "/painter/width")
        assert await client.hear() == ("/painter/width", [64])
        server.hub.get("painter").send({"shade": 0.5})
        server.hub.get("painter").send({"width": 32})
        assert await client.hear() == ("/painter/width", [32])


async def test_settings_of_a_walk_are_told_too(server: Server):
    player = await server.walks.of(server.hub.get("latent"))
    async with listening(server) as client:
        await client.tell("LISTEN", "/latent/walk/speed")
        assert await client.hear() == ("/latent/walk/speed", [1.0])
        player.change({"speed": 2.0})
        assert await client.hear() == ("/latent/walk/speed", [2.0])


async def test_an_output_that_is_listened_to_is_told_until_it_is_ignored(server: Server):
    async with listening(server) as client:
        await client.tell("LISTEN", "/echo/out/any")
        await until(lambda: server.hub.get("echo").describe()["stats"]["readers"])
        await server.hub.get("echo").run({"value": 7}).result()
        assert await client.hear() == ("/echo/out/any", [7])
        await client.tell("IGNORE", "/echo/out/any")
        await until(lambda: not server.hub.get("echo").describe()["stats"]["readers"])
        await client.tell("LISTEN", "/echo/out/any")
        await until(lambda: server.hub.get("echo").describe()["stats"]["readers"])
    await until(lambda: not server.hub.get("echo").describe()["stats"]["readers"])


@pytest.mark.parametrize("how", ["closed", "failed"])
async def test_what_is_listened_to_goes_on_when_its_session_is_there_again(server: Server, how: str):
    def readers() -> int:
        return int(server.hub.get("echo").describe()["stats"]["readers"])

    async with listening(server) as client:
        await client.tell("LISTEN", "/echo/out/any")
        await until(readers)
        if how == "closed":
            model = server.hub.get("echo").model
            await server.hub.close_session("echo")
            assert await client.hear() == ("PATH_REMOVED", "/echo")
            session = await server.hub.open(model, "echo")
        else:
            server.hub.get("echo").failed(ModelStopped("no more"))
            assert (await client.hear())[1][2] == "model_stopped"
            session = await server.hub.start("echo")
        await until(readers)
        await session.run({"value": 7}).result()
        while (told := await client.hear())[0].startswith("PATH_"):
            pass
        assert told == ("/echo/out/any", [7])
        await client.tell("IGNORE", "/echo/out/any")
        await until(lambda: not readers())


async def test_clients_are_told_what_became_of_paths(server: Server):
    async with listening(server) as client:
        await client.tell("LISTEN", "/painter/shade")
        await client.hear()
        await server.hub.rename("painter", "colour")
        assert await client.hear() == ("PATH_RENAMED", {"OLD": "/painter", "NEW": "/colour"})
        server.hub.get("colour").send({"shade": 0.25})
        assert await client.hear() == ("/colour/shade", [0.25])  # what was listened to goes along
        session = await server.hub.open(server.hub.get("echo").model, "later")
        assert await client.hear() == ("PATH_ADDED", "/later")
        assert session.signature is not None  # so that there is something to look at
        await server.hub.close_session("later")
        assert await client.hear() == ("PATH_REMOVED", "/later")
        await server.hub.restart("latent", {"pace": "slow"})
        await server.hub.get("latent").started()
        await server.hub.close_session("echo")
        assert await client.hear() == ("PATH_REMOVED", "/echo")  # started again with the same addresses: no news


SIZED = """
from typing import Annotated
from bridge import Model, Number, Vector

class Sized(Model):
    def setup(self, many: bool = False):
        self.takes(z=Vector(8 if many else 4))

    def run(self, z: Annotated[object, Vector()]) -> Annotated[float, Number()]:
        return float(z[0])
"""


async def test_a_session_that_takes_something_else_now_is_told_and_its_tree_says_so(server: Server, tmp_path: Path):
    """By an option of the model, which is another one after a restart."""
    (tmp_path / "model.toml").write_text('title = "Sized"\nkind = "generate"\n')
    (tmp_path / "model.py").write_text(SIZED)
    async with listening(server) as client:
        await (await server.hub.open(str(tmp_path), "sized")).started()
        assert await client.hear() == ("PATH_ADDED", "/sized")
        assert (await asked(server, "/sized/z?TYPE"))["TYPE"] == "f" * 4
        await server.hub.restart("sized", {"many": True})
        assert await client.hear() == ("PATH_CHANGED", "/sized")
        assert (await asked(server, "/sized/z?TYPE"))["TYPE"] == "f" * 8
        await server.hub.restart("sized", {"many": True})
        await server.hub.get("sized").started()
        await server.hub.close_session("sized")
        assert await client.hear() == ("PATH_REMOVED", "/sized")  # as before: no news between


async def test_names_that_are_passed_on_are_told_in_an_order_that_mixes_nobody_up(server: Server):
    async with listening(server) as client:
        for address in ("/painter/shade", "/latent/label"):
            await client.tell("LISTEN", address)
            await client.hear()
        server.hub.get("latent").send({"label": 2})  # told under the name that it has by then
        await server.hub.rename("latent", "far")
        await server.hub.rename("painter", "latent")
        assert await client.hear() == ("PATH_RENAMED", {"OLD": "/latent", "NEW": "/far"})
        assert await client.hear() == ("PATH_RENAMED", {"OLD": "/painter", "NEW": "/latent"})
        assert await client.hear() == ("/far/label", [2])
        server.hub.get("latent").send({"shade": 0.25})
        assert await client.hear() == ("/latent/shade", [0.25])


async def test_what_can_not_be_listened_to_for_want_of_room_is_told(server: Server, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "OSC_SUBSCRIBERS", 1)
    monkeypatch.setattr(limits, "OSC_LISTENS", 2)
    async with listening(server) as client:
        for address in ("/echo/out/any", "/painter/out/image"):
            await client.tell("LISTEN", address)
        address, values = await client.hear()
        assert (address, values[0], values[2]) == ("/error", "/painter/out/image", "busy")
        for address in ("/painter/shade", "/painter/width"):
            await client.tell("LISTEN", address)
        heard = [await client.hear() for _ in range(2)]
        assert ("/painter/shade", [0.5]) in heard
        assert [values[:3] for address, values in heard if address == "/error"] == [["/painter/width", "", "busy"]]


async def test_nonsense_is_passed_over_and_listening_is_bounded(server: Server):
    async with listening(server) as client:
        for text in (
            "",
            "{",
            "[]",
            '{"COMMAND": "LISTEN"}',
            '{"COMMAND": 5, "DATA": []}',
            '{"COMMAND": "FLY", "DATA": "/"}',
        ):
            await client.socket.send_str(text)
        for path in ("/nowhere", "/painter", "/painter/run", "//", "*", "painter/shade"):
            await client.tell("LISTEN", path)
            await client.tell("IGNORE", path)
        await client.tell("LISTEN", "/painter/shade")
        assert await client.hear() == ("/painter/shade", [0.5])
        await client.socket.send_bytes(b"noise")
        assert (await client.hear())[0] == "/error"


async def test_so_many_connections_and_no_more(server: Server):
    async with asking(server) as client:
        held = [await client.ws_connect("/") for _ in range(limits.OSC_CONNECTIONS)]
        assert server.osc.streams.open == len(held)
        with pytest.raises(aiohttp.ClientError):
            await client.ws_connect("/")
        for one in held:
            await one.close()
    await until(lambda: server.osc.streams.open == 0)


async def test_closing_the_bridge_says_goodbye():
    async with aiohttp.ClientSession() as client:
        async with serving("echo") as server:
            socket = await client.ws_connect(url(server))
            await socket.send_json({"COMMAND": "LISTEN", "DATA": "/echo/out/any"})
            last = asyncio.create_task(socket.receive(20))
        assert (await last).data == 1001
