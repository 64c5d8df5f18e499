from pathlib import Path

import cv2
import numpy as np
import pytest

from bridge import load_class

HERE = Path(__file__).parent
Pencil = load_class(HERE)


def ball(size: int = 128) -> np.ndarray:
    """A lit red ball on a light ground."""
    picture = np.full((size, size, 3), 225, np.uint8)
    for radius in range(size // 3, 0, -1):
        at = size // 2 - (size // 3 - radius) // 3
        light = 40 + 170 * (1 - 3 * radius / size)
        cv2.circle(picture, (at, at), radius, (int(light) + 40, int(light) // 3, int(light) // 4), -1)
    return picture


@pytest.fixture
def pencil():
    model = Pencil()
    model.setup()
    return model


def greyness(picture: np.ndarray) -> float:
    return float(np.ptp(picture.astype(int), axis=-1).mean())


def test_a_drawing_has_the_size_of_its_picture(pencil):
    for height, width in ((128, 128), (60, 200), (1, 1), (3, 500)):
        drawn = pencil.run(np.full((height, width, 3), 90, np.uint8))
        assert drawn.shape == (height, width, 3) and drawn.dtype == np.uint8


def test_light_stays_paper_and_shade_is_covered(pencil):
    drawn = pencil.run(ball())
    assert drawn[:20, :20].mean() > 225
    assert drawn[70:100, 70:100].mean() < drawn[:20, :20].mean() - 60


def test_the_same_picture_gives_the_same_drawing(pencil):
    first = pencil.run(ball())
    pencil.run(ball(64))
    assert np.array_equal(first, pencil.run(ball()))


def test_darkness_presses_harder(pencil):
    light, dark = (pencil.run(ball(), darkness=value).mean() for value in (0.0, 1.0))
    assert dark < light - 5


def test_detail_draws_finer_strokes(pencil):
    def roughness(drawn):
        return cv2.Laplacian(cv2.cvtColor(drawn, cv2.COLOR_RGB2GRAY), cv2.CV_32F).std()

    assert roughness(pencil.run(ball(), detail=1.0)) > roughness(pencil.run(ball(), detail=0.0))


def test_colour_comes_with_the_coloured_pencils(pencil):
    graphite, coloured = pencil.run(ball()), pencil.run(ball(), color=1.0)
    assert greyness(graphite) < 8 < greyness(coloured)
    red, green, blue = coloured[50:90, 50:90].reshape(-1, 3).mean(axis=0)
    assert red > green + 20 and red > blue + 20


def test_kraft_paper_is_brown():
    model = Pencil()
    model.setup(paper="kraft")
    red, _, blue = model.run(ball())[:20, :20].reshape(-1, 3).mean(axis=0)
    assert red > blue + 30


def test_a_very_large_picture_comes_back_in_its_size(pencil, monkeypatch):
    monkeypatch.setitem(Pencil.run.__globals__, "LARGEST", 64 * 64)
    assert pencil.run(ball(256)).shape == (256, 256, 3)


@pytest.mark.parametrize(
    ("name", "paper", "wishes"),
    [
        ("still", "white", {"darkness": 0.6}),
        ("owl", "white", {"color": 1.0}),
        ("mask", "kraft", {"darkness": 0.8, "color": 0.6}),
    ],
)
def test_the_samples_on_the_card_are_its_own_work(name, paper, wishes):
    given, shown = (cv2.imread(str(HERE / f"sample-{name}{end}.jpg"))[..., ::-1] for end in ("", "-drawn"))
    model = Pencil()
    model.setup(paper=paper)
    drawn = model.run(np.ascontiguousarray(given), **wishes)
    soft = [cv2.GaussianBlur(picture, (0, 0), 6).astype(int) for picture in (drawn, shown)]
    assert np.abs(soft[0] - soft[1]).mean() < 4  # JPEG, on both sides
