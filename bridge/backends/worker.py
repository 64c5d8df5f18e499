"""The child's side: loads one model, does its runs in order, interleaves its generators, encodes what is wanted.

One thread does everything. Between two steps of the model it looks at the pipe, so a cancel counts at the next yield.
"""

import gc
import signal
import sys
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import msgspec

from bridge import limits
from bridge.backends import channel, threads
from bridge.backends.giving import Giving
from bridge.backends.inputs import Inputs, columns, shapes
from bridge.errors import BridgeError, ErrorInfo, ModelBroken, ModelFailed, NoOutputYet, UnknownCommand
from bridge.model import Model, load_class, refined, report_to, signature_of
from bridge.ports import Encoding
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
    Run,
    Start,
    Stop,
    ToWorker,
    Unencoded,
    Wants,
    Wish,
)
from bridge.signature import Command, Signature, outputs_of, outputs_of_batch

_BRISK_S = 0.002  # streams of which all but one step in this time wait for each other, and leave together
_LONG_S = 0.002  # a run that takes longer is given out by a thread, while the model goes on with the next ...
_LONG_ENCODING_S = 0.0005  # ... if encoding takes so long: for less two threads only get in each other's way


class Source(Protocol):
    """Where messages come from."""

    closed: bool

    def take(self, wait: bool) -> list[ToWorker]: ...


class Sink(Protocol):
    """Where messages go."""

    def send(self, message: FromWorker) -> None: ...

    def hold(self) -> None: ...

    def release(self) -> None: ...


class _Stream:
    """A generator under way."""

    def __init__(self, run: Run, command: Command, steps: Iterator[Any], release: Callable[[], None]) -> None:
        self.run = run
        self.command = command
        self.steps = steps
        self._release = release
        self.sequence = 0

    def close(self) -> None:
        """Run the author's finally blocks, let go of the inputs."""
        with suppress(Exception):
            self.steps.close()  # type: ignore[attr-defined]
        self._release()


class Worker:
    """One loaded model at work."""

    def __init__(
        self,
        model: Model,
        signature: Signature,
        inbox: Source,
        outbox: Sink,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._clock = clock
        self._model = model
        self._signature = signature
        self._inbox = inbox
        self._outbox = outbox
        self._waiting: deque[Run] = deque()
        self._streams: list[_Stream] = []
        self._wants: tuple[Wish, ...] = ()
        self._last: dict[str, Any] = {}  # the last output of each port, as the model gave it
        self._stopped = False
        self._brisk = False
        self._giving = Giving()
        self._encoding_s = 0.0  # what it took last
        self._inputs = {name: Inputs(command) for name, command in signature.commands.items()}

    def serve(self) -> None:
        """Work until told to stop or the server is gone."""
        while not self._stopped:
            idle = not self._waiting and not self._streams
            self._listen(wait=idle)
            if self._inbox.closed:
                break
            self._begin()
            self._step()
        for stream in self._streams:
            stream.close()
        self._giving.close()

    def _say(self, message: FromWorker) -> None:
        """Send it behind what is just being given out."""
        self._giving.settle()
        self._outbox.send(message)

    def _listen(self, *, wait: bool) -> None:
        for message in self._inbox.take(wait):
            self._hear(message)

    def _hear(self, message: ToWorker) -> None:
        match message:
            case Run(command=command) if command not in self._signature.commands:  # its code changed since the crash
                self._failed(message, UnknownCommand(f"there is no command {command!r} any more", field="command"))
            case Run():
                self._waiting.append(message)
            case Cancel(run):
                self._cancel(run)
            case Wants(wishes):
                self._wants = wishes
            case Peek(request, port, encoding):
                self._peek(request, port, encoding)
            case Stop():
                self._stopped = True

    def _cancel(self, number: int) -> None:
        for stream in self._streams:
            if stream.run.run == number:
                self._streams.remove(stream)
                stream.close()
                self._say(Dropped(number))
                return
        for run in self._waiting:
            if run.run == number:
                self._waiting.remove(run)
                self._say(Dropped(number))
                return

    # --- runs ------------------------------------------------------------------------------------

    def _begin(self) -> None:
        """Begin what may begin, in the order it came: plain runs one (or one batch) at a time, streams side by side."""
        while self._waiting and len(self._streams) < self._signature.concurrency:
            command = self._signature.commands[self._waiting[0].command]
            if command.batch > 1:
                self._do_batch(command, self._next_batch(command.batch))
                return
            self._do(command, self._waiting.popleft())
            if not command.streams:
                return

    def _do(self, command: Command, run: Run) -> None:
        started = time.perf_counter()
        way, inputs = self._inputs[command.name], dict[str, Any]()
        try:
            inputs = way.load(run.inputs)
            result = getattr(self._model, command.name)(**inputs)
            if command.streams:
                self._streams.append(_Stream(run, command, iter(result), partial(way.release, inputs)))
                return
            outputs = outputs_of(result, command)
        except Exception as error:
            way.release(inputs)
            self._failed(run, error)
            return
        took = time.perf_counter() - started
        self._listen(wait=False)  # a reader who came during the run sees its output, too
        self._give(run, command, outputs, 0, took, last=True)
        way.release(inputs)

    def _step(self) -> None:
        """One step of every stream under way."""
        if self._brisk and self._streams:
            self._outbox.hold()
        took = [self._step_of(stream) for stream in tuple(self._streams)]
        self._outbox.release()
        self._brisk = len(took) > 1 and sum(took) - max(took) < _BRISK_S

    def _step_of(self, stream: _Stream) -> float:
        """One step of this stream; how long it took."""
        started = self._clock()
        try:
            result = next(stream.steps)
            outputs = outputs_of(result, stream.command)
        except StopIteration:
            self._streams.remove(stream)
            stream.close()
            self._say(Done(stream.run.run))
        except Exception as error:
            self._streams.remove(stream)
            stream.close()
            self._failed(stream.run, error)
        else:
            took = self._clock() - started
            if outputs and not self._give(stream.run, stream.command, outputs, stream.sequence, took, last=False):
                self._streams.remove(stream)
                stream.close()
            stream.sequence += bool(outputs)
        return self._clock() - started

    def _next_batch(self, most: int) -> list[Run]:
        """The longest row of waiting runs that fit together."""
        batch = [self._waiting.popleft()]
        while self._waiting and len(batch) < most and self._waiting[0].command == batch[0].command:
            batch.append(self._waiting.popleft())
        return batch

    def _do_batch(self, command: Command, runs: list[Run]) -> None:
        way = self._inputs[command.name]
        good: list[tuple[Run, dict[str, Any]]] = []
        for run in runs:
            try:
                good.append((run, way.load(run.inputs)))
            except Exception as error:
                self._failed(run, error)
        for group in _same_shapes(good):
            self._do_group(command, group)
        for _, inputs in good:
            way.release(inputs)

    def _do_group(self, command: Command, group: list[tuple[Run, dict[str, Any]]]) -> None:
        started = time.perf_counter()
        try:
            result = getattr(self._model, command.name)(**columns([inputs for _, inputs in group]))
            each = outputs_of_batch(result, command, len(group))
        except Exception as error:
            for run, _ in group:
                self._failed(run, error)
            return
        took = (time.perf_counter() - started) / len(group)
        for (run, _), outputs in zip(group, each, strict=True):
            self._give(run, command, outputs, 0, took, last=True)

    # --- outputs ---------------------------------------------------------------------------------

    def _give(
        self, run: Run, command: Command, outputs: dict[str, Any], sequence: int, took: float, *, last: bool
    ) -> bool:
        """Encode and send one step's outputs; False when they can't be given out as the run wants: it has failed."""
        pays = last and took >= _LONG_S and self._encoding_s >= _LONG_ENCODING_S
        own = _copied(outputs) if pays else None
        kept = outputs if own is None else own
        if not run.quiet:
            self._last.update(kept)
        given = partial(self._given, run, command, kept, self._wishes(run), sequence, took, last=last)
        if own is None:
            self._giving.settle()
            return given()
        self._giving.hand(given)
        return True

    def _given(
        self,
        run: Run,
        command: Command,
        outputs: dict[str, Any],
        wishes: Iterable[Wish],
        sequence: int,
        took: float,
        *,
        last: bool,
    ) -> bool:
        started = time.perf_counter()
        try:
            values, unencoded = _encoded(command, outputs, wishes)
        except Exception as error:
            self._outbox.send(Failed(run.run, _info(error)))
            return False
        own = next((flaw for flaw in unencoded if (flaw.port, flaw.encoding) in run.wishes), None)
        self._encoding_s = time.perf_counter() - started
        ended, encode_ms = last and own is None, self._encoding_s * 1000
        self._outbox.send(Output(run.run, sequence, values, ended, took * 1000, encode_ms, tuple(unencoded)))
        if own is not None:
            self._outbox.send(Failed(run.run, own.error))
        return own is None

    def _wishes(self, run: Run) -> Iterable[Wish]:
        return run.wishes if run.quiet or not self._wants else dict.fromkeys((*run.wishes, *self._wants))

    def _peek(self, request: int, port: str, encoding: Encoding) -> None:
        try:
            if port not in self._last:
                raise NoOutputYet(f"{port} has not been given out yet", field=port)
            value = self._signature.outputs[port].dump(self._last[port], encoding, port)
            self._say(Peeked(request, value))
        except Exception as error:
            self._say(Peeked(request, None, _info(error)))

    def _failed(self, run: Run, error: Exception) -> None:
        self._say(Failed(run.run, _info(error)))


def _encoded(
    command: Command, outputs: dict[str, Any], wishes: Iterable[Wish]
) -> tuple[dict[str, list[tuple[Encoding, Any]]], list[Unencoded]]:
    """Each output in every encoding that somebody wants, each made once; and the wishes that can't be met.

    Raises only when an output can't be given out at all, whoever wants it.
    """
    values: dict[str, list[tuple[Encoding, Any]]] = {}
    unencoded: list[Unencoded] = []
    for port, encoding in wishes:
        if port not in outputs:
            continue
        declared = command.outputs[port]
        try:
            dumped = declared.dump(outputs[port], encoding, port)
        except Exception as error:
            declared.dump(outputs[port], declared.encoding(None, port), port)
            unencoded.append(Unencoded(port, encoding, _not_as_wished(error, port, encoding)))
        else:
            values.setdefault(port, []).append((encoding, dumped))
    return values, unencoded


def _copied(outputs: dict[str, Any]) -> dict[str, Any] | None:
    """Arrays of our own, since the model may use its own again; None if there is something else among them."""
    if not all(type(value).__module__ == "numpy" and hasattr(value, "copy") for value in outputs.values()):
        return None
    return {name: value.copy() for name, value in outputs.items()}


def _same_shapes(
    loaded: list[tuple[Run, dict[str, Any]]],
) -> list[list[tuple[Run, dict[str, Any]]]]:
    """Rows of runs whose arrays can be stacked on each other."""
    if len(loaded) == 1:
        return [loaded]
    return [list(row) for _, row in groupby(loaded, lambda one: shapes(one[1]))]


def _info(error: Exception) -> ErrorInfo:
    """An error of ours as it is; one of the author's with the line it came from, its traceback in the log."""
    if isinstance(error, BridgeError):
        return error.info()
    traceback.print_exception(error)
    frame = _author_frame(error)
    where = f" ({Path(frame.filename).name}, line {frame.lineno})" if frame else ""
    said = str(error) or "no message"
    return ModelFailed(
        f"the model's code failed: {type(error).__name__}: {said}{where}", hint="the whole traceback is in its log"
    ).info()


def _not_as_wished(error: Exception, port: str, encoding: Encoding) -> ErrorInfo:
    if isinstance(error, BridgeError):
        return error.info()
    return ModelFailed(
        f"this {port} can't be given out as {encoding.format}: {error}", hint="ask for another format", field=port
    ).info()


def _author_frame(error: Exception) -> traceback.FrameSummary | None:
    frames = traceback.extract_tb(error.__traceback__)
    ours = str(Path(__file__).resolve().parent)
    others = [frame for frame in frames if not frame.filename.startswith(ours)]
    return others[-1] if others else None


# --- the process ---------------------------------------------------------------------------------


class Loaded(NamedTuple):
    """A model that is ready to work."""

    model: Model
    signature: Signature
    notes: dict[str, Any]
    inner: Signature | None = None  # what the worker goes by, where it differs from what is told of the model


Load = Callable[[Start, channel.Outbox], Loaded]


def _load(start: Start, outbox: channel.Outbox) -> Loaded:
    """The model of a folder, set up and warmed."""

    def report(stage: str, fraction: float, text: str) -> None:
        outbox.send(Progress(stage, fraction, text))

    report("loading", -1.0, "")
    cls = load_class(Path(start.folder))
    signature = signature_of(cls)
    options = {
        name: None if value is None else signature.options[name].load(value, name)
        for name, value in signature.parse_options(start.options).items()
    }
    model = cls()
    report_to(model, report)
    model.setup(**options)
    return Loaded(model, refined(signature, model), _warmed(model, report, start.threads))


def _warmed(model: Model, report: Any, count: int) -> dict[str, Any]:
    """What was found out while warming: how many threads do best, if nobody said how many."""
    warm = getattr(model, "warm", None)
    if warm is None:
        return {}
    report("warming", -1.0, "")
    set_threads = threads.setter()
    if set_threads is None:
        warm()
        return {}
    return {"threads": threads.choose(warm, set_threads, [count] if count else threads.candidates())}


def _started(inbox: Source) -> Start | None:
    """The first message."""
    while not inbox.closed:
        for message in inbox.take(wait=True):
            if isinstance(message, Start):
                return message
    return None


def work(load: Load = _load) -> int:
    """Serve one model over standard input and output until told to leave. `load` gives it, however it is found."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which then tells us
    read, write = channel.take_over_standard_pipes()
    channel.leave_with_parent(read, limits.STOP_SECONDS)
    inbox, outbox = channel.open_inbox(read), channel.Outbox(write)
    start = _started(inbox)
    if start is None:
        return 0
    try:
        loaded = load(start, outbox)
    except Exception as error:
        outbox.send(Refusal(_refusal(error, start.session)))
        return 0
    gc.freeze()  # what a library and a network are made of stays: looking through it all takes a fifth of a second
    outbox.send(Ready(loaded.signature, loaded.notes))
    Worker(loaded.model, loaded.inner or loaded.signature, inbox, outbox).serve()
    loaded.model.close()
    return 0


def _refusal(error: Exception, name: str) -> ErrorInfo:
    if isinstance(error, BridgeError):
        return error.info()
    traceback.print_exception(error)
    frame = _author_frame(error)
    where = f" ({Path(frame.filename).name}, line {frame.lineno})" if frame else ""
    return ModelBroken(
        f"{name} could not be set up: {type(error).__name__}: {error}{where}", hint="the whole traceback is in its log"
    ).info()


def _read(folder: str) -> Signature:
    return signature_of(load_class(Path(folder)))


def describe(where: str, read: Callable[[str], Signature] = _read) -> int:
    """Print what the model there takes and gives, or why that can't be told, as JSON."""
    _, write = channel.take_over_standard_pipes()
    answer: dict[str, Any]
    try:
        answer = {"signature": read(where)}
    except Exception as error:
        answer = {"error": _refusal(error, Path(where).name)}
    channel.Outbox(write).write(msgspec.json.encode(answer))
    return 0


if __name__ == "__main__":
    sys.exit(describe(sys.argv[2]) if sys.argv[1:2] == ["--describe"] else work())
