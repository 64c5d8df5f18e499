"""OSC packets: read what others write, write what others read."""

import math
import struct
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pythonosc.osc_bundle import OscBundle
from pythonosc.osc_bundle_builder import OscBundleBuilder
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder

from bridge import limits
from bridge.errors import BadMessage, InputError, TooLarge
from bridge.osc import codec


def built(address: str, *arguments: tuple[str, object]) -> bytes:
    """A message as python-osc writes it."""
    builder = OscMessageBuilder(address)
    for tag, value in arguments:
        builder.add_arg(value, tag)
    return builder.build().dgram


def test_common_types_are_read_as_another_library_writes_them():
    packet = built(
        "/a/b", ("i", -7), ("f", 0.5), ("s", "grün"), ("b", b"12345"), ("T", True), ("F", False), ("N", None)
    )
    assert codec.read_message(packet) == ("/a/b", [-7, 0.5, "grün", b"12345", True, False, None])


def test_rare_types_are_read_too():
    packet = built("/a", ("h", 2**40), ("d", 0.1), ("r", 0x11223344), ("m", (1, 2, 3, 4)))
    assert codec.read_message(packet).arguments == [2**40, 0.1, "#11223344", [1, 2, 3, 4]]
    packet = b"/a\0\0,tcSI\0\0\0" + struct.pack(">Q", 5) + struct.pack(">I", ord("x")) + b"sym\0"
    assert codec.read_message(packet).arguments == [5, "x", "sym", True]


def test_lists_may_hold_lists():
    packet = b"/a\0\0,i[f[s]]\0\0\0\0" + struct.pack(">if", 1, 2.0) + b"x\0\0\0"
    assert codec.read_message(packet).arguments == [1, [2.0, ["x"]]]


def test_many_numbers_of_one_kind():
    values = [float(value) for value in range(512)]
    assert codec.read_message(codec.message("/z", values)).arguments == values
    assert codec.floats("/z", values) == codec.message("/z", values)
    assert codec.read_message(built("/z", *[("i", value) for value in range(99)])).arguments == list(range(99))


def test_a_message_without_arguments_with_and_without_tags():
    assert codec.read_message(b"/run\0\0\0\0").arguments == []
    assert codec.read_message(b"/run\0\0\0\0,\0\0\0").arguments == []


@pytest.mark.parametrize(
    ("rest", "meant"),
    [
        (struct.pack(">f", 0.25), [0.25]),
        (struct.pack(">f", 0.75), [0.75]),
        (struct.pack(">i", 3), [3]),
        (struct.pack(">i", -1), [-1]),
        (struct.pack(">ff", 1.0, -2.5), [1.0, -2.5]),
        (b"hello\0\0\0", ["hello"]),
        (b"\0\0\0\0", [0]),
    ],
)
def test_arguments_that_came_without_their_types_are_what_they_look_like(rest: bytes, meant: list[object]):
    assert codec.read_message(b"/old\0\0\0\0" + rest).arguments == meant


@pytest.mark.parametrize(
    ("packet", "said"),
    [
        (b"", "not OSC"),
        (b"GET / HTTP/1.1", "not OSC"),
        (b"/never-ending", "no end"),
        (b"/\xff\xfe\0\0", "not UTF-8"),
        (b"/a\0\0,ff\0" + bytes(4), "2 numbers"),
        (b"/a\0\0,is\0" + bytes(3), "too early"),
        (b"/a\0\0,b\0\0\x7f\xff\xff\xff", "blob"),
        (b"/a\0\0,b\0\0\xff\xff\xff\xff", "blob"),
        (b"/a\0\0,s\0\0abcd", "no end"),
        (b"/a\0\0,]\0\0", "not begun"),
        (b"/a\0\0,[\0\0", "no end"),
        (b"/a\0\0,?\0\0", "not known"),
        (b"/a\0\0,d\0\0\0\0\0\0", "too early"),
        (b"/a\0\0,c\0\0\0\x11\0\0", "character"),
        (b"/a\0\0," + b"[" * 40 + b"]" * 40 + b"\0\0\0", "nested"),
    ],
)
def test_what_is_no_message_is_refused_in_words(packet: bytes, said: str):
    with pytest.raises(BadMessage, match=said):
        codec.read_message(packet)


def test_more_arguments_than_anybody_needs_are_refused():
    tags = b"," + b"T" * (limits.OSC_ARGUMENTS + 1)
    with pytest.raises(BadMessage, match=str(limits.OSC_ARGUMENTS)):
        codec.read_message(b"/a\0\0" + tags + bytes(4 - len(tags) % 4))


def test_what_we_write_another_library_reads():
    packet = codec.message("/dream/out/text", [1, 0.5, "grün", b"abc", True, None])
    read = OscMessage(packet)
    assert (read.address, read.params) == ("/dream/out/text", [1, 0.5, "grün", b"abc", 1, ""])
    assert packet.split(b",")[1].startswith(b"ifsbis\0")


def test_numbers_without_room_in_32_bits():
    def reread(value: object) -> object:
        return codec.read_message(codec.message("/a", [value])).arguments[0]

    assert reread(2**31) == 2.0**31
    assert reread(1e300) == "1e+300"
    assert reread(-(2**31)) == -(2**31)
    assert math.isinf(float(str(reread(math.inf))))


def test_bundles_both_ways():
    packets = [codec.message("/a", [1]), codec.message("/b")]
    packet = codec.bundle(packets, 7 << 32)
    assert codec.is_bundle(packet) and codec.read_bundle(packet) == (7 << 32, packets)
    assert [message.address for message in OscBundle(codec.bundle(packets))] == ["/a", "/b"]
    builder = OscBundleBuilder(0)
    builder.add_content(OscMessageBuilder("/c").build())
    assert codec.read_bundle(builder.build().dgram) == (1, [b"/c\0\0,\0\0\0"])
    assert codec.read_bundle(codec.bundle([])).packets == []


@pytest.mark.parametrize("packet", [b"#bundle", b"#bungle\0" + bytes(8), codec.bundle([b"/a\0\0"])[:-1]])
def test_what_is_no_bundle_is_refused(packet: bytes):
    with pytest.raises(BadMessage):
        codec.read_bundle(packet)


def test_a_bundle_of_too_many_is_refused():
    for packet in (b"/a\0\0", b""):  # empty ones are many in little
        with pytest.raises(TooLarge):
            codec.read_bundle(codec.bundle([packet] * (limits.OSC_BUNDLE_PACKETS + 1)))


def test_the_head_of_a_message_is_its_address_and_types():
    packet = codec.message("/dream/z", [0.5, 1.5])
    assert codec.head_of(packet) == packet[:-8]
    assert codec.head_of(b"/dream/run\0\0") == b""
    assert [codec.size_of(tags) for tags in ("f", "ifi", "dT", "s", "fb")] == [4, 12, 8, -1, -1]


@given(st.binary(max_size=200))
def test_nothing_but_an_error_in_words_comes_of_noise(noise: bytes):
    for packet in (noise, b"/a\0\0," + noise, b"#bundle\0" + noise):
        for read in (codec.read_message, codec.read_bundle):
            with suppress(InputError):
                read(packet)


@given(st.lists(st.one_of(st.integers(-(2**31), 2**31 - 1), st.floats(width=32), st.binary(), st.text())))
def test_what_is_written_is_read_again(values: list[object]):
    values = [value for value in values if value == value and not (isinstance(value, str) and "\0" in value)]
    finite = [value for value in values if not (isinstance(value, float) and math.isinf(value))]
    assert codec.read_message(codec.message("/a", finite)).arguments == finite
