"""What a session needs from the place where its model runs."""

from typing import Protocol

import msgspec

from bridge.session.messages import FromWorker, Start, ToWorker


class Exit(msgspec.Struct, frozen=True):
    """How the other side ended."""

    reason: str  # in words: "ended with signal SIGKILL", "ended with code 1"
    log: tuple[str, ...] = ()  # its last lines


class Listener(Protocol):
    """The session's side. Called from the loop, never re-entered from within post()."""

    def received(self, message: FromWorker) -> None: ...

    def log_line(self, line: str) -> None:
        """A line the model printed."""

    def lost(self, end: Exit) -> None:
        """The other side is gone. Once, and never after close()."""


class Backend(Protocol):
    """A started worker. Messages arrive in order, each way."""

    @property
    def place(self) -> str:
        """Where it runs, for people: "this machine, process 4711"."""

    @property
    def memory(self) -> int:
        """Bytes that it holds; 0 where nobody can tell."""

    def post(self, message: ToWorker) -> None:
        """Hand over a message; never waits. After lost() it does nothing.

        The session bounds how much is under way; of Wants that the worker has not read yet only the last need reach it.
        """

    async def close(self) -> None:
        """Ask it to leave, then insist; returns when nothing is left of it. Idempotent."""


class Launch(Protocol):
    """Starts a worker for one model. How a backend is handed to a session."""

    async def __call__(self, start: Start, listener: Listener) -> Backend: ...
