"""Chance that is always the same: from a seed and a place to a number, without going through those before it."""

from functools import lru_cache
from hashlib import blake2b


def mixed(*parts: int) -> int:
    """64 bits that look random, the same for the same whole numbers, of any size."""
    said = " ".join(map(str, parts)).encode()
    return int.from_bytes(blake2b(said, digest_size=8).digest(), "little")


@lru_cache(256)  # a walk asks for the same few, frame after frame
def seed32(*parts: int) -> int:
    """A seed such as networks are published with: 0 to 4294967295."""
    return mixed(*parts) >> 32


def unit(*parts: int) -> float:
    """A number from 0 up to but not 1."""
    return (mixed(*parts) >> 11) / 2**53
