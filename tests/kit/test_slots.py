"""Who gets which place of the cache."""

import random

from bridge.kit.slots import Seat, Slots, shared


def test_the_common_beginning_is_found():
    for length, common in ((0, 0), (1, 0), (1, 1), (7, 3), (400, 399), (400, 400), (400, 1)):
        one = list(range(length))
        other = one[:common] + [-1] * (length - common)
        assert shared(one, other) == shared(other, one) == common
    assert shared([1, 2], [1, 2, 3]) == 2


def test_a_text_that_goes_on_gets_its_place_again():
    slots = Slots(3)
    assert slots.take([1, 2]) == Seat(0, -1, 0)
    slots.leave(0, [1, 2, 3, 4])
    assert slots.take([1, 2, 3, 9]) == Seat(0, 0, 3)


def test_a_place_that_is_in_use_or_worth_keeping_is_copied():
    slots = Slots(3)
    slots.take([1, 2])
    slots.holds(0, [1, 2, 3])
    assert slots.take([1, 2, 5]) == Seat(1, 0, 2)
    slots.leave(0, [1, 2, *range(50, 90)])
    assert slots.take([1, 2, 60]) == Seat(2, 0, 2)


def test_the_place_left_longest_ago_is_given_away_and_none_when_all_are_in_use():
    slots = Slots(2)
    for number in (0, 1):
        assert slots.take([number + 10]) == Seat(number, -1, 0)
    assert slots.take([5]) is None and slots.free == 0
    slots.leave(1, [11])
    slots.leave(0, [10])
    assert slots.take([7]) == Seat(1, -1, 0)
    assert slots.take([10, 10]) == Seat(0, 0, 1)


def test_the_only_free_place_is_taken_even_if_it_is_its_own_source():
    slots = Slots(2)
    slots.take([1])
    slots.take([2])
    slots.leave(1, [3, 4, 5, 6, 7, 8])
    assert slots.take([3, 9]) == Seat(1, 1, 1)


def test_whatever_happens_what_is_shared_is_there_and_no_place_is_given_twice():
    chance = random.Random(5)
    slots, used, held = Slots(4), {}, {}
    for _ in range(2000):
        if used and chance.random() < 0.5:
            slot = chance.choice(list(used))
            held[slot] = used.pop(slot)
            slots.leave(slot, held[slot])
            continue
        tokens = [chance.randrange(3) for _ in range(chance.randrange(1, 8))]
        seat = slots.take(tokens)
        if seat is None:
            assert len(used) == 4
            continue
        assert seat.slot not in used
        known = used.get(seat.source, held.get(seat.source, []))
        assert known[: seat.shared] == tokens[: seat.shared]
        used[seat.slot] = tokens
        held.pop(seat.slot, None)
        slots.holds(seat.slot, tokens)
