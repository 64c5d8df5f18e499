"""Films are whole or not there, and hold the pictures they were given."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from bridge.errors import BridgeError, SettingError
from bridge.film import film, kind_of

av = pytest.importorskip("av", reason="PyAV is not installed")


def pictures(count=7, width=61, height=33):
    """Each another grey, with a bright corner that tells up from down."""
    for number in range(count):
        picture = np.full((height, width, 3), 20 + number * 30, np.uint8)
        picture[:8, :8] = (255, 0, 0)
        yield picture


def shown(path):
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)], float(stream.average_rate)


@pytest.mark.parametrize(("name", "near"), [("walk.mp4", 12), ("walk.gif", 12)])
def test_a_film_shows_what_it_was_given(tmp_path, name, near):
    with film(tmp_path / "deep" / name, 25) as out:
        for picture in pictures():
            out.add(picture)
    frames, rate = shown(tmp_path / "deep" / name)
    assert len(frames) == 7 and rate == 25
    for frame, picture in zip(frames, pictures(), strict=True):
        assert np.abs(frame[12:33, 12:61].astype(int) - picture[12:33, 12:61]).mean() < near
        assert frame[3, 3, 0] > 150 > frame[3, 3, 1] + 40
    assert [path.name for path in (tmp_path / "deep").iterdir()] == [name]


def test_a_folder_gets_numbered_pictures(tmp_path):
    with film(tmp_path / "frames", 30) as out:
        for picture in pictures(3):
            out.add(picture)
    found = sorted((tmp_path / "frames").iterdir())
    assert [path.name for path in found] == ["walk-00001.png", "walk-00002.png", "walk-00003.png"]
    assert all(
        (cv2.imread(str(path))[..., ::-1] == picture).all() for path, picture in zip(found, pictures(), strict=False)
    )


def test_of_an_older_longer_film_nothing_is_left_and_nothing_else_is_touched(tmp_path):
    for name in ("walk-00001.png", "walk-00004.png", "walk-100000.png", "walk-4.png", "mine.png", "walk-00004.txt"):
        (tmp_path / name).write_bytes(b"older")
    with film(tmp_path, 30) as out:
        for picture in pictures(2):
            out.add(picture)
    left = {path.name: path.read_bytes() == b"older" for path in tmp_path.iterdir()}
    assert left == {
        "walk-00001.png": False,
        "walk-00002.png": False,
        "walk-4.png": True,
        "mine.png": True,
        "walk-00004.txt": True,
    }


def test_pictures_go_where_one_is_as_well(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with film(Path(), 30) as out:
        out.add(next(pictures()))
    assert [path.name for path in tmp_path.iterdir()] == ["walk-00001.png"]


@pytest.mark.parametrize("name", ["walk.mp4", "walk.gif", "frames"])
def test_what_breaks_off_leaves_nothing_and_spares_what_was_there(tmp_path, name):
    if "." in name:
        (tmp_path / name).write_bytes(b"an older film")

    def broken_off() -> None:
        with film(tmp_path / name, 30) as out:
            out.add(next(pictures()))
            raise RuntimeError("the model is gone")

    with pytest.raises(RuntimeError):
        broken_off()
    left = [path.read_bytes() for path in tmp_path.iterdir()]
    assert left == ([b"an older film"] if "." in name else [])


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("walk.avi", r"walk\.avi can't be a film"),
        ("walk.png", r"walk\.png would be one picture"),
        ("Still.PNG", r"Still\.PNG would be one picture"),
        ("folder.mp4", r"folder\.mp4 is a folder"),
        ("file", r"file is a file"),
    ],
)
def test_a_name_that_can_t_be_a_film_is_told_before_anything_is_rendered(tmp_path, name, says):
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingError, match=says):
        kind_of(tmp_path / name)


def test_a_place_that_can_t_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BridgeError, match="can't be written"), film(tmp_path / "file" / "walk.mp4", 30):
        pass
