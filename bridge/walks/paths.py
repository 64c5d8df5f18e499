"""The kinds of movement: which keys a place on the path is made of, and how their vectors mix there.

A path is a value. It needs() keys at a place, and is at() a vector once those are there; places count keyframes, or
rounds of a circle. To add a kind: a class here, its name in settings, a line in path_of.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bridge.walks import blends
from bridge.walks.blends import Array
from bridge.walks.chance import seed32
from bridge.walks.easing import EASINGS
from bridge.walks.keys import Key, Seed
from bridge.walks.motion import Lap
from bridge.walks.settings import Settings

Vectors = Mapping[Key, NDArray[np.float32]]

_NOISE, _AGAINST, _CIRCLE = 1, 2, 3  # tell the chances of one seed apart
_LAP = 8.0  # keyframes until noise, which has no end, turns round


class Path(Protocol):
    """One kind of movement with all that shapes it."""

    @property
    def lap(self) -> Lap:
        """Where it turns when it goes to and fro."""

    def needs(self, place: float) -> tuple[Key, ...]:
        """The keys whose vectors this place is made of."""

    def at(self, place: float, distance: float, vectors: Vectors) -> Array:
        """The vector there. KeyError if one it needs is not among the vectors."""


@dataclass(frozen=True, slots=True)
class Loop:
    """Through keyframes, and from the last to the first."""

    keys: tuple[Key, ...]
    interpolation: str
    easing: str
    space: str

    @property
    def lap(self) -> Lap:
        return Lap(float(len(self.keys)), float(len(self.keys) - 1))

    @property
    def shape(self) -> tuple[str, ...]:
        """All but the keys."""
        return self.interpolation, self.easing, self.space

    def needs(self, place: float) -> tuple[Key, ...]:
        reach = (-1, 0, 1, 2) if self.interpolation == "cubic" else (0, 1)
        return tuple(self._key(math.floor(place) + step) for step in reach)

    def at(self, place: float, distance: float, vectors: Vectors) -> Array:
        around = [_vector(vectors, key) for key in self.needs(place)]
        part = EASINGS[self.easing].at(place - math.floor(place))
        if self.interpolation == "cubic":
            return self._cubic(around, part)
        arc = self.interpolation == "spherical" and self.space == "z"
        return (blends.spherical if arc else blends.linear)(around[0], around[1], part)

    def _cubic(self, around: list[Array], part: float) -> Array:
        weights = blends.catmull_rom(part)
        mixed = blends.weighted(weights, around)
        return blends.kept(mixed, (1 - part, part), around[1:3]) if self.space == "z" else mixed

    def _key(self, index: int) -> Key:
        return self.keys[index % len(self.keys)]


@dataclass(frozen=True, slots=True)
class Noise:
    """Goes anywhere, never the same way twice. Below a distance of 1 it stays that much nearer to home."""

    home: Key
    seed: int
    space: str
    keeps: bool  # the length

    @property
    def lap(self) -> Lap:
        return Lap(_LAP, _LAP)

    def needs(self, place: float) -> tuple[Key, ...]:
        return (self.home, *_around(self.seed, _NOISE, place))

    def at(self, place: float, distance: float, vectors: Vectors) -> Array:
        home, *around = (_vector(vectors, key) for key in self.needs(place))
        weights = blends.spline(place - math.floor(place))
        if self.space == "w":  # only differences mean something there, so the weights have to sum to 1
            return blends.linear(home, blends.weighted(weights, around), distance)
        there = blends.weighted(blends.evened(weights), around)
        near = math.sqrt(max(0.0, 1 - distance * distance))
        mixed = home * near + there * distance
        shares = near, *(weight * distance for weight in weights)
        return blends.kept(mixed, shares, (home, *around)) if self.keeps else mixed


@dataclass(frozen=True, slots=True)
class Drift:
    """Wanders around a centre, up to about the distance away from it."""

    home: Key
    seed: int
    space: str
    keeps: bool

    @property
    def lap(self) -> Lap:
        return Lap(_LAP, _LAP)

    def needs(self, place: float) -> tuple[Key, ...]:
        return (self.home, *_around(self.seed, _NOISE, place), *_around(self.seed, _AGAINST, place))

    def at(self, place: float, distance: float, vectors: Vectors) -> Array:
        home, *around = (_vector(vectors, key) for key in self.needs(place))
        weights = blends.evened(blends.spline(place - math.floor(place)))
        off = blends.weighted(_against(weights), around)
        return _beside(home, off * distance, self.keeps)


@dataclass(frozen=True, slots=True)
class Circle:
    """Once round, and then exactly the same again. Around home, or below a distance of 1 nearer to it."""

    home: Key
    seed: int
    space: str
    keeps: bool
    centred: bool  # somebody said around what: it then never goes as far as to leave that

    @property
    def lap(self) -> Lap:
        return Lap(1.0, 1.0)

    def needs(self, place: float) -> tuple[Key, ...]:
        return (self.home, *(Seed(seed32(self.seed, _CIRCLE, index)) for index in range(4)))

    def at(self, place: float, distance: float, vectors: Vectors) -> Array:
        home, *around = (_vector(vectors, key) for key in self.needs(place))
        angle = 2 * math.pi * (place - math.floor(place))
        first, second = (blends.weighted(_against([1.0]), around[index : index + 2]) for index in (0, 2))
        off = first * math.cos(angle) + second * math.sin(angle)
        near = 1.0 if self.centred or self.space == "w" else math.sqrt(max(0.0, 1 - distance * distance))
        return _beside(home, off * distance, self.keeps, near)


def path_of(settings: Settings) -> Path | None:
    """The path that is walked; None for follow, which has none."""
    keeps = settings.space == "z" and settings.interpolation != "linear"
    common = settings.home, settings.seed, settings.space, keeps
    match settings.kind:
        case "loop":
            return Loop(settings.keyframes, settings.interpolation, settings.easing, settings.space)
        case "noise":
            return Noise(*common)
        case "drift":
            return Drift(*common)
        case "circle":
            return Circle(*common, settings.centre is not None)
    return None


def _around(seed: int, which: int, place: float) -> tuple[Seed, ...]:
    """The four points of noise around a place."""
    index = math.floor(place)
    return tuple(Seed(seed32(seed, which, index + step)) for step in (-1, 0, 1, 2))


def _against(weights: list[float]) -> list[float]:
    """Two mixes against each other, as strong as one: around nothing, wherever the space has its middle."""
    half = [weight / math.sqrt(2) for weight in weights]
    return [*half, *(-weight for weight in half)]


def _beside(home: Array, off: Array, keeps: bool, near: float = 1.0) -> Array:
    beside = home * near + off
    return blends.scaled(beside, float(np.linalg.norm(home))) if keeps else beside


def _vector(vectors: Vectors, key: Key) -> Array:
    return vectors[key].astype(np.float64)
