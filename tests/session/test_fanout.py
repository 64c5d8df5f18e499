import asyncio

import pytest

from bridge import limits
from bridge.errors import ModelFailed, TooSlow
from bridge.ports import Blob, Encoding
from bridge.session.fanout import Events, Fanout
from bridge.session.outputs import Event, Frame

JPEG = Encoding("jpeg")
WISH = ("image", JPEG)


def frame(number: int, size: int = 10) -> Frame:
    return Frame("s", "image", number, 0, JPEG, Blob("jpeg", bytes(size)), 0.0, 1.0, 1.0, True, True)


class Changes:
    """Counts how often the wishes changed."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


def numbers(subscription) -> list[int]:
    taken = []
    while (next_one := subscription.take()) is not None:
        taken.append(next_one.run)
    return taken


def test_a_reader_of_the_newest_finds_only_the_newest_and_what_was_dropped_is_counted():
    fanout = Fanout(Changes())
    reader = fanout.add(WISH, "newest")
    for number in range(5):
        fanout.publish(frame(number))
    assert numbers(reader) == [4] and reader.drops == 4 and fanout.drops == 4


def test_a_reader_of_all_finds_everything_in_order():
    fanout = Fanout(Changes())
    reader = fanout.add(WISH, "all")
    for number in range(5):
        fanout.publish(frame(number))
    assert numbers(reader) == [0, 1, 2, 3, 4] and reader.drops == 0


def test_all_readers_get_the_same_bytes():
    fanout = Fanout(Changes())
    readers = [fanout.add(WISH, "newest"), fanout.add(WISH, "all")]
    fanout.publish(frame(1))
    first, second = [reader.take() for reader in readers]
    assert first is second


def test_a_reader_who_falls_behind_is_sent_away_and_nobody_else_notices(monkeypatch):
    monkeypatch.setattr(limits, "LOSSLESS_FRAMES", 3)
    fanout = Fanout(Changes())
    stalled, healthy = fanout.add(WISH, "all"), fanout.add(WISH, "all")
    seen = []
    for number in range(6):
        fanout.publish(frame(number))
        seen += numbers(healthy)
    assert seen == [0, 1, 2, 3, 4, 5]
    with pytest.raises(TooSlow, match="3 outputs of image"):
        stalled.take()
    assert fanout.readers == 1


def test_a_reader_of_all_is_bounded_in_bytes_too(monkeypatch):
    monkeypatch.setattr(limits, "LOSSLESS_BYTES", 1000)
    fanout = Fanout(Changes())
    reader = fanout.add(WISH, "all")
    for number in range(5):
        fanout.publish(frame(number, size=400))
    with pytest.raises(TooSlow):
        reader.take()


def test_wishes_are_told_when_the_first_reader_comes_and_the_last_one_leaves():
    changes = Changes()
    fanout = Fanout(changes)
    first, second = fanout.add(WISH, "newest"), fanout.add(WISH, "newest")
    assert changes.count == 1 and fanout.wishes == (WISH,)
    first.close()
    assert changes.count == 1
    second.close()
    second.close()
    assert changes.count == 2 and fanout.wishes == ()


def test_a_new_reader_of_the_newest_sees_the_last_frame_at_once():
    fanout = Fanout(Changes())
    fanout.add(WISH, "newest")
    fanout.publish(frame(7))
    assert numbers(fanout.add(WISH, "newest")) == [7]
    assert numbers(fanout.add(WISH, "all")) == []


async def test_a_waiting_reader_is_woken():
    fanout = Fanout(Changes())
    async with fanout.add(WISH, "newest") as reader:
        waiting = asyncio.ensure_future(anext(reader))
        await asyncio.sleep(0)
        fanout.publish(frame(1))
        assert (await waiting).run == 1


async def test_closing_ends_the_iteration_after_what_is_already_there():
    fanout = Fanout(Changes())
    reader = fanout.add(WISH, "all")
    fanout.publish(frame(1))
    fanout.close()
    assert [each.run async for each in reader] == [1]
    assert reader.ended


def test_wake_is_called_for_frames_and_for_the_end():
    wakes = Changes()
    fanout = Fanout(Changes())
    reader = fanout.add(WISH, "newest", wakes)
    fanout.publish(frame(1))
    reader.close()
    assert wakes.count == 2


async def test_a_slow_listener_loses_the_oldest_events_and_can_tell(monkeypatch):
    monkeypatch.setattr(limits, "EVENTS_WAITING", 2)
    events = Events()
    async with events.subscribe() as happening:
        for number in range(5):
            events.publish(Event("log", "s", {"line": number}))
        assert [event.data["line"] for event in happening.take()] == [3, 4]
        assert happening.drops == 3
    events.publish(Event("log", "s", {}))
    assert list(happening.take()) == []


async def test_two_listeners_do_not_share_events():
    events = Events()
    async with events.subscribe() as first, events.subscribe() as second:
        events.publish(Event("state", "s", {"state": "ready"}))
        assert (await anext(first)).kind == (await anext(second)).kind == "state"


def test_a_wish_that_can_not_be_met_sends_only_its_own_readers_away():
    fanout = Fanout(Changes())
    other = ("image", Encoding("png"))
    failing, reader = fanout.add(WISH, "all"), fanout.add(other, "all")
    fanout.fail(WISH, ModelFailed("can't be a jpeg"))
    with pytest.raises(ModelFailed, match="jpeg"):
        failing.take()
    assert not reader.ended and fanout.wishes == (other,)


async def test_a_listener_to_some_kinds_loses_none_of_them_in_a_flood_of_others():
    events = Events()
    async with events.subscribe({"session_closed"}) as happening:
        events.publish(Event("session_closed", "a", {}))
        for _ in range(limits.EVENTS_WAITING * 2):
            events.publish(Event("log", "b", {}))
        events.publish(Event("session_closed", "b", {}))
        assert [event.session for event in happening.take()] == ["a", "b"] and happening.drops == 0
