import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge import limits
from bridge.errors import InputError, TooLarge
from bridge.walks.anchors import seeded
from bridge.walks.grid import Grid, History, Tile, vectors
from bridge.walks.keys import Given, Seed
from tests.walks.samples import LATENT

CENTRE = seeded(3, 64)

places = st.integers(-1000, 1000)


def vector(grid: Grid, row: int, column: int, centre: np.ndarray = CENTRE) -> np.ndarray:
    ((_, found),) = vectors([grid.tile(row, column)], centre)
    return found


def angle(one: np.ndarray, two: np.ndarray) -> float:
    cosine = np.dot(one, two) / np.linalg.norm(one) / np.linalg.norm(two)
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


def test_the_tile_in_the_middle_is_the_centre_itself():
    np.testing.assert_array_equal(vector(Grid(), 0, 0), CENTRE)


@settings(max_examples=40, deadline=None)
@given(places, places, st.integers(0, 100))
def test_neighbours_are_near_and_others_are_not(row: int, column: int, seed: int):
    grid = Grid(distance=0.25, seed=seed)
    here = vector(grid, row, column)
    for next_row, next_column in ((row + 1, column), (row, column - 1)):
        assert 5 < angle(here, vector(grid, next_row, next_column)) < 40
    assert angle(here, vector(grid, row + 30, column)) > 45


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 100))
def test_neighbours_come_nearer_with_the_distance(seed: int):
    angles = [angle(CENTRE, vector(Grid(distance=d, seed=seed), 0, 1)) for d in (0.001, 0.05, 0.2, 0.6)]
    assert angles == sorted(angles) and angles[0] < 0.5


@settings(max_examples=40, deadline=None)
@given(places, places)
def test_lengths_are_usual_ones(row: int, column: int):
    low, high = sorted((float(np.linalg.norm(CENTRE)), 8.0))
    assert low - 1e-4 <= np.linalg.norm(vector(Grid(), row, column)) <= high + 1e-4


def test_nothing_comes_again():
    grid = Grid(distance=0.5)
    tiles = [grid.tile(row, column) for row in range(-60, 60, 12) for column in range(-60, 60, 12)]
    seen = np.stack([found for _, found in vectors(tiles, CENTRE)])
    apart = np.linalg.norm(seen[:, None] - seen[None], axis=-1) + 100 * np.eye(len(tiles))
    assert apart.min() > 4


def test_a_tile_is_the_same_whatever_else_is_looked_at():
    near, far = Grid(rows=3, columns=3), Grid(rows=7, columns=9, row=2, column=-1)
    one, two = (dict(vectors(grid.tiles(), CENTRE)) for grid in (near, far))
    common = one.keys() & two.keys()
    assert len(common) == 9
    assert all(one[tile].tobytes() == two[tile].tobytes() for tile in common)


def test_places_may_be_as_far_as_one_likes():
    grid = Grid()
    most = limits.GRID_OFFSET
    assert np.isfinite(vector(grid, most, -most)).all()
    assert angle(vector(grid, most, 5), vector(grid, most, 6)) < 40


def test_tiles_come_from_the_middle_outwards():
    tiles = list(Grid(rows=3, columns=4, row=10, column=-5).tiles())
    assert len(tiles) == len(set(tiles)) == 12
    assert (tiles[0].row, tiles[0].column) == (10, -5)
    assert {tile.row for tile in tiles} == {9, 10, 11} and {tile.column for tile in tiles} == {-6, -5, -4, -3}


def test_any_tile_can_be_the_next_centre_and_so_on():
    grid, centre, seen = Grid(), CENTRE, []
    for step in range(5):
        centre = vector(grid, 1, step, centre)
        grid = grid.centred(1, step, centre)
        assert isinstance(grid.centre, Given)
        np.testing.assert_array_equal(vector(grid, 0, 0, np.frombuffer(grid.centre.data, "<f4")), centre)
        seen.append(vector(grid, 0, 1, centre))
    assert min(angle(one, two) for index, one in enumerate(seen) for two in seen[:index]) > 1


def test_tiles_are_keys():
    assert len({Grid().tile(0, 1), Grid().tile(0, 1), Grid(seed=1).tile(0, 1)}) == 2
    assert isinstance(next(Grid().tiles()), Tile)


def test_settings_are_changed_and_told():
    grid = Grid().changed({"centre": 9, "distance": 0.5, "rows": 3, "column": -7}, LATENT)
    assert grid == Grid(Seed(9), 0.5, 3, 5, 0, 0, -7)
    assert Grid().changed(grid.plain(), LATENT) == grid


@pytest.mark.parametrize(
    ("patch", "said"),
    [
        ({"distance": 0}, "grid.distance takes a number from 0.001 to 10; 0 came"),
        ({"distance": float("nan")}, "NaN came"),
        ({"rows": 0}, "grid.rows takes a whole number from 1"),
        ({"rows": 1.5}, "grid.rows takes a whole number"),
        ({"rows": 40, "columns": 40}, "grid takes up to 1024 tiles at once; 40 × 40 came"),
        ({"centre": [1.0]}, "grid.centre takes a list of 16 numbers; a list of 1 came"),
        ({"row": 1e12}, "grid.row takes a whole number"),
        ({"rwos": 3}, "grid has no 'rwos'"),
        (3, "grid takes an object of settings; 3 came"),
    ],
)
def test_what_can_not_be_is_told_in_words(patch: dict, said: str):
    with pytest.raises(InputError) as error:
        Grid().changed(patch, LATENT)
    assert said in error.value.message
    with pytest.raises(TooLarge):
        Grid().changed({"rows": 1024, "columns": 2}, LATENT)


def test_history_goes_back_and_forward_and_forgets_what_was_ahead():
    one, two, three = (Grid(seed=seed) for seed in (1, 2, 3))
    history = History((one,)).visited(two)
    assert history.back().grid == one and history.back().back().grid == one
    assert history.back().forward() == history.forward() == history
    assert history.back().visited(three).grids == (one, three)
    assert history.visited(two) == history


def test_history_is_bounded():
    history = History()
    for seed in range(limits.GRID_HISTORY + 10):
        history = history.visited(Grid(seed=seed + 1))
    assert len(history.grids) == limits.GRID_HISTORY and history.grid.seed == limits.GRID_HISTORY + 10
