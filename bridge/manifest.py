"""What a model says of itself without being loaded: model.toml, the card README.md, a preview picture."""

import datetime as dt
import difflib
import os
import reprlib
import stat
import tomllib
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from bridge import limits
from bridge.errors import ModelBroken

FILE = "model.toml"
PREVIEWS = ("preview.jpg", "preview.png")

Kind = Literal["extract", "generate", "transform"]
Words = Annotated[str, Meta(max_length=200)]
Link = Annotated[str, Meta(max_length=500, pattern="^https?://")]


class Manifest(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """model.toml. Each field says, in its Meta, what it takes."""

    title: Annotated[str, Meta(min_length=1, max_length=80, description="the name people read, up to 80 characters")]
    kind: Annotated[Kind, Meta(description="extract, generate or transform")]
    tagline: Annotated[str, Meta(max_length=200, description="one sentence, up to 200 characters")] = ""
    category: Annotated[
        str,
        Meta(
            max_length=40,
            pattern="^([a-z0-9][a-z0-9 -]*)?$",
            description="a small word such as drawing, colour or text",
        ),
    ] = ""
    keywords: Annotated[tuple[Words, ...], Meta(max_length=50, description='a list of words: ["sketch", "line"]')] = ()
    licence_code: Annotated[str, Meta(max_length=200, description='the licence of the code, such as "MIT"')] = ""
    licence_weights: Annotated[
        str, Meta(max_length=200, description="the licence of the weights, empty if there are none")
    ] = ""
    publisher: Annotated[str, Meta(max_length=200, description="who made this folder")] = ""
    attribution: Annotated[str, Meta(max_length=2000, description="whose work it rests on")] = ""
    links: Annotated[
        dict[Words, Link], Meta(max_length=20, description='a table of addresses: paper = "https://..."')
    ] = {}
    cpu: Annotated[Literal["yes", "slow", "no"], Meta(description="yes, slow or no: does it run without a GPU")] = "yes"
    gpu: Annotated[
        Literal["unused", "helps", "needed"], Meta(description="unused, helps or needed: what a GPU is to it")
    ] = "unused"
    size: Annotated[
        int, Meta(ge=0, description="bytes with weights, a whole number; counted from the folder if left out")
    ] = 0
    published: Annotated[dt.date | None, Meta(description="a date without quotes: 2026-01-31")] = None
    preview: Annotated[str, Meta(max_length=200, description="a .jpg or .png in the folder")] = ""
    walk: Annotated[
        dict[str, Any] | None,
        Meta(
            description='a table of walk settings, if it walks by itself: kind = "noise", or empty for the usual ones'
        ),
    ] = None
    opens: Annotated[
        dict[Annotated[str, Meta(pattern="^[.][a-z0-9]{1,20}$")], Words],
        Meta(max_length=20, description='a table of file endings it can load, and by which option: ".pkl" = "network"'),
    ] = {}
    hub: Annotated[
        dict[Annotated[str, Meta(pattern="^([a-z0-9][a-z0-9_.-]{0,60}|[*])$")], Words],
        Meta(
            max_length=20,
            description='a table of kinds of networks on the Hugging Face Hub that it runs, "*" for all others, and '
            'by which option: gpt2 = "network"',
        ),
    ] = {}


def fields() -> dict[str, str]:
    """Every key of model.toml and what it takes, in words."""
    hints = typing.get_type_hints(Manifest, include_extras=True)
    return {name: str(_meta(hint).description) for name, hint in hints.items()}


def _meta(hint: Any) -> Meta:
    return next(extra for extra in hint.__metadata__ if isinstance(extra, Meta))


def is_model_folder(folder: Path) -> bool:
    """A folder counts as a model's when it has a model.toml."""
    return os.path.lexists(folder / FILE)


def read(folder: Path) -> Manifest:
    """The folder's manifest, its size counted; ModelBroken, in words, for whatever is wrong with it."""
    manifest = parse(_text(folder))
    if manifest.preview and preview_of(folder, manifest) is None:
        raise _wrong("preview", manifest.preview)
    return manifest if manifest.size else msgspec.structs.replace(manifest, size=size_of(folder))


def parse(text: str) -> Manifest:
    """A manifest from the text of a model.toml."""
    try:
        table = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        said = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise ModelBroken(f"{FILE} is not valid TOML: {said}", hint='a line looks like: title = "Pencil"') from None
    manifest = _convert(table)
    if manifest.gpu == "needed" and manifest.cpu != "no":
        raise ModelBroken(
            f"{FILE} says that a GPU is needed and that it runs without", hint='cpu = "no" goes with gpu = "needed"'
        )
    return manifest


def _convert(table: dict[str, Any]) -> Manifest:
    hints = typing.get_type_hints(Manifest, include_extras=True)
    unknown = [key for key in table if key not in hints]
    if unknown:
        raise _unknown(unknown[0], list(hints))
    return Manifest(**{key: _value(key, value, hints[key]) for key, value in _required(table).items()})


def _required(table: dict[str, Any]) -> dict[str, Any]:
    missing = [key for key in ("title", "kind") if key not in table]
    if missing:
        raise ModelBroken(f"{FILE} has no {missing[0]}", hint=f"it is {fields()[missing[0]]}", field=missing[0])
    return table


def _value(key: str, value: Any, hint: Any) -> Any:
    try:
        return msgspec.convert(value, hint)
    except msgspec.ValidationError:
        raise _wrong(key, value) from None


def _wrong(key: str, value: Any) -> ModelBroken:
    return ModelBroken(f"{FILE}: {key} can't be {reprlib.repr(value)}", hint=f"it is {fields()[key]}", field=key)


def _unknown(key: str, known: list[str]) -> ModelBroken:
    near = difflib.get_close_matches(key, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"it knows {', '.join(known)}"
    return ModelBroken(f"{FILE}: there is no key {reprlib.repr(key)}", hint=hint, field=key[:80])


# --- files ---------------------------------------------------------------------------------------


def card_of(folder: Path) -> str:
    """The text of README.md, cut at a limit; empty where there is none that can be read."""
    file = _inside(folder, "README.md")
    if file is None:
        return ""
    try:
        with file.open("rb") as opened:
            return opened.read(limits.CARD_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""


def preview_of(folder: Path, manifest: Manifest | None) -> Path | None:
    """The preview picture, if there is one and it lies in the folder."""
    named = (manifest.preview,) if manifest and manifest.preview else PREVIEWS
    found = (_inside(folder, name) for name in named if name.lower().endswith((".jpg", ".jpeg", ".png")))
    return next((file for file in found if file is not None), None)


def _inside(folder: Path, name: str) -> Path | None:
    """A plain file of the folder; a name or a link that leads out of it counts as none."""
    try:
        file = (folder / name).resolve()
        return file if file.is_relative_to(folder.resolve()) and file.is_file() else None
    except (OSError, ValueError, RuntimeError):
        return None


def _text(folder: Path) -> str:
    file = folder / FILE
    try:
        about = file.stat()
        # A pipe or a device would be waited for without end.
        if not stat.S_ISREG(about.st_mode):
            raise ModelBroken(f"{FILE} is not a plain file")
        if about.st_size > limits.MANIFEST_BYTES:
            raise ModelBroken(
                f"{FILE} is too large: {about.st_size} bytes", hint=f"it may have {limits.MANIFEST_BYTES}"
            )
        return file.read_bytes().decode()
    except OSError as error:
        raise ModelBroken(f"{FILE} can't be read: {error.strerror}", hint="see its permissions") from None
    except UnicodeDecodeError:
        raise ModelBroken(f"{FILE} is not text", hint="save it as UTF-8") from None


def size_of(folder: Path) -> int:
    """Bytes of the folder's files; counting ends at a number of files that only a data set has."""
    total = 0
    for count, file in enumerate(files_of(folder)):
        if count >= limits.MODEL_FILES:
            break
        try:
            total += file.lstat().st_size
        except OSError:
            continue
    return total


def files_of(folder: Path) -> Iterator[Path]:
    """The folder's files in a settled order, without hidden ones, caches and what links lead to."""
    for top, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__pycache__")))
        yield from (Path(top, name) for name in sorted(names) if not name.startswith("."))
