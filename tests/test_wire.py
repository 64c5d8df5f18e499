import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bridge import wire
from bridge.errors import BadMessage, BridgeError
from bridge.ports import Blob, Encoding
from bridge.session.outputs import Frame

ROOT = Path(__file__).parent
Vector = dict[str, Any]


def vectors(name: str) -> list[Any]:
    found = json.loads((ROOT / "vectors" / f"{name}.json").read_text(encoding="utf-8"))
    return [pytest.param(vector, id=vector["name"]) for vector in found]


def of_kind(name: str, key: str) -> list[Any]:
    return [parameter for parameter in vectors(name) if key in parameter.values[0]]


def data_of(vector: Vector) -> bytes:
    return bytes.fromhex(vector["hex"]) if "hex" in vector else json.dumps(vector.get("text")).encode()


def blobs_of(vector: Vector) -> dict[str, Blob]:
    return {blob["port"]: Blob(blob["format"], bytes.fromhex(blob["hex"]), blob["meta"]) for blob in vector["blobs"]}


def complete(value: Vector) -> Vector:
    """A request with all its fields, as the server understands it."""
    return msgspec.to_builtins(msgspec.convert(value, wire.AnyRequest))


# --- requests ------------------------------------------------------------------------------------


@pytest.mark.parametrize("vector", of_kind("requests", "text"))
def test_a_text_request_is_read_and_written_as_its_vector(vector: Vector):
    request = wire.read_text(data_of(vector))
    assert msgspec.to_builtins(request) == complete(vector["text"])
    assert wire.read_text(wire.write_text(request)) == request


@pytest.mark.parametrize("vector", of_kind("requests", "hex"))
def test_a_binary_request_is_read_as_its_vector(vector: Vector):
    request = wire.read_binary(data_of(vector))
    blobs = blobs_of(vector)
    assert isinstance(request, wire.Run | wire.Send)
    assert request.inputs == {**vector["head"].get("inputs", {}), **blobs}
    assert (request.session, request.id) == (vector["head"]["session"], vector["head"].get("id"))


@pytest.mark.parametrize("vector", of_kind("requests", "hex"))
def test_a_binary_request_survives_being_written(vector: Vector):
    request = wire.read_binary(data_of(vector))
    binary, parts = wire.write_inputs(request)
    assert binary and wire.read_binary(b"".join(parts)) == request


def test_a_request_without_blobs_is_written_as_text():
    request = wire.Send(session="dream", inputs={"z": [1, 2]})
    binary, parts = wire.write_inputs(request)
    assert not binary and wire.read_text(b"".join(parts)) == request


@pytest.mark.parametrize("vector", vectors("refused"))
def test_what_is_refused_is_refused_in_words(vector: Vector):
    binary = "hex" in vector
    data = bytes.fromhex(vector["hex"]) if binary else vector["raw"].encode()
    with pytest.raises(BridgeError) as caught:
        (wire.read_binary if binary else wire.read_text)(data)
    info = caught.value.info()
    assert {"code": info.code, "field": info.field} == vector["error"]
    assert info.message and "`" not in info.message and "$" not in info.message
    assert (wire.id_of_binary if binary else wire.id_of)(data) == (vector["id"], vector["to"])


def test_every_request_has_a_vector_and_so_has_every_answer():
    for name, known in (("requests", wire.REQUESTS), ("answers", wire.ANSWERS)):
        texts = [parameter.values[0].get("text") or parameter.values[0]["head"] for parameter in vectors(name)]
        assert {text.get("type", "frame") for text in texts} == set(known)


# --- answers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("vector", of_kind("answers", "text"))
def test_a_text_answer_is_written_as_its_vector(vector: Vector):
    answer = msgspec.convert(vector["text"], wire.AnyAnswer)
    assert json.loads(wire.write_text(answer)) == vector["text"]


@pytest.mark.parametrize("vector", of_kind("answers", "hex"))
def test_a_binary_message_is_taken_apart_as_its_vector(vector: Vector):
    binary = wire.unpack(data_of(vector))
    assert binary[:5] == tuple(vector[key] for key in ("kind", "id", "n", "drops", "age_ms"))
    assert json.loads(bytes(binary.head)) == vector["head"]
    assert (wire.HEADER.size + len(binary.head)) % 4 == 0
    if binary.kind == wire.FRAME:
        assert bytes(binary.payload).hex() == vector["payload"]
    else:
        heads = msgspec.convert(vector["head"]["blobs"], list[wire.BlobHead])
        assert wire.split_blobs(heads, binary.payload) == blobs_of(vector)


@pytest.mark.parametrize("vector", of_kind("answers", "blobs"))
def test_outputs_with_blobs_are_written_as_their_vector(vector: Vector):
    head = {key: value for key, value in vector["head"].items() if key != "blobs"}
    answer = msgspec.convert({**head, "outputs": {}}, wire.Output | wire.Done)
    outputs = {**head["outputs"], **blobs_of(vector)}
    binary, parts = wire.write_outputs(msgspec.structs.replace(answer, outputs=outputs))
    assert binary and b"".join(parts) == data_of(vector)


@pytest.mark.parametrize("vector", of_kind("answers", "payload"))
def test_a_frame_is_written_as_its_vector(vector: Vector):
    head = vector["head"]
    shared = wire.SharedFrame(given(head, Blob(head["format"], bytes.fromhex(vector["payload"]), head["meta"])))
    assert shared.binary
    whole = shared.begin(vector["id"], vector["n"], vector["drops"], vector["age_ms"]) + bytes(shared.payload)
    assert whole == data_of(vector) and shared.length == len(whole)


def test_a_frame_of_json_is_written_as_its_vector():
    vector = next(p.values[0]["text"] for p in of_kind("answers", "text") if p.values[0]["text"]["type"] == "frame")
    shared = wire.SharedFrame(given(vector, vector["value"]))
    assert not shared.binary
    assert json.loads(shared.begin(vector["id"], vector["n"], vector["drops"], vector["age_ms"])) == vector


def test_all_subscribers_get_the_same_bytes_not_copies():
    data = bytes(1000)
    shared = wire.SharedFrame(given({"format": "raw"}, Blob("raw", data)))
    assert shared.payload is data


def test_a_subscriber_without_binary_gets_a_blob_as_json():
    shared = wire.SharedFrame(given({"format": "jpeg"}, Blob("jpeg", b"\xff\xd8")), binary=False)
    assert json.loads(shared.begin(1, 1, 0, 0.0))["value"] == "data:image/jpeg;base64,/9g="


def test_outputs_without_binary_are_json():
    answer = wire.Done(id=1, run=1, outputs={"image": Blob("jpeg", b"\xff\xd8"), "z": Blob("f32", bytes(4))})
    binary, parts = wire.write_outputs(answer, binary=False)
    assert not binary
    assert json.loads(b"".join(parts))["outputs"] == {"image": "data:image/jpeg;base64,/9g=", "z": [0.0]}


def test_counters_go_round_instead_of_breaking():
    shared = wire.SharedFrame(given({"format": "raw"}, Blob("raw", b"")))
    assert wire.unpack(shared.begin(1, 2**32, 2**32 + 5, 0.0))[1:4] == (1, 0, 5)


def test_a_blob_is_not_copied_when_it_is_read():
    binary, parts = wire.write_inputs(wire.Send(session="a", inputs={"z": Blob("f32", b"1234")}))
    data = bytearray(b"".join(parts))
    request = wire.read_binary(data)
    assert binary and isinstance(request, wire.Send)
    data[-4:] = b"5678"
    assert bytes(request.inputs["z"].data) == b"5678"


def test_whatever_comes_is_read_or_refused():
    """No bytes make the reader fail in another way."""
    good = [data_of(parameter.values[0]) for parameter in of_kind("requests", "hex")]
    for data in good:
        for place in range(0, len(data), 3):
            for read in (wire.read_binary, wire.unpack):
                for broken in (data[:place], data[:place] + b"\xff" + data[place + 1 :]):
                    try:
                        read(broken)
                    except BridgeError:
                        wire.id_of_binary(broken)


def test_a_message_for_people_names_what_a_message_takes():
    with pytest.raises(BadMessage, match="fly") as caught:
        wire.read_text(b'{"type": "fly", "id": 1}')
    assert all(name in caught.value.hint for name in wire.REQUESTS)


def test_half_an_emoji_is_told_as_what_it_is():
    with pytest.raises(BadMessage, match="half a character"):
        wire.read_text(b'{"type": "send", "session": "sea", "inputs": {"prompt": "\\ud83d"}}')


def given(head: Vector, value: Any) -> Frame:
    return Frame(
        head.get("session", "s"),
        head.get("port", "p"),
        head.get("run", 1),
        head.get("sequence", 0),
        Encoding(head["format"]),
        value,
        0.0,
        head.get("model_ms", 0.0),
        head.get("encode_ms", 0.0),
        head.get("live", False),
        head.get("last", False),
    )
