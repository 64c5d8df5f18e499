"""A network of somebody's own, from its file to pictures that move."""

import asyncio
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")
import torch

from bridge.commands.walk import Wish, walk
from bridge.config import Settings
from bridge.ports import Encoding, to_json
from models.stylegan2.network import Generator
from models.stylegan2.published import write_pickle
from tests.transports.serving import calling, serving


@pytest.fixture
def network(tmp_path: Path) -> Path:
    torch.manual_seed(2)
    path = tmp_path / "models" / "My Faces.pkl"
    path.parent.mkdir()
    write_pickle(Generator(z_dim=8, w_dim=8, channels=[8, 8, 4], mapping_layers=1).eval(), path)
    return path


async def walked(network: Path, frames: int) -> set[bytes]:
    """So many different pictures of a walk through it."""
    async with serving(models=(f"faces={network}",)) as server, calling(server) as http:
        session = server.hub.get("faces")
        await session.started()
        async with http.patch("/api/sessions/faces/walk", json={"seconds": 0.1, "play": True}) as answer:
            assert answer.status == 200
        seen: set[bytes] = set()
        async with session.subscribe("image", "newest", Encoding("raw")) as pictures:
            async for picture in pictures:
                seen.add(bytes(picture.value.data))
                if len(seen) == frames:
                    return seen
    raise AssertionError("it ended")


async def test_a_network_named_by_its_path_walks(network):
    assert all(len(picture) == 16 * 16 * 3 for picture in await walked(network, 5))


async def test_one_of_512_pixels_walks(tmp_path):
    torch.manual_seed(2)
    wide = Generator(z_dim=512, w_dim=512, channels=[16, 16, 16, 16, 8, 8, 8, 4], half_levels=4, conv_clamp=256)
    write_pickle(wide.eval(), tmp_path / "large.pkl")
    pictures = [np.frombuffer(data, np.uint8) for data in await walked(tmp_path / "large.pkl", 3)]
    assert all(picture.shape == (512 * 512 * 3,) and picture.std() > 5 for picture in pictures)


async def test_one_that_is_not_square_walks(tmp_path):
    torch.manual_seed(2)
    tall = Generator(z_dim=8, w_dim=8, channels=[8, 8, 4], mapping_layers=1, base=(6, 4))
    write_pickle(tall.eval(), tmp_path / "tall.pkl")
    async with serving(models=(f"faces={tmp_path / 'tall.pkl'}",)) as server:
        session = server.hub.get("faces")
        await session.started()
        async with session.run({}, "run", {"image": Encoding("png")}) as run:
            picture = (await run.result()).outputs["image"]
    assert cv2.imdecode(np.frombuffer(picture.data, np.uint8), cv2.IMREAD_COLOR).shape == (24, 16, 3)


def filmed(network: Path, out: Path, **wish: Any) -> list[bytes]:
    """The frames of a film, as they lie on the disk."""
    settings = Settings(state=out.parent / "state", models=(f"faces={network}",))
    walk(settings, Wish(str(network), out, fps=10.0, **wish))
    return [path.read_bytes() for path in sorted(out.iterdir())]


def test_two_films_of_a_walk_are_the_same_to_the_byte(network, tmp_path):
    wish = {"seconds": 1.0, "told": ("kind=noise", "seconds=0.5", "seed=3", "truncation=1.2", "direction/1=1.5")}
    one, two = (filmed(network, tmp_path / name, **wish) for name in ("one", "two"))
    assert len(one) == 10 and one == two and len(set(one)) == 10


async def test_a_recorded_performance_renders_the_same_twice(network, tmp_path):
    async with serving(models=(f"faces={network}",)) as server, calling(server) as http:
        address = "/api/sessions/faces/walk"
        async with http.patch(address, json={"seconds": 0.3, "play": True}) as answer:
            assert answer.status == 200
        async with http.post(address + "/recording") as answer:
            assert answer.status == 201
        session = server.hub.get("faces")
        for told in (
            {"speed": 2, "truncation": 1.2},
            {"kind": "loop"},
            {"direction/2": {"lfo": "sine", "period": 1, "low": -2, "high": 2}},
        ):
            async with session.subscribe("image", "newest", Encoding("raw")) as pictures:
                await anext(aiter(pictures))
            async with http.patch(address, json=told) as answer:
                assert answer.status == 200, await answer.text()
        async with http.patch("/api/sessions/faces/inputs", json={"z": [1, 0, -1, 2, 0, 1, -2, 1]}) as answer:
            assert answer.status < 300
        async with http.delete(address + "/recording") as answer:
            assert answer.status == 200
        async with http.get(address + "/recording") as answer:
            (tmp_path / "show.jsonl").write_bytes(await answer.read())
    films = [
        await asyncio.to_thread(filmed, network, tmp_path / name, seconds=2.0, recording=tmp_path / "show.jsonl")
        for name in ("one", "two")
    ]
    assert len(films[0]) == 20 and films[0] == films[1] and len(set(films[0])) > 1


async def test_its_grid_shows_the_pictures_as_they_would_be_while_it_mixes(network):
    async with serving(models=(f"faces={network}",)) as server:
        session = server.hub.get("faces")
        await session.started()
        place, other = [1, 0, -1, 2, 0, 1, -2, 1], [-1, 2, 1, 0, -2, 1, 1, 0]
        session.send({"z": place, "mix": other, "mix_from": 2, "truncation": 1.5, "truncation_cutoff": 3})
        explorer = await server.walks.explorer(session)
        explorer.look({"centre": "here", "rows": 1, "columns": 1})
        (tile,) = [picture async for picture in explorer.pictures(explorer.grid)]
        async with session.run({**session.snapshot()}, "run", {"image": Encoding("jpeg")}) as run:
            mixed = (await run.result()).outputs["image"]
        plain = {**session.snapshot(), "mix": None}
        async with session.run(plain, "run", {"image": Encoding("jpeg")}) as run:
            assert (await run.result()).outputs["image"].data != mixed.data == tile.image.data


async def test_a_favourite_is_shown_again_with_what_was_mixed_into_it(network):
    async with serving(models=(f"faces={network}",)) as server, calling(server) as http:
        session = server.hub.get("faces")
        await session.started()
        z, other = [1, 0, -1, 2, 0, 1, -2, 1], [-1, 2, 1, 0, -2, 1, 1, 0]
        session.send({"z": z, "mix_w": other, "mix_from": 2, "truncation": 1.2})
        async with http.post("/api/favourites", json={"session": "faces"}) as answer:
            kept = await answer.json()
            assert answer.status == 201, kept
        assert kept["inputs"]["mix_w"] == other
        before = {name: to_json(value) for name, value in session.snapshot().items() if value is not None}
        session.send({"z": other, "mix": z, "truncation": 0.5})
        async with http.post(f"/api/favourites/{kept['id']}/show") as answer:
            assert answer.status == 204, await answer.text()
        now = session.snapshot()
        before["z"] = kept["z"]  # of the walk that began meanwhile
        assert now["mix"] is None and {name: to_json(now[name]) for name in before} == before


async def test_dropped_into_the_models_folder_it_is_listed_and_opened(network, tmp_path):
    async with serving(state=tmp_path) as server, calling(server) as http:
        async with http.get("/api/models", params={"search": "faces"}) as answer:
            assert "my-faces" in [model["id"] for model in (await answer.json())["models"]]
        async with http.post("/api/sessions", json={"model": "my-faces"}) as answer:
            assert answer.status == 201
        async with http.get("/api/sessions/my-faces/walk") as answer:
            assert (await answer.json())["settings"]["kind"] == "noise"


async def test_one_that_is_too_deep_for_python_is_told_and_ends_nothing(tmp_path):
    path = tmp_path / "deep.pkl"
    path.write_bytes(b"\x80\x04})" + b"\x85" * 400_000 + b"K\x01s.")
    async with serving(models=(f"faces={path}",)) as server, calling(server) as http:
        session = server.hub.get("faces")
        while session.state != "failed":
            await session.movement()
        async with http.get("/api/sessions/faces") as answer:
            told = await answer.json()
        assert "one in another" in told["error"]["message"] and told["stats"]["restarts"] == 0
