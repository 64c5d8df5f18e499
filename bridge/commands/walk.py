"""sketchbridge walk: a walk into a film, frame for frame, each time the same."""

import asyncio
import os
from collections import deque
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn

from bridge import limits
from bridge.backends.process import launch
from bridge.commands import show
from bridge.commands.models import catalog
from bridge.commands.run import part_of
from bridge.config import Settings
from bridge.errors import BridgeError, InputError, SettingError
from bridge.film import Film, film, kind_of
from bridge.hub import Hub
from bridge.ports import Blob, Encoding
from bridge.session.run import RunHandle
from bridge.session.session import Session
from bridge.transports.http_bodies import from_parts
from bridge.walks import kept
from bridge.walks.anchors import Vectors
from bridge.walks.handles import Handles, needed, picture_of
from bridge.walks.keys import Given
from bridge.walks.mapping import mapped
from bridge.walks.performance import Performance
from bridge.walks.recording import Control, Recording, read, steps
from bridge.walks.settings import Settings as Told
from bridge.walks.timeline import Walk
from bridge.workspace import favourites_in

_AHEAD = 4  # frames that the model is given at once, so that it never waits for us


class Wish(msgspec.Struct, frozen=True):
    """What was asked for."""

    model: str
    out: Path
    seconds: float | None = None
    fps: float = 30.0
    told: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    recording: Path | None = None


def walk(settings: Settings, wish: Wish) -> None:
    """Render it, and say how far it is."""
    _check(wish)
    asyncio.run(_walk(settings, wish))


def _check(wish: Wish) -> None:
    kind_of(wish.out)
    if not limits.WALK_FPS[0] <= wish.fps <= limits.WALK_FPS[1]:
        low, high = limits.WALK_FPS
        raise SettingError(f"--fps takes {low:g} to {high:g}; {wish.fps:g} came")
    if wish.seconds is not None and not 0 < wish.seconds <= limits.WALK_SECONDS:
        raise SettingError(f"--seconds takes a number above 0 up to {limits.WALK_SECONDS:g}; {wish.seconds:g} came")
    if wish.recording is not None and wish.told:
        raise SettingError("--set and --recording don't go together", hint="a recording knows what its walk was told")


async def _walk(settings: Settings, wish: Wish) -> None:
    show.note(f"waiting for {wish.model} ...")
    threads = os.cpu_count() or 1  # always the same, since the last bit of a picture depends on it
    async with Hub(catalog(settings), launch, start_seconds=settings.start_seconds, threads=threads) as hub:
        session = await hub.open(wish.model)
        await session.started()
        assert session.signature is not None
        handles = needed(session.signature, session.name)
        if wish.recording:
            recording = _recorded(wish.recording, session, handles)
        else:
            of_model = await asyncio.to_thread(_favourites, settings.state, session)
            recording = _begun(handles, wish.told, of_model)
        seconds = wish.seconds or (recording.seconds if recording.controls else 10.0)
        rendering = _Rendering(session, handles, recording, _inputs(session, wish.inputs))
        with film(wish.out, wish.fps) as out:
            await _shown(rendering, wish.fps, seconds, out)
    show.note(f"{wish.out}: {seconds:g} s, {wish.fps:g} frames a second")


async def _shown(rendering: "_Rendering", fps: float, seconds: float, out: Film) -> None:
    frames = max(1, round(seconds * fps))
    columns = (TextColumn("{task.completed} of {task.total} frames"), BarColumn(), TaskProgressColumn())
    with show.bars(*columns, TimeRemainingColumn()) as progress:
        bar = progress.add_task("frames", total=frames)
        async with aclosing(rendering.pictures(fps, seconds)) as pictures:
            async for picture in pictures:
                await asyncio.to_thread(out.add, picture)
                progress.advance(bar)


class _Rendering:
    """A recording, or a walk that nobody tells anything, played as quickly as the model can."""

    def __init__(self, session: Session, handles: Handles, recording: Recording, beside: Mapping[str, Any]) -> None:
        self._session = session
        self._beside = {**session.snapshot(), **beside}
        self._handles = handles
        self._recording = recording
        self._vectors = {space: Vectors(handles.latent, space) for space in handles.latent.spaces}
        self._port = _port(session)

    async def pictures(self, fps: float, seconds: float) -> AsyncGenerator[np.ndarray, None]:
        """Every frame as uint8 RGB."""
        under_way: deque[RunHandle] = deque()
        try:
            async for inputs in self._inputs(fps, seconds):
                under_way.append(self._session.run(inputs, None, {self._port: Encoding("raw")}))
                if len(under_way) >= _AHEAD:
                    yield await self._next(under_way)
            while under_way:
                yield await self._next(under_way)
        finally:
            for run in under_way:
                run.cancel()

    async def _inputs(self, fps: float, seconds: float) -> AsyncGenerator[dict[str, Any], None]:
        performance = self._recording.performance
        for step in steps(self._recording, fps, seconds):
            t = step.t if isinstance(step, Control) else step
            performance = performance.upto(t)
            vectors = await self._fetched(performance, t)
            if isinstance(step, Control):
                performance = step.applied(performance, vectors)
                if step.inputs and "label" in step.inputs and "w" in self._vectors:
                    self._vectors["w"] = Vectors(self._handles.latent, "w")
            else:
                inputs = {**self._beside, **performance.inputs(t, vectors)}
                yield {name: value for name, value in inputs.items() if value is not None}

    async def _fetched(self, performance: Performance, t: float) -> Vectors:
        vectors = self._vectors[performance.walk.settings.space]
        for key in vectors.missing(performance.walk.needs(t)):
            current = {**self._beside, **performance.sent}
            vectors.put(key, await mapped(self._session, self._handles, self._vectors["z"][key], current))
        return vectors

    async def _next(self, under_way: deque[RunHandle]) -> np.ndarray:
        picture = (await under_way[0].result()).outputs[self._port]
        under_way.popleft()
        assert isinstance(picture, Blob)
        shape = (picture.meta["height"], picture.meta["width"], picture.meta["channels"])
        pixels = np.frombuffer(picture.data, np.uint8).reshape(shape)
        return np.repeat(pixels, 3, axis=2) if shape[2] == 1 else pixels[..., :3]


def _port(session: Session) -> str:
    assert session.signature is not None
    command = session.signature.default
    port = picture_of(command)
    if port is None:
        raise InputError(f"{session.name} gives out no picture", hint=f"it gives out {', '.join(command.outputs)}")
    return port


def _inputs(session: Session, texts: tuple[str, ...]) -> dict[str, Any]:
    """What --input says, checked."""
    assert session.signature is not None
    command = session.signature.default
    return session.signature.parse(command, from_parts([part_of(text) for text in texts], command), partial=True)


def _begun(handles: Handles, told: tuple[str, ...], of_model: Mapping[str, Given]) -> Recording:
    """A walk with what --set says, which nobody tells anything further. `of_model`: the favourites that there are."""
    patch = dict(_setting(text) for text in told)
    settings = Told().changed(patch, handles.latent)
    listed = ", ".join([*of_model][:20]) or "none"
    places = kept.given(settings, handles.latent, of_model.get, f"in the state folder are: {listed}")
    return Recording("", Performance(handles, Walk.begun(handles.latent, kept.in_vectors(settings, places))))


def _favourites(state: Path, session: Session) -> dict[str, Given]:
    """Those of this model in the workspace, by id."""
    those = (one for one in favourites_in(state) if one.model == session.model)
    return {one.id: Given(one.space, one.vector) for one in those}


def _setting(text: str) -> tuple[str, Any]:
    """NAME=VALUE; the value as JSON, or as the text that it is."""
    name, found, value = text.partition("=")
    if not found or not name:
        raise SettingError(f"--set takes NAME=VALUE, not {text!r}", hint="such as: --set seconds=2")
    try:
        return name, msgspec.json.decode(value)
    except ValueError:
        return name, value


def _recorded(path: Path, session: Session, handles: Handles) -> Recording:
    """The recording, if it is one of a model like this."""
    recording = _read(path)
    for difference in _differences(recording, session, handles):
        of = f", {recording.model}" if recording.model else ""
        raise InputError(
            f"{path.name} was made with another model{of}: {difference}",
            hint="render it with the model that was recorded, or one like it",
            field="recording",
        )
    return recording


def _differences(recording: Recording, session: Session, handles: Handles) -> Iterator[str]:
    """What the recording has that this model has not, or has otherwise. More than was recorded does not matter."""
    theirs, ours = recording.performance.handles.latent, handles.latent
    for space in theirs.spaces:
        if space not in ours.spaces:
            yield f"it has a vector {space}, this one takes none"
        elif theirs.length(space) != ours.length(space):
            yield f"{space} has {theirs.length(space)} numbers, this one takes {ours.length(space)}"
    assert session.signature is not None
    takes = session.signature.default.inputs
    for name in sorted(_moved(recording) - takes.keys()):
        yield f"it moves {name!r}, this one takes {', '.join(takes)}"


def _moved(recording: Recording) -> set[str]:
    """The names of all inputs that it may set."""
    performance = recording.performance
    handles, controls = performance.handles, recording.controls
    own = {name for name in (handles.z, handles.w, handles.truncation) if name}
    sent = (control.inputs for control in controls if control.inputs)
    return own.union(handles.latent.directions, performance.sent, *sent)


def _read(path: Path) -> Recording:
    try:
        with path.open("rb") as lines:
            return read(lines)
    except OSError as error:
        raise BridgeError(f"{path} can't be read: {error.strerror}", hint="see --recording") from None
