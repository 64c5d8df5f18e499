"""One running model with a name. Everything that wants something of it goes through here."""

import asyncio
import math
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Literal, Self

import msgspec

from bridge import limits
from bridge.errors import (
    BridgeError,
    Busy,
    Cancelled,
    InputError,
    ModelCrashed,
    ModelError,
    NoOutputYet,
    UnknownPort,
    from_info,
)
from bridge.manifest import Manifest
from bridge.ports import AnyPort, Encoding, to_json
from bridge.session.backend import Exit, Launch
from bridge.session.fanout import Events, Fanout, Policy, Subscription
from bridge.session.guests import Guests, speaker
from bridge.session.life import Life
from bridge.session.mailbox import Job, Mailbox
from bridge.session.messages import (
    Cancel,
    Done,
    Dropped,
    Failed,
    FromWorker,
    Output,
    Peeked,
    Progress,
    Ready,
    Refusal,
    Start,
    Wants,
    Wish,
)
from bridge.session.outputs import Event, Frame
from bridge.session.peeks import Peeks
from bridge.session.run import RunHandle
from bridge.session.stats import Stats
from bridge.session.telling import brief, briefly, info, was_stopped
from bridge.signature import Command, Signature

State = Literal["starting", "ready", "restarting", "stopped", "failed", "closed"]


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
        self._life = Life(start, launch, self, start_seconds, stopped)
        self._mailbox = Mailbox(bound=queue, current=dict(inputs or {}))
        self._fanout = Fanout(self._wishes_changed)
        self._runs = 0
        self._listening: list[Callable[[Mapping[str, Any], object], None]] = []
        self._looked_at = -math.inf
        self._newest_shown = 0  # of the live runs
        self._last: tuple[int, int, float] | None = None  # run, sequence, time in of the newest output
        self._peeks = Peeks()
        self._moved: asyncio.Future[None] | None = None  # resolved when state or mailbox move on
        self._outputs: dict[str, AnyPort] = {}
        self._live_command = ""
        self._default_wishes: dict[str, tuple[dict[str, Encoding], tuple[Wish, ...]]] = {}

    # --- its life --------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        self._life.begin()
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
        self._set_state("stopped")
        self._give_up(was_stopped(self.name))
        self._last = None
        self._life.pause()

    def start(self, options: dict[str, Any] | None = None) -> None:
        """Let it run again after stop(), with other options if some are given. Idempotent."""
        self._raise_if_over()
        if self.state != "stopped":
            return
        if options is not None:
            self.options = options
        self._set_state("starting")
        self._life.go_on(options)

    def end(self) -> None:
        """End everything, without waiting until its process is gone; whoever waits is told. Idempotent."""
        if self.state == "closed":
            return
        self._set_state("closed")
        self._give_up(Cancelled(f"{self.name} was closed"))
        self._fanout.close(Cancelled(f"{self.name} was closed"))
        self._life.end()

    async def close(self) -> None:
        """End everything, and wait until its process is gone. Idempotent."""
        self.end()
        await self._life.over()

    # --- what its life says (Tended) -------------------------------------------------------------

    @property
    def stage(self) -> str:
        return self.progress.stage

    def starts_anew(self) -> None:
        self.progress = Progress("loading")

    def restarts(self) -> None:
        self.stats.restarts += 1

    def at_work(self) -> None:
        self._wishes_changed()
        self._pump()

    def failed(self, error: BridgeError) -> None:
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
        self._peeks.give_up(error)

    def _set_state(self, state: State, **data: Any) -> None:
        self.state = state
        self._tell("state", state=state, **data)
        self._move()

    def _raise_unless_on(self) -> None:
        self._raise_if_over()
        if self.state == "stopped":
            raise was_stopped(self.name)

    def _raise_if_over(self) -> None:
        if self.state == "failed":
            assert self.error is not None
            raise self.error
        if self.state == "closed":
            raise Cancelled(f"{self.name} was closed")

    # --- the verbs -------------------------------------------------------------------------------

    def describe(self) -> dict[str, Any]:
        """All there is to know, as JSON."""
        backend = self._life.backend
        return {
            "name": self.name,
            "model": self.model,
            "state": self.state,
            "workspace": self.workspace,
            "title": self.manifest.title,
            "kind": self.manifest.kind,
            "place": backend.place if backend else "",
            "progress": {
                "stage": self.progress.stage,
                "fraction": self.progress.fraction,
                "text": self.progress.text,
            },
            "error": info(self.error),
            "options": {name: to_json(value) for name, value in self.options.items() if name not in self.preset},
            "inputs": self.inputs(),
            "notes": self.notes,
            "signature": None if self.signature is None else msgspec.to_builtins(self.signature),
            "guests": self.guests.described(),
            "stats": {
                **self.stats.describe(self.clock()),
                "memory": backend.memory if backend else 0,
                "drops": self._fanout.drops,
                "waiting": self._mailbox.waiting,
                "under_way": self._mailbox.under_way,
                "readers": self._fanout.readers,
            },
        }

    def inputs(self) -> dict[str, Any]:
        """The live inputs as they stand; large ones only by name of their format."""
        return {name: brief(value) for name, value in self._mailbox.current.items()}

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
            said = {"direction": "in", "wire": wire, "address": address, "verb": verb, "values": briefly(values)}
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
        while self.state != "ready" or not self._mailbox.takes_live(self._live_command):
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
        backend = self._life.backend
        if self.state != "ready" or backend is None:
            return
        while (job := self._mailbox.take(self._runs + 1, self._live_command)) is not None:
            if job.live:
                self._runs += 1
            backend.post(job.message())

    def _post_cancel(self, job: Job) -> None:
        """Once: a model that hangs reads none of them, and each would wait for it."""
        if self._life.backend is not None and not job.cancel_sent:
            job.cancel_sent = True
            self._life.backend.post(Cancel(job.run))

    def _wishes_changed(self) -> None:
        self._move()
        self._peeks.ask_anew()
        if self._life.backend is not None and self.state == "ready":
            self._life.backend.post(Wants(self._fanout.wishes))

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
            case Failed(run, why):
                self._finished(run, from_info(why))
            case Dropped(run):
                self._finished(run, Cancelled(f"run {run} was cancelled"))
            case Peeked():
                self._peeks.heard(message)
            case Progress():
                self.progress = message
                self._life.said_something()
                self._tell("progress", stage=message.stage, fraction=message.fraction, text=message.text)
            case Ready(signature, notes):
                self._became_ready(signature, notes)
            case Refusal(why):
                self._life.refuses(from_info(why))

    def log_line(self, line: str) -> None:
        self._tell("log", line=line)

    def lost(self, end: Exit) -> None:
        """The worker is gone: what it worked on has failed, what waited goes on waiting."""
        if not self._life.lost():
            return
        if self.state != "closed" and not self._life.refusal_is_final:
            self._set_state("restarting", reason=end.reason, log=list(end.log[-5:]))
        for job in self._mailbox.worker_died():
            last = f"; the last it said: {end.log[-1]}" if end.log else ""
            error = ModelCrashed(
                f"the process of {self.name} {end.reason} while it worked on this run{last}",
                hint="it is being started again; runs that wait are kept",
            )
            self._end(job, error)
        self._peeks.give_up(NoOutputYet(f"{self.name} was started again and has not given anything out yet"))
        self._last = None
        self._life.mourned(end)

    def _became_ready(self, signature: Signature, notes: dict[str, Any]) -> None:
        if not self._life.became_ready():
            return
        self.signature = signature
        self.notes = notes
        self._outputs = signature.outputs
        self._live_command = signature.default.name
        self._default_wishes.clear()
        self._mailbox.lanes = signature.lanes
        self._mailbox.streams = frozenset(name for name, one in signature.commands.items() if one.streams)
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
        said = {"direction": "out", "run": output.run, "sequence": output.sequence, "values": briefly(values)}
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
        self._life.finished_a_run()
        self._end(job, error)
        self._pump()
        self._move()

    # --- the last output -------------------------------------------------------------------------

    async def _peek(self, wish: Wish) -> Frame:
        if self._last is None or self._life.backend is None:
            raise NoOutputYet(
                f"{self.name} has not given anything out yet", hint="run it, or send live inputs first", field=wish[0]
            )
        answer = self._peeks.ask(wish, self._life.backend)
        if answer is None:
            raise Busy(
                f"{limits.PEEKS_WAITING} last outputs of {self.name} are being asked for already",
                hint="wait for some of them, or subscribe",
                field=wish[0],
            )
        return self._shown(wish, await asyncio.shield(answer))  # others may wait for the same one

    def _show_last(self, wish: Wish, subscription: Subscription) -> None:
        """Let a new reader see at once what the model gave out last, unless something newer comes first.

        Asked also before there is any: what is just being given out may have been encoded without this reader.
        """
        if self._life.backend is None or self.state != "ready":
            return

        def show(answer: asyncio.Future[Any]) -> None:
            if answer.exception() is None and self._fanout.newest(wish) is None:
                subscription.offer(self._shown(wish, answer.result()))

        answer = self._peeks.ask(wish, self._life.backend)
        if answer is not None:
            answer.add_done_callback(show)

    def _shown(self, wish: Wish, value: Any) -> Frame:
        """The last output as a frame. Messages keep their order, so what we know of it is of the same output."""
        run, sequence, time_in = self._last or (0, 0, self.clock())
        return Frame(self.name, wish[0], run, sequence, wish[1], value, time_in, 0.0, 0.0, False, True)

    # --- telling and waiting ---------------------------------------------------------------------

    def _tell(self, kind: str, **data: Any) -> None:
        self.events.publish(Event(kind, self.name, data))

    def _tell_error(self, error: BridgeError) -> None:
        self._tell("error", **(info(error) or {}))

    def _move(self) -> None:
        if self._moved is not None and not self._moved.done():
            self._moved.set_result(None)

    async def movement(self) -> None:
        """Until something changes: its state, what waits for it, who looks at it."""
        if self._moved is None or self._moved.done():
            self._moved = asyncio.get_running_loop().create_future()
        await asyncio.shield(self._moved)
