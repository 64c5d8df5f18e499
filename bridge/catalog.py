"""Which models there are: folders found in several places, read without importing any of them."""

import asyncio
import calendar
import hashlib
import importlib.metadata
import importlib.util
import os
import re
import sys
import threading
import unicodedata
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal
from weakref import WeakValueDictionary

import msgspec

from bridge import elsewhere, limits, manifest, references
from bridge.errors import BridgeError, ErrorInfo, Forbidden, InputError, ModelBroken, UnknownModel, from_info
from bridge.manifest import Manifest
from bridge.references import Network
from bridge.signature import Signature
from bridge.suggest import nearest

GROUP = "sketchbridge.models"  # the entry points by which an installed package offers models

Origin = Literal["path", "yours", "package", "built-in"]
Describe = Callable[[Path], Awaitable[Signature]]
LookUp = Callable[[str], Awaitable[Network]]
Sort = Literal["", "name", "newest"]

_ORDER: tuple[Origin, ...] = ("path", "yours", "package", "built-in")  # of two with one id, the earlier counts
_ID = re.compile(r"[a-z0-9_][a-z0-9_-]{0,63}")
_SORTS = ("name", "newest")
_KINDS = ("extract", "generate", "transform")


class Source(msgspec.Struct, frozen=True):
    """A place with models: a model folder, or a folder of them. With a problem it is a place that can't be found."""

    origin: Origin
    folder: Path
    problem: ErrorInfo | None = None


class Entry(msgspec.Struct, frozen=True):
    """One model as the catalogue knows it. Without a manifest it can't be opened, and `problem` says why."""

    id: str
    folder: Path
    origin: Origin
    manifest: Manifest | None = None
    card: str = ""
    preview: Path | None = None
    digest: str = ""  # of its code; another digest means another signature
    signature: Signature | None = None  # None until described
    problem: ErrorInfo | None = None
    changed: float = 0.0  # when its folder was written to, in seconds since 1970
    file: Path | None = None  # such as a network, which the model of the folder loads
    options: dict[str, Any] = {}  # that go with the file, or with the network on the Hub
    address: str = ""  # of the server that holds it, where that is not this bridge
    kept: bool = True  # all of it lies here; of a network on the Hub, when it was looked up

    @property
    def about(self) -> Manifest:
        """The manifest; ModelBroken with the reason where there is none."""
        if self.manifest is None:
            raise from_info(self.problem) if self.problem else ModelBroken(f"{self.id} can't be read")
        return self.manifest

    @property
    def name(self) -> str:
        """What its session is called when nobody says."""
        if self.address:
            return elsewhere.name_of(self.address)
        return references.name_of(self.id) if references.is_reference(self.id) else self.id

    @property
    def where(self) -> str:
        """What a backend finds it by."""
        return self.address or str(self.folder)

    def check(self) -> None:
        """ModelBroken, with the reason, for one that can't be opened."""
        _ = self.about

    def check_told(self, options: Mapping[str, Any] | None) -> None:
        """Forbidden where options that came over a wire name a file of this machine."""
        for name, value in (options or {}).items():
            if self.manifest is None:
                continue
            by_path = name in self.manifest.hub.values() and not (isinstance(value, str) and references.is_id(value))
            if by_path or name in self.manifest.opens.values():
                raise Forbidden(
                    f"{name} names a file of the bridge's machine, so only there it can be said",
                    hint=f"put the file into the models folder there, or start with --model NAME=FILE; {self.id} "
                    "is then listed under its name",
                    field=name,
                )

    def describe(self) -> dict[str, Any]:
        """All that is known, as JSON: for the directory, the studio, the command line. No path of this machine."""
        return {
            "id": self.id,
            "origin": self.origin,
            "title": self.manifest.title if self.manifest else self.id,
            "manifest": msgspec.to_builtins(self.manifest) if self.manifest else None,
            "card": self.card,
            "preview": self.preview is not None,
            "signature": msgspec.to_builtins(self.signature) if self.signature else None,
            "problem": msgspec.to_builtins(self.problem) if self.problem else None,
        }


# --- where models come from ----------------------------------------------------------------------


def builtin_folder() -> Path:
    """The models that come with the bridge: inside an installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parent
    inside = package / "_models"
    return inside if inside.is_dir() else package.parent / "models"


def sources(yours: Path | None = None, paths: Iterable[Path] = ()) -> list[Source]:
    """Every place where a bridge looks: paths the user named, their folder, installed packages, the built-in ones."""
    found = [Source("path", path) for path in paths]
    if yours is not None:
        found.append(Source("yours", yours))
    return [*found, *package_sources(), Source("built-in", builtin_folder())]


def package_sources() -> list[Source]:
    """What installed packages offer; none of them is imported."""
    return [_package_source(point) for point in importlib.metadata.entry_points(group=GROUP)]


def _package_source(point: importlib.metadata.EntryPoint) -> Source:
    """The folder that an entry point such as `mine = "my_package.models"` names."""
    top, *rest = point.value.partition(":")[0].strip().split(".")
    try:
        # For a name without dots this only looks; it imports nothing.
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError, AttributeError):
        spec = None
    for place in (spec.submodule_search_locations or ()) if spec else ():
        folder = Path(place, *rest)
        if _folders(folder):
            return Source("package", folder)
    problem = ModelBroken(
        f"{point.value} is not a folder of models in an installed package",
        hint="a package names it so: my_package.models",
    )
    return Source("package", Path(point.name), problem.info())


# --- the catalogue -------------------------------------------------------------------------------


class Catalog:
    """The models of some places, read when made and by refresh(). What is handed in as `describe` asks a child.

    So does `look_up`, about networks on the Hub; without it there are none.
    """

    def __init__(
        self,
        sources: Iterable[Source],
        state: Path,
        describe: Describe,
        look_up: LookUp | None = None,
        describe_server: Callable[[str], Awaitable[Signature]] | None = None,
    ) -> None:
        self._describe_server = describe_server
        self._servers: dict[str, Entry] = {}  # by their address, as the user of this machine named them
        self._sources = [msgspec.structs.replace(source, folder=source.folder.absolute()) for source in sources]
        self._cache = _Cache(state / "signatures")
        self._describe = describe
        self._look_up = look_up
        self._networks: dict[str, Entry] = {}  # of the Hub, by the reference that somebody named
        self._asking: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()  # one child for all who ask
        self._places = asyncio.Semaphore(limits.DESCRIBE_AT_ONCE)
        self._turns: dict[Path, asyncio.Lock] = {}
        self._refused: dict[tuple[Path, str], ErrorInfo] = {}  # kept in memory only: an install may mend it
        self._entries: dict[str, Entry] = {}
        self._shadowed: tuple[Entry, ...] = ()
        self._opens: dict[str, Entry] = {}
        self._looking = threading.Lock()  # a path may be taken in by another thread than the loop's
        self.refresh()

    @property
    def entries(self) -> list[Entry]:
        """Every model, broken ones with their reason, by id."""
        return sorted(self._entries.values(), key=lambda entry: entry.id)

    @property
    def shadowed(self) -> tuple[Entry, ...]:
        """Models that can't be named by id, since another with the same id counts more; `problem` says which."""
        return self._shadowed

    def refresh(self) -> None:
        """Look at every place again. Blocks for as long as the disk takes; from a loop, use a thread."""
        with self._looking:
            self._refresh()

    def _refresh(self) -> None:
        chosen: dict[str, Entry] = {}
        shadowed = []
        for entry in self._found():
            winner = chosen.setdefault(entry.id, entry)
            if winner is not entry and (winner.folder, winner.file) != (entry.folder, entry.file):
                shadowed.append(_hidden(entry, winner))
        self._entries, self._shadowed = chosen, tuple(shadowed)

    def get(self, id: str) -> Entry:
        """The model of that id, broken or not; UnknownModel if there is none."""
        entry = self._entries.get(id) or self._networks.get(id) or self._servers.get(id)
        if entry is None:
            raise self._unknown(id)
        return entry

    async def named(self, ref: str) -> Entry:
        """The model of that id, broken or not, or a network on the Hub. Never a path: it may come over a wire.

        One that was put into a folder since the last look is found.
        """
        if references.is_reference(ref):
            return await self._network(ref)
        await self._look_for(ref)
        return self.get(ref)

    def resolve(self, ref: str) -> Entry:
        """A model that can be opened, by id or by the path of its folder or file; UnknownModel or ModelBroken.

        A path is code that will run here: give only what the user of this machine named, never what came over a wire.
        """
        entry = self.get(ref) if _ID.fullmatch(ref) else self.add_path(Path(ref))
        entry.check()
        return entry

    async def resolved(self, ref: str) -> Entry:
        """resolve() for a loop, which also knows the Hub: the disk is looked at in a thread."""
        if references.is_reference(ref):
            return await self._network(ref)
        if elsewhere.is_address(ref):
            return self._server(ref)
        if _ID.fullmatch(ref):
            await self._look_for(ref)
            return self.resolve(ref)
        return await asyncio.to_thread(self.resolve, ref)

    def add_path(self, path: Path) -> Entry:
        """Take in a model folder, or a file that a model opens. From now on it counts more than others of its id.

        Blocks as refresh() does.
        """
        try:
            path = path.expanduser().resolve()
            is_file, there = path.is_file(), path.exists()
        except (OSError, ValueError, RuntimeError):  # too long, a null byte, nobody's home
            there = False
        if not there:
            raise UnknownModel(
                f"there is no folder and no file {str(path)[:200]}",
                hint="name a catalogue id, or the path of a model folder or of a file that a model opens",
                field="model",
            )
        if is_file and path.suffix.lower() not in self.opens:
            known = ", ".join(self.opens) or "none"
            raise ModelBroken(f"no model opens {path.name}", hint=f"files that can be opened: {known}", field="model")
        if not is_file and not manifest.is_model_folder(path):
            raise ModelBroken(f"{path} has no {manifest.FILE}", hint=_new_hint(path), field="model")
        with self._looking:
            self._sources = list(dict.fromkeys([Source("path", path), *self._sources]))
            self._refresh()
            return next(entry for entry in self._entries.values() if (entry.file or entry.folder) == path)

    @property
    def opens(self) -> dict[str, Entry]:
        """By the ending of a file, the model that loads it."""
        return dict(self._opens)

    async def signature(self, entry: Entry) -> Signature:
        """What that model takes and gives; ModelBroken or whatever keeps its code from telling."""
        described = await self.described(entry)
        if described.signature is None:
            raise from_info(described.problem) if described.problem else ModelBroken(f"{entry.id} can't be described")
        return described.signature

    async def described(self, entry: Entry) -> Entry:
        """The entry with its signature, or with the problem that kept it from being told. One child for all who ask."""
        if entry.signature is not None or entry.manifest is None:
            return entry
        async with self._turns.setdefault(entry.folder, asyncio.Lock()):
            known = self._known(entry)
            if known.signature is None and known.problem is None:
                known = await self._asked(known)
        return known

    async def describe_all(self) -> list[Entry]:
        """Every entry, described, a few children at a time."""
        return list(await asyncio.gather(*(self.described(entry) for entry in self.entries)))

    def search(
        self,
        text: str = "",
        *,
        kind: str = "",
        category: str = "",
        input: str = "",
        output: str = "",
        cpu: bool | None = None,
        sort: str = "",
    ) -> list[Entry]:
        """The entries that fit all of it. Port kinds are known of described ones only: await describe_all() first."""
        _check_choice("kind", kind, _KINDS)
        _check_choice("sort", sort, _SORTS)
        words = _folded(text).split()
        told = bool(kind or category or cpu is not None)
        fitting = [
            entry
            for entry in self.entries
            if all(word in _searched(entry) for word in words)
            and (not told or _tells(entry, kind, category, cpu))
            and (not input or input in _input_kinds(entry))
            and (not output or output in _output_kinds(entry))
        ]
        return sorted(fitting, key=lambda entry: _rank(entry, words, sort))

    # --- within ----------------------------------------------------------------------------------

    def _found(self) -> Iterator[Entry]:
        """Entries of every place, those that count more first."""
        sources = sorted(self._sources, key=lambda source: _ORDER.index(source.origin))
        self._opens = _openers(_read(folder, source.origin) for source in sources for folder in _folders(source.folder))
        for source in sources:
            if source.problem is not None:
                yield Entry(_slug(source.folder.name), source.folder, source.origin, problem=source.problem)
                continue
            folders = _folders(source.folder)
            yield from (self._known(_read(folder, source.origin)) for folder in folders)
            files = _files(source, self._opens)
            yield from (self._known(_of_file(file, self._opens[file.suffix.lower()], source.origin)) for file in files)
            if source.origin == "path" and not folders and not files:
                yield _missing(source.folder)

    async def _look_for(self, id: str) -> None:
        """Look at every place again where there is no such model yet."""
        try:
            self.get(id)
        except UnknownModel:
            await asyncio.to_thread(self.refresh)

    def _server(self, address: str) -> Entry:
        """A server that holds a model. As with paths: only the user of this machine may name it."""
        if self._describe_server is None:
            raise UnknownModel(f"{address[:200]}: models of other servers can't be had from here", field="model")
        about = elsewhere.manifest_of(address)
        return self._servers.setdefault(
            address, Entry(address, Path(address), "path", about, digest=address, address=address)
        )

    async def _network(self, ref: str) -> Entry:
        """A network on the Hub as a model of its own; asked about once."""
        if self._look_up is None:
            raise UnknownModel(f"{ref[:200]}: networks on the Hub can't be reached from here", field="model")
        turn = self._asking.get(ref)
        if turn is None:
            turn = self._asking[ref] = asyncio.Lock()
        async with turn:
            known = self._networks.get(ref)
            if known is None:
                async with self._places:
                    network = await self._look_up(ref)
                known = self._known(_of_network(ref, network, self._runs(network)))
                self._networks[ref] = known
        while len(self._networks) > limits.NETWORKS:
            del self._networks[next(iter(self._networks))]
        return known

    def _runs(self, network: Network) -> Entry:
        """The model that runs networks of that kind."""
        able = [entry for entry in self.entries if entry.manifest is not None and entry.manifest.hub]
        for kind in (network.kind, "*"):
            if found := next((entry for entry in able if entry.about.hub.get(kind)), None):
                return found
        raise ModelBroken(f"no model here runs networks of the kind {network.kind[:80]}", field="model")

    def _known(self, entry: Entry) -> Entry:
        """The entry with what is already known of its code."""
        if entry.manifest is None or entry.signature is not None:
            return entry
        problem = self._refused.get((entry.folder, entry.digest))
        return msgspec.structs.replace(entry, signature=self._cache.get(entry), problem=problem)

    async def _asked(self, entry: Entry) -> Entry:
        try:
            async with self._places, asyncio.timeout(limits.DESCRIBE_SECONDS):
                signature = await self._told_by(entry)
        except TimeoutError:
            hint = "move what takes long from the top of model.py into setup"
            slow = ModelBroken(f"{entry.id} took more than {limits.DESCRIBE_SECONDS:.0f} s to be imported", hint=hint)
            described = self._refuse(entry, slow)
        except BridgeError as error:
            described = self._refuse(entry, error)
        else:
            if not entry.address:  # another server may hold another model the next time
                self._cache.put(entry, signature)
            described = msgspec.structs.replace(entry, signature=signature, problem=None)
        if self._entries.get(entry.id) == entry:  # not if it was read anew in the meantime
            self._entries[entry.id] = described
        return described

    async def _told_by(self, entry: Entry) -> Signature:
        if entry.address and self._describe_server is not None:
            return await self._describe_server(entry.address)
        return await self._describe(entry.folder)

    def _refuse(self, entry: Entry, error: BridgeError) -> Entry:
        if not entry.address:
            self._refused[entry.folder, entry.digest] = error.info()
        return msgspec.structs.replace(entry, problem=error.info())

    def _unknown(self, id: str) -> UnknownModel:
        hint = nearest(id, self._entries, "there are")
        if _ID.fullmatch(id) and Path(id).is_dir():
            hint = f"for the folder of that name write .{os.sep}{id}"
        return UnknownModel(f"there is no model {id[:100]!r}", hint=hint, field="model")


# --- reading folders -----------------------------------------------------------------------------


def _folders(place: Path) -> list[Path]:
    """The place itself if it is a model folder, else the model folders in it."""
    if manifest.is_model_folder(place):
        return [place]
    try:
        with os.scandir(place) as items:
            names = sorted(item.name for item in items if not item.name.startswith((".", "_")))
    except OSError:
        return []  # not there yet, or not ours to read: no models
    return [place / name for name in names[: limits.MODELS_PER_SOURCE] if manifest.is_model_folder(place / name)]


def _files(source: Source, opens: Mapping[str, Entry]) -> list[Path]:
    """What lies in that place, or is it, and can be opened by a model. Only what the user put there."""
    if source.origin not in ("path", "yours") or manifest.is_model_folder(source.folder):
        return []
    if source.folder.is_file():
        return [source.folder] if source.folder.suffix.lower() in opens else []
    if source.origin == "path":
        return []
    try:
        with os.scandir(source.folder) as items:
            names = sorted(item.name for item in items if not item.name.startswith((".", "_")) and item.is_file())
    except OSError:
        return []
    return [source.folder / name for name in names if Path(name).suffix.lower() in opens][: limits.MODELS_PER_SOURCE]


def _openers(entries: Iterable[Entry]) -> dict[str, Entry]:
    """By the ending, the first model that opens such files."""
    found: dict[str, Entry] = {}
    for entry in entries:
        for suffix in entry.manifest.opens if entry.manifest else ():
            found.setdefault(suffix, entry)
    return found


def _of_file(file: Path, opener: Entry, origin: Origin) -> Entry:
    """A file as a model of its own, with what its model says of itself."""
    about = opener.about
    try:
        facts = file.stat()
    except OSError as error:
        problem = ModelBroken(f"{file.name} can't be read: {error.strerror}", hint="see its permissions")
        return Entry(_slug(file.stem), opener.folder, origin, problem=problem.info(), file=file)
    return msgspec.structs.replace(
        opener,
        id=_slug(file.stem),
        origin=origin,
        manifest=msgspec.structs.replace(about, title=file.stem, size=facts.st_size),
        changed=facts.st_mtime,
        file=file,
        options={about.opens[file.suffix.lower()]: str(file)},
    )


def _of_network(ref: str, network: Network, opener: Entry) -> Entry:
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


def _read(folder: Path, origin: Origin) -> Entry:
    """The entry of one folder, whatever is wrong with it."""
    id = _slug(folder.name)
    try:
        return _readable(id, folder, origin)
    except BridgeError as error:
        return Entry(id, folder, origin, card=manifest.card_of(folder), problem=error.info())
    except OSError as error:
        trouble = ModelBroken(f"{folder.name} can't be read: {error.strerror}", hint="see its permissions")
        return Entry(id, folder, origin, problem=trouble.info())


def _missing(folder: Path) -> Entry:
    what = "holds no model folder" if folder.is_dir() else "is not there"
    problem = ModelBroken(f"{folder} {what}", hint=f"a model folder has a {manifest.FILE}")
    return Entry(_slug(folder.name), folder, "path", problem=problem.info())


def _readable(id: str, folder: Path, origin: Origin) -> Entry:
    if not _ID.fullmatch(folder.name):
        raise ModelBroken(f"{folder.name!r} can't be a model's id", hint=f"rename the folder: {id}")
    about = manifest.read(folder)
    if not (folder / "model.py").is_file():
        raise ModelBroken(f"{folder.name} has no model.py", hint="its class from Model goes there")
    preview = manifest.preview_of(folder, about)
    changed = (folder / manifest.FILE).stat().st_mtime
    return Entry(id, folder, origin, about, manifest.card_of(folder), preview, _digest(folder), changed=changed)


def _slug(name: str) -> str:
    """The nearest thing to that name that can be an id."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9_-]+", "-", plain).strip("-") or "unnamed"


def _hidden(entry: Entry, winner: Entry) -> Entry:
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


def _new_hint(folder: Path) -> str:
    holds = _folders(folder)
    return f"name one of its folders: {holds[0].name}" if holds else "sketchbridge new NAME makes a model folder"


# --- searching -----------------------------------------------------------------------------------


def _tells(entry: Entry, kind: str, category: str, cpu: bool | None) -> bool:
    """Does its manifest say so? A broken one says nothing."""
    about = entry.manifest
    return (
        about is not None
        and kind in ("", about.kind)
        and (not category or _folded(about.category) == _folded(category))
        and (cpu is None or (about.cpu != "no") == cpu)
    )


def _check_choice(field: str, value: str, choices: Sequence[str]) -> None:
    if value and value not in choices:
        raise InputError(
            f"{field} can't be {value!r}", hint=f"it is {', '.join(choices[:-1])} or {choices[-1]}", field=field
        )


def _folded(text: str) -> str:
    """Without case and accents."""
    plain = unicodedata.normalize("NFKD", text)
    return "".join(character for character in plain if not unicodedata.combining(character)).casefold()


def _searched(entry: Entry) -> str:
    about = entry.manifest
    return _folded(" ".join((entry.id, about.title, about.tagline, *about.keywords)) if about else entry.id)


def _rank(entry: Entry, words: Sequence[str], sort: str) -> tuple[Any, ...]:
    """Named ones before those that only mention it, unless a sort was asked for."""
    about = entry.manifest
    title = _folded(about.title if about else entry.id)
    if sort == "newest":
        day = about.published if about else None
        return (-calendar.timegm(day.timetuple()) if day else -entry.changed, title, entry.id)
    mentioned = not sort and not all(word in f"{entry.id} {title}" for word in words)
    return (mentioned, title, entry.id)


def _input_kinds(entry: Entry) -> set[str]:
    commands = entry.signature.commands.values() if entry.signature else ()
    return {port.kind for command in commands for port in command.inputs.values()}


def _output_kinds(entry: Entry) -> set[str]:
    return {port.kind for port in entry.signature.outputs.values()} if entry.signature else set()


# --- signatures kept between starts --------------------------------------------------------------


class _Cache:
    """One small file for each model folder. A cache that can't be written or read costs time, nothing else."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._reader = _reader_digest()
        self._known: dict[Path, tuple[str, Signature]] = {}

    def get(self, entry: Entry) -> Signature | None:
        """The signature of this code, if it is known."""
        known = self._known.get(entry.folder) or self._from_file(entry)
        if known is None or known[0] != entry.digest:
            return None
        self._known[entry.folder] = known
        return known[1]

    def put(self, entry: Entry, signature: Signature) -> None:
        """Keep it, here and for the next start."""
        self._known[entry.folder] = (entry.digest, signature)
        file = self._file(entry)
        fresh = file.with_name(f"{file.name}.{os.getpid()}")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            fresh.write_bytes(msgspec.json.encode(_Kept(entry.digest + self._reader, signature)))
            fresh.replace(file)
        except OSError:
            return

    def _from_file(self, entry: Entry) -> tuple[str, Signature] | None:
        try:
            kept = msgspec.json.decode(self._file(entry).read_bytes(), type=_Kept)
        except (OSError, ValueError, RecursionError):
            return None
        return (entry.digest, kept.signature) if kept.digest == entry.digest + self._reader else None

    def _file(self, entry: Entry) -> Path:
        return self._folder / f"{entry.id[:60]}-{hashlib.sha256(str(entry.folder).encode()).hexdigest()[:12]}.json"


class _Kept(msgspec.Struct):
    digest: str
    signature: Signature


def _digest(folder: Path) -> str:
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


def _reader_digest() -> str:
    """Of what turns code into a signature: this Python and our own files that read and describe."""
    package = Path(__file__).resolve().parent
    summed = hashlib.sha256(sys.version.encode())
    for file in (package / "model.py", package / "signature.py", *sorted((package / "ports").glob("*.py"))):
        summed.update(file.read_bytes())
    return summed.hexdigest()
