"""Ports in the words of the old Model SDK, and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.ports import (
    Any,
    Array,
    Audio,
    Boolean,
    Box,
    Category,
    Directory,
    File,
    Image,
    Landmarks,
    Number,
    Point,
    Port,
    Segmentation,
    Text,
    Vector,
    sdk,
)

# Captured from a client that asked the old app: exactly these keys.
KEYS = {
    "text": (Text(max_length=5), {"default", "minLength", "maxLength"}),
    "number": (Number(0, 1, step=0.1), {"default", "min", "max", "step"}),
    "boolean": (Boolean(), {"default"}),
    "category": (Category(("day", "night")), {"oneOf", "default"}),
    "vector": (Vector(512), {"length", "samplingMean", "samplingStd", "default"}),
    "image": (Image(width=64, max_height=9), {"channels", "defaultOutputFormat", "width", "maxHeight"}),
    "segmentation": (
        Segmentation(label_to_id={"sky": 0, "sea": 7}),
        {"labels", "defaultLabel", "labelToId", "labelToColor"},
    ),
    "array": (Array(Number(), max_length=3), {"itemType", "minLength", "maxLength"}),
    "image_point": (Point(), set()),
    "image_bounding_box": (Box(), set()),
    "image_landmarks": (Landmarks(labels=("a", "b")), {"length", "labels"}),
    "any": (Any(), set()),
}


@pytest.mark.parametrize("kind", KEYS)
def test_a_port_is_told_as_the_sdk_tells_it(kind: str):
    port, keys = KEYS[kind]
    told = sdk.field(port, "it")
    assert told["type"] == kind and told["name"] == "it"
    assert set(told) - {"type", "name", "description"} == keys


@pytest.mark.parametrize("kind", KEYS)
def test_a_port_comes_back_from_what_was_told(kind: str):
    port, _ = KEYS[kind]
    back = sdk.port(sdk.field(port, "it"))
    assert type(back) is type(port)
    for name in ("min", "max", "choices", "length", "label_to_id", "label_to_color", "labels", "channels", "width"):
        assert getattr(back, name, None) == getattr(port, name, None)


def test_defaults_are_of_the_value_itself():
    assert sdk.field(Number(2, 5), "it")["default"] == 2
    assert sdk.field(Category(("day", "night"), default="night"), "it")["default"] == "night"
    assert sdk.port({"type": "number", "min": 0, "max": 1, "default": 7}).required
    assert sdk.port({"type": "number", "min": 0, "max": 1, "default": 0.5}).default == 0.5


def test_items_of_a_list_are_named_after_their_type():
    assert sdk.field(Array(Box()), "it")["itemType"]["name"] == "image_bounding_box_array_item"


@pytest.mark.parametrize(("port", "kind"), [(File(), "file"), (Directory(), "directory"), (Audio(), "audio")])
def test_what_the_sdk_has_no_word_for_is_a_file_that_says_its_kind(port: Port, kind: str):
    told = sdk.field(port, "it")  # type: ignore[arg-type]
    assert (told["type"], told["kind"]) == ("file", kind)


def test_a_file_of_a_real_sdk_server_is_a_path_or_an_address():
    assert sdk.port({"type": "file", "name": "it"}).kind == "text"


NONSENSE = (
    {},
    {"type": 7},
    {"type": "image", "channels": 9},
    {"type": "number", "min": 5, "max": 1},
    {"type": "category", "oneOf": None},
    {"type": "category", "oneOf": [1, 2]},
    {"type": "segmentation"},
    {"type": "segmentation", "labelToId": {"sky": 700}},
    {"type": "segmentation", "labelToId": {"sky": 1}, "labelToColor": [1]},
    {"type": "array", "itemType": {"type": "image_landmarks"}},
    {"type": "image_landmarks", "length": -1},
    {"type": "vector", "length": "many"},
    {"type": "text", "minLength": "x"},
)


@pytest.mark.parametrize("told", NONSENSE)
def test_a_field_that_contradicts_itself_takes_any_value(told: dict):
    assert sdk.port(told).kind in ("any", "array")


def test_a_list_of_fields_that_is_none_gives_no_ports():
    assert sdk.ports(None) == {} and sdk.ports("x") == {} and sdk.ports([1, {"name": 3}, {"type": "text"}]) == {}


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)
_KEYS = (
    "min max step default oneOf length samplingMean samplingStd itemType minLength maxLength channels width "
    "defaultOutputFormat labels labelToId labelToColor description"
)
_FIELD = st.fixed_dictionaries({"type": st.sampled_from([*KEYS, "file"])}, optional=dict.fromkeys(_KEYS.split(), _JSON))


@given(_FIELD)
def test_whatever_a_server_tells_some_port_comes_of_it(told: dict):
    sdk.field(sdk.port(told), "it")
