import pytest

from bridge.ports import Blob, media_type, to_json


@pytest.mark.parametrize(
    ("value", "outside"),
    [
        (7, 7),
        ("a", "a"),
        (None, None),
        ({"a": [1, {"b": True}]}, {"a": [1, {"b": True}]}),
        (Blob("f32", bytes.fromhex("0000803f00000040")), [1, 2]),
        (Blob("f32", memoryview(bytes(4))), [0]),
        (Blob("jpeg", b"abc", {"width": 1}), "data:image/jpeg;base64,YWJj"),
        (Blob("raw", b"abc", {"width": 1}), "data:application/octet-stream;base64,YWJj"),
        (Blob("bytes", memoryview(b"1,2"), {"name": "a.csv"}), "data:text/csv;charset=utf-8;base64,MSwy"),
        ([Blob("png", b"a"), [Blob("webp", b"b")]], ["data:image/png;base64,YQ==", ["data:image/webp;base64,Yg=="]]),
    ],
)
def test_as_json(value, outside):
    assert to_json(value) == outside


@pytest.mark.parametrize(
    ("blob", "content_type"),
    [
        (Blob("wav", b""), "audio/wav"),
        (Blob("f32", b""), "application/octet-stream"),
        (Blob("bytes", b"", {"name": "a.PDF"}), "application/pdf"),
        (Blob("bytes", b"", {"name": "evil.html"}), "application/octet-stream"),
        (Blob("bytes", b"", {"name": "evil.svg"}), "application/octet-stream"),
        (Blob("bytes", b"", {"name": "none"}), "application/octet-stream"),
        (Blob("bytes", b""), "application/octet-stream"),
    ],
)
def test_content_type_is_never_one_that_a_browser_would_run(blob, content_type):
    assert media_type(blob) == content_type
