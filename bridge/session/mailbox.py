"""How inputs wait. Pure: told the time, it does no I/O and never sleeps.

Runs are lossless: they wait their turn, first come first served, up to a bound. Live inputs keep only the newest:
there is one set of current values, and each live run takes a snapshot of it. Both take turns at the worker.

The worker begins runs strictly in the order they were handed over. So when it dies, only the first few that have not
ended can have begun; the others were merely handed over early, and wait again.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

from bridge import limits
from bridge.errors import Busy
from bridge.ports.words import size
from bridge.session.messages import Run, Wish
from bridge.session.outputs import weight

_AHEAD_MS = 4.0  # runs worth this much of the model's time are handed over early, so that it never waits for us
_AHEAD_MOST = 32
_ROUNDING = 1e-6
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

    lanes: Mapping[str, int] = field(default_factory=dict)  # runs of a command worked on at once; 1 if not told
    streams: frozenset[str] = frozenset()  # commands whose runs stay open beside each other and others
    bound: int = limits.RUNS_WAITING
    most_bytes: int = limits.WAITING_BYTES
    model_ms: float = 0.0  # what a run takes lately
    current: dict[str, Any] = field(default_factory=dict)  # the live inputs
    required: frozenset[str] = frozenset()  # live runs wait until these have come
    _waiting: deque[Job] = field(default_factory=deque)
    _flight: dict[int, Job] = field(default_factory=dict)  # handed to the worker, in order
    _rows: float = 0.0  # what is in flight, in rows of as many as are worked on at once
    _live_flight: int = 0
    _bytes: int = 0  # of runs, live ones not counted
    _fresh: bool = False  # the live inputs changed since the last snapshot
    _fresh_since: float = 0.0
    _live_turn: bool = False

    def put(self, job: Job) -> None:
        """Let a run wait, or refuse it when a bound is reached. One that comes alone is never too large."""
        most = self.bound + self._lanes(job.command) - 1  # what a model works on beside the first waits for nobody
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
        live_can = self.live_waits and self._live_flight < self._live_room()
        if live_can and (self._live_turn or not self._waiting):
            if not self._fits(command):
                return None
            self._live_turn = False
            return self._hand_over(self._snapshot(next_run, command))
        if self._waiting and self._fits(self._waiting[0].command):
            self._live_turn = True
            return self._hand_over(self._waiting.popleft())
        return None

    def ended(self, run: int) -> Job | None:
        """The worker is through with this run."""
        job = self._flight.pop(run, None)
        if job is not None:
            self._rows = self._rows - 1 / self._lanes(job.command) if self._flight else 0.0
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
        flight, begun = list(self._flight.values()), self._begun()
        lost, early = flight[:begun], flight[begun:]
        self._flight.clear()
        self._rows = 0.0
        self._live_flight = 0
        self._waiting.extendleft(reversed([job for job in early if not job.live and not job.cancelled]))
        self._bytes = sum(job.bytes for job in self._waiting)
        self._fresh = self._fresh or any(job.live for job in early)
        return lost

    def empty(self) -> list[Job]:
        """Give up everything, waiting or under way."""
        jobs = [*self._flight.values(), *self._waiting]
        self._flight.clear()
        self._rows = 0.0
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

    def takes_live(self, command: str) -> bool:
        """Would live inputs offered now be handed over at once?"""
        return not self._fresh and self._live_flight < self._live_room() and self._fits(command)

    def live_under_way(self) -> list[Job]:
        return [job for job in self._flight.values() if job.live]

    def _snapshot(self, run: int, command: str) -> Job:
        self._fresh = False
        self._live_flight += 1
        return Job(run, command, self.current, self._fresh_since, live=True)

    def _hand_over(self, job: Job) -> Job:
        self._flight[job.run] = job
        self._rows += 1 / self._lanes(job.command)
        return job

    def _lanes(self, command: str) -> int:
        return self.lanes.get(command, 1)

    def _fits(self, command: str) -> bool:
        """May one more be with the worker? One row that it works on, one to go on with, more of very quick ones."""
        ahead = _AHEAD_MOST if self.model_ms * _AHEAD_MOST <= _AHEAD_MS else int(_AHEAD_MS / self.model_ms)
        lanes = self._lanes(command)
        return self._rows + 1 / lanes <= 1 + max(1.0, ahead / lanes) + _ROUNDING

    def _begun(self) -> int:
        """How many of those with the worker can have begun: open streams, and behind them a row if there is room."""
        flight = [job.command for job in self._flight.values()]
        open_streams = sum(1 for _ in takewhile(self.streams.__contains__, flight))
        if open_streams and open_streams >= self._lanes(flight[0]):
            return self._lanes(flight[0])
        row = flight[open_streams:]
        if not row:
            return open_streams
        return open_streams + sum(1 for _ in takewhile(row[0].__eq__, row[: self._lanes(row[0])]))

    def _live_room(self) -> int:
        return 2 if self.model_ms < _QUICK_MS else 1


def _busy(why: str) -> Busy:
    return Busy(why, hint="wait for some of them to end, or send live inputs, which never queue")
