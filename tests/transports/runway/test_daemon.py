"""Server D: what plugins take for the app. And what happens when ports are taken."""

import socket
from collections.abc import AsyncIterator

import aiohttp
import pytest

from bridge.server import Server
from bridge.transports.runway.daemon import version_of
from tests.transports.runway.homes import ANYWHERE, addresses, homes, place, settled, taken
from tests.transports.serving import serving


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as client:
        yield client


def daemon(server: Server) -> str:
    (wire,) = [wire for wire in server.wires.described() if wire.name == "runway daemon"]
    return wire.addresses[0]


async def asked(http: aiohttp.ClientSession, method: str, url: str, **more) -> tuple[int, dict]:
    async with http.request(method, url, **more) as answer:
        return answer.status, await answer.json()


async def test_a_session_is_started_listed_and_stopped(http: aiohttp.ClientSession):
    async with homes("echo") as server:
        at = daemon(server) + "/v1"
        assert await asked(http, "GET", at + "/healthcheck") == (200, {"success": True})
        body = {"modelVersionId": version_of("palette"), "modelOptions": {}, "application": "Unity"}
        _, started = await asked(http, "POST", at + "/model_sessions", json=body)
        told = started["modelSession"]
        assert started["id"] == told["id"] == "palette" and told["application"] == "Unity"
        assert told["model"]["commands"][0]["name"] == "run"
        await server.hub.get("palette").started()
        await settled(server, "palette")
        _, looked = await asked(http, "GET", at + "/model_sessions/palette")
        found = looked["modelSession"]
        assert (found["runningStatus"], found["url"]) == ("RUNNING", place(server, "palette", "sdk"))
        assert found["createdAt"].endswith("Z") and found["startedRunningAt"] >= found["createdAt"]
        _, again = await asked(http, "POST", at + "/model_sessions", json=body)
        assert again["id"] == "palette-2"
        assert await asked(http, "DELETE", at + "/model_sessions/palette") == (200, {"success": True})
        assert (await asked(http, "GET", at + "/model_sessions/palette"))[0] == 404
        assert (await asked(http, "POST", at + "/model_sessions/stop_all", json={}))[1] == {"success": True}
        _, rest = await asked(http, "GET", at + "/model_sessions?show=active")
        assert [one["id"] for one in rest["modelSessions"]] == ["echo"]


async def test_models_are_numbered_for_good(http: aiohttp.ClientSession):
    async with homes() as server:
        _, told = await asked(http, "GET", daemon(server) + "/v1/models")
        by_slug = {model["slug"]: model for model in told["models"]}
        assert by_slug["pencil"]["defaultVersionId"] == version_of("pencil") == 174152843
        assert [output["type"] for output in by_slug["pencil"]["commands"][0]["outputs"]] == ["image"]


WRONG = (
    ({"modelVersionId": 1}, 404, "version 1"),
    ({}, 404, "no model with the version nothing"),
    ({"modelVersionId": version_of("palette"), "modelOptions": 7}, 400, "modelOptions"),
    ({"modelVersionId": version_of("palette"), "modelOptions": {"speed": 1}}, 400, "speed"),
    ({"modelVersionId": version_of("palette"), "name": "a b"}, 400, "can't be the name"),
)


@pytest.mark.parametrize(("body", "status", "told"), WRONG)
async def test_what_can_not_be_started_is_told(http: aiohttp.ClientSession, body: dict, status: int, told: str):
    async with homes() as server:
        came, answer = await asked(http, "POST", daemon(server) + "/v1/model_sessions", json=body)
        assert came == status and told in answer["error"]


async def test_every_port_taken_is_named_with_its_flag_and_the_others_run(http: aiohttp.ClientSession, tmp_path):
    streams, datagrams = taken(4), taken(1, socket.SOCK_DGRAM)
    ports = [held.getsockname()[1] for held in (*streams, *datagrams)]
    servers = ("http", "socketio", "sdk", "daemon", "osc")
    settings = {f"runway_{server}_port": port for server, port in zip(servers, ports, strict=True)}
    try:
        async with serving("echo", runway=True, **settings) as server:
            await settled(server, "echo")
            wires = {wire.name: wire for wire in server.wires.described()}
            for flag in ("http", "socketio", "sdk", "osc"):
                assert f"--runway-{flag}-port" in wires["runway"].message
            assert wires["runway daemon"].state == "failed"
            assert "--runway-daemon-port" in wires["runway daemon"].hint
            assert len(addresses(server)) == 4
            at = place(server, "echo") + "/query"
            assert await asked(http, "POST", at, json={"value": 1}) == (200, {"any": 1})
    finally:
        for held in (*streams, *datagrams):
            held.close()


async def test_bad_settings_of_it_keep_only_it_from_starting(http: aiohttp.ClientSession):
    for wrong in ({"aliases": ("x",)}, {"runway_allow": ("here",)}, {"runway_host": "no.such.host.invalid"}):
        async with serving("echo", runway=True, **{**ANYWHERE, **wrong}) as server:
            wires = {wire.name: wire for wire in server.wires.described()}
            assert wires["runway"].state == "failed" and wires["runway"].hint
            async with http.get(server.url + "/healthz") as answer:
                assert answer.status == 200
            assert (await asked(http, "GET", server.url + "/info"))[0] == 404
