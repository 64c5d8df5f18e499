"""The README's Processing sketch and the example, as they stand, in a real Processing on a screen that nobody sees.

Run by name (`make test SUITES=java`), because it takes a JDK, Xvfb and Processing's jars, which tests/tools.py gets.
"""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import cv2
import numpy as np

from tests.bridges import ROOT, running
from tests.readme import PRINTED_ADDRESS, example, photo

HERE = Path(__file__).parent
PIPE = asyncio.subprocess.PIPE
IMPORTS = "".join(f"import processing.{name}.*;\n" for name in ("core", "data", "event"))


def as_java(sketch: str) -> str:
    """What Processing's own editor makes of a .pde: a class, with size() in settings(), everything public, and numbers
    that are floats."""
    (size,) = re.findall(r"\bsize\([^)]*\);", sketch)
    own = "".join(re.findall(r"^import .*\n", sketch, flags=re.MULTILINE))
    body = re.sub(r"^import .*\n", "", sketch.replace(size, ""), flags=re.MULTILINE)
    body = re.sub(r"^void ", "public void ", body, flags=re.MULTILINE)
    body = re.sub(r"(?<![\w.])\d+\.\d+(?![\w.])", r"\g<0>f", body)
    return f"{IMPORTS}{own}public class Sketch extends PApplet {{\npublic void settings() {{ {size} }}\n{body}}}\n"


async def compiled(sketch: str, folder: Path) -> str:
    """The class path to run it with."""
    source = folder / "Sketch.java"
    source.write_text(as_java(sketch), encoding="utf-8")
    path = os.pathsep.join([str(folder), *map(str, (HERE / "build").glob("*.jar"))])
    sources = (str(source), str(HERE / "Harness.java"))
    javac = await asyncio.create_subprocess_exec("javac", "-cp", path, "-d", str(folder), *sources, stderr=PIPE)
    _, complaint = await javac.communicate()
    assert javac.returncode == 0, complaint.decode()
    return path


@asynccontextmanager
async def screen() -> AsyncIterator[str]:
    """A display that nobody sees."""
    process = await asyncio.create_subprocess_exec(
        *("Xvfb", "-displayfd", "1", "-screen", "0", "1024x768x24", "-nolisten", "tcp"),
        stdout=PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        assert process.stdout is not None
        yield f":{int(await process.stdout.readline())}"
    finally:
        process.terminate()
        await process.wait()


class Window:
    """A running sketch."""

    def __init__(self, process: asyncio.subprocess.Process, folder: Path) -> None:
        self._process = process
        self._path = folder / "frame.png"

    async def frame(self) -> np.ndarray:
        """What the sketch shows after its next draw()."""
        await self.do(str(self._path))
        return cv2.imread(str(self._path))

    async def do(self, line: str) -> None:
        """What the harness does with that line, done."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(f"{line}\n".encode())
        said = []
        async for answer in self._process.stdout:
            if answer.decode().strip() == line:
                return
            said.append(answer.decode())
        raise AssertionError(f"the sketch has ended: {''.join(said)}")

    async def until(self, shown: Callable[[np.ndarray], bool]) -> np.ndarray:
        """The first frame of which this is true."""
        async with asyncio.timeout(30):
            while not shown(frame := await self.frame()):
                continue
        return frame


@asynccontextmanager
async def open_sketch(sketch: str, folder: Path) -> AsyncIterator[Window]:
    path = await compiled(sketch, folder)
    async with screen() as display:
        process = await asyncio.create_subprocess_exec(
            *("java", "-cp", path, "Harness"),
            env=os.environ | {"DISPLAY": display},
            stdin=PIPE,
            stdout=PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            yield Window(process, folder)
        finally:
            assert process.stdin is not None and process.stdout is not None
            process.stdin.close()
            await process.stdout.read()
            await process.wait()


async def test_the_sketch_shows_each_newest_drawing_and_nothing_before_there_is_one(tmp_path: Path):
    picture = photo(tmp_path)
    async with (
        running(tmp_path / "state") as bridge,
        open_sketch(example("Processing", bridge.url), tmp_path) as window,
    ):
        empty = await window.frame()
        assert empty.shape == (480, 640, 3)
        assert np.ptp(empty) == 0
        async with aiohttp.ClientSession(f"{bridge.url}/api/sessions/pencil/") as pencil:
            await change(pencil, image=picture, darkness="0.2")
            light = await window.until(lambda frame: np.ptp(frame) > 0)
            await change(pencil, darkness="1")
            dark = await window.until(lambda frame: frame.mean() < light.mean() - 5)
            assert float(np.abs(dark.astype(int) - await newest(pencil)).mean()) < 10


async def test_the_example_shows_the_walk_and_the_mouse_steers_it(tmp_path: Path):
    code = (ROOT / "examples" / "walk-processing" / "walk" / "walk.pde").read_text(encoding="utf-8")
    async with running(tmp_path / "state") as bridge, aiohttp.ClientSession(f"{bridge.url}/api/sessions/") as http:
        async with http.post(f"{bridge.url}/api/sessions?wait=true", json={"model": "dream"}) as answer:
            assert answer.ok, await answer.text()
        async with open_sketch(code.replace(PRINTED_ADDRESS, bridge.url), tmp_path) as window:
            first = await window.until(lambda frame: np.ptp(frame) > 0)
            await window.until(lambda frame: bool((frame != first).any()))
            await window.do("mouse 256 0")
            await told(http, lambda walk: (walk["speed"], walk["distance"]) == (2, 0.05))
            await window.do("click")
            await told(http, lambda walk: walk["seed"] == 1)


async def told(http: aiohttp.ClientSession, check: Callable[[dict[str, Any]], bool]) -> None:
    """Until this is true of the walk's settings."""
    async with asyncio.timeout(30):
        while True:
            async with http.get("dream/walk") as answer:
                if check((await answer.json())["settings"]):
                    return


async def change(pencil: aiohttp.ClientSession, **inputs: str | Path) -> None:
    """New live inputs, a file as its bytes."""
    form = aiohttp.FormData()
    for name, value in inputs.items():
        if isinstance(value, Path):
            form.add_field(name, value.read_bytes(), filename=value.name)
        else:
            form.add_field(name, value)
    async with pencil.patch("inputs", data=form) as answer:
        assert answer.ok, await answer.text()


async def newest(pencil: aiohttp.ClientSession) -> np.ndarray:
    """The last drawing, in the window's size."""
    async with pencil.get("outputs/image.png") as answer:
        drawing = cv2.imdecode(np.frombuffer(await answer.read(), np.uint8), cv2.IMREAD_COLOR)
    return cv2.resize(drawing, (640, 480))
