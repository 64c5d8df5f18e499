"""Folders, files and networks, read as entries without importing their code."""

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

import msgspec

from bridge import limits, manifest
from bridge.catalog.entry import Entry, Origin
from bridge.errors import BridgeError, ModelBroken
from bridge.references import Network

_ID = re.compile(r"[a-z0-9_][a-z0-9_-]{0,63}")


def is_id(text: str) -> bool:
    """Can a model be called that?"""
    return _ID.fullmatch(text) is not None


def openers(entries: Iterable[Entry]) -> dict[str, Entry]:
    """By the ending, the first model that opens such files."""
    found: dict[str, Entry] = {}
    for entry in entries:
        for suffix in entry.manifest.opens if entry.manifest else ():
            found.setdefault(suffix, entry)
    return found


def of_file(file: Path, opener: Entry, origin: Origin) -> Entry:
    """A file as a model of its own, with what its model says of itself."""
    about = opener.about
    try:
        facts = file.stat()
    except OSError as error:
        problem = ModelBroken(f"{file.name} can't be read: {error.strerror}", hint="see its permissions")
        return Entry(slug(file.stem), opener.folder, origin, problem=problem.info(), file=file)
    return msgspec.structs.replace(
        opener,
        id=slug(file.stem),
        origin=origin,
        manifest=msgspec.structs.replace(about, title=file.stem, size=facts.st_size),
        changed=facts.st_mtime,
        file=file,
        options={about.opens[file.suffix.lower()]: str(file)},
    )


def of_network(ref: str, network: Network, opener: Entry) -> Entry:
    """A network on the Hub as a model, with what is known of it there."""
    about = opener.about
    owner, _, name = network.id.rpartition("/")
    told = msgspec.structs.replace(
        about,
        title=name[:80],
        tagline=f"{about.title}, with the weights of {network.id}"[:200],
        licence_weights=network.licence[:200],
        publisher=owner[:200],
        size=network.size,
        links={"page": f"https://huggingface.co/{network.id}"},
    )
    option = about.hub.get(network.kind) or about.hub["*"]
    return msgspec.structs.replace(opener, id=ref, manifest=told, options={option: ref}, kept=network.kept)


def read(folder: Path, origin: Origin) -> Entry:
    """The entry of one folder, whatever is wrong with it."""
    id = slug(folder.name)
    try:
        return _readable(id, folder, origin)
    except BridgeError as error:
        return Entry(id, folder, origin, card=manifest.card_of(folder), problem=error.info())
    except OSError as error:
        trouble = ModelBroken(f"{folder.name} can't be read: {error.strerror}", hint="see its permissions")
        return Entry(id, folder, origin, problem=trouble.info())


def missing(folder: Path) -> Entry:
    """In place of models, where a path leads to none."""
    what = "holds no model folder" if folder.is_dir() else "is not there"
    problem = ModelBroken(f"{folder} {what}", hint=f"a model folder has a {manifest.FILE}")
    return Entry(slug(folder.name), folder, "path", problem=problem.info())


def _readable(id: str, folder: Path, origin: Origin) -> Entry:
    if not is_id(folder.name):
        raise ModelBroken(f"{folder.name!r} can't be a model's id", hint=f"rename the folder: {id}")
    about = manifest.read(folder)
    if not (folder / "model.py").is_file():
        raise ModelBroken(f"{folder.name} has no model.py", hint="its class from Model goes there")
    preview = manifest.preview_of(folder, about)
    changed = (folder / manifest.FILE).stat().st_mtime
    return Entry(id, folder, origin, about, manifest.card_of(folder), preview, digest_of(folder), changed=changed)


def slug(name: str) -> str:
    """The nearest thing to that name that can be an id."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9_-]+", "-", plain).strip("-") or "unnamed"


def hidden(entry: Entry, winner: Entry) -> Entry:
    """One that can't be named, since the other has its id and counts more."""
    where = (
        "another path"
        if winner.origin == "path"
        else f"the {winner.origin} one"
        if winner.origin != "yours"
        else "yours"
    )
    hint = "rename one of the two folders, or name this one by its path"
    problem = ModelBroken(f"{entry.id} ({entry.origin}) is hidden by {where} of the same name", hint=hint)
    return msgspec.structs.replace(entry, problem=problem.info())


def digest_of(folder: Path) -> str:
    """Of the names and contents of the folder's code."""
    summed = hashlib.sha256()
    for count, file in enumerate(manifest.files_of(folder)):
        if count >= limits.MODEL_FILES:
            break
        if file.suffix == ".py" and file.is_file():
            summed.update(f"{file.relative_to(folder).as_posix()} {file.stat().st_size}\n".encode())
            with file.open("rb") as opened:
                summed.update(opened.read(limits.CODE_BYTES))
    return summed.hexdigest()
