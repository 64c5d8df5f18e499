import itertools
import re

import cv2
import numpy as np
import pytest

from bridge.errors import InputError, ModelFailed
from bridge.ports import Blob, Encoding, Segmentation
from bridge.ports.palette import color_of
from tests.ports import files

SKY, SEA, SAND = (200, 220, 255), (0, 60, 160), (230, 200, 120)
PORT = Segmentation({"sky": 0, "sea": 7, "sand": 200}, {"sky": SKY, "sea": SEA, "sand": SAND}, default_label="sea")
IDS = np.array([[0, 7], [200, 0]], np.uint8).repeat(16, 0).repeat(16, 1)
COLORED = np.array([[SKY, SEA], [SAND, SKY]], np.uint8).repeat(16, 0).repeat(16, 1)


def loaded(raw: object) -> np.ndarray:
    return PORT.load(PORT.parse(raw, "map"), "map")


@pytest.mark.parametrize(
    "raw",
    [
        files.encoded("png", COLORED),
        files.encoded("jpg", COLORED, cv2.IMWRITE_JPEG_QUALITY, 80),
        files.encoded("webp", COLORED),
        files.encoded("png", IDS),
        COLORED,
        IDS,
        IDS.astype(np.int64),
        Blob("raw", IDS.tobytes(), {"width": 32, "height": 32, "channels": 1}),
        Blob("raw", COLORED.tobytes(), {"width": 32, "height": 32, "channels": 3}),
    ],
)
def test_the_model_gets_ids_from_colours_or_from_ids(raw):
    found = loaded(raw)
    assert found.dtype == np.uint8
    assert (found == IDS).mean() > 0.95  # JPEG mixes colours along the edges
    assert (found[::8, ::8] == IDS[::8, ::8]).all()


def test_unknown_ids_and_transparent_parts_are_the_default_label():
    assert loaded(files.png(2, 1, 8, 0, bytes([0, 3, 200]))).tolist() == [[7, 200]]
    assert loaded(files.png(2, 1, 16, 0, bytes([0, 3, 200, 0, 200]))).tolist() == [[7, 200]]
    clear = np.dstack([COLORED, np.zeros((32, 32), np.uint8)])
    assert (loaded(files.encoded("png", clear)) == 7).all()


def test_the_nearest_colour_counts():
    near = np.clip(COLORED.astype(int) + 9, 0, 255).astype(np.uint8)
    assert (loaded(files.encoded("png", near)) == IDS).all()


@pytest.mark.parametrize("given", [IDS, IDS[..., None], IDS.astype(np.int64), COLORED])
def test_dumps_ids_in_colours(given):
    blob = PORT.dump(given, PORT.encoding(None, "map"), "map")
    assert blob.format == "png"
    assert (cv2.imdecode(np.frombuffer(blob.data, np.uint8), cv2.IMREAD_COLOR_RGB) == COLORED).all()
    assert (loaded(blob) == IDS).all()


def test_made_smaller_without_mixing_colours():
    blob = PORT.dump(IDS, PORT.encoding(Encoding(width=7), "map"), "map")
    found = cv2.imdecode(np.frombuffer(blob.data, np.uint8), cv2.IMREAD_COLOR_RGB)
    assert found.shape == (7, 7, 3)
    assert {tuple(color) for color in found.reshape(-1, 3).tolist()} == {SKY, SEA, SAND}


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        (np.full((4, 4), 3), "the id 3 in it has no label"),
        (np.full((4, 4), -1), "the id -1 in it has no label"),
        (np.full((4, 4), 256), "the id 256 in it has no label"),
        (np.full((4, 4), 0.5), "a segmentation is given out as whole numbers"),
        (np.zeros((2, 4, 5)), "its shape is 2 × 4 × 5"),
        (None, ""),
    ],
)
def test_bad_outputs_are_the_models_fault(given, hint):
    with pytest.raises(ModelFailed, match="for map") as caught:
        PORT.dump(given, Encoding("png"), "map")
    assert hint in caught.value.hint


def test_bad_inputs_are_refused_as_with_pictures():
    with pytest.raises(InputError, match=r"map takes a segmentation picture .*; text came"):
        PORT.parse(b"hello", "map")
    with pytest.raises(InputError, match="map takes a segmentation picture"):
        PORT.parse(np.full((4, 4), 0.5), "map")
    with pytest.raises(InputError, match="exactly 8 pixels wide"):
        Segmentation({"a": 0}, width=8).parse(IDS, "map")


def test_missing_colours_come_from_the_palette_by_id():
    port = Segmentation({"a": 5, "b": 6}, {"b": (1, 2, 3)})
    assert port.label_to_color == {"a": color_of(5), "b": (1, 2, 3)}
    assert port.default_label == "a"


def test_a_palette_colour_that_is_taken_is_not_given_again():
    port = Segmentation({"a": 0, "b": 1}, {"a": color_of(1)})
    assert len(set(port.label_to_color.values())) == 2


def test_the_palette_is_256_colours_and_the_first_ones_differ_most():
    colors = [color_of(number) for number in range(256)]
    assert len(set(colors)) == 256
    assert closest(colors[:16]) > 100
    assert closest(colors[:64]) > 50
    assert closest(colors) >= 30


def closest(colors: list[tuple[int, int, int]]) -> float:
    return min(np.linalg.norm(np.subtract(one, other)) for one, other in itertools.combinations(colors, 2))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Segmentation({}), 'label_to_id is a dict of at least one label: {"sky": 0, "sea": 1}'),
        (lambda: Segmentation(["sky"]), 'label_to_id is a dict of at least one label: {"sky": 0, "sea": 1}'),
        (lambda: Segmentation({"a": 256}), "the id of 'a' is 256; ids go from 0 to 255"),
        (lambda: Segmentation({"a": 1, "b": 1}), "two labels have the same id"),
        (lambda: Segmentation({"": 1}), "an empty text is among the labels; they are texts"),
        (lambda: Segmentation({"a": 1}, {"b": (0, 0, 0)}), "'b' has a colour but no id"),
        (
            lambda: Segmentation({"a": 1}, {"a": (0, 0, 300)}),
            "the colour of 'a' is not red, green and blue from 0 to 255",
        ),
        (lambda: Segmentation({"a": 1, "b": 2}, {"a": (0, 0, 0), "b": (0, 0, 0)}), "two labels have the same colour"),
        (lambda: Segmentation({"a": 1}, default_label="c"), "default_label 'c' is not one of its labels"),
    ],
)
def test_wrong_parameters_are_told_to_the_author(make, message):
    with pytest.raises(ValueError, match=f"^{re.escape('Segmentation: ' + message)}$"):
        make()
