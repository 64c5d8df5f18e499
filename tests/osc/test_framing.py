"""Packets in a stream, however it is cut into pieces."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import BadMessage, TooLarge
from bridge.osc.framing import Framing

PACKETS = [b"/a\0\0", b"/b\0\0,b\0\0\0\0\0\4\xc0\xdb\xdc\xdd", bytes(range(256))]


def told(way: str) -> Framing:
    """One that has seen which way its sender writes."""
    framing = Framing()
    framing.feed({"slip": b"\xc0", "length": b"\0"}[way])
    return framing


@pytest.mark.parametrize("way", ["slip", "length"])
@given(cuts=st.lists(st.integers(1, 40), max_size=40))
def test_packets_come_out_as_they_went_in_wherever_the_stream_was_cut(way: str, cuts: list[int]):
    stream = b"".join(map(told(way).wrap, PACKETS))
    framing, found, at = Framing(), [], 0
    for size in [*cuts, len(stream)]:
        packets, flaws = framing.feed(stream[at : at + size])
        found += packets
        assert not flaws
        at += size
    assert found == PACKETS and framing.way == way


def test_marks_may_stand_on_both_sides_or_on_one():
    assert Framing().feed(b"\xc0/a\0\0\xc0\xc0/b\0\0\xc0/c\0\0\xc0")[0] == [b"/a\0\0", b"/b\0\0", b"/c\0\0"]


@pytest.mark.parametrize("first", [b"G", b"\x16", b"/", b"\xff"])
def test_what_is_no_osc_is_refused(first: bytes):
    with pytest.raises(BadMessage):
        Framing().feed(first)


@pytest.mark.parametrize("piece", [1, 7, 1000])
def test_a_packet_beyond_the_limit_is_skipped_and_the_next_comes(piece: int):
    for way in ("length", "slip"):
        writer = told(way)
        stream = writer.wrap(b"x" * 500) + writer.wrap(b"/b\0\0")
        framing, found, wrong = Framing(limit=100), [], []
        for at in range(0, len(stream), piece):
            packets, flaws = framing.feed(stream[at : at + piece])
            found += packets
            wrong += flaws
        assert found == [b"/b\0\0"] and [type(flaw) for flaw in wrong] == [TooLarge]


@pytest.mark.parametrize("packet", [b"\xdb\xdc", b"\xdb\xdd\xdc", b"\xc0\xdb\xc0", b"\xdb" * 5 + b"\xdc\xdd"])
def test_marks_and_escapes_inside_a_packet_come_back_as_they_were(packet: bytes):
    framing = Framing()
    framing.way = "slip"
    assert framing.feed(framing.wrap(packet)) == ([packet], [])


def test_wrong_escapes_cost_one_packet_only():
    packets, flaws = Framing().feed(b"\xc0/a\xdbx\xc0/b\0\0\xc0")
    assert packets == [b"/b\0\0"] and [type(flaw) for flaw in flaws] == [BadMessage]


def test_a_stream_without_an_end_does_not_grow():
    framing = Framing(limit=100)
    framing.feed(b"\xc0")
    for _ in range(100):
        framing.feed(b"x" * 1000)
    assert len(framing._buffer) < 2000
