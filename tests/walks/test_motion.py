from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.walks.curves import LFO, Value
from bridge.walks.motion import Count, Lap, Motion, Pace, covered, moved, slip
from bridge.walks.tempo import Tempo

LOOP = Lap(4.0, 3.0)
ways = st.floats(0, 50)


def near_whole(value: float) -> bool:
    return abs(value - round(value)) < 1e-6


@settings(max_examples=100, deadline=None)
@given(st.floats(-20, 20), ways)
def test_back_and_then_forward_is_the_same_place(place: float, way: float):
    there, _ = moved(Motion(place=place, heading=-1), way, None)
    back, _ = moved(Motion(place=there, heading=1), way, None)
    assert back == pytest.approx(place, abs=1e-8)


@settings(max_examples=200, deadline=None)
@given(st.floats(-20, 20), st.sampled_from([1, -1]), ways, ways)
def test_to_and_fro_goes_on_the_same_after_being_anchored_anew(place: float, heading: int, one: float, two: float):
    start = Motion(place=place, heading=heading)
    between, turned = moved(start, one, LOOP)
    assert moved(Motion(place=between, heading=turned), two, LOOP)[0] == pytest.approx(
        moved(start, one + two, LOOP)[0], abs=1e-7
    )


@settings(max_examples=100, deadline=None)
@given(st.floats(-20, 20), st.sampled_from([1, -1]), ways, st.sampled_from([LOOP, Lap(1.0, 1.0), Lap(8.0, 8.0)]))
def test_to_and_fro_never_jumps(place: float, heading: int, way: float, lap: Lap):
    start = Motion(place=place, heading=heading)
    assert abs(moved(start, way + 0.001, lap)[0] - moved(start, way, lap)[0]) <= 0.001 + 1e-8


def test_to_and_fro_turns_at_the_first_and_the_last_keyframe():
    start = Motion(place=0.0)
    assert [moved(start, way, LOOP)[0] for way in (0, 2, 3, 4, 6, 7)] == [0, 2, 3, 2, 0, 1]
    assert moved(start, 3.0, LOOP)[1] == -1 and moved(start, 6.0, LOOP)[1] == 1


@pytest.mark.parametrize("lap", [LOOP, Lap(8.0, 8.0)])
def test_to_and_fro_has_turned_at_an_end_that_rounding_brought_it_to(lap: Lap):
    nearly = 1e-11
    for start, way in ((Motion(place=1.0, heading=-1), 1.0 - nearly), (Motion(place=1.0), lap.turn - 1.0 - nearly)):
        end, turned = moved(start, way, lap)
        assert end in (0.0, lap.turn) and turned == -start.heading
        assert moved(Motion(place=end, heading=turned), 0.5, lap)[0] == pytest.approx(moved(start, way + 0.5, lap)[0])


def test_to_and_fro_first_ends_the_way_that_closes_the_loop():
    assert [moved(Motion(place=3.5), way, LOOP)[0] for way in (0.25, 0.5, 1.5, 4.5)] == [3.75, 4.0, 5.0, 6.0]
    back = Motion(place=3.5, heading=-1)
    assert [moved(back, way, LOOP)[0] for way in (0.25, 0.5, 3.5, 4.5)] == [3.25, 3.0, 0.0, 1.0]


def test_one_keyframe_has_nowhere_to_go_to_and_fro():
    assert moved(Motion(place=2.0), 5.0, Lap(1.0, 0.0)) == (2.0, 1)


@pytest.mark.parametrize(
    ("speed", "on_beat", "way"),
    [
        (2.0, False, 2 * 3.0 / 4.0),  # 3 seconds, 4 to a keyframe
        (2.0, True, 2 * 6.0 / 4.0),  # 6 beats, 4 to a keyframe
        (LFO("square", 2.0, 0.0, 1.0), False, 1.0 / 4.0),  # up in the second second
        (LFO("square", 2.0, 0.0, 1.0), True, 2.0 / 4.0),  # for which two beats go by
        (LFO("square", 2.0, 0.0, 1.0, in_beats=True), False, 1.5 / 4.0),
        (LFO("square", 2.0, 0.0, 1.0, in_beats=True), True, 3.0 / 4.0),
    ],
)
def test_the_way_covered_is_the_area_below_the_speed(speed: Value, on_beat: bool, way: float):
    count = Count(10.0, 13.0, 2.0, 0.0, 0.0)  # three seconds at 120 beats a minute
    assert covered(Pace(speed, 4.0, on_beat), [count]) == pytest.approx(way)


@settings(max_examples=100, deadline=None)
@given(st.floats(0, 50), st.sampled_from([1, -1]), st.floats(0, 50), st.sampled_from([0.25, 0.5, 1.0, 2.0]))
def test_slipping_brings_the_next_keyframes_onto_beats(place: float, heading: int, beat: float, rate: float):
    more, over = slip(place, heading, beat, rate)
    later = beat + over
    there = place + heading * (over * rate + more)
    until = (there // 1 + 1 - there if heading > 0 else there - there // 1) / rate
    assert near_whole((later + until) * max(1.0, rate))  # several a beat: one of them is on it
    assert rate + more / over >= rate / 2 - 1e-9  # never backwards


def test_the_beat_goes_on_where_it_stood_when_the_tempo_changes():
    tempo = Tempo(bpm=120)
    changed = tempo.with_bpm(60, 3.0)
    assert tempo.beat_at(3.0) == changed.beat_at(3.0) == 6.0
    assert changed.beat_at(5.0) == 8.0


def tapped(*times: float, bpm: float = 120.0) -> Tempo:
    tempo = Tempo(bpm=bpm)
    for t in times:
        tempo = tempo.tapped(t)
    return tempo


def test_the_tempo_is_the_middle_of_the_taps():
    assert tapped(1.0, 1.5, 2.0, 2.9, 3.4).bpm == pytest.approx(120)
    assert tapped(1.0, 2.0).bpm == pytest.approx(60)


def test_one_tap_alone_and_one_after_a_long_pause_say_nothing_of_the_tempo():
    assert tapped(1.0, bpm=90).bpm == 90
    assert tapped(1.0, 2.0, 4.5).bpm == pytest.approx(60)


def test_two_taps_at_once_are_one():
    assert tapped(1.0, 1.0, 1.01, 2.0).bpm == pytest.approx(60)


@settings(max_examples=60, deadline=None)
@given(st.floats(0.1, 30), st.floats(30, 240))
def test_a_tap_moves_the_beat_there_without_a_jump(t: float, bpm: float):
    before = Tempo(bpm=bpm)
    after = before.tapped(t)
    beats = [after.beat_at(t + step / 1000) for step in range(4000)]
    assert beats[0] == pytest.approx(before.beat_at(t))
    assert all(0 <= later - earlier <= bpm / 60 * 0.0016 for earlier, later in pairwise(beats))
    assert near_whole(after.beat_at(t + 60 / bpm))
