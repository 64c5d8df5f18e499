"""The worker's end of the pipe: messages in, when asked; messages out, at once or a handful together."""

import os
import select
import sys
import threading
import time
import traceback
from collections import deque
from typing import Any

from bridge.backends.pipe import Buffer, Packer, Unpacker
from bridge.session.messages import ToWorker

_READ_BYTES = 1 << 18
_JOIN_BYTES = 1 << 16  # below this one write of a copy is cheaper than several without


class Inbox:
    """Messages as they come. Reads in the caller's own thread, which saves a thread switch on every message."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._unpacker: Unpacker[ToWorker] = Unpacker(ToWorker)
        self.closed = False

    def take(self, wait: bool) -> list[ToWorker]:
        """Everything that has come; with `wait`, at least one message or the end of the pipe."""
        messages: list[ToWorker] = []
        if not wait and not self._readable():
            return messages
        while not messages and not self.closed:
            data = os.read(self._fd, _READ_BYTES)
            self.closed = not data
            messages.extend(self._unpacker.feed(data))
            if not wait:
                break  # the beginning of a message; its end comes in its own time
        return messages

    def _readable(self) -> bool:
        return bool(select.select([self._fd], [], [], 0)[0])


class ThreadedInbox:
    """The same where a pipe can't be asked whether it is readable (Windows): a thread reads it."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._unpacker: Unpacker[ToWorker] = Unpacker(ToWorker)
        self._messages: deque[ToWorker] = deque()
        self._news = threading.Event()
        self._ended = False
        self.closed = False
        threading.Thread(target=self._read, name="inbox", daemon=True).start()

    def take(self, wait: bool) -> list[ToWorker]:
        while wait and not self._messages and not self._ended:
            self._news.wait()
            self._news.clear()
        ended = self._ended  # asked first: what came before the end is still handed out
        messages = [self._messages.popleft() for _ in range(len(self._messages))]
        self.closed = ended and not messages
        return messages

    def _read(self) -> None:
        try:
            while data := os.read(self._fd, _READ_BYTES):
                self._messages.extend(self._unpacker.feed(data))
                self._news.set()
        except Exception as error:  # its end has to be seen: who waits for messages would wait for ever
            traceback.print_exception(error)
        finally:
            self._ended = True
            self._news.set()


class Outbox:
    """Messages on their way; each leaves at once, unless they are held."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._packer = Packer()
        self._turn = threading.Lock()
        self._holding = False
        self._held = bytearray()

    def send(self, message: Any) -> None:
        """Write a message, from any thread; waits while the pipe is full, which it is only for moments: it is read."""
        with self._turn:
            first, *blobs = self._packer.pack(message)
            if sum(map(len, blobs)) > _JOIN_BYTES:
                self._let_go()
                for buffer in (first, *blobs):
                    self.write(buffer)
            elif self._holding and len(self._held) <= _JOIN_BYTES:
                self._held += b"".join((first, *blobs))
            else:
                self._let_go()
                self.write(b"".join((first, *blobs)))

    def hold(self) -> None:
        """From now on what is sent waits for `release`, or for so much that it is worth a write."""
        with self._turn:
            self._holding = True

    def release(self) -> None:
        """All that was held leaves in one go. Harmless when nothing is."""
        with self._turn:
            self._holding = False
            self._let_go()

    def _let_go(self) -> None:
        if self._held:
            held, self._held = self._held, bytearray()
            self.write(held)

    def write(self, data: Buffer) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._fd, rest) :]


def take_over_standard_pipes() -> tuple[int, int]:
    """Keep standard input and output for messages; whatever the model prints goes to the log instead."""
    if sys.platform == "win32":
        import msvcrt

        for fd in (0, 1):
            msvcrt.setmode(fd, os.O_BINARY)
    inbox, outbox = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return inbox, outbox


def open_inbox(fd: int) -> Inbox | ThreadedInbox:
    """The quickest inbox that works here."""
    return ThreadedInbox(fd) if sys.platform == "win32" else Inbox(fd)


def leave_with_parent(fd: int, patience: float) -> None:
    """End this process soon after the server's end of the pipe is gone, even while the model is busy."""
    if not hasattr(select, "poll"):
        return

    def watch() -> None:
        poll = select.poll()
        poll.register(fd, 0)  # asks for nothing but hang-up
        poll.poll()
        time.sleep(patience)
        os._exit(0)

    threading.Thread(target=watch, name="watch for the server's end", daemon=True).start()
