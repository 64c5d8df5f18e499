import pytest

from bridge.errors import Busy
from bridge.ports import Blob
from bridge.session.mailbox import Job, Mailbox


def job(run: int, command: str = "run", **more: object) -> Job:
    return Job(run, command, {}, 0.0, **more)  # type: ignore[arg-type]


def take_all(box: Mailbox, first: int = 100) -> list[Job]:
    taken = []
    while (job := box.take(first + len(taken), "run")) is not None:
        taken.append(job)
    return taken


def slow(**more: object) -> Mailbox:
    return Mailbox(model_ms=50.0, **more)  # type: ignore[arg-type]


def test_live_inputs_keep_only_the_newest():
    box = slow()
    for level in range(5):
        box.offer({"level": level}, now=float(level))
    first = box.take(1, "run")
    assert first is not None and first.inputs == {"level": 4} and first.time_in == 4.0
    assert box.take(2, "run") is None


def test_live_inputs_join_those_that_came_before():
    box = slow()
    box.offer({"a": 1}, 0.0)
    box.offer({"b": 2}, 0.0)
    taken = box.take(1, "run")
    assert taken is not None and taken.inputs == {"a": 1, "b": 2}


def test_a_snapshot_is_not_touched_by_later_inputs():
    box = slow()
    box.offer({"a": 1}, 0.0)
    taken = box.take(1, "run")
    box.offer({"a": 2}, 1.0)
    assert taken is not None and taken.inputs == {"a": 1}


def test_live_runs_wait_for_required_inputs():
    box = slow(required=frozenset({"image"}))
    box.offer({"level": 1}, 0.0)
    assert box.take(1, "run") is None
    box.offer({"image": "there"}, 0.0)
    assert box.take(1, "run") is not None


def test_nothing_is_run_twice_for_the_same_live_inputs():
    box = slow()
    box.offer({"a": 1}, 0.0)
    box.take(1, "run")
    box.ended(1)
    assert box.take(2, "run") is None


def test_a_slow_model_gets_a_live_run_only_when_it_is_free():
    box = slow()
    box.offer({"a": 1}, 0.0)
    box.take(1, "run")
    box.offer({"a": 2}, 0.0)
    assert not box.takes_live("run") and box.take(2, "run") is None
    box.ended(1)
    newest = box.take(2, "run")
    assert newest is not None and newest.inputs == {"a": 2}


def test_a_quick_model_gets_the_next_live_run_while_it_works():
    box = Mailbox(model_ms=5.0)
    box.offer({"a": 1}, 0.0)
    box.take(1, "run")
    box.offer({"a": 2}, 0.0)
    assert box.take(2, "run") is not None
    box.offer({"a": 3}, 0.0)
    assert box.take(3, "run") is None


def test_runs_are_handed_over_in_order_and_few_at_a_time():
    box = slow()
    for run in range(1, 6):
        box.put(job(run))
    assert [taken.run for taken in take_all(box)] == [1, 2]
    box.ended(1)
    assert [taken.run for taken in take_all(box)] == [3]


def test_very_quick_runs_are_handed_over_early():
    box = Mailbox(model_ms=0.05)
    for run in range(1, 20):
        box.put(job(run))
    assert len(take_all(box)) == 19


def test_a_run_beyond_the_bound_is_refused_and_the_limit_told():
    box = slow(bound=3)
    for run in range(3):
        box.put(job(run))
    with pytest.raises(Busy, match="3 runs"):
        box.put(job(9))


def test_what_is_worked_on_at_once_takes_no_room_from_what_waits():
    box = slow(bound=2, lanes={"run": 3})
    for run in range(4):
        box.put(job(run))
    with pytest.raises(Busy, match="4 runs"):
        box.put(job(4))


def test_the_bound_counts_what_is_under_way_but_not_live_runs():
    box = slow(bound=2)
    box.offer({"a": 1}, 0.0)
    box.take(1, "run")
    box.put(job(2))
    box.put(job(3))
    box.take(4, "run")
    with pytest.raises(Busy):
        box.put(job(5))
    box.ended(2)
    box.put(job(5))


def test_runs_and_live_inputs_take_turns():
    box = slow()
    for run in range(1, 5):
        box.put(job(run))
    order = []
    for number in range(100, 106):
        box.offer({"a": number}, 0.0)
        taken = box.take(number, "run")
        assert taken is not None
        order.append("live" if taken.live else "run")
        box.ended(taken.run)
    assert order == ["run", "live", "run", "live", "run", "live"]


def test_a_waiting_run_can_be_withdrawn_and_one_under_way_can_not():
    box = slow()
    for run in range(1, 5):
        box.put(job(run))
    take_all(box)
    assert box.withdraw(1) is None
    withdrawn = box.withdraw(4)
    assert withdrawn is not None and withdrawn.run == 4 and box.withdraw(4) is None


def test_when_the_worker_dies_only_what_it_can_have_begun_is_lost():
    box = slow()
    for run in range(1, 6):
        box.put(job(run))
    assert [taken.run for taken in take_all(box)] == [1, 2]
    assert [lost.run for lost in box.worker_died()] == [1]
    assert [taken.run for taken in take_all(box)] == [2, 3]


def test_of_a_command_with_a_batch_as_many_are_lost():
    box = slow(lanes={"run": 3})
    for run in range(1, 9):
        box.put(job(run))
    assert len(take_all(box)) == 6
    box.ended(2)
    assert [lost.run for lost in box.worker_died()] == [1, 3, 4]
    assert [taken.run for taken in take_all(box)] == [5, 6, 7, 8]


@pytest.mark.parametrize(
    ("commands", "begun"),
    [
        ("run tile tile", 1),
        ("tile tile tile tile run", 3),  # a batch of three
        ("tile run tile", 1),
        ("write write tile tile tile tile", 5),  # a batch between the steps of two open streams
        ("write run run", 2),
        ("write write write write write write write write", 4),  # as many streams as may be open
        ("write write write write run", 4),
        ("run write write", 1),
        ("write write", 2),
    ],
)
def test_what_can_have_begun_beside_each_other_is_lost(commands: str, begun: int):
    """Many quick ones are with the worker, in this order."""
    box = Mailbox(lanes={"run": 1, "tile": 3, "write": 4}, streams=frozenset({"write"}))
    for run, command in enumerate(commands.split()):
        box.put(job(run, command))
    assert len(take_all(box)) == len(commands.split())
    assert [lost.run for lost in box.worker_died()] == list(range(begun))


def test_a_walk_gets_every_second_turn_beside_runs_that_go_one_by_one():
    """Also in a model that has a command with a batch."""
    box = slow(lanes={"run": 1, "tile": 8})
    flight, given = [], []
    for number in range(40):
        box.put(job(number))
        box.offer({"a": number}, 0.0)
        while (taken := box.take(100 + number, "run")) is not None:
            flight.append(taken)
        done = flight.pop(0)
        box.ended(done.run)
        given.append(done.live)
    assert sum(given) == 20


def test_two_rows_of_a_batch_are_with_the_worker_and_a_walk_comes_between():
    box = slow(lanes={"run": 1, "tile": 8})
    for number in range(40):
        box.put(job(number, "tile"))
    assert len(take_all(box)) == 16
    box.offer({"a": 1}, 0.0)
    assert box.take(100, "run") is None
    for number in range(8):
        box.ended(number)
    live = box.take(100, "run")
    assert live is not None and live.live and box.take(101, "run") is None


def test_live_inputs_handed_over_early_are_offered_again_after_a_crash():
    box = Mailbox(model_ms=5.0)
    box.put(job(1))
    box.take(9, "run")
    box.offer({"a": 1}, 0.0)
    assert box.take(2, "run") is not None
    assert [lost.run for lost in box.worker_died()] == [1]
    again = box.take(3, "run")
    assert again is not None and again.live and again.inputs == {"a": 1}


def test_live_inputs_that_killed_the_worker_are_not_offered_again():
    box = slow()
    box.offer({"a": "poison"}, 0.0)
    box.take(1, "run")
    assert [lost.live for lost in box.worker_died()] == [True]
    assert box.take(2, "run") is None


def test_giving_up_returns_every_job_once():
    box = slow()
    for run in range(1, 5):
        box.put(job(run))
    take_all(box)
    assert [given_up.run for given_up in box.empty()] == [1, 2, 3, 4]
    assert box.held == 0 and box.empty() == []


def heavy(run: int, size: int) -> Job:
    return Job(run, "run", {"image": Blob("raw", bytes(size))}, 0.0)


def test_runs_are_refused_by_what_their_inputs_hold_and_both_sizes_are_told():
    box = slow(most_bytes=10_000)
    box.put(heavy(1, 6000))
    with pytest.raises(Busy, match=r"5\.\d+ KiB.*9\.\d+ KiB"):
        box.put(heavy(2, 6000))
    box.put(heavy(3, 2000))


def test_a_run_that_comes_alone_is_never_too_large():
    box = slow(most_bytes=10_000)
    box.put(heavy(1, 50_000))
    with pytest.raises(Busy):
        box.put(heavy(2, 1))


def test_however_runs_leave_their_bytes_leave_with_them():
    box = slow(most_bytes=10_000)

    def full() -> bool:
        box.put(heavy(99, 9000))
        with pytest.raises(Busy):
            box.put(heavy(100, 9000))
        return bool(box.withdraw(99))

    assert full()
    box.put(heavy(1, 9000))
    take_all(box)
    box.ended(1)
    assert full()
    for run in (2, 3, 4):
        box.put(heavy(run, 3000))
    assert len(take_all(box)) == 2
    box.worker_died()  # takes the first with it; the other two wait again
    with pytest.raises(Busy):
        box.put(heavy(5, 4500))
    box.put(heavy(6, 3000))
    box.empty()
    assert full()
