import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge import limits
from bridge.errors import BadMessage, BridgeError, InputError
from bridge.ports import Blob
from bridge.transports.base import depth_exceeds, dump_json, load_json, load_object, told


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"", "nothing"),
        (b"{", "truncated"),
        (b"{'a': 1}", "strings"),
        (b'{"a": NaN}', "invalid"),
        (b"\xff\xfe", "invalid"),
        (b'"\xff"', "UTF-8"),
        (b'"\\ud800"', "half a character"),
        (b'"\\ude00"', "half a character"),
        (b'"\\ud83d\\ude00', "truncated"),
        (b"1" * 5000, "range"),
        (b"[" * 100_000, "deeply"),
        (b"[" * 100 + b"]" * 100, "deeply"),
        (b'{"a":' * 33 + b"1" + b"}" * 33, "deeply"),
    ],
)
def test_json_that_can_not_be_read_is_told_why(data: bytes, word: str) -> None:
    with pytest.raises(BadMessage) as raised:
        load_json(data)
    assert word in raised.value.message and raised.value.hint


def test_single_quotes_of_the_windows_prompt_get_their_own_hint() -> None:
    with pytest.raises(BadMessage) as raised:
        load_json(b"'{a:1}'")
    assert "Windows" in raised.value.hint


def test_a_byte_order_mark_does_no_harm() -> None:
    assert load_json(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}


def test_many_brackets_side_by_side_are_not_deep() -> None:
    assert load_json(b"[" + b",".join([b"[1]"] * 1000) + b"]") == [[1]] * 1000


def test_what_is_no_object_is_told_what_it_is() -> None:
    for data, word in (
        (b"[]", "a list"),
        (b"1", "a number"),
        (b"null", "null"),
        (b'"x"', "a text"),
        (b"true", "a boolean"),
    ):
        with pytest.raises(BadMessage) as raised:
            load_object(data, "inputs by name")
        assert word in raised.value.message


def nested(depth: int) -> object:
    value: object = 1
    for level in range(depth):
        value = [value] if level % 2 else {"in": value}
    return value


@given(st.integers(0, 80))
def test_depth_is_counted_exactly(depth: int) -> None:
    assert depth_exceeds(nested(depth), limits.JSON_DEPTH) is (depth > limits.JSON_DEPTH)


@given(st.integers(0, 64))
def test_reading_takes_exactly_the_depth_that_is_told(depth: int) -> None:
    data = dump_json(nested(depth))
    if depth <= limits.JSON_DEPTH:
        assert load_json(data) == nested(depth)
    else:
        with pytest.raises(BadMessage):
            load_json(data)


def test_a_blob_becomes_what_fits_into_json() -> None:
    assert dump_json({"image": Blob("png", b"abc")}) == b'{"image":"data:image/png;base64,YWJj"}'


def test_an_error_of_ours_is_told_and_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    assert told(InputError("no", hint="do", field="x")).field == "x"
    assert not caplog.records


def test_any_other_error_is_logged_once_and_told_without_its_words(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        info = told(ValueError("a path of this machine"))
    assert info.code == BridgeError.code and "path" not in info.message
    assert len(caplog.records) == 1 and caplog.records[0].exc_info
