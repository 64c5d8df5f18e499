import asyncio
import importlib.util
import json
import os
import signal
import socket
from pathlib import Path

import aiohttp
import cv2
import numpy as np
import pytest

from bridge.cli import with_command
from tests.bridges import Ended, call, children, running

pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="watches processes as only Linux lets it")


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """Two thirds red, one third blue."""
    picture = np.zeros((60, 90, 3), np.uint8)
    picture[:40] = (0, 0, 255)
    picture[40:] = (255, 0, 0)
    path = tmp_path / "photo.png"
    cv2.imwrite(str(path), picture)
    return path


async def json_of(*arguments: str) -> dict:
    code, out, complaint = await call(*arguments, "--json")
    assert code == 0, complaint
    return json.loads(out)


class Watched:
    """Processes that are no children of ours, watched until they have ended."""

    def __init__(self, pids: list[int]) -> None:
        assert pids
        self._handles = [os.pidfd_open(pid) for pid in pids]

    async def ended(self) -> None:
        loop = asyncio.get_running_loop()
        for handle in self._handles:
            over = asyncio.Event()
            loop.add_reader(handle, over.set)
            async with asyncio.timeout(20):
                await over.wait()
            loop.remove_reader(handle)
            os.close(handle)


# --- calling it ----------------------------------------------------------------------------------


def test_without_a_command_it_serves():
    assert with_command([]) == ["serve"]
    assert with_command(["--port", "1"]) == ["serve", "--port", "1"]
    assert with_command(["models"]) == ["models"]
    assert with_command(["--help"]) == ["--help"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nosuch",), "nosuch"),
        (("serve", "--nosuch"), "--nosuch"),
        (("serve", "--port", "x"), "--port"),
        (("serve", "--port", "70000"), "--port takes a number from 0 to 65535"),
        (("serve", "--config", "nosuch.toml"), "nosuch.toml can't be read"),
        (("serve", "--host", "0.0.0.0", "--port", "0"), "--token"),
        (("run", "palette", "--input", "image"), "NAME=VALUE"),
    ],
)
async def test_a_wrong_call_is_2_and_words(arguments, words, tmp_path):
    code, out, complaint = await call(*arguments, *(("--state", str(tmp_path)) if arguments[0] != "nosuch" else ()))
    assert (code, out) == (2, "")
    assert words in complaint
    assert "Traceback" not in complaint


async def test_help_and_version_are_0():
    for flag in ("--help", "--version"):
        code, out, _ = await call(flag)
        assert (code, bool(out.strip())) == (0, True)


async def test_an_error_is_json_where_json_was_asked_for(tmp_path):
    code, out, _ = await call("models", "show", "palete", "--json", "--state", str(tmp_path))
    error = json.loads(out)["error"]
    assert (code, error["code"]) == (1, "unknown_model")
    assert "palette" in error["hint"]


async def test_debug_shows_where_an_error_came_from(tmp_path):
    code, _, complaint = await call("models", "show", "palete", "--debug", "--state", str(tmp_path))
    assert code == 1
    assert "Traceback" in complaint


# --- serve ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_it_cleanly_and_leaves_no_process(tmp_path, number):
    async with running(tmp_path, "--model", "palette") as bridge:
        await bridge.until("state", session="palette", state="ready")
        workers = Watched(children(bridge.process.pid))
        assert await bridge.end(number) == 0
        await workers.ended()
    assert not [line for line in bridge.log if line["event"] == "" or "traceback" in line]


async def test_a_killed_bridge_leaves_no_worker(tmp_path):
    async with running(tmp_path, "--model", "palette") as bridge:
        await bridge.until("state", session="palette", state="ready")
        workers = Watched(children(bridge.process.pid))
        await bridge.end(signal.SIGKILL)
        await workers.ended()


async def test_with_nothing_else_to_open_it_opens_the_demo(tmp_path):
    async with running(tmp_path) as bridge:
        with_torch = ["dream", "writer"] if importlib.util.find_spec("torch") else []
        assert bridge.sessions == [*with_torch, "palette", "pencil"]


async def test_what_was_open_and_set_is_back_after_a_restart_and_wins_over_the_demo(tmp_path, photo):
    async with running(tmp_path, "--model", "mine=pencil") as bridge:
        assert bridge.sessions == ["mine"]
        await bridge.until("state", session="mine", state="ready")
        async with aiohttp.ClientSession(bridge.url) as http:
            inputs = {"darkness": 0.25}
            async with http.patch("/api/sessions/mine/inputs", json=inputs) as answer:
                assert answer.status == 200
        await bridge.end()
    async with running(tmp_path) as bridge:
        assert bridge.sessions == ["mine"]
        await bridge.until("state", session="mine", state="ready")
        async with aiohttp.ClientSession(bridge.url) as http, http.get("/api/sessions/mine") as answer:
            inputs = (await answer.json())["inputs"]
    assert inputs["darkness"] == 0.25


async def test_what_an_api_caller_opened_survives_a_kill_once_the_log_says_saved(tmp_path):
    async with running(tmp_path, "--no-demo", "--log-level", "debug") as bridge:
        wish = {"model": "palette", "name": "kept"}
        async with aiohttp.ClientSession(bridge.url) as http, http.post("/api/sessions", json=wish) as answer:
            assert answer.status == 201
        await bridge.until("saved")
        await bridge.end(signal.SIGKILL)
    async with running(tmp_path, "--no-demo") as bridge:
        assert bridge.sessions == ["kept"]


async def test_a_second_bridge_on_the_state_folder_is_refused(tmp_path):
    async with running(tmp_path, "--no-demo") as bridge:
        with pytest.raises(Ended) as ended:
            async with running(tmp_path, "--no-demo"):
                pass
    code, said = ended.value.args
    assert code == 1
    assert f"process {bridge.process.pid}" in " ".join(said)
    assert "--state" in " ".join(said)


async def test_a_taken_port_names_who_has_it(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, _, complaint = await call("serve", "--port", str(port), "--state", str(tmp_path), "--no-demo")
    assert code == 1
    assert f"port {port} is taken" in complaint
    assert "--port" in complaint


async def test_a_state_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    code, _, complaint = await call("serve", "--port", "0", "--state", str(tmp_path / "file" / "x"), "--no-demo")
    assert code == 1
    assert str(tmp_path / "file" / "x") in complaint
    assert "--state" in complaint


async def test_a_model_that_is_not_there_does_not_keep_the_others_away(tmp_path):
    async with running(tmp_path, "--model", "nosuch", "--model", "palette") as bridge:
        assert bridge.sessions == ["palette"]
    assert [line for line in bridge.log if line["level"] == "error" and "nosuch" in line["message"]]


async def test_the_token_is_in_no_log_line(tmp_path):
    flags = ("--no-demo", "--token", "sesame-opens", "--log-level", "debug")
    async with running(tmp_path, *flags) as bridge:
        async with aiohttp.ClientSession(bridge.url) as http:
            async with http.get("/api/sessions", params={"token": "sesame-opens"}) as answer:
                assert answer.status == 200
            async with http.get("/api/sessions") as answer:
                assert answer.status == 401
        await bridge.end()
    assert "sesame" not in json.dumps(bridge.log)


# --- models, new, doctor -------------------------------------------------------------------------


async def test_models_are_listed_shown_and_found(tmp_path):
    state = ("--state", str(tmp_path))
    listed = await json_of("models", "list", *state)
    assert {"palette", "pencil"} <= {model["id"] for model in listed["models"]}
    shown = await json_of("models", "show", "pencil", *state)
    assert shown["signature"]["commands"]["run"]["inputs"]["image"]["kind"] == "image"
    found = await json_of("models", "search", "pencil", "--output", "image", *state)
    assert [model["id"] for model in found["models"]] == ["pencil"]


async def test_models_alone_lists_them_for_people(tmp_path):
    code, out, _ = await call("models")
    assert code == 0
    assert "palette" in out
    code, out, _ = await call("models", "show", "pencil", "--state", str(tmp_path))
    assert code == 0
    assert "darkness" in out


async def test_a_broken_model_is_listed_with_its_reason(tmp_path):
    broken = tmp_path / "models" / "mine"
    broken.mkdir(parents=True)
    (broken / "model.toml").write_text("titel = 3")
    listed = await json_of("models", "list", "--state", str(tmp_path))
    assert "titel" in next(model for model in listed["models"] if model["id"] == "mine")["problem"]["message"]


async def test_a_new_model_is_found_and_runs(tmp_path):
    made = await json_of("new", "mine", "--state", str(tmp_path))
    assert Path(made["folder"]) == tmp_path / "models" / "mine"
    listed = await json_of("models", "list", "--state", str(tmp_path))
    assert next(model for model in listed["models"] if model["id"] == "mine")["problem"] is None
    code, _, complaint = await call("new", "mine", "--state", str(tmp_path))
    assert code == 1
    assert "mine" in complaint


async def test_doctor_tells_settings_with_their_origin_and_hides_the_token(tmp_path):
    (tmp_path / "config.toml").write_text('port = 0\ntoken = "sesame-opens"\n')
    found = await json_of("doctor", "--state", str(tmp_path))
    settings = {setting["name"]: setting for setting in found["settings"]}
    assert settings["port"]["from"] == f"{tmp_path / 'config.toml'}, line 1"
    assert settings["state"]["from"] == "--state"
    assert settings["host"]["from"] == "default"
    assert "sesame" not in json.dumps(found)
    states = {check["name"]: check["state"] for check in found["checks"]}
    assert states["state folder"] == states["model palette"] == "ok"


async def test_doctor_ends_with_1_when_something_is_bad(tmp_path):
    (tmp_path / "file").write_text("")
    code, out, _ = await call("doctor", "--state", str(tmp_path / "file" / "x"))
    assert code == 1
    assert "can't be written" in " ".join(out.split())


# --- run -----------------------------------------------------------------------------------------


async def test_run_starts_a_model_by_itself_when_no_bridge_answers(tmp_path, photo):
    (tmp_path / "config.toml").write_text("port = 1\n")
    ran = await json_of("run", "palette", "-i", f"image=@{photo}", "-i", "count=2", "--state", str(tmp_path))
    assert ran["outputs"]["colors"] == ["#ff0000", "#0000ff"]
    assert ran["outputs"]["shares"] == pytest.approx([2 / 3, 1 / 3], abs=0.02)


async def test_run_uses_the_bridge_that_answers_and_leaves_it_as_it_was(tmp_path, photo):
    async with running(tmp_path, "--model", "mine=palette") as bridge:
        url = ("--url", bridge.url, "--state", str(tmp_path))
        ran = await json_of("run", "mine", "-i", f"image=@{photo}", "-i", "count=1", *url)
        assert len(ran["outputs"]["colors"]) == 1
        picture = tmp_path / "drawing.png"
        ran = await json_of("run", "pencil", "-i", f"image=@{photo}", "-o", str(picture), *url)
        assert ran["outputs"] == {"image": str(picture)}
        async with aiohttp.ClientSession(bridge.url) as http, http.get("/api/sessions") as answer:
            assert [session["name"] for session in (await answer.json())["sessions"]] == ["mine"]
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert cv2.imread(str(picture)).shape == (60, 90, 3)


async def test_text_is_shown_as_it_comes(tmp_path):
    model = Path(__file__).parent / "models" / "counter"
    code, out, complaint = await call("run", str(model), "--state", str(tmp_path))
    assert code == 0, complaint
    assert out.strip()


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        (("image=hello.jpg",), "@"),
        (("image=@nosuch.jpg",), "nosuch.jpg can't be read"),
        (("imag=@PHOTO",), "image"),
        (("image=@PHOTO", "count=many"), "count"),
        ((), "image"),
    ],
)
async def test_a_wrong_input_is_1_and_says_what_it_takes(inputs, words, tmp_path, photo):
    (tmp_path / "config.toml").write_text("port = 1\n")
    given = [part for text in inputs for part in ("-i", text.replace("PHOTO", str(photo)))]
    code, out, complaint = await call("run", "palette", *given, "--state", str(tmp_path))
    assert (code, out) == (1, "")
    assert words in complaint
    assert "Traceback" not in complaint


async def test_run_says_when_no_bridge_answers_at_the_address_that_was_named(tmp_path, photo):
    code, _, complaint = await call("run", "palette", "--url", "http://127.0.0.1:1", "--state", str(tmp_path))
    assert code == 1
    assert "no bridge answers at http://127.0.0.1:1" in complaint
