"""A network of somebody's own, from its file to pictures that move."""

from pathlib import Path

import pytest

pytest.importorskip("torch")
import torch

from bridge.ports import Encoding
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


async def test_a_network_named_by_its_path_walks(network):
    async with serving(models=(f"faces={network}",)) as server, calling(server) as http:
        session = server.hub.get("faces")
        await session.started()
        async with http.patch("/api/sessions/faces/walk", json={"seconds": 0.1, "play": True}) as answer:
            assert answer.status == 200
        seen = set()
        async with session.subscribe("image", "newest", Encoding("raw")) as frames:
            async for frame in frames:
                seen.add(bytes(frame.value.data))
                if len(seen) == 5:
                    break
        assert all(len(picture) == 16 * 16 * 3 for picture in seen)


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
