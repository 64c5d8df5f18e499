"""What holds for every kind, whatever its parameters and whatever comes."""

import json
import math
import struct
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge import ports
from bridge.errors import BridgeError, InputError
from bridge.ports import Blob, Encoding, to_json
from tests.ports import files

PICTURE = "data:image/png;base64,"

ONE_OF_EACH = [
    ports.Any(),
    ports.Text(1, 5),
    ports.Number(0, 1, step=0.1),
    ports.Boolean(),
    ports.Category(("soft", "hard")),
    ports.Vector(3),
    ports.Array(ports.Number()),
    ports.Image(),
    ports.Audio(),
    ports.File(extension=".csv"),
    ports.Directory(),
    ports.Segmentation({"sky": 0, "sea": 1}),
    ports.Point(),
    ports.Box(),
    ports.Landmarks(2, ("a", "b"), (("a", "b"),)),
]

each = pytest.mark.parametrize("port", ONE_OF_EACH, ids=lambda port: port.kind)


def test_these_are_all_kinds():
    assert [type(port) for port in ONE_OF_EACH] == list(ports.KINDS)


# --- every port that can be made -----------------------------------------------------------------

finite = st.floats(-1e6, 1e6)
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
named = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=10)
sides = st.integers(1, 100)
common = {"description": words, "unit": words}


@st.composite
def numbers(draw: st.DrawFn) -> ports.Number:
    low, high = sorted([draw(finite), draw(finite)])
    bounds = draw(st.sampled_from([(None, None), (low, None), (None, high), (low, high)]))
    default = draw(st.sampled_from([{}, {"default": None}, {"default": low}, {"default": high}]))
    step = draw(st.sampled_from([None, 0.5, 2]))
    return ports.Number(*bounds, step=step, description=draw(words), **default)


@st.composite
def vectors(draw: st.DrawFn) -> ports.Vector:
    if draw(st.booleans()):
        return ports.Vector(default=draw(st.lists(finite, min_size=1, max_size=5)), description=draw(words))
    return ports.Vector(draw(sides), draw(finite), draw(st.floats(0.1, 10)), unit=draw(words))


@st.composite
def images(draw: st.DrawFn) -> ports.Image:
    low, high = sorted([draw(sides), draw(sides)])
    sizes = draw(st.sampled_from([{}, {"width": low}, {"min_width": low, "max_width": high}, {"max_height": high}]))
    format = draw(st.sampled_from(["", "png", "raw"]))
    return ports.Image(channels=draw(st.sampled_from([1, 3, 4])), default_format=format, quality=draw(sides), **sizes)


@st.composite
def segmentations(draw: st.DrawFn) -> ports.Segmentation:
    labels = draw(st.dictionaries(named, st.integers(0, 255), min_size=1, max_size=8))
    ids = dict(zip(labels, sorted(set(labels.values())), strict=False))
    color = st.tuples(*[st.integers(0, 255)] * 3)
    colors = draw(st.dictionaries(st.sampled_from(sorted(ids)), color, max_size=3))
    colors = dict(zip(colors, set(colors.values()), strict=False))
    return ports.Segmentation(ids, colors, draw(st.sampled_from(sorted(ids))), min_width=draw(sides))


@st.composite
def landmarks(draw: st.DrawFn) -> ports.Landmarks:
    labels = tuple(draw(st.lists(named, min_size=2, max_size=5, unique=True)))
    ends = st.sampled_from([*labels, *range(len(labels))])
    pairs = tuple(draw(st.lists(st.tuples(ends, ends), max_size=3)))
    return ports.Landmarks(len(labels), draw(st.sampled_from([labels, ()])) or labels, pairs)


@st.composite
def texts(draw: st.DrawFn) -> ports.Text:
    low, high = sorted([draw(st.integers(0, 50)), draw(st.integers(0, 50))])
    return ports.Text(low, draw(st.sampled_from([None, high])), draw(st.booleans()), description=draw(words))


plain = st.one_of(
    st.builds(ports.Any, description=words, default=st.none() | st.dictionaries(words, words)),
    texts(),
    numbers(),
    st.builds(ports.Boolean, default=st.booleans() | st.none(), **common),
    st.builds(ports.Category, st.lists(named, min_size=1, max_size=5, unique=True), **common),
    vectors(),
    images(),
    st.builds(ports.Audio, st.integers(1000, 96_000), st.integers(1, 8), st.none() | st.floats(1, 600), **common),
    st.builds(ports.File, st.sampled_from(["", ".csv", "tar.gz"]), **common),
    st.builds(ports.Directory, **common),
    segmentations(),
    st.builds(ports.Point, default=st.just([0.5, 0.5]), **common),
    st.builds(ports.Box, **common),
    landmarks(),
)
any_port = plain | st.builds(ports.Array, plain, st.integers(0, 3), st.none() | st.integers(3, 9), description=words)


@given(any_port)
def test_a_port_is_built_again_from_its_description(port):
    description = json.loads(json.dumps(port.describe(), allow_nan=False))
    assert description == port.describe()
    assert ports.build(description) == port
    assert ports.build(description).describe() == description


@given(any_port)
def test_a_port_crosses_to_another_process(port):
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(port), type=ports.AnyPort) == port
    assert msgspec.json.decode(msgspec.json.encode(port), type=ports.AnyPort) == port


@given(any_port)
def test_a_schema_is_json(port):
    assert json.loads(json.dumps(port.schema(), allow_nan=False)) == port.schema()


@given(any_port)
def test_the_neutral_value_is_one_it_takes(port):
    neutral = port.neutral()
    if neutral is not None:
        port.parse(neutral, "x")


# --- whatever comes ------------------------------------------------------------------------------

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["data:,", PICTURE, "AAAA"]),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=20,
)
beginnings = st.sampled_from(
    [b"", files.encoded("png"), files.encoded("jpg"), files.zipped({"a": b""}), b"RIFF\0\0\0\0WAVE"]
)
some_bytes = st.builds(
    lambda start, cut, rest: start[:cut] + rest, beginnings, st.integers(0, 400), st.binary(max_size=64)
)
metas = st.dictionaries(st.sampled_from(["width", "height", "channels", "rate", "name"]), json_values, max_size=4)
blobs = st.builds(Blob, st.sampled_from(["raw", "png", "f32", "wav", "bytes", "?"]), some_bytes, metas)


def crosses(value: object) -> None:
    """Fails unless the value can go to the worker and, as JSON, to a caller."""
    msgspec.msgpack.encode(value, enc_hook=lambda blob: [blob.format, bytes(blob.data), blob.meta])
    json.dumps(to_json(value), allow_nan=False)


def outcome(call: Callable[[], Any]) -> tuple[Any, BridgeError | None]:
    """What came of it: a value, or an error of ours; any other error fails the test."""
    try:
        return call(), None
    except BridgeError as error:
        return None, error


def is_about(error: BridgeError, field: str) -> bool:
    return isinstance(error, InputError) and error.field.startswith(field) and bool(error.message.encode())


@each
@settings(max_examples=150)
@given(raw=json_values | some_bytes | some_bytes.map(memoryview) | blobs)
def test_whatever_comes_is_taken_or_refused_about_this_field(port, raw):
    parsed, error = outcome(lambda: port.parse(raw, "x"))
    if error is None:
        crosses(parsed)
        assert port.parse(parsed, "x") == parsed
    else:
        assert is_about(error, "x") and error.message.startswith("x")


@each
@settings(max_examples=50)
@given(text=st.text() | json_values.map(json.dumps))
def test_whatever_text_comes_is_taken_or_refused_about_this_field(port, text):
    parsed, error = outcome(lambda: port.parse_text(text, "x"))
    assert error is None or is_about(error, "x")
    crosses(parsed)


@each
@settings(max_examples=50)
@given(raw=some_bytes | blobs)
def test_what_was_taken_is_loaded_or_refused(port, raw):
    loaded, error = outcome(lambda: port.load(port.parse(raw, "x"), "x"))
    if error is None:
        port.release(loaded)
    assert error is None or is_about(error, "x")


@each
@settings(max_examples=50)
@given(value=json_values | some_bytes)
def test_whatever_a_model_gives_out_is_dumped_or_its_own_fault(port, value):
    dumped, error = outcome(lambda: port.dump(value, port.encoding(None, "x"), "x"))
    assert error is None or (error.code == "model_failed" and error.field.startswith("x"))
    crosses(dumped)


@each
@given(wanted=st.builds(Encoding, st.text() | st.sampled_from(["json", "png", "f32"]), *[st.integers()] * 3))
def test_a_wish_is_made_complete_or_refused(port, wanted):
    complete, error = outcome(lambda: port.encoding(wanted, "x"))
    if error is None:
        assert complete.format
        assert port.encoding(complete, "x") == complete
    else:
        assert is_about(error, "x")


@each
def test_a_default_is_not_required_and_none_is_a_default(port):
    optional = msgspec.structs.replace(port, default=None)
    assert port.required and not optional.required
    assert optional.neutral() is None
    assert {"type": "null"} in optional.schema()["anyOf"]


@each
def test_kinds_are_told_in_words(port):
    assert port.takes
    assert port.describe()["kind"] == port.kind


@given(st.binary(min_size=12, max_size=12))
def test_vectors_come_back_as_the_same_bytes(data):
    port = ports.Vector(3)
    blob, error = outcome(lambda: port.parse(data, "z"))
    if error is None:
        assert port.parse(to_json(blob), "z") == blob
    finite_ones = all(math.isfinite(value) for value in struct.unpack("<3f", data))
    assert finite_ones == (error is None)
