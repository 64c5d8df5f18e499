import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.ports import headers
from tests.ports import files

RGBA = np.dstack([files.pixels(), np.full((16, 32), 100, np.uint8)])


@pytest.mark.parametrize(
    ("data", "header"),
    [
        (files.encoded("jpg"), headers.Header("jpeg", 32, 16)),
        (files.encoded("jpg", None, cv2.IMWRITE_JPEG_PROGRESSIVE, 1), headers.Header("jpeg", 32, 16)),
        (files.encoded("png"), headers.Header("png", 32, 16)),
        (files.encoded("png", RGBA), headers.Header("png", 32, 16, alpha=True)),
        (files.encoded("gif"), headers.Header("gif", 32, 16, alpha=True)),
        (files.encoded("bmp"), headers.Header("bmp", 32, 16)),
        (files.encoded("webp", None, cv2.IMWRITE_WEBP_QUALITY, 80), headers.Header("webp", 32, 16)),
        (files.encoded("webp", None, cv2.IMWRITE_WEBP_QUALITY, 101), headers.Header("webp", 32, 16)),
        (files.encoded("webp", RGBA, cv2.IMWRITE_WEBP_QUALITY, 101), headers.Header("webp", 32, 16, alpha=True)),
        (files.encoded("webp", RGBA, cv2.IMWRITE_WEBP_QUALITY, 80), headers.Header("webp", 32, 16, alpha=True)),
        (files.turned_jpeg(1), headers.Header("jpeg", 32, 16)),
        (files.turned_jpeg(6), headers.Header("jpeg", 16, 32, orientation=6)),
        (files.turned_webp(8), headers.Header("webp", 16, 32, orientation=8)),
        (files.cmyk_jpeg(0, 0, 0, 0), headers.Header("jpeg", 8, 8)),
    ],
)
@pytest.mark.parametrize("as_view", [False, True])
def test_reads_format_and_size(data, header, as_view):
    assert headers.read(memoryview(data) if as_view else data) == header


def test_png_notes_before_the_picture_are_seen():
    clear = files.png(1, 1, 8, 2, bytes(4), files.chunk(b"tRNS", bytes(6)))
    turned = files.png(2, 1, 8, 2, bytes(7), files.chunk(b"eXIf", files.exif(5)))
    assert headers.read(clear) == headers.Header("png", 1, 1, alpha=True)
    assert headers.read(turned) == headers.Header("png", 1, 2, orientation=5)


@pytest.mark.parametrize("data", [files.encoded(format) for format in ("jpg", "png", "gif", "bmp", "webp")])
def test_any_beginning_of_a_picture_is_read_or_not_but_never_fails(data):
    for length in range(min(len(data), 700)):
        found = headers.read(data[:length])
        assert found is None or (found.width, found.height) == (32, 16)


@given(
    st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM", b"RIFF\0\0\0\0WEBP"]),
    st.binary(max_size=200),
)
def test_garbage_never_fails(magic, rest):
    found = headers.read(magic + rest)
    assert found is None or (found.width > 0 and found.height > 0)
    assert headers.looks_like(magic + rest)


@pytest.mark.parametrize(("name", "format"), [("jpg", "jpeg"), ("png", "png"), ("webp", "webp")])
def test_sees_that_the_end_is_missing(name, format):
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    data = files.encoded(name, noise)
    assert headers.whole(data, format)
    assert headers.whole(data + bytes(500), format)  # what some cameras append
    assert not headers.whole(data[:-20], format)
    assert not headers.whole(memoryview(data)[: len(data) // 2], format)


@pytest.mark.parametrize("note", [b"", b"II", b"MM\0*\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\xff\xff" + b"\x01" * 40])
def test_broken_exif_is_no_reason_to_refuse(note):
    assert headers.read(files.png(2, 1, 8, 2, bytes(7), files.chunk(b"eXIf", note))) == headers.Header("png", 2, 1)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "an empty file"),
        (b"<!DOCTYPE html><html>", "a web page (HTML)"),
        (b"\xef\xbb\xbf <html>", "a web page (HTML)"),
        (b'<?xml version="1.0"?><svg>', "an SVG drawing"),
        (b"<rss>", "XML text"),
        (b'{"error": "no"}', "JSON text"),
        ("grüß".encode(), "text"),
        ("ü".encode() * 400, "text"),
        (b"%PDF-1.7", "a PDF"),
        (b"PK\x03\x04", "a ZIP archive"),
        (b"\0\0\0\x18ftypheic", "a HEIC picture"),
        (b"\0\0\0\x18ftypisom", "an MP4 or QuickTime video"),
        (b"RIFF\0\0\0\0WAVE", "a WAV sound"),
        (b"\0\1\2\3", "bytes of no known kind"),
        (b"\xff\xfe\xfd", "bytes of no known kind"),
    ],
)
def test_says_what_a_file_looks_like(data, words):
    assert headers.looks_like(data) == words
