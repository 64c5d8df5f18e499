"""Files and folders. What comes from outside is always content, never a path."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from bridge import limits
from bridge.errors import BridgeError, InputError, ModelFailed
from bridge.ports import headers
from bridge.ports.base import Blob, Encoding, Port
from bridge.ports.content import content
from bridge.ports.words import came, size

_NAME_CHARS = 200
_UNFIT = re.compile(r'[\x00-\x1f\x7f<>:"|?*]')
_ARCHIVES = ("a ZIP archive", "a tar archive", "a gzip file", "a bzip2 file")


class Content(bytes):
    """A file as the model gets it: its bytes, and the name it came under, "" if none."""

    name: str

    def __new__(cls, data: bytes | bytearray | memoryview, name: str = "") -> Self:
        made = super().__new__(cls, data)
        made.name = name
        return made


class File(Port, frozen=True, tag="file"):
    """A file's content. The model gets `Content`, bytes with a name."""

    formats = ("bytes",)

    extension: str = ""  # such as .csv; a file that comes with another name is refused

    def __post_init__(self) -> None:
        if isinstance(self.extension, str) and self.extension:
            self._set("extension", "." + self.extension.lower().removeprefix("."))
        Port.__post_init__(self)

    @property
    def takes(self) -> str:
        return f"a {self.extension} file" if self.extension else "a file"

    def parse(self, raw: Any, field: str) -> Blob:
        data = content(raw, field, self.takes, limits.FILE_BYTES)
        name = _name_of(raw)
        if name and self.extension and not name.lower().endswith(self.extension):
            raise InputError(f"{field} takes {self.takes}; {name} came", field=field)
        return Blob("bytes", data, {"name": name} if name else {})

    def parse_text(self, text: str, field: str) -> Blob:
        return self.parse(text, field)

    def load(self, value: Blob, field: str) -> Content:
        return Content(value.data, value.meta.get("name", ""))

    def dump(self, value: Any, encoding: Encoding, field: str) -> Blob:
        """From bytes, or from the Path of a file that the model has written."""
        if isinstance(value, Path):
            value = Content(_written(value, field), value.name)
        if not isinstance(value, (bytes, bytearray, memoryview)):
            raise self._unfit(value, field, "give bytes, or the Path of a file")
        _check_size(len(value), field)
        name = safe_name(getattr(value, "name", ""))
        return Blob("bytes", bytes(value), {"name": name} if name else {})

    def _flaws(self) -> Iterator[str]:
        if not isinstance(self.extension, str) or not re.fullmatch(r"(\.[a-z0-9_+-]+)*", self.extension):
            yield f"extension is {came(self.extension)}; it looks like .csv"

    def _shape(self) -> dict[str, Any]:
        return {"type": "string", "contentMediaType": "application/octet-stream", "contentEncoding": "base64"}


class Directory(Port, frozen=True, tag="directory"):
    """A folder, as an archive (ZIP or tar). The model gets the Path of a folder that is gone after the run."""

    formats = ("bytes",)

    @property
    def takes(self) -> str:
        return "a folder as a ZIP or tar archive"

    def parse(self, raw: Any, field: str) -> Blob:
        data = content(raw, field, self.takes, limits.FILE_BYTES)
        seems = headers.looks_like(data)
        if seems not in _ARCHIVES:
            short = isinstance(raw, str) and len(raw) < 100 and not raw.startswith("data:")
            raise InputError(f"{field} takes {self.takes}; {came(raw) if short else seems} came", field=field)
        name = _name_of(raw)
        return Blob("bytes", data, {"name": name} if name else {})

    def parse_text(self, text: str, field: str) -> Blob:
        return self.parse(text, field)

    def load(self, value: Blob, field: str) -> Path:
        """Unpacked into a folder of its own; hand it to release() when the model is done with it."""
        from bridge.ports import archives

        return archives.unpacked(value.data, field)

    def release(self, loaded: Any) -> None:
        from bridge.ports import archives

        if isinstance(loaded, Path):
            archives.remove(loaded)

    def dump(self, value: Any, encoding: Encoding, field: str) -> Blob:
        """A ZIP, from the Path of a folder that the model has written."""
        from bridge.ports import archives

        if not isinstance(value, Path) or not value.is_dir():
            raise self._unfit(value, field, "give the Path of a folder")
        try:
            data = archives.packed(value)
        except (BridgeError, OSError) as error:
            raise ModelFailed(f"the folder for {field} can't be packed: {error}", field=field) from None
        _check_size(len(data), field)
        return Blob("bytes", data, {"name": f"{safe_name(value.name) or 'folder'}.zip"})

    def _shape(self) -> dict[str, Any]:
        return {"type": "string", "contentMediaType": "application/zip", "contentEncoding": "base64"}


def safe_name(name: Any) -> str:
    """The last part of a file's name, without anything that means something to a file system; "" if nothing is left."""
    if not isinstance(name, str):
        return ""
    last = re.split(r"[\\/]", name)[-1].encode("utf-8", "ignore").decode()
    kept = _UNFIT.sub("_", last).strip(" .")
    stem, dot, extension = kept.rpartition(".")
    room = _NAME_CHARS - len(dot + extension)
    return (stem[: max(room, 0)] + dot + extension)[:_NAME_CHARS]


def _name_of(raw: Any) -> str:
    return safe_name(raw.meta.get("name")) if isinstance(raw, Blob) else ""


def _written(path: Path, field: str) -> bytes:
    try:
        _check_size(path.stat().st_size, field)
        return path.read_bytes()
    except OSError as error:
        said = f"the model gave out the path of a file for {field} that can't be read"
        raise ModelFailed(said, hint=error.strerror or type(error).__name__, field=field) from None


def _check_size(count: int, field: str) -> None:
    if count > limits.FILE_BYTES:
        said = f"the model gave out {size(count)} for {field}"
        raise ModelFailed(said, hint=f"a file holds up to {size(limits.FILE_BYTES)}", field=field)
