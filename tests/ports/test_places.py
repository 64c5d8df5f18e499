import math
import re

import numpy as np
import pytest

from bridge.errors import InputError, ModelFailed
from bridge.ports import Box, Encoding, Landmarks, Point

JSON = Encoding("json")


@pytest.mark.parametrize(
    ("port", "raw", "parsed", "loaded"),
    [
        (Point(), [0, 1], [0, 1], (0, 1)),
        (Point(), np.array([0.5, 0.25]), [0.5, 0.25], (0.5, 0.25)),
        (Box(), (0, 0.1, 0.5, 1), [0, 0.1, 0.5, 1], (0, 0.1, 0.5, 1)),
        (Landmarks(2), [[0, 1], (0.5, 0.5)], [[0, 1], [0.5, 0.5]], [(0, 1), (0.5, 0.5)]),
        (Landmarks(2), np.zeros((2, 2)), [[0, 0], [0, 0]], [(0, 0), (0, 0)]),
    ],
)
def test_takes(port, raw, parsed, loaded):
    assert port.parse(raw, "p") == parsed
    assert port.load(parsed, "p") == loaded


@pytest.mark.parametrize(
    ("port", "raw", "message"),
    [
        (Point(), [0, 2], "p takes a point [x, y], each from 0 to 1; a list of 2 came"),
        (Point(), [0], "p takes a point [x, y], each from 0 to 1; a list of 1 came"),
        (Point(), [0, True], "p takes a point [x, y], each from 0 to 1; a list of 2 came"),
        (Point(), [0, math.nan], "p takes a point [x, y], each from 0 to 1; a list of 2 came"),
        (Point(), {"x": 0, "y": 1}, "p takes a point [x, y], each from 0 to 1; an object came"),
        (Landmarks(2), [[0, 0]], "p takes a list of 2 points [x, y], each from 0 to 1; a list of 1 came"),
        (Landmarks(2), [[0, 0], [0, 7]], "p takes a list of 2 points [x, y], each from 0 to 1; [0, 7] came as point 2"),
        (
            Landmarks(2),
            [[0, 0], "a"],
            "p takes a list of 2 points [x, y], each from 0 to 1; the text 'a' came as point 2",
        ),
        (Landmarks(2), {"a": 1, "b": 2}, "p takes a list of 2 points [x, y], each from 0 to 1; an object came"),
        (Landmarks(2), 5, "p takes a list of 2 points [x, y], each from 0 to 1; 5 came"),
    ],
)
def test_refuses_in_words(port, raw, message):
    with pytest.raises(InputError) as caught:
        port.parse(raw, "p")
    assert (caught.value.message, caught.value.field) == (message, "p")


@pytest.mark.parametrize(
    "raw", [[0.5, 0, 0.5, 1], [0.6, 0, 0.5, 1], [0, 1, 1, 0], [0, 0, 1], [0, 0, 1, 1.1], [0, 0, 1, "1"]]
)
def test_box_has_left_before_right_and_top_above_bottom(raw):
    with pytest.raises(InputError, match="left before right, top above bottom"):
        Box().parse(raw, "p")


def test_takes_text():
    assert Point().parse_text("0.5, 1", "p") == [0.5, 1]
    assert Box().parse_text("[0, 0, 1, 1]", "p") == [0, 0, 1, 1]
    assert Landmarks(1).parse_text("[[0, 1]]", "p") == [[0, 1]]


def test_outputs_outside_the_picture_are_moved_to_its_edge():
    assert Point().dump((-0.1, np.float32(0.5)), JSON, "p") == [0, 0.5]
    assert Box().dump(np.array([-1, 0, 0.5, 2]), JSON, "p") == [0, 0, 0.5, 1]
    assert Landmarks(1).dump([(2, 0.5)], JSON, "p") == [[1, 0.5]]


@pytest.mark.parametrize(
    ("port", "given"),
    [
        (Point(), None),
        (Point(), [0, math.nan]),
        (Box(), [0.5, 0, 0.1, 1]),
        (Landmarks(2), [[0, 0]]),
        (Landmarks(2), [[0, 0], [0, math.inf]]),
        (Landmarks(2), None),
    ],
)
def test_bad_outputs_are_the_models_fault(port, given):
    with pytest.raises(ModelFailed, match="the model gave out"):
        port.dump(given, JSON, "p")


def test_labels_give_the_length_and_connections_go_by_label_or_number():
    port = Landmarks(labels=["hip", "knee"], connections=[["hip", "knee"], [0, 1]])
    assert port.length == 2
    assert port.connections == (("hip", "knee"), (0, 1))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (Landmarks, "Landmarks: length is 0; say how many points it has, such as Landmarks(17)"),
        (lambda: Landmarks(3, ("a", "b")), "Landmarks: it has 2 labels for 3 points; give every point its own"),
        (lambda: Landmarks(2, ("a", "a")), "Landmarks: it has 2 labels for 2 points; give every point its own"),
        (
            lambda: Landmarks(2, connections=((0, 2),)),
            "Landmarks: the connection [0, 2] does not join two of its points",
        ),
        (
            lambda: Landmarks(2, connections=(("a", 1),)),
            "Landmarks: the connection ['a', 1] does not join two of its points",
        ),
        (
            lambda: Landmarks(2, connections=((0, 1, 1),)),
            "Landmarks: the connection [0, 1, 1] does not join two of its points",
        ),
    ],
)
def test_wrong_parameters_are_told_to_the_author(make, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        make()


@pytest.mark.parametrize("port", [Point(), Box(), Landmarks(3)], ids=lambda port: port.kind)
def test_neutral_value_is_one_it_takes(port):
    assert port.parse(port.neutral(), "p") == port.neutral()
