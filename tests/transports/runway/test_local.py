"""Server A over HTTP: what sketches of the old app ask one session."""

import asyncio
import json
from pathlib import Path

import aiohttp
import pytest

from bridge import limits
from bridge.errors import ModelStopped
from tests.transports.runway.homes import addresses, homes, place, port, settled, taken
from tests.transports.serving import MODELS, exists, serving


async def asked(http: aiohttp.ClientSession, method: str, url: str, **more) -> tuple[int, dict]:
    async with http.request(method, url, **more) as answer:
        assert answer.content_type == "application/json"
        return answer.status, json.loads(await answer.read())


@pytest.fixture
async def http():
    async with aiohttp.ClientSession() as client:
        yield client


async def test_a_query_is_answered_whatever_its_content_type_says(http: aiohttp.ClientSession):
    async with homes("echo") as server:
        at = place(server, "echo") + "/query"
        for kind in ("application/x-www-form-urlencoded", "text/plain", "application/json; charset=utf-8", None):
            headers = {"Content-Type": kind} if kind else {}
            assert await asked(http, "POST", at, data=b'{"value": [1]}', headers=headers) == (200, {"any": [1]})


async def test_data_is_the_last_output_whoever_caused_it(http: aiohttp.ClientSession):
    async with homes("painter") as server:
        at = place(server, "painter")
        _, before = await asked(http, "GET", at + "/data")
        assert before["image"].startswith("data:image/png;base64,")  # of the right shape, with nothing in it
        _, answer = await asked(http, "POST", at + "/query", json={"shade": 1})
        assert await asked(http, "GET", at + "/data") == (200, answer)
        async with http.post(server.url + "/api/sessions/painter/run", json={"shade": 0}) as other:
            darker = (await other.json())["outputs"]
        while (await asked(http, "GET", at + "/data"))[1] != darker:
            await asyncio.sleep(0)


async def test_what_came_before_anybody_looked_is_found(http: aiohttp.ClientSession):
    async with homes("painter") as server:
        async with http.post(server.url + "/api/sessions/painter/run", json={"shade": 0}) as other:
            darker = (await other.json())["outputs"]
        assert (await asked(http, "GET", place(server, "painter") + "/data"))[1] == darker


async def test_data_and_error_do_not_wait_for_the_model(http: aiohttp.ClientSession, tmp_path: Path):
    gate = tmp_path / "gate"
    async with homes("gate") as server:
        at = place(server, "gate")
        working = asyncio.create_task(asked(http, "POST", at + "/query", json={"path": str(gate), "tag": "x"}))
        await exists(tmp_path / "gate.begun")
        for _ in range(20):
            assert await asked(http, "GET", at + "/data") == (200, {"text": ""})
            assert await asked(http, "GET", at + "/error") == (200, {"error": None})
        gate.touch()
        assert await working == (200, {"text": "x"})


async def test_errors_are_one_text_and_stay_until_something_works(http: aiohttp.ClientSession):
    async with homes("crash") as server:
        at = place(server, "crash")
        status, refused = await asked(http, "POST", at + "/query", json={"how": "raise"})
        assert status == 500 and "the author's code is wrong" in refused["error"]
        assert await asked(http, "GET", at + "/error") == (200, refused)
        assert (await asked(http, "POST", at + "/query", json={"what": 1}))[0] == 400
        assert (await asked(http, "POST", at + "/query", data=b"no json"))[0] == 400
        assert (await asked(http, "POST", at + "/query", data=b"[1]"))[0] == 400
        assert (await asked(http, "GET", at + "/nothing"))[0] == 404
        assert (await asked(http, "GET", at + "/query"))[0] == 405
        assert (await asked(http, "POST", at + "/query", json={}))[0] == 200
        assert await asked(http, "GET", at + "/error") == (200, {"error": None})


async def test_live_errors_are_heard_of_too(http: aiohttp.ClientSession):
    async with homes("crash") as server:
        server.hub.get("crash").send({"how": "raise"})
        at = place(server, "crash") + "/error"
        while "wrong" not in str((await asked(http, "GET", at))[1]["error"]):
            await asyncio.sleep(0)


async def test_the_bare_address_says_something(http: aiohttp.ClientSession):
    async with homes("echo") as server:
        assert (await asked(http, "GET", place(server, "echo") + "/"))[1]["queryRoute"] == "/query"


async def test_what_is_not_there_is_told_with_what_is(http: aiohttp.ClientSession):
    async with homes("echo") as server:
        status, answer = await asked(http, "GET", place(server, "echo") + "/querry")
        assert status == 404 and answer["error"].startswith("there is nothing at /querry; ")
        assert "/query" in answer["error"] and "/api/" not in answer["error"]


async def test_the_main_port_speaks_for_the_first_session(http: aiohttp.ClientSession):
    async with homes("echo", "counter") as server:
        assert await asked(http, "POST", server.url + "/query", json={"value": 1}) == (200, {"any": 1})
        assert (await asked(http, "GET", server.url + "/data"))[1] == {"any": 1}
        async with http.get(server.url + "/api/openapi.json") as answer:
            assert "/query" in (await answer.json())["paths"]
        await server.hub.close_session("echo")
        while (await asked(http, "GET", server.url + "/info"))[1]["outputs"][0]["name"] != "text":
            await asyncio.sleep(0)
        await server.hub.close_session("counter")
        while (await asked(http, "GET", server.url + "/info"))[0] != 404:
            await asyncio.sleep(0)


async def test_any_page_may_call_there_and_nowhere_else(http: aiohttp.ClientSession):
    async with homes("echo") as server:
        for at in (server.url, place(server, "echo")):
            async with http.get(at + "/info", headers={"Origin": "https://example.org"}) as answer:
                assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (200, "*")
        async with http.get(server.url + "/api/sessions", headers={"Origin": "https://example.org"}) as answer:
            assert answer.status == 403
        async with http.get(server.url + "/info", headers={"Host": "evil.example.org"}) as answer:
            assert answer.status == 403


async def test_it_is_off_unless_it_was_asked_for(http: aiohttp.ClientSession):
    async with serving("echo") as server:
        assert (await asked(http, "GET", server.url + "/info"))[0] == 404
        assert not [wire for wire in server.wires.described() if wire.name.startswith("runway")]


async def test_a_token_is_asked_for_unless_the_address_was_allowed(http: aiohttp.ClientSession):
    async with homes("echo", token="secret") as server:
        at = place(server, "echo") + "/info"
        assert (await asked(http, "GET", at))[0] == 401
        assert (await asked(http, "GET", at, headers={"Authorization": "Bearer secret"}))[0] == 200
        assert (await asked(http, "GET", at + "?token=secret"))[0] == 200
    async with homes("echo", token="secret", runway_allow=("127.0.0.0/8",)) as server:
        assert (await asked(http, "GET", place(server, "echo") + "/info"))[0] == 200


async def test_beyond_this_machine_somebody_has_to_be_allowed():
    async with homes(runway_host="0.0.0.0") as server:
        (wire, *_) = [wire for wire in server.wires.described() if wire.name == "runway"]
        assert wire.state == "failed" and "--runway-allow" in wire.hint


def free_ports(count: int) -> int:
    """The first of so many free ones in a row."""
    held = taken(count)
    first: int = held[0].getsockname()[1]
    for one in held:
        one.close()
    return first


async def test_ports_go_up_from_the_first_and_come_back_after_a_restart(tmp_path: Path):
    base = free_ports(3)
    settings = {"runway_http_port": base, "state": tmp_path}
    async with homes("echo", "counter", **settings) as server:
        assert [port(server, "echo"), port(server, "counter")] == [base, base + 1]
    async with homes("counter", "echo", **settings) as server:
        assert [port(server, "echo"), port(server, "counter")] == [base, base + 1]
        await server.hub.close_session("echo")
        await server.hub.open(server.hub.get("counter").model, "next")
        await settled(server, "next")
        assert port(server, "next") == base


async def test_a_taken_port_is_skipped_and_told():
    held = taken(2)
    base = held[0].getsockname()[1]
    try:
        async with homes("echo", runway_http_port=base) as server:
            assert port(server, "echo") > base + 1
            told = next(wire.message for wire in server.wires.described() if wire.name == "runway")
            assert f"port {base} is taken" in told and "--runway-http-port" in told
    finally:
        for one in held:
            one.close()


async def test_a_renamed_session_keeps_its_ports_and_its_callers(http: aiohttp.ClientSession):
    async with homes("echo", aliases=("echo.any=kept",)) as server:
        at, before = place(server, "echo"), {address.split(" ")[-1] for address in addresses(server)}
        await server.hub.rename("echo", "parrot")
        await settled(server, "parrot")
        assert {address.split(" ")[-1] for address in addresses(server)} == before
        assert await asked(http, "POST", at + "/query", json={"value": 2}) == (200, {"kept": 2})
        assert (await asked(http, "GET", f"{server.url}/hosted/parrot/v1/info"))[0] == 200
        assert (await asked(http, "GET", f"{server.url}/hosted/echo/v1/info"))[0] == 404


async def test_names_that_go_from_one_to_the_next_at_once_take_each_its_own_ports_along(tmp_path: Path):
    base = free_ports(3)
    settings = {"runway_http_port": base, "state": tmp_path}
    async with homes("echo", "counter", **settings) as server:
        await server.hub.rename("counter", "third")
        await server.hub.rename("echo", "counter")
        await settled(server, "third")
        assert [port(server, "counter"), port(server, "third")] == [base, base + 1]
        echo = server.hub.get("counter").model
    async with homes(runway_http_port=base, state=tmp_path) as server:
        await server.opened()
        for name in ("third", "counter"):
            await settled(server, name)
        assert [port(server, "counter"), port(server, "third")] == [base, base + 1]
        await server.hub.close_session("third")
        await server.hub.rename("counter", "third")
        await settled(server, "third")
        await server.hub.open(echo, "fourth")
        await settled(server, "fourth")
        assert [port(server, "third"), port(server, "fourth")] == [base, base + 1]


async def test_what_a_session_gave_out_is_not_told_of_the_one_in_its_place(http: aiohttp.ClientSession):
    async with homes("echo") as server:
        at = place(server, "echo")
        for number in (1, 2, 3):
            assert (await asked(http, "POST", at + "/query", json={"value": number}))[0] == 200
        assert (await asked(http, "POST", at + "/query", json={"nothing": 1}))[0] == 400
        server.hub.get("echo").failed(ModelStopped("no more"))
        again = await server.hub.start("echo")
        await again.started()
        assert await asked(http, "GET", at + "/error") == (200, {"error": None})
        assert await asked(http, "GET", at + "/data") == (200, {"any": []})
        for number in (4, 5):  # its runs have the numbers that others had
            await again.run({"value": number}).result()
            while (await asked(http, "GET", at + "/data"))[1] != {"any": number}:
                await asyncio.sleep(0.005)


async def test_an_alias_of_what_a_model_does_not_have_is_told(caplog: pytest.LogCaptureFixture):
    async with homes("echo", aliases=("echo.out.any=kept", "echo.out.image=picture", "later.x=y")) as server:
        said = "--alias echo.image: echo has no image; it takes value and gives any"
        assert [wire.message for wire in server.wires.described() if wire.name == "runway"] == [said]
        await server.hub.rename("echo", "other")
        await settled(server, "other")
        assert [record.getMessage() for record in caplog.records].count(said) == 1


async def test_a_query_that_takes_too_long_is_ended(http: aiohttp.ClientSession, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(limits, "RUN_SECONDS", 0.05)
    async with homes("gate") as server:
        for way in (place(server, "gate") + "/query", place(server, "gate", "sdk") + "/run"):
            late = tmp_path / way.rpartition("/")[2]
            status, told = await asked(http, "POST", way, json={"path": str(late)})
            assert (status, told["code"]) == (500, "timed_out")
            assert "gate worked for more than" in told["error"]
            late.touch()


async def test_a_full_queue_is_told_late_so_that_nobody_asks_again_at_once(http, tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "RUNWAY_PATIENCE_SECONDS", 0.05)
    gate = tmp_path / "gate"
    async with homes("gate", queue=1) as server:
        at = server.url + "/hosted/gate/v1/query"
        working = asyncio.create_task(asked(http, "POST", at, json={"path": str(gate)}))
        await exists(tmp_path / "gate.begun")
        status, refused = await asked(http, "POST", at, json={})
        assert status == 429 and refused["code"] == "busy"
        monkeypatch.setattr(limits, "RUNWAY_PATIENCE_SECONDS", 60)
        waiting = asyncio.create_task(asked(http, "POST", at, json={"tag": "late"}))
        gate.touch()
        assert (await working)[0] == 200
        assert await waiting == (200, {"text": "late"})


async def test_a_hosted_model_that_sleeps_is_woken(http: aiohttp.ClientSession):
    async with homes("echo") as server:
        at = server.url + "/hosted/echo/v1"
        server.hub.get("echo").stop()
        assert (await asked(http, "GET", at + "/"))[1]["status"] == "starting"
        assert await asked(http, "POST", at + "/query", json={"value": 1}) == (200, {"any": 1})
        assert (await asked(http, "GET", at))[1]["status"] == "running"


async def test_a_hosted_model_that_can_not_start_says_so(http: aiohttp.ClientSession):
    async with homes() as server:
        await server.hub.open(str(MODELS / "broken"), "broken")
        at = server.url + "/hosted/broken/v1"
        while (told := await asked(http, "GET", at + "/"))[0] != 500:
            await asyncio.sleep(0)
        assert "the weights are not there" in told[1]["error"]
        assert (await asked(http, "POST", at + "/query", json={}))[0] == 500
