import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge import limits
from bridge.errors import BadMessage, InputError
from bridge.ports import Blob
from bridge.walks.anchors import seeded
from bridge.walks.performance import Performance
from bridge.walks.recording import Control, Recording, header, read, replay, steps
from bridge.walks.saving import saved
from tests.walks import samples
from tests.walks.samples import HANDLES, begun, listed

SEEN = (
    {"set": {"speed": 3}},
    {"set": {"speed": {"lfo": "sine", "period": 2, "low": 0.5, "high": 2}}},
    {"set": {"kind": "circle", "direction/1": 2}},
    {"set": {"kind": "follow", "target": listed(5)}},
    {"set": {"kind": "loop", "keyframes": [4, 5, 6]}},
    {"set": {"tap": True}},
    {"set": {"kind": "loop", "beats": 2, "seek": 3}},
    {"set": {"playing": False}},
    {"set": {"play": True}},
    {"inputs": {"noise": "random", "truncation": 0.2}},
    {"inputs": {"z": Blob("f32", seeded(8, 16).tobytes())}},
)

happenings = st.lists(st.tuples(st.floats(0, 0.6), st.sampled_from(SEEN)), max_size=8)


def performance(**patch: object) -> Performance:
    return Performance(HANDLES, begun(**patch))


def controls(happened: list, start: float = 0.0) -> tuple[Control, ...]:
    made = []
    for gap, what in happened:
        start += gap
        made.append(Control(start, **what))
    return tuple(made)


def frames(recording: Recording, fps: float, seconds: float | None = None) -> list[dict]:
    vectors = samples.vectors()
    return [moment.inputs(vectors) for moment in replay(recording, fps, vectors, seconds)]


@settings(max_examples=40, deadline=None)
@given(happenings)
def test_a_replay_is_what_was_played(happened: list):
    vectors, fps = samples.vectors(), 20.0
    played, lines, live = performance(), [header("dream", performance(), 0.0)], []
    waiting = list(controls(happened))
    for index in range(60):
        t = index / fps
        while waiting and waiting[0].t <= t:
            control = waiting.pop(0)
            played = control.applied(played, vectors)
            lines.append(control.line())
        live.append(played.inputs(t, vectors))
    recording = read(lines)
    assert frames(recording, fps, 3.0) == live
    assert frames(recording, fps, 3.0) == frames(recording, fps, 3.0)
    assert frames(recording, 2 * fps, 3.0)[::2] == live


@settings(max_examples=20, deadline=None)
@given(happenings, happenings)
def test_a_recording_that_begins_in_the_middle_goes_on_from_there(before: list, after: list):
    vectors = samples.vectors()
    played = performance()
    for control in controls(before):
        played = control.applied(played, vectors)
    start = controls(before)[-1].t + 0.1 if before else 0.1
    recording = Recording("dream", played, start, controls(after, start))
    again = read(list(recording.lines()))
    assert again == recording
    assert frames(again, 20, 2.0) == frames(recording, 20, 2.0)


def test_a_hand_written_recording_needs_only_settings():
    handles = {"z": "z", "latent": {"z": 16}}
    lines = [
        json.dumps({"recording": 1, "model": "dream", "handles": handles, "settings": {"kind": "loop", "seconds": 1}}),
        "",
        '{"t": 1.0, "verb": "seek", "keyframe": 3}',
        '{"t": 2.0, "end": true}',
    ]
    recording = read(lines)
    assert (recording.model, recording.seconds) == ("dream", 2.0)
    places = [moment.performance.walk.place(moment.t) for moment in replay(recording, 2, samples.vectors())]
    assert places == [0, 0.5, 3, 3.5]


def test_bytes_are_read_as_they_were_written():
    control = Control(1.5, inputs={"z": Blob("f32", b"\0\1\2\3", {"a": 1}), "noise": "const"})
    lines = [header("dream", performance(), 0.0), control.line()]
    assert read([line.encode() for line in lines]).controls == (control,)


def test_controls_count_for_the_frame_at_their_own_time():
    recording = Recording("dream", performance(), 0.0, (Control(0.5, set={"seed": 1}), Control(0.6, end=True)))
    found = [step if isinstance(step, float) else step.t for step in steps(recording, 2, 1.5)]
    assert found == [0.0, 0.5, 0.5, 0.6, 1.0]


GOOD = header("dream", performance(), 0.0)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([], "the recording is empty"),
        (["{"], "line 1 of the recording: this is not JSON"),
        (["[]"], "line 1 of the recording: the first line takes an object"),
        (['{"t": 1}'], "line 1 of the recording: the first line needs recording"),
        (['{"recording": 2}'], "it is of version 2; this bridge reads version 1"),
        (['{"recording": 1, "handles": {}}'], "line 1 of the recording: handles can't be read"),
        ([GOOD.replace('"latest":0.0', '"latest":"x"')], "this is not the state of a walk"),
        ([GOOD.replace('"model"', '"modle"')], "line 1 of the recording: the first line has no 'modle'"),
        ([GOOD, "", "{"], "line 3 of the recording: this is not JSON"),
        ([GOOD, '{"t": -1, "set": {}}'], "line 2 of the recording: a control.t takes a number from 0"),
        ([GOOD, '{"t": 2, "set": {}}', '{"t": 1, "set": {}}'], "line 3 of the recording: t goes back, from 2 to 1"),
        ([GOOD, '{"t": 1}'], "takes one of set, verb, inputs, end; none of them came"),
        ([GOOD, '{"t": 1, "set": {}, "end": true}'], "set and end came"),
        ([GOOD, '{"t": 1, "set": 3}'], "set takes an object; 3 came"),
        ([GOOD, '{"t": 1, "set": {}, "x": 1}'], "has no 'x'"),
        ([GOOD, '{"t": 1, "inputs": {"z": {"blob": "f32", "data": "?"}}}'], "not base64"),
    ],
)
def test_what_is_no_recording_is_told_with_its_line(lines: list[str], said: str):
    with pytest.raises(BadMessage) as error:
        read(lines)
    assert said in error.value.message


def test_a_control_that_can_not_be_is_told_with_its_time():
    recording = Recording("dream", performance(), 0.0, (Control(1.5, set={"speed": -1}),))
    with pytest.raises(BadMessage, match=r"at 1\.5 seconds: speed takes a number from 0 to 100; -1 came"):
        frames(recording, 10, 2.0)


def test_too_many_frames_a_second_are_refused():
    with pytest.raises(InputError, match="fps takes a number"):
        list(replay(Recording("dream", performance()), limits.WALK_FPS[1] + 1, samples.vectors()))


def test_a_vector_by_hand_takes_over_until_the_walk_goes_on():
    vectors, own = samples.vectors(), Blob("f32", seeded(8, 16).tobytes())
    played = performance(kind="loop", truncation=0.5).given({"z": own, "noise": "none"}, 1.0, vectors)
    assert played.held and not played.walk.settings.playing
    assert played.inputs(2.0, vectors) == {"z": own, "noise": "none", "truncation": 0.5}
    assert played.told({"truncation": 0.6}, 2.0, vectors).inputs(2.0, vectors)["z"] == own
    for patch in ({"play": True}, {"seek": 1}, {"step": 1}):
        on = played.told(patch, 3.0, vectors)
        assert not on.held and isinstance(on.inputs(3.0, vectors)["z"], bytes)
        assert on.inputs(3.0, vectors)["noise"] == "none"


def test_a_vector_in_w_by_hand_takes_the_place_of_one_in_z():
    vectors = samples.vectors()
    played = performance().given({"z": b"z"}, 1.0, vectors).given({"w": b"w"}, 1.5, vectors)
    assert played.inputs(2.0, vectors) == {"w": b"w"}


def test_the_walk_has_the_last_word_on_what_it_moves():
    vectors = samples.vectors()
    played = performance(truncation=0.5).given({"truncation": 0.1}, 1.0, vectors)
    assert played.inputs(1.0, vectors)["truncation"] == 0.5
    alone = performance().given({"truncation": 0.1}, 1.0, vectors)
    assert alone.inputs(1.0, vectors)["truncation"] == 0.1


def test_names_are_those_of_the_model():
    handles = type(HANDLES)(HANDLES.latent, "noise_vector", None, None, "psi")
    played = Performance(handles, begun(truncation=0.5))
    assert set(played.inputs(0.0, samples.vectors())) == {"noise_vector", "psi"}


def test_a_walk_of_another_model_is_told():
    other = json.loads(GOOD)
    other["handles"]["latent"]["z"] = 8
    with pytest.raises(BadMessage, match="different models"):
        read([json.dumps(other)])
    assert json.loads(saved(performance().walk))["latent"]["z"] == 16
