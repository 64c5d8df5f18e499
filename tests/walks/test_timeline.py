import contextlib
import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.errors import BadMessage, InputError, MissingInput
from bridge.walks import verbs
from bridge.walks.anchors import seeded
from bridge.walks.frames import frame
from bridge.walks.keys import Seed
from bridge.walks.saving import restored, saved
from bridge.walks.settings import Settings
from bridge.walks.timeline import Walk
from tests.walks import samples
from tests.walks.samples import KINDS, begun, listed

here = samples.vectors()
in_w = samples.vectors("w")

LFO = {"lfo": "sine", "period": 3, "low": 0.5, "high": 2}
ON_BEAT = {"lfo": "triangle", "beats": 4, "low": 0, "high": 3}

# Changes that may not make the picture jump, whatever was before.
SMOOTH = (
    {"speed": 3},
    {"speed": 0},
    {"speed": LFO},
    {"speed": ON_BEAT},
    {"speed": {"ramp": {"to": 2, "seconds": 1}}},
    {"speed": {"points": [[0, 1], [1, 4]], "loop": True}},
    {"direction": "back"},
    {"direction": "forward"},
    {"direction": "pingpong"},
    {"seconds": 0.7},
    {"bpm": 90},
    {"beats": 2},
    {"beats": None},
    {"kind": "loop"},
    {"kind": "noise"},
    {"kind": "circle"},
    {"kind": "drift"},
    {"kind": "follow"},
    {"keyframes": [5, 6, 7, 8, 9]},
    {"keyframes": [5, 6]},
    {"seed": 11},
    {"centre": 12},
    {"target": 13},
    {"target": listed(14)},
    {"follow": "glide"},
    {"stiffness": 5},
    {"interpolation": "linear"},
    {"interpolation": "cubic"},
    {"easing": "smooth"},
    {"distance": {"ramp": {"to": 0.5, "seconds": 1}}},
    {"playing": False},
    {"playing": True},
    {"tap": True},
    {"truncation": 0.5},
)

controls = st.lists(st.tuples(st.floats(0.01, 0.8), st.sampled_from(SMOOTH)), max_size=8)


def told(walk: Walk, patch: dict, t: float, vectors=here) -> Walk:
    return verbs.patched(walk, patch, t, vectors)


def performed(walk: Walk, happened: list, vectors=here) -> tuple[Walk, float]:
    t = 0.0
    for gap, patch in happened:
        t += gap
        walk = told(walk, patch, t, vectors)
    return walk, t


# --- where it is ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_no_change_makes_it_jump(kind: str):
    @settings(max_examples=40, deadline=None)
    @given(controls, st.floats(0.01, 0.8), st.sampled_from(SMOOTH))
    def check(happened: list, gap: float, last: dict):
        before, t = performed(begun(kind=kind), happened)
        t += gap
        after = told(before, last, t, here)
        np.testing.assert_allclose(after.vector(t, here), before.vector(t, here), atol=1e-4)
        soon = after.vector(t + 1e-6, here) - after.vector(t, here)
        assert np.linalg.norm(soon) < 1e-2

    check()


def test_where_it_is_does_not_depend_on_how_often_one_looks():
    walk = begun(speed=LFO, kind="noise", **{"direction/1": ON_BEAT})
    often = [frame(walk, index / 60, here) for index in range(120)]
    seldom = [frame(walk, index / 30, here) for index in range(60)]
    assert often[::2] == seldom


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_controls_at_the_same_times_give_the_same_bits(kind: str):
    happened = [(0.3, patch) for patch in SMOOTH]
    frames = []
    for _ in range(2):
        vectors = samples.vectors()
        walk, t = performed(begun(kind=kind), happened, vectors)
        frames.append([frame(walk, t + step / 30, vectors) for step in range(30)])
    assert frames[0] == frames[1]


def test_a_walk_covers_the_area_below_its_speed():
    walk = begun(speed=LFO, seconds=2)
    steps = 3000
    summed = sum(walk.number("speed", 9 * (step + 0.5) / steps) for step in range(steps)) * 9 / steps / 2
    assert walk.place(9.0) == pytest.approx(summed, abs=1e-4)


def test_back_brings_it_back_the_way_it_went():
    before = begun(kind="noise", speed=2)
    walk = before.changed({"direction": "back"}, 4.0, here)
    for gone in (0.5, 1.7, 4.0):
        assert walk.place(4.0 + gone) == pytest.approx(before.place(4.0 - gone), abs=1e-8)
        np.testing.assert_allclose(walk.vector(4.0 + gone, here), before.vector(4.0 - gone, here), atol=1e-6)


def test_to_and_fro_turns_at_both_ends():
    walk = begun(kind="loop", keyframes=[1, 2, 3], seconds=1, direction="pingpong")
    assert [walk.place(float(t)) for t in range(7)] == [0, 1, 2, 1, 0, 1, 2]


@pytest.mark.parametrize(("seconds", "fps"), [(10, 30), (4, 24), (0.7, 30), (7, 60)])
def test_a_circle_of_whole_frames_closes_to_the_bit(seconds: float, fps: float):
    walk = begun(kind="circle", seconds=seconds)
    last = round(seconds * fps)
    assert frame(walk, 0.0, here) == frame(walk, last / fps, here) != frame(walk, (last - 1) / fps, here)


def test_a_pause_stops_all_but_the_beat():
    walk = begun(speed=LFO, truncation={"ramp": {"from": 0, "to": 1, "seconds": 4}}, bpm=60)
    paused = walk.changed({"playing": False}, 2.0, here)
    assert frame(paused, 2.0, here) == frame(paused, 9.0, here) == frame(walk, 2.0, here)
    assert paused.rests(2.0) and not walk.rests(2.0)
    assert paused.beat(9.0) == 9.0
    again = paused.changed({"playing": True}, 10.0, here)
    assert frame(again, 10.0, here) == frame(walk, 2.0, here)
    np.testing.assert_allclose(again.vector(11.5, here), walk.vector(3.5, here), atol=1e-6)


def test_an_error_leaves_the_walk_as_it_was():
    walk = begun(speed=2)
    for patch in ({"speed": -1}, {"seed": 3, "kind": "x"}, {"speed": 3, "seek": {}}, {"step": "far"}, {"seek": 1e9}):
        with pytest.raises(InputError):
            told(walk, patch, 1.0)
    assert frame(walk, 2.0, here) == frame(begun(speed=2), 2.0, here)


def test_time_does_not_go_back_behind_a_change():
    walk = begun(kind="noise").changed({"speed": 2}, 5.0, here)
    assert frame(walk, 4.0, here) == frame(walk, 5.0, here)
    assert walk.changed({"speed": 1}, 3.0, here).latest == 5.0


def test_what_is_needed_ahead_is_what_will_be_needed():
    walk = begun(kind="loop", keyframes=list(range(20, 40)), seconds=0.5)
    ahead = set(walk.needs(0.2, 3.0))
    assert {key for step in range(301) for key in walk.needs(0.2 + step / 100)} == ahead
    assert set(walk.needs(0.2)) == {Seed(20), Seed(21)}


# --- curves --------------------------------------------------------------------------------------


def test_a_ramp_goes_from_where_its_number_stands():
    walk = begun(speed=LFO).changed({"speed": {"ramp": {"to": 0, "seconds": 2}}}, 1.2, here)
    assert walk.number("speed", 1.2) == pytest.approx(begun(speed=LFO).number("speed", 1.2))
    assert walk.number("speed", 3.2) == 0
    slid = walk.changed({"direction/1": {"ramp": {"to": 4, "seconds": 2}}}, 5.0, here)
    assert [slid.number("direction/1", t) for t in (5.0, 6.0, 8.0)] == [0, 2, 4]


def test_a_ramp_from_nowhere_is_told():
    with pytest.raises(MissingInput, match="truncation has no value yet"):
        begun().changed({"truncation": {"ramp": {"to": 1, "seconds": 2}}}, 1.0, here)


def test_a_ramp_that_is_sent_again_begins_again_and_others_go_on():
    ramp = {"truncation": {"ramp": {"from": 0, "to": 1, "seconds": 2}}}
    walk = begun(**ramp).changed({"seed": 4}, 1.0, here)
    assert walk.number("truncation", 1.0) == 0.5
    assert walk.changed(ramp, 1.0, here).number("truncation", 1.0) == 0


def test_an_oscillator_goes_on_where_it_was_when_its_period_changes():
    walk = begun(truncation={"lfo": "saw", "period": 4, "low": 0, "high": 1})
    changed = walk.changed({"truncation": {"lfo": "saw", "period": 40, "low": 0, "high": 1}}, 5.0, here)
    assert changed.number("truncation", 5.0) == pytest.approx(0.25)
    assert changed.number("truncation", 9.0) == pytest.approx(0.35)


def test_an_oscillator_in_beats_keeps_to_the_beat_when_the_tempo_changes():
    walk = begun(bpm=60, truncation={"lfo": "saw", "beats": 4, "low": 0, "high": 1})
    changed = walk.changed({"bpm": 120}, 1.0, here)
    assert changed.number("truncation", 1.0) == 0.25 and changed.number("truncation", 2.0) == 0.75


def test_a_ramp_in_beats_does_not_go_on_during_a_pause():
    walk = begun(bpm=60).changed({"truncation": {"ramp": {"from": 0, "to": 1, "beats": 4}}}, 1.0, here)
    paused = walk.changed({"playing": False}, 2.0, here)
    again = paused.changed({"playing": True}, 50.0, here)
    assert [again.number("truncation", t) for t in (50.0, 51.0, 53.0)] == [0.25, 0.5, 1]


# --- the beat ------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(st.floats(0.1, 5), st.sampled_from([1, 2, 4]), st.floats(40, 200), st.sampled_from(["forward", "back"]))
def test_on_the_beat_keyframes_fall_on_beats(begins: float, beats: int, bpm: float, direction: str):
    walk = begun(kind="loop", seconds=1.3, bpm=bpm, direction=direction).changed({"beats": beats}, begins, here)
    settled = begins + 60 / bpm * (beats + 1)
    beat = math.ceil(walk.beat(settled)) + 0.0
    places = [walk.place((beat + after) * 60 / bpm) for after in range(beats)]
    assert min(abs(place - round(place)) for place in places) < 1e-6


def test_a_change_of_tempo_keeps_the_place():
    walk = begun(kind="loop", beats=4, bpm=100)
    changed = walk.changed({"bpm": 140}, 3.3, here)
    assert changed.place(3.3) == pytest.approx(walk.place(3.3), abs=1e-9)
    assert changed.beat(3.3) == pytest.approx(walk.beat(3.3))


def test_taps_set_the_tempo_and_bring_keyframes_onto_them_without_a_jump():
    walk = begun(kind="loop", beats=1, bpm=120)
    taps = [2.2, 2.95, 3.7, 4.45]
    for t in taps:
        tapped = told(walk, {"tap": True}, t)
        assert tapped.place(t) == pytest.approx(walk.place(t), abs=1e-9)
        walk = tapped
    assert walk.settings.bpm == pytest.approx(80)
    place = walk.place(taps[-1] + 4 * 0.75)
    assert place == pytest.approx(round(place), abs=1e-6)
    steps = [walk.place(4.45 + step / 100) for step in range(300)]
    assert all(0 <= after - before < 0.04 for before, after in pairwise(steps))


def test_a_walk_on_the_beat_is_on_it_again_after_a_pause():
    walk = begun(kind="loop", beats=1, bpm=60).changed({"playing": False}, 2.5, here)
    again = walk.changed({"playing": True}, 7.9, here)
    assert again.place(7.9) == 2.5
    assert again.place(12.0) == pytest.approx(round(again.place(12.0)), abs=1e-6)


# --- verbs ---------------------------------------------------------------------------------------


def test_verbs_come_in_patches_alone_or_with_settings():
    walk = begun(kind="loop", seconds=2)
    assert told(walk, {"seek": {"keyframe": 2.5}}, 1.0).place(1.0) == 2.5
    assert told(walk, {"seek": 2.5}, 1.0).place(1.0) == 2.5
    assert told(walk, {"seek": {"seconds": 3}}, 1.0).place(1.0) == 1.5
    assert told(walk, {"step": 1}, 1.0).place(1.0) == told(walk, {"step": True}, 1.0).place(1.0) == 1
    assert told(walk, {"step": -1}, 1.0).place(1.0) == 0
    assert told(walk, {"step": 0.25}, 1.0).place(1.0) == 0.75
    assert told(walk, {"pause": True}, 1.0).settings.playing is False
    both = told(walk, {"play": 3, "seed": 4}, 1.0).settings
    assert (both.playing, both.speed, both.seed) == (True, 3, 4)


def test_steps_from_a_keyframe_lead_to_the_next():
    walk = told(begun(kind="loop", playing=False), {"seek": 2}, 1.0)
    assert told(walk, {"step": 1}, 2.0).place(2.0) == 3
    assert told(walk, {"step": -2}, 2.0).place(2.0) == 0


def test_a_button_that_is_let_go_asks_nothing():
    walk = begun(kind="loop")
    for name in ("tap", "step"):
        assert told(walk, {name: 0}, 1.0) == told(walk, {name: False}, 1.0) == walk


@pytest.mark.parametrize("name", list(verbs.VERBS))
def test_nothing_beside_a_verb_asks_for_nothing(name: str):
    for playing in (True, False):
        walk = begun(kind="loop", playing=playing)
        assert told(walk, {name: None}, 1.0) == walk


@pytest.mark.parametrize("name", ["seek", "step", "tap"])
def test_false_asks_for_nothing(name: str):
    walk = begun(kind="loop")
    assert told(walk, {name: False}, 1.0) == walk


def test_play_and_pause_are_one_switch():
    off = (({"play": False}, False), ({"play": 0}, False), ({"pause": False}, True), ({"pause": 0}, True))
    for patch, playing in (*off, ({"pause": True}, False)):
        for before in (True, False):
            assert told(begun(playing=before), patch, 1.0).settings.playing is playing


def test_a_curve_of_the_speed_that_is_sent_again_begins_anew_without_a_jump():
    curve = {"speed": {"points": [[0, 1], [1, 4]], "loop": True}}
    before = told(begun(kind="drift"), curve, 0.5)
    after = told(before, curve, 1.0)
    assert after.place(1.0) == before.place(1.0)


def test_a_verb_that_is_misspelt_shows_how_it_looks():
    with pytest.raises(InputError) as error:
        told(begun(), {"play": "fast"}, 1.0)
    assert '{"play": 2}' in error.value.hint


NUMBERS = [name for name, value in Settings().plain().items() if isinstance(value, float)] + ["truncation"]


@pytest.mark.parametrize("tiny", [5e-324, 1e-310, 1e-300, 1e-30])
@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_next_to_nothing_lead_nowhere_strange(name: str, tiny: float):
    for more in ({"kind": "follow", "follow": "glide"}, {"kind": "follow"}, {"kind": "loop", "beats": 1}, {"fade": 1}):
        walk = begun(**more)
        with contextlib.suppress(InputError):  # some begin further up
            walk = told(walk, {name: tiny}, 0.6)
        for step, patch in enumerate(({"target": 5}, {"target": 6}, {"seed": 3}, {"tap": True}, {"kind": "noise"})):
            t = 1 + step / 10
            walk = told(walk, patch, t)
            assert all(np.isfinite(walk.vector(t + later, here)).all() for later in (0, tiny, 0.01, 1, 1000))
            assert math.isfinite(walk.place(t + 1))


@pytest.mark.parametrize(
    ("patch", "said"),
    [
        ({"seek": {}}, "seek takes keyframe or seconds; neither came"),
        ({"seek": {"seconds": 1, "keyframe": 1}}, "both came"),
        ({"seek": {"second": 1}}, "seek has no 'second'"),
        ({"seek": "far"}, "seek takes a number, or an object of arguments; the text 'far' came"),
        ({"step": "far"}, "step takes a number, true or false, or an object of arguments; the text 'far' came"),
        ({"tap": "far"}, "tap takes true or false, or an object of arguments; the text 'far' came"),
        ({"seek": math.inf}, "seek.keyframe takes a number"),
        ({"seek": {"seconds": 1e9}}, "up to 1e+06 keyframes"),
        ({"play": -1}, "play.speed takes a number from 0"),
        ({"kind": "follow", "step": 1}, "this walk follows a target"),
    ],
)
def test_verbs_that_can_not_be_are_told_in_words(patch: dict, said: str):
    with pytest.raises(InputError) as error:
        told(begun(seconds=0.1), patch, 1.0)
    assert said in error.value.message
    with pytest.raises(InputError, match="a walk can't 'jump'"):
        verbs.told(begun(), "jump", {}, 1.0, here)


# --- following and fading ------------------------------------------------------------------------


@pytest.mark.parametrize("patch", [{"follow": "spring"}, {"follow": "glide", "inertia": 0.1}])
@pytest.mark.parametrize("space", ["z", "w"])
def test_it_gets_to_its_target(patch: dict, space: str):
    vectors = samples.vectors(space)
    walk = begun(kind="follow", space=space, target=1, **patch).changed({"target": 2}, 1.0, vectors)
    np.testing.assert_allclose(walk.vector(1.0, vectors), vectors[Seed(1)], atol=1e-6)
    np.testing.assert_allclose(walk.vector(60.0, vectors), vectors[Seed(2)], atol=1e-4)


def test_following_keeps_its_length_in_z_and_its_speed_over_a_new_target():
    walk = begun(kind="follow", target=1, stiffness=20, damping=0.5).changed({"target": 2}, 1.0, here)
    lengths = [np.linalg.norm(seeded(seed, 16)) for seed in (1, 2)]
    for step in range(100):
        assert min(lengths) - 1e-6 <= np.linalg.norm(walk.vector(1 + step / 50, here)) <= max(lengths) + 1e-6
    turned = walk.changed({"target": 3}, 1.2, here)
    step = 1e-5
    before = (walk.vector(1.2, here) - walk.vector(1.2 - step, here)) / step
    after = (turned.vector(1.2 + step, here) - turned.vector(1.2, here)) / step
    np.testing.assert_allclose(after, before, atol=0.05 * np.linalg.norm(before))


def test_a_target_that_comes_sixty_times_a_second_is_followed():
    walk = begun(kind="follow", target=listed(1))
    for step in range(120):
        angle = step / 60
        target = seeded(1, 16) * math.cos(angle) + seeded(2, 16) * math.sin(angle)
        walk = walk.changed({"target": target.tolist()}, step / 60, here)
    assert np.linalg.norm(walk.vector(2.0, here) - target) < 0.3 * np.linalg.norm(target)
    assert len(saved(walk)) < 10_000


def test_another_path_fades_in_even_while_paused():
    walk = begun(kind="loop", playing=False)
    changed = walk.changed({"keyframes": [8, 9], "fade": 2}, 1.0, here)
    assert not changed.rests(2.9) and changed.rests(3.0)
    np.testing.assert_array_equal(changed.vector(3.0, here), seeded(8, 16))
    assert walk.changed({"keyframes": [8, 9], "fade": 0}, 1.0, here).rests(1.0)


def test_other_keyframes_elsewhere_fade_nothing():
    walk = begun(kind="loop", seconds=1).changed({"keyframes": [0, 1, 9, 9, 9]}, 0.5, here)
    assert walk.fade is None and walk.place(0.5) == 0.5


def test_a_loop_that_becomes_longer_goes_on_between_the_same_keyframes():
    walk = begun(kind="loop", keyframes=[1, 2, 3], seconds=1)
    longer = walk.changed({"keyframes": [1, 2, 3, 4]}, 7.5, here)
    assert longer.needs(7.5) == walk.needs(7.5) == (Seed(2), Seed(3))
    assert longer.fade is None and longer.place(7.5) == 1.5
    shorter = longer.changed({"keyframes": [1, 2]}, 8.5, here)
    assert shorter.place(8.5) == 0.5 and shorter.fade is not None


def test_another_space_cuts_in():
    walk = begun(kind="loop").changed({"space": "w"}, 1.0, here)
    assert walk.fade is None
    assert set(frame(walk, 1.0, in_w).inputs) == {"w"}


def test_without_its_vectors_a_new_path_cuts_in():
    walk = begun(kind="loop", space="w")
    assert walk.changed({"kind": "noise"}, 1.0, {}).fade is None
    assert walk.changed({"kind": "follow"}, 1.0, {}).following is not None
    with pytest.raises(KeyError):
        walk.vector(1.0, {})


# --- what the model gets -------------------------------------------------------------------------


def test_a_frame_holds_the_vector_and_what_else_moves():
    walk = begun(kind="loop", truncation=0.7, **{"direction/2": {"ramp": {"from": 0, "to": 2, "seconds": 2}}})
    inputs = frame(walk, 1.0, here).inputs
    assert (inputs["truncation"], inputs["direction/2"]) == (0.7, 1.0)
    assert set(inputs) == {"z", "truncation", "direction/2"}
    assert frame(begun(kind="loop"), 0.0, here).inputs == {"z": seeded(0, 16).tobytes()}


def test_equal_frames_tell_that_nothing_changed():
    walk = begun(kind="loop", speed=0)
    assert frame(walk, 1.0, here) == frame(walk, 2.0, here) != frame(walk.sought(0.5, 1.0), 2.0, here)


# --- keeping it ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=20, deadline=None)
@given(controls)
def test_a_kept_walk_goes_on_the_same(kind: str, happened: list):
    walk, t = performed(begun(kind=kind), happened)
    again = restored(saved(walk))
    assert again == walk
    assert frame(again, t + 0.1, here) == frame(walk, t + 0.1, here)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"kind":"loop"', b'"kind":"lop"'),
        (b'"bpm":120.0', b'"bpm":0.0'),
        (b'"settings"', b'"sett'),
        (b'"place":', b'"place":"x'),
        (b'"start":"', b'"start":"AAAA'),
    ],
)
def test_what_is_no_walk_is_not_taken_for_one(old: bytes, new: bytes):
    data = saved(begun(kind="noise").changed({"kind": "loop"}, 1.0, here))
    assert old in data
    with pytest.raises(BadMessage, match="not the state of a walk"):
        restored(data.replace(old, new))


def test_a_fade_that_is_a_curve_counts_when_another_path_begins():
    growing = {"ramp": {"from": 0, "to": 4, "seconds": 4}}
    walk = begun(kind="loop", fade=growing)
    assert walk.changed({"keyframes": [8, 9]}, 0.0, here).fade is None
    later = walk.changed({"keyframes": [8, 9], "playing": False}, 1.0, here)
    assert later.fade is not None and (later.fade.at, later.fade.seconds) == (1.0, 1.0)
    assert not later.rests(1.9) and later.rests(2.0)
    assert frame(restored(saved(later)), 1.5, here) == frame(later, 1.5, here)
    assert "fade" not in frame(later, 1.5, here).inputs


def test_frames_a_second_may_be_a_curve_too():
    walk = begun(fps={"points": [[0, 10], [2, 30]]})
    assert [walk.number("fps", t) for t in (0.0, 1.0, 5.0)] == [10, 20, 30]
    assert "fps" not in frame(walk, 1.0, here).inputs and "fps" not in walk.changed({"fps": None}, 1.0, here).numbers(1)
    ramp = walk.changed({"fps": {"ramp": {"to": 60, "seconds": 1}}}, 1.0, here)
    assert (ramp.number("fps", 1.0), ramp.number("fps", 2.0)) == (20, 60)


SWING = {"lfo": "wander", "period": 2, "low": 1, "high": 6}
TICKED = [
    {"kind": "loop", "keyframes": [1, 2, 3], "seconds": SWING},
    {"kind": "noise", "seconds": SWING, "speed": LFO, "direction": "pingpong"},
    {"kind": "loop", "beats": 2, "bpm": {"ramp": {"from": 60, "to": 200, "seconds": 9}}},
    {
        "kind": "circle",
        "beats": {"lfo": "square", "beats": 8, "low": 2, "high": 4},
        "bpm": {**SWING, "low": 90, "high": 130},
    },
    {"kind": "follow", "stiffness": {**SWING, "high": 80}, "damping": {**SWING, "low": 0.2, "high": 1.5}},
    {"kind": "follow", "follow": "glide", "inertia": {"points": [[0, 0.1], [3, 2], [5, 0]], "loop": True}},
]


@pytest.mark.parametrize("patch", TICKED, ids=str)
def test_where_curves_of_pace_and_pull_lead_does_not_depend_on_who_looked_when(patch: dict):
    def at(*looks: float) -> bytes:
        walk = begun(**patch).changed({"target": 7} if patch["kind"] == "follow" else {"speed": 1.5}, 0.3, here)
        for look in looks:
            walk = walk.upto(look)
        return walk.vector(looks[-1], here).tobytes()

    assert at(11.37) == at(0.31, 2.0, 2.0625, 5.55, 11.36, 11.37) == at(*np.arange(0.4, 11.3, 0.013), 11.37)
    assert at(0.9) != at(1.0)


@pytest.mark.parametrize("patch", TICKED, ids=str)
def test_a_curve_of_pace_and_pull_neither_jumps_nor_begins_anew_by_a_pause(patch: dict):
    walk = begun(**patch).changed({"target": 7} if patch["kind"] == "follow" else {}, 0.3, here)
    steps = np.linspace(0.3, 8, 2000)
    frames = [walk.vector(t, here) for t in steps]
    ways = [np.abs(after - before).max() for before, after in pairwise(frames)]
    assert max(ways) < 0.2
    paused = walk.changed({"playing": False}, 4.0, here)
    assert np.array_equal(paused.vector(4.0, here), paused.vector(9.0, here))
    assert np.array_equal(paused.changed({"playing": True}, 9.0, here).vector(9.0, here), paused.vector(9.0, here))


@pytest.mark.parametrize("name", ["seconds", "stiffness", "damping", "inertia", "bpm", "beats"])
def test_a_curve_that_stands_still_leads_where_the_number_leads(name: str):
    kind = {"seconds": "loop", "bpm": "circle", "beats": "noise"}.get(name, "follow")
    patch = {
        "kind": kind,
        "follow": "glide" if name == "inertia" else "spring",
        **({"beats": 3} if name == "bpm" else {}),
    }
    still = {"lfo": "sine", "period": 1, "low": 1, "high": 1}
    low = {"bpm": 90.0, "stiffness": 12.0}.get(name, 1.0)
    number, curve = (
        begun(**{**patch, name: value}).changed({"target": 3} if kind == "follow" else {"speed": 1.25}, 0.5, here)
        for value in (low, {**still, "low": low, "high": low})
    )
    for t in (0.5, 0.9, 2.0, 7.77):
        assert np.allclose(number.vector(t, here), curve.vector(t, here), atol=1e-6)
        assert number.beat(t) == pytest.approx(curve.beat(t))


def test_seconds_that_grow_and_a_tempo_that_rises_are_counted_as_what_they_are_on_the_way():
    slower = begun(kind="loop", seconds={"ramp": {"from": 1, "to": 3, "seconds": 10}})
    assert slower.place(10) == pytest.approx(10 / 2 * math.log(3), rel=0.01)  # the area below 1 / seconds
    faster = begun(bpm={"ramp": {"from": 60, "to": 180, "seconds": 10}})
    assert faster.beat(10) == pytest.approx(20, rel=0.01)
    assert faster.number("bpm", 5) == pytest.approx(120)
    assert slower.pace(10) == pytest.approx(3, rel=0.01)


def test_tapping_takes_the_place_of_a_tempo_that_moves():
    walk = begun(bpm={"lfo": "sine", "period": 5, "low": 80, "high": 140})
    for t in (1.0, 1.5, 2.0):
        walk = walk.tapped(t)
    assert walk.settings.bpm == walk.number("bpm", 9) == 120


def test_a_walk_with_such_curves_is_kept_and_goes_on_the_same():
    walk = begun(**TICKED[3]).upto(4.2)
    again = restored(saved(walk))
    assert again.vector(6.6, here).tobytes() == walk.vector(6.6, here).tobytes()
