"""How inputs wait. Pure: told the time, it does no I/O and never sleeps.

Runs are lossless: they wait their turn, first come first served, up to a bound. Live inputs keep only the newest:
there is one set of current values, and each live run takes a snapshot of it. Both take turns at the worker.

The worker begins runs strictly in the order they were handed over. So when it dies, only the first few that have not
ended can have begun; the others were merely handed over early, and wait again.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bridge import limits
from bridge.errors import Busy
from bridge.ports.words import size
from bridge.session.messages import Run, Wish
from bridge.session.outputs import weight

_AHEAD_MS = 4.0  # runs worth this much of the model's time are handed over early, so that it never waits for us
_AHEAD_MOST = 32
_QUICK_MS = 20.0  # a model quicker than this gets the next live run while it still works on the last one


@dataclass(slots=True)
class Job:
    """A run from when it came until it ends."""

    run: int
    command: str
    inputs: dict[str, Any]
    time_in: float
    wishes: tuple[Wish, ...] = ()
    live: bool = False
    quiet: bool = False  # subscribers see nothing of it
    owner: Any = None  # whoever follows this run
    cancelled: bool = False  # its owner has been told; the worker may not have heard yet
    gave: bool = False  # something came of it
    cancel_sent: bool = False  # the worker will hear that it is cancelled
    bytes: int = 0  # about what its inputs hold while it waits or is under way

    def message(self) -> Run:
        return Run(self.run, self.command, self.inputs, self.wishes, self.live, self.quiet)


@dataclass(slots=True)
class Mailbox:
    """What waits for one model, and what it works on."""

    lanes: int = 1  # how many runs the model works on at once: its batch or its concurrency
    bound: int = limits.RUNS_WAITING
    most_bytes: int = limits.WAITING_BYTES
    model_ms: float = 0.0  # what a run takes lately
    current: dict[str, Any] = field(default_factory=dict)  # the live inputs
    required: frozenset[str] = frozenset()  # live runs wait until these have come
    _waiting: deque[Job] = field(default_factory=deque)
    _flight: dict[int, Job] = field(default_factory=dict)  # handed to the worker, in order
    _live_flight: int = 0
    _bytes: int = 0  # of runs, live ones not counted
    _fresh: bool = False  # the live inputs changed since the last snapshot
    _fresh_since: float = 0.0
    _live_turn: bool = False

    def put(self, job: Job) -> None:
        """Let a run wait, or refuse it when a bound is reached. One that comes alone is never too large."""
        most = self.bound + self.lanes - 1  # what a model works on beside the first waits for nobody
        if self.held >= most:
            raise _busy(f"{most} runs already wait for this model")
        job.bytes = weight(job.inputs)
        if self._bytes + job.bytes > self.most_bytes and self.held:
            raise _busy(
                f"runs with {size(self._bytes)} of inputs already wait for this model; with this one it would be "
                f"more than {size(self.most_bytes)}"
            )
        self._bytes += job.bytes
        self._waiting.append(job)

    def offer(self, inputs: Mapping[str, Any], now: float) -> None:
        """Take live inputs over those that were there."""
        self.current = {**self.current, **inputs}
        self._fresh = True
        self._fresh_since = now

    def take(self, next_run: int, command: str) -> Job | None:
        """The job to hand over now, or None: nothing waits, or enough is under way."""
        if len(self._flight) >= self._room():
            return None
        live_can = self.live_waits and self._live_flight < self._live_room()
        if live_can and (self._live_turn or not self._waiting):
            self._live_turn = False
            return self._hand_over(self._snapshot(next_run, command))
        if self._waiting:
            self._live_turn = True
            return self._hand_over(self._waiting.popleft())
        return None

    def ended(self, run: int) -> Job | None:
        """The worker is through with this run."""
        job = self._flight.pop(run, None)
        if job is not None:
            self._live_flight -= job.live
            self._bytes -= job.bytes
        return job

    def working_on(self, run: int) -> Job | None:
        return self._flight.get(run)

    def withdraw(self, run: int) -> Job | None:
        """Take a run back that was not handed over yet."""
        for job in self._waiting:
            if job.run == run:
                self._waiting.remove(job)
                self._bytes -= job.bytes
                return job
        return None

    def worker_died(self) -> list[Job]:
        """The jobs that may have begun and are lost. All others wait again, in their old order."""
        flight = list(self._flight.values())
        lost, early = flight[: self.lanes], flight[self.lanes :]
        self._flight.clear()
        self._live_flight = 0
        self._waiting.extendleft(reversed([job for job in early if not job.live and not job.cancelled]))
        self._bytes = sum(job.bytes for job in self._waiting)
        self._fresh = self._fresh or any(job.live for job in early)
        return lost

    def empty(self) -> list[Job]:
        """Give up everything, waiting or under way."""
        jobs = [*self._flight.values(), *self._waiting]
        self._flight.clear()
        self._waiting.clear()
        self._live_flight = 0
        self._bytes = 0
        self._fresh = False
        return jobs

    @property
    def held(self) -> int:
        """Runs that wait or are under way, live ones not counted."""
        return len(self._waiting) + len(self._flight) - self._live_flight

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @property
    def under_way(self) -> int:
        """Runs that are with the worker."""
        return len(self._flight)

    @property
    def live_waits(self) -> bool:
        return self._fresh and self.required <= self.current.keys()

    @property
    def takes_live(self) -> bool:
        """Would live inputs offered now be handed over at once?"""
        return not self._fresh and self._live_flight < self._live_room() and len(self._flight) < self._room()

    def live_under_way(self) -> list[Job]:
        return [job for job in self._flight.values() if job.live]

    def _snapshot(self, run: int, command: str) -> Job:
        self._fresh = False
        self._live_flight += 1
        return Job(run, command, self.current, self._fresh_since, live=True)

    def _hand_over(self, job: Job) -> Job:
        self._flight[job.run] = job
        return job

    def _room(self) -> int:
        """How many runs may be with the worker: those it works on, as many to go on with, more of very quick ones."""
        ahead = _AHEAD_MOST if self.model_ms * _AHEAD_MOST <= _AHEAD_MS else int(_AHEAD_MS / self.model_ms)
        return self.lanes + max(self.lanes, ahead)

    def _live_room(self) -> int:
        return 2 if self.model_ms < _QUICK_MS else 1


def _busy(why: str) -> Busy:
    return Busy(why, hint="wait for some of them to end, or send live inputs, which never queue")
