"""The vectors that keys name. What can be computed is; the rest has to be put here by whoever can get it."""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from bridge import limits
from bridge.walks.keys import Given, Key, Latent, Seed


def seeded(seed: int, length: int) -> NDArray[np.float32]:
    """Exactly the vector in z that StyleGAN's published --seeds mean."""
    return np.random.RandomState(seed).randn(length).astype(np.float32)


class Vectors(Mapping[Key, NDArray[np.float32]]):
    """The vectors of one space, kept up to a bound. KeyError where one was not put here and can't be computed."""

    def __init__(self, latent: Latent, space: str = "z", bound: int = limits.WALK_VECTORS) -> None:
        self._length = latent.length(space)
        self._space = space
        self._bound = bound
        self._kept: OrderedDict[Key, NDArray[np.float32]] = OrderedDict()

    @property
    def space(self) -> str:
        return self._space

    def __getitem__(self, key: Key) -> NDArray[np.float32]:
        if isinstance(key, Given) and key.space == self._space:
            return np.frombuffer(key.data, "<f4").astype(np.float32)
        if key not in self._kept and isinstance(key, Seed) and self._space == "z":
            self.put(key, seeded(key.seed, self._length))
        self._kept.move_to_end(key)
        return self._kept[key]

    def __contains__(self, key: object) -> bool:
        if isinstance(key, Given) and key.space == self._space:
            return True
        return key in self._kept or (isinstance(key, Seed) and self._space == "z")

    def __iter__(self) -> Iterator[Key]:
        return iter(list(self._kept))

    def __len__(self) -> int:
        return len(self._kept)

    def put(self, key: Key, vector: NDArray[np.float32]) -> None:
        """Keep it; ValueError if it is of another length. What was not looked at for longest goes when too many are."""
        if vector.shape != (self._length,):
            raise ValueError(f"a vector in {self._space} has {self._length} numbers; one of {vector.shape} came")
        self._kept[key] = vector
        self._kept.move_to_end(key)
        while len(self._kept) > self._bound:
            self._kept.popitem(last=False)

    def missing(self, keys: Iterable[Key]) -> tuple[Key, ...]:
        """Those that have to be put here before they can be looked at."""
        return tuple(key for key in dict.fromkeys(keys) if key not in self)
