"""Keeps the worker of a session at work: starts it, and starts it again when it crashes."""

import asyncio
import logging
from collections.abc import Awaitable
from typing import Any, Protocol, TypeVar

import msgspec

from bridge import limits
from bridge.errors import BridgeError, ModelBroken, ModelStopped
from bridge.session.backend import Backend, Exit, Launch, Listener
from bridge.session.messages import Start

_FIRST_PAUSE_S = 0.1  # before the first restart; doubled each time
_LONGEST_PAUSE_S = 5.0
_WAS_STOPPED = "was stopped"
_log = logging.getLogger(__name__)
T = TypeVar("T")


class Tended(Listener, Protocol):
    """The session whose worker it is."""

    name: str

    @property
    def stage(self) -> str:
        """What the worker said last that it does while it starts."""

    def clock(self) -> float: ...

    def starts_anew(self) -> None:
        """A worker is about to be started."""

    def restarts(self) -> None:
        """It crashed, and is about to be started again."""

    def at_work(self) -> None:
        """The worker was ready before it was known here; messages for it can be posted from now on."""

    def failed(self, error: BridgeError) -> None:
        """There will be no other worker, and this is why."""


class Life:
    """Of a session: one worker after the other, until it is ended or they crash too often."""

    def __init__(self, start: Start, launch: Launch, tended: Tended, seconds: float, stopped: bool) -> None:
        self.backend: Backend | None = None
        self._start = start
        self._launch = launch
        self._tended = tended
        self._seconds = seconds  # that a start may say nothing
        self._task: asyncio.Task[None] | None = None
        self._may_run = asyncio.Event()
        if not stopped:
            self._may_run.set()
        self._lost: asyncio.Future[Exit] | None = None  # of the worker of now
        self._refused: BridgeError | None = None
        self._crashes = 0  # in a row: no run finished between, nor was it ready for long
        self._ready_since: float | None = None
        self._was_ready = False  # ever
        self._patience: asyncio.TimerHandle | None = None

    # --- what the session does with it -----------------------------------------------------------

    def begin(self) -> None:
        """Go through it, in a task of its own."""
        self._task = asyncio.create_task(self._live(), name=f"session {self._tended.name}")

    def end(self) -> None:
        """End it, without waiting until the worker is gone. Once: a second cancel would interrupt its closing."""
        if self._task is not None:
            self._task.cancel()

    async def over(self) -> None:
        """Until nothing is left of it."""
        if self._task is not None:
            await asyncio.wait([self._task])

    def pause(self) -> None:
        """End the worker; there is no other before go_on()."""
        self._may_run.clear()
        self._part(Exit(_WAS_STOPPED))

    def go_on(self, options: dict[str, Any] | None) -> None:
        """Start a worker after pause(), with other options if some are given."""
        if options is not None:
            self._start = msgspec.structs.replace(self._start, options=options)
        self._crashes = 0
        self._may_run.set()

    # --- what the worker says, as far as it matters here -----------------------------------------

    def said_something(self) -> None:
        """It is still starting, but alive."""
        if self._patience is not None:
            self._wait_for_word()

    def refuses(self, error: BridgeError) -> None:
        """It can't load its model, and is about to end."""
        self._refused = error

    def became_ready(self) -> bool:
        """False: too late, it was given up."""
        if self._parted:
            return False
        self._stop_waiting()
        self._ready_since = self._tended.clock()
        self._was_ready = True
        return True

    def finished_a_run(self) -> None:
        """So its crashes are no longer in a row."""
        self._crashes = 0

    def lost(self) -> bool:
        """Its process has ended. False: it was given up before, and who waited for it has been told."""
        self.backend = None
        if self._parted:
            return False
        if self._ready_since is not None and self._tended.clock() - self._ready_since >= limits.STEADY_SECONDS:
            self._crashes = 0
        return True

    @property
    def refusal_is_final(self) -> bool:
        """It was refused, and never ready: one that was ready once may be again."""
        return self._refused is not None and not self._was_ready

    def mourned(self, end: Exit) -> None:
        """All who waited for the lost worker know of it, so there may be another."""
        self._part(end)

    # --- the course of it ------------------------------------------------------------------------

    @property
    def _is_ready(self) -> bool:
        return self._ready_since is not None

    @property
    def _parted(self) -> bool:
        return self._lost is not None and self._lost.done()

    def _part(self, end: Exit) -> None:
        if self._lost is not None and not self._lost.done():
            self._lost.set_result(end)

    async def _live(self) -> None:
        try:
            while (fatal := await self._next_end()) is None:
                pass
        except Exception as error:  # a mistake of ours: told, or everybody would wait for ever
            name = self._tended.name
            _log.exception("the session %s could not go on", name)
            fatal = ModelStopped(f"{name} could not go on: {type(error).__name__}: {error}", hint="see the log")
        self._tended.failed(fatal)

    async def _next_end(self) -> BridgeError | None:
        """One worker, and the pause after it if it crashed. Given back: why there may be no other."""
        await self._may_run.wait()
        end = await self._end_of_one()
        if end.reason == _WAS_STOPPED:
            return None
        fatal = self._fatal(end)
        if fatal is None:
            pause = min(_FIRST_PAUSE_S * 2**self._crashes, _LONGEST_PAUSE_S)
            self._crashes += 1
            self._tended.restarts()
            await asyncio.sleep(pause)
        return fatal

    async def _end_of_one(self) -> Exit:
        try:
            return await self._one()
        except OSError as error:  # no memory, no process left, no Python where one was
            return Exit(f"could not be started: {error}")

    def _fatal(self, end: Exit) -> BridgeError | None:
        if self.refusal_is_final:
            return self._refused
        return self._too_many_crashes(end) if self._crashes >= limits.RESTARTS else None

    async def _one(self) -> Exit:
        self._lost = asyncio.get_running_loop().create_future()
        self._refused = None
        self._ready_since = None
        self._tended.starts_anew()
        backend = await self._launched()
        try:
            self.backend = backend
            if self._is_ready:  # it was so quick that it said so before we knew it
                self._tended.at_work()
            else:
                self._wait_for_word()
            return await self._lost
        finally:
            self.backend = None
            self._stop_waiting()
            await _to_its_end(backend.close())

    async def _launched(self) -> Backend:
        """A started backend; one that was starting when we are cancelled is closed, not lost."""
        launching = asyncio.ensure_future(self._launch(self._start, self._tended))
        try:
            return await _to_its_end(launching)
        except asyncio.CancelledError:
            if launching.done() and not launching.cancelled() and launching.exception() is None:
                await _to_its_end(launching.result().close())
            raise

    def _wait_for_word(self) -> None:
        """A start that says nothing for too long is given up."""
        self._stop_waiting()
        self._patience = asyncio.get_running_loop().call_later(self._seconds, self._no_word)

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _no_word(self) -> None:
        self._refused = ModelBroken(
            f"{self._tended.name} said nothing for {self._seconds:.0f} s while {self._tended.stage}",
            hint="a model that loads for long should call self.progress(stage, fraction) now and then",
        )
        self._part(Exit("did not start"))

    def _too_many_crashes(self, end: Exit) -> BridgeError:
        last = "\n".join(end.log[-10:])
        why = f"it could not be loaded: {self._refused.message}" if self._refused else f"its process {end.reason}"
        return ModelStopped(
            f"{self._tended.name} crashed {self._crashes + 1} times in a row and was not started again; "
            f"the last time {why}",
            hint=f"the last it said:\n{last}" if last else "it printed nothing; close it and open it again to retry",
        )


async def _to_its_end(work: Awaitable[T]) -> T:
    """Its result. Who is cancelled meanwhile waits all the same, and is cancelled then: nothing is left half done."""
    doing = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(doing)
    except asyncio.CancelledError:
        await asyncio.wait([doing])
        raise
