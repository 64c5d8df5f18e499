"""What this user has open, in one SQLite file of the state folder. What save() returned from survives a power cut.

One thread owns the file, so the loop never waits for a disk. One bridge owns the folder, kept by a lock.
"""

import asyncio
import logging
import os
import sqlite3
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Self, TypeVar

import msgspec

from bridge import limits
from bridge.errors import SetupError, StateUnwritable

FILE = "workspace.db"
LOCK = "bridge.lock"
_LOCK_BYTE = 1 << 30  # far beyond the text: on Windows a locked byte can't be read, and the text is for reading
_FAVOURITES = "SELECT id, session, model, name, space, vector, inputs, picture FROM favourites ORDER BY place"
_log = logging.getLogger(__name__)
T = TypeVar("T")

# One step a version, in order; a released step is never changed, the next change is a new one below it.
MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE sessions (
        name TEXT PRIMARY KEY,
        place INTEGER NOT NULL,
        model TEXT NOT NULL,
        options TEXT NOT NULL,
        inputs TEXT NOT NULL
    ) STRICT;
    """,
    """
    ALTER TABLE sessions ADD COLUMN walk TEXT NOT NULL DEFAULT 'null';
    CREATE TABLE favourites (
        id TEXT PRIMARY KEY,
        place INTEGER NOT NULL,
        session TEXT NOT NULL,
        model TEXT NOT NULL,
        name TEXT NOT NULL,
        space TEXT NOT NULL,
        vector BLOB NOT NULL,
        inputs TEXT NOT NULL,
        picture BLOB NOT NULL
    ) STRICT;
    """,
    """
    ALTER TABLE sessions ADD COLUMN stopped INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE sessions ADD COLUMN workspace TEXT NOT NULL DEFAULT '';
    CREATE TABLE notes (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
    """,
)


class SavedSession(msgspec.Struct, frozen=True):
    """A session as it is opened again: its model, its options, and the live inputs that were set."""

    name: str
    model: str
    options: dict[str, Any] = {}
    inputs: dict[str, Any] = {}
    walk: dict[str, Any] | None = None  # its settings; None: it was left as the model has it
    stopped: bool = False
    workspace: str = ""  # the one it is shown in; empty: the first


class SavedFavourite(msgspec.Struct, frozen=True):
    """A place in a latent space that somebody wants to find again."""

    id: str
    session: str
    model: str
    name: str
    space: str  # z or w
    vector: bytes  # float32 little-endian
    inputs: dict[str, Any]  # the others that the picture was made with
    picture: bytes  # a small JPEG


class Workspace:
    """The saved sessions of one state folder, which is this bridge's alone while it is open. Use as `async with`."""

    def __init__(self, folder: Path, most_bytes: int = limits.WORKSPACE_BYTES) -> None:
        self.folder = folder
        self._most_bytes = most_bytes
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="workspace")
        self._lock: IO[str] | None = None
        self._db: sqlite3.Connection | None = None

    async def __aenter__(self) -> Self:
        try:
            await self._call(self._open)
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def sessions(self) -> list[SavedSession]:
        """What was saved last, in its order."""
        return await self._call(self._read)

    async def save(self, sessions: Sequence[SavedSession]) -> None:
        """Put these in place of what was saved before. Returns when they are on the disk; all of them or none."""
        rows = [_row(place, session) for place, session in enumerate(sessions)]
        await self._call(lambda: self._write(rows))

    async def note(self, name: str, value: Any) -> None:
        """Keep a small JSON value under a name, in place of the one before. Returns when it is on the disk."""
        await self._call(lambda: self._note(name, msgspec.json.encode(value).decode()))

    async def noted(self, name: str) -> Any:
        """The value that was kept under that name; None if there is none."""
        return await self._call(lambda: self._noted(name))

    async def noted_each(self, name: str, kind: type[T]) -> list[T]:
        """What was kept there as a list. What is nothing of this kind is told and left out: the others count."""
        found = []
        for one in _listed(name, await self.noted(name)):
            try:
                found.append(msgspec.convert(one, kind))
            except msgspec.ValidationError as error:
                left_out(name, one, error)
        return found

    async def favourites(self) -> list[SavedFavourite]:
        """All of them, in the order in which they were kept."""
        return await self._call(self._read_favourites)

    async def keep(self, favourite: SavedFavourite) -> None:
        """Put it behind the others, or in the place of the one with its id. Returns when it is on the disk."""
        await self._call(lambda: self._keep(favourite))

    async def forget(self, id: str) -> None:
        """Drop the favourite of that id, if there is one. Returns when that is on the disk."""
        await self._call(lambda: self._forget(id))

    async def close(self) -> None:
        """Finish what is being written and let go of the folder. Idempotent."""
        with suppress(RuntimeError):  # closed before
            await self._call(self._close)
        self._thread.shutdown(wait=False)

    async def _call(self, work: Callable[[], T]) -> T:
        """In the one thread, to the end: a caller that goes away does not leave half a step."""
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._thread, work))

    # --- in the thread ---------------------------------------------------------------------------

    def _open(self) -> None:
        self._lock = take_folder(self.folder)
        path = self.folder / FILE
        with _in_words(self.folder):
            try:
                self._db = _connect(path, self._most_bytes)
            except sqlite3.DatabaseError as error:
                if isinstance(error, sqlite3.OperationalError) and "malformed" not in str(error):
                    raise
                self._set_aside(path, error)
                self._db = _connect(path, self._most_bytes)

    def _set_aside(self, path: Path, error: Exception) -> None:
        """A damaged file is kept for whoever wants to mend it, and does not keep the bridge from starting."""
        number = next(n for n in range(1, 1_000_000) if not path.with_name(f"workspace.damaged-{n}.db").exists())
        aside = path.with_name(f"workspace.damaged-{number}.db")
        path.replace(aside)
        for end in ("-wal", "-shm"):
            rest = path.with_name(path.name + end)
            if rest.exists():
                rest.replace(aside.with_name(aside.name + end))
        _log.warning("the saved workspace could not be read (%s); it was set aside as %s", error, aside)

    def _read(self) -> list[SavedSession]:
        assert self._db is not None
        with _in_words(self.folder):
            columns = "name, model, options, inputs, walk, stopped, workspace"
            rows = self._db.execute(f"SELECT {columns} FROM sessions ORDER BY place").fetchall()  # noqa: S608
        return [_session(*row) for row in rows]

    def _write(self, rows: list[tuple[Any, ...]]) -> None:
        assert self._db is not None
        with _in_words(self.folder), self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute("DELETE FROM sessions")
            self._db.executemany("INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)

    def _note(self, name: str, value: str) -> None:
        assert self._db is not None
        with _in_words(self.folder), self._db:
            self._db.execute("INSERT OR REPLACE INTO notes VALUES (?, ?)", (name, value))

    def _noted(self, name: str) -> Any:
        assert self._db is not None
        with _in_words(self.folder):
            found = self._db.execute("SELECT value FROM notes WHERE name = ?", (name,)).fetchone()
        try:
            return None if found is None else msgspec.json.decode(found[0])
        except (msgspec.DecodeError, TypeError) as error:
            left_out(name, found[0], error)
            return None

    def _read_favourites(self) -> list[SavedFavourite]:
        assert self._db is not None
        with _in_words(self.folder):
            rows = self._db.execute(_FAVOURITES).fetchall()
        return [_favourite(*row) for row in rows]

    def _keep(self, one: SavedFavourite) -> None:
        assert self._db is not None
        behind = "coalesce((SELECT place FROM favourites WHERE id = ?), (SELECT max(place) + 1 FROM favourites), 0)"
        values = (one.session, one.model, one.name, one.space, one.vector, _json(one.inputs), one.picture)
        with _in_words(self.folder), self._db:
            self._db.execute(
                f"INSERT OR REPLACE INTO favourites VALUES (?, {behind}, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
                (one.id, one.id, *values),
            )

    def _forget(self, id: str) -> None:
        assert self._db is not None
        with _in_words(self.folder), self._db:
            self._db.execute("DELETE FROM favourites WHERE id = ?", (id,))

    def _close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None


# --- the file ------------------------------------------------------------------------------------


def _connect(path: Path, most_bytes: int) -> sqlite3.Connection:
    """The file opened, found sound and brought up to date."""
    db = sqlite3.connect(path, isolation_level=None, timeout=5)
    try:
        _check_version(db)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")  # a commit returns when it is on the disk
        (health,) = db.execute("PRAGMA quick_check(1)").fetchone()
        if health != "ok":
            raise sqlite3.DatabaseError(health)
        _migrate(db)
        (page,) = db.execute("PRAGMA page_size").fetchone()
        db.execute(f"PRAGMA max_page_count = {most_bytes // page}")
    except BaseException:
        db.close()
        raise
    return db


def _check_version(db: sqlite3.Connection) -> None:
    """Before anything is changed: a newer file is not ours to touch."""
    if _version(db) > len(MIGRATIONS):
        raise SetupError(
            "the saved workspace was written by a newer Sketchbridge",
            hint="update Sketchbridge, or use another folder with --state",
        )


def _migrate(db: sqlite3.Connection) -> None:
    version = _version(db)
    for number, step in enumerate(MIGRATIONS[version:], version + 1):
        db.executescript(f"BEGIN IMMEDIATE; {step}; PRAGMA user_version = {number}; COMMIT;")


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def _row(place: int, session: SavedSession) -> tuple[Any, ...]:
    told = (_json(value) for value in (session.options, session.inputs, session.walk))
    return session.name, place, session.model, *told, session.stopped, session.workspace


def _session(name: str, model: str, options: str, inputs: str, walk: str, stopped: int, workspace: str) -> SavedSession:
    read = msgspec.json.decode
    return SavedSession(name, model, read(options), read(inputs), read(walk), bool(stopped), workspace)


def left_out(name: str, what: Any, why: object) -> None:
    """Tell that something of what was kept can't be used."""
    _log.warning("of what was kept as %s this can't be used, and is left out: %.200r (%s)", name, what, why)


def _listed(name: str, noted: Any) -> list[Any]:
    if noted is None or isinstance(noted, list):
        return noted or []
    left_out(name, noted, "it is no list")
    return []


def _favourite(
    id: str, session: str, model: str, name: str, space: str, vector: bytes, inputs: str, picture: bytes
) -> SavedFavourite:
    return SavedFavourite(id, session, model, name, space, vector, msgspec.json.decode(inputs), picture)


def _json(value: dict[str, Any] | None) -> str:
    return msgspec.json.encode(value).decode()


def favourites_in(folder: Path) -> list[SavedFavourite]:
    """Those that are kept in that state folder, whoever has it open; none where there are none. Changes nothing."""
    path = folder / FILE
    if not path.is_file():
        return []
    with _in_words(folder), closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=5)) as db:
        _check_version(db)
        tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master")}
        rows = db.execute(_FAVOURITES).fetchall() if "favourites" in tables else []
    return [_favourite(*row) for row in rows]


# --- the folder ----------------------------------------------------------------------------------


def take_folder(folder: Path) -> IO[str]:
    """Make the folder this process's own until the file given back is closed, or the process ends in any way."""
    with _in_words(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / LOCK).open("a+", encoding="utf-8")
    try:
        if not _locked(lock):
            raise _in_use(folder, lock)
        with _in_words(folder):
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
    except BaseException:
        lock.close()
        raise
    return lock


def _locked(lock: IO[str]) -> bool:
    """Try to take the operating system's lock on an open file; it ends with the file or the process."""
    try:
        if sys.platform == "win32":
            import msvcrt

            lock.seek(_LOCK_BYTE)
            msvcrt.locking(lock.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(lock.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _in_use(folder: Path, lock: IO[str]) -> SetupError:
    lock.seek(0)
    pid = lock.read(20).strip()
    who = f"process {pid}" if pid else "another process"
    return SetupError(
        f"a bridge is running with the state folder {folder} already ({who})",
        hint="use that one, stop it first, or give this one a folder of its own with --state",
        field="state",
    )


@contextmanager
def _in_words(folder: Path) -> Iterator[None]:
    """Turn what a disk or SQLite says into what happened to which folder."""
    try:
        yield
    except sqlite3.Error as error:
        raise _unwritable(folder, str(error)) from error
    except OSError as error:
        raise _unwritable(folder, error.strerror or str(error)) from error


def _unwritable(folder: Path, why: str) -> StateUnwritable:
    full = "full" in why or "No space left" in why
    return StateUnwritable(
        f"the state folder {folder} can't be written: {'the disk is full' if full else why}",
        hint="free some space on that disk" if full else "check its permissions, or choose another folder with --state",
        field="state",
    )
