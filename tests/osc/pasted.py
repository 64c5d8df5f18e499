"""What the page says to paste works as it stands: oscsend, Pure Data without a window, and the Python of TouchDesigner.

Part of the suite `osc` (`make test SUITES=osc`), because it takes these programs, which tests/tools.py gets.
"""

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bridge.server import Server
from tests.bridges import call
from tests.transports.serving import MODELS, serving

SCRIPT = Path(__file__).parent / "snippets.mjs"
SESSIONS = ("dream", "painter", "scribe")  # one that walks, one with a slider, one that writes
EVERY_MS = 100


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    models = tuple(f"{name}={MODELS / {'dream': 'latent'}.get(name, name)}" for name in SESSIONS)
    async with serving(models=models) as server:
        for name in SESSIONS:
            await server.hub.get(name).started()
        yield server


async def pasted(server: Server, session: str, program: str) -> str:
    code, out, complaint = await call(str(SCRIPT), server.url, session, command=("node",))
    assert code == 0, complaint
    return str(next(one["code"] for one in json.loads(out) if one["name"] == program))


def value(server: Server, session: str, name: str) -> object:
    """Of an input, or of a setting of the walk."""
    found = server.hub.get(session)
    walk = server.walks.running(found)
    return walk.describe()["settings"][name] if walk and session == "dream" else found.inputs().get(name)


async def becomes(server: Server, session: str, name: str, wanted: object) -> None:
    while value(server, session, name) != wanted:
        await asyncio.sleep(0.01)


# --- lines that are run --------------------------------------------------------------------------


CHANGES = {"dream": ("speed", 2), "painter": ("shade", 1), "scribe": ("prompt", "function setup() {")}


@pytest.mark.parametrize("session", SESSIONS)
async def test_the_line_for_oscsend(server: Server, session: str):
    line = await pasted(server, session, "OSC")
    assert line.startswith("oscsend 127.0.0.1 ")
    code, _, complaint = await call("-e", "-c", line, command=("sh",))
    assert code == 0, complaint
    await becomes(server, session, *CHANGES[session])


@pytest.mark.parametrize("session", SESSIONS)
async def test_the_python_of_touchdesigner(server: Server, session: str):
    """Which is plain Python there, too."""
    code, _, complaint = await call("-c", await pasted(server, session, "TouchDesigner"), command=(sys.executable,))
    assert code == 0, complaint
    await becomes(server, session, *CHANGES[session])


# --- the patch -----------------------------------------------------------------------------------


@asynccontextmanager
async def opened(patch: Path) -> AsyncIterator[None]:
    process = await asyncio.create_subprocess_exec("pd", "-nogui", "-noaudio", "-nomidi", str(patch))
    try:
        yield
    finally:
        process.terminate()
        await process.wait()


def with_a_hand(patch: str, message: str) -> str:
    """What a hand would do with the patch's first object, a slider or a message, again and again."""
    own = len(re.findall(r"^#X (?!connect)", patch, re.MULTILINE))
    objects = ("obj 280 300 loadbang", f"obj 280 330 metro {EVERY_MS}", f"msg 280 360 {message}")
    wires = (f"{own} 0 {own + 1} 0", f"{own + 1} 0 {own + 2} 0", f"{own + 2} 0 0 0")
    more = (*(f"#X {one};" for one in objects), *(f"#X connect {one};" for one in wires))
    return "\n".join((patch, *more, ""))


@pytest.mark.parametrize(
    ("session", "message", "name", "wanted"),
    [("dream", "2.5", "speed", 2.5), ("painter", "0.25", "shade", 0.25), ("scribe", "bang", "prompt", "function")],
)
async def test_the_patch_for_pure_data(
    server: Server, tmp_path: Path, session: str, message: str, name: str, wanted: object
):
    patch = tmp_path / f"{session}.pd"  # under the name that its note says
    patch.write_text(with_a_hand(await pasted(server, session, "Pure Data"), message))
    async with opened(patch):
        await becomes(server, session, name, wanted)
