import math
import re
import struct
from array import array

import numpy as np
import pytest

from bridge import limits
from bridge.errors import InputError, ModelFailed
from bridge.ports import Blob, Encoding, Vector
from bridge.ports.vector import finite

THREE = struct.pack("<3f", 1, -2, 0.5)


@pytest.mark.parametrize(
    "raw",
    [
        [1, -2, 0.5],
        (1, -2, 0.5),
        THREE,
        bytearray(THREE),
        memoryview(THREE),
        memoryview(array("f", [1, -2, 0.5])),
        array("d", [1, -2, 0.5]),
        np.array([1, -2, 0.5]),
        np.array([[1, -2, 0.5]], np.float32),
        Blob("f32", THREE),
        Blob("bytes", memoryview(THREE), {"name": "z.bin"}),
    ],
    ids=lambda raw: type(raw).__name__,
)
def test_takes_numbers_in_any_form(raw):
    assert Vector(3).parse(raw, "z") == Blob("f32", THREE)


@pytest.mark.parametrize("text", ["[1, -2, 0.5]", "1,-2,0.5", " 1 -2 0.5 ", "1  -2,0.5"])
def test_takes_numbers_as_text(text):
    assert Vector(3).parse_text(text, "z") == Blob("f32", THREE)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ([1, 2], "z takes a list of 3 numbers; a list of 2 came"),
        (b"1234", "z takes a list of 3 numbers; 4 bytes came"),
        (b"", "z takes a list of 3 numbers; 0 bytes came"),
        (7, "z takes a list of 3 numbers; 7 came"),
        (None, "z takes a list of 3 numbers; nothing came"),
        ("1,2,3", "z takes a list of 3 numbers; the text '1,2,3' came"),
        ({"0": 1}, "z takes a list of 3 numbers; an object came"),
        ([1, "2", 3], "z takes numbers only; the text '2' came as number 2"),
        ([1, 2, None], "z takes numbers only; nothing came as number 3"),
        ([True, 2, 3], "z takes numbers only; true came as number 1"),
        ([[1], [2], [3]], "z takes numbers only; a list of 1 came as number 1"),
        ([1, 2, math.nan], "z takes finite numbers; NaN or infinity came among them"),
        ([1, 2, -math.inf], "z takes finite numbers; NaN or infinity came among them"),
        ([1, 2, 1e300], "z takes numbers up to 3.4e38; a larger one came"),
        ([1, 2, 10**400], "z takes a list of 3 numbers; a number beyond all bounds came"),
        (struct.pack("<3f", 1, math.nan, 0), "z takes finite numbers; NaN or infinity came among them"),
        (np.array([1, 2, 1e300]), "z takes finite numbers; NaN or infinity came among them"),
        (np.zeros((3, 1)), "z takes a list of 3 numbers; an array of 3 × 1 came"),
        (np.array(["a", "b", "c"]), "z takes a list of 3 numbers; an array of 3 came"),
    ],
)
def test_refuses_in_words(raw, message):
    with pytest.raises(InputError) as caught:
        Vector(3).parse(raw, "z")
    assert (caught.value.message, caught.value.field) == (message, "z")


@pytest.mark.parametrize("length", [1, 511, 512, 513, 5000])
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_one_bad_number_is_found_wherever_it_is(length, bad):
    numbers = np.full(length, -3.4e38, np.float32)
    numbers[::2] = 3.4e38
    assert finite(numbers.tobytes())
    for place in {0, length // 2, length - 1}:
        spoilt = numbers.copy()
        spoilt[place] = bad
        assert not finite(spoilt.tobytes())


def test_the_model_gets_an_array_of_its_own():
    port = Vector(3)
    loaded = port.load(port.parse(THREE, "z"), "z")
    loaded[0] = 9
    assert loaded.dtype == np.float32
    assert loaded.tolist() == [9, -2, 0.5]


@pytest.mark.parametrize("given", [[1, -2, 0.5], (1, -2, 0.5), np.array([1, -2, 0.5]), np.array([[1, -2, 0.5]], "f2")])
def test_dumps_as_list_or_bytes(given):
    port = Vector(3)
    assert port.dump(given, port.encoding(None, "z"), "z") == [1, -2, 0.5]
    assert port.dump(given, port.encoding(Encoding("f32"), "z"), "z") == Blob("f32", THREE)


@pytest.mark.parametrize(
    "given", [None, "abc", [1, 2], [1, 2, math.nan], np.zeros((3, 3)), np.array([1, 2, np.inf]), object()]
)
def test_bad_outputs_are_the_models_fault(given):
    with pytest.raises(ModelFailed, match="the model gave out") as caught:
        Vector(3).dump(given, Encoding("json"), "z")
    assert caught.value.field == "z"


def test_without_a_length_any_number_of_them_is_taken():
    port = Vector()
    assert port.parse([1, 2, 3], "z").data == port.parse(np.array([1, 2, 3]), "z").data
    assert port.neutral() is None
    for wrong in ([], b"abc", b"", [0.0] * (limits.VECTOR_LENGTH + 1), "words"):
        with pytest.raises(InputError, match="takes a list of numbers"):
            port.parse(wrong, "z")


def test_rows_may_come_one_behind_the_other():
    port = Vector(2, rows=3)
    assert len(port.parse([1, 2], "w").data) == 8
    assert port.load(port.parse(range_of := list(range(6)), "w"), "w").tolist() == range_of
    for wrong in ([1, 2, 3, 4], [1], b"abcd"):
        with pytest.raises(InputError, match=r"takes a list of 2 numbers, or 3 such lists in one: 6"):
            port.parse(wrong, "w")


def test_length_comes_from_the_default():
    assert Vector(default=np.array([1, 2, 3])).length == 3
    assert Vector(default=(1, 2)).describe()["default"] == [1, 2]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Vector(-1), "Vector: length is -1; say how many numbers it has, such as Vector(512)"),
        (lambda: Vector(True), "Vector: length is true; say how many numbers it has, such as Vector(512)"),
        (lambda: Vector(2, default=[1]), "Vector: default takes a list of 2 numbers; a list of 1 came"),
        (lambda: Vector(2, 0, 0), "Vector: sampling_std is 0; it has to be above 0"),
        (lambda: Vector(2, math.nan), "Vector: sampling_mean and sampling_std are finite numbers"),
    ],
)
def test_wrong_parameters_are_told_to_the_author(make, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        make()


def test_neutral_value_is_the_mean():
    assert Vector(2, sampling_mean=3).neutral() == [3, 3]


def test_unknown_format_is_refused():
    with pytest.raises(InputError, match="z can't be given as 'jpeg'"):
        Vector(3).encoding(Encoding("jpeg"), "z")
