"""Renaming, stopping, workspaces and chains, over a real server with real models."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bridge.chains import Chain
from bridge.errors import StateUnwritable
from bridge.mappings import Mapping, Mappings
from bridge.server import Server
from bridge.workspace import SavedSession, Workspace
from tests.transports.serving import calling, serving
from tests.transports.test_osc import until

PICTURE = {"source": "painter", "output": "image", "target": "echo", "input": "value"}


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serving("painter", "echo", "counter") as server:
        yield server


@pytest.fixture
async def http(server: Server) -> AsyncIterator[aiohttp.ClientSession]:
    async with calling(server) as http:
        yield http


async def asked(http: aiohttp.ClientSession, method: str, path: str, body: Any = None, status: int = 200) -> Any:
    async with http.request(method, path, json=body) as answer:
        told = await answer.json()
        assert answer.status == status, told
        return told


# --- names ---------------------------------------------------------------------------------------


async def test_a_renamed_session_answers_to_its_new_name_and_its_followers_go_on(
    server: Server, http: aiohttp.ClientSession
):
    async with http.get("/api/sessions/echo/events?port=any&policy=all") as events:
        assert await line(events, "event: ") == "hello"
        told = await asked(http, "PATCH", "/api/sessions/echo", {"name": "parrot"})
        assert told["name"] == "parrot"
        assert list(server.hub.sessions) == ["painter", "parrot", "counter"]
        assert await line(events, "event: ") == "session_renamed"
        assert '"from":"echo"' in await line(events, "data: ")
        assert (await asked(http, "POST", "/api/sessions/parrot/run", {"value": 5}))["outputs"] == {"any": 5}
        while await line(events, "event: ") != "output":
            pass
        assert '"session":"parrot"' in await line(events, "data: ")
    await asked(http, "POST", "/api/sessions/echo/run", {"value": 5}, status=404)


async def test_a_call_that_came_before_does_not_find_the_old_name_any_more(http: aiohttp.ClientSession):
    for _ in range(3):
        await asked(http, "POST", "/api/sessions/echo/run", {"value": 5})
    await asked(http, "PATCH", "/api/sessions/echo", {"name": "parrot"})
    await asked(http, "POST", "/api/sessions/echo/run", {"value": 5}, status=404)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"name": "painter"}, "name_taken"),
        ({"name": "no spaces"}, "invalid_input"),
        ({"name": 7}, "invalid_input"),
        ({"workspace": "nowhere"}, "not_found"),
        ({"colour": "red"}, "unknown_input"),
    ],
)
async def test_a_change_that_can_not_be_made_changes_nothing(
    http: aiohttp.ClientSession, body: dict[str, Any], code: str
):
    async with http.patch("/api/sessions/echo", json=body) as answer:
        assert (await answer.json())["error"]["code"] == code
    assert (await asked(http, "GET", "/api/sessions/echo"))["name"] == "echo"


# --- stopping ------------------------------------------------------------------------------------


async def test_a_stopped_session_says_so_and_comes_back_with_its_inputs(http: aiohttp.ClientSession):
    await asked(http, "PATCH", "/api/sessions/painter/inputs", {"shade": 0.25})
    assert (await asked(http, "POST", "/api/sessions/painter/stop"))["state"] == "stopped"
    refused = await asked(http, "POST", "/api/sessions/painter/run", {}, status=503)
    assert refused["error"]["code"] == "model_stopped" and "start" in refused["error"]["hint"]
    back = await asked(http, "POST", "/api/sessions/painter/start?wait=true", {})
    assert back["state"] == "ready" and back["inputs"]["shade"] == 0.25


async def test_a_restarted_session_has_another_process(http: aiohttp.ClientSession):
    before = await asked(http, "GET", "/api/sessions/echo")
    after = await asked(http, "POST", "/api/sessions/echo/restart?wait=true")
    assert after["state"] == "ready" and after["place"] != before["place"]


async def test_options_that_the_model_does_not_have_end_nothing(http: aiohttp.ClientSession):
    await asked(http, "POST", "/api/sessions/echo/restart", {"options": {"nosuch": 1}}, status=400)
    assert (await asked(http, "GET", "/api/sessions/echo"))["state"] == "ready"


# --- workspaces ----------------------------------------------------------------------------------


async def test_sessions_are_shown_in_workspaces_and_stop_and_start_together(http: aiohttp.ClientSession):
    await asked(http, "POST", "/api/workspaces", {"name": "Tuesday"}, status=201)
    await asked(http, "PATCH", "/api/sessions/echo", {"workspace": "Tuesday"})
    first, second = (await asked(http, "GET", "/api/workspaces"))["workspaces"]
    assert first["sessions"] == ["painter", "counter"] and second == {"name": "Tuesday", "sessions": ["echo"]}
    await asked(http, "POST", "/api/workspaces/Tuesday/stop")
    states = {one["name"]: one["state"] for one in (await asked(http, "GET", "/api/sessions"))["sessions"]}
    assert states == {"painter": "ready", "echo": "stopped", "counter": "ready"}
    await asked(http, "POST", "/api/workspaces/Tuesday/start")
    assert (await asked(http, "GET", "/api/sessions/echo?wait=true"))["state"] == "ready"


async def test_a_workspace_is_renamed_with_its_sessions_and_removed_with_them(http: aiohttp.ClientSession):
    await asked(http, "POST", "/api/workspaces", {"name": "Tuesday"}, status=201)
    await asked(http, "PATCH", "/api/sessions/echo", {"workspace": "Tuesday"})
    renamed = (await asked(http, "PATCH", "/api/workspaces/Tuesday", {"name": "Show"}))["workspaces"]
    assert renamed[1] == {"name": "Show", "sessions": ["echo"]}
    left = (await asked(http, "DELETE", "/api/workspaces/Show"))["workspaces"]
    assert len(left) == 1
    await asked(http, "GET", "/api/sessions/echo", status=404)
    last = await asked(http, "DELETE", f"/api/workspaces/{left[0]['name']}", status=400)
    assert "last" in last["error"]["message"]


async def test_what_no_fader_can_move_is_not_mapped():
    async with serving("painter", "latent") as server, calling(server) as http:
        for session, input, code, words in (
            ("painter", "nothing", "unknown_input", "painter has no input 'nothing'"),
            ("painter", "walk/speed", "invalid_input", "painter can't walk"),
            ("latent", "walk/nothing", "unknown_input", "the walk of latent has no 'nothing'"),
            ("latent", "walk/play", "invalid_input", "walk/play of latent is no value"),
            ("latent", "z", "invalid_input", "z of latent takes a list of"),
        ):
            await server.hub.get(session).started()
            fader = {"address": "/1/fader1", "session": session, "input": input}
            error = (await asked(http, "POST", "/api/mappings", fader, 400))["error"]
            assert error["code"] == code and words in error["message"]
        for session, input in (("painter", "shade"), ("latent", "walk/speed"), ("latent", "walk/target")):
            fader = {"address": "/1/fader1", "session": session, "input": input}
            told = await asked(http, "POST", "/api/mappings", fader, 201)
        assert len(told["mappings"]) == 3


class FullLater(Workspace):
    """A state folder whose disk is full from some time on."""

    full = False

    async def note(self, name: str, value: Any) -> None:
        if self.full:
            raise StateUnwritable("the disk is full")
        await super().note(name, value)


async def test_a_fader_goes_along_with_its_session_also_when_that_can_not_be_saved(tmp_path: Path):
    async with serving("painter") as server, FullLater(tmp_path) as file, Mappings(server.hub, file) as mappings:
        await mappings.add(Mapping(address="/1/fader1", session="painter", input="shade"))
        file.full = True
        await server.hub.rename("painter", "artist")
        await until(lambda: mappings.at("/1/fader1")[0].session == "artist")


async def test_many_changes_at_once_are_all_kept(http: aiohttp.ClientSession):
    def fader(number: int) -> dict[str, str]:
        return {"address": f"/1/fader{number}", "session": "painter", "input": "shade"}

    await asyncio.gather(*(asked(http, "POST", "/api/workspaces", {"name": f"W{n}"}, 201) for n in range(10)))
    await asyncio.gather(*(asked(http, "POST", "/api/mappings", fader(n), 201) for n in range(20)))
    assert len((await asked(http, "GET", "/api/workspaces"))["workspaces"]) == 11
    assert len((await asked(http, "GET", "/api/mappings"))["mappings"]) == 20
    await asked(http, "PATCH", "/api/sessions/painter", {"name": "artist"})
    while {one["session"] for one in (await asked(http, "GET", "/api/mappings"))["mappings"]} != {"artist"}:
        pass


async def test_workspace_names_are_checked(http: aiohttp.ClientSession):
    (first,) = (await asked(http, "GET", "/api/workspaces"))["workspaces"]
    await asked(http, "POST", "/api/workspaces", {"name": first["name"]}, status=409)
    await asked(http, "POST", "/api/workspaces", {"name": " "}, status=400)
    await asked(http, "POST", "/api/workspaces", {}, status=400)
    await asked(http, "POST", "/api/workspaces/nowhere/stop", status=404)


# --- chains --------------------------------------------------------------------------------------


async def test_an_output_feeds_an_input_for_as_long_as_the_chain_is_there(http: aiohttp.ClientSession):
    made = await asked(http, "POST", "/api/chains", PICTURE, status=201)
    assert made["chains"] == [{**PICTURE, "error": ""}]
    async with http.get("/api/sessions/echo/events?port=any") as events:
        await line(events, "event: ")
        await asked(http, "PATCH", "/api/sessions/painter/inputs", {"shade": 1})
        while "data:image/jpeg" not in await line(events, "data: "):
            pass
    assert (await asked(http, "DELETE", "/api/chains/echo/value"))["chains"] == []
    await asked(http, "DELETE", "/api/chains/echo/value", status=404)


async def test_text_that_comes_in_pieces_arrives_whole(http: aiohttp.ClientSession):
    chain = {"source": "counter", "output": "text", "target": "echo", "input": "value"}
    await asked(http, "POST", "/api/chains", chain, status=201)
    async with http.get("/api/sessions/echo/events?port=any") as events:
        await line(events, "event: ")
        await asked(http, "POST", "/api/sessions/counter/run", {"upto": 20})
        whole = "".join(f"{n} " for n in range(20))
        while whole not in await line(events, "data: "):
            pass


async def test_a_chain_follows_renames_and_restarts_and_ends_with_its_sessions(http: aiohttp.ClientSession):
    await asked(http, "POST", "/api/chains", PICTURE, status=201)
    await asked(http, "PATCH", "/api/sessions/painter", {"name": "artist"})
    await asked(http, "POST", "/api/sessions/echo/restart?wait=true")
    async with http.get("/api/sessions/echo/events?port=any") as events:
        await line(events, "event: ")
        await asked(http, "PATCH", "/api/sessions/artist/inputs", {"shade": 0})
        while "data:image/jpeg" not in await line(events, "data: "):
            pass
    (chain,) = (await asked(http, "GET", "/api/chains"))["chains"]
    assert chain["source"] == "artist"
    await asked_nothing(http, "DELETE", "/api/sessions/artist")
    while (await asked(http, "GET", "/api/chains"))["chains"]:
        pass


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"source": "nobody"}, 404),
        ({"output": "sound"}, 404),
        ({"input": "nosuch"}, 400),
        ({"target": "painter", "input": "shade"}, 400),
        ({"input": ""}, 400),
        ({"more": "x"}, 400),
    ],
)
async def test_ends_that_do_not_fit_are_refused(http: aiohttp.ClientSession, change: dict[str, str], status: int):
    refused = await asked(http, "POST", "/api/chains", {**PICTURE, **change}, status=status)
    assert refused["error"]["message"]
    assert (await asked(http, "GET", "/api/chains"))["chains"] == []


async def test_all_of_it_is_there_again_after_a_restart_of_the_bridge(tmp_path: Path):
    async with serving("painter", "echo", state=tmp_path) as server, calling(server) as http:
        await asked(http, "POST", "/api/workspaces", {"name": "Tuesday"}, status=201)
        await asked(http, "PATCH", "/api/sessions/echo", {"workspace": "Tuesday"})
        await asked(http, "POST", "/api/chains", PICTURE, status=201)
        await asked(http, "POST", "/api/sessions/painter/stop")
    async with serving(state=tmp_path) as server, calling(server) as http:
        spaces = (await asked(http, "GET", "/api/workspaces"))["workspaces"]
        assert [space["sessions"] for space in spaces] == [["painter"], ["echo"]]
        assert (await asked(http, "GET", "/api/sessions/painter"))["state"] == "stopped"
        while (await asked(http, "GET", "/api/chains"))["chains"] != [{**PICTURE, "error": "painter was stopped"}]:
            pass
        await asked(http, "POST", "/api/sessions/painter/start?wait=true")
        await asked(http, "POST", "/api/sessions/painter/run", {})
        while (await asked(http, "GET", "/api/chains"))["chains"] != [{**PICTURE, "error": ""}]:
            pass


async def test_a_chain_waits_for_a_session_that_is_not_there_this_time(tmp_path: Path):
    async with serving("painter", "echo", state=tmp_path) as server, calling(server) as http:
        await asked(http, "POST", "/api/chains", PICTURE, status=201)
        await server.hub.open("painter", "other")
        await server.chains.add(Chain(**{**PICTURE, "source": "other"}))
    async with Workspace(tmp_path) as file:
        saved = [session for session in await file.sessions() if session.name != "other"]
        await file.save([*saved, SavedSession("other", str(tmp_path / "not-there"))])
    async with serving(state=tmp_path) as server, calling(server) as http:
        (told,) = (await asked(http, "GET", "/api/chains"))["chains"]
        assert (told["source"], told["error"]) == ("other", "other is not open")
        await server.hub.open(server.hub.get("painter").model, "other")
        await asked(http, "POST", "/api/sessions/other/start?wait=true")
        while (await asked(http, "GET", "/api/chains"))["chains"][0]["error"]:
            await asked(http, "POST", "/api/sessions/other/run", {})


async def test_what_was_kept_and_can_not_be_used_is_told_and_the_rest_is_there(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    fader = {"address": "/1/fader1", "session": "painter", "input": "shade"}
    async with Workspace(tmp_path) as file:
        await file.note("chains", [7, {"source": "painter"}, PICTURE])
        await file.note("mappings", ["x", {**fader, "source": [1, 1]}, {**fader, "address": 7}, fader])
        await file.note("workspaces", [7, "Tuesday"])
        await file.note("usage", {"painter": 7})
        await file.note("osc_allow", {})
    with sqlite3.connect(tmp_path / "workspace.db") as base:
        base.execute("UPDATE notes SET value = '{' WHERE name = 'osc_allow'")
    async with serving("painter", "echo", state=tmp_path) as server:
        assert [(chain["source"], chain["target"]) for chain in server.chains.described()] == [("painter", "echo")]
        assert [one["address"] for one in server.mappings.described()["mappings"]] == ["/1/fader1"]
    told = [record.getMessage() for record in caplog.records if "left out" in record.getMessage()]
    assert [message.split("kept as ")[1].split(" ")[0] for message in told] == [
        "workspaces", "mappings", "mappings", "mappings", "usage", "osc_allow", "chains", "chains",
    ]  # fmt: skip


async def line(response: aiohttp.ClientResponse, start: str) -> str:
    """The rest of the next line that begins so."""
    async for raw in response.content:
        if raw.decode().startswith(start):
            return raw.decode().removeprefix(start).strip()
    raise AssertionError("the stream ended")


async def asked_nothing(http: aiohttp.ClientSession, method: str, path: str) -> None:
    async with http.request(method, path) as answer:
        assert answer.status == 204


# --- who is there --------------------------------------------------------------------------------


async def test_who_uses_a_session_is_told_and_what_they_say_is_shown(http: aiohttp.ClientSession):
    async with http.get("/api/sessions/echo/messages") as messages:
        assert await line(messages, "event: ") == "hello"
        for value in (7, 8, 9):  # the first on the usual way, the others on the short one
            await asked(http, "POST", "/api/sessions/echo/run", {"value": value})
            while '"direction":"in"' not in (said := await line(messages, "data: ")):
                pass
            assert '"wire":"http"' in said and f'"values":{{"value":{value}}}' in said
    (guest,) = (await asked(http, "GET", "/api/sessions/echo"))["guests"]
    assert (guest["wire"], guest["address"], guest["messages"]) == ("http", "127.0.0.1", 3)


async def test_the_same_over_the_websocket(http: aiohttp.ClientSession):
    async with http.ws_connect("/api/ws") as socket:
        await socket.receive_json()
        await socket.send_json({"type": "events", "id": 1, "session": "echo", "kinds": ["message"]})
        assert (await socket.receive_json())["type"] == "reply"
        await socket.send_json({"type": "send", "session": "echo", "inputs": {"value": 1}})
        said = await socket.receive_json()
        assert (said["kind"], said["data"]["wire"], said["data"]["verb"]) == ("message", "websocket", "send")
        guests = (await asked(http, "GET", "/api/sessions/echo"))["guests"]
        assert [guest["address"].rpartition(":")[0] for guest in guests] == ["127.0.0.1"]
    for _ in range(500):  # gone with its connection, not a minute later
        if not (await asked(http, "GET", "/api/sessions/echo"))["guests"]:
            return
    raise AssertionError("it is still told of")
