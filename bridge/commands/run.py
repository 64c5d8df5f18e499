"""sketchbridge run: one run of a model, its text as it comes, its pictures in files."""

import asyncio
import mimetypes
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import msgspec

from bridge.commands import show
from bridge.commands.callers import Step, caller
from bridge.config import Settings
from bridge.errors import BridgeError, InputError, SettingError
from bridge.ports import AnyPort, Encoding, Text
from bridge.signature import Command
from bridge.transports.http_bodies import Part, from_parts

_FORMATS = {".jpg": "jpeg", ".jpeg": "jpeg", ".png": "png", ".webp": "webp"}
_SUFFIXES = {"image/jpeg": ".jpg", "image/webp": ".webp", "audio/wav": ".wav"}  # not the same everywhere


class Wish(msgspec.Struct, frozen=True):
    """What was asked for."""

    model: str
    inputs: tuple[str, ...] = ()
    command: str = ""
    output: Path | None = None
    url: str | None = None
    json: bool = False


def run(settings: Settings, wish: Wish) -> None:
    """Run it and show what it gives out."""
    show.any_letter()
    asyncio.run(_run(settings, wish))


async def _run(settings: Settings, wish: Wish) -> None:
    given = [part_of(text) for text in wish.inputs]
    show.note(f"waiting for {wish.model} ...")
    async with caller(settings, wish.model, wish.url) as at:
        command = at.signature.command(wish.command or None)
        _check_files(given, command)
        inputs = from_parts(given, command)
        at.signature.parse(command, inputs)  # wrong inputs are told before anything is sent
        gathered = _Gathered(command, streams=not wish.json)
        try:
            async for step in at.run(command, inputs, _wishes(command, wish.output)):
                gathered.add(step)
        finally:
            gathered.end_line()  # also of a text that Ctrl-C cut off
    outputs = _with_files(gathered.outputs, command, wish.output)
    if wish.json:
        show.json({"run": gathered.run, "outputs": outputs, "model_ms": round(gathered.model_ms, 3)})
    else:
        gathered.print_rest(outputs)


# --- inputs --------------------------------------------------------------------------------------


def part_of(text: str) -> Part:
    """NAME=VALUE, or NAME=@FILE; a value that begins with @ itself is written @@."""
    name, found, value = text.partition("=")
    if not found or not name:
        raise SettingError(f"--input takes NAME=VALUE or NAME=@FILE, not {text!r}", hint="such as: --input count=5")
    if not value.startswith("@") or value.startswith("@@"):
        return Part(name, value.removeprefix("@").encode("utf-8", "surrogateescape"))
    path = Path(value[1:]).expanduser()
    try:
        return Part(name, path.read_bytes(), path.name, mimetypes.guess_type(path.name)[0] or "")
    except OSError as error:
        raise InputError(f"{name}: the file {path} can't be read: {error.strerror}", field=name) from None


def _check_files(given: list[Part], command: Command) -> None:
    """The path of a file where the file itself is wanted: the @ was forgotten."""
    for part in given:
        port = command.inputs.get(part.name)
        text = part.data[:300].decode("utf-8", "replace")
        if port is not None and _is_file(port) and part.file is None and not text.startswith("data:"):
            raise InputError(
                f"{part.name} takes a file, but the text {text[:80]!r} came",
                hint=f"put an @ before the path: --input {part.name}=@{text[:80]}",
                field=part.name,
            )


# --- outputs -------------------------------------------------------------------------------------


class _Gathered:
    """A run's outputs put together; text in pieces is shown while it comes."""

    def __init__(self, command: Command, *, streams: bool) -> None:
        self.run = 0
        self.model_ms = 0.0
        self.outputs: dict[str, Any] = {}
        self._ports = command.outputs
        texts = [name for name, port in command.outputs.items() if isinstance(port, Text) and port.pieces]
        self._shown = texts[0] if streams and texts else ""
        self._open_line = False

    def add(self, step: Step) -> None:
        self.run = step.run
        self.model_ms += step.model_ms
        for name, value in step.outputs.items():
            before = self.outputs.get(name)
            self.outputs[name] = value if before is None else self._ports[name].join(before, value)
            if name == self._shown and value:
                print(show.harmless(value), end="", flush=True)
                self._open_line = not value.endswith("\n")

    def end_line(self) -> None:
        """So that what comes next stands in a line of its own."""
        if self._open_line:
            print(flush=True)
            self._open_line = False

    def print_rest(self, outputs: Mapping[str, Any]) -> None:
        """What was not shown while it came; beside a text it is for people only, so that a file gets just the text."""
        tell = show.note if self._shown else print
        rest = {name: value for name, value in outputs.items() if name != self._shown}
        for name, value in rest.items():
            text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
            tell(text if len(outputs) == 1 else f"{name}: {text}")


def _is_file(port: AnyPort) -> bool:
    return port.kind in ("image", "segmentation", "audio", "file")


def _wishes(command: Command, output: Path | None) -> dict[str, Encoding]:
    """--output picture.png asks for a PNG."""
    format = _FORMATS.get(output.suffix.lower(), "") if output else ""
    fitting = [name for name, port in command.outputs.items() if _is_file(port) and format in port.formats]
    return {fitting[0]: Encoding(format)} if fitting else {}


def _with_files(outputs: dict[str, Any], command: Command, output: Path | None) -> dict[str, Any]:
    """The outputs with the path of a file where a picture, a sound or a file came."""
    files = [name for name, value in outputs.items() if _is_file(command.outputs[name]) and isinstance(value, str)]
    if output is not None and not files:
        _write(output, _as_text(outputs))
        return {"written": str(output)}
    paths = {name: _write(*_place(name, outputs[name], output, first=name == files[0])) for name in files}
    return {**outputs, **paths}


def _as_text(outputs: dict[str, Any]) -> bytes:
    values = list(outputs.values())
    if len(values) == 1 and isinstance(values[0], str):
        return values[0].encode()
    return msgspec.json.encode(outputs)


def _place(name: str, value: str, output: Path | None, *, first: bool) -> tuple[Path, bytes]:
    """Where one file goes: --output, the same with the port's name for a second one, else a new file."""
    with urlopen(value) as opened:  # noqa: S310  a data URI of ours: nothing is fetched
        data, kind = opened.read(), opened.headers.get_content_type()
    if output is None:
        suffix = _SUFFIXES.get(kind) or mimetypes.guess_extension(kind) or ".bin"
        return Path(tempfile.mkdtemp(prefix="sketchbridge-")) / f"{name}{suffix}", data
    return output if first else output.with_stem(f"{output.stem}-{name}"), data


def _write(path: Path, data: bytes) -> str:
    try:
        path.write_bytes(data)
    except OSError as error:
        raise BridgeError(f"{path} can't be written: {error.strerror}", hint="see --output") from None
    return str(path)
