"""What people install is the wheel: it must hold the models and the page, and need nothing of a checkout."""

import subprocess
import sys
import zipfile
from pathlib import Path

import aiohttp
import cv2
import numpy as np
import pytest

from tests.bridges import ROOT, call, environment, running

pytestmark = pytest.mark.slow


def do(*command: str | Path, cwd: Path) -> None:
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    do(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, ".", cwd=ROOT)
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """The command in an empty environment that has nothing but the wheel and what it asks for."""
    folder = tmp_path_factory.mktemp("installed")
    do(sys.executable, "-m", "venv", folder, cwd=folder)
    scripts = folder / ("Scripts" if sys.platform == "win32" else "bin")
    do(scripts / "python", "-m", "pip", "install", "--quiet", "-c", ROOT / "constraints.txt", wheel, cwd=folder)
    return scripts / "sketchbridge"


def test_the_wheel_holds_models_and_page_and_no_tests(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    for needed in ("palette/model.toml", "pencil/model.py", "_template/model.py"):
        assert f"bridge/_models/{needed}" in names
    assert "bridge/studio/index.html" in names
    assert "bridge/py.typed" in names
    assert not [name for name in names if name.startswith("tests/") or name.endswith(".pyc")]
    assert any(name.endswith("licenses/LICENSE") for name in names)


async def test_the_installed_command_serves_outside_the_checkout(installed, tmp_path):
    picture = cv2.imencode(".jpg", np.full((48, 64, 3), 127, np.uint8))[1].tobytes()
    async with running(tmp_path / "state", command=[str(installed)], cwd=tmp_path) as bridge:
        assert bridge.sessions == ["palette", "pencil"]
        form = aiohttp.FormData()
        form.add_field("image", picture, filename="photo.jpg")
        async with aiohttp.ClientSession(bridge.url) as http:
            async with http.post("/api/sessions/pencil/run", data=form, headers={"Accept": "image/jpeg"}) as answer:
                assert (answer.status, answer.content_type) == (200, "image/jpeg")
                drawn = cv2.imdecode(np.frombuffer(await answer.read(), np.uint8), cv2.IMREAD_COLOR)
            async with http.get("/") as answer:
                assert (answer.status, answer.content_type) == (200, "text/html")
    assert drawn.shape == (48, 64, 3)


async def test_the_installed_command_has_nothing_bad_to_say_of_itself(installed, tmp_path):
    code, out, complaint = await call("doctor", "--state", str(tmp_path), command=[str(installed)], cwd=tmp_path)
    assert code == 0, out + complaint
