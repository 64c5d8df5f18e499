"""Both inboxes: the same behaviour, whatever the system can be asked. The outbox: at once, or held."""

import os
import threading
from collections.abc import Iterator

import pytest

from bridge.backends.channel import Inbox, Outbox, ThreadedInbox
from bridge.backends.pipe import Packer
from bridge.errors import BadMessage
from bridge.ports import Blob
from bridge.session.messages import Cancel, Run, ToWorker

GARBAGE = b"\x03\x00\x00\x00\x00\x00\x00\x00abc"


class Pipe:
    """The server's end of a pipe."""

    def __init__(self) -> None:
        self.read_end, self.write_end = os.pipe()

    def write(self, data: bytes) -> None:
        os.write(self.write_end, data)

    def close(self) -> None:
        if self.write_end >= 0:
            os.close(self.write_end)
            self.write_end = -1


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    made.close()
    os.close(made.read_end)


def packed(*runs: int) -> bytes:
    return b"".join(bytes(buffer) for run in runs for buffer in Packer().pack(Cancel(run)))


def all_of(inbox: Inbox | ThreadedInbox) -> list[ToWorker]:
    messages = []
    while not inbox.closed:
        messages += inbox.take(wait=True)
    return messages


@pytest.mark.parametrize("kind", [Inbox, ThreadedInbox])
def test_what_came_before_the_end_is_handed_out_and_then_the_end(pipe: Pipe, kind: type[Inbox | ThreadedInbox]):
    pipe.write(packed(1, 2))
    pipe.close()
    assert all_of(kind(pipe.read_end)) == [Cancel(1), Cancel(2)]


@pytest.mark.parametrize("kind", [Inbox, ThreadedInbox])
def test_half_a_message_is_waited_for(pipe: Pipe, kind: type[Inbox | ThreadedInbox]):
    inbox = kind(pipe.read_end)
    data = packed(1)
    pipe.write(data[:5])
    assert inbox.take(wait=False) == []
    pipe.write(data[5:])
    assert inbox.take(wait=True) == [Cancel(1)] and not inbox.closed


def test_what_can_not_be_read_ends_the_worker(pipe: Pipe):
    pipe.write(GARBAGE)
    with pytest.raises(BadMessage):
        Inbox(pipe.read_end).take(wait=True)


def test_what_can_not_be_read_by_a_thread_ends_the_worker_too_and_is_logged(pipe: Pipe, capfd):
    pipe.write(packed(1) + GARBAGE)
    assert all_of(ThreadedInbox(pipe.read_end)) == [Cancel(1)]
    assert "BadMessage" in capfd.readouterr().err


@pytest.fixture
def outbox(pipe: Pipe) -> Outbox:
    return Outbox(pipe.write_end)


def test_what_is_held_leaves_together_and_in_order(pipe: Pipe, outbox: Outbox):
    inbox: Inbox = Inbox(pipe.read_end)
    outbox.hold()
    outbox.send(Cancel(1))
    outbox.send(Cancel(2))
    assert inbox.take(wait=False) == []
    outbox.release()
    outbox.release()
    assert inbox.take(wait=True) == [Cancel(1), Cancel(2)]
    outbox.send(Cancel(3))
    assert inbox.take(wait=True) == [Cancel(3)]


def test_what_is_large_waits_for_nobody_and_overtakes_nothing(pipe: Pipe, outbox: Outbox):
    outbox.hold()
    outbox.send(Cancel(1))
    sender = threading.Thread(target=outbox.send, args=(Run(2, "run", {"image": Blob("raw", bytes(1 << 17))}),))
    sender.start()
    inbox, taken = Inbox(pipe.read_end), list[ToWorker]()
    while len(taken) < 2:
        taken += inbox.take(wait=True)
    sender.join()
    assert [message.run for message in taken] == [1, 2]  # type: ignore[union-attr]
