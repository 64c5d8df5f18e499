"""A performance as JSON lines: what stood at the start, then every control with its time. Given again, it is the same.

    {"recording": 1, "model": "dream", "handles": {...}, "start": 0.0, "settings": {...}, "state": {...}}
    {"t": 1.25, "set": {"speed": 2}}
    {"t": 2.0, "verb": "seek", "keyframe": 3}
    {"t": 2.5, "inputs": {"noise": "random"}}
    {"t": 9.0, "end": true}

Times are those the walk was told, so they need not begin at 0. Settings are what people read; where the state stands
beside them, that counts. Live inputs that are bytes stand as {"blob": format, "data": base64, "meta": {...}}.
"""

import base64
import binascii
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from bridge import limits
from bridge.errors import BadMessage, BridgeError, InputError, TooLarge
from bridge.ports import Blob, Boolean, Number
from bridge.ports.words import came
from bridge.walks.handles import Handles
from bridge.walks.keys import Latent
from bridge.walks.paths import Vectors
from bridge.walks.performance import Performance
from bridge.walks.reading import Fields
from bridge.walks.saving import checked
from bridge.walks.settings import Settings
from bridge.walks.timeline import Walk

VERSION = 1

_TIME = Number(0, 1e9)
_FPS = Number(*limits.WALK_FPS)


class Control(msgspec.Struct, frozen=True):
    """One thing that happened: settings and verbs were set, or inputs were sent, or it ended."""

    t: float
    set: dict[str, Any] | None = None
    inputs: dict[str, Any] | None = None
    end: bool = False

    def applied(self, performance: Performance, vectors: Vectors) -> Performance:
        """The performance from there on. The vectors should hold what its walk needs at this time."""
        if self.inputs is not None:
            return performance.given(self.inputs, self.t, vectors)
        try:
            return performance if self.set is None else performance.told(self.set, self.t, vectors)
        except InputError as error:
            raise BadMessage(f"the recording, at {self.t:g} seconds: {error.message}", hint=error.hint) from None

    def line(self) -> str:
        """As it stands in a file, with its end of line."""
        if self.set is not None:
            return _json({"t": self.t, "set": self.set})
        if self.inputs is not None:
            return _json({"t": self.t, "inputs": {name: _outward(value) for name, value in self.inputs.items()}})
        return _json({"t": self.t, "end": True})


class Recording(msgspec.Struct, frozen=True):
    """What stood at the start, and all controls in order."""

    model: str
    performance: Performance
    start: float = 0.0
    controls: tuple[Control, ...] = ()

    @property
    def seconds(self) -> float:
        """Until the last control."""
        return self.controls[-1].t - self.start if self.controls else 0.0

    def lines(self) -> Iterator[str]:
        yield header(self.model, self.performance, self.start)
        yield from (control.line() for control in self.controls)


class Moment(msgspec.Struct, frozen=True):
    """One frame of a replay: its time, and how all stood then."""

    t: float
    performance: Performance

    def inputs(self, vectors: Vectors) -> dict[str, Any]:
        """What the model gets."""
        return self.performance.inputs(self.t, vectors)


def header(model: str, performance: Performance, t: float) -> str:
    """The first line of a recording that begins now."""
    sent = {name: _outward(value) for name, value in performance.sent.items()}
    walk = msgspec.structs.replace(performance.walk, latent=_told_later(performance.walk))
    said = {
        "recording": VERSION,
        "model": model,
        "handles": msgspec.structs.replace(performance.handles, latent=walk.latent),
        "start": t,
        "settings": walk.settings.plain(),
        "state": walk,
        "sent": sent,
        "held": performance.held,
    }
    return _json(said)


def read(lines: Iterable[str | bytes]) -> Recording:
    """The recording of these lines, or BadMessage with the number of the line that can't be one."""
    recording: Recording | None = None
    controls: list[Control] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            said = _decoded(line, number)
            if recording is None:
                recording = _begun(said)
            else:
                controls.append(_control(said, controls[-1].t if controls else recording.start))
        except BridgeError as error:
            raise BadMessage(f"line {number} of the recording: {error.message}", hint=error.hint) from None
    if recording is None:
        raise BadMessage("the recording is empty", hint="its first line says what was recorded")
    return msgspec.structs.replace(recording, controls=tuple(controls))


def steps(recording: Recording, fps: float, seconds: float | None = None) -> Iterator[Control | float]:
    """Everything in order: controls, and the times of frames. A control counts for the frame at its own time.

    Without a length it ends with the last control.
    """
    _FPS.parse(fps, "fps")
    length = recording.seconds if seconds is None else seconds
    waiting = list(reversed(recording.controls))
    for index in range(_frames(length, fps)):
        t = recording.start + index / fps
        while waiting and waiting[-1].t <= t:
            yield waiting.pop()
        yield t


def replay(recording: Recording, fps: float, vectors: Vectors, seconds: float | None = None) -> Iterator[Moment]:
    """Frame for frame, each time the same, for vectors that can all be computed.

    Whoever has to get some of them in between goes through steps instead.
    """
    performance = recording.performance
    for step in steps(recording, fps, seconds):
        if isinstance(step, Control):
            performance = step.applied(performance, vectors)
        else:
            yield Moment(step, performance)


def _frames(seconds: float, fps: float) -> int:
    """So many that they last as long; one for no time at all."""
    return max(1, round(seconds * fps))


def _decoded(line: str | bytes, number: int) -> Any:
    if number > limits.RECORDING_LINES:
        raise TooLarge(f"a recording may have up to {limits.RECORDING_LINES} lines", hint="cut it")
    if len(line) > limits.RECORDING_LINE_BYTES:
        raise TooLarge(f"a line may be up to {limits.RECORDING_LINE_BYTES} bytes; this has {len(line)}")
    try:
        return msgspec.json.decode(line)
    except (ValueError, RecursionError) as error:
        raise BadMessage(f"this is not JSON: {error}") from None


def _begun(said: Any) -> Recording:
    fields = Fields(said, "the first line", 'an object with "recording"')
    version = fields.take("recording", Number(1, step=1))
    if version != VERSION:
        raise BadMessage(f"it is of version {version}; this bridge reads version {VERSION}", hint="update the bridge")
    start = float(fields.take("start", _TIME, 0.0))
    handles = _converted(fields.raw("handles"), Handles, "handles")
    walk = _walk(fields.raw("state"), fields.raw("settings", {}), handles, start)
    sent = _inward_all(_object(fields.raw("sent", {}), "sent"))
    held = fields.take("held", Boolean(), False)
    model = fields.raw("model", "")
    fields.done()
    return Recording(str(model), Performance(handles, walk, held, sent), start)


def _walk(state: Any, settings: Any, handles: Handles, start: float) -> Walk:
    if state is None:
        return Walk.begun(handles.latent, Settings().changed(settings, handles.latent), start)
    walk = checked(state)
    if walk.latent.spaces != handles.latent.spaces or walk.latent.z != handles.latent.z:
        raise BadMessage("handles and state are of different models")
    return walk


def _told_later(walk: Walk) -> Latent:
    """What the model has to walk in, without a list of favourites, which may be others by then."""
    return msgspec.structs.replace(walk.latent, favourites=None)


def _converted(raw: Any, kind: Any, field: str) -> Any:
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        raise BadMessage(f"{field} can't be read: {error}") from None


def _control(said: Any, latest: float) -> Control:
    fields = Fields(said, "a control", "an object with t, and set, verb, inputs or end")
    t = float(fields.take("t", _TIME))
    if t < latest:
        raise BadMessage(
            f"t goes back, from {latest:g} to {t:g}", hint="controls stand in the order in which they came"
        )
    named = [name for name in ("set", "verb", "inputs", "end") if fields.has(name)]
    if len(named) != 1:
        raise BadMessage(f"it takes one of set, verb, inputs, end; {' and '.join(named) or 'none of them'} came")
    if named[0] == "verb":
        return Control(t, set={str(fields.raw("verb")): _rest(said, "t", "verb")})
    value = fields.raw(named[0])
    fields.done()
    if named[0] == "end":
        return Control(t, end=True)
    given = _object(value, named[0])
    return Control(t, set=given) if named[0] == "set" else Control(t, inputs=_inward_all(given))


def _object(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise BadMessage(f"{name} takes an object; {came(value)} came")
    return dict(value)


def _rest(said: Mapping[str, Any], *taken: str) -> dict[str, Any]:
    return {name: value for name, value in said.items() if name not in taken}


def _inward_all(inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _inward(value) for name, value in inputs.items()}


def _inward(value: Any) -> Any:
    if not isinstance(value, dict) or "blob" not in value or "data" not in value:
        return value
    try:
        return Blob(str(value["blob"]), base64.b64decode(value["data"], validate=True), dict(value.get("meta") or {}))
    except (binascii.Error, TypeError, ValueError):
        raise BadMessage("the data of a blob is not base64") from None


def _outward(value: Any) -> Any:
    if not isinstance(value, Blob):
        return value
    said = {"blob": value.format, "data": base64.b64encode(value.data).decode()}
    return {**said, "meta": value.meta} if value.meta else said


def _json(said: Any) -> str:
    return msgspec.json.encode(said).decode() + "\n"
