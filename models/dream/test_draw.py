"""The drawn pictures: the same place is the same picture, near places are near pictures, and all motifs come about as often."""

import numpy as np
import pytest

pytest.importorskip("cv2")

from models.dream.draw import draw, draw_set, paint
from models.dream.traits import LENGTH, MOTIFS, NAMES, place, traits


def at_motif(motif, z):
    """The place z, moved to where the motif is the one shown."""
    z = z.copy()
    z[: len(MOTIFS)] = -1
    z[MOTIFS.index(motif)] = 2
    return z


def test_a_seed_is_always_the_same_picture():
    assert draw(3, 32).shape == (32, 32, 3)
    assert np.array_equal(draw(3, 32), draw(3, 32))
    assert not np.array_equal(draw(3, 32), draw(4, 32))


def test_only_the_direction_of_a_place_counts():
    one, other = traits(place(5)), traits(place(5) * 3)
    assert one.pop("motif") == other.pop("motif")
    assert one == pytest.approx(other)


def test_every_motif_comes_about_as_often():
    shown = [traits(place(seed))["motif"] for seed in range(1600)]
    for motif in MOTIFS:
        assert 140 < shown.count(motif) < 260


def test_every_trait_takes_all_of_its_range():
    found = [traits(place(seed)) for seed in range(400)]
    for name in ("hour", *NAMES):
        low, high = np.percentile([each[name] for each in found], (5, 95))
        assert low < 0.2 * high or low < high - 0.02


@pytest.mark.parametrize("motif", MOTIFS)
def test_a_small_step_changes_a_picture_a_little(motif):
    rng = np.random.default_rng(1)
    z = at_motif(motif, rng.standard_normal(LENGTH))
    here = paint(traits(z), 32).astype(int)
    near = paint(traits(at_motif(motif, z + 0.01 * rng.standard_normal(LENGTH))), 32)
    far = paint(traits(at_motif(motif, rng.standard_normal(LENGTH))), 32)
    assert 0 < np.abs(near - here).mean() < 3 < np.abs(far - here).mean()


@pytest.mark.parametrize("motif", MOTIFS)
@pytest.mark.parametrize("extreme", [0.0, 1.0])
def test_every_motif_can_be_painted_at_its_extremes(motif, extreme):
    p = traits(at_motif(motif, place(0)))
    p |= {name: extreme for name in NAMES if name.startswith("s") and name[1:].isdigit()}
    with np.errstate(all="raise", under="ignore"):
        picture = paint(p, 32)
    assert picture.std() > 10


def test_a_set_is_drawn_in_order_and_appears_whole(tmp_path):
    draw_set(tmp_path / "set.npy", 3, 16)
    pictures = np.load(tmp_path / "set.npy")
    assert np.array_equal(pictures, np.stack([draw(seed, 16) for seed in range(3)]))
    assert [path.name for path in tmp_path.iterdir()] == ["set.npy"]
