"""Records what a walk is told while it plays, into a file of the state folder, so that it can be rendered again."""

import asyncio
import datetime as dt
import logging
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Self

import msgspec

from bridge import limits
from bridge.errors import BridgeError, NameTaken, NotFound, StateUnwritable, TooLarge
from bridge.session.session import Session
from bridge.walking import Walks

if TYPE_CHECKING:
    from bridge.walks.player import Player
    from bridge.walks.recording import Control

FOLDER = "recordings"
_PAUSE_S = 0.5  # between two looks for what has to be written
_PIECE_BYTES = 256 * 1024  # of a file, in memory at once
_log = logging.getLogger(__name__)


class Recorded(msgspec.Struct, frozen=True):
    """An open recording: its whole lines up to now, in pieces; and what went wrong with it, if anything did."""

    size: int
    pieces: AsyncIterator[bytes]
    trouble: str = ""


class Recorder:
    """The recordings of one bridge. Use as `async with Recorder(walks, state)`, inside the walks."""

    def __init__(self, walks: Walks, state: Path) -> None:
        self._walks = walks
        self._folder = state / FOLDER
        self._made: list[_Recording] = []  # the last of each session, running or over

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for made in tuple(self._made):
            await made.close()

    async def start(self, session: Session) -> dict[str, Any]:
        """Record its walk from now on; returns when the file is there."""
        player = await self._walks.of(session)
        before = self._last(session.name)
        if before is not None:
            before.ends_unless_of(player)
            if before.stands:
                raise _taken(session.name, before.trouble)
        made = _Recording(self._folder, session, player)
        self._made.append(made)  # before anything is waited for: there is one at a time
        try:
            if before is not None:
                self._made.remove(before)
                await before.close()
            await made.begin()
        except BaseException:
            made.told = True
            made.end()
            made.forget()
            raise
        return made.describe()

    async def stop(self, name: str) -> dict[str, Any]:
        """End it; returns when the file is whole, or says what is missing at its end."""
        made = self._last(name)
        if made is None or made.told:
            raise NotFound(f"{name} is not being recorded", hint="POST begins a recording", field="session")
        await made.close()
        made.told = True
        if made.forget():
            raise StateUnwritable(made.trouble, hint=_MAKE_ROOM)
        return made.describe()

    def _last(self, name: str) -> "_Recording | None":
        return next((made for made in reversed(self._made) if made.name == name), None)

    @asynccontextmanager
    async def reading(self, name: str) -> AsyncIterator[Recorded]:
        """The recording that runs, as far as it is, or the last one, of an earlier start of the bridge too."""
        made = self._last(name)
        if made is not None:
            await made.write()
        path = made.path if made is not None else None
        path = path or await asyncio.to_thread(_newest, self._folder, name)
        if path is None:
            raise NotFound(f"nothing of {name} was recorded", hint="POST begins a recording", field="session")
        file, size = await asyncio.to_thread(_opened, path)
        with closing(file):
            if made is not None and made.path == path:
                yield Recorded(made.size, _pieces(file, made.size), made.trouble)
            else:
                yield Recorded(size, _pieces(file, size))


class _Recording:
    """One that runs: lines wait here for moments, and are written together.

    What can't be written stays here, and is tried again, so a disk that gets room in time costs nothing.
    """

    def __init__(self, folder: Path, session: Session, player: "Player") -> None:
        from bridge.walks import recording  # with numpy, which is there when something walks

        self.told = False  # how it went, to whoever ended it
        self._left = False  # its walk is over
        self._session = session
        self._tape = _Tape(folder, session.name)
        self._player: Player | None = player
        self._control = recording.Control
        self._begun, performance = player.now()
        self._until = self._begun
        self._waiting = [_first(recording.header(session.model, performance, self._begun))]
        self._lines = self._bytes = 0
        self._failure = self._cut = ""
        self._writes: set[asyncio.Task[None]] = set()
        self._writing = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._note_no_more = player.note(self._noted)
        player.when_closing(self._end_with_walk)

    @property
    def name(self) -> str:
        """Of its session, as it is called now."""
        return self._session.name

    @property
    def path(self) -> Path | None:
        """None until the file is there."""
        return self._tape.path

    @property
    def size(self) -> int:
        """Of all whole lines in the file."""
        return self._tape.size

    @property
    def trouble(self) -> str:
        """What is missing of it and why; nothing while all is well."""
        if self._failure and self._waiting:
            return f"{self._failure}; {len(self._waiting)} lines are missing at its end"
        return self._failure or self._cut

    def describe(self) -> dict[str, Any]:
        """As JSON."""
        until = self._player.now()[0] if self._player is not None else self._until
        return {
            "file": self._tape.path.name if self._tape.path is not None else "",
            "running": self._player is not None,
            "seconds": round(until - self._begun, 3),
            "controls": self._lines,
            "error": self.trouble,
        }

    @property
    def stands(self) -> bool:
        """It is in the way of another one: somebody has to end it, or to be told how it ended."""
        return not (self.told or self._left)

    async def begin(self) -> None:
        """Until the file is there; StateUnwritable, and nothing is there."""
        await self.write()
        if self._failure:
            self._tape.drop()
            raise StateUnwritable(self._failure, hint=_MAKE_ROOM)
        if self._player is not None:
            self._task = asyncio.create_task(self._keep_writing(), name=f"recording of {self.name}")

    def end(self) -> None:
        """Take no more. Idempotent."""
        if self._player is None:
            return
        self._until = self._player.now()[0]
        self._player = None
        self._note_no_more()
        self._waiting.append(self._control(self._until, end=True).line().encode())
        if self._task is not None:
            self._task.cancel()

    async def close(self) -> None:
        """End it, and write what waits. Idempotent."""
        self.end()
        await self.write()

    def ends_unless_of(self, player: "Player") -> None:
        """The walk is played by somebody else now."""
        if self._player not in (None, player):
            self._end_with_walk()

    def forget(self) -> bool:
        """What could not be written so far. True if there is some of it."""
        lost = bool(self._failure and self._waiting)
        if lost:
            self._failure = self.trouble
            self._waiting = []
        elif self._waiting:
            self._written()
        return lost

    async def write(self) -> None:
        """Put what waits into the file. Whoever is cancelled here does not break off a line."""
        if self._waiting or self._writes:
            await asyncio.shield(self._written())

    def _written(self) -> "asyncio.Task[None]":
        task = asyncio.create_task(self._write())
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)
        return task

    async def _write(self) -> None:
        async with self._writing:
            if not self._waiting:
                return
            done, why = await asyncio.to_thread(self._tape.append, tuple(self._waiting))
            del self._waiting[:done]
            if why and not self._failure:
                _log.error("%s: %s", self.name, why)
            self._failure = why

    async def _keep_writing(self) -> None:
        while True:
            await asyncio.sleep(_PAUSE_S)
            await self.write()

    def _end_with_walk(self) -> None:
        self._left = True
        self.end()
        self._written()

    def _noted(self, control: "Control") -> None:
        line = control.line().encode()
        if too_much := self._too_much(line):
            self._cut = f"it ends after {control.t - self._begun:.1f} seconds: {too_much}"
            _log.error("the recording of %s: %s", self.name, self._cut)
            self.end()
            return
        self._lines += 1
        self._bytes += len(line)
        self._waiting.append(line)

    def _too_much(self, line: bytes) -> str:
        """Why that can't come, too; nothing if it can."""
        if len(line) > limits.RECORDING_LINE_BYTES:
            return f"one control may have {limits.RECORDING_LINE_BYTES} bytes; {len(line)} came"
        if self._lines + 3 > limits.RECORDING_LINES:  # the first, this one, the end
            return f"a recording may have {limits.RECORDING_LINES} lines"
        if self._bytes + len(line) > limits.RECORDING_BYTES:
            return f"a recording may have {limits.RECORDING_BYTES} bytes"
        if self._failure and self._bytes - self._tape.size > limits.RECORDING_LINE_BYTES:
            return "what can't be written has become too much"
        return ""


class _Tape:
    """A file of lines: after every append it ends with a whole one, whatever went wrong."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._name = name
        self.path: Path | None = None
        self.size = 0

    def append(self, lines: tuple[bytes, ...]) -> tuple[int, str]:
        """How many of these lines are in the file now, and why not all."""
        try:
            if self.path is None:
                self.path = _created(self._folder, self._name)
            with self.path.open("r+b", buffering=0) as file:
                return self._appended(file, b"".join(lines))
        except OSError as error:
            return 0, f"the recording {self.path or self._folder} can't be written: {error.strerror}"

    def drop(self) -> None:
        """Away with it."""
        if self.path is not None:
            with suppress(OSError):
                self.path.unlink()
            self.path, self.size = None, 0

    def _appended(self, file: Any, data: bytes) -> tuple[int, str]:
        file.seek(self.size)
        written, why = 0, ""
        try:
            while written < len(data):
                written += file.write(memoryview(data)[written:])
        except OSError as error:
            why = f"the recording {self.path} can't be written: {error.strerror}"
        whole = data.rfind(b"\n", 0, written) + 1
        self.size += whole
        if why:
            file.truncate(self.size)
        return data.count(b"\n", 0, whole), why


_MAKE_ROOM = "free some space on that disk, or choose another folder with --state"


def _taken(name: str, trouble: str) -> NameTaken:
    told = f", but {trouble}" if trouble else ""
    return NameTaken(f"{name} is being recorded already{told}", hint="DELETE ends it", field="session")


def _first(header: str) -> bytes:
    line = header.encode()
    if len(line) > limits.RECORDING_LINE_BYTES:
        raise TooLarge(
            f"what the session was sent by hand is too large to be recorded: {len(line)} bytes,"
            f" and a line may have {limits.RECORDING_LINE_BYTES}"
        )
    return line


def _created(folder: Path, name: str) -> Path:
    """A file that was not there before."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in _names(folder, name):
        try:
            path.open("xb").close()
            return path
        except FileExistsError:
            continue
    raise FileExistsError(17, "too many recordings in one second")


def _names(folder: Path, name: str) -> Iterator[Path]:
    now = dt.datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
    yield folder / f"{name}-{now}.jsonl"
    yield from (folder / f"{name}-{now}-{number}.jsonl" for number in range(2, 1_000))


def _newest(folder: Path, name: str) -> Path | None:
    """The last recording of a session of that name."""
    looks = re.compile(re.escape(name) + r"-(\d{8}-\d{6})(?:-(\d{1,3}))?\.jsonl")
    found = [(made, path) for path in folder.glob("*.jsonl") if (made := looks.fullmatch(path.name))]
    return max(found, key=lambda one: (one[0][1], int(one[0][2] or 1)))[1] if found else None


def _opened(path: Path) -> tuple[BinaryIO, int]:
    """And how long it is."""
    try:
        return path.open("rb"), path.stat().st_size
    except OSError as error:
        raise NotFound(f"the recording {path.name} is gone: {error.strerror}", field="session") from None


async def _pieces(file: BinaryIO, size: int) -> AsyncIterator[bytes]:
    while size > 0:
        piece = await asyncio.to_thread(file.read, min(size, _PIECE_BYTES))
        if not piece:
            raise BridgeError("the recording has become shorter meanwhile")
        size -= len(piece)
        yield piece
