"""The grid of a real session, by many at once and when things go wrong; and what a walk is told before it has begun."""

import asyncio
import math
import shutil
from pathlib import Path
from typing import Any

import aiohttp
import cv2
import numpy as np
import pytest

from bridge import limits
from bridge.errors import Cancelled, InputError
from bridge.server import Server
from bridge.walks.anchors import seeded
from bridge.walks.explorer import Explorer
from bridge.walks.keys import Seed
from tests.transports.serving import MODELS, calling, serving

GRID = "/api/sessions/latent/grid"


async def looking(server: Server, **patch: Any) -> Explorer:
    explorer = await server.walks.explorer(server.hub.get("latent"))
    explorer.look(patch)
    return explorer


def waiting(server: Server) -> int:
    stats = server.hub.get("latent").describe()["stats"]
    return stats["waiting"] + stats["under_way"]


# --- many who look -------------------------------------------------------------------------------


async def test_many_who_look_at_once_all_get_their_pictures():
    async with serving("latent") as server, calling(server) as http:
        await looking(server, rows=8, columns=8)

        async def look(width: int) -> int:
            async with http.get(GRID + "/tiles", params={"width": width}) as answer:
                return len((await answer.json()).get("tiles", ()))

        assert await asyncio.gather(*(look(8 + i) for i in range(20))) == [64] * 20


async def test_together_they_hold_no_more_places_than_one():
    async with serving("latent") as server:
        session = server.hub.get("latent")
        explorer = await looking(server, rows=5, columns=5)
        most = 0

        async def look(width: int) -> None:
            nonlocal most
            async for _ in explorer.pictures(explorer.grid, width):
                most = max(most, session._mailbox.held)

        await asyncio.gather(*(look(8 + i) for i in range(20)))
        assert 0 < most <= explorer._window


async def test_who_takes_nothing_keeps_nobody_waiting():
    async with serving("latent") as server:
        explorer = await looking(server, rows=5, columns=5)
        deaf = [explorer.pictures(explorer.grid, 8 + i) for i in range(10)]
        for pictures in deaf:
            await anext(pictures)
        assert len([picture async for picture in explorer.pictures(explorer.grid, 99)]) == 25
        for pictures in deaf:
            await pictures.aclose()
        while waiting(server):
            await server.hub.get("latent").movement()


async def test_a_grid_waits_for_the_runs_of_others():
    async with serving("latent", queue=4) as server:
        session = server.hub.get("latent")
        explorer = await looking(server, rows=3, columns=3)
        runs = [session.run({"z": [0, 0, 0, 0]}) for _ in range(4)]
        assert len([picture async for picture in explorer.pictures(explorer.grid)]) == 9
        assert all(run.ended for run in runs)


async def test_a_worker_that_dies_is_told_and_the_next_look_is_whole():
    async with serving("latent") as server, calling(server) as http:
        session = server.hub.get("latent")
        await looking(server, rows=30, columns=30)
        async with http.get(GRID + "/tiles", headers={"Accept": "text/event-stream"}) as answer:
            assert b"event: tile" in await answer.content.readline()
            session._life.backend._child.kill()
            told = (await answer.text()).rsplit("event: ", 1)[1]
        assert told.startswith("error") and "latent" in told
        explorer = await looking(server, rows=3, columns=3)
        await session.ready()
        assert waiting(server) == 0 and not explorer._places.locked()
        assert len([picture async for picture in explorer.pictures(explorer.grid, 9)]) == 9


async def test_another_network_in_the_same_file_has_other_tiles(tmp_path: Path):
    shutil.copytree(MODELS / "latent", tmp_path / "latent")
    code = tmp_path / "latent" / "model.py"
    async with serving(models=(f"latent={tmp_path / 'latent'}",)) as server:
        session = server.hub.get("latent")
        await session.started()
        explorer = await looking(server, centre={"w": [0.5, 0.5, 0.5]}, rows=1, columns=2)
        before = [picture.image async for picture in explorer.pictures(explorer.grid)]
        code.write_text(code.read_text().replace("128 + 40 *", "64 + 40 *"))
        await server.hub.restart("latent")
        await session.started()
        with pytest.raises(InputError, match="not been shown yet"):
            explorer.look({"to": [0, 1]})
        after = [picture.image async for picture in explorer.pictures(explorer.grid)]
        assert all(one != other for one, other in zip(before, after, strict=True))


async def test_a_grid_ends_with_its_session():
    async with serving("latent") as server, aiohttp.ClientSession(server.url) as http, http.ws_connect("/api/ws") as ws:
        await ws.receive_json()
        await ws.send_json({"type": "grid", "id": 1, "session": "latent", "set": {"rows": 30, "columns": 30}})
        assert (await ws.receive()).type == aiohttp.WSMsgType.BINARY
        await server.hub.close_session("latent")
        while (message := await ws.receive()).type == aiohttp.WSMsgType.BINARY:
            pass
        assert message.json()["type"] == "error" and "closed" in message.json()["error"]["message"]


# --- when the view moves on ----------------------------------------------------------------------


def made(server: Server) -> int:
    return server.hub.get("latent").stats.runs


async def test_a_stream_of_the_old_view_ends_when_the_view_moves_on():
    async with serving("latent") as server, calling(server) as http:
        explorer = await looking(server, rows=30, columns=30)
        async with http.get(GRID + "/tiles", headers={"Accept": "text/event-stream"}) as answer:
            assert b"event: tile" in await answer.content.readline()
            async with http.patch(GRID, json={"centre": 77}) as patched:
                assert patched.status == 200
            told = (await answer.text()).rsplit("event: ", 1)[1]
        assert told.startswith("error") and '"cancelled"' in told and "another place" in told
        assert len([picture async for picture in explorer.pictures(explorer.grid)]) == 900
        assert explorer._places._value == explorer._window and waiting(server) == 0


@pytest.mark.parametrize("patch", [{"centre": 7}, {"seed": 7}, {"distance": 0.7}, {"to": [1, 1]}, {"back": True}])
async def test_whatever_moves_the_view_ends_what_is_under_way(patch: dict[str, Any]):
    async with serving("latent") as server:
        explorer = await looking(server, centre=5, rows=30, columns=30)
        begun, waits = explorer.pictures(explorer.grid), explorer.pictures(explorer.grid)
        await anext(begun)
        explorer.look(patch)
        for pictures in (begun, waits):
            with pytest.raises(Cancelled):
                async for _ in pictures:
                    pass
        while waiting(server):
            await server.hub.get("latent").movement()
        assert not explorer._streams and explorer._places._value == explorer._window


async def test_who_waits_for_a_place_hears_that_the_view_has_moved_on():
    async with serving("latent", queue=2) as server:
        session = server.hub.get("latent")
        explorer = await looking(server, rows=30, columns=30)
        runs = [session.run({"z": [0, 0, 0, 0]}) for _ in range(2)]
        first = asyncio.ensure_future(anext(explorer.pictures(explorer.grid)))
        while not explorer._streams:
            await asyncio.sleep(0)
        explorer.look({"centre": 7})
        with pytest.raises(Cancelled):
            await first
        assert all([await run.result() for run in runs])


@pytest.mark.parametrize("patch", [{"row": 2, "column": -1}, {"rows": 3}, {"centre": 5}, {"seed": 0}, {}])
async def test_panning_over_the_same_plane_ends_nothing(patch: dict[str, Any]):
    async with serving("latent") as server:
        explorer = await looking(server, centre=5, rows=9, columns=9)
        pictures = explorer.pictures(explorer.grid)
        await anext(pictures)
        explorer.look(patch)
        assert len([picture async for picture in pictures]) == 80


# --- where it is looked --------------------------------------------------------------------------


@pytest.mark.parametrize("patch", [{"back": False}, {"back": None}, {"back": 0}, {"forward": False}, {"to": None}, {}])
async def test_nothing_asked_changes_nothing(patch: dict[str, Any]):
    async with serving("latent") as server:
        explorer = await looking(server, centre=7)
        before = explorer.describe()
        explorer.look(patch)
        assert explorer.describe() == before and before["back"] == 1
        explorer.look({**patch, "rows": 3})
        assert explorer.grid.rows == 3


async def test_a_switch_that_is_none_is_told():
    async with serving("latent") as server:
        explorer = await looking(server, centre=7)
        with pytest.raises(InputError, match="back takes true or false; the text 'x' came"):
            explorer.look({"back": "x"})
        assert explorer.grid.centre == Seed(7)


async def test_here_is_where_the_session_is():
    async with serving("latent") as server, calling(server) as http:
        server.hub.get("latent").send({"z": [1, 2, 3, 4]})
        async with http.patch(GRID, json={"centre": "here"}) as answer:
            assert (await answer.json())["grid"]["centre"] == [1, 2, 3, 4]


async def test_here_where_it_is_nowhere_is_told():
    async with serving("latent") as server, calling(server) as http:
        server.hub.get("latent").send({"label": 1})
        async with http.patch(GRID, json={"centre": "here"}) as answer:
            told = (await answer.json())["error"]
        assert answer.status == 400 or answer.status == 422
        assert "nowhere yet" in told["message"] and told["field"] == "grid.centre" and told["hint"]


async def shown(server: Server, explorer: Explorer) -> dict[tuple[int, int], list[int]]:
    """The colour of every tile."""
    colours = {}
    async for tile in explorer.pictures(explorer.grid):
        picture = cv2.imdecode(np.frombuffer(tile.image.data, np.uint8), cv2.IMREAD_COLOR)
        colours[tile.row, tile.column] = picture[4, 4, ::-1].astype(int).tolist()
    return colours


async def test_around_a_place_in_w_the_neighbours_are_near_and_each_can_be_the_next_centre():
    async with serving("latent") as server:
        server.hub.get("latent").send({"w": [1.0, 0.0, -1.0]})
        explorer = await looking(server, centre="here", rows=3, columns=3, distance=0.1)
        assert explorer.grid.plain()["centre"] == {"w": [1.0, 0.0, -1.0]}
        colours = await shown(server, explorer)
        middle = colours[0, 0]
        assert np.abs(np.subtract(middle, [168, 128, 88])).max() <= 2
        others = [colour for place, colour in colours.items() if place != (0, 0)]
        far = [np.abs(np.subtract(colour, middle)).max() for colour in others]
        assert max(far) <= 40 and any(colour != middle for colour in others)
        explorer.look({"to": [1, 1]})
        again = await shown(server, explorer)
        assert np.abs(np.subtract(again[0, 0], colours[1, 1])).max() <= 2
        explorer.look({"back": True})
        assert await shown(server, explorer) == colours


async def test_a_tile_in_w_that_was_not_shown_can_not_be_a_centre_yet():
    async with serving("latent") as server:
        explorer = await looking(server, centre={"w": [1.0, 0.0, -1.0]})
        with pytest.raises(InputError, match="not been shown") as caught:
            explorer.look({"to": [1, 1]})
        assert caught.value.field == "to"
        explorer.look({"to": [0, 0]})
        assert explorer.grid.plain()["centre"] == {"w": [1.0, 0.0, -1.0]}


async def test_the_description_tells_what_a_walk_and_a_grid_take():
    async with serving("latent") as server, calling(server) as http:
        paths = (await (await http.get("/api/openapi.json")).json())["paths"]
        body = [
            paths[f"/api/sessions/{{session}}/{what}"]["patch"]["requestBody"]["content"]["application/json"]["schema"]
            for what in ("walk", "grid")
        ]
        settings = (await (await http.get("/api/sessions/latent/walk")).json())["settings"]
        grid = (await (await http.get(GRID)).json())["grid"]
        assert set(settings) | {"play", "pause", "seek", "step", "tap"} == set(body[0]["properties"])
        assert set(grid) | {"to", "back", "forward"} == set(body[1]["properties"])


# --- a walk that has not begun -------------------------------------------------------------------


async def opening(server: Server) -> None:
    await server.hub.open(str(MODELS / "latent"), "latent")


async def test_a_flood_of_controls_while_a_model_loads_is_one_task_and_the_newest_count():
    async with serving() as server, aiohttp.ClientSession(server.url) as http, http.ws_connect("/api/ws") as ws:
        await ws.receive_json()
        await opening(server)
        session = server.hub.get("latent")
        before = len(asyncio.all_tasks())
        for i in range(3_000):
            await ws.send_json({"type": "walk", "session": "latent", "set": {"speed": 1 + i / 3_000}})
        await ws.send_json({"type": "walk", "session": "latent", "set": {"seconds": 7}})
        await ws.send_json({"type": "ping", "id": 1})
        assert (await ws.receive_json())["type"] == "pong"
        early = session.signature is None
        assert not early or len(asyncio.all_tasks()) < before + 10
        await session.started()
        player = await server.walks.of(session)
        await ws.send_json({"type": "walk", "id": 2, "session": "latent"})
        settings = (await ws.receive_json())["value"]["settings"]
        assert (settings["speed"], settings["seconds"]) == (1 + 2_999 / 3_000, 7)
        assert player.settings.seconds == 7


async def test_those_that_want_an_answer_get_theirs_in_order():
    async with serving() as server, aiohttp.ClientSession(server.url) as http, http.ws_connect("/api/ws") as ws:
        await ws.receive_json()
        await opening(server)
        for i in range(limits.EARLY_INPUTS + 1):
            await ws.send_json({"type": "walk", "id": i, "session": "latent", "set": {"seed": i}})
        refused = await ws.receive_json()
        assert (refused["id"], refused["error"]["code"]) == (limits.EARLY_INPUTS, "busy")
        answers = [await ws.receive_json() for _ in range(limits.EARLY_INPUTS)]
        assert [answer["id"] for answer in answers] == list(range(limits.EARLY_INPUTS))
        assert [answer["value"]["settings"]["seed"] for answer in answers] == list(range(limits.EARLY_INPUTS))


async def test_one_that_can_t_be_leaves_the_others():
    async with serving() as server, aiohttp.ClientSession(server.url) as http, http.ws_connect("/api/ws") as ws:
        await ws.receive_json()
        await opening(server)
        for patch in ({"speed": 2}, {"speed": -2}, {"seed": 5}):
            await ws.send_json({"type": "walk", "session": "latent", "set": patch})
        await ws.send_json({"type": "walk", "id": 1, "session": "latent"})
        refused, answer = await ws.receive_json(), await ws.receive_json()
        assert refused["error"]["field"] == "speed"
        assert (answer["value"]["settings"]["speed"], answer["value"]["settings"]["seed"]) == (2, 5)


async def test_a_model_that_can_t_walk_says_so_once_it_is_loaded():
    async with serving() as server, aiohttp.ClientSession(server.url) as http, http.ws_connect("/api/ws") as ws:
        await ws.receive_json()
        await server.hub.open(str(MODELS / "echo"), "echo")
        await ws.send_json({"type": "walk", "id": 1, "session": "echo", "set": {"speed": 2}})
        answer = await ws.receive_json()
        assert answer["id"] == 1 and "can't walk" in answer["error"]["message"]


async def test_a_dropped_favourite_stays_the_centre():
    async with serving("latent") as server, calling(server) as http:
        server.hub.get("latent").send({"z": [1, 1, 1, 1]})
        async with http.post("/api/favourites", json={"session": "latent"}) as answer:
            id = (await answer.json())["id"]
        grid = "/api/sessions/latent/grid"
        async with http.patch(grid, json={"centre": {"favourite": id}}) as answer:
            assert answer.status == 200
        async with http.delete(f"/api/favourites/{id}"), http.patch(grid, json={"to": [0, 1]}) as answer:
            assert answer.status == 200
        async with http.patch(grid, json={"back": True}), http.get(grid + "/tiles") as answer:
            assert len((await answer.json())["tiles"]) == 25


async def test_a_walk_goes_to_a_place_of_the_grid_between_its_tiles_too():
    async with serving("latent") as server, calling(server) as http:
        session = "/api/sessions/latent"

        async def place(path: str, at: list[float]) -> list[float]:
            name = {"walk": "target", "grid": "centre"}[path]
            async with http.patch(f"{session}/{path}", json={name: {"grid": at}}) as answer:
                told = await answer.json()
                assert answer.status == 200, told
            return told["settings"]["target"] if path == "walk" else told["grid"]["centre"]

        on_tiles = [await place("walk", at) for at in ([0, 0], [0, 1], [2, -3])]
        between = await place("walk", [0, 0.5])
        async with http.patch(f"{session}/walk", json={"kind": "loop", "keyframes": [7, {"grid": [0, 1]}]}) as answer:
            assert (await answer.json())["settings"]["keyframes"] == [7, on_tiles[1]]
        async with http.patch(f"{session}/grid", json={"to": [2, -3]}) as answer:
            assert on_tiles[2] == pytest.approx((await answer.json())["grid"]["centre"])
        assert await place("walk", [0, 0]) == pytest.approx(on_tiles[2])
        async with http.patch(f"{session}/grid", json={"back": True}):
            assert await place("grid", [0, 0.5]) == pytest.approx(between)
        assert on_tiles[0] == pytest.approx(seeded(0, 4).tolist())
        assert between not in on_tiles
        assert math.dist(between, on_tiles[0]) < math.dist(on_tiles[1], on_tiles[0])


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"target": {"grid": [1]}}, "target.grid takes [row, column]"),
        ({"centre": {"grid": "left"}}, "centre.grid takes [row, column]"),
        ({"keyframes": [1, {"grid": [0, None]}]}, "keyframes[1].grid"),
        ({"target": {"grid": [0, 1e12]}}, "target.grid"),
        ({"target": {"grid": [0, 1], "seed": 2}}, "grid"),
    ],
)
async def test_a_place_of_the_grid_that_is_none_is_told(told, said):
    async with serving("latent") as server, calling(server) as http:
        async with http.patch("/api/sessions/latent/walk", json=told) as answer:
            error = (await answer.json())["error"]
        assert answer.status in (400, 422) and said in error["message"]


async def test_around_a_centre_in_w_a_place_of_the_grid_is_a_tile_that_was_shown():
    async with serving("latent") as server, calling(server) as http:
        session = "/api/sessions/latent"
        async with http.patch(f"{session}/grid", json={"centre": {"w": [1, 1, 1]}}) as answer:
            assert answer.status == 200, await answer.text()
        async with http.patch(f"{session}/walk", json={"space": "w", "target": {"grid": [0, 1]}}) as answer:
            assert "not been shown" in (await answer.json())["error"]["message"]
        async with http.get(f"{session}/grid/tiles") as answer:
            assert answer.status == 200
        async with http.patch(f"{session}/walk", json={"space": "w", "target": {"grid": [0.2, 0.9]}}) as answer:
            target = (await answer.json())["settings"]["target"]["w"]
        async with http.patch(f"{session}/grid", json={"to": [0, 1]}) as answer:
            assert (await answer.json())["grid"]["centre"]["w"] == pytest.approx(target)
