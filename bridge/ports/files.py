"""Files and folders. Only content comes in, never a path: what is on this machine can't be reached from outside."""

import io
import shutil
import stat
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from bridge import limits
from bridge.errors import InputError, ModelFailed, TooLarge
from bridge.ports.base import Blob, Encoding, Port
from bridge.ports.content import content
from bridge.ports.words import came, size

_NAME_CHARS = 200
_MARK = "sketchbridge-"  # how our temporary folders begin


class File(Port, frozen=True, tag="file"):
    """A file's content. The model gets the path of a copy of its own, there while the run lasts."""

    formats = ("bytes",)

    extension: str = ""  # with the dot, such as .mid; empty: any
    max_bytes: int = limits.FILE_BYTES

    @property
    def takes(self) -> str:
        return f"a {self.extension} file" if self.extension else "a file"

    def parse(self, raw: Any, field: str) -> Blob:
        name = _safe_name(raw.meta.get("name", "")) if isinstance(raw, Blob) else ""
        if name and self.extension and not name.lower().endswith(self.extension.lower()):
            raise InputError(f"{field} takes {self.takes}; {name} came", field=field)
        data = content(raw, field, self.takes, self.max_bytes)
        return Blob("bytes", data, {"name": name} if name else {})

    def parse_text(self, text: str, field: str) -> Blob:
        return self.parse(text, field)

    def load(self, value: Blob, field: str) -> Path:
        folder = Path(tempfile.mkdtemp(prefix=_MARK))
        path = folder / (value.meta.get("name") or f"{_safe_name(field) or 'file'}{self.extension}")
        path.write_bytes(value.data)
        return path

    def release(self, loaded: Any) -> None:
        _remove(Path(loaded).parent)

    def dump(self, value: Any, encoding: Encoding, field: str) -> Blob:
        """From bytes, or from the path of a file the model wrote."""
        if isinstance(value, (bytes, bytearray, memoryview)):
            return Blob("bytes", bytes(value), {})
        if not isinstance(value, (str, Path)) or not Path(value).is_file():
            raise self._unfit(value, field, "give out bytes, or the path of a file that is there")
        data = Path(value).read_bytes()
        if len(data) > self.max_bytes:
            raise ModelFailed(f"the model gave out {size(len(data))} for {field}, more than {size(self.max_bytes)}")
        return Blob("bytes", data, {"name": _safe_name(Path(value).name)})

    def _flaws(self) -> Iterator[str]:
        if self.extension and (not self.extension.startswith(".") or _safe_name(self.extension) != self.extension):
            yield f"extension is {self.extension!r}; it begins with a dot, such as .mid"
        if type(self.max_bytes) is not int or not 1 <= self.max_bytes <= limits.FILE_BYTES:
            yield f"max_bytes is {came(self.max_bytes)}; it takes a whole number from 1 to {limits.FILE_BYTES}"

    def _shape(self) -> dict[str, Any]:
        return {"type": "string", "contentEncoding": "base64"}


class Directory(Port, frozen=True, tag="directory"):
    """A folder, sent as a ZIP or tar archive. The model gets the path of it unpacked, there while the run lasts."""

    formats = ("bytes",)

    @property
    def takes(self) -> str:
        return "a folder as a ZIP or tar archive"

    def parse(self, raw: Any, field: str) -> Blob:
        data = content(raw, field, self.takes, limits.FILE_BYTES)
        if not _is_archive(bytes(data[:512])):
            raise self._refused(data, field)
        return Blob("bytes", data, {})

    def parse_text(self, text: str, field: str) -> Blob:
        return self.parse(text, field)

    def load(self, value: Blob, field: str) -> Path:
        folder = Path(tempfile.mkdtemp(prefix=_MARK))
        try:
            _unpack(bytes(value.data), folder, field)
        except BaseException as error:
            _remove(folder)
            if isinstance(error, (zipfile.BadZipFile, tarfile.TarError, EOFError, OSError, ValueError, RuntimeError)):
                raise InputError(f"{field} is an archive that can't be unpacked: {error}", field=field) from None
            raise
        return folder

    def release(self, loaded: Any) -> None:
        _remove(Path(loaded))

    def dump(self, value: Any, encoding: Encoding, field: str) -> Blob:
        """From the path of a folder, as a ZIP."""
        if not isinstance(value, (str, Path)) or not Path(value).is_dir():
            raise self._unfit(value, field, "give out the path of a folder that is there")
        folder, packed = Path(value), io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(folder.rglob("*")):
                if path.is_file() and not path.is_symlink():
                    archive.write(path, path.relative_to(folder).as_posix())
        return Blob("bytes", packed.getvalue(), {"name": f"{_safe_name(folder.name) or 'folder'}.zip"})

    def _shape(self) -> dict[str, Any]:
        return {"type": "string", "contentEncoding": "base64"}


def _safe_name(name: Any) -> str:
    """A bare file name without anything that means something to a file system."""
    if not isinstance(name, str):
        return ""
    bare = name.replace("\\", "/").rsplit("/", 1)[-1]
    kept = "".join(sign for sign in bare if sign.isprintable() and sign not in '<>:"|?*')[:_NAME_CHARS].strip(" ")
    return "" if kept.strip(".") == "" else kept


def _is_archive(start: bytes) -> bool:
    return start[:4] == b"PK\x03\x04" or start[:2] in (b"\x1f\x8b", b"BZ") or start[:6] == b"\xfd7zXZ\x00" or start[257:262] == b"ustar"


def _unpack(data: bytes, folder: Path, field: str) -> None:
    if data[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            files = [entry for entry in archive.infolist() if not entry.is_dir()]
            room = _Room(folder, field, len(files))
            for entry in files:
                if stat.S_ISLNK(entry.external_attr >> 16):
                    raise InputError(f"{field} holds a link, {entry.filename!r}", hint="pack plain files", field=field)
                with archive.open(entry) as source:
                    room.write(entry.filename, source)
        return
    with tarfile.open(fileobj=io.BytesIO(data)) as archive_tar:
        room = _Room(folder, field, 0)
        for member in archive_tar:
            if member.isdir():
                continue
            source_tar = archive_tar.extractfile(member) if member.isreg() else None
            if source_tar is None:
                raise InputError(f"{field} holds something other than files, {member.name!r}", field=field)
            room.write(member.name, source_tar)


class _Room:
    """What may still be unpacked: counted while it is, whatever the archive says of itself."""

    def __init__(self, folder: Path, field: str, count: int) -> None:
        self._folder = folder
        self._field = field
        self._files = 0
        self._bytes = 0
        if count > limits.FOLDER_FILES:
            raise self._full()

    def write(self, name: str, source: Any) -> None:
        path = self._path(name)
        self._files += 1
        if self._files > limits.FOLDER_FILES:
            raise self._full()
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as target:
            while piece := source.read(1 << 16):
                self._bytes += len(piece)
                if self._bytes > limits.FOLDER_BYTES:
                    raise self._full()
                target.write(piece)

    def _path(self, name: str) -> Path:
        parts = PurePosixPath(name.replace("\\", "/")).parts
        unsafe = not parts or name.startswith(("/", "\\")) or ".." in parts or ":" in parts[0] or "\x00" in name
        if unsafe or len(parts) > limits.FOLDER_DEPTH:
            hint = f"every file lies inside the archive, at most {limits.FOLDER_DEPTH} folders deep"
            raise InputError(f"{self._field} holds a file whose place is {name[:80]!r}", hint=hint, field=self._field)
        return self._folder.joinpath(*parts)

    def _full(self) -> TooLarge:
        return TooLarge(
            f"{self._field} takes folders of up to {limits.FOLDER_FILES} files and {size(limits.FOLDER_BYTES)} unpacked",
            hint="send fewer or smaller files",
            field=self._field,
        )


def _remove(folder: Path) -> None:
    """Only what load made."""
    if folder.name.startswith(_MARK) and folder.parent == Path(tempfile.gettempdir()):
        shutil.rmtree(folder, ignore_errors=True)
