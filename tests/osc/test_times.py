"""Time tags, and what waits for its time."""

import pytest

from bridge import limits
from bridge.errors import BadMessage, Busy
from bridge.osc.times import Schedule, delay, tag


def test_a_tag_says_how_long_to_wait():
    assert delay(1, 1000.0) == delay(0, 1000.0) == 0
    assert delay(tag(1000.5), 1000.0) == pytest.approx(0.5, abs=1e-6)
    assert delay(tag(999.0), 1000.0) == pytest.approx(-1.0, abs=1e-6)


def test_what_is_meant_too_far_ahead_is_refused():
    assert delay(tag(1000 + limits.OSC_HORIZON_SECONDS - 1), 1000.0) > 0
    with pytest.raises(BadMessage, match="s ahead"):
        delay(tag(1000 + limits.OSC_HORIZON_SECONDS + 1), 1000.0)


def test_things_fall_due_in_order_of_time_and_then_as_they_came():
    schedule: Schedule[str] = Schedule()
    for at, what in ((3.0, "c"), (1.0, "a"), (2.0, "b1"), (2.0, "b2")):
        schedule.add(at, what, 1)
    assert (schedule.next, schedule.take(0.5)) == (1.0, None)
    assert [schedule.take(2.0) for _ in range(4)] == ["a", "b1", "b2", None]
    assert schedule.take(9.0) == "c" and schedule.next is None


def test_what_waits_is_bounded_in_number_and_in_bytes():
    schedule: Schedule[int] = Schedule()
    for number in range(limits.OSC_SCHEDULED):
        schedule.add(1.0, number, 1)
    with pytest.raises(Busy):
        schedule.add(1.0, 0, 1)
    while schedule.take(1.0) is not None:
        pass
    schedule.add(1.0, 0, limits.OSC_SCHEDULED_BYTES)
    with pytest.raises(Busy):
        schedule.add(1.0, 0, 1)
    schedule.clear()
    schedule.add(1.0, 0, 1)


def test_what_is_not_wanted_any_more_leaves_its_room_to_others():
    schedule: Schedule[str] = Schedule()
    for at, what in ((3.0, "a3"), (1.0, "b1"), (2.0, "a2"), (1.0, "b1 again"), (0.5, "b0")):
        schedule.add(at, what, limits.OSC_SCHEDULED_BYTES // 5)
    schedule.keep(lambda what: what.startswith("a"))
    assert len(schedule) == 2
    schedule.add(2.5, "c", limits.OSC_SCHEDULED_BYTES // 2)
    assert [schedule.take(9.0) for _ in range(4)] == ["a2", "c", "a3", None]
