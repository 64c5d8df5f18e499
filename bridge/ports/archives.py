"""Folders packed into one file, and out again. Nothing that an archive says is believed: not names, sizes or links."""

import bz2
import gzip
import io
import re
import shutil
import stat
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from bridge import limits
from bridge.errors import InputError, TooLarge
from bridge.ports import scratch
from bridge.ports.words import size

Buffer = bytes | bytearray | memoryview

_PREFIX = "sketchbridge-"
_STEP = 64 * 1024
_HEAD_BYTES = 1024 * 1024  # of one entry: its names and notes
_DIRECTORY_BYTES = 4 * 1024 * 1024  # of a ZIP's list of entries
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # device names on Windows
_UNFIT = re.compile(r'[\x00-\x1f\x7f<>:"|?*\\]')
_DAMAGE = (
    zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, OSError, ValueError, struct.error,
    RuntimeError, NotImplementedError, OverflowError, KeyError, IndexError,
)  # fmt: skip


def unpacked(data: Buffer, field: str) -> Path:
    """A new temporary folder with what is in the archive; nothing is left behind when it has to be refused."""
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=scratch.folder()))
    try:
        _Unpacking(folder, field).all_of(data)
    except _DAMAGE as error:
        remove(folder)
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error) or type(error).__name__
        said = f"{field} is an archive that can't be unpacked: {why}"
        raise InputError(said, hint="was it cut off on its way, or is it encrypted?", field=field) from None
    except BaseException:
        remove(folder)
        raise
    return folder


def remove(folder: Path) -> None:
    """Take away what unpacked() has made; harmless when it is gone, and for any other folder."""
    if folder.name.startswith(_PREFIX) and folder.parent == scratch.folder():
        shutil.rmtree(folder, ignore_errors=True)


def packed(folder: Path) -> bytes:
    """The folder's files as a ZIP; links are left out."""
    out = io.BytesIO()
    total = 0
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1, strict_timestamps=False) as archive:
        for count, path in enumerate(_files_in(folder)):
            total += path.stat().st_size
            if count >= limits.FOLDER_FILES or total > limits.FOLDER_BYTES:
                raise _too_much("the folder", "")
            archive.write(path, path.relative_to(folder).as_posix())
    return out.getvalue()


def _files_in(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            yield path


class _Unpacking:
    """One archive on its way into one folder, within the limits."""

    def __init__(self, folder: Path, field: str) -> None:
        self._folder = folder
        self._field = field
        self._files = 0
        self._left = limits.FOLDER_BYTES

    def all_of(self, data: Buffer) -> None:
        if bytes(data[:2]) == b"PK":
            self._zip(data)
        else:
            self._tar(data)

    # --- ZIP -------------------------------------------------------------------------------------

    def _zip(self, data: Buffer) -> None:
        self._check_directory(data)
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for entry in archive.infolist():
                mode = entry.external_attr >> 16
                if stat.S_ISLNK(mode):
                    raise self._refused(entry.filename, "is a link")
                if entry.is_dir():
                    self._count(entry.filename)
                    continue
                if entry.filename.startswith("__MACOSX/"):  # the Finder's own notes
                    continue
                if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    raise self._refused(entry.filename, "is packed in a way that is not taken here")
                self._count(entry.filename)
                self._announce(entry.file_size)
                with archive.open(entry) as source:
                    self._write(entry.filename, source)

    def _check_directory(self, data: Buffer) -> None:
        """Its list of entries is read into memory at once, so its length is looked at before."""
        tail = bytes(data[-(65_536 + 22) :])
        at = tail.rfind(b"PK\x05\x06")
        if at < 0:
            raise zipfile.BadZipFile("its end is missing")
        (length,) = struct.unpack_from("<I", tail, at + 12)
        if length > _DIRECTORY_BYTES or tail.find(b"PK\x06\x07") >= 0:  # the second: the real length stands elsewhere
            raise _too_much(self._field, self._field)

    # --- tar -------------------------------------------------------------------------------------

    def _tar(self, data: Buffer) -> None:
        with _opened(data, self._expand) as plain, tarfile.open(fileobj=_Careful(plain), mode="r:") as archive:
            for entry in archive:
                self._count(entry.name)
                self._announce(entry.size)
                if entry.isdir():
                    continue
                if entry.type not in (tarfile.REGTYPE, tarfile.AREGTYPE):
                    raise self._refused(entry.name, "is a link or a device")
                source = archive.extractfile(entry)
                if source is not None:
                    self._write(entry.name, source)

    def _expand(self, source: IO[bytes]) -> IO[bytes]:
        """A compressed tar, laid out in a file up to the limit before anything in it is looked at."""
        plain = tempfile.TemporaryFile(prefix=_PREFIX)  # noqa: SIM115 - its reader closes it
        try:
            self._copy_bounded(source, plain)
        except BaseException:
            plain.close()
            raise
        plain.seek(0)
        return plain

    def _copy_bounded(self, source: IO[bytes], plain: IO[bytes]) -> None:
        most = limits.FOLDER_BYTES + limits.FOLDER_FILES * 1024
        while step := source.read(_STEP):
            most -= len(step)
            if most < 0:
                raise _too_much(self._field, self._field)
            plain.write(step)

    # --- both ------------------------------------------------------------------------------------

    def _count(self, name: str) -> None:
        self._files += 1
        if self._files > limits.FOLDER_FILES:
            raise _too_much(self._field, self._field)

    def _announce(self, size_told: int) -> None:
        if size_told > self._left:
            raise _too_much(self._field, self._field)

    def _write(self, name: str, source: IO[bytes]) -> None:
        """One file, counted as it comes: what an archive says of sizes need not be so."""
        path = self._path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            while step := source.read(_STEP):
                self._left -= len(step)
                if self._left < 0:
                    raise _too_much(self._field, self._field)
                file.write(step)

    def _path(self, name: str) -> Path:
        parts = [part for part in name.split("/") if part not in ("", ".")]
        if name.startswith("/") or not parts or len(parts) > limits.FOLDER_DEPTH:
            raise self._refused(name, "has a name that leads out of the folder or too deep")
        for part in parts:
            if part == ".." or _UNFIT.search(part) or _RESERVED.fullmatch(part) or part != part.rstrip(" ."):
                raise self._refused(name, "has a name that can't be used")
        return self._folder.joinpath(*parts)

    def _refused(self, name: str, why: str) -> InputError:
        told = name[:80].encode("utf-8", "replace").decode()
        return InputError(f"{self._field} is an archive in which {told!r} {why}", field=self._field)


class _Careful(io.RawIOBase):
    """A file from which no more than one entry's head is read in one go, however much the archive says it is."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def read(self, count: int | None = -1) -> bytes:
        if count is None or not 0 <= count <= _HEAD_BYTES:
            raise ValueError("an entry in it is broken")
        return self._file.read(count)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True


def _opened(data: Buffer, expand: Callable[[IO[bytes]], IO[bytes]]) -> IO[bytes]:
    """A tar as a plain file, whatever it was compressed with."""
    file = io.BytesIO(data)
    openers: dict[bytes, Any] = {b"\x1f\x8b": gzip.open, b"BZ": bz2.open}
    opener = openers.get(bytes(data[:2]))
    if opener is None:
        return file
    with opener(file) as source:
        return expand(source)


def _too_much(what: str, field: str) -> TooLarge:
    most = f"{limits.FOLDER_FILES} files and {size(limits.FOLDER_BYTES)} unpacked"
    return TooLarge(f"{what} holds too much", hint=f"up to {most} are taken", field=field)
