"""Programs that show and fetch what a session gives out: ffmpeg and GStreamer as docs/pictures.md has them typed, curl.

Run by name (`make test SUITES=players`), because it takes these programs, which tests/tools.py gets.
"""

import asyncio
import json
import re
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import cv2
import numpy as np
import pytest

from bridge.server import Server
from tests.bridges import ROOT
from tests.transports.serving import calling, serving

ADDRESS = "http://127.0.0.1:8000"


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serving("painter", "counter") as server:
        yield server


def printed(program: str, server: Server, folder: Path) -> list[str]:
    """The command of that program in docs/pictures.md, for this bridge and for files in this folder."""
    text = (ROOT / "docs" / "pictures.md").read_text(encoding="utf-8")
    (command,) = re.findall(rf"(?m)^({re.escape(program)} (?:.*\\\n)*.*)$", text)
    words = command.replace("\\\n", " ").replace(ADDRESS, server.url).replace("dream", "painter").split()
    return [str(folder / word.partition("=")[2]).join(("location=", "")) if _is_file(word) else word for word in words]


def _is_file(word: str) -> bool:
    return word.startswith("location=") and "://" not in word


@asynccontextmanager
async def painting(server: Server) -> AsyncIterator[None]:
    """While it lasts, the painter paints one grey after the other."""

    async def paint(client: aiohttp.ClientSession) -> None:
        for number in range(100_000):
            await client.patch("/api/sessions/painter/inputs", json={"shade": number % 10 / 10})
            await asyncio.sleep(0.02)

    async with calling(server) as client:
        await client.patch("/api/sessions/painter/inputs", json={"shade": 0.5})
        task = asyncio.create_task(paint(client))
        yield
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def run(*command: str, folder: Path) -> bytes:
    """What it printed; it has to end well."""
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    out, complaint = await process.communicate()
    assert process.returncode == 0, complaint.decode()
    return out


def shades(folder: Path, pattern: str) -> list[int]:
    """The grey of each picture there, in order; all are plain."""
    found = []
    for path in sorted(folder.glob(pattern)):
        picture = cv2.imread(str(path))
        assert picture.shape == (48, 64, 3) and float(np.ptp(picture)) < 12
        found.append(round(float(picture.mean())))
    return found


async def test_ffmpeg_reads_the_stream(server: Server, tmp_path: Path):
    async with painting(server):
        await run(*printed("ffmpeg", server, tmp_path), folder=tmp_path)
    found = shades(tmp_path, "*.png")
    assert len(found) == 30 and len(set(found)) > 3


async def test_ffprobe_knows_the_stream(server: Server, tmp_path: Path):
    address = f"{server.url}/api/sessions/painter/stream/image.mjpg"
    async with painting(server):
        told = await run("ffprobe", "-v", "error", "-show_streams", "-of", "json", address, folder=tmp_path)
    (stream,) = json.loads(told)["streams"]
    assert (stream["codec_name"], stream["width"], stream["height"]) == ("mjpeg", 64, 48)


async def test_gstreamer_reads_the_stream(server: Server, tmp_path: Path):
    async with painting(server):
        await run(*printed("gst-launch-1.0", server, tmp_path), folder=tmp_path)
    found = shades(tmp_path, "*.png")
    assert len(found) >= 30 and len(set(found)) > 3


async def test_a_player_that_stops_reading_is_no_burden_and_goes_on_with_the_newest(server: Server, tmp_path: Path):
    """`-readrate` has ffmpeg read at the pace of a slow film."""
    address = f"{server.url}/api/sessions/painter/stream/image.mjpg"
    slow = ("ffmpeg", "-v", "error", "-readrate", "0.2", "-i", address, "-frames:v", "10", "slow%02d.png")
    quick = ("ffmpeg", "-v", "error", "-i", address, "-frames:v", "40", "quick%02d.png")
    async with painting(server):
        one = asyncio.create_task(run(*slow, folder=tmp_path))
        await run(*quick, folder=tmp_path)
        await one
    assert len(shades(tmp_path, "quick*.png")) == 40 and len(shades(tmp_path, "slow*.png")) == 10
    assert server.hub.get("painter")._fanout.readers == 0


async def test_curl_gets_the_last_picture(server: Server, tmp_path: Path):
    async with calling(server) as client:
        await client.patch("/api/sessions/painter/inputs", json={"shade": 0.5})
    for ending, magic in (("jpg", b"\xff\xd8"), ("png", b"\x89PNG")):
        address = f"{server.url}/api/sessions/painter/outputs/image.{ending}?width=32"
        picture = await run("curl", "-sSf", address, folder=tmp_path)
        assert picture.startswith(magic)
        assert cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR).shape == (24, 32, 3)


async def test_curl_follows_a_text(server: Server, tmp_path: Path):
    address = f"{server.url}/api/sessions/counter/events?port=text&policy=all"
    process = await asyncio.create_subprocess_exec(
        "curl", "-sSN", address, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdout is not None
    try:
        async with calling(server) as client:
            assert await process.stdout.readline() == b"event: hello\n"
            await client.post("/api/sessions/counter/run", json={"upto": 3})
        pieces: list[str] = []
        async for line in process.stdout:
            data = json.loads(line.removeprefix(b"data: ")) if line.startswith(b"data: ") else {}
            pieces += [data["value"]] if data.get("port") == "text" else []
            if len(pieces) == 3:
                break
    finally:
        process.kill()
        await process.wait()
    assert pieces == ["0 ", "1 ", "2 "]
