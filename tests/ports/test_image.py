import base64
import re

import cv2
import numpy as np
import pytest

from bridge import limits
from bridge.errors import InputError, ModelFailed, TooLarge
from bridge.ports import Blob, Encoding, Image, to_json
from tests.ports import files

JPEG, PNG = files.encoded("jpg"), files.encoded("png")
BARE = base64.b64encode(PNG).decode()
PIXELS = files.pixels()


class LikeTorch:
    """Behaves as a torch tensor with a graph behind it, on another device."""

    dtype = "torch.bfloat16"

    def __init__(self, found: np.ndarray, steps: tuple[str, ...] = ()) -> None:
        self._found, self._steps, self.shape = found, steps, found.shape

    def detach(self) -> "LikeTorch":
        return LikeTorch(self._found, ("detach",))

    def cpu(self) -> "LikeTorch":
        return LikeTorch(self._found, (*self._steps, "cpu"))

    def float(self) -> "LikeTorch":
        return LikeTorch(self._found, (*self._steps, "float"))

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        assert self._steps == ("detach", "cpu", "float")
        return self._found


class LikePil:
    """Behaves as a PIL picture."""

    def __init__(self, found: np.ndarray) -> None:
        self.__array_interface__ = found.__array_interface__
        self._kept = found


# --- parse ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "raw",
    [
        PNG,
        bytearray(PNG),
        memoryview(PNG),
        Blob("bytes", PNG, {"name": "photo.png"}),
        Blob("png", memoryview(PNG), {"width": 1, "height": 1}),
        f"data:image/png;base64,{BARE}",
        f"data:image/jpeg;base64,{BARE}",
        f"  DATA:IMAGE/PNG;BASE64,{BARE}",
        BARE,
        BARE.rstrip("="),
        BARE.rstrip("=") + "=====",
        BARE.replace("+", "-").replace("/", "_"),
        BARE.replace("+", " "),
        "\n".join(BARE[at : at + 76] for at in range(0, len(BARE), 76)) + "\r\n",
    ],
)
def test_takes_a_picture_in_any_wrapping(raw):
    blob = Image().parse(raw, "image")
    assert blob == Blob("png", PNG, {"width": 32, "height": 16})
    assert Image().parse(blob, "image") == blob


@pytest.mark.parametrize("raw", [PIXELS, PIXELS / 255, LikePil(PIXELS), LikeTorch(PIXELS), PIXELS.astype(np.int64)])
def test_takes_arrays_as_raw_pixels(raw):
    blob = Image().parse(raw, "image")
    assert blob == Blob("raw", PIXELS.tobytes(), {"width": 32, "height": 16, "channels": 3})


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "image takes a picture (JPEG, PNG, GIF, WebP or BMP); an empty file came"),
        (b"<html>", "image takes a picture (JPEG, PNG, GIF, WebP or BMP); a web page (HTML) came"),
        (b"hello", "image takes a picture (JPEG, PNG, GIF, WebP or BMP); text came"),
        (b"%PDF-1.4", "image takes a picture (JPEG, PNG, GIF, WebP or BMP); a PDF came"),
        (b"II*\0", "image takes a picture (JPEG, PNG, GIF, WebP or BMP); a TIFF picture came"),
        ("", "image takes a picture (JPEG, PNG, GIF, WebP or BMP); an empty file came"),
        ("hello!", "image takes a picture (JPEG, PNG, GIF, WebP or BMP); the text 'hello!' came"),
        ("abcd", "image takes a picture (JPEG, PNG, GIF, WebP or BMP); the text 'abcd' came"),
        ("grün", "image takes a picture (JPEG, PNG, GIF, WebP or BMP); the text 'grün' came"),
        ("data:image/png", "image takes a picture (JPEG, PNG, GIF, WebP or BMP); a data URI that can't be read came"),
        (
            "data:image/png;base64,?",
            "image takes a picture (JPEG, PNG, GIF, WebP or BMP); a data URI that can't be read came",
        ),
        ("data:text/html,<html>", "image takes a picture (JPEG, PNG, GIF, WebP or BMP); a web page (HTML) came"),
        (
            "http://a.b/c.png",
            "image takes a picture (JPEG, PNG, GIF, WebP or BMP); the address 'http://a.b/c.png' came",
        ),
        (7, "image takes a picture (JPEG, PNG, GIF, WebP or BMP); 7 came"),
        (None, "image takes a picture (JPEG, PNG, GIF, WebP or BMP); nothing came"),
        ([1, 2], "image takes a picture (JPEG, PNG, GIF, WebP or BMP); a list of 2 came"),
        (np.zeros(3), "image takes a picture (JPEG, PNG, GIF, WebP or BMP); an array of 3 came"),
        (JPEG[:20], "image is a JPEG picture that breaks off or is damaged in its head"),
        (PNG[:20], "image is a PNG picture that breaks off or is damaged in its head"),
    ],
)
def test_refuses_in_words(raw, message):
    with pytest.raises(InputError) as caught:
        Image().parse(raw, "image")
    assert (caught.value.message, caught.value.field) == (message, "image")


def test_too_many_pixels_are_refused_from_the_header():
    bomb = files.png(10_000, 10_000, 8, 0, bytes(50_000))
    assert len(bomb) < 50_000
    with pytest.raises(TooLarge, match="up to 50 megapixels and 16384 a side; 10000 × 10000 came"):
        Image().parse(bomb, "image")
    with pytest.raises(TooLarge, match="20000 × 1 came"):
        Image().parse(files.png(20_000, 1, 8, 0, b""), "image")


@pytest.mark.parametrize("wrap", [bytes, lambda data: base64.b64encode(data).decode()], ids=["bytes", "base64"])
def test_too_many_bytes_are_refused(wrap):
    with pytest.raises(TooLarge, match="image takes up to 48 MiB"):
        Image().parse(wrap(bytes(limits.IMAGE_BYTES + limits.MIB * 5)), "image")


@pytest.mark.parametrize(
    ("port", "message"),
    [
        (Image(width=64), "image takes pictures exactly 64 pixels wide; 32 × 16 came"),
        (Image(height=17), "image takes pictures exactly 17 pixels high; 32 × 16 came"),
        (Image(min_width=33), "image takes pictures 33 or more pixels wide; 32 × 16 came"),
        (Image(max_height=15), "image takes pictures up to 15 pixels high; 32 × 16 came"),
        (Image(min_height=20, max_height=30), "image takes pictures 20 to 30 pixels high; 32 × 16 came"),
    ],
)
def test_sizes_are_checked(port, message):
    with pytest.raises(InputError) as caught:
        port.parse(PNG, "image")
    assert caught.value.message == message


def test_sizes_that_fit_are_taken_and_count_as_the_picture_is_shown():
    assert Image(width=32, height=16, min_width=1, max_height=16).parse(PNG, "image").format == "png"
    assert Image(width=16, height=32).parse(files.turned_jpeg(6), "image").meta == {"width": 16, "height": 32}


@pytest.mark.parametrize(
    ("meta", "message"),
    [
        ({}, "image came raw without its width, height and channels"),
        ({"width": 2, "height": 1, "channels": "3"}, "image came raw without its width, height and channels"),
        ({"width": 2, "height": -1, "channels": 3}, "image came raw without its width, height and channels"),
        ({"width": 2, "height": 1, "channels": 2}, "image takes raw pixels of 1, 3 or 4 channels; 2 came"),
        ({"width": 2, "height": 1, "channels": 4}, "image takes 2 × 1 × 4 bytes as it says of itself; 6 came"),
        ({"width": 10**6, "height": 10**6, "channels": 3}, None),
    ],
)
def test_raw_pixels_have_to_be_what_they_say(meta, message):
    with pytest.raises(InputError) as caught:
        Image().parse(Blob("raw", bytes(6), meta), "image")
    assert caught.value.message == message if message else isinstance(caught.value, TooLarge)


# --- load ----------------------------------------------------------------------------------------


def loaded(data: bytes | Blob, channels: int = 3) -> np.ndarray:
    port = Image(channels=channels)
    found = port.load(port.parse(data, "image"), "image")
    assert found.dtype == np.uint8
    assert found.flags.writeable
    return found


@pytest.mark.parametrize(
    "data",
    [
        PNG,
        files.encoded("bmp"),
        files.encoded("webp", None, cv2.IMWRITE_WEBP_QUALITY, 101),
        Blob("raw", PIXELS.tobytes(), {"width": 32, "height": 16, "channels": 3}),
    ],
)
def test_the_model_gets_rgb(data):
    assert (loaded(data) == PIXELS).all()


def test_a_gif_is_taken_with_the_colours_it_has():
    assert np.abs(loaded(files.encoded("gif")).astype(int) - PIXELS).max() < 40


@pytest.mark.parametrize("options", [(), (cv2.IMWRITE_JPEG_PROGRESSIVE, 1)])
def test_jpegs_are_close(options):
    found = loaded(files.encoded("jpg", None, cv2.IMWRITE_JPEG_QUALITY, 100, *options))
    assert np.abs(found.astype(int) - PIXELS)[4::8, 4::8].max() < 12  # it mixes colours along the edges


def test_channels_are_the_ports():
    assert loaded(PNG, 1).shape == (16, 32)
    assert loaded(PNG, 4).shape == (16, 32, 4)
    assert loaded(PNG, 4)[..., 3].min() == 255
    grey = files.encoded("png", PIXELS[..., 0].copy())
    assert (loaded(grey, 3) == PIXELS[..., :1]).all()
    assert (loaded(grey, 1) == PIXELS[..., 0]).all()


def test_transparent_parts_become_white_unless_the_model_takes_alpha():
    ink = np.zeros((2, 2, 4), np.uint8)
    ink[0] = (10, 20, 30, 255)
    ink[1, 1] = (0, 0, 0, 128)
    data = files.encoded("png", ink)
    assert loaded(data).tolist() == [[[10, 20, 30]] * 2, [[255] * 3, [127] * 3]]
    assert loaded(data, 1)[1, 0] == 255
    assert (loaded(data, 4) == ink).all()


def test_palette_and_16_bit_and_grey_with_alpha():
    table = files.chunk(b"PLTE", bytes([255, 0, 0, 0, 255, 0])) + files.chunk(b"tRNS", bytes([255, 0]))
    assert loaded(files.png(2, 1, 8, 3, b"\0\0\1", table)).tolist() == [[[255, 0, 0], [255, 255, 255]]]
    deep = files.png(1, 1, 16, 2, bytes([0, 128, 0, 255, 255, 1, 0]))
    assert loaded(deep).tolist() == [[[128, 255, 1]]]
    assert loaded(files.png(1, 1, 16, 6, bytes([0, 128, 0, 255, 255, 1, 0, 255, 255])), 4).tolist() == [
        [[128, 255, 1, 255]]
    ]
    assert loaded(files.png(2, 1, 8, 4, bytes([0, 10, 255, 200, 0])), 1).tolist() == [[10, 255]]
    assert loaded(files.png(8, 1, 1, 0, b"\0\xf0"), 1).tolist() == [[255] * 4 + [0] * 4]


@pytest.mark.parametrize(
    ("inks", "color"),
    [
        ((0, 0, 0, 0), (255, 255, 255)),
        ((0, 0, 0, 255), (0, 0, 0)),
        ((255, 0, 0, 0), (0, 255, 255)),
        ((0, 255, 255, 0), (255, 0, 0)),
    ],
)
def test_inks_of_a_cmyk_jpeg_become_colours(inks, color):
    found = loaded(files.cmyk_jpeg(*inks))
    assert np.abs(found[4, 4].astype(int) - color).max() < 12


@pytest.mark.parametrize("make", [files.turned_jpeg, files.turned_webp], ids=["jpeg", "webp"])
@pytest.mark.parametrize(
    ("orientation", "shown"),
    [
        (1, PIXELS),
        (2, PIXELS[:, ::-1]),
        (3, PIXELS[::-1, ::-1]),
        (4, PIXELS[::-1]),
        (5, PIXELS.transpose(1, 0, 2)),
        (6, np.rot90(PIXELS, -1)),
        (7, PIXELS.transpose(1, 0, 2)[::-1, ::-1]),
        (8, np.rot90(PIXELS, 1)),
    ],
)
def test_pictures_are_turned_as_they_are_shown(make, orientation, shown):
    found = loaded(make(orientation))
    assert found.shape == shown.shape
    for row in (0.25, 0.75):
        for column in (0.25, 0.75):
            place = (int(row * shown.shape[0]), int(column * shown.shape[1]))
            assert np.abs(found[place].astype(int) - shown[place]).max() < 30


def test_pictures_with_alpha_are_turned_too():
    rows = bytes([0, 1, 2, 3, 255, 4, 5, 6, 255])
    data = files.png(2, 1, 8, 6, rows, files.chunk(b"eXIf", files.exif(6)))
    assert loaded(data, 4).tolist() == [[[1, 2, 3, 255]], [[4, 5, 6, 255]]]
    assert loaded(data).tolist() == [[[1, 2, 3]], [[4, 5, 6]]]


@pytest.mark.parametrize("format", ["jpg", "png", "webp", "gif", "bmp"])
@pytest.mark.parametrize("part", [0.5, 0.9])
def test_pictures_that_break_off_are_refused_by_load(format, part):
    noise = np.random.default_rng(0).integers(0, 255, (200, 200, 3), dtype=np.uint8)
    whole = files.encoded(format, noise)
    port = Image()
    blob = port.parse(whole[: int(len(whole) * part)], "image")
    with pytest.raises(InputError, match="image is a picture that breaks off or is damaged") as caught:
        port.load(blob, "image")
    assert caught.value.field == "image"


# --- dump ----------------------------------------------------------------------------------------


def dumped(given: object, encoding: Encoding | None = None, **parameters: object) -> Blob:
    port = Image(**parameters)
    return port.dump(given, port.encoding(encoding, "image"), "image")


def read(blob: Blob) -> np.ndarray:
    """The colours in a dumped picture, RGB or RGBA."""
    found = cv2.imdecode(np.frombuffer(blob.data, np.uint8), cv2.IMREAD_UNCHANGED)
    if found.ndim == 2:
        return found
    return cv2.cvtColor(found, cv2.COLOR_BGRA2RGBA if found.shape[2] == 4 else cv2.COLOR_BGR2RGB)


@pytest.mark.parametrize(
    "given",
    [
        PIXELS,
        PIXELS[::1, ::1],
        np.asfortranarray(PIXELS),
        PIXELS / 255,
        (PIXELS / 255).astype(np.float16),
        PIXELS.astype(np.int32),
        PIXELS.astype(np.uint16) << 8,
        PIXELS > 0,
        LikePil(PIXELS),
        LikeTorch((PIXELS / 255).astype(np.float32)),
        np.dstack([PIXELS, np.full((16, 32), 255, np.uint8)]),
        PNG,
        Blob("raw", PIXELS.tobytes(), {"width": 32, "height": 16, "channels": 3}),
    ],
)
def test_dumps_what_models_have(given):
    blob = dumped(given, Encoding("png"))
    assert (read(blob) == PIXELS).all()
    assert (blob.format, blob.meta) == ("png", {"width": 32, "height": 16})


@pytest.mark.parametrize("shape", [(16, 32), (16, 32, 1)])
def test_one_channel_becomes_what_the_port_says(shape):
    grey = PIXELS[..., 0].reshape(shape)
    assert (read(dumped(grey, Encoding("png"))) == PIXELS[..., :1]).all()
    assert (read(dumped(grey, channels=1)) == PIXELS[..., 0]).all()
    assert (read(dumped(grey, channels=4))[..., 3] == 255).all()


def test_values_that_swing_over_are_cut_off():
    assert dumped(np.array([[-0.2, 0.5, 1.3]]), Encoding("raw"), channels=1).data == bytes([0, 128, 255])


def test_default_formats_follow_the_channels():
    assert dumped(PIXELS).format == "jpeg"
    assert dumped(PIXELS, channels=1).format == "png"
    assert dumped(PIXELS, channels=4).format == "png"
    assert dumped(PIXELS, default_format="webp").format == "webp"


def test_raw_pixels_are_a_copy():
    mine = PIXELS.copy()
    blob = dumped(mine, Encoding("raw"))
    mine[:] = 0
    assert blob == Blob("raw", PIXELS.tobytes(), {"width": 32, "height": 16, "channels": 3})


@pytest.mark.parametrize("quality", [0, 1, 100])
def test_a_jpeg_has_the_colours_of_the_picture_whatever_its_channels_and_quality(quality):
    halves = np.full((16, 32, 3), (200, 30, 60), np.uint8)
    halves[:, 16:] = 20, 90, 240
    for picture, channels in ((halves, 3), (halves[..., 0], 1), (np.dstack((halves, np.full((16, 32), 255))), 4)):
        found = read(dumped(picture, Encoding("jpeg", quality), channels=channels))
        shown = picture if channels == 1 else halves
        assert found.shape == shown.shape
        if quality == 100:
            assert np.abs(found.astype(int) - shown)[:, [4, 28]].max() < 4


def test_a_jpeg_of_a_flipped_picture_is_flipped():
    found = read(dumped(PIXELS[::-1, ::-1], Encoding("jpeg", 100)))
    whole = read(dumped(np.ascontiguousarray(PIXELS[::-1, ::-1]), Encoding("jpeg", 100)))
    assert (found == whole).all()


def test_alpha_is_kept_by_png_and_laid_on_white_by_jpeg():
    ghost = np.zeros((16, 16, 4), np.uint8)
    assert (read(dumped(ghost, Encoding("png"), channels=4)) == ghost).all()
    assert read(dumped(ghost, Encoding("jpeg"), channels=4)).min() > 250


@pytest.mark.parametrize(
    ("width", "height", "size"),
    [
        (16, 0, (16, 8)),
        (0, 4, (8, 4)),
        (16, 4, (8, 4)),
        (16, 16, (16, 8)),
        (64, 0, (32, 16)),
        (64, 8, (16, 8)),
        (1, 1, (1, 1)),
    ],
)
def test_made_smaller_to_fit_never_larger(width, height, size):
    blob = dumped(PIXELS, Encoding("png", 0, width, height))
    assert (blob.meta["width"], blob.meta["height"]) == size
    assert read(blob).shape[1::-1] == size


def test_quality_makes_a_difference():
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    for format in ("jpeg", "webp"):
        assert len(dumped(noise, Encoding(format, 10)).data) < len(dumped(noise, Encoding(format, 90)).data)


@pytest.mark.parametrize(
    ("given", "message", "hint"),
    [
        (None, "the model gave out nothing for image", "a picture is an array"),
        ("abc", "the model gave out the text 'abc' for image", "a picture is an array"),
        (np.zeros((3, 64, 64)), "the model gave out an array of 3 × 64 × 64 for image", ".permute(1, 2, 0)"),
        (np.zeros((1, 64, 64, 3)), "the model gave out an array of 1 × 64 × 64 × 3 for image", "give its first item"),
        (np.zeros((0, 4, 3)), "the model gave out an array of 0 × 4 × 3 for image", "there is nothing in it"),
        (np.full((4, 4, 3), np.nan), "the model gave out an array of 4 × 4 × 3 for image", "it goes from nan to nan"),
        (
            np.linspace(-1, 1, 48).reshape(4, 4, 3),
            "the model gave out an array of 4 × 4 × 3 for image",
            "it goes from -1 to 1",
        ),
        (np.full((4, 4), 300), "the model gave out an array of 4 × 4 for image", "whole numbers go from 0 to 255"),
        (np.zeros((1, 20_000)), "the model gave out an array of 1 × 20000 for image", "it is larger than"),
        (np.array([["a"]]), "the model gave out an array of 1 × 1 for image", "holds no numbers"),
        (b"hello", "the model gave out 5 bytes for image", "a picture is an array"),
    ],
)
def test_bad_outputs_are_the_models_fault(given, message, hint):
    with pytest.raises(ModelFailed, match=re.escape(message)) as caught:
        dumped(given)
    assert hint in caught.value.hint
    assert caught.value.field == "image"


# --- wishes --------------------------------------------------------------------------------------


def test_equal_wishes_are_equal_values():
    port = Image()
    assert port.encoding(None, "image") == Encoding("jpeg", 85)
    assert port.encoding(Encoding("jpg"), "image") == Encoding("jpeg", 85)
    assert port.encoding(Encoding("png", quality=50), "image") == Encoding("png")
    assert port.encoding(Encoding(width=100), "image") == Encoding("jpeg", 85, 100)
    assert Image(quality=50).encoding(Encoding("webp"), "image") == Encoding("webp", 50)


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (Encoding("tiff"), "image can't be given as 'tiff'"),
        (Encoding("jpeg", 101), "image can't be given with quality 101"),
        (Encoding("jpeg", -1), "image can't be given with quality -1"),
        (Encoding(width=20_000), "image can't be given with width 20000"),
        (Encoding(height=-5), "image can't be given with height -5"),
    ],
)
def test_absurd_wishes_are_refused(wanted, message):
    with pytest.raises(InputError) as caught:
        Image().encoding(wanted, "image")
    assert (caught.value.message, caught.value.field) == (message, "image")


# --- parameters ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Image(channels=2), "Image: channels is 2; it is 1 (grey), 3 (colour) or 4 (colour with alpha)"),
        (lambda: Image(width=0), "Image: width is 0; it takes a whole number from 1 to 16384"),
        (lambda: Image(min_width=9, max_width=8), "Image: no width fits: it would have to be 9 or more and 8 or less"),
        (lambda: Image(height=9, max_height=8), "Image: no height fits: it would have to be 9 or more and 8 or less"),
        (lambda: Image(default_format="gif"), "Image: default_format is 'gif'; it is one of jpeg, png, webp, raw"),
        (lambda: Image(quality=0), "Image: quality is 0; it takes a whole number from 1 to 100"),
        (lambda: Image(default=b"abc"), "Image: default takes a picture (JPEG, PNG, GIF, WebP or BMP); text came"),
    ],
)
def test_wrong_parameters_are_told_to_the_author(make, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        make()


def test_a_default_picture_is_a_data_uri_in_the_description():
    port = Image(default=PNG)
    assert port.describe()["default"].startswith("data:application/octet-stream;base64,")
    assert port.parse(port.default, "image").data == PNG


def test_json_and_back():
    blob = dumped(PIXELS, Encoding("png"))
    assert to_json(blob).startswith("data:image/png;base64,")
    assert Image().parse(to_json(blob), "image") == blob
