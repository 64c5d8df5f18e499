"""sketchbridge walk: films of walks, the same each time, and words for what can't be filmed."""

import asyncio
import re
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest

from bridge.commands.walk import Wish, walk
from bridge.config import Settings
from bridge.errors import BridgeError, InputError, ModelCrashed
from bridge.walks.handles import Handles
from bridge.walks.keys import Latent
from bridge.walks.performance import Performance
from bridge.walks.recording import Control, Recording
from bridge.walks.timeline import Walk
from bridge.workspace import SavedFavourite, Workspace

MODELS = Path(__file__).parent / "models"


def rendered(tmp_path: Path, **wish) -> list[np.ndarray]:
    out = wish.pop("out", tmp_path / "frames")
    walk(Settings(state=tmp_path / "state"), Wish(str(MODELS / wish.pop("model", "latent")), out, **wish))
    return [cv2.imread(str(path)) for path in sorted(out.iterdir())]


def test_a_circle_is_closed_and_each_rendering_is_the_same(tmp_path):
    wish = {"seconds": 2.0, "fps": 10.0, "told": ("kind=circle", "seconds=1", "seed=4")}
    one = rendered(tmp_path, out=tmp_path / "one", **wish)
    two = rendered(tmp_path, out=tmp_path / "two", **wish)
    assert len(one) == 20 and all((a == b).all() for a, b in zip(one, two, strict=True))
    assert (one[0] == one[10]).all() and (one[0] != one[5]).any()


def test_inputs_of_the_model_and_a_walk_in_w(tmp_path):
    told = ("kind=loop", "keyframes=[1, 2]", "space=w", "playing=false")
    (picture,) = rendered(tmp_path, seconds=0.1, fps=10.0, told=told, inputs=("label=1",))
    mapped = np.random.RandomState(1).randn(4).astype(np.float32)[:3] + 2
    assert tuple(picture[0, 0, ::-1]) == tuple(np.clip(128 + 40 * mapped, 0, 255).astype(np.uint8))


@pytest.mark.parametrize(
    ("wish", "says"),
    [
        ({"told": ("sped=1",)}, "sped"),
        ({"told": ("speed",)}, "NAME=VALUE"),
        ({"told": ('keyframes=[{"favourite": "x"}]',)}, "favourite"),
        ({"fps": 0.0}, "--fps"),
        ({"seconds": -1.0}, "--seconds"),
        ({"model": "echo"}, "none of its inputs is a vector"),
        ({"recording": Path("nowhere.jsonl")}, "can't be read"),
        ({"recording": MODELS / "latent" / "model.toml"}, "line 1"),
        ({"inputs": ("truncation=7",)}, "truncation"),
    ],
)
def test_what_can_t_be_filmed_is_told_and_leaves_nothing(tmp_path, wish, says):
    with pytest.raises(BridgeError, match=says):
        rendered(tmp_path, out=tmp_path / "film.mp4", **wish)
    assert not list(tmp_path.glob("*film*"))


async def kept(state: Path, *places: tuple[str, str, list[float]]) -> None:
    async with Workspace(state) as workspace:
        for id, space, vector in places:
            data = np.array(vector, "<f4").tobytes()
            model = "other" if id == "alien" else "latent"
            await workspace.keep(SavedFavourite(id, "latent", model, id, space, data, {}, b""))


async def with_favourites(tmp_path: Path) -> None:
    """They lie in the state folder of a bridge that still runs."""
    places = ("one", "z", [1, 1, 1, 1]), ("two", "z", [2, 0, 0, 0]), ("style", "w", [1, 0, -1]), ("alien", "z", [1] * 4)
    await kept(tmp_path / "state", *places)


async def test_favourites_are_keyframes_of_a_film_while_a_bridge_has_them_open(tmp_path):
    await with_favourites(tmp_path)
    places = "keyframes=[%s]", "kind=loop", "seconds=0.5", "speed=1"
    named = tuple(text % '{"favourite": "one"}, {"favourite": "two"}' if "%s" in text else text for text in places)
    plain = tuple(text % "[1, 1, 1, 1], [2, 0, 0, 0]" if "%s" in text else text for text in places)
    async with Workspace(tmp_path / "state"):
        films = [
            await asyncio.to_thread(rendered, tmp_path, out=tmp_path / out, seconds=1.0, fps=5.0, told=told)
            for out, told in (("named", named), ("plain", plain))
        ]
    assert len(films[0]) == 5 and all((a == b).all() for a, b in zip(*films, strict=True))


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ('centre={"favourite": "three"}', "no favourite 'three' of this model"),
        ('centre={"favourite": "alien"}', "no favourite 'alien' of this model"),
        ('centre={"favourite": "style"}', "was kept in w"),
    ],
)
async def test_a_favourite_that_can_t_be_filmed_is_told(tmp_path, told, says):
    await with_favourites(tmp_path)
    with pytest.raises(InputError, match=says) as caught:
        await asyncio.to_thread(rendered, tmp_path, out=tmp_path / "film.mp4", told=(told,))
    assert caught.value.field == "centre" and caught.value.hint


LATENT = Latent(4, 3, (0.0, 1.0), ("direction/1", "direction/2"))
HANDLES = Handles(LATENT, "z", "w", "map", "truncation")


def recorded(path: Path, handles: Handles, *controls: Control, sent: dict | None = None) -> Path:
    performance = Performance(handles, Walk.begun(handles.latent), sent=sent or {})
    path.write_text("".join(Recording("other", performance, 0.0, (*controls, Control(0.2, end=True))).lines()))
    return path


def latent_with(**changes) -> Handles:
    return msgspec.structs.replace(HANDLES, latent=msgspec.structs.replace(LATENT, **changes))


def renamed(**names) -> Handles:
    return msgspec.structs.replace(HANDLES, **names)


@pytest.mark.parametrize(
    ("handles", "controls", "sent", "says"),
    [
        (latent_with(z=64), (), {}, "made with another model, other: z has 64 numbers, this one takes 4"),
        (latent_with(w=512), (), {}, "w has 512 numbers, this one takes 3"),
        (latent_with(directions=("direction/9",)), (), {}, "moves 'direction/9', this one takes z, w, truncation"),
        (renamed(z="noise"), (), {}, "moves 'noise'"),
        (renamed(truncation="psi"), (), {}, "moves 'psi'"),
        (HANDLES, (), {"grain": 1}, "moves 'grain'"),
        (HANDLES, (Control(0.1, inputs={"grain": 1}),), {}, "moves 'grain'"),
    ],
    ids=["z", "w", "direction", "name of z", "truncation", "sent before", "sent later"],
)
def test_a_recording_of_another_model_is_told_before_anything_is_rendered(tmp_path, handles, controls, sent, says):
    recording = recorded(tmp_path / "show.jsonl", handles, *controls, sent=sent)
    with pytest.raises(InputError, match=re.escape(says)):
        rendered(tmp_path, out=tmp_path / "film.mp4", recording=recording)
    assert not list(tmp_path.glob("*film*"))


def test_a_recording_of_a_model_that_has_less_is_rendered(tmp_path):
    handles = msgspec.structs.replace(
        HANDLES, w=None, map=None, truncation=None, latent=latent_with(w=None, truncation=None, directions=()).latent
    )
    recording = recorded(tmp_path / "show.jsonl", handles, Control(0.1, set={"seed": 3}))
    assert len(rendered(tmp_path, recording=recording, fps=10.0)) == 2


CRASHES = """
import os
from typing import Annotated

import numpy as np

from bridge import Image, Model, Vector


class Crashes(Model):
    runs = 0

    def run(self, z: Annotated[np.ndarray, Vector(4)]) -> Annotated[np.ndarray, Image()]:
        self.runs += 1
        if self.runs == 9:
            os._exit(3)
        return np.zeros((8, 8, 3), np.uint8)
"""


@pytest.mark.parametrize("name", ["film.mp4", "film.gif", "film"])
def test_a_model_that_crashes_midway_is_told_and_leaves_nothing(tmp_path, name):
    if "." in name:
        pytest.importorskip("av", reason="PyAV is not installed")
    folder = tmp_path / "crashes"
    folder.mkdir()
    (folder / "model.py").write_text(CRASHES)
    (folder / "model.toml").write_text('title = "Crashes"\nkind = "generate"\n')
    with pytest.raises(ModelCrashed, match="crashes"):
        rendered(tmp_path, model=folder, out=tmp_path / name, seconds=5.0)
    assert not list(tmp_path.glob("*film*"))
