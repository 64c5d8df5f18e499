"""OSC arguments as ports take them, and back."""

import struct
from typing import Any

import numpy as np
import pytest

from bridge.errors import InputError, MissingInput
from bridge.osc.values import Arguments, given, setting, swapped, told
from bridge.ports import Any as Anything
from bridge.ports import (
    AnyPort,
    Array,
    Blob,
    Boolean,
    Box,
    Category,
    Image,
    Landmarks,
    Number,
    Point,
    Text,
    Vector,
)


def taken(port: AnyPort, *arguments: Any) -> Any:
    """All the way: as the model's process would get it."""
    return port.parse(given(port, arguments, "it"), "it")


TENTH = struct.unpack(">f", struct.pack(">f", 0.1))[0]  # as float32 has it: a little more

SAFE = (
    (Number(0, 1), (0.5,), 0.5),
    (Number(0, 1), (1,), 1),
    (Number(0, 1), ("0.25",), 0.25),
    (Number(0, 0.1), (TENTH,), 0.1),
    (Number(0, 9, step=1), (3.0,), 3),
    (Boolean(), (1,), True),
    (Boolean(), (0.0,), False),
    (Boolean(), (True,), True),
    (Boolean(), ("off",), False),
    (Category(("soft", "hard")), ("hard",), "hard"),
    (Category(("soft", "hard")), (1,), "hard"),
    (Category(("soft", "hard")), (0.0,), "soft"),
    (Text(), ("hello",), "hello"),
    (Text(), ("hello", "world", 7, 0.5), "hello world 7 0.5"),
    (Text(), (42.0,), "42"),
    (Point(), (0.25, 0.5), [0.25, 0.5]),
    (Point(), ([0.25, 0.5],), [0.25, 0.5]),
    (Box(), (0, 0, 1, 1), [0, 0, 1, 1]),
    (Landmarks(2), (0, 0, 0.5, 1), [[0, 0], [0.5, 1]]),
    (Array(Number()), (1, 2, 3), [1, 2, 3]),
    (Array(Text()), ("a", "b"), ["a", "b"]),
    (Array(Text()), ('["a", "b, c"]',), ["a", "b, c"]),
    (Array(Number()), ([1, 2],), [1, 2]),
    (Anything(), (1,), 1),
    (Anything(), ("text",), "text"),
    (Anything(), ('[1, {"a": null}]',), [1, {"a": None}]),
    (Anything(), (1, "a"), [1, "a"]),
    (Number(default=None), (None,), None),
)


@pytest.mark.parametrize(("port", "arguments", "value"), SAFE)
def test_what_is_safe_is_understood(port: AnyPort, arguments: tuple[Any, ...], value: Any):
    if arguments == (None,):
        assert given(port, arguments, "it") is None
    else:
        assert taken(port, *arguments) == value


def test_vectors_come_as_numbers_as_a_list_and_as_bytes():
    expected = np.array([1, 2, 3], "<f4").tobytes()
    for arguments in ((1.0, 2, 3.0), ([1, 2, 3],), (expected,), ("1, 2, 3",)):
        assert bytes(taken(Vector(3), *arguments).data) == expected
    assert swapped(struct.pack(">3f", 1, 2, 3)) == expected


UNSAFE = (
    (Number(0, 1), (1.5,), "from 0 to 1; 1.5 came"),
    (Number(0, 1), (True,), "true came"),
    (Number(0, 1), ("loud",), "the text 'loud' came"),
    (Number(0, 1), (0.1, 0.2), "2 values came"),
    (Number(0, 9, step=1), (1.5,), "1.5 came"),
    (Number(0, 1), (float("nan"),), "NaN came"),
    (Boolean(), (0.5,), "0.5 came"),
    (Boolean(), (127,), "127 came"),
    (Category(("soft", "hard")), (2,), "2 came"),
    (Category(("soft", "hard")), ("harder",), "harder"),
    (Text(), (True,), "true came"),
    (Vector(3), (1.0, 2.0), "a list of 2 came"),
    (Point(), (0.5,), "point"),
    (Image(), ("http://elsewhere/a.jpg",), "the text"),
    (Image(), ("/etc/passwd",), "the text"),
    (Image(), ("data:image/png;base64,AAAA",), "the text"),
    (Image(), (1,), "1 came"),
    (Image(), (b"no picture",), "picture|image"),
)


@pytest.mark.parametrize(("port", "arguments", "said"), UNSAFE)
def test_what_is_not_is_refused_in_words(port: AnyPort, arguments: tuple[Any, ...], said: str):
    with pytest.raises(InputError, match=said):
        taken(port, *arguments)


def test_nothing_is_missing_input():
    with pytest.raises(MissingInput, match="from 0 to 1"):
        given(Number(0, 1), [], "it")


def test_settings_are_numbers_words_json_or_nothing():
    assert setting(Number(0, 10), [2.0], "speed") == 2.0
    assert setting(Boolean(), [1], "playing") is True
    assert setting(None, [1, 2, 3], "keyframes") == [1, 2, 3]
    assert setting(Number(0, 10), ['{"lfo": "sine", "period": 8}'], "speed") == {"lfo": "sine", "period": 8}
    assert setting(None, ["null"], "target") is setting(None, [None], "target") is None
    assert setting(None, [np.array([1, 2], "<f4").tobytes()], "target") == [1.0, 2.0]
    with pytest.raises(MissingInput):
        setting(None, [], "speed")


@pytest.mark.parametrize(
    ("port", "value", "arguments"),
    [
        (Number(), 0.5, [0.5]),
        (Boolean(), True, [1]),
        (Text(), "hello", ["hello"]),
        (Category(("a", "b")), "b", ["b"]),
        (Vector(2), [1.0, 2.0], [1.0, 2.0]),
        (Vector(2), Blob("f32", np.array([1, 2], "<f4").tobytes()), [1.0, 2.0]),
        (Point(), [0.5, 1], [0.5, 1]),
        (Landmarks(2), [[0, 0], [1, 1]], [0, 0, 1, 1]),
        (Array(Text()), ["a", "b"], ["a", "b"]),
        (Array(Anything()), [1, "a"], ['[1,"a"]']),
        (Anything(), {"a": None}, ['{"a":null}']),
        (Anything(), None, []),
        (Image(), Blob("jpeg", b"..."), None),
    ],
)
def test_what_is_given_out_is_numbers_and_text(port: AnyPort, value: Any, arguments: Any):
    assert told(port, value) == arguments


class Noted(float):
    """Counts how often it is written as a word."""

    written = 0

    def __format__(self, spec: str) -> str:
        Noted.written += 1
        return super().__format__(spec)


def test_what_many_ports_take_of_one_message_is_made_once():
    numbers = Arguments(Noted(place / 8) for place in range(1000))
    Noted.written = 0
    lines = {given(Text(max_length=most), numbers, f"text{most}") for most in (10_000, 20_000, 30_000)}
    assert len(lines) == 1 and Noted.written == 1000
    for ports in (
        (Vector(length=1000), Vector(), Box()),
        (Landmarks(17), Landmarks(500)),
        (Array(Number(0, 125)), Array(Number(0, 125), max_length=7)),
    ):
        first, *others = (given(port, numbers, "it") for port in ports)
        assert all(other is first for other in others)
    assert setting(None, numbers, "target") is given(Vector(), numbers, "z")
    assert given(Array(Text()), numbers, "it") != given(Array(Number()), numbers, "it")


@pytest.mark.parametrize("port", [Text(), Array(Number())])
def test_what_many_ports_refuse_names_each_of_them(port: AnyPort):
    for values in (["a", b"bytes"], [0.5, b"bytes"]):
        numbers = Arguments(values)
        for field in ("first", "second"):
            with pytest.raises(InputError) as refused:
                port.parse(given(port, numbers, field), field)
            assert refused.value.field is not None and refused.value.field.startswith(field)


def test_a_list_that_came_as_text_is_read_once_for_many_ports():
    text = Arguments(["[1, 2, 3]"])
    assert given(Array(Number()), text, "a") is given(Array(Text()), text, "b")
