"""A network whose every answer depends on all that its cache holds: whatever goes wrong there shows in the text."""

import zlib
from collections.abc import Sequence

import numpy as np

from bridge.kit.decoding import Bit
from bridge.kit.pieces import ByteSpeller, Speller

WORDS = 97


class Oracle:
    """Computes nothing; remembers what it was asked."""

    def __init__(self, context: int = 64, slots: int = 4) -> None:
        self.context = context
        self.slots = slots
        self.cache: list[list[int]] = [[] for _ in range(slots)]
        self.read_tokens: list[int] = []  # of each bit of a prompt
        self.stepped: list[int] = []  # texts that went on by one token, in each pass

    def read(self, bits: Sequence[Bit]):
        assert len({bit.slot for bit in bits}) == len(bits) > 0
        single = sum(len(bit.tokens) == 1 for bit in bits)
        self.stepped += [single] if single else []
        self.read_tokens += [len(bit.tokens) for bit in bits if len(bit.tokens) > 1]
        told = [self._take(*bit) for bit in bits]
        return np.stack([logits for logits, _ in told]), np.stack([state for _, state in told])

    def copy(self, source: int, slot: int, count: int) -> None:
        assert source != slot and len(self.cache[source]) >= count
        self.cache[slot] = self.cache[source][:count]

    def _take(self, slot: int, tokens: Sequence[int], start: int):
        assert tokens and start + len(tokens) <= self.context and start <= len(self.cache[slot])
        self.cache[slot] = [*self.cache[slot][:start], *tokens]
        return answer(self.cache[slot])


def answer(tokens: Sequence[int]):
    """The logits after these tokens, and a state."""
    chance = np.random.default_rng(zlib.crc32(bytes(tokens)))
    return chance.standard_normal(WORDS).astype(np.float32) * 3, chance.standard_normal(5).astype(np.float32)


class Letters:
    """A token for each of the first visible characters; 0 ends a text."""

    ends = frozenset({0})
    begin = 0
    words = WORDS

    def encode(self, text: str) -> list[int]:
        return [ord(letter) - 31 for letter in text]

    def speller(self, before: Sequence[int]) -> Speller:
        return ByteSpeller({token: bytes([token + 31]) for token in range(WORDS) if token not in self.ends})

    def spelt(self, token: int) -> str:
        return chr(token + 31)


class Endless(Letters):
    """The same, but no token ends a text."""

    ends = frozenset()
