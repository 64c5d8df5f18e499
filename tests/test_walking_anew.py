"""A walk whose model is started again, perhaps with another network in the same file; or shows another label."""

import asyncio
import shutil
from pathlib import Path

import numpy as np

from bridge.ports import Encoding
from bridge.walks.player import Player
from tests.transports.serving import MODELS, serving

RAW = Encoding("raw")


async def style(player: Player) -> list[float]:
    """The vector in w of where it is."""
    return list(np.frombuffer((await player.here())["w"], "<f4"))


async def test_a_standing_picture_comes_back_when_somebody_restarts_the_model():
    async with serving("latent") as server:
        session = server.hub.get("latent")
        player = await server.walks.of(session)
        player.change({"playing": False})
        async with session.subscribe("image", "newest", RAW) as frames:
            first = await anext(frames)
            await server.hub.restart("latent")
            again = await anext(frames)
        assert again.value.data == first.value.data and session.stats.restarts == 0


async def test_another_network_in_the_same_file_has_other_places_in_w(tmp_path: Path):
    shutil.copytree(MODELS / "latent", tmp_path / "latent")
    code = tmp_path / "latent" / "model.py"
    async with serving(models=(f"latent={tmp_path / 'latent'}",)) as server:
        session = server.hub.get("latent")
        player = await server.walks.of(session)
        player.change({"kind": "loop", "keyframes": [5, 6], "space": "w", "playing": False})
        before = await style(player)
        code.write_text(code.read_text().replace("z[:3] + label + 1", "z[:3] + label + 3"))
        await server.hub.restart("latent")
        await session.started()
        np.testing.assert_allclose(await style(player), np.array(before) + 2, rtol=1e-6)


async def test_a_place_in_w_that_was_asked_for_before_the_label_changed_is_not_kept():
    async with serving("latent") as server:
        session = server.hub.get("latent")
        player = await server.walks.of(session)
        player.change({"kind": "loop", "keyframes": [5], "space": "w", "playing": False})
        asked = asyncio.create_task(style(player))
        while not session._mailbox.held:  # until the model was asked for it
            await asyncio.sleep(0)
        session.send({"label": 3})
        wanted = np.random.RandomState(5).randn(4).astype(np.float32)[:3] + 3 + 1
        np.testing.assert_allclose(await asked, wanted, rtol=1e-6)
