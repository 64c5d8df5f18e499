import enum
import math
import re

import msgspec
import numpy as np
import pytest

from bridge import limits
from bridge.errors import InputError, ModelFailed, TooLarge
from bridge.ports import Any, Boolean, Category, Encoding, Number, Text

JSON = Encoding("json")


class Level(enum.IntEnum):
    LOW = 1


@pytest.mark.parametrize(
    ("port", "raw", "parsed"),
    [
        (Number(), 7, 7),
        (Number(), 0.5, 0.5),
        (Number(), -0.0, 0.0),
        (Number(0, 1), 1, 1),
        (Number(0, 1), 0, 0),
        (Number(), np.float32(0.5), 0.5),
        (Number(), np.array([3]), 3),
        (Number(), Level.LOW, 1),
        (Number(), 10**30, 1e30),
        (Number(step=1), 3.0, 3),
        (Number(step=0.5), 0.3, 0.3),
        (Boolean(), True, True),
        (Boolean(), np.bool_(False), False),
        (Text(), "", ""),
        (Text(), "grüß 🌊", "grüß 🌊"),
        (Text(), "é".encode(), "é"),
        (Text(max_length=3), "abc", "abc"),
        (Category(("a", "b")), "b", "b"),
        (Category(("a", "b")), 1, "b"),
        (Category(("a", "b")), 0.0, "a"),
        (Category(("a", "b")), np.int64(1), "b"),
        (Category(("256", "512")), 512, "512"),
        (Category(("1", "2")), 1, "1"),
        (Any(), None, None),
        (Any(), (1, (2,)), [1, [2]]),
        (Any(), np.array([[1, 2]]), [[1, 2]]),
        (Any(), {"a": np.float64(1)}, {"a": 1.0}),
    ],
)
def test_takes(port, raw, parsed):
    found = port.parse(raw, "x")
    assert found == parsed
    assert type(found) is type(parsed)


@pytest.mark.parametrize(
    ("port", "raw", "message"),
    [
        (Number(0, 1), 7, "x takes a number from 0 to 1; 7 came"),
        (Number(0, 1), 1.5, "x takes a number from 0 to 1; 1.5 came"),
        (Number(0), -1, "x takes a number of 0 or more; -1 came"),
        (Number(max=5), 6, "x takes a number up to 5; 6 came"),
        (Number(), True, "x takes a number; true came"),
        (Number(), None, "x takes a number; nothing came"),
        (Number(), "7", "x takes a number; the text '7' came"),
        (Number(), [7], "x takes a number; a list of 1 came"),
        (Number(), math.nan, "x takes a number; NaN came"),
        (Number(), -math.inf, "x takes a number; infinity came"),
        (Number(), np.float64("nan"), "x takes a number; NaN came"),
        (Number(), 10**400, "x takes a number; a number with very many digits came"),
        (Number(), np.array([1, 2]), "x takes a number; an array of 2 came"),
        (Number(step=1), 3.5, "x takes a whole number; 3.5 came"),
        (Number(0, 9, step=1), 3.5, "x takes a whole number from 0 to 9; 3.5 came"),
        (Number(step=1), 1e300, "x takes a whole number; 1e+300 came"),
        (Boolean(), 1, "x takes true or false; 1 came"),
        (Boolean(), "true", "x takes true or false; the text 'true' came"),
        (Boolean(), None, "x takes true or false; nothing came"),
        (Boolean(), np.array([True, False]), "x takes true or false; an array of 2 came"),
        (Text(), 7, "x takes text; 7 came"),
        (Text(), {}, "x takes text; an object came"),
        (Text(), b"\xff", "x takes text; 1 byte came"),
        (Text(), "\ud800", "x takes text; one that is not valid Unicode came"),
        (Text(min_length=2), "a", "x takes text of 2 or more characters; 1 came"),
        (Text(max_length=2), "abc", "x takes text of up to 2 characters; 3 came"),
        (Text(2, 2), "abc", "x takes text of exactly 2 characters; 3 came"),
        (Category(("soft", "hard")), "sofd", "x takes one of soft, hard; the text 'sofd' came"),
        (Category(("soft", "hard")), 2, "x takes one of soft, hard; 2 came"),
        (Category(("soft", "hard")), -1, "x takes one of soft, hard; -1 came"),
        (Category(("soft", "hard")), 0.5, "x takes one of soft, hard; 0.5 came"),
        (Category(("soft", "hard")), False, "x takes one of soft, hard; false came"),
        (Category(("soft", "hard")), math.nan, "x takes one of soft, hard; NaN came"),
        (Any(), {"a": [1, math.nan]}, "x takes JSON; NaN came"),
        (Any(), {1: 2}, "x takes JSON; an object with 1 as a name came"),
        (Any(), [b"raw"], "x takes JSON; 3 bytes came"),
        (Any(), 2**70, "x takes JSON; a number with very many digits came"),
        (Any(), {"\ud800": 1}, "x takes JSON; a text that is not valid Unicode came"),
        (Any(), object(), "x takes JSON; a value of type object came"),
    ],
)
def test_refuses_in_words(port, raw, message):
    with pytest.raises(InputError) as caught:
        port.parse(raw, "x")
    assert (caught.value.message, caught.value.field) == (message, "x")


def test_hints_say_what_to_do():
    assert hint(Category(("soft", "hard")), "sofd") == "did you mean soft?"
    assert hint(Number(), "7") == "send it without the quotes"
    assert hint(Text(), 7) == "put quotes around it"
    assert hint(Category(("soft", "hard")), 2) == "by number it goes from 0 to 1"


def hint(port, raw) -> str:
    with pytest.raises(InputError) as caught:
        port.parse(raw, "x")
    return caught.value.hint


def test_any_is_as_deep_as_the_limit_and_no_deeper():
    assert Any().parse(nested(limits.JSON_DEPTH), "x") == nested(limits.JSON_DEPTH)
    with pytest.raises(InputError, match="nested too deeply"):
        Any().parse(nested(limits.JSON_DEPTH + 1), "x")
    with pytest.raises(InputError, match="nested too deeply"):
        Any().parse(nested(100_000), "x")


def nested(depth: int) -> list:
    value: list = []
    for _ in range(depth - 1):
        value = [value]
    return value


def test_any_that_holds_itself_is_refused():
    ring: list = []
    ring.append(ring)
    with pytest.raises(InputError, match="nested too deeply"):
        Any().parse(ring, "x")


def test_any_counts_items_at_all_depths_together():
    half = [0] * (limits.JSON_ITEMS // 2)
    assert len(Any().parse([half], "x")[0]) == len(half)
    with pytest.raises(TooLarge, match="holds too much"):
        Any().parse([half, half], "x")


def test_any_is_a_copy():
    mine = {"a": [1]}
    parsed = Any().parse(mine, "x")
    mine["a"].append(2)
    assert parsed == {"a": [1]}


def test_text_beyond_the_limit_is_too_large():
    with pytest.raises(TooLarge, match=str(limits.TEXT_CHARS)):
        Text().parse("a" * (limits.TEXT_CHARS + 1), "x")


@pytest.mark.parametrize(
    ("port", "text", "parsed"),
    [
        (Number(), "7", 7),
        (Number(), " .5 ", 0.5),
        (Number(), "+1e2", 100),
        (Number(step=1), "3.0", 3),
        (Boolean(), "true", True),
        (Boolean(), "on", True),
        (Boolean(), "1", True),
        (Boolean(), "No", False),
        (Text(), "7", "7"),
        (Text(), "true", "true"),
        (Category(("a", "b")), "b", "b"),
        (Category(("a", "b")), "1", "b"),
        (Category(("1", "2")), "1", "1"),
        (Any(), '{"a": [1]}', {"a": [1]}),
        (Any(), "hello", "hello"),
    ],
)
def test_takes_text(port, text, parsed):
    assert port.parse_text(text, "x") == parsed


@pytest.mark.parametrize(
    ("port", "text"),
    [
        (Number(), "nan"),
        (Number(), "Infinity"),
        (Number(), "1_000"),
        (Number(), ""),
        (Number(), "1e999"),
        (Boolean(), ""),
        (Boolean(), "maybe"),
        (Category(("a", "b")), "²"),
        (Category(("a", "b")), "9" * 5000),
    ],
)
def test_refuses_text(port, text):
    with pytest.raises(InputError, match=r"^x takes"):
        port.parse_text(text, "x")


@pytest.mark.parametrize(
    ("port", "given", "dumped"),
    [
        (Number(0, 1), np.float32(1.5), 1.5),
        (Number(step=1), np.int64(3), 3),
        (Boolean(), np.bool_(True), True),
        (Category(("a", "b")), "b", "b"),
        (Text(max_length=1), "abc", "abc"),
        (Text(), "half \ud83c", "half ?"),
        (Any(), {"shape": (1, 2), "a": np.arange(2)}, {"shape": [1, 2], "a": [0, 1]}),
        (Any(), None, None),
    ],
)
def test_dumps(port, given, dumped):
    found = port.dump(given, JSON, "x")
    assert found == dumped
    assert type(found) is type(dumped)


@pytest.mark.parametrize(
    ("port", "given", "message"),
    [
        (Number(), None, "the model gave out nothing for x"),
        (Number(), math.nan, "the model gave out NaN for x"),
        (Number(step=1), 0.5, "the model gave out 0.5 for x"),
        (Boolean(), 1, "the model gave out 1 for x"),
        (Text(), b"abc", "the model gave out 3 bytes for x"),
        (Category(("a", "b")), "c", "the model gave out the text 'c' for x"),
        (Any(), object(), "the model gave out something that JSON can't hold for x"),
        (Any(), math.inf, "the model gave out something that JSON can't hold for x"),
    ],
)
def test_bad_outputs_are_the_models_fault(port, given, message):
    with pytest.raises(ModelFailed) as caught:
        port.dump(given, JSON, "x")
    assert (caught.value.message, caught.value.field) == (message, "x")


def test_pieces_of_text_are_joined_and_other_outputs_replaced():
    assert Text(pieces=True).join("wri", "ter") == "writer"
    assert Text().join("old", "new") == "new"
    assert Number().join(1, 2) == 2


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Number(5, 1), "Number: min 5 is above max 1"),
        (lambda: Number(math.nan), "Number: min is NaN; it takes a finite number"),
        (lambda: Number(step=0), "Number: step is 0; it has to be above 0"),
        (lambda: Number(0.2, 0.8, step=1), "Number: there is no whole number from 0.2 to 0.8"),
        (lambda: Number("a", "b"), "Number: a parameter has the wrong type: must be real number, not str"),
        (lambda: Number(0, 1, default=2), "Number: default takes a number from 0 to 1; 2 came"),
        (lambda: Text(3, 2), "Text: min_length 3 is above max_length 2"),
        (lambda: Text(-1), f"Text: min_length is -1; it takes a whole number from 0 to {limits.TEXT_CHARS}"),
        (lambda: Category("ab"), 'Category: choices is the text \'ab\'; write Category(("soft", "hard"))'),
        (lambda: Category(()), "Category: it needs at least one choice"),
        (lambda: Category(("a", 1)), "Category: 1 is among the choices; they are texts"),
        (lambda: Category(("a", "a")), "Category: two of the choices are the same"),
        (lambda: Category(("a",), default="b"), "Category: default takes one of a; the text 'b' came"),
    ],
)
def test_wrong_parameters_are_told_to_the_author(make, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        make()


@pytest.mark.parametrize(
    ("port", "schema"),
    [
        (Number(0, 1), {"type": "number", "minimum": 0, "maximum": 1}),
        (Number(step=1, unit="px"), {"type": "integer", "x-unit": "px"}),
        (Text(1, 9, default="a"), {"type": "string", "minLength": 1, "maxLength": 9, "default": "a"}),
        (Text(default=None), {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None}),
        (Category(("a", "b")), {"type": "string", "enum": ["a", "b"]}),
        (Boolean(description="flip it"), {"type": "boolean", "description": "flip it"}),
        (Any(), {}),
    ],
)
def test_schema(port, schema):
    assert port.schema() == schema


@pytest.mark.parametrize(
    ("port", "neutral"),
    [
        (Number(), 0),
        (Number(2, 5), 2),
        (Number(-5, -2.5, step=1), -3),
        (Number(0, 1, default=0.5), 0.5),
        (Text(), ""),
        (Boolean(), False),
        (Category(("a", "b")), "a"),
        (Any(), None),
    ],
)
def test_neutral_value_is_one_it_takes(port, neutral):
    assert port.neutral() == neutral
    port.parse(neutral, "x")


def test_a_changed_copy_is_checked_again():
    with pytest.raises(ValueError, match="default takes a number"):
        msgspec.structs.replace(Number(0, 1), default=3)
