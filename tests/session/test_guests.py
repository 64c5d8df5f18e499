"""Who uses a session: told for a while, and for as long as they follow something."""

from bridge import limits
from bridge.session.guests import Guest, Guests, speaker, speaking
from tests.fakes import ManualClock

FADER, PAGE = Guest("osc", "10.0.0.7:9001"), Guest("websocket", "127.0.0.1:5000")


def test_messages_are_counted_and_forgotten_after_a_while():
    clock = ManualClock()
    guests = Guests(clock)
    guests.spoke(FADER)
    guests.spoke(FADER)
    clock.pass_ms(1_500)
    told = {"wire": "osc", "address": "10.0.0.7:9001", "messages": 2, "follows": 0, "seconds_ago": 1.5}
    assert guests.described() == [told]
    clock.pass_ms(limits.GUEST_SECONDS * 1_000)
    assert guests.described() == []


def test_who_follows_something_is_told_of_however_quiet():
    clock = ManualClock()
    guests = Guests(clock)
    guests.follows(PAGE, 1)
    clock.pass_ms(10 * limits.GUEST_SECONDS * 1_000)
    assert [guest["follows"] for guest in guests.described()] == [1]
    guests.follows(PAGE, -1)
    clock.pass_ms(limits.GUEST_SECONDS * 1_000)
    assert guests.described() == []


def test_who_left_is_told_of_no_longer():
    guests = Guests(ManualClock())
    guests.spoke(FADER)
    guests.spoke(PAGE)
    guests.left(PAGE)
    guests.left(PAGE)
    assert [guest["wire"] for guest in guests.described()] == ["osc"]


def test_a_crowd_is_bounded_and_the_followers_stay():
    clock = ManualClock()
    guests = Guests(clock)
    guests.follows(PAGE, 1)
    for port in range(2 * limits.GUESTS):
        clock.pass_ms(1)
        guests.spoke(Guest("osc", f"10.0.0.7:{port}"))
    told = guests.described()
    assert len(told) == limits.GUESTS
    assert told[0]["wire"] == "websocket" and told[-1]["address"].endswith(f":{2 * limits.GUESTS - 1}")


def test_the_speaker_is_known_inside_only():
    assert speaker() is None
    with speaking(PAGE):
        with speaking(FADER):
            assert speaker() == FADER
        assert speaker() == PAGE
    assert speaker() is None
