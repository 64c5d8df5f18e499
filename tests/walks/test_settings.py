import json
import math
import subprocess
import sys

import pytest

from bridge import limits
from bridge.errors import InputError, UnknownInput
from bridge.walks.curves import LFO
from bridge.walks.keys import Favourite, Given, Latent, Seed
from bridge.walks.settings import FIELDS, Settings, favourites_at, schema
from tests.walks.samples import LATENT, listed, settings


def test_settings_are_changed_one_by_one():
    changed = settings(speed=2, kind="loop", keyframes=[7, {"favourite": "moon"}, listed(1), {"seed": 9}])
    assert (changed.speed, changed.kind) == (2.0, "loop")
    assert changed.keyframes[:2] == (Seed(7), Favourite("moon")) and changed.keyframes[3] == Seed(9)
    assert isinstance(changed.keyframes[2], Given)
    assert [name for _, name in favourites_at(changed)] == ["moon"]


def test_what_is_told_as_json_is_taken_again():
    lfo = {"lfo": "sine", "period": 2, "low": 0.2, "high": 0.8}
    more = {"keyframes": [1, listed(2), {"w": listed(3, 12)}], "centre": {"favourite": "a"}, "target": 5}
    first = settings(space="w", speed=lfo, truncation=lfo, beats=2, fps=30, directions={"direction/1": lfo}, **more)
    again = Settings().changed(json.loads(json.dumps(first.plain())), LATENT)
    assert again == first and isinstance(again.truncation, LFO)


def test_the_usual_settings_hold_by_themselves():
    assert Settings().changed(Settings().plain(), LATENT) == Settings()


def test_directions_join_and_leave_by_either_spelling():
    first = settings(**{"direction/1": 2}).changed({"directions": {"direction/2": -1}}, LATENT)
    assert first.directions == {"direction/1": 2.0, "direction/2": -1.0}
    assert first.changed({"direction/1": None}, LATENT).directions == {"direction/2": -1.0}


@pytest.mark.parametrize(
    ("patch", "said"),
    [
        ({"keyframes": []}, "keyframes takes at least one"),
        ({"keyframes": 3}, "keyframes takes a list"),
        ({"keyframes": [1] * (limits.WALK_KEYFRAMES + 1)}, f"up to {limits.WALK_KEYFRAMES}"),
        ({"keyframes": [1, [1.0, 2.0]]}, "keyframes[1] takes a list of 16 numbers; a list of 2 came"),
        ({"keyframes": [[math.nan] * 16]}, "keyframes[0] takes finite numbers"),
        ({"keyframes": [{"w": [0.0] * 12}]}, "holds a vector in w, and the walk is in z"),
        ({"space": "w", "centre": {"w": [0.0]}}, "centre.w takes a list of 12 numbers; a list of 1 came"),
        ({"speed": {"points": [[0, 1], [1, 999]]}}, "speed.points[1].value takes a number from 0 to 100; 999 came"),
        ({"target": [0.0] * 512}, "target takes a list of 16 numbers; a list of 512 came"),
        ({"target": "moon"}, "target takes a seed"),
        ({"target": -1}, "target takes a whole number from 0"),
        ({"target": 1.5}, "target takes a whole number"),
        ({"target": True}, "target takes a seed"),
        ({"target": {}}, "none of them came"),
        ({"target": {"favourite": ""}}, "the id of a favourite"),
        ({"target": {"x": 1}}, "target takes a seed"),
        ({"speed": -1}, "speed takes a number from 0 to 100; -1 came"),
        ({"speed": math.inf}, "speed takes a number from 0 to 100; infinity came"),
        ({"speed": math.nan}, "speed takes a number from 0 to 100; NaN came"),
        ({"speed": 1e9}, "speed takes a number from 0 to 100"),
        ({"speed": None}, "speed takes a number from 0 to 100; nothing came"),
        ({"distance": 0}, "distance takes a number from 0.001 to 10; 0 came"),
        ({"distance": {"lfo": "sine", "period": 1, "low": 0, "high": 0}}, "a curve that stays below that came"),
        ({"distance": -1}, "distance takes a number from 0.001 to 10; -1 came"),
        ({"fps": 0}, "fps takes a number from 0.1 to 240; 0 came"),
        ({"fps": 241}, "fps takes a number from 0.1 to 240"),
        ({"seconds": 0}, "seconds takes a number from 0.01"),
        ({"bpm": 0}, "bpm takes a number from 10"),
        ({"bpm": {"lfo": "sine", "period": 1, "low": 5, "high": 100}}, "bpm.low takes a number from 10"),
        ({"beats": {"ramp": {"to": 0, "seconds": 1}}}, "beats.ramp.to takes a number from 0.0625"),
        ({"kind": "lop"}, "kind takes one of noise, loop"),
        ({"sped": 1}, "a walk has no setting 'sped'"),
        ({"direction/3": 1}, "a walk has no setting 'direction/3'"),
        ({"directions": {"direction/3": 1}}, "this model has no direction 'direction/3'"),
        ({"directions": 1}, "directions takes an object"),
        ({"direction/1": math.inf}, "direction/1 takes a number"),
        ({"truncation": 2}, "truncation takes a number from 0 to 1; 2 came"),
        ({"playing": 1}, "playing takes"),
        ({"space": "x"}, "space takes one of z, w"),
    ],
)
def test_what_can_not_be_is_told_in_words_and_nothing_changes(patch: dict[str, object], said: str):
    before = settings(speed=3, **{"direction/1": 1})
    kept = before.plain()
    with pytest.raises(InputError) as told:
        before.changed({"seed": 9, "direction/2": 4, **patch}, LATENT)
    assert said in told.value.message
    assert before.plain() == kept


def test_a_patch_is_an_object():
    with pytest.raises(InputError, match="a list of 1 came"):
        Settings().changed([1], LATENT)  # type: ignore[arg-type]


def test_near_names_are_suggested():
    with pytest.raises(UnknownInput) as told:
        settings(directoin="back")
    assert "did you mean 'direction'?" in told.value.hint


def test_a_model_without_truncation_directions_or_w_says_so():
    plain = Latent(8, truncation=None)
    for patch, said in (
        ({"truncation": 0.5}, "this model has no truncation"),
        ({"space": "w"}, "can only be walked in z"),
        ({"directions": {"direction/1": 1}}, "has no direction"),
        ({"target": {"w": [0.0]}}, "can't be given a vector in w"),
    ):
        with pytest.raises(InputError, match=said):
            Settings().changed(patch, plain)


def test_favourites_that_are_known_are_checked():
    with pytest.raises(UnknownInput) as told:
        Settings().changed({"target": {"favourite": "mon"}}, Latent(8, favourites=frozenset({"moon", "sun"})))
    assert "did you mean 'moon'?" in told.value.hint


def test_the_schema_names_every_setting_and_every_direction():
    properties = schema(LATENT)["properties"]
    assert set(Settings().plain()) | {"direction/1", "direction/2"} == set(properties)
    assert all(properties[name]["description"] for name in FIELDS)
    assert properties["keyframes"]["items"]["anyOf"][1]["minItems"] == 16
    json.dumps(schema(LATENT))


def test_the_schema_for_any_model_names_no_size_and_takes_every_direction():
    general = schema()
    assert set(Settings().plain()) == set(general["properties"])
    assert general["properties"]["keyframes"]["items"]["anyOf"][1]["minItems"] == 1
    assert "maximum" not in general["properties"]["truncation"]["anyOf"][0]["anyOf"][0]
    assert list(general["patternProperties"]) == ["^direction/"]
    json.dumps(general, allow_nan=False)


@pytest.mark.parametrize("name", ["z", "w", "label"])
def test_inputs_of_the_model_are_sent_elsewhere(name: str):
    with pytest.raises(UnknownInput) as told:
        settings(**{name: 1})
    assert "PATCH /api/sessions/NAME/inputs" in told.value.hint


def test_favourites_are_found_by_the_field_that_names_them():
    named = settings(keyframes=[1, {"favourite": "moon"}], target={"favourite": "sun"})
    assert list(favourites_at(named)) == [("keyframes[1]", "moon"), ("target", "sun")]


def test_settings_need_no_numpy():
    code = "import sys, bridge.walks.settings, bridge.walks.verbs; assert 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
