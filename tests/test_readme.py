"""What the README has people type on the command line and in Python does what it says, as printed."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import aiohttp
import cv2
import numpy as np
import pytest

from tests.bridges import Bridge, printed, running
from tests.readme import example, in_passing, photo

pytestmark = pytest.mark.skipif(shutil.which("sh") is None, reason="the commands are written for a shell")


async def typed(commands: str, folder: Path, **variables: str) -> str:
    """What they print, one after the other, in a folder that holds photo.jpg."""
    photo(folder)
    return await printed(folder, "sh", "-e", "-c", commands, **variables)


def is_a_drawing(path: Path) -> bool:
    """A picture as large as the photo that is almost without colour, and not one flat tone."""
    drawing = cv2.imread(str(path))
    assert drawing is not None
    assert drawing.shape == (240, 320, 3)
    return float(np.ptp(drawing, axis=2).mean()) < 15 and float(drawing.std()) > 5


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
async def test_curl(tmp_path: Path):
    async with running(tmp_path / "state") as bridge:
        printed = await typed(example("curl", bridge.url), tmp_path)
        await typed(in_passing("curl -X PATCH", bridge.url), tmp_path)
        live = (await told(bridge, "pencil"))["inputs"]
    assert is_a_drawing(tmp_path / "drawing.jpg")
    assert len(json.loads(printed)["outputs"]["colors"]) == 3
    assert "image" in live


async def test_python(tmp_path: Path):
    async with running(tmp_path / "state") as bridge:
        script = example("Python").replace("Bridge()", f"Bridge({bridge.url!r})") + "\nprint(colors)\n"
        (tmp_path / "script.py").write_text(script, encoding="utf-8")
        printed = await typed(f"'{sys.executable}' script.py", tmp_path)
    assert printed.count("#") == 5


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
async def test_a_walk_by_curl_and_by_python(tmp_path: Path):
    async with running(tmp_path / "state") as bridge:
        await opened(bridge, "dream")
        await typed(example("curl, walking", bridge.url), tmp_path)
        looped = (await told(bridge, "dream/walk"))["settings"]
        script = example("Python, walking").replace("Bridge()", f"Bridge({bridge.url!r})")
        (tmp_path / "script.py").write_text(script, encoding="utf-8")
        await typed(f"'{sys.executable}' script.py", tmp_path)
        drifting = (await told(bridge, "dream/walk"))["settings"]
    assert (looped["kind"], looped["keyframes"], looped["speed"]["lfo"]) == ("loop", [3, 14, 15], "sine")
    assert (drifting["kind"], drifting["distance"], drifting["directions"]) == ("drift", 0.5, {"direction/1": 2})


async def test_a_film_of_a_walk(tmp_path: Path):
    await typed(example("A film"), tmp_path, SKETCHBRIDGE_STATE=str(tmp_path / "other state"))
    film = cv2.VideoCapture(str(tmp_path / "walk.mp4"))
    assert film.get(cv2.CAP_PROP_FRAME_COUNT) == 60
    film.release()


async def test_the_command_line_in_a_running_bridge(tmp_path: Path):
    async with running(tmp_path / "state") as bridge:
        await commands_work(tmp_path, bridge.url.rpartition(":")[2])
        assert [(await told(bridge, name))["stats"]["runs"] for name in ("palette", "pencil")] == [1, 1]


async def test_the_command_line_without_a_bridge(tmp_path: Path):
    await commands_work(tmp_path, "1")


async def commands_work(folder: Path, port: str) -> None:
    state = str(folder / "other state")
    printed = await typed(example("Command line"), folder, SKETCHBRIDGE_PORT=port, SKETCHBRIDGE_STATE=state)
    assert printed.count("#") == 3
    assert is_a_drawing(folder / "drawing.png")


async def opened(bridge: Bridge, model: str) -> None:
    async with (
        aiohttp.ClientSession(bridge.url) as http,
        http.post("/api/sessions?wait=true", json={"model": model}) as answer,
    ):
        assert answer.ok, await answer.text()


async def told(bridge: Bridge, session: str) -> dict[str, Any]:
    async with aiohttp.ClientSession(bridge.url) as http, http.get(f"/api/sessions/{session}") as answer:
        return await answer.json()
