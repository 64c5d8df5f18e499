"""Records what a walk is told while it plays, into a file of the state folder, so that it can be rendered again."""

import asyncio
import datetime as dt
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from bridge import limits
from bridge.errors import NameTaken, NotFound, StateUnwritable
from bridge.session.session import Session
from bridge.walking import Walks

if TYPE_CHECKING:
    from bridge.walks.player import Player
    from bridge.walks.recording import Control

FOLDER = "recordings"
_PAUSE_S = 0.5  # between two looks for what has to be written
_log = logging.getLogger(__name__)


class Recorder:
    """The recordings of one bridge. Use as `async with Recorder(walks, state)`, inside the walks."""

    def __init__(self, walks: Walks, state: Path) -> None:
        self._walks = walks
        self._folder = state / FOLDER
        self._running: dict[str, _Recording] = {}
        self._last: dict[str, Path] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for name in tuple(self._running):
            try:
                await self.stop(name)
            except StateUnwritable as error:
                _log.error("the recording of %s is not whole: %s", name, error.message)

    async def start(self, session: Session) -> dict[str, Any]:
        """Record its walk from now on; returns when the file is there."""
        player = await self._walks.of(session)
        if session.name in self._running:
            raise NameTaken(f"{session.name} is being recorded already", hint="DELETE ends it", field="session")
        path = await asyncio.to_thread(_new_path, self._folder, session.name)
        made = self._running[session.name] = _Recording(path, session.model, player)
        try:
            await made.begin()
        except BaseException:
            del self._running[session.name]
            await made.close()
            raise
        self._last[session.name] = path
        return made.describe()

    async def stop(self, name: str) -> dict[str, Any]:
        """End it; returns when the file is whole."""
        made = self._running.pop(name, None)
        if made is None:
            raise NotFound(f"{name} is not being recorded", hint="POST begins a recording", field="session")
        await made.close()
        return made.describe()

    async def read(self, name: str) -> bytes:
        """The recording that runs, as far as it is, or the last one."""
        made, path = self._running.get(name), self._last.get(name)
        if path is None:
            raise NotFound(f"nothing of {name} was recorded", hint="POST begins a recording", field="session")
        if made is not None:
            await made.write()
        try:
            return await asyncio.to_thread(path.read_bytes)
        except OSError as error:
            raise NotFound(f"the recording {path.name} is gone: {error.strerror}", field="session") from None


class _Recording:
    """One that runs: lines wait here for moments, and are written together."""

    def __init__(self, path: Path, model: str, player: "Player") -> None:
        from bridge.walks import recording  # with numpy, which is there when something walks

        self._path = path
        self._player = player
        self._control = recording.Control
        self._begun, performance = player.now()
        self._until = self._begun
        self._waiting = [recording.header(model, performance, self._begun)]
        self._controls = 0
        self._bytes = 0
        self._running = True
        self._writing = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._note_no_more: Callable[[], None] = player.note(self._noted)

    def describe(self) -> dict[str, Any]:
        """As JSON."""
        until = self._player.now()[0] if self._running else self._until
        return {
            "file": self._path.name,
            "running": self._running,
            "seconds": round(until - self._begun, 3),
            "controls": self._controls,
        }

    async def begin(self) -> None:
        await self.write()
        self._task = asyncio.create_task(self._keep_writing(), name=f"recording {self._path.name}")

    async def close(self) -> None:
        """Idempotent."""
        self._note_no_more()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._running:
            self._running = False
            self._until = self._player.now()[0]
            self._waiting.append(self._control(self._until, end=True).line())
            await self.write()

    async def write(self) -> None:
        """Put what waits into the file; StateUnwritable if that can't be."""
        async with self._writing:
            lines, self._waiting = self._waiting, []
            if lines:
                await asyncio.to_thread(_append, self._path, "".join(lines))

    def _noted(self, control: "Control") -> None:
        line = control.line()
        if self._controls + 2 > limits.RECORDING_LINES or self._bytes + len(line) > limits.RECORDING_BYTES:
            _log.error("the recording %s is full; it ends here", self._path.name)
            self._note_no_more()
            return
        self._controls += 1
        self._bytes += len(line)
        self._waiting.append(line)

    async def _keep_writing(self) -> None:
        while True:
            await asyncio.sleep(_PAUSE_S)
            try:
                await self.write()
            except StateUnwritable as error:
                _log.error("the recording %s goes no further: %s", self._path.name, error.message)
                self._note_no_more()
                return


def _new_path(folder: Path, name: str) -> Path:
    """A file that is not there yet."""
    now = dt.datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
    paths = (folder / f"{name}-{now}{more}.jsonl" for more in ("", *(f"-{n}" for n in range(2, 1_000))))
    return next(path for path in paths if not path.exists())


def _append(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except OSError as error:
        raise StateUnwritable(
            f"the recording {path} can't be written: {error.strerror}",
            hint="free some space on that disk, or choose another folder with --state",
        ) from error
