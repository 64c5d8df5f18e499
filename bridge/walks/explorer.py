"""The explorer of one session: tiles around a centre, made a batch at a time, kept, and forgotten when they are old.

What is looked at is shared by all who look, with a history to go back; what they ask for is theirs and ends with them.
"""

import asyncio
import contextlib
from collections import OrderedDict, deque
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec
import numpy as np

from bridge import limits
from bridge.errors import Busy, Cancelled, InputError, ModelFailed, UnknownPort
from bridge.ports import Blob, Encoding
from bridge.ports.vector import numbers
from bridge.ports.words import came
from bridge.session.outputs import Event
from bridge.session.run import RunHandle
from bridge.session.session import Session
from bridge.signature import Command
from bridge.walks import keys
from bridge.walks.anchors import Vectors
from bridge.walks.blends import Array
from bridge.walks.grid import BETWEEN, OFFSET, Grid, History, Tile, between, vectors
from bridge.walks.handles import Handles, picture_of
from bridge.walks.keys import Favourite, Given, Key
from bridge.walks.styles import Styles

_VERBS = ("to", "back", "forward")
_COMMAND = "tile"  # a model may have one that makes many pictures at once; else its usual one does
_BATCHES_AHEAD, _MOST_AHEAD = 2, 32
_HERE = "here"  # as a centre: where the session is now
Kept = Callable[[str], Given | None]


class Picture(msgspec.Struct, frozen=True):
    """A tile as it is shown: where it stands, and its picture."""

    row: int
    column: int
    image: Blob


class _UnderWay(NamedTuple):
    """A tile that is being made, and what is resolved when its run has ended."""

    tile: Tile
    run: RunHandle
    ended: asyncio.Future[None]


class _Stream:
    """What one who looks still waits for."""

    def __init__(self) -> None:
        self._under_way: deque[_UnderWay] = deque()
        self._over = False

    def __len__(self) -> int:
        return len(self._under_way)

    @property
    def first_has_ended(self) -> bool:
        return bool(self._under_way) and self._under_way[0].run.ended

    def add(self, one: _UnderWay) -> None:
        self._under_way.append(one)

    async def next(self, port: str) -> tuple[Tile, Blob]:
        """The picture of the first; Cancelled once the view has moved on."""
        tile, run, ended = self._under_way[0]
        await ended
        self.check()
        picture = run.whole().outputs.get(port)
        self._under_way.popleft()
        if not isinstance(picture, Blob):
            raise ModelFailed(f"{port} is no picture")
        return tile, picture

    def check(self) -> None:
        """Cancelled if the view has moved on."""
        if self._over:
            raise Cancelled("another place is looked at now", hint="ask for the tiles again: they are those of there")

    def end(self) -> None:
        """The view has moved on: nothing more is made."""
        self._over = True
        self.drop()

    def drop(self) -> None:
        """End the runs that it waits for. Idempotent."""
        for one in self._under_way:
            one.run.cancel()


class Explorer:
    """Made for a session whose model is loaded."""

    def __init__(self, session: Session, handles: Handles, kept: Kept) -> None:
        self._session = session
        self.handles = handles
        self._kept = kept
        assert session.signature is not None
        batch = max(command.batch for command in session.signature.commands.values())
        self._window = min(_MOST_AHEAD, _BATCHES_AHEAD * batch)
        self._places = asyncio.Semaphore(self._window)  # runs of all who look, together
        self._streams: set[_Stream] = set()
        self._moves = 0  # how often the view has moved on
        self._favourites: dict[str, Given] = {}  # favourites that were a centre: they stay, also when they are dropped
        self._history = History()
        self._styles = Styles(session, handles)
        self._pictures: OrderedDict[Any, Blob] = OrderedDict()
        self._bytes = 0

    @property
    def grid(self) -> Grid:
        return self._history.grid

    def describe(self) -> dict[str, Any]:
        """What is looked at, and how far back and forward one can go, as JSON."""
        history = self._history
        return {
            "grid": history.grid.plain(),
            "back": history.now,
            "forward": len(history.grids) - 1 - history.now,
        }

    def look(self, patch: Mapping[str, Any]) -> Grid:
        """Look elsewhere: settings of the grid, whose centre may be "here"; or "to": [row, column], that tile becomes
        the centre; or "back": true or "forward": true. InputError, and it stays as it is.

        Around another centre, with another seed or distance, whatever is still made of the old view ends as Cancelled.
        """
        if not isinstance(patch, Mapping):
            raise InputError(f"a grid takes an object of settings; {came(patch)} came", hint='such as {"rows": 5}')
        patch = {name: value for name, value in patch.items() if name not in _VERBS or _asks(name, value)}
        verbs = [name for name in _VERBS if name in patch]
        if verbs and len(patch) > 1:
            raise InputError(f"{verbs[0]} comes alone", hint="send the settings before or after it", field=verbs[0])
        if not patch:
            return self.grid
        if "centre" in patch:
            patch["centre"] = self._named(patch["centre"])
        before = self.grid
        if "back" in patch or "forward" in patch:
            self._history = self._history.back() if "back" in patch else self._history.forward()
        else:
            grid = self._centred(patch["to"]) if "to" in patch else self.grid.changed(patch, self.handles.latent)
            self._centre(grid.centre)
            around_the_same = grid.centre == self.grid.centre and grid.seed == self.grid.seed
            self._history = self._history.adjusted(grid) if around_the_same else self._history.visited(grid)
        if _view(before) != _view(self.grid):
            self._move_on()
        self._session.events.publish(Event("grid", self._session.name, self.describe()))
        return self.grid

    def _move_on(self) -> None:
        """The old view is of no use to anybody: the model is free for the new one."""
        self._moves += 1
        for stream in self._streams:
            stream.end()

    def place(self, raw: Any, field: str) -> Given:
        """What {"grid": raw} means now: [row, column] from the centre of what is looked at, between the tiles too.
        Around a centre in w it is the nearest tile, which has to be one that was shown. InputError otherwise."""
        if not isinstance(raw, list | tuple) or len(raw) != 2:
            raise InputError(f"{field}.grid takes [row, column]; {came(raw)} came", field=f"{field}.grid")
        row, column = (float(BETWEEN.parse(number, f"{field}.grid")) for number in raw)
        grid, centre = self.grid, self._centre(self.grid.centre)
        if not self._is_in_w(grid.centre):
            return Given("z", between(grid, row, column, centre).astype("<f4").tobytes())
        tile = grid.tile(round(row), round(column))
        style = centre if tile.row == tile.column == 0 else self._styles.known(tile)
        return Given("w", np.ascontiguousarray(style, "<f4").tobytes())

    def pictures(self, grid: Grid, width: int = 0) -> AsyncGenerator[Picture, None]:
        """The tiles of that grid, each as soon as it is there: the kept ones, then the middle first.

        Close it, and the runs that it waits for are ended. Cancelled if what is looked at moves on from this moment.
        """
        return self._streamed(grid, width, self._moves)

    async def _streamed(self, grid: Grid, width: int, moves: int) -> AsyncGenerator[Picture, None]:
        command = self._command()
        wish, others = Encoding("jpeg", width=width), self._others(command)
        about = wish, msgspec.json.encode(others, enc_hook=_plain), self._styles.loaded()
        wanted = []
        with self._streaming(moves) as stream:
            for tile in grid.tiles():
                stream.check()
                picture = self._remembered((tile, about))
                if picture is None:
                    wanted.append(tile)
                else:
                    yield Picture(tile.row, tile.column, picture)
            async with contextlib.aclosing(self._made(stream, wanted, command, others, wish)) as made:
                async for tile, picture in made:
                    self._remember((tile, about), picture)
                    yield Picture(tile.row, tile.column, picture)

    @contextlib.contextmanager
    def _streaming(self, moves: int) -> Iterator[_Stream]:
        """For one who looks since then."""
        stream = _Stream()
        if moves != self._moves:
            stream.end()
        self._streams.add(stream)
        try:
            yield stream
        finally:
            self._streams.discard(stream)
            stream.drop()

    def _named(self, centre: Any) -> Any:
        """What only the session can tell, in words that mean the same everywhere."""
        if centre == _HERE:
            return self._here()
        return self.place(centre["grid"], "grid.centre").plain() if keys.in_grid(centre) else centre

    def _here(self) -> Any:
        """Where the session is now."""
        now, z, w = self._session.snapshot(), self.handles.z, self.handles.w
        place, style = now.get(z), now.get(w) if w is not None else None
        if isinstance(style, Blob):
            return {"w": numbers(style.data)}
        if isinstance(place, Blob):
            return numbers(place.data)
        said = f"{self._session.name} is nowhere yet: no {z} came"
        raise InputError(said, hint="look at its walk first, or name the centre: a seed", field="grid.centre")

    # --- making ----------------------------------------------------------------------------------

    async def _made(
        self, stream: _Stream, tiles: list[Tile], command: Command, others: dict[str, Any], wish: Encoding
    ) -> AsyncGenerator[tuple[Tile, Blob], None]:
        """A few batches are given to the model at once, so that it never waits for us. All who look share those places,
        one after the other; who does not take what was made for them holds none."""
        if not tiles:
            return
        centre = self._centre(tiles[0].centre)
        in_w = self._is_in_w(tiles[0].centre)
        middle = self._styles.middle(tiles[0]) if in_w else centre
        places = await asyncio.to_thread(lambda: list(vectors(tiles, middle)))
        port = picture_of(command)
        assert port is not None
        for tile, vector in places:
            while len(stream) >= self._window or stream.first_has_ended:
                yield await stream.next(port)
            place = await self._place(tile, vector, centre if in_w else None, others)
            stream.add(await self._begun(stream, tile, {**others, **place}, command.name, {port: wish}))
        while len(stream):
            yield await stream.next(port)

    async def _place(self, tile: Tile, z: Array, style: Array | None, others: dict[str, Any]) -> dict[str, Any]:
        """The input that says where a tile is; `style` is the centre if that is in w."""
        if style is None or self.handles.w is None:
            return {self.handles.z: z.tobytes()}
        return {self.handles.w: (await self._styles.made(tile, z, style, others)).tobytes()}

    async def _begun(
        self, stream: _Stream, tile: Tile, inputs: dict[str, Any], command: str, wishes: Mapping[str, Encoding]
    ) -> _UnderWay:
        """As soon as there is a place for it, among those who look and in the session."""
        await self._places.acquire()
        try:
            run = await self._run(stream, inputs, command, wishes)
        except BaseException:
            self._places.release()
            raise
        ended = asyncio.get_running_loop().create_future()
        run.then(lambda _: self._ended(ended))
        return _UnderWay(tile, run, ended)

    async def _run(
        self, stream: _Stream, inputs: dict[str, Any], command: str, wishes: Mapping[str, Encoding]
    ) -> RunHandle:
        while True:
            stream.check()
            try:
                return self._session.run(inputs, command, wishes, quiet=True)
            except Busy:  # others have given the model a lot to do
                await self._session.movement()

    def _ended(self, ended: asyncio.Future[None]) -> None:
        self._places.release()
        if not ended.done():
            ended.set_result(None)

    def _command(self) -> Command:
        """That makes the pictures of tiles."""
        assert self._session.signature is not None
        commands = self._session.signature.commands
        command = commands.get(_COMMAND, self._session.signature.default)
        if self.handles.z not in command.inputs or picture_of(command) is None:
            command = self._session.signature.default
        if picture_of(command) is None:
            gives = ", ".join(command.outputs)
            raise UnknownPort(f"{self._session.name} gives out no picture", hint=f"it gives out {gives}")
        return command

    def _others(self, command: Command) -> dict[str, Any]:
        """The live inputs beside the place: truncation, label, directions."""
        names = command.inputs.keys() - {self.handles.z, self.handles.w}
        return {name: value for name, value in self._session.snapshot().items() if value is not None and name in names}

    def _centred(self, to: Any) -> Grid:
        """Around one of the tiles that are there now."""
        if not isinstance(to, list | tuple) or len(to) != 2:
            raise InputError(f"to takes [row, column] of a tile; {came(to)} came", field="to")
        row, column = (int(OFFSET.parse(number, "to")) for number in to)
        grid = self.grid
        tile = grid.tile(row, column)
        if self._is_in_w(grid.centre):
            style = self._centre(tile.centre) if tile.row == tile.column == 0 else self._styles.known(tile)
            return grid.centred(row, column, style, "w")
        ((_, vector),) = vectors([tile], self._centre(grid.centre))
        return grid.centred(row, column, vector)

    def _centre(self, key: Key) -> Array:
        """Its vector, in z or in w; InputError for a favourite that is not there."""
        given = self._given(key)
        if isinstance(given, Given):
            return np.frombuffer(given.data, "<f4").astype(np.float64)
        return Vectors(self.handles.latent)[given].astype(np.float64)

    def _is_in_w(self, key: Key) -> bool:
        given = self._given(key)
        return isinstance(given, Given) and given.space == "w"

    def _given(self, key: Key) -> Key:
        """The same; a favourite as what was kept."""
        if not isinstance(key, Favourite):
            return key
        given = self._favourites.get(key.favourite) or self._kept(key.favourite)
        if given is None or (given.space == "w" and self.handles.map is None):
            why = "was kept in w" if given else "is none of this model"
            raise InputError(f"the favourite {key.favourite!r} {why}", hint="take another", field="grid.centre")
        self._favourites[key.favourite] = given
        return given

    # --- keeping ---------------------------------------------------------------------------------

    def _remembered(self, key: Any) -> Blob | None:
        if key in self._pictures:
            self._pictures.move_to_end(key)
        return self._pictures.get(key)

    def _remember(self, key: Any, picture: Blob) -> None:
        if key not in self._pictures:
            self._pictures[key] = picture
            self._bytes += len(picture.data)
        while self._bytes > limits.GRID_BYTES:
            _, oldest = self._pictures.popitem(last=False)
            self._bytes -= len(oldest.data)


def _asks(verb: str, given: Any) -> bool:
    """Nothing (null) and false ask for nothing, as does the 0 of a button that was let go."""
    if verb == "to":
        return given is not None and given is not False
    if given is not None and not isinstance(given, bool | int | float):
        raise InputError(f"{verb} takes true or false; {came(given)} came", field=verb)
    return bool(given)


def _view(grid: Grid) -> tuple[Key, int, float]:
    """What all tiles of a plane have in common: who pans only looks at another part of it."""
    return grid.centre, grid.seed, grid.distance


def _plain(value: Any) -> Any:
    """Blobs among the inputs, told apart by their bytes."""
    if isinstance(value, Blob):
        return [value.format, bytes(value.data)]
    raise TypeError(type(value).__name__)
