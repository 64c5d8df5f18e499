import re

import numpy as np
import pytest

from bridge import limits
from bridge.errors import InputError, ModelFailed, TooLarge
from bridge.ports import (
    Any,
    Array,
    Blob,
    Boolean,
    Category,
    Encoding,
    Image,
    Number,
    Point,
    Text,
    Vector,
    build,
    to_json,
)
from tests.ports import files

JSON = Encoding("json")


@pytest.mark.parametrize(
    ("raw", "hint"),
    [
        ("x", 'send a list: ["x"]'),
        ('é"', 'send a list: ["é\\""]'),
        (3, "send a list: [3]"),
        (True, "send a list: [true]"),
        ("x" * 100, "send a list: [...]"),
        ("\ud800", "send a list: [...]"),
        ({"a": 1}, "send a list: [...]"),
        (None, "send a list: [...]"),
    ],
)
def test_what_is_no_list_is_told_how_a_list_is_sent(raw, hint):
    with pytest.raises(InputError, match=r"stop takes a list of up to 16; .* came") as caught:
        Array(Text(), max_length=16).parse(raw, "stop")
    assert caught.value.hint == hint


@pytest.mark.parametrize(
    ("port", "raw", "parsed"),
    [
        (Array(Number()), [], []),
        (Array(Number(step=1)), (1, 2.0), [1, 2]),
        (Array(Number()), np.array([0.5, 1]), [0.5, 1]),
        (Array(Array(Number())), np.eye(2), [[1, 0], [0, 1]]),
        (Array(Category(("a", "b"))), ["b", 0], ["b", "a"]),
        (Array(Point()), [[0, 1]], [[0, 1]]),
        (Array(Any()), [1, {"a": None}], [1, {"a": None}]),
        (Array(Vector(1)), [[0]], [Blob("f32", bytes(4))]),
        (Array(Vector(1)), np.zeros((2, 1)), [Blob("f32", bytes(4))] * 2),
    ],
)
def test_takes(port, raw, parsed):
    assert port.parse(raw, "list") == parsed


@pytest.mark.parametrize(
    ("port", "raw", "message", "field"),
    [
        (Array(Text()), "abc", "list takes a list; the text 'abc' came", "list"),
        (Array(Text()), {"0": "a"}, "list takes a list; an object came", "list"),
        (Array(Text()), None, "list takes a list; nothing came", "list"),
        (Array(Text()), np.float64(1), "list takes a list; 1 came", "list"),
        (Array(Text(), 2), ["a"], "list takes a list of 2 or more; 1 came", "list"),
        (Array(Text(), 0, 1), ["a", "b"], "list takes a list of up to 1; 2 came", "list"),
        (Array(Text(), 2, 2), ["a"], "list takes a list of exactly 2; 1 came", "list"),
        (Array(Number(0, 1)), [0, 1, 7], "list[2] takes a number from 0 to 1; 7 came", "list[2]"),
        (Array(Array(Text())), [[], ["a", 1]], "list[1][1] takes text; 1 came", "list[1][1]"),
    ],
)
def test_refuses_in_words(port, raw, message, field):
    with pytest.raises(InputError) as caught:
        port.parse(raw, "list")
    assert (caught.value.message, caught.value.field) == (message, field)


def test_too_many_items_are_too_large():
    with pytest.raises(TooLarge, match=f"up to {limits.JSON_ITEMS} items"):
        Array(Number()).parse([0] * (limits.JSON_ITEMS + 1), "list")


def test_many_small_files_are_not_more_pixels_than_one_large():
    wide = files.png(6000, 5000, 8, 0, b"")
    port = Array(Array(Image()))
    assert len(port.parse([[wide]], "list")) == 1
    with pytest.raises(TooLarge, match="list takes up to 50 megapixels altogether; 60 came"):
        port.parse([[wide], [wide]], "list")


@pytest.mark.parametrize(
    ("port", "text", "parsed"),
    [
        (Array(Number()), "[1, 2]", [1, 2]),
        (Array(Number()), "1, .5", [1, 0.5]),
        (Array(Boolean()), "on,off", [True, False]),
        (Array(Category(("a", "b"))), "a,1", ["a", "b"]),
        (Array(Number()), "", []),
        (Array(Text()), "Hello, world", ["Hello, world"]),
        (Array(Text()), '["a", "b"]', ["a", "b"]),
        (Array(Text()), "[not json", ["[not json"]),
        (Array(Vector(2)), "1 2", [Blob("f32", bytes.fromhex("0000803f00000040"))]),
        (Array(Array(Number())), "[[1], []]", [[1], []]),
    ],
)
def test_takes_text(port, text, parsed):
    assert port.parse_text(text, "list") == parsed


def test_loads_every_item():
    port = Array(Image(channels=1))
    found = port.load(port.parse([files.encoded("png"), files.encoded("jpg")], "list"), "list")
    assert [item.shape for item in found] == [(16, 32), (16, 32)]
    with pytest.raises(InputError) as caught:
        port.load(port.parse([files.encoded("png"), files.encoded("png")[:-30]], "list"), "list")
    assert caught.value.field == "list[1]"


@pytest.mark.parametrize(
    ("port", "given", "dumped"),
    [
        (Array(Number()), (0.5, np.float32(1)), [0.5, 1]),
        (Array(Number()), np.array([0.5, 1]), [0.5, 1]),
        (Array(Text()), ["a"], ["a"]),
        (Array(Point()), np.array([[0.5, 2]]), [[0.5, 1]]),
        (Array(Vector(1)), np.zeros((1, 1)), [[0]]),
        (Array(Any()), [{"a": np.arange(2)}], [{"a": [0, 1]}]),
        (Array(Text()), {"a": 1}.keys(), ["a"]),
    ],
)
def test_dumps(port, given, dumped):
    assert port.dump(given, port.encoding(None, "list"), "list") == dumped


def test_pictures_take_the_wanted_encoding():
    port = Array(Image())
    encoding = port.encoding(Encoding("png", width=8), "list")
    blobs = port.dump(np.zeros((2, 16, 16, 3), np.uint8), encoding, "list")
    assert [(blob.format, blob.meta) for blob in blobs] == [("png", {"width": 8, "height": 8})] * 2
    assert [text[:22] for text in to_json(blobs)] == ["data:image/png;base64,"] * 2


@pytest.mark.parametrize(
    ("port", "given", "message"),
    [
        (Array(Text()), None, "the model gave out nothing for list"),
        (Array(Text()), "abc", "the model gave out the text 'abc' for list"),
        (Array(Text()), {"a": 1}, "the model gave out an object for list"),
        (Array(Text()), (piece for piece in "abc"), "the model gave out a value of type generator for list"),
        (Array(Text(), 0, 1), ["a", "b"], "the model gave out 2 items for list"),
        (Array(Number()), [1, None], "the model gave out nothing for list[1]"),
    ],
)
def test_bad_outputs_are_the_models_fault(port, given, message):
    with pytest.raises(ModelFailed) as caught:
        port.dump(given, JSON, "list")
    assert caught.value.message == message


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Array(Text), "Array: item is a value of type StructMeta; write a port, such as Array(Text())"),
        (lambda: Array(Text(), 2, 1), "Array: min_length 2 is above max_length 1"),
        (lambda: Array(Number(0, 1), default=[2]), "Array: default[0] takes a number from 0 to 1; 2 came"),
    ],
)
def test_wrong_parameters_are_told_to_the_author(make, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        make()


def test_schema_holds_the_items():
    schema = Array(Number(0, 1), 1, 3).schema()
    items = {"type": "number", "minimum": 0, "maximum": 1}
    assert schema == {"type": "array", "items": items, "minItems": 1, "maxItems": 3}


@pytest.mark.parametrize(
    "description",
    [
        None,
        {},
        {"kind": "hologram"},
        {"kind": "number", "min": "low"},
        {"kind": "number", "minimum": 0},
        {"kind": "number", "min": 2, "max": 1},
        {"kind": "array"},
        {"kind": "array", "item": {"kind": "vector", "length": -1}},
    ],
)
def test_what_describes_no_port_is_refused(description):
    with pytest.raises(InputError, match="this does not describe a port"):
        build(description)
