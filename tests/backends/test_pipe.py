import pytest
from hypothesis import given
from hypothesis import strategies as some

from bridge.backends.pipe import Packer, Unpacker
from bridge.errors import BadMessage
from bridge.ports import Blob, Encoding
from bridge.session.messages import Cancel, Output, Peeked, Run, ToWorker

values = some.recursive(
    some.none()
    | some.booleans()
    | some.integers(-(2**60), 2**60)
    | some.text(max_size=20)
    | some.builds(Blob, some.sampled_from(["jpeg", "f32"]), some.binary(max_size=200), some.just({"width": 3})),
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(some.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)


def joined(messages: list[object]) -> bytes:
    packer = Packer()
    return b"".join(bytes(buffer) for message in messages for buffer in packer.pack(message))


@given(
    some.lists(
        some.builds(Run, some.integers(0, 99), some.just("run"), some.dictionaries(some.text(max_size=4), values)),
        max_size=4,
    ),
    some.integers(1, 64),
)
def test_messages_arrive_whole_however_the_bytes_are_cut(messages, size):
    data = joined(messages)
    unpacker = Unpacker(ToWorker)
    arrived = [message for at in range(0, len(data), size) for message in unpacker.feed(data[at : at + size])]
    assert arrived == messages


def test_blobs_keep_their_place_in_a_nested_value():
    blobs = [Blob("jpeg", bytes([n]) * n, {"n": n}) for n in (1, 0, 3)]
    message = Run(1, "run", {"a": [blobs[0], {"b": blobs[1]}], "c": blobs[2]})
    (arrived,) = Unpacker(ToWorker).feed(joined([message]))
    assert arrived == message


def test_large_blobs_are_not_copied_into_the_head():
    data = bytes(1_000_000)
    buffers = Packer().pack(Run(1, "run", {"image": Blob("raw", data)}))
    assert buffers[1] is data and len(buffers[0]) < 100


def test_outputs_with_several_encodings_cross():
    from bridge.session.messages import FromWorker

    output = Output(
        3,
        0,
        {"image": [(Encoding("jpeg", 85), Blob("jpeg", b"x")), (Encoding("raw"), Blob("raw", b"y"))]},
        True,
        1.5,
        0.5,
    )
    (arrived,) = Unpacker(FromWorker).feed(joined([output]))
    assert arrived == output


def test_a_message_of_the_other_side_is_refused():
    with pytest.raises(BadMessage):
        list(Unpacker(ToWorker).feed(joined([Peeked(1, None)])))


def test_garbage_in_a_head_is_refused():
    with pytest.raises(BadMessage):
        list(Unpacker(ToWorker).feed(b"\x03\x00\x00\x00\x00\x00\x00\x00abc"))


def test_several_messages_in_one_chunk_come_in_order():
    data = joined([Cancel(n) for n in range(100)])
    assert [message.run for message in Unpacker(ToWorker).feed(data)] == list(range(100))


def test_a_message_of_absurd_length_is_refused_before_it_is_kept():
    with pytest.raises(BadMessage, match="longer than"):
        list(Unpacker(ToWorker).feed(b"\xff\xff\xff\xff\x00\x00\x00\x00"))
