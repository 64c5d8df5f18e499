from typing import Any

import pytest

from bridge.errors import BadMessage, BridgeError, InputError, MissingInput
from bridge.ports import AnyPort, Array, Blob, Boolean, File, Image, Number, Text, Vector
from bridge.signature import Command
from bridge.transports.http_answer import UnsupportedType
from bridge.transports.http_bodies import from_body, parse_form

PNG = b"\x89PNG\r\n\x1a\n"


def command(**inputs: AnyPort) -> Command:
    return Command("run", inputs, {"text": Text()})


SKETCH = command(image=Image(), darkness=Number(0, 1, default=0.5), cream=Boolean(default=False))


def form(*fields: tuple[str, bytes, str | None], boundary: str = "b0") -> tuple[bytes, str]:
    body = b""
    for name, data, file in fields:
        named = f'; filename="{file}"' if file is not None else ""
        body += (
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'.encode() + data + b"\r\n"
        )
    return body + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def read(fields: list[tuple[str, bytes, str | None]], to: Command) -> dict[str, Any]:
    return from_body(*form(*fields), to)


def test_a_form_brings_files_and_values() -> None:
    found = read([("image", PNG, "a.png"), ("darkness", b"0.7", None), ("cream", b"on", None)], SKETCH)
    assert found == {"image": PNG, "darkness": 0.7, "cream": True}


def test_bytes_of_a_file_stay_as_they_are_whatever_is_in_them() -> None:
    data = b"\r\n--b\r\n\r\n--b0x\x00\xff"[:8] + b"\r\n"
    assert read([("image", data, "a")], SKETCH) == {"image": data}


def test_a_text_may_come_as_a_file() -> None:
    assert read([("prompt", "häuser".encode(), "story.txt")], command(prompt=Text())) == {"prompt": "häuser"}


def test_a_file_keeps_its_name() -> None:
    found = read([("notes", b"abc", "notes.csv")], command(notes=File()))
    assert found["notes"] == Blob("bytes", b"abc", {"name": "notes.csv"})


def test_fields_of_one_name_make_a_list() -> None:
    words = command(words=Array(Text()))
    assert read([("words", b"a", None), ("words", b"b", None)], words) == {"words": ["a", "b"]}
    assert read([("words", b'["a", "b"]', None)], words) == {"words": ["a", "b"]}
    assert read([("words", b"a", None)], words) == {"words": ["a"]}


def test_a_value_that_came_twice_is_refused() -> None:
    with pytest.raises(InputError) as raised:
        read([("darkness", b"0.1", None), ("darkness", b"0.2", None)], SKETCH)
    assert raised.value.field == "darkness"


def test_who_forgot_the_at_sign_of_curl_is_told() -> None:
    with pytest.raises(InputError) as raised:
        read([("image", b"photo.jpg", None)], SKETCH)
    assert "-F image=@photo.jpg" in raised.value.hint


def test_an_empty_file_field_is_missing() -> None:
    with pytest.raises(MissingInput):
        read([("image", b"", None)], SKETCH)


def test_an_unknown_field_is_left_for_the_signature_to_refuse() -> None:
    assert read([("imgae", PNG, "a.png")], SKETCH) == {"imgae": None}


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "multipart/form-data; boundary=x"),
        (b"--x\r\n\r\n", "multipart/form-data; boundary=x"),
        (b"--x\r\nContent-Disposition: form-data\r\n\r\na\r\n--x--", "multipart/form-data; boundary=x"),
        (b"--x\r\nno head", "multipart/form-data; boundary=x"),
        (b"--x\r\n\r\na\r\n--x--", "multipart/form-data; boundary=x"),
        (b"--x\r\na: b\r\n\r\nb\r\n--y--", "multipart/form-data; boundary=x"),
        (b"abc", "multipart/form-data"),
        (b"abc", 'multipart/form-data; boundary=""'),
        (b"abc", "multipart/form-data; boundary=\xe4"),
    ],
)
def test_a_broken_form_is_refused_in_words(body: bytes, kind: str) -> None:
    with pytest.raises(BadMessage):
        parse_form(body, kind)


def test_what_curl_calls_a_form_may_be_json() -> None:
    kind = "application/x-www-form-urlencoded"
    assert from_body(b' {"darkness": 1}', kind, SKETCH) == {"darkness": 1}
    assert from_body(b"darkness=0.5&cream=1", kind, SKETCH) == {"darkness": 0.5, "cream": True}
    with pytest.raises(BadMessage):
        from_body(b"'{darkness:1}'", kind, SKETCH)


def test_a_picture_that_curl_calls_a_form_is_still_a_picture() -> None:
    assert from_body(b"\xff\xd8\xff\xe0", "application/x-www-form-urlencoded", SKETCH) == {"image": b"\xff\xd8\xff\xe0"}


def test_what_fetch_calls_text_may_be_json() -> None:
    writer = command(prompt=Text())
    assert from_body(b'{"prompt": "a"}', "text/plain;charset=UTF-8", writer) == {"prompt": "a"}
    assert from_body(b"{ let x", "text/plain", writer) == {"prompt": "{ let x"}


def test_a_bare_picture_goes_to_the_input_that_takes_pictures() -> None:
    assert from_body(PNG, "image/png", SKETCH) == {"image": PNG}
    assert from_body(PNG, "application/octet-stream", SKETCH) == {"image": PNG}


def test_of_several_pictures_the_one_that_has_to_come_is_meant() -> None:
    two = command(image=Image(), style=Image(default=None))
    assert from_body(PNG, "image/png", two) == {"image": PNG}
    with pytest.raises(BadMessage) as raised:
        from_body(PNG, "image/png", command(a=Image(), b=Image()))
    assert "-F a=@file" in raised.value.hint


@pytest.mark.parametrize("kind", ["audio/wav", "video/mp4", "nonsense", "", "application/xml"])
def test_a_type_that_no_input_takes_is_told_what_is_taken(kind: str) -> None:
    with pytest.raises(UnsupportedType) as raised:
        from_body(b"abc", kind, SKETCH)
    assert raised.value.hint


def test_no_body_is_no_inputs() -> None:
    for kind in (None, "application/json", "image/png", "text/plain", "application/x-www-form-urlencoded"):
        assert from_body(b"", kind, SKETCH) == {}


def test_numbers_of_a_vector_may_be_written_with_commas() -> None:
    found = from_body(b"z=1,2,3", "application/x-www-form-urlencoded", command(z=Vector(3)))
    assert list(memoryview(found["z"].data).cast("f")) == [1, 2, 3]


def test_text_that_is_not_utf8_is_refused_by_name() -> None:
    with pytest.raises(BridgeError) as raised:
        read([("prompt", b"\xff", None)], command(prompt=Text()))
    assert raised.value.field == "prompt"
