"""The client's conversation against the vectors that all clients share. No I/O."""

import json
from array import array
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sketchbridge_client import BridgeError, Frame
from sketchbridge_client.core import MOST_ATTEMPTS, Call, Conversation

from bridge import wire

Vector = dict[str, Any]
VECTORS = Path(__file__).parent.parent / "vectors"
FOLLOW = {"type": "subscribe", "session": "dream", "port": "image"}
RUN = {"type": "run", "session": "dream"}


def answers(key: str) -> list[Any]:
    found = json.loads((VECTORS / "answers.json").read_text(encoding="utf-8"))
    return [pytest.param(vector, id=vector["name"]) for vector in found if key in vector]


def started(id: int, *, newest: bool = False, **message: Any) -> tuple[Conversation, Call]:
    """A conversation whose one call has this id."""
    talk = Conversation("http://127.0.0.1:8000")
    talk._ids = iter((id,))  # type: ignore[assignment]
    call, _ = talk.request(lambda: None, newest, **message)
    return talk, call


@pytest.mark.parametrize("vector", answers("payload"))
def test_a_frame_is_read_as_its_vector(vector: Vector):
    talk, call = started(vector["id"], **FOLLOW)
    talk.received(bytes.fromhex(vector["hex"]))
    (frame,) = call.take()
    assert isinstance(frame, Frame)
    head, payload = vector["head"], bytes.fromhex(vector["payload"])
    expected = array("f", payload).tolist() if head["format"] == "f32" else payload
    assert (frame.value, frame.port, frame.run, frame.format) == (expected, head["port"], head["run"], head["format"])
    assert (frame.drops, frame.age_ms, frame.model_ms) == (vector["drops"], vector["age_ms"], head["model_ms"])


@pytest.mark.parametrize("vector", answers("blobs"))
def test_outputs_with_bytes_are_read_as_their_vector(vector: Vector):
    head = vector["head"]
    talk, call = started(head["id"], **RUN, stream=head["type"] == "output")
    talk.received(bytes.fromhex(vector["hex"]))
    (outputs,) = call.take()
    assert outputs.keys() == head["outputs"].keys() | {blob["port"] for blob in vector["blobs"]}
    for blob in vector["blobs"]:
        data = bytes.fromhex(blob["hex"])
        assert outputs[blob["port"]] == (array("f", data).tolist() if blob["format"] == "f32" else data)


@pytest.mark.parametrize("vector", answers("text"))
def test_every_text_is_understood_or_passed_over(vector: Vector):
    text = vector["text"]
    lasting = {"frame": FOLLOW, "event": {"type": "events"}}
    request = {**lasting.get(text["type"], RUN), "stream": text["type"] == "output"}
    talk, call = started(text.get("id") or 99, **request)
    talk.received(json.dumps(text))
    if text["type"] == "error" and text["id"] is not None:
        with pytest.raises(BridgeError, match="darkness") as caught:
            call.take()
        assert (caught.value.code, caught.value.field) == ("invalid_input", "darkness")
    elif text["type"] in ("output", "frame", "event") or (text["type"] == "done" and "outputs" in text):
        assert len(call.take()) == 1


def test_what_the_client_sends_the_server_reads():
    talk = Conversation("http://127.0.0.1:8000")
    pixels = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    inputs: dict[str, Any] = {"image": pixels, "mask": pixels[:, :, 0], "z": np.array([1, 2.5]), "file": b"abc"}
    inputs["level"] = np.float32(0.5)
    _, data = talk.request(lambda: None, type="run", session="mix", command=None, inputs=inputs)
    assert isinstance(data, bytes)
    request = wire.read_binary(data)
    assert isinstance(request, wire.Run)
    image, mask, z = (request.inputs[name] for name in ("image", "mask", "z"))
    assert (image.format, image.meta, bytes(image.data)) == (
        "raw",
        {"width": 2, "height": 2, "channels": 3},
        pixels.tobytes(),
    )
    assert mask.meta["channels"] == 1 and bytes(mask.data) == pixels[:, :, 0].tobytes()
    assert z.format == "f32" and array("f", bytes(z.data)).tolist() == [1, 2.5]
    assert bytes(request.inputs["file"].data) == b"abc" and request.inputs["level"] == 0.5


def test_what_can_not_be_sent_is_named():
    with pytest.raises(TypeError, match="object can't be sent"):
        Conversation("").request(lambda: None, type="send", session="a", inputs={"x": object()})


def test_of_the_newest_only_the_last_is_kept():
    talk, call = started(18, newest=True, **FOLLOW)
    frame = next(p.values[0]["text"] for p in answers("text") if p.values[0]["text"]["type"] == "frame")
    for n in range(5):
        talk.received(json.dumps({**frame, "sequence": n}))
    assert [frame.sequence for frame in call.take()] == [4] and call.take() == []


def test_a_reader_of_all_who_reads_nothing_gets_an_error_not_a_queue():
    call = Call(1, lambda: None, dict(RUN))
    for n in range(10_001):
        call.put(n)
    assert call.ended and len(call._items) <= 10_000


def test_after_a_lost_connection_only_what_lasts_is_asked_for_again():
    talk = Conversation("")
    run, _ = talk.request(lambda: None, **RUN)
    follow, message = talk.request(lambda: None, **FOLLOW)
    talk.lost()
    with pytest.raises(BridgeError, match="lost"):
        run.take()
    assert follow.take() == [] and talk.again() == [message]


def missing(id: int) -> str:
    error = {"code": "unknown_session", "message": "there is no session named dream", "hint": "", "field": ""}
    return json.dumps({"type": "error", "id": id, "to": "subscribe", "error": error})


def test_a_session_that_was_there_is_asked_for_again_for_a_while():
    talk, call = started(1, **FOLLOW)
    talk.received('{"type": "reply", "id": 1, "value": {}}')
    assert [talk.received(missing(1)) for _ in range(MOST_ATTEMPTS)] == [call] * MOST_ATTEMPTS
    assert talk.received(missing(1)) is None and call.ended


def test_a_session_that_never_was_there_is_an_error_at_once():
    talk, call = started(1, **FOLLOW)
    assert talk.received(missing(1)) is None and call.ended


@pytest.mark.parametrize(
    ("url", "socket"),
    [
        ("http://127.0.0.1:8000", "ws://127.0.0.1:8000/api/ws"),
        ("https://studio.local/", "wss://studio.local/api/ws"),
        ("studio.local:8000", "ws://studio.local:8000/api/ws"),
    ],
)
def test_an_address_is_taken_as_people_write_it(url: str, socket: str):
    assert Conversation(url).url == socket
    assert Conversation(url, "a b").url == f"{socket}?token=a+b"
