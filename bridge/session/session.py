"""One running model with a name. Everything that wants something of it goes through here."""

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Literal, Self, TypeVar

import msgspec

from bridge import limits
from bridge.errors import (
    BridgeError,
    Busy,
    Cancelled,
    InputError,
    ModelBroken,
    ModelCrashed,
    ModelError,
    ModelStopped,
    NoOutputYet,
    UnknownPort,
    from_info,
)
from bridge.manifest import Manifest
from bridge.ports import AnyPort, Blob, Encoding, to_json
from bridge.session.backend import Backend, Exit, Launch
from bridge.session.fanout import Events, Fanout, Policy, Subscription
from bridge.session.guests import Guests, speaker
from bridge.session.mailbox import Job, Mailbox
from bridge.session.messages import (
    Cancel,
    Done,
    Dropped,
    Failed,
    FromWorker,
    Output,
    Peek,
    Peeked,
    Progress,
    Ready,
    Refusal,
    Start,
    Wants,
    Wish,
)
from bridge.session.outputs import Event, Frame
from bridge.session.run import RunHandle
from bridge.session.stats import Stats
from bridge.signature import Command, Signature

State = Literal["starting", "ready", "restarting", "stopped", "failed", "closed"]
_FIRST_PAUSE_S = 0.1  # before the first restart; doubled each time
_LONGEST_PAUSE_S = 5.0
_WAS_STOPPED = "was stopped"
_SHOWN = 200  # characters of a text, items of a list, in a message that is shown to people
_log = logging.getLogger(__name__)
T = TypeVar("T")


class Session:
    """A model in a process of its own, restarted when it crashes. Use as `async with Session(...)`."""

    def __init__(
        self,
        name: str,
        manifest: Manifest,
        start: Start,
        launch: Launch,
        *,
        model: str = "",
        events: Events | None = None,
        clock: Callable[[], float] = time.monotonic,
        queue: int = limits.RUNS_WAITING,
        start_seconds: float = limits.START_SECONDS,
        preset: Mapping[str, Any] | None = None,
        stopped: bool = False,
        inputs: Mapping[str, Any] | None = None,
    ) -> None:
        self.name = name
        self.model = model or name
        self.manifest = manifest
        self.workspace = ""  # the one it is shown in; empty: the first
        self.state: State = "stopped" if stopped else "starting"
        self.signature: Signature | None = None
        self.error: BridgeError | None = None
        self.progress = Progress("loading")
        self.notes: dict[str, Any] = {}
        self.events = events or Events()
        self.messages = Events()  # what comes and goes, told only while somebody wants to see it
        self.stats = Stats()
        self.guests = Guests(clock)
        self.steered = False  # something live goes on, such as a walk: a run beside it does not show in its pictures
        self.clock = clock
        self.folder = start.folder
        self.options = start.options
        self.preset = preset or {}  # those of the options that come with the model, such as the file it loads
        self._start = start
        self._start_seconds = start_seconds
        self._launch = launch
        self._mailbox = Mailbox(bound=queue, current=dict(inputs or {}))
        self._fanout = Fanout(self._wishes_changed)
        self._backend: Backend | None = None
        self._life: asyncio.Task[None] | None = None
        self._may_run = asyncio.Event()  # not set while it is stopped
        if not stopped:
            self._may_run.set()
        self._lost: asyncio.Future[Exit] | None = None
        self._refused: BridgeError | None = None
        self._crashes = 0  # in a row: no run finished between, nor was it ready for long
        self._ready_since: float | None = None
        self._runs = 0
        self._listening: list[Callable[[Mapping[str, Any], object], None]] = []
        self._looked_at = -math.inf
        self._newest_shown = 0  # of the live runs
        self._last: tuple[int, int, float] | None = None  # run, sequence, time in of the newest output
        self._peeks: dict[int, asyncio.Future[Any]] = {}
        self._asked: dict[Wish, asyncio.Future[Any]] = {}  # those of them that a further reader may wait for as well
        self._moved: asyncio.Future[None] | None = None  # resolved when state or mailbox move on
        self._outputs: dict[str, AnyPort] = {}
        self._live_command = ""
        self._default_wishes: dict[str, tuple[dict[str, Encoding], tuple[Wish, ...]]] = {}
        self._patience: asyncio.TimerHandle | None = None

    # --- its life --------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        self._life = asyncio.create_task(self._live(), name=f"session {self.name}")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def started(self) -> None:
        """Until the model takes inputs for the first time; raises why it can't."""
        while self.signature is None or self.state == "starting":
            self._raise_unless_on()
            await self.movement()
        self._raise_if_over()

    def stop(self) -> None:
        """End its process; its name, its live inputs and who follows it stay. Idempotent."""
        self._raise_if_over()
        if self.state == "stopped":
            return
        self._may_run.clear()
        self._set_state("stopped")
        self._give_up(_stopped(self.name))
        self._last = None
        if self._lost is not None and not self._lost.done():
            self._lost.set_result(Exit(_WAS_STOPPED))

    def start(self, options: dict[str, Any] | None = None) -> None:
        """Let it run again after stop(), with other options if some are given. Idempotent."""
        self._raise_if_over()
        if self.state != "stopped":
            return
        if options is not None:
            self.options = options
            self._start = msgspec.structs.replace(self._start, options=options)
        self._crashes = 0
        self._set_state("starting")
        self._may_run.set()

    def end(self) -> None:
        """End everything, without waiting until its process is gone; whoever waits is told. Idempotent."""
        if self.state == "closed":
            return
        self._set_state("closed")
        self._give_up(Cancelled(f"{self.name} was closed"))
        self._fanout.close(Cancelled(f"{self.name} was closed"))
        if self._life is not None:
            self._life.cancel()  # once: a second cancel would interrupt the closing of the worker

    async def close(self) -> None:
        """End everything, and wait until its process is gone. Idempotent."""
        self.end()
        if self._life is not None:
            await asyncio.wait([self._life])

    async def _live(self) -> None:
        """Start the worker, and start it again when it crashes, until told to stop or it crashes too often."""
        try:
            while (fatal := await self._next_end()) is None:
                pass
        except Exception as error:  # a mistake of ours: told, or everybody would wait for ever
            _log.exception("the session %s could not go on", self.name)
            fatal = ModelStopped(f"{self.name} could not go on: {type(error).__name__}: {error}", hint="see the log")
        self._fail(fatal)

    async def _next_end(self) -> BridgeError | None:
        """One life, and the pause after it if it crashed. Given back: why there may be no other."""
        await self._may_run.wait()
        end = await self._end_of_life()
        if end.reason == _WAS_STOPPED:
            return None
        fatal = self._fatal(end)
        if fatal is None:
            pause = min(_FIRST_PAUSE_S * 2**self._crashes, _LONGEST_PAUSE_S)
            self._crashes += 1
            self.stats.restarts += 1
            await asyncio.sleep(pause)
        return fatal

    async def _end_of_life(self) -> Exit:
        try:
            return await self._one_life()
        except OSError as error:  # no memory, no process left, no Python where one was
            return Exit(f"could not be started: {error}")

    def _fatal(self, end: Exit) -> BridgeError | None:
        """Why it is not started again. A refusal is final only for a model that was never ready: others were once."""
        if self._refused is not None and self.signature is None:
            return self._refused
        return self._too_many_crashes(end) if self._crashes >= limits.RESTARTS else None

    async def _one_life(self) -> Exit:
        self._lost = asyncio.get_running_loop().create_future()
        self._refused = None
        self._ready_since = None
        self.progress = Progress("loading")
        backend = await self._launched()
        try:
            self._backend = backend
            if self.state == "ready":  # it was so quick that it said so before we knew it
                self._wishes_changed()
                self._pump()
            else:
                self._wait_for_word()
            return await self._lost
        finally:
            self._backend = None
            self._stop_waiting()
            await _to_its_end(backend.close())

    async def _launched(self) -> Backend:
        """A started backend; one that was starting when we are cancelled is closed, not lost."""
        launching = asyncio.ensure_future(self._launch(self._start, self))
        try:
            return await _to_its_end(launching)
        except asyncio.CancelledError:
            if launching.done() and not launching.cancelled() and launching.exception() is None:
                await _to_its_end(launching.result().close())
            raise

    def _wait_for_word(self) -> None:
        """A start that says nothing for too long is given up."""
        self._stop_waiting()
        self._patience = asyncio.get_running_loop().call_later(self._start_seconds, self._no_word)

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _no_word(self) -> None:
        self._refused = ModelBroken(
            f"{self.name} said nothing for {self._start_seconds:.0f} s while {self.progress.stage}",
            hint="a model that loads for long should call self.progress(stage, fraction) now and then",
        )
        if self._lost is not None and not self._lost.done():
            self._lost.set_result(Exit("did not start"))

    def _too_many_crashes(self, end: Exit) -> BridgeError:
        last = "\n".join(end.log[-10:])
        why = f"it could not be loaded: {self._refused.message}" if self._refused else f"its process {end.reason}"
        return ModelStopped(
            f"{self.name} crashed {self._crashes + 1} times in a row and was not started again; the last time {why}",
            hint=f"the last it said:\n{last}" if last else "it printed nothing; close it and open it again to retry",
        )

    def _fail(self, error: BridgeError) -> None:
        if self.state == "closed":
            return
        self.error = error
        self._set_state("failed")
        self._tell_error(error)
        self._give_up(error)
        self._fanout.close(error)  # nothing more will come, and a session opened in its place has other readers

    def _give_up(self, error: BridgeError) -> None:
        for job in self._mailbox.empty():
            self._end(job, error)
        self._give_up_peeks(error)

    def _give_up_peeks(self, error: BridgeError) -> None:
        for answer in self._peeks.values():
            if not answer.done():
                answer.set_exception(error)
        self._peeks.clear()

    def _set_state(self, state: State, **data: Any) -> None:
        self.state = state
        self._tell("state", state=state, **data)
        self._move()

    def _raise_unless_on(self) -> None:
        self._raise_if_over()
        if self.state == "stopped":
            raise _stopped(self.name)

    def _raise_if_over(self) -> None:
        if self.state == "failed":
            assert self.error is not None
            raise self.error
        if self.state == "closed":
            raise Cancelled(f"{self.name} was closed")

    # --- the verbs -------------------------------------------------------------------------------

    def describe(self) -> dict[str, Any]:
        """All there is to know, as JSON."""
        now = self.clock()
        return {
            "name": self.name,
            "model": self.model,
            "state": self.state,
            "workspace": self.workspace,
            "title": self.manifest.title,
            "kind": self.manifest.kind,
            "place": self._backend.place if self._backend else "",
            "progress": {
                "stage": self.progress.stage,
                "fraction": self.progress.fraction,
                "text": self.progress.text,
            },
            "error": _info(self.error),
            "options": {name: to_json(value) for name, value in self.options.items() if name not in self.preset},
            "inputs": self.inputs(),
            "notes": self.notes,
            **_described(self.signature),
            "guests": self.guests.described(),
            "stats": {
                **self.stats.describe(now),
                "memory": self._backend.memory if self._backend else 0,
                "drops": self._fanout.drops,
                "waiting": self._mailbox.waiting,
                "under_way": self._mailbox.under_way,
                "readers": self._fanout.readers,
            },
        }

    def inputs(self) -> dict[str, Any]:
        """The live inputs as they stand; large ones only by name of their format."""
        return {name: _brief(value) for name, value in self._mailbox.current.items()}

    def snapshot(self) -> Mapping[str, Any]:
        """The live inputs themselves, as they cross to the worker. Never changed: a send makes a new one."""
        return self._mailbox.current

    def send(self, inputs: Mapping[str, Any], by: object = None) -> None:
        """Offer live inputs: they join the current ones, and the model gets the newest when it is free."""
        signature = self._known()
        parsed = self._parsed(signature.default, inputs, live=True)
        parsed |= signature.let_go(signature.default, parsed, self._mailbox.current)
        if by is None:
            self.heard("send", parsed)
        self._mailbox.offer(parsed, self.clock())
        for heard in tuple(self._listening):
            heard(parsed, by)
        if signature.default.streams:
            for job in self._mailbox.live_under_way():
                if job.gave:  # one that gave nothing yet goes on until it does: else a fast sender would see nothing
                    self._post_cancel(job)
        self._pump()

    def run(
        self,
        inputs: Mapping[str, Any],
        command: str | None = None,
        wishes: Mapping[str, Encoding] | None = None,
        quiet: bool = False,
    ) -> RunHandle:
        """Ask for one run and follow it. Refused at once when the inputs are wrong or too many runs wait.

        Subscribers see its outputs, too, unless it is quiet, or the session is steered.
        """
        self._raise_unless_on()
        signature = self._known()
        called = signature.command(command)
        parsed = self._parsed(called, inputs)
        self.heard(called.name, parsed)
        encodings, pairs = self._wishes(called, wishes)
        self._runs += 1
        handle = RunHandle(self._runs, called, encodings, self.clock(), self.cancel)
        quiet = quiet or self.steered
        self._mailbox.put(Job(handle.number, called.name, parsed, handle.time_in, pairs, quiet=quiet, owner=handle))
        self._pump()
        return handle

    def subscribe(
        self,
        port: str,
        policy: Policy = "newest",
        encoding: Encoding | None = None,
        wake: Callable[[], None] | None = None,
    ) -> Subscription:
        """Follow everything a port gives out. `wake` is called when something is there to be taken."""
        wish = (port, self._output(port).encoding(encoding, port))
        subscription = self._fanout.add(wish, policy, wake, self._guest_follows())
        if policy == "newest" and self._fanout.newest(wish) is None:
            self._show_last(wish, subscription)
        return subscription

    def heard(self, verb: str, values: Mapping[str, Any]) -> None:
        """Somebody from outside said this to it."""
        guest = speaker()
        if guest is not None:
            self.guests.spoke(guest)
        if self.messages.listeners:
            wire, address = guest or ("", "")
            said = {"direction": "in", "wire": wire, "address": address, "verb": verb, "values": _briefly(values)}
            self.messages.publish(Event("message", self.name, said))

    def overhear(self, heard: Callable[[Mapping[str, Any], object], None]) -> Callable[[], None]:
        """Call this with all live inputs that come, and with who sent them. What is given back ends it."""
        self._listening.append(heard)
        return lambda: self._listening.remove(heard) if heard in self._listening else None

    @property
    def watched(self) -> bool:
        """Does anybody look at what it gives out, or did until a moment ago?"""
        return self._fanout.readers > 0 or self.clock() - self._looked_at < limits.LOOK_SECONDS

    async def ready(self) -> None:
        """Until the model can take the next live input at once."""
        while self.state != "ready" or not self._mailbox.takes_live:
            self._raise_if_over()
            await self.movement()

    async def last(self, port: str, encoding: Encoding | None = None) -> Frame:
        """The last output of a port, encoded once more if need be."""
        wish = (port, self._output(port).encoding(encoding, port))
        self._looked_at = self.clock()
        self._move()
        newest = self._fanout.newest(wish)
        return newest if newest is not None else await self._peek(wish)

    def cancel(self, run: int) -> None:
        """End one run, waiting or under way; harmless when it has ended."""
        job = self._mailbox.withdraw(run)
        if job is not None:
            self._end(job, Cancelled(f"run {run} was cancelled"))
        elif (job := self._mailbox.working_on(run)) is not None:
            job.cancelled = True
            self._post_cancel(job)
            self._tell_owner(job, Cancelled(f"run {run} was cancelled"))

    def _guest_follows(self) -> Callable[[], None] | None:
        """Count who asks as a follower; what is given back ends that."""
        guest = speaker()
        if guest is None:
            return None
        self.guests.follows(guest, 1)
        return partial(self.guests.follows, guest, -1)

    def cancel_live(self) -> None:
        """End what the model makes of the live inputs now; harmless when it makes nothing."""
        for job in self._mailbox.live_under_way():
            self.cancel(job.run)

    def _parsed(self, command: Command, inputs: Mapping[str, Any], *, live: bool = False) -> dict[str, Any]:
        try:
            return self._known().parse(command, inputs, partial=live)
        except InputError as error:
            raise error.about(self.name) from None

    def _known(self) -> Signature:
        self._raise_if_over()
        if self.signature is None:
            self._raise_unless_on()
            raise ModelError(
                f"{self.name} is still {self.progress.stage}",
                hint="wait until its state is ready: GET /api/sessions/" + self.name,
            )
        return self.signature

    def _output(self, port: str) -> AnyPort:
        self._known()
        if port not in self._outputs:
            raise UnknownPort(
                f"{self.name} has no output named {port}", hint=f"it gives out {', '.join(self._outputs)}", field=port
            )
        return self._outputs[port]

    def _wishes(
        self, command: Command, wanted: Mapping[str, Encoding] | None
    ) -> tuple[dict[str, Encoding], tuple[Wish, ...]]:
        """Each output's encoding for one run, complete; the usual case is worked out once."""
        if not wanted and command.name in self._default_wishes:
            return self._default_wishes[command.name]
        for port in wanted or {}:
            if port not in command.outputs:
                raise UnknownPort(
                    f"{command.name} of {self.name} has no output named {port}",
                    hint=f"it gives out {', '.join(command.outputs)}",
                    field=port,
                )
        encodings = {name: port.encoding((wanted or {}).get(name), name) for name, port in command.outputs.items()}
        complete = (encodings, tuple(encodings.items()))
        if not wanted:
            self._default_wishes[command.name] = complete
        return complete

    # --- between mailbox and worker --------------------------------------------------------------

    def _pump(self) -> None:
        """Hand over what the worker can take now."""
        if self.state != "ready" or self._backend is None:
            return
        while (job := self._mailbox.take(self._runs + 1, self._live_command)) is not None:
            if job.live:
                self._runs += 1
            self._backend.post(job.message())

    def _post_cancel(self, job: Job) -> None:
        """Once: a model that hangs reads none of them, and each would wait for it."""
        if self._backend is not None and not job.cancel_sent:
            job.cancel_sent = True
            self._backend.post(Cancel(job.run))

    def _wishes_changed(self) -> None:
        self._move()
        self._asked.clear()  # what is asked for from now on may be newer than what was asked for before
        if self._backend is not None and self.state == "ready":
            self._backend.post(Wants(self._fanout.wishes))

    def _end(self, job: Job, error: BridgeError | None) -> None:
        self.stats.runs += 1
        if job.cancelled or isinstance(error, Cancelled):
            self.stats.cancelled += 1
        elif error is not None:
            self.stats.failed += 1
        self._tell_owner(job, error)

    def _tell_owner(self, job: Job, error: BridgeError | None) -> None:
        if job.owner is not None:
            job.owner.end(error)
        elif error is not None and not isinstance(error, Cancelled):
            self._tell_error(error)

    # --- what the worker says (Listener) ---------------------------------------------------------

    def received(self, message: FromWorker) -> None:
        if self.state not in ("closed", "stopped"):
            self._heed(message)

    def _heed(self, message: FromWorker) -> None:
        match message:
            case Output():
                self._gave(message)
            case Done(run):
                self._finished(run, None)
            case Failed(run, info):
                self._finished(run, from_info(info))
            case Dropped(run):
                self._finished(run, Cancelled(f"run {run} was cancelled"))
            case Peeked():
                self._peeked(message)
            case Progress():
                self.progress = message
                if self._patience is not None:
                    self._wait_for_word()
                self._tell("progress", stage=message.stage, fraction=message.fraction, text=message.text)
            case Ready(signature, notes):
                self._became_ready(signature, notes)
            case Refusal(info):
                self._refused = from_info(info)

    def log_line(self, line: str) -> None:
        self._tell("log", line=line)

    def lost(self, end: Exit) -> None:
        """The worker is gone: what it worked on has failed, what waited goes on waiting."""
        self._backend = None
        if self._lost is not None and self._lost.done():
            return  # we gave this worker up, and who waited for it has been told
        if self._ready_since is not None and self.clock() - self._ready_since >= limits.STEADY_SECONDS:
            self._crashes = 0
        if self.state != "closed" and (self._refused is None or self.signature is not None):
            self._set_state("restarting", reason=end.reason, log=list(end.log[-5:]))
        for job in self._mailbox.worker_died():
            last = f"; the last it said: {end.log[-1]}" if end.log else ""
            error = ModelCrashed(
                f"the process of {self.name} {end.reason} while it worked on this run{last}",
                hint="it is being started again; runs that wait are kept",
            )
            self._end(job, error)
        self._give_up_peeks(NoOutputYet(f"{self.name} was started again and has not given anything out yet"))
        self._last = None
        if self._lost is not None and not self._lost.done():
            self._lost.set_result(end)

    def _became_ready(self, signature: Signature, notes: dict[str, Any]) -> None:
        if self._lost is not None and self._lost.done():
            return  # too late: we gave this worker up
        self._stop_waiting()
        self._ready_since = self.clock()
        self.signature = signature
        self.notes = notes
        self._outputs = signature.outputs
        self._live_command = signature.default.name
        self._default_wishes.clear()
        self._mailbox.lanes = max(signature.batch, signature.concurrency)
        self._fill_in_defaults(signature.default)
        self._set_state("ready")
        self._wishes_changed()
        self._pump()

    def _fill_in_defaults(self, command: Command) -> None:
        """Live inputs start from the defaults; what has none must be sent before the first live run."""
        inputs = command.inputs
        self._mailbox.required = frozenset(name for name, port in inputs.items() if port.required)
        defaults = {
            name: None if port.default is None else port.parse(port.default, name)
            for name, port in inputs.items()
            if not port.required
        }
        kept = {name: value for name, value in self._mailbox.current.items() if name in inputs}
        self._mailbox.current = {**defaults, **kept}  # an input may be gone: its code can change before a restart

    def _gave(self, output: Output) -> None:
        job = self._mailbox.working_on(output.run)
        if job is None:
            return
        job.gave = True
        now = self.clock()
        if not job.quiet:
            self._last = (output.run, output.sequence, job.time_in)
        self.stats.output(now, (now - job.time_in) * 1000, output.model_ms, output.encode_ms)
        self._mailbox.model_ms = self.stats.model_ms + self.stats.encode_ms
        if self._fanout.readers and not job.quiet and not self._stale(job):
            self._publish(output, job)
        if self.messages.listeners:
            self._show_given(output)
        for flaw in output.unencoded:
            self._fanout.fail((flaw.port, flaw.encoding), from_info(flaw.error))
        if job.owner is not None:
            job.owner.gave(output)
        if output.last:
            self._finished(output.run, None)
        elif job.live:
            self._end_what_is_overtaken(job)

    def _show_given(self, output: Output) -> None:
        values = {port: encodings[0][1] for port, encodings in output.values.items() if encodings}
        said = {"direction": "out", "run": output.run, "sequence": output.sequence, "values": _briefly(values)}
        self.messages.publish(Event("message", self.name, said))

    def _stale(self, job: Job) -> bool:
        """Has a newer live run shown something already? Then the rest of this one would only confuse."""
        if not job.live:
            return False
        self._newest_shown = max(self._newest_shown, job.run)
        return job.run < self._newest_shown

    def _end_what_is_overtaken(self, job: Job) -> None:
        """Of live streams only the newest goes on. One that gave nothing yet may: a newer one ends it when it does."""
        newest = max(other.run for other in self._mailbox.live_under_way())
        for other in self._mailbox.live_under_way():
            if other.run < job.run or (other is job and (self._mailbox.live_waits or job.run < newest)):
                self._post_cancel(other)

    def _publish(self, output: Output, job: Job) -> None:
        for port, encodings in output.values.items():
            for encoding, value in encodings:
                self._fanout.publish(
                    Frame(
                        self.name,
                        port,
                        output.run,
                        output.sequence,
                        encoding,
                        value,
                        job.time_in,
                        output.model_ms,
                        output.encode_ms,
                        job.live,
                        output.last,
                    )
                )

    def _finished(self, run: int, error: BridgeError | None) -> None:
        job = self._mailbox.ended(run)
        if job is None:
            return
        self._crashes = 0
        self._end(job, error)
        self._pump()
        self._move()

    # --- the last output -------------------------------------------------------------------------

    async def _peek(self, wish: Wish) -> Frame:
        if self._last is None or self._backend is None:
            raise NoOutputYet(
                f"{self.name} has not given anything out yet", hint="run it, or send live inputs first", field=wish[0]
            )
        answer = self._asked_for(wish, self._backend)
        if answer is None:
            raise Busy(
                f"{limits.PEEKS_WAITING} last outputs of {self.name} are being asked for already",
                hint="wait for some of them, or subscribe",
                field=wish[0],
            )
        return self._shown(wish, await asyncio.shield(answer))  # others may wait for the same one

    def _peeked(self, message: Peeked) -> None:
        answer = self._peeks.pop(message.request, None)
        if answer is None or answer.done():
            return
        if message.error is not None:
            answer.set_exception(from_info(message.error))
        else:
            answer.set_result(message.value)

    def _show_last(self, wish: Wish, subscription: Subscription) -> None:
        """Let a new reader see at once what the model gave out last, unless something newer comes first.

        Asked also before there is any: what is just being given out may have been encoded without this reader.
        """
        if self._backend is None or self.state != "ready":
            return

        def show(answer: asyncio.Future[Any]) -> None:
            if answer.exception() is None and self._fanout.newest(wish) is None:
                subscription.offer(self._shown(wish, answer.result()))

        answer = self._asked_for(wish, self._backend)
        if answer is not None:
            answer.add_done_callback(show)

    def _asked_for(self, wish: Wish, backend: Backend) -> asyncio.Future[Any] | None:
        """What the worker gave out last of a port, once it says so. Asked once for all who want to know it now.

        None when too much is being asked for: a worker that hangs reads nothing of it.
        """
        asked = self._asked.get(wish)
        if asked is not None and not asked.done():
            return asked
        if len(self._peeks) >= limits.PEEKS_WAITING:
            return None
        self._runs += 1
        answer = self._peeks[self._runs] = self._asked[wish] = asyncio.get_running_loop().create_future()
        answer.add_done_callback(partial(self._heard_of, wish))
        backend.post(Peek(self._runs, *wish))
        return answer

    def _heard_of(self, wish: Wish, answer: asyncio.Future[Any]) -> None:
        if self._asked.get(wish) is answer:
            del self._asked[wish]
        answer.exception()  # who asked may be gone by now: an error that nobody hears is no mistake of ours

    def _shown(self, wish: Wish, value: Any) -> Frame:
        """The last output as a frame. Messages keep their order, so what we know of it is of the same output."""
        run, sequence, time_in = self._last or (0, 0, self.clock())
        return Frame(self.name, wish[0], run, sequence, wish[1], value, time_in, 0.0, 0.0, False, True)

    # --- telling and waiting ---------------------------------------------------------------------

    def _tell(self, kind: str, **data: Any) -> None:
        self.events.publish(Event(kind, self.name, data))

    def _tell_error(self, error: BridgeError) -> None:
        self._tell("error", **(_info(error) or {}))

    def _move(self) -> None:
        if self._moved is not None and not self._moved.done():
            self._moved.set_result(None)

    async def movement(self) -> None:
        """Until something changes: its state, what waits for it, who looks at it."""
        if self._moved is None or self._moved.done():
            self._moved = asyncio.get_running_loop().create_future()
        await asyncio.shield(self._moved)


def _stopped(name: str) -> ModelStopped:
    return ModelStopped(f"{name} was stopped", hint=f"start it again: POST /api/sessions/{name}/start")


def _info(error: BridgeError | None) -> dict[str, str] | None:
    if error is None:
        return None
    return {"code": error.code, "message": error.message, "hint": error.hint, "field": error.field}


def _described(signature: Signature | None) -> dict[str, Any]:
    if signature is None:
        return {"signature": None}
    return {"signature": msgspec.to_builtins(signature)}


def _briefly(values: Mapping[str, Any]) -> dict[str, Any]:
    """For people to look at: no bytes, and of long texts and lists the beginning."""
    return {name: _shortened(value) for name, value in values.items()}


def _shortened(value: Any) -> Any:
    if isinstance(value, (str, list)) and len(value) > _SHOWN:
        return [*value[:_SHOWN], "…"] if isinstance(value, list) else value[:_SHOWN] + "…"
    return _brief(value)


def _brief(value: Any) -> Any:
    if isinstance(value, Blob):
        return {"format": value.format, "bytes": len(value.data), **value.meta}
    return value


async def _to_its_end(work: Awaitable[T]) -> T:
    """Its result. Who is cancelled meanwhile waits all the same, and is cancelled then: nothing is left half done."""
    doing = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(doing)
    except asyncio.CancelledError:
        await asyncio.wait([doing])
        raise
