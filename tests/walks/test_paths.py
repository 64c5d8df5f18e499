import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.walks import blends
from bridge.walks.anchors import Vectors, seeded
from bridge.walks.keys import Favourite, Given, Latent, Seed
from bridge.walks.paths import Path, path_of
from tests.walks import samples

MOVING = ("noise", "loop", "circle", "drift")
INTERPOLATIONS = ("spherical", "linear", "cubic")
EASINGS = ("none", "smooth", "in", "out")
ANY = [(kind, way, space) for kind in MOVING for way in INTERPOLATIONS for space in "zw"]

vectors = {space: samples.vectors(space) for space in "zw"}


def path(**patch: object) -> Path:
    made = path_of(samples.settings(**patch))
    assert made is not None
    return made


def at(made: Path, place: float, space: str = "z", distance: float = 1.0) -> np.ndarray:
    return made.at(place, distance, vectors[space])


@pytest.mark.parametrize(("kind", "interpolation", "space"), ANY)
@settings(max_examples=25, deadline=None)
@given(st.one_of(st.floats(-30, 30), st.integers(-8, 8).map(float)), st.floats(0.01, 2))
def test_nothing_jumps(kind: str, interpolation: str, space: str, place: float, distance: float):
    made = path(kind=kind, interpolation=interpolation, space=space)
    step = 1e-5
    before, here, after = (at(made, place + off, space, distance) for off in (-step, 0, step))
    most = step * 30 * (1 + distance) * np.linalg.norm(here)
    assert np.linalg.norm(after - here) < most and np.linalg.norm(here - before) < most


@pytest.mark.parametrize(("kind", "interpolation", "space"), ANY)
def test_it_moves_at_all(kind: str, interpolation: str, space: str):
    made = path(kind=kind, interpolation=interpolation, space=space)
    assert np.linalg.norm(at(made, 0.5, space) - at(made, 0.0, space)) > 0.5


@pytest.mark.parametrize(("kind", "interpolation", "space"), ANY)
def test_the_same_seed_gives_the_same_bits(kind: str, interpolation: str, space: str):
    patch = {"kind": kind, "interpolation": interpolation, "space": space, "seed": 5}
    once, again = (path(**patch).at(1.37, 0.8, samples.vectors(space)) for _ in range(2))
    assert once.tobytes() == again.tobytes()


@pytest.mark.parametrize("kind", ["noise", "circle", "drift"])
def test_another_seed_gives_another_way(kind: str):
    assert not np.allclose(at(path(kind=kind, seed=1), 0.3), at(path(kind=kind, seed=2), 0.3))


@pytest.mark.parametrize("kind", MOVING)
@pytest.mark.parametrize("interpolation", ["spherical", "cubic"])
@settings(max_examples=20, deadline=None)
@given(st.floats(-20, 20), st.floats(0.01, 3))
def test_in_z_the_length_stays_that_of_what_it_is_made_of(kind: str, interpolation: str, place: float, distance: float):
    made = path(kind=kind, interpolation=interpolation)
    lengths = [np.linalg.norm(vectors["z"][key]) for key in made.needs(place)]
    assert min(lengths) - 1e-6 <= np.linalg.norm(at(made, place, distance=distance)) <= max(lengths) + 1e-6


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize("easing", EASINGS)
def test_a_loop_goes_through_its_keyframes_and_closes(interpolation: str, easing: str):
    made = path(kind="loop", keyframes=[3, 1, 4], interpolation=interpolation, easing=easing)
    for place, seed in ((0, 3), (1, 1), (2, 4), (3, 3), (-1, 4)):
        np.testing.assert_allclose(at(made, float(place)), seeded(seed, 16), atol=1e-6)


def test_a_loop_of_one_stands_still():
    made = path(kind="loop", keyframes=[3])
    np.testing.assert_allclose(at(made, 0.5), seeded(3, 16), atol=1e-6)


def test_a_loop_takes_vectors_and_favourites():
    own = samples.vectors()
    own.put(Favourite("moon"), seeded(77, 16))
    made = path(kind="loop", keyframes=[samples.listed(5), {"favourite": "moon"}])
    np.testing.assert_array_equal(made.at(0.0, 1.0, own), seeded(5, 16))
    np.testing.assert_array_equal(made.at(1.0, 1.0, own), seeded(77, 16))


def test_a_cubic_loop_has_no_kinks():
    made = path(kind="loop", interpolation="cubic", space="w")
    step = 1e-4
    for place in (0.0, 1.0, 2.0, 4.0):
        before, here, after = (at(made, place + off, "w") for off in (-step, 0, step))
        np.testing.assert_allclose((here - before) / step, (after - here) / step, atol=5e-3)


def test_noise_bends_without_a_kink():
    made = path(kind="noise", space="w")
    step = 1e-3

    def bend(place: float) -> np.ndarray:
        one, two, three = (at(made, place + off, "w") for off in (-step, 0, step))
        return (one - 2 * two + three) / step**2

    np.testing.assert_allclose(bend(2 - 2 * step), bend(2 + 2 * step), atol=0.05)


def test_noise_does_not_come_again():
    made = path(kind="noise")
    seen = np.stack([at(made, float(place)) for place in range(-100, 100)])
    apart = np.linalg.norm(seen[:, None] - seen[None], axis=-1) + 10 * np.eye(200)
    assert apart.min() > 0.5


@pytest.mark.parametrize("space", ["z", "w"])
def test_a_circle_ends_on_the_very_bits_it_began_with(space: str):
    made = path(kind="circle", space=space)
    assert at(made, 0.0, space).tobytes() == at(made, 1.0, space).tobytes() == at(made, -7.0, space).tobytes()


@pytest.mark.parametrize("kind", ["drift", "circle"])
@pytest.mark.parametrize("space", ["z", "w"])
def test_the_distance_says_how_far_from_the_centre(kind: str, space: str):
    made = path(kind=kind, space=space, centre=5)
    centre = vectors[space][Seed(5)]
    apart = [
        np.mean([np.linalg.norm(at(made, place / 7, space, distance) - centre) for place in range(70)])
        for distance in (0.001, 0.1, 0.3, 1.0)
    ]
    assert apart == sorted(apart) and apart[0] < 0.01 < 0.2 < apart[1]


def test_noise_near_home_stays_near_home():
    made = path(kind="noise", seed=5)
    assert np.linalg.norm(at(made, 3.3, distance=0.01) - seeded(5, 16)) < 0.2
    assert np.linalg.norm(at(made, 3.3, distance=1.0) - seeded(5, 16)) > 1.0


def test_what_a_place_needs_is_all_that_is_asked_for():
    for kind, interpolation, space in ANY:
        made = path(kind=kind, interpolation=interpolation, space=space)
        only = {key: vectors[space][key] for key in made.needs(2.5)}
        made.at(2.5, 1.0, only)
        only.popitem()
        with pytest.raises(KeyError):
            made.at(2.5, 1.0, only)


def test_the_arc_keeps_its_pace_and_straight_lines_their_ends():
    start, end = np.array([2.0, 0.0]), np.array([0.0, 2.0])
    third = blends.spherical(start, end, 1 / 3)
    assert third == pytest.approx([2 * math.cos(math.pi / 6), 2 * math.sin(math.pi / 6)])
    for same in (start, -start, start * 1e-9, np.zeros(2)):
        assert blends.spherical(start, same, 0.5) == pytest.approx((start + same) / 2)


def test_seeds_are_those_that_are_published():
    np.testing.assert_array_equal(seeded(85, 512), np.random.RandomState(85).randn(1, 512)[0].astype(np.float32))


def test_vectors_are_kept_up_to_a_bound_and_refuse_other_lengths():
    kept = Vectors(Latent(4), bound=2)
    for seed in (1, 2, 1, 3):
        kept[Seed(seed)]
    assert list(kept) == [Seed(1), Seed(3)]
    kept.put(Favourite("a"), seeded(1, 4))
    assert kept.missing((Favourite("a"), Favourite("b"), Seed(9))) == (Favourite("b"),)
    with pytest.raises(ValueError, match="4 numbers"):
        kept.put(Favourite("b"), seeded(1, 5))
    with pytest.raises(KeyError):
        kept[Favourite("b")]


def test_in_w_only_what_was_put_there_is_there():
    kept = Vectors(samples.LATENT, "w")
    own = Given("w", seeded(1, 12).tobytes())
    assert kept.missing((Seed(1), own, Given("z", seeded(1, 16).tobytes()))) == (
        Seed(1),
        Given("z", seeded(1, 16).tobytes()),
    )
    np.testing.assert_array_equal(kept[own], seeded(1, 12))
