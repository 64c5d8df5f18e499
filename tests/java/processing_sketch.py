"""The README's Processing sketch, as printed there, in a real Processing on a screen that nobody sees.

Run by name (`make test SUITES=java`), because it takes a JDK, Xvfb and Processing's jars, which tests/tools.py gets.
"""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import cv2
import numpy as np

from tests.bridges import running
from tests.readme import example, photo

HERE = Path(__file__).parent
PIPE = asyncio.subprocess.PIPE
IMPORTS = "".join(f"import processing.{name}.*;\n" for name in ("core", "data", "event"))


def as_java(sketch: str) -> str:
    """What Processing's own editor makes of a .pde: a class, with size() in settings() and everything public."""
    (size,) = re.findall(r"\bsize\([^)]*\);", sketch)
    body = re.sub(r"^void ", "public void ", sketch.replace(size, ""), flags=re.MULTILINE)
    return f"{IMPORTS}public class Sketch extends PApplet {{\npublic void settings() {{ {size} }}\n{body}}}\n"


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
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(f"{self._path}\n".encode())
        async for line in self._process.stdout:
            if line.decode().strip() == str(self._path):
                return cv2.imread(str(self._path))
        raise AssertionError("the sketch has ended")

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
