"""Walks of real sessions: they move while somebody looks, do what they are told, and give way to a hand."""

import asyncio
import sys
from pathlib import Path

import aiohttp
import cv2
import msgspec
import numpy as np
import pytest

from bridge.errors import InputError
from bridge.ports import Encoding
from bridge.server import Server
from bridge.session.session import Session
from bridge.walks import player as player_module
from bridge.walks.player import Player
from tests.transports.serving import calling, serving

RAW = Encoding("raw")


async def walking(server: Server, **settings) -> tuple[Session, Player]:
    session = server.hub.get("latent")
    player = await server.walks.of(session)
    player.change({"fps": 240, **settings})
    return session, player


def colour(frame) -> tuple[int, ...]:
    return colour_of(frame.value)


def colour_of(picture) -> tuple[int, ...]:
    return tuple(picture.data[:3])


async def test_frames_keep_to_a_rate_that_rises():
    rising = {"points": [[0, 0.1], [0.2, 240]], "loop": False, "easing": "none"}
    async with serving("latent") as server:
        session, player = await walking(server, playing=True, fps=rising)
        async with session.subscribe("image", "newest", RAW) as frames:
            for _ in range(5):  # at a tenth of a frame a second they would take most of a minute
                await anext(aiter(frames))
        assert player.describe()["settings"]["fps"] == rising


async def test_the_picture_moves_while_somebody_looks_and_rests_when_nobody_does():
    async with serving("latent") as server:
        session, player = await walking(server, playing=True, seconds=0.1)
        seen = set()
        async with session.subscribe("image", "newest", RAW) as frames:
            async for frame in frames:
                seen.add(colour(frame))
                if len(seen) > 20:
                    break
        while session.describe()["stats"]["under_way"]:
            await session.movement()
        assert not session.watched
        runs = session.stats.runs
        before = player.describe()["place"]
        for _ in range(50):
            await asyncio.sleep(0)
        assert session.stats.runs == runs
        assert player.describe()["place"] > before


async def test_curves_of_the_pace_are_counted_while_nobody_looks(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(player_module, "_COUNT_S", 0.01)
    async with serving("latent") as server:
        swing = {"lfo": "sine", "period": 1, "low": 0.1, "high": 2}
        session, player = await walking(server, playing=True, seconds=swing)
        assert not session.watched
        counted = player.now()[1].walk.latest
        while player.now()[1].walk.latest < counted + 0.3:
            await asyncio.sleep(0.01)
        assert 0.1 <= player.describe()["numbers"]["seconds"] <= 2


async def test_asking_for_the_last_picture_now_and_then_counts_as_looking():
    async with serving("latent") as server, calling(server) as http:
        await walking(server, playing=True, seconds=0.1)
        seen = set()
        while len(seen) < 5:
            async with http.get("/api/sessions/latent/outputs/image.png") as answer:
                if answer.status == 200:
                    seen.add(await answer.read())


async def test_a_still_of_a_keyframe_is_the_picture_of_its_seed():
    async with serving("latent") as server:
        session, player = await walking(server, kind="loop", keyframes=[5, 6], playing=False)
        async with session.subscribe("image", "newest", RAW) as frames:
            player.change({"seek": {"keyframe": 1}})
            wanted = np.random.RandomState(6).randn(4)[:3]
            expected = tuple(np.clip(128 + 40 * wanted.astype(np.float32), 0, 255).astype(np.uint8))
            async for frame in frames:
                if colour(frame) == expected:
                    break


async def test_in_w_the_model_itself_tells_where_keyframes_are_and_labels_count():
    async with serving("latent") as server:
        session, _player = await walking(server, kind="loop", keyframes=[5, 6], space="w", playing=False)
        async with session.subscribe("image", "newest", RAW) as frames:
            for label in (-1, 0):
                session.send({"label": label})
                mapped = np.random.RandomState(5).randn(4).astype(np.float32)[:3] + label + 1
                expected = tuple(np.clip(128 + 40 * mapped, 0, 255).astype(np.uint8))
                async for frame in frames:
                    if colour(frame) == expected:
                        break
        assert session.snapshot()["z"] is None


async def test_a_hand_sent_vector_takes_over_until_the_walk_is_told_to_go_on():
    async with serving("latent") as server:
        session, player = await walking(server, playing=True, seconds=0.1)
        async with session.subscribe("image", "newest", RAW) as frames:
            await anext(frames)
            session.send({"z": [1, 1, 1, 1]})
            async for frame in frames:
                if colour(frame) == (168, 168, 168):
                    break
            assert player.describe()["held"] and not player.settings.playing
            player.change({"play": True})
            async for frame in frames:
                if colour(frame) != (168, 168, 168):
                    break
            assert not player.describe()["held"]


async def test_a_direction_moves_a_picture_that_stands_still():
    async with serving("latent") as server:
        session, player = await walking(server, playing=False)
        async with session.subscribe("image", "newest", RAW) as frames:
            standing = colour(await anext(frames))
            player.change({"direction/1": 1})
            async for frame in frames:
                if colour(frame) != standing:
                    break
            assert colour(frame)[0] == min(255, standing[0] + 40)


async def test_after_a_crash_a_standing_picture_comes_back():
    async with serving("latent") as server:
        session, _player = await walking(server, playing=False)
        async with session.subscribe("image", "newest", RAW) as frames:
            first = colour(await anext(frames))
            session._life.backend._child.kill()
            assert colour(await anext(frames)) == first
        assert session.stats.restarts == 1


WRONG = [
    ({"kind": "jump"}, "kind"),
    ({"speed": -1}, "speed"),
    ({"speed": 1e999}, ""),  # what JSON has no number for
    ({"speed": "fast"}, "speed"),
    ({"distance": 0}, "distance"),
    ({"keyframes": []}, "keyframes"),
    ({"keyframes": [[1, 2]]}, "keyframes[0]"),
    ({"keyframes": [[1, 2, 3, None]]}, "keyframes[0]"),
    ({"keyframes": [{"favourite": "none"}]}, "keyframes[0]"),
    ({"direction/9": 1}, "direction/9"),
    ({"sped": 1}, "sped"),
    ({"seek": 1e99}, "seek.keyframe"),
    ({"playing": True, "fps": 0}, "fps"),
]


@pytest.mark.parametrize(("patch", "field"), WRONG, ids=[str(patch) for patch, _ in WRONG])
async def test_what_can_t_be_is_told_and_the_walk_goes_on_as_it_was(patch, field):
    async with serving("latent") as server, calling(server) as http:
        path = "/api/sessions/latent/walk"
        async with http.get(path) as answer:
            before = (await answer.json())["settings"]
        body = msgspec.json.encode(patch).replace(b"null}", b"1e999}")
        async with http.patch(path, data=body) as answer:
            told = (await answer.json())["error"]
            assert answer.status in (400, 413, 422) and told["field"] == field and told["message"]
        async with http.get(path) as answer:
            assert (await answer.json())["settings"] == before


async def test_over_http_it_is_looked_at_told_and_begun_anew():
    async with serving("latent") as server, calling(server) as http:
        path = "/api/sessions/latent/walk"
        async with http.patch(path, json={"kind": "circle", "seconds": 4, "play": True, "speed": 2}) as answer:
            told = await answer.json()
            assert answer.status == 200 and told["settings"]["kind"] == "circle" and told["settings"]["playing"]
        async with http.delete(path) as answer:
            assert (await answer.json())["settings"] | {"playing": False} == (await answer.json())["settings"]
        async with http.get(path) as answer:
            assert (await answer.json())["settings"]["kind"] == "noise"


async def test_a_model_without_a_vector_says_that_it_can_t_walk():
    async with serving("echo") as server, calling(server) as http, http.get("/api/sessions/echo/walk") as answer:
        assert answer.status == 400 or answer.status == 422
        assert "none of its inputs is a vector" in (await answer.json())["error"]["message"]


async def test_over_websocket_controls_come_without_an_answer_and_looks_with_one():
    async with serving("latent") as server, aiohttp.ClientSession(server.url) as http, http.ws_connect("/api/ws") as ws:
        assert (await ws.receive_json())["type"] == "hello"
        await ws.send_json({"type": "walk", "session": "latent", "set": {"speed": 3}})
        await ws.send_json({"type": "walk", "session": "latent", "set": {"speed": -3}})
        await ws.send_json({"type": "walk", "id": 7, "session": "latent"})
        refused, answer = await ws.receive_json(), await ws.receive_json()
        assert (refused["type"], refused["error"]["field"]) == ("error", "speed")
        assert (answer["id"], answer["value"]["settings"]["speed"]) == (7, 3)


async def test_a_walk_ends_with_its_session_and_another_begins_with_the_next():
    async with serving("latent") as server:
        session, player = await walking(server, playing=True, seconds=2.5)
        await server.hub.close_session("latent")
        again = await server.hub.open(session.folder, "latent")
        await again.started()
        other = await server.walks.of(again)
        assert other is not player and other.settings.seconds != 2.5


async def test_what_a_walk_was_told_is_there_after_a_restart(tmp_path: Path):
    async with serving("latent", state=tmp_path) as server:
        await walking(server, kind="drift", distance=0.3, playing=True)
    async with serving(state=tmp_path) as server:
        session = server.hub.get("latent")
        await session.started()
        settings = (await server.walks.of(session)).settings
        assert (settings.kind, settings.distance, settings.playing) == ("drift", 0.3, True)
        await server.hub.close_session("latent")
        again = await server.hub.open(session.folder, "latent")
        await again.started()
        assert (await server.walks.of(again)).settings.kind == "noise"  # what was saved was for that one


async def test_a_place_where_it_stood_and_a_hand_held_one_are_there_after_a_restart(tmp_path: Path):
    async with serving("latent", state=tmp_path) as server:
        _, player = await walking(server, kind="loop", playing=False)
        player.change({"seek": {"keyframe": 1.5}})
    async with serving(state=tmp_path) as server:
        session = server.hub.get("latent")
        player = await server.walks.of(session)
        assert player.describe()["place"] == 1.5 and not player.describe()["held"]
        session.send({"z": [1, 1, 1, 1]})
    async with serving(state=tmp_path) as server:
        player = await server.walks.of(server.hub.get("latent"))
        assert player.describe()["held"]


async def test_favourites_are_kept_shown_renamed_walked_to_and_dropped(tmp_path: Path):
    async with serving("latent", state=tmp_path) as server, calling(server) as http:
        async with http.post("/api/favourites", json={"session": "latent", "name": "first"}) as answer:
            assert (
                answer.status == 201 and len((await answer.json())["z"]) == 4
            )  # where the walk is, though nobody looked
        async with http.delete(f"/api/favourites/{(await answer.json())['id']}") as answer:
            assert answer.status == 204
        server.hub.get("latent").send({"z": [1, 2, 3, 4], "label": 2})
        async with http.post("/api/favourites", json={"session": "latent", "name": "the blue one"}) as answer:
            kept = await answer.json()
            assert answer.status == 201
        assert (kept["name"], kept["z"], kept["inputs"]["label"]) == ("the blue one", [1, 2, 3, 4], 2)
        async with http.get(kept["picture"]) as answer:
            assert (await answer.read())[:2] == b"\xff\xd8"
    async with serving(state=tmp_path) as server, calling(server) as http:
        await server.hub.get("latent").started()
        one = f"/api/favourites/{kept['id']}"
        async with http.patch(one, json={"name": "blue"}) as answer:
            assert (await answer.json())["name"] == "blue"
        keyframes = {"kind": "loop", "keyframes": [{"favourite": kept["id"]}, 1]}
        async with http.patch("/api/sessions/latent/walk", json=keyframes) as answer:
            assert answer.status == 200
        async with http.get("/api/favourites", params={"session": "latent"}) as answer:
            assert [favourite["name"] for favourite in (await answer.json())["favourites"]] == ["blue"]
        async with http.delete(one) as answer:
            assert answer.status == 204
        async with http.get(one) as answer:
            assert answer.status == 404


async def test_the_grid_comes_tile_by_tile_the_middle_first_and_a_tile_can_be_the_centre():
    async with serving("latent") as server, calling(server) as http:
        path = "/api/sessions/latent/grid"
        async with http.patch(path, json={"rows": 3, "columns": 3, "distance": 0.1, "centre": 7}) as answer:
            assert (await answer.json())["grid"]["rows"] == 3
        async with http.get(path + "/tiles") as answer:
            tiles = {(tile["row"], tile["column"]): tile["image"] for tile in (await answer.json())["tiles"]}
        assert next(iter(tiles)) == (0, 0) and len(tiles) == 9 and len(set(tiles.values())) > 1
        async with http.patch(path, json={"to": [0, 1]}) as answer:
            there = await answer.json()
        assert len(there["grid"]["centre"]) == 4 and there["back"] == 2
        async with http.get(path + "/tiles", headers={"Accept": "text/event-stream"}) as answer:
            events = (await answer.text()).split("\n\n")
        assert events[0].startswith("event: tile") and tiles[0, 1] in events[0]
        assert [event.split("\n")[0] for event in events if event][-1] == "event: done"
        async with http.patch(path, json={"back": True}) as answer:
            assert (await answer.json())["grid"]["centre"] == 7


async def test_over_websocket_a_grid_can_be_left():
    async with serving("latent") as server, aiohttp.ClientSession(server.url) as http, http.ws_connect("/api/ws") as ws:
        await ws.receive_json()
        await ws.send_json({"type": "grid", "id": 1, "session": "latent", "set": {"rows": 30, "columns": 30}})
        assert (await ws.receive()).type == aiohttp.WSMsgType.BINARY
        await ws.send_json({"type": "cancel", "id": 1})
        while (message := await ws.receive()).type == aiohttp.WSMsgType.BINARY:
            pass
        assert message.json()["error"]["code"] == "cancelled"
        assert server.hub.get("latent").describe()["stats"]["waiting"] == 0


async def test_tiles_that_were_made_are_not_made_again():
    async with serving("latent") as server:
        session = server.hub.get("latent")
        explorer = await server.walks.explorer(session)
        first = [picture async for picture in explorer.pictures(explorer.grid)]
        runs = session.stats.runs
        explorer.look({"column": 1})
        again = [picture async for picture in explorer.pictures(explorer.grid)]
        assert session.stats.runs - runs == 5
        assert {(one.row, one.column) for one in first} - {(one.row, one.column) for one in again} != set()


@pytest.mark.parametrize(
    "patch",
    [
        {"rows": 0},
        {"rows": 1000, "columns": 1000},
        {"distance": 0},
        {"centre": [1]},
        {"to": [0]},
        {"to": [0, 0], "rows": 2},
        {"cols": 1},
    ],
    ids=str,
)
async def test_a_grid_that_can_t_be_is_told(patch):
    async with serving("latent") as server, calling(server) as http:
        async with http.patch("/api/sessions/latent/grid", json=patch) as answer:
            assert 400 <= answer.status < 500 and (await answer.json())["error"]["field"]
        async with http.get("/api/sessions/latent/grid") as answer:
            assert (await answer.json())["back"] == 0


async def test_a_single_picture_does_not_show_in_the_walk_but_does_where_nothing_walks():
    white = {"z": [9, 9, 9, 9]}
    async with serving("latent") as server:
        session, _player = await walking(server, playing=True, seconds=0.1)
        async with session.subscribe("image", "all", RAW) as frames:
            await anext(frames)
            for _ in range(5):
                async with session.run(white, None, {"image": RAW}) as run:
                    assert colour_of((await run.result()).outputs["image"]) == (255, 255, 255)
            seen = {colour(await anext(frames)) for _ in range(20)}
            assert (255, 255, 255) not in seen
            session.send({"z": [0, 0, 0, 0]})  # by hand: no walk shows any more
            async with session.run(white) as run:
                await run.result()
            async for frame in frames:
                if colour(frame) == (255, 255, 255):
                    break


async def test_a_recording_renders_the_same_twice_and_as_it_was_live(tmp_path: Path):
    async with serving("latent", state=tmp_path / "state") as server, calling(server) as http:
        tape = "/api/sessions/latent/walk/recording"
        session, player = await walking(server, kind="drift", playing=True, seconds=0.2)
        seen = []
        async with session.subscribe("image", "all", RAW) as frames, http.post(tape) as answer:
            assert answer.status == 201
            for patch in ({"speed": 2}, {"direction/1": 1}, {"space": "w"}, {"pause": True}):
                player.change(patch)
                seen.append(colour(await anext(frames)))
            session.send({"z": [1, 0, 0, 0], "label": 3})
            while colour(await anext(frames)) != (255, 255, 255):
                pass
            shown = player.now()[0]
            while player.now()[0] < shown + 0.1:  # the film gets a few frames of it
                await asyncio.sleep(0.01)
            async with http.post(tape) as refused:
                assert refused.status == 409
        async with http.delete(tape) as answer:
            told = await answer.json()
            assert told["controls"] == 5 and not told["running"]
        async with http.get(tape) as answer:
            recording = tmp_path / "show.jsonl"
            recording.write_bytes(await answer.read())
        folder = session.folder
    films = [await rendered(folder, tmp_path / name, recording) for name in ("one", "two")]
    assert films[0] == films[1] and len(films[0]) > 2
    last = cv2.imdecode(np.frombuffer(films[0][-1], np.uint8), cv2.IMREAD_COLOR)
    assert (last == 255).all()


async def rendered(model: str, out: Path, recording: Path) -> list[bytes]:
    arguments = [
        "-m",
        "bridge",
        "walk",
        model,
        "--recording",
        recording,
        "--fps",
        "60",
        "--out",
        out,
        "--state",
        out.parent,
    ]
    process = await asyncio.create_subprocess_exec(sys.executable, *map(str, arguments))
    assert await process.wait() == 0
    return [path.read_bytes() for path in sorted(out.iterdir())]


async def test_what_was_not_recorded_is_told():
    async with serving("latent") as server, calling(server) as http:
        tape = "/api/sessions/latent/walk/recording"
        async with http.get(tape) as got, http.delete(tape) as ended:
            assert (got.status, ended.status) == (404, 404)


async def test_a_favourite_that_is_shown_is_the_picture_that_was_kept(tmp_path: Path):
    async with serving("latent", "echo") as server, calling(server) as http:
        session, player = await walking(server, playing=True)
        kept_with = {"z": [0.5, 1, -1, 0], "label": 2, "truncation": 0.5, "direction/1": 1.5}
        session.send(kept_with)
        async with http.post("/api/favourites", json={"session": "latent"}) as answer:
            one = f"/api/favourites/{(await answer.json())['id']}/show"
        session.send({"label": 0, "direction/2": 2})
        player.change(
            {"truncation": 1.0, "direction/1": {"lfo": "sine", "period": 1, "low": -1, "high": 1}, "play": True}
        )
        async with http.post(one, json={"session": "echo"}) as answer:
            assert answer.status in (400, 422) and "favourite of latent" in await answer.text()
        assert player.settings.playing and player.settings.truncation == 1.0
        async with http.post(one) as answer:
            assert answer.status == 204, await answer.text()
        assert player.describe()["held"] and not player.settings.directions and player.settings.truncation is None
        shown = await player.here()
        assert list(np.frombuffer(shown.pop("z").data, "<f4")) == kept_with["z"] and "w" not in filter(shown.get, shown)
        assert {name: shown[name] for name in ("label", "truncation", "direction/1")} == {
            name: kept_with[name] for name in ("label", "truncation", "direction/1")
        }
        assert shown["direction/2"] == 0  # as it was then


async def test_a_favourite_in_w_outlasts_another_label():
    async with serving("latent") as server, calling(server) as http:
        session = server.hub.get("latent")
        session.send({"w": [1, 1, 1]})
        async with http.post("/api/favourites", json={"session": "latent"}) as answer:
            kept = await answer.json()
        keyframes = [{"favourite": kept["id"]}]
        session, _ = await walking(server, kind="loop", keyframes=keyframes, space="w", playing=False, step=True)
        async with session.subscribe("image", "newest", RAW) as frames:
            for label, shade in ((3, 168), (4, 168)):
                session.send({"label": label})
                async for frame in frames:
                    if colour(frame) == (shade, shade, shade):
                        break


async def test_a_recording_with_favourites_is_for_any_machine(tmp_path: Path):
    async with serving("latent", state=tmp_path / "state") as server, calling(server) as http:
        tape = "/api/sessions/latent/walk/recording"
        session, player = await walking(server, playing=False)
        session.send({"z": [2, 2, 2, 2]})
        async with http.post("/api/favourites", json={"session": "latent"}) as answer:
            kept = {"favourite": (await answer.json())["id"]}
        player.change({"kind": "loop", "keyframes": [kept], "step": True, "fade": 0})
        async with http.post(tape) as answer:
            assert answer.status == 201
        player.change({"keyframes": [kept, kept]})
        async with http.delete(tape), http.get(tape) as answer:
            recording = tmp_path / "show.jsonl"
            recording.write_bytes(await answer.read())
        folder = session.folder
    assert b'{"favourite"' not in recording.read_bytes() and b'"key":"favourite"' not in recording.read_bytes()
    (picture, *_) = await rendered(folder, tmp_path / "film", recording)
    assert (cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR) == 208).all()


async def test_looking_at_a_walk_changes_nothing():
    async with serving("latent") as server, calling(server) as http:
        session = server.hub.get("latent")
        session.send({"z": [1, 1, 1, 1], "truncation": 0.5})
        async with session.subscribe("image", "newest", RAW) as frames:
            assert colour(await anext(frames)) == (148, 148, 148)
            async with http.get("/api/sessions/latent/walk") as answer:
                assert (await answer.json())["held"]
            runs = session.stats.runs
            session.send({"truncation": 1})
            async for frame in frames:
                if colour(frame) == (168, 168, 168):
                    break
            assert session.stats.runs - runs <= 2


async def test_what_a_walk_moves_no_longer_goes_back():
    async with serving("latent") as server:
        session, player = await walking(server, playing=True)
        session.send({"direction/2": 3})
        async with session.subscribe("image", "newest", RAW) as frames:
            player.change({"direction/1": 2, "direction/2": 1, "truncation": 0.3})
            while session.snapshot()["truncation"] != 0.3:
                await anext(frames)
            player.change({"direction/1": None, "direction/2": None, "truncation": None})
            now = session.snapshot()
            assert (now["direction/1"], now["direction/2"], now["truncation"]) == (0, 3, 1)


async def test_sliders_count_while_a_hand_holds_the_place():
    async with serving("latent") as server:
        session, player = await walking(server, playing=False)
        async with session.subscribe("image", "newest", RAW) as frames:
            session.send({"z": [0, 0, 0, 0], "direction/1": 0})
            player.change({"direction/1": 2})
            async for frame in frames:
                if colour(frame) == (208, 208, 208):
                    break


async def test_a_dropped_favourite_locks_nothing(tmp_path: Path):
    async with serving("latent", state=tmp_path) as server, calling(server) as http:
        session, player = await walking(server, playing=False)
        session.send({"z": [2, 2, 2, 2]})
        async with http.post("/api/favourites", json={"session": "latent"}) as answer:
            id = (await answer.json())["id"]
        player.change({"kind": "loop", "keyframes": [{"favourite": id}, 1], "seek": 0})
        async with http.delete(f"/api/favourites/{id}") as answer:
            assert answer.status == 204
        player.change({"play": True})
        with pytest.raises(InputError, match="no favourite"):
            player.change({"keyframes": [{"favourite": "other"}]})
    async with serving(state=tmp_path) as server:
        again = await server.walks.of(server.hub.get("latent"))
        assert again.settings.plain()["keyframes"] == [[2, 2, 2, 2], 1]


async def test_a_favourite_with_a_style_for_each_layer_can_t_be_walked_to():
    async with serving("latent") as server, calling(server) as http:
        server.hub.get("latent").send({"w": [1, 1, 1, 2, 2, 2]})
        async with http.post("/api/favourites", json={"session": "latent"}) as answer:
            kept = {"favourite": (await answer.json())["id"]}
        patch = {"space": "w", "centre": kept}
        async with http.patch("/api/sessions/latent/walk", json=patch) as answer:
            assert answer.status == 400 and "6 numbers" in (await answer.json())["error"]["message"]


async def test_a_fast_walk_in_w_has_its_vectors_in_time():
    async with serving("latent") as server:
        session, _ = await walking(server, space="w", playing=True, seconds=0.05)
        seen = set()
        async with session.subscribe("image", "all", RAW) as frames:
            async for frame in frames:
                seen.add(colour(frame))
                if len(seen) > 60:
                    break
