"""sketchbridge walk: films of walks, the same each time, and words for what can't be filmed."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from bridge.commands.walk import Wish, walk
from bridge.config import Settings
from bridge.errors import BridgeError

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
