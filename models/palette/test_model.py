from pathlib import Path

import cv2
import numpy as np
import pytest

from bridge import load_class

HERE = Path(__file__).parent
Palette = load_class(HERE)


def striped(*stripes: tuple[tuple[int, int, int], int]) -> np.ndarray:
    """Upright stripes of these colours and widths, opaque."""
    columns = [np.tile(np.uint8([[(*color, 255)]]), (100, width, 1)) for color, width in stripes]
    return np.hstack(columns)


def test_colours_come_with_their_shares_the_largest_first():
    picture = striped(((200, 30, 30), 20), ((20, 60, 160), 70), ((240, 220, 90), 10))
    found = Palette().run(picture, count=3)
    assert found["colors"] == ["#143ca0", "#c81e1e", "#f0dc5a"]
    assert found["shares"] == pytest.approx([0.7, 0.2, 0.1], abs=0.01)


def test_a_flat_picture_has_one_colour():
    assert Palette().run(striped(((9, 200, 30), 50)), count=5) == {"colors": ["#09c81e"], "shares": [1.0]}


def test_colours_that_look_alike_are_one():
    found = Palette().run(striped(((100, 100, 100), 50), ((103, 101, 100), 50)), count=5)
    assert len(found["colors"]) == 1


def test_a_small_accent_has_its_place():
    rng = np.random.default_rng(1)
    wall = rng.integers(100, 156, (100, 97, 1)).repeat(3, axis=2)
    picture = np.concatenate([np.dstack([wall, np.full((100, 97), 255)]), striped(((230, 190, 10), 3))], axis=1)
    assert "#e6be0a" in Palette().run(picture.astype(np.uint8), count=4)["colors"]


def test_transparent_parts_do_not_count():
    picture = striped(((200, 30, 30), 50), ((20, 60, 160), 50))
    picture[:, :50, 3] = 0
    assert Palette().run(picture)["colors"] == ["#143ca0"]


def test_a_wholly_transparent_picture_still_has_an_answer():
    assert Palette().run(np.zeros((10, 10, 4), np.uint8))["shares"] == [1.0]


def test_the_smallest_picture_has_a_palette():
    assert Palette().run(np.full((1, 1, 4), 255, np.uint8), count=16) == {"colors": ["#ffffff"], "shares": [1.0]}


@pytest.mark.parametrize("count", [1, 2, 5, 16])
def test_never_more_than_asked_and_together_the_whole(count):
    noise = np.random.default_rng(0).integers(0, 256, (90, 120, 4), dtype=np.uint8)
    found = Palette().run(noise, count=count)
    assert len(found["colors"]) == len(found["shares"]) <= count
    assert sum(found["shares"]) == pytest.approx(1, abs=0.001)
    assert found["shares"] == sorted(found["shares"], reverse=True)
    assert found == Palette().run(noise, count=count)


@pytest.mark.parametrize("name", ["still", "planet", "moth"])
def test_the_samples_on_the_card_are_its_own_work(name):
    given, shown = (cv2.imread(str(HERE / f"sample-{name}{end}.jpg"))[..., ::-1] for end in ("", "-colours"))
    found = Palette().run(cv2.cvtColor(given, cv2.COLOR_RGB2RGBA), count=6)
    middles = (np.cumsum(found["shares"]) - np.array(found["shares"]) / 2) * len(shown)
    for color, line in zip(found["colors"][:4], middles, strict=False):
        expected = [int(color[at : at + 2], 16) for at in (1, 3, 5)]
        assert np.abs(shown[int(line), -20:].mean(axis=0) - expected).max() < 12  # JPEG, on both sides
