"""The packets alone: what comes is taken or refused in words, what goes can be read by python-socketio."""

import base64

import pytest
from socketio.packet import Packet as LibraryPacket

from bridge import limits, wire
from bridge.errors import BadMessage, TooLarge
from bridge.ports import Blob, Encoding
from bridge.session.outputs import Frame
from bridge.transports import socketio_packet as packet
from bridge.transports.socketio_packet import Message, Packet, SharedFrame


def frame(value: object = None) -> Frame:
    value = Blob("jpeg", b"\xff\xd8picture", {"width": 2}) if value is None else value
    return Frame("dream", "image", 7, 3, Encoding("jpeg"), value, 0.0, 1.5, 0.25, True, False)


def heard(message: Message) -> list[object]:
    """What python-socketio's own reader makes of it."""
    assert message.text[:1] == b"4"
    read = LibraryPacket(encoded_packet=message.text[1:].decode())
    for attachment in message.attachments:
        read.add_attachment(bytes(attachment))
    return read.data


# --- what comes ----------------------------------------------------------------------------------


def test_an_event_is_taken_apart():
    read = Packet(encoded_packet='2/,17["run",{"session":"a"}]')
    assert (read.packet_type, read.namespace, read.id) == (2, "/", 17)
    assert read.data == ["run", {"session": "a"}]


def test_attachments_take_their_places_as_blobs():
    read = Packet(encoded_packet='52-["send",[{"_placeholder":true,"num":1}],{"x":{"_placeholder":true,"num":0}}]')
    assert read.attachment_count == 2
    assert not read.add_attachment(b"first")
    assert read.add_attachment(b"second")
    assert read.data == ["send", [Blob("bytes", b"second")], {"x": Blob("bytes", b"first")}]


@pytest.mark.parametrize(
    "text",
    [
        "9",
        "x",
        "2{",
        '2["a"',
        "2" + "[" * 100,
        '21-["a"]',  # an event that is said to have bytes
        '5["a"]',  # one with bytes that has none
        '50-["a"]',
        '51[{"_placeholder":true,"num":0}]',
        "0/" + "n" * 300,
        "2[1e999]",
    ],
)
def test_a_message_that_can_not_be_read_is_refused(text: str):
    with pytest.raises(BadMessage):
        Packet(encoded_packet=text)


def test_attachments_go_to_their_places():
    said = ["query", {"image": {"_placeholder": True, "num": 1}, "more": [{"_placeholder": True, "num": 0}]}]
    assert packet.filled(said, [b"a", b"b"]) == ["query", {"image": b"b", "more": [b"a"]}]
    for wrong in (2, -1, "0", True, None):
        with pytest.raises(BadMessage, match="attachment"):
            packet.filled({"_placeholder": True, "num": wrong}, [b"a", b"b"])


def test_too_many_attachments_are_refused():
    with pytest.raises(TooLarge, match="attachments"):
        Packet(encoded_packet=f'5{limits.SOCKETIO_ATTACHMENTS + 1}-["a"]')


@pytest.mark.parametrize("number", ["1", "-1", "true", "null", '"0"', "0.0"])
def test_a_place_for_bytes_that_did_not_come_is_refused(number: str):
    read = Packet(encoded_packet='51-[{"_placeholder":true,"num":' + number + "}]")
    with pytest.raises(BadMessage, match="attachment"):
        read.add_attachment(b"")


def test_bytes_and_texts_come_where_they_are_due():
    with pytest.raises(BadMessage, match="bytes came"):
        Packet(encoded_packet=b"bytes")
    with pytest.raises(BadMessage, match="a text came"):
        Packet(encoded_packet='51-["a"]').add_attachment("2[]")


# --- what goes -----------------------------------------------------------------------------------


def test_an_answer_is_an_event_of_its_type():
    message = packet.event(wire.Reply(id=3, value={"a": [1, "ä"]}))
    assert heard(message) == ["reply", {"type": "reply", "id": 3, "value": {"a": [1, "ä"]}}]
    assert message.attachments == ()


def test_bytes_of_an_answer_follow_it_and_are_told_of():
    outputs = {"z": Blob("f32", b"1234"), "text": "x", "all": [Blob("png", b"a"), Blob("png", b"b")]}
    message = packet.acknowledgement(5, wire.Done(id=1, run=2, outputs=outputs))
    assert message.text.startswith(b"463-5[")
    (answer,) = heard(message)
    assert answer["outputs"] == {"z": b"1234", "text": "x", "all": [b"a", b"b"]}
    assert answer["blobs"] == [{"port": "z", "format": "f32", "length": 4}]


def test_an_answer_without_bytes_fits_json():
    message = packet.event(wire.Done(id=1, outputs={"z": Blob("png", b"x")}), binary=False)
    assert message.attachments == ()
    assert heard(message)[1]["outputs"] == {"z": "data:image/png;base64,eA=="}


def test_a_message_goes_as_frames_or_as_packets_of_a_body():
    message = Message(b"451-[]", (b"\0\1",))
    assert b"".join(message.framed()) == b"\x81\x06451-[]\x82\x02\0\1"
    assert message.polled() == [b"451-[]", b"bAAE="]


HEAD = {
    "id": 1,
    "n": 9,
    "drops": 2,
    "age_ms": 3.5,
    "session": "dream",
    "port": "image",
    "run": 7,
    "sequence": 3,
    "format": "jpeg",
    "meta": {"width": 2},
    "model_ms": 1.5,
    "encode_ms": 0.25,
    "live": True,
    "last": False,
}


def test_a_frame_is_its_head_and_its_bytes():
    shared = SharedFrame(frame(), binary=True)
    text, data = shared.polled(1, 9, 2, 3.5)
    assert heard(Message(bytes(text), (base64.b64decode(bytes(data)[1:]),))) == ["frame", HEAD, b"\xff\xd8picture"]
    begin, data = shared.framed(1, 9, 2, 3.5)
    assert bytes(data) == b"\xff\xd8picture"
    assert bytes(begin).endswith(b"\x82" + bytes([len(data)]))
    assert bytes(begin)[4:-2] == text  # the same, behind the head of a WebSocket frame of 126 bytes and more


def test_its_bytes_are_the_same_object_for_everybody():
    shared = SharedFrame(frame(), binary=True)
    assert shared.framed(1, 1, 0, 0.0)[1] is shared.framed(2, 5, 0, 0.0)[1]
    assert shared.polled(1, 1, 0, 0.0)[1] is shared.polled(2, 5, 0, 0.0)[1]


def test_a_frame_of_json_or_for_one_who_wants_no_bytes_is_one_text():
    (text,) = SharedFrame(frame("word"), binary=True).polled(1, 9, 2, 3.5)
    assert heard(Message(bytes(text))) == ["frame", {**HEAD, "meta": {}}, "word"]
    (begin,) = SharedFrame(frame(), binary=False).framed(1, 9, 2, 3.5)
    assert b'"data:image/jpeg;base64,' in bytes(begin)
