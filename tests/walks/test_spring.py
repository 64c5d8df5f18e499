import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.walks.spring import glide, spring

dampings = st.one_of(st.floats(0, 4), st.just(1.0), st.floats(0.9999, 1.0001))


@settings(max_examples=80, deadline=None)
@given(st.floats(0.1, 500), dampings, st.floats(0, 3))
def test_a_spring_is_what_small_steps_give(stiffness: float, damping: float, seconds: float):
    rub = 2 * damping * stiffness**0.5
    steps = 4000
    width = seconds / steps
    place, speed = 1.0, 0.5

    def push(place: float, speed: float) -> float:
        return -stiffness * place - rub * speed

    for _ in range(steps):  # the midpoint rule
        half_place, half_speed = place + speed * width / 2, speed + push(place, speed) * width / 2
        place, speed = place + half_speed * width, speed + push(half_place, half_speed) * width
    pull = spring(stiffness, damping, seconds)
    assert pull.distance + 0.5 * pull.distance_of_speed == pytest.approx(place, abs=2e-3)
    assert pull.speed + 0.5 * pull.speed_of_speed == pytest.approx(speed, abs=2e-3 * (1 + stiffness))


@settings(max_examples=80, deadline=None)
@given(st.floats(0.1, 500), dampings, st.floats(0, 3), st.floats(0, 3))
def test_stopping_to_look_changes_nothing(stiffness: float, damping: float, one: float, two: float):
    first, second, both = (spring(stiffness, damping, seconds) for seconds in (one, two, one + two))
    place, speed = first.distance, first.speed
    assert second.distance * place + second.distance_of_speed * speed == pytest.approx(both.distance, abs=1e-6)


def test_it_begins_where_it_is():
    for damping in (0, 0.5, 1, 3):
        assert spring(40, damping, 0.0) == pytest.approx((1, 0, 0, 1))


def test_a_glide_only_comes_nearer():
    left = [glide(0.5, step / 10).distance for step in range(50)]
    assert left == sorted(left, reverse=True) and left[0] == 1 and left[-1] < 1e-4
    assert glide(0, 0).distance == 0
