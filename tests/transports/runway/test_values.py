"""Aliases, and values as the old protocols have them."""

import pytest

from bridge.errors import InputError, SettingError
from bridge.ports import Blob, Boolean, Category, Image, Landmarks, Number, Text, Vector
from bridge.ports.content import content
from bridge.ports.headers import read
from bridge.signature import Command
from bridge.transports.runway import values
from bridge.transports.runway.aliases import NONE, Aliases

COMMAND = Command(
    "run",
    {
        "image": Image(),
        "text": Text(default=""),
        "amount": Number(0, 1, default=0.5),
        "loud": Boolean(default=False),
    },
    {"image": Image(), "grey": Image(channels=1), "caption": Text(), "marks": Landmarks(2), "z": Vector(4)},
)


def test_an_alias_is_for_inputs_and_outputs_unless_it_says_which():
    both = Aliases.read(["mine.image=photo", "mine.out.caption=results", "mine.in.text=prompt"])["mine"]
    assert both == Aliases({"image": ("photo",), "text": ("prompt",)}, {"image": ("photo",), "caption": ("results",)})
    assert both.inward({"photo": 1, "prompt": 2}) == {"image": 1, "text": 2}
    assert both.inward({"image": 1, "text": 2}) == {"image": 1, "text": 2}
    assert both.outward({"image": 1, "caption": 2, "z": 3}) == {"photo": 1, "results": 2, "z": 3}


def test_names_that_the_model_does_not_have_are_found():
    """One that was meant for both sides has to be on one of them."""
    told = Aliases.read(["mine.image=a", "mine.in.result=b", "mine.out.result=c", "mine.in.caption=d", "mine.nix=e"])
    assert told["mine"].unknown({"image", "text"}, {"result", "caption"}) == ["caption", "nix"]
    assert told["mine"].unknown((), ("image", "result")) == ["caption", "nix"]


def test_an_output_may_go_out_under_several_keys():
    several = Aliases.read(["mine.out.image=output", "mine.out.image=image"])["mine"]
    assert several.outward({"image": 1}) == {"output": 1, "image": 1}


def test_one_input_under_two_names_is_refused():
    with pytest.raises(InputError, match="image came twice, once as photo"):
        Aliases.read(["mine.image=photo"])["mine"].inward({"image": 1, "photo": 2})


@pytest.mark.parametrize("entry", ["", "mine", "mine=x", "mine.image", "mine.image=", ".image=x", "mine.up.image=x"])
def test_what_is_no_alias_is_refused_with_what_it_looks_like(entry: str):
    with pytest.raises(SettingError, match="can't be an alias") as caught:
        Aliases.read([entry])
    assert "--alias pencil.out.image=output" in caught.value.hint


def test_info_tells_the_keys_that_sketches_know():
    told = values.described(COMMAND, Aliases.read(["mine.out.image=output", "mine.in.image=photo"])["mine"])
    assert [field["name"] for field in told["inputs"]] == ["photo", "text", "amount", "loud"]
    assert [field["name"] for field in told["outputs"]] == ["output", "grey", "caption", "marks", "z"]


def test_numbers_for_text_and_text_for_numbers_are_taken():
    given = {"text": 7, "amount": "0.25", "loud": True}
    assert values.inward(given, COMMAND, NONE) == {"text": "7", "amount": 0.25, "loud": True}
    assert values.inward({"amount": "many", "text": True}, COMMAND, NONE) == {"amount": "many", "text": True}


def test_what_a_form_left_empty_is_left_out():
    assert values.inward({"amount": None, "image": None}, COMMAND, NONE) == {"image": None}


PNG = values._DOT


@pytest.mark.parametrize("text", [PNG, "image/png;base64," + PNG.partition(",")[2], PNG.partition(",")[2] + "=="])
def test_pictures_come_with_any_head_or_none(text: str):
    given = values.inward({"image": text}, COMMAND, NONE)["image"]
    blob = Image().parse(given, "image")
    assert (blob.format, blob.meta["width"]) == ("png", 1)


def test_before_the_first_output_there_is_one_with_nothing_in_it():
    assert values.empty(COMMAND, NONE) == {
        "image": PNG, "grey": PNG, "caption": "", "marks": [[0, 0], [0, 0]], "z": [],
    }  # fmt: skip
    header = read(content(PNG, "image", "", 1000))
    assert header is not None and (header.width, header.height) == (1, 1)


def test_outputs_are_data_uris_and_plain_json():
    found = values.outward({"image": Blob("jpeg", b"abc"), "z": [1.0], "caption": "x"}, NONE)
    assert found == {"image": "data:image/jpeg;base64,YWJj", "z": [1.0], "caption": "x"}


def test_pictures_are_asked_for_as_old_clients_expect_them():
    asked = values.wishes(COMMAND)
    assert {name: wish.format for name, wish in asked.items()} == {
        "image": "jpeg", "grey": "png", "caption": "", "marks": "", "z": "",
    }  # fmt: skip
    assert values.wishes(COMMAND, {"image": "png"})["image"].format == "png"


def test_a_category_stays_as_it_came():
    command = Command("run", {"kind": Category(("a", "b"))}, {"text": Text()})
    assert values.inward({"kind": 1}, command, NONE) == {"kind": 1}
