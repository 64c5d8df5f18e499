"""Server C: a session in the form of the Model SDK."""

import gzip
import json
import struct
from base64 import b64decode
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from bridge.errors import ModelStopped
from tests.transports.runway.homes import homes, place
from tests.transports.serving import exists


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as client:
        yield client


async def asked(http: aiohttp.ClientSession, method: str, url: str, **more) -> tuple[int, dict]:
    async with http.request(method, url, **more) as answer:
        return answer.status, await answer.json()


async def test_meta_tells_options_and_commands(http: aiohttp.ClientSession):
    async with homes("latent") as server:
        at = place(server, "latent", "sdk")
        for path in ("/", "/meta"):
            _, meta = await asked(http, "GET", at + path)
            assert meta["modelSDKVersion"] == "0.6.1" and meta["GPU"] is False and meta["millisRunning"] >= 0
            assert [option["name"] for option in meta["options"]] == ["pace"]
            assert [command["name"] for command in meta["commands"]] == ["run", "map"]
        assert await asked(http, "GET", at + "/healthcheck") == (200, {"status": "RUNNING"})
        _, told = await asked(http, "GET", at + "/map")
        assert told == meta["commands"][1] and told["outputs"][0]["length"] == 3
        assert (await asked(http, "GET", at + "/setup"))[1]["options"] == meta["options"]


async def test_a_command_is_an_address(http: aiohttp.ClientSession):
    async with homes("latent") as server:
        at = place(server, "latent", "sdk")
        assert await asked(http, "POST", at + "/map", json={"z": [1, 2, 3, 4]}) == (200, {"w": [1.0, 2.0, 3.0]})
        status, refused = await asked(http, "POST", at + "/fly", json={})
        assert status == 404 and refused["error"].startswith("Unknown command: ") and refused["traceback"] == []
        status, refused = await asked(http, "POST", at + "/map", json={})
        assert status == 400 and refused["error"].startswith("Missing input: ")
        status, refused = await asked(http, "POST", at + "/map", json={"z": 1})
        assert status == 400 and refused["error"].startswith("Invalid argument: ")
        assert await asked(http, "POST", at + "/map", data=b"") == (
            400,
            {
                "error": "The body of all POST requests must contain JSON",
                "code": "bad_message",
                "field": "",
                "traceback": [],
            },
        )


async def test_a_stream_asked_for_plainly_is_whole(http: aiohttp.ClientSession):
    async with homes("counter") as server:
        at = place(server, "counter", "sdk") + "/run"
        assert await asked(http, "POST", at, json={"upto": 4}) == (200, {"text": "0 1 2 3 "})


async def test_bodies_may_come_packed_and_answers_go_so_where_wanted(http: aiohttp.ClientSession):
    async with homes("echo") as server:
        at = place(server, "echo", "sdk") + "/run"
        packed = gzip.compress(json.dumps({"value": "x" * 3000}).encode())
        headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
        assert (await asked(http, "POST", at, data=packed, headers=headers))[1] == {"any": "x" * 3000}
        async with http.post(at, json={"value": "y" * 3000}, headers={"Accept-Encoding": "gzip"}) as answer:
            assert answer.headers["Content-Encoding"] == "gzip"
            assert await answer.json() == {"any": "y" * 3000}
        async with http.post(at, json={"value": "y" * 3000}, headers={"Accept-Encoding": "identity"}) as answer:
            assert "Content-Encoding" not in answer.headers


@pytest.mark.parametrize(
    ("asked_for", "begins"),
    [("JPEG", b"\xff\xd8\xff"), ("png", b"\x89PNG"), ("EXR", struct.pack("<I", 20000630))],
)
async def test_pictures_come_in_the_format_that_was_asked_for(http, asked_for: str, begins: bytes):
    async with homes("painter", aliases=("painter.out.image=output",)) as server:
        at = place(server, "painter", "sdk") + "/run"
        headers = {"X-Runway-Output-Format": f"output={asked_for};"}
        status, outputs = await asked(http, "POST", at, json={"shade": 1, "width": 3, "height": 2}, headers=headers)
        head, _, body = outputs["output"].partition(",")
        assert status == 200 and head == f"data:image/{asked_for.lower()};base64"
        data = b64decode(body)
        assert data.startswith(begins)
        if asked_for == "EXR":
            assert data.endswith(struct.pack("<i", 1) + struct.pack("<i", 36) + struct.pack("<9f", *[1.0] * 9))


async def test_a_format_that_is_none_is_refused(http: aiohttp.ClientSession):
    async with homes("painter") as server:
        at = place(server, "painter", "sdk") + "/run"
        for header in ("image=GIF", "nothing=PNG", "image"):
            status, refused = await asked(http, "POST", at, json={}, headers={"X-Runway-Output-Format": header})
            assert status == 400, refused


async def test_setup_starts_anew_only_for_other_options(http: aiohttp.ClientSession):
    async with homes("latent") as server:
        at = place(server, "latent", "sdk") + "/setup"
        session = server.hub.get("latent")
        before = session._life._ready_since
        assert await asked(http, "POST", at, json={"pace": "quick"}) == (200, {"success": True})
        assert session._life._ready_since == before
        assert await asked(http, "POST", at, json={"pace": "slow"}) == (200, {"success": True})
        assert session._life._ready_since != before and server.hub.get("latent").options["pace"] == "slow"
        assert (await asked(http, "POST", at, json={"pace": "none"}))[0] == 400
        assert (await asked(http, "POST", place(server, "latent", "sdk") + "/map", json={"z": [0] * 4}))[0] == 200


async def test_setup_tries_a_model_that_has_failed_again(http: aiohttp.ClientSession):
    async with homes("latent") as server:
        at = place(server, "latent", "sdk")
        server.hub.get("latent").failed(ModelStopped("no more"))
        assert (await asked(http, "POST", at + "/map", json={"z": [0] * 4}))[0] == 500
        assert await asked(http, "POST", at + "/setup", json={"pace": "slow"}) == (200, {"success": True})
        assert server.hub.get("latent").options["pace"] == "slow"
        assert (await asked(http, "POST", at + "/map", json={"z": [0] * 4}))[0] == 200


# --- jobs --------------------------------------------------------------------------------------------


async def test_a_job_streams_its_outputs_and_ends(http: aiohttp.ClientSession):
    async with homes("counter") as server, http.ws_connect(place(server, "counter", "sdk") + "/") as socket:
        await socket.send_json({"type": "submit", "command": "run", "inputData": {"upto": 3}, "id": "a"})
        heard = [await socket.receive_json() for _ in range(5)]
        assert [one["type"] for one in heard] == ["started", "output", "output", "output", "succeeded"]
        assert [one["outputData"]["text"] for one in heard[1:4]] == ["0 ", "0 1 ", "0 1 2 "]
        assert {one["id"] for one in heard} == {"a"} and heard[-1]["timeElapsed"] >= 0
        await socket.send_json({"type": "submit", "command": "run", "inputData": {"upto": 2}, "pieces": True})
        heard = [await socket.receive_json() for _ in range(4)]
        assert [one["outputData"]["text"] for one in heard[1:3]] == ["0 ", "1 "]


async def test_a_cancelled_job_frees_the_model(http: aiohttp.ClientSession, tmp_path: Path):
    path = tmp_path / "steps"
    path.write_text("one\n")
    async with homes("gate") as server, http.ws_connect(place(server, "gate", "sdk") + "/") as socket:
        submit = {"type": "submit", "command": "steps", "inputData": {"path": str(path)}, "id": 7}
        await socket.send_json(submit)
        assert [(await socket.receive_json())["type"] for _ in range(2)] == ["started", "output"]
        await socket.send_json(submit)  # of an id that is taken nothing is heard
        await socket.send_json({"type": "cancel", "id": "nobody"})
        await socket.send_json({"type": "cancel", "id": 7})
        assert await socket.receive_json() == {"type": "cancelled", "id": 7}
        await exists(tmp_path / "steps.left")


async def test_hanging_up_ends_the_jobs(http: aiohttp.ClientSession, tmp_path: Path):
    path = tmp_path / "steps"
    path.write_text("one\n")
    async with homes("gate") as server:
        async with http.ws_connect(place(server, "gate", "sdk") + "/") as socket:
            await socket.send_json({"type": "submit", "command": "steps", "inputData": {"path": str(path)}, "id": 1})
            while (await socket.receive_json())["type"] != "output":  # one that never began leaves no trace
                pass
        await exists(tmp_path / "steps.left")


WRONG = (
    ("no json", "not JSON"),
    ("[]", "a list"),
    ('{"type": "fly"}', "a message of type"),
    ('{"type": "submit", "command": "fly", "inputData": {}}', "no command 'fly'"),
    ('{"type": "submit", "command": "run", "inputData": 7}', "by name; 7 came"),
    ('{"type": "submit", "command": "run", "inputData": {"upto": -1}}', "upto takes"),
    ('{"type": "submit", "command": "run", "inputData": {}, "id": [1]}', "the id of a job"),
)


@pytest.mark.parametrize(("text", "told"), WRONG)
async def test_what_is_wrong_with_a_message_is_told(http: aiohttp.ClientSession, text: str, told: str):
    async with homes("counter") as server, http.ws_connect(place(server, "counter", "sdk") + "/") as socket:
        await socket.send_str(text)
        answer = await socket.receive_json()
        assert answer["type"] == "failed" and told in answer["error"]
        await socket.send_json({"type": "submit", "command": "run", "inputData": {"upto": 0}, "id": "next"})
        assert (await socket.receive_json())["type"] == "started"
