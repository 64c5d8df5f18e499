"""The explorer: a plane of tiles without end around a centre. Neighbours are near, nothing comes again.

Under the plane lies a field of noise, at every point a vector in z, smooth from one to the next. It is bent so that it
is exactly the centre in the middle; the bend fades as fast as the field forgets. Any tile can be the next centre.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from bridge import limits
from bridge.errors import TooLarge
from bridge.ports import Number
from bridge.walks import blends, keys
from bridge.walks.anchors import seeded
from bridge.walks.blends import Array
from bridge.walks.chance import seed32
from bridge.walks.keys import Given, Key, Latent, Seed
from bridge.walks.reading import Fields

_FORGETS = 0.75  # how fast the field forgets: as fast as the square of its spline, about
_GRID = 4  # tells this noise from the walks'

_DISTANCE = Number(limits.WALK_NEAREST, limits.WALK_DISTANCE)
_SIDE = Number(1, limits.GRID_TILES, step=1)
OFFSET = Number(-limits.GRID_OFFSET, limits.GRID_OFFSET, step=1)
BETWEEN = Number(-limits.GRID_OFFSET, limits.GRID_OFFSET)
_SEED = Number(0, 2**32 - 1, step=1)


class Tile(msgspec.Struct, frozen=True):
    """One place of one grid, whatever part of it is looked at: a key to keep its picture by."""

    centre: Key
    seed: int
    distance: float
    row: int
    column: int


class Grid(msgspec.Struct, frozen=True):
    """What is looked at: rows and columns of the plane around a centre, shifted by whole tiles."""

    centre: Key = Seed(0)
    distance: float = 0.25  # from one tile to the next; at 1 neighbours have little in common
    rows: int = 5
    columns: int = 5
    seed: int = 0
    row: int = 0  # of the tile in the middle
    column: int = 0

    def changed(self, raw: Mapping[str, Any], latent: Latent) -> "Grid":
        """With the patch applied, or InputError and it stays as it is."""
        fields = Fields(raw, "grid", "an object of settings")
        grid = Grid(
            keys.parse(fields.raw("centre"), "grid.centre", latent) if fields.has("centre") else self.centre,
            float(fields.take("distance", _DISTANCE, self.distance)),
            fields.take("rows", _SIDE, self.rows),
            fields.take("columns", _SIDE, self.columns),
            fields.take("seed", _SEED, self.seed),
            fields.take("row", OFFSET, self.row),
            fields.take("column", OFFSET, self.column),
        )
        fields.raw("centre")
        fields.done()
        return _checked(grid)

    def plain(self) -> dict[str, Any]:
        """As JSON, such as changed takes."""
        return {**{name: getattr(self, name) for name in self.__struct_fields__}, "centre": self.centre.plain()}

    def tiles(self) -> Iterator[Tile]:
        """All that are looked at, those nearest to the middle first, so that they are made first."""
        rows = range(self.row - (self.rows - 1) // 2, self.row + self.rows // 2 + 1)
        columns = range(self.column - (self.columns - 1) // 2, self.column + self.columns // 2 + 1)
        places = [(row, column) for row in rows for column in columns]
        places.sort(key=lambda place: (place[0] - self.row) ** 2 + (place[1] - self.column) ** 2)
        return (self.tile(row, column) for row, column in places)

    def tile(self, row: int, column: int) -> Tile:
        """The tile so many rows down and columns right of the centre; any whole numbers."""
        return Tile(self.centre, self.seed, self.distance, row, column)

    def centred(self, row: int, column: int, centre: Array | NDArray[np.float32], space: str = "z") -> "Grid":
        """A grid around one of its tiles, whose vector the caller has. What lies around is new."""
        data = np.ascontiguousarray(centre, "<f4").tobytes()
        seed = seed32(self.seed, row, column)
        return msgspec.structs.replace(self, centre=Given(space, data), seed=seed, row=0, column=0)


def vectors(tiles: Iterable[Tile], centre: Array) -> Iterator[tuple[Tile, Array]]:
    """Each tile with its vector in z, float32, the same every time. They are tiles of one grid, with this centre."""
    noise: dict[tuple[int, int, int], Array] = {}
    middle = np.asarray(centre, np.float64)
    for tile in tiles:
        yield tile, _vector(tile, middle, noise).astype(np.float32)


def between(grid: Grid, row: float, column: float, centre: Array) -> Array:
    """The vector in z so far down and right of the centre, between the tiles too; on one it is that tile's."""
    down, right = row * grid.distance, column * grid.distance
    return _at(grid.seed, down, right, np.asarray(centre, np.float64), {}).astype(np.float32)


def _vector(tile: Tile, centre: Array, noise: dict[tuple[int, int, int], Array]) -> Array:
    return _at(tile.seed, tile.row * tile.distance, tile.column * tile.distance, centre, noise)


def _at(seed: int, down: float, right: float, centre: Array, noise: dict[tuple[int, int, int], Array]) -> Array:
    if down == right == 0:
        return centre
    bend = math.exp(-_FORGETS * (down * down + right * right))
    field = _field(seed, down, right, noise, len(centre))
    bent = field + bend * (centre - _field(seed, 0.0, 0.0, noise, len(centre)))
    return blends.scaled(bent, _length(centre, bend))


def _length(centre: Array, bend: float) -> float:
    """As long as the centre near it, as long as vectors in z usually are far away."""
    return bend * float(np.linalg.norm(centre)) + (1 - bend) * math.sqrt(len(centre))


def _field(seed: int, down: float, right: float, noise: dict[tuple[int, int, int], Array], length: int) -> Array:
    top, left = math.floor(down), math.floor(right)
    across, along = blends.spline(down - top), blends.spline(right - left)
    places = [(row, column) for row in range(4) for column in range(4)]
    weights = blends.evened([across[row] * along[column] for row, column in places])
    points = (_point(seed, top + row - 1, left + column - 1, noise, length) for row, column in places)
    return blends.weighted(weights, points)


def _point(seed: int, row: int, column: int, noise: dict[tuple[int, int, int], Array], length: int) -> Array:
    place = seed, row, column
    if place not in noise:
        noise[place] = seeded(seed32(seed, _GRID, row, column), length).astype(np.float64)
    return noise[place]


def _checked(grid: Grid) -> Grid:
    if grid.rows * grid.columns > limits.GRID_TILES:
        said = f"grid takes up to {limits.GRID_TILES} tiles at once; {grid.rows} × {grid.columns} came"
        raise TooLarge(said, hint="take fewer rows or columns", field="grid.rows")
    return grid


class History(msgspec.Struct, frozen=True):
    """Grids that were looked at, up to a bound, and which of them is now."""

    grids: tuple[Grid, ...] = (Grid(),)
    now: int = 0

    @property
    def grid(self) -> Grid:
        return self.grids[self.now]

    def visited(self, grid: Grid) -> "History":
        """Goes there; what was ahead is forgotten."""
        if grid == self.grid:
            return self
        grids = (*self.grids[: self.now + 1], grid)[-limits.GRID_HISTORY :]
        return History(grids, len(grids) - 1)

    def adjusted(self, grid: Grid) -> "History":
        """Sees more, less or another part around the same centre: nothing to go back to."""
        return History((*self.grids[: self.now], grid, *self.grids[self.now + 1 :]), self.now)

    def back(self) -> "History":
        """One back; the first stays."""
        return History(self.grids, max(0, self.now - 1))

    def forward(self) -> "History":
        """One forward again; the last stays."""
        return History(self.grids, min(len(self.grids) - 1, self.now + 1))
