"""Which models there are: entries of several places, described by a child process when asked."""

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import msgspec

from bridge import elsewhere, limits, manifest, references
from bridge.catalog.cache import Cache
from bridge.catalog.entry import Entry, Origin, Source
from bridge.catalog.places import model_folders, openable_files
from bridge.catalog.reading import hidden, is_id, missing, of_file, of_network, openers, read, slug
from bridge.catalog.search import matching
from bridge.errors import BridgeError, ErrorInfo, ModelBroken, UnknownModel, from_info
from bridge.references import Network
from bridge.signature import Signature
from bridge.suggest import nearest

Describe = Callable[[Path], Awaitable[Signature]]
LookUp = Callable[[str], Awaitable[Network]]

_ORDER: tuple[Origin, ...] = ("path", "yours", "package", "built-in")  # of two with one id, the earlier counts


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
        self._cache = Cache(state / "signatures")
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
                shadowed.append(hidden(entry, winner))
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
        entry = self.get(ref) if is_id(ref) else self.add_path(Path(ref))
        entry.check()
        return entry

    async def resolved(self, ref: str) -> Entry:
        """resolve() for a loop, which also knows the Hub: the disk is looked at in a thread."""
        if references.is_reference(ref):
            return await self._network(ref)
        if elsewhere.is_address(ref):
            return self._server(ref)
        if is_id(ref):
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
            raise ModelBroken(f"{path} has no {manifest.FILE}", hint=new_hint(path), field="model")
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

    def search(self, text: str = "", **filters: Any) -> list[Entry]:
        """The entries that fit all of it, see matching(). Port kinds: await describe_all() first."""
        return matching(self.entries, text, **filters)

    # --- within ----------------------------------------------------------------------------------

    def _found(self) -> Iterator[Entry]:
        """Entries of every place, those that count more first."""
        sources = sorted(self._sources, key=lambda source: _ORDER.index(source.origin))
        self._opens = openers(
            read(folder, source.origin) for source in sources for folder in model_folders(source.folder)
        )
        for source in sources:
            if source.problem is not None:
                yield Entry(slug(source.folder.name), source.folder, source.origin, problem=source.problem)
                continue
            own = model_folders(source.folder)
            yield from (self._known(read(folder, source.origin)) for folder in own)
            files = openable_files(source, self._opens)
            yield from (self._known(of_file(file, self._opens[file.suffix.lower()], source.origin)) for file in files)
            if source.origin == "path" and not own and not files:
                yield missing(source.folder)

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
                known = self._known(of_network(ref, network, self._runs(network)))
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
        if is_id(id) and Path(id).is_dir():
            hint = f"for the folder of that name write .{os.sep}{id}"
        return UnknownModel(f"there is no model {id[:100]!r}", hint=hint, field="model")


def new_hint(folder: Path) -> str:
    holds = model_folders(folder)
    return f"name one of its folders: {holds[0].name}" if holds else "sketchbridge new NAME makes a model folder"
