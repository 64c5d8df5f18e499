"""The examples for Python and the shell run as they stand; those for p5.js and Processing have suites of their own."""

import shutil
import sys
from pathlib import Path

import aiohttp
import av
import cv2
import pytest

from tests.bridges import ROOT, Bridge, printed, running

EXAMPLES = ROOT / "examples"


async def ran(folder: Path, *command: str) -> str:
    """What it printed, in that folder."""
    return await printed(folder, *command, SKETCHBRIDGE_STATE=str(folder / "other state"))


async def opened(bridge: Bridge) -> None:
    """With dream loaded."""
    async with (
        aiohttp.ClientSession(bridge.url) as http,
        http.post("/api/sessions?wait=true", json={"model": "dream"}) as answer,
    ):
        assert answer.ok, await answer.text()


async def test_walk_python_saves_the_frames_of_what_it_sends(tmp_path: Path):
    async with running(tmp_path / "state") as bridge:
        await opened(bridge)
        script = str(EXAMPLES / "walk-python" / "walk.py")
        await ran(tmp_path, sys.executable, script, "--seconds", "1", "--url", bridge.url)
    frames = sorted((tmp_path / "frames").glob("*.jpg"))
    first, last = cv2.imread(str(frames[0])), cv2.imread(str(frames[len(frames) // 2]))
    assert first.shape == last.shape
    assert (first != last).any()


async def test_text_walk_python_moves_the_picture_with_every_token(tmp_path: Path):
    models = ROOT / "tests" / "models"
    flags = ("--model", f"writer={models / 'scribe'}", "--model", f"dream={models / 'latent'}")
    async with running(tmp_path / "state", *flags) as bridge:
        async with aiohttp.ClientSession(bridge.url) as http:
            for name in ("writer", "dream"):
                async with http.get(f"/api/sessions/{name}?wait=true") as answer:
                    assert answer.ok, await answer.text()
        script = str(EXAMPLES / "text-walk-python" / "write.py")
        wishes = ("la ", "--tokens", "12", "--pace", "30", "--seed", "1", "--url", bridge.url, "--out", "frames")
        said = await ran(tmp_path, sys.executable, script, *wishes)
    assert said.startswith("la ") and len(said) > 8
    shades = {cv2.imread(str(frame)).mean() for frame in (tmp_path / "frames").glob("*.jpg")}
    assert len(shades) > 8


@pytest.mark.skipif(shutil.which("curl") is None or shutil.which("sh") is None, reason="curl or sh is not installed")
async def test_curl_makes_films_and_a_favourite(tmp_path: Path):
    async with running(tmp_path / "state") as bridge:
        await opened(bridge)
        await ran(tmp_path, "sh", str(EXAMPLES / "curl" / "play.sh"), bridge.url)
        async with aiohttp.ClientSession(bridge.url) as http:
            async with http.get("/api/favourites") as answer:
                (kept,) = (await answer.json())["favourites"]
            async with http.get("/api/sessions/dream/walk") as answer:
                walk = (await answer.json())["settings"]
    assert (walk["kind"], walk["centre"]) == ("drift", {"favourite": kept["id"]})
    assert cv2.imread(str(tmp_path / "favourite.jpg")) is not None
    assert frames_in(tmp_path / "circle.mp4") == 60
    assert frames_in(tmp_path / "show.mp4") >= 60


def frames_in(film: Path) -> int:
    with av.open(str(film)) as opened:
        return sum(1 for _ in opened.decode(video=0))
