import time
import zlib
from collections.abc import Sequence
from typing import Annotated

import numpy as np

from bridge import Number, command
from bridge.kit.decoding import Bit
from bridge.kit.pieces import ByteSpeller, Speller
from bridge.kit.text import TextModel

SONG = "la 漢字 lo 🦜 hey; fa so "  # 27 characters of which four take several bytes
LINE = SONG.encode()
END = 256


class Letters:
    """A token for each byte, and one that ends a text."""

    ends = frozenset({END})
    begin = END
    words = 257

    def encode(self, text: str) -> list[int]:
        return list(text.encode())

    def speller(self, before: Sequence[int]) -> Speller:
        return ByteSpeller({byte: bytes([byte]) for byte in range(256)})

    def spelt(self, token: int) -> str:
        return chr(token) if token < 128 else f"bytes:\\x{token:02x}" if token < END else "<end>"


class Singer:
    """Sings on from the place in the song that the text so far is long; boldly chosen, other letters slip in."""

    context = 512
    slots = 20

    def __init__(self, pause: float, ends: bool) -> None:
        self.pause, self.ends = pause, ends
        self.cache: list[list[int]] = [[] for _ in range(self.slots)]

    def read(self, bits: Sequence[Bit]):
        time.sleep(self.pause)
        told = [self._sung(*bit) for bit in bits]
        return np.stack([logits for logits, _ in told]), np.stack([state for _, state in told])

    def copy(self, source: int, slot: int, count: int) -> None:
        self.cache[slot] = self.cache[source][:count]

    def _sung(self, slot: int, tokens: Sequence[int], start: int):
        self.cache[slot] = [*self.cache[slot][:start], *tokens]
        return self._next(self.cache[slot])

    def _next(self, tokens: list[int]):
        chance = np.random.default_rng(zlib.crc32(np.array(tokens, np.int32).tobytes()))
        logits = np.full(END + 1, -30, np.float32)
        logits[ord("a") : ord("z") + 1] = chance.standard_normal(26)
        place = len(tokens) % len(LINE)
        logits[END if self.ends and not place else LINE[place]] = 6
        return logits, chance.standard_normal(8).astype(np.float32)


class Scribe(TextModel):
    """Goes on with a text by singing, in no time and without weights."""

    def setup(self, pause: Annotated[float, Number(0, 1)] = 0.0, ends: bool = False) -> None:
        self.write_with(Singer(pause, ends), Letters())

    def warm(self) -> None:
        """Nothing to warm."""

    @command
    def rounds(self) -> Annotated[int, Number(0, step=1), "steps"]:
        """How often it has worked so far."""
        return self.engine.rounds
