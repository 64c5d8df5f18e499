import itertools
import math

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge import limits
from bridge.errors import InputError
from bridge.walks import curves, waves
from bridge.walks.curves import LFO, Points, Ramp

LOW, HIGH = 0.0, 10.0

numbers = st.floats(LOW, HIGH)
easings = st.sampled_from(["none", "smooth", "in", "out"])
lfos = st.builds(
    LFO,
    st.sampled_from(waves.NAMES),
    st.floats(0.5, 20),
    numbers,
    numbers,
    st.floats(0, 1),
    st.integers(0, 2**32 - 1),
)
ramps = st.builds(Ramp, numbers, numbers, st.floats(0.5, 20), easings)


@st.composite
def pointed(draw: st.DrawFn) -> Points:
    gaps = draw(st.lists(st.floats(0.1, 5), min_size=2, max_size=6))
    times = itertools.accumulate(gaps)
    return Points(tuple((time, draw(numbers)) for time in times), draw(st.booleans()), draw(easings))


any_curve = st.one_of(lfos, ramps, pointed())


def summed(curve: curves.Curve, start: float, end: float, steps: int = 4000) -> float:
    width = (end - start) / steps
    return sum(curve.at(start + (step + 0.5) * width) for step in range(steps)) * width


@settings(max_examples=80, deadline=None)
@given(any_curve, st.floats(-3, 30), st.floats(0, 30))
def test_the_area_is_what_adding_up_gives(curve: curves.Curve, start: float, length: float):
    found = curve.integral(start, start + length)
    assert found == pytest.approx(summed(curve, start, start + length), abs=0.01 * (1 + length))


@settings(max_examples=80, deadline=None)
@given(any_curve, st.floats(0, 1e5), st.floats(0, 20), st.floats(0, 20))
def test_areas_side_by_side_add_up(curve: curves.Curve, start: float, one: float, two: float):
    parts = curve.integral(start, start + one) + curve.integral(start + one, start + one + two)
    assert parts == pytest.approx(curve.integral(start, start + one + two), abs=1e-5)


@settings(max_examples=80, deadline=None)
@given(any_curve, st.floats(-100, 1e6))
def test_curves_stay_within_their_bounds(curve: curves.Curve, x: float):
    low, high = curve.bounds
    assert low - 1e-9 <= curve.at(x) <= high + 1e-9


@settings(max_examples=50, deadline=None)
@given(any_curve)
def test_what_is_told_as_json_is_taken_again(curve: curves.Curve):
    said = msgspec.json.decode(msgspec.json.encode(curves.plain(curve)))
    assert curves.parse(said, "speed", LOW, HIGH) == curve


@settings(max_examples=50, deadline=None)
@given(any_curve)
def test_a_curve_can_be_kept(curve: curves.Curve):
    assert msgspec.json.decode(msgspec.json.encode(curve), type=curves.Curve) == curve


@pytest.mark.parametrize("shape", ["sine", "triangle", "saw", "square"])
def test_waves_begin_low_and_are_half_way_on_average(shape: str):
    lfo = LFO(shape, 4.0, 1.0, 3.0)
    assert lfo.at(0) == 1.0
    assert lfo.integral(0, 4) == pytest.approx(2.0 * 4)


@pytest.mark.parametrize("shape", ["sine", "triangle", "wander"])
def test_smooth_waves_do_not_jump(shape: str):
    lfo = LFO(shape, 1.0, 0.0, 1.0, seed=5)
    heights = [lfo.at(step / 1000) for step in range(-3000, 6000)]
    assert max(abs(after - before) for before, after in itertools.pairwise(heights)) < 0.01


def test_chance_holds_a_height_for_a_period_and_then_takes_another():
    lfo = LFO("random", 2.0, 0.0, 1.0, seed=1)
    assert lfo.at(0.0) == lfo.at(1.99) != lfo.at(2.0)
    assert len({lfo.at(2.0 * period) for period in range(100)}) == 100
    assert lfo.at(5.0) != LFO("random", 2.0, 0.0, 1.0, seed=2).at(5.0)


def test_a_ramp_stays_where_it_got():
    ramp = Ramp(1.0, 3.0, 4.0)
    assert [ramp.at(x) for x in (-1, 0, 2, 4, 400)] == [1, 1, 2, 3, 3]


def test_points_that_loop_come_again():
    points = Points(((0.0, 1.0), (1.0, 5.0), (4.0, 1.0)), loop=True)
    assert points.at(0.5) == points.at(8.5) == 3.0
    assert points.integral(0, 8) == pytest.approx(2 * points.integral(0, 4))


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ({"lfo": "sin", "period": 2, "low": 0, "high": 1}, "speed.lfo takes one of sine"),
        ({"lfo": "sine", "period": 0, "low": 0, "high": 1}, "speed.period takes a number from 0.01"),
        ({"lfo": "sine", "low": 0, "high": 1}, "speed needs period"),
        ({"lfo": "sine", "period": 1, "beats": 1, "low": 0, "high": 1}, "takes period or beats; both came"),
        ({"lfo": "sine", "period": 1, "low": -1, "high": 1}, "speed.low takes a number from 0 to 10; -1 came"),
        ({"lfo": "sine", "period": 1, "low": 0, "high": math.inf}, "speed.high takes a number from 0 to 10; infinity"),
        ({"lfo": "sine", "period": 1, "low": 0, "high": 1, "hihg": 2}, "speed has no 'hihg'"),
        ({"ramp": {"to": 3}}, "speed.ramp needs seconds"),
        ({"ramp": 3}, "speed.ramp takes an object"),
        ({"ramp": {"to": 3, "seconds": 1}, "points": []}, "ramp and points came"),
        ({}, "none of them came"),
        ({"points": [[0, 1]]}, "at least two points"),
        ({"points": [[0, 1], [0, 2]]}, "points in order"),
        ({"points": [[0, 1], [1]]}, "speed.points[1] takes a pair"),
        ({"points": [[0, 1], [1, math.nan]]}, "NaN came"),
        ({"points": [[index, 1] for index in range(limits.CURVE_POINTS + 1)]}, f"up to {limits.CURVE_POINTS} points"),
        (-1, "speed takes a number from 0 to 10; -1 came"),
        ("fast", "speed takes a number from 0 to 10; the text 'fast' came"),
    ],
)
def test_what_is_no_curve_is_told_in_words(raw: object, said: str):
    with pytest.raises(InputError, match="speed") as told:
        curves.parse(raw, "speed", LOW, HIGH)
    assert said in told.value.message
