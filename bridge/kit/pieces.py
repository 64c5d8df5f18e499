"""From tokens to text as it streams: whole characters only, no part of a stop string, no character too many. Pure."""

import codecs
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol


class Speller(Protocol):
    """Turns the tokens of one text into pieces of it."""

    def push(self, token: int) -> str:
        """What can be told for sure by now."""
        ...

    def flush(self) -> str:
        """What is left at the end; halves of characters as replacement characters."""
        ...


class ByteSpeller:
    """For tokens that stand for bytes: GPT-2's and all others of byte-level BPE."""

    def __init__(self, spelt: Mapping[int, bytes]) -> None:
        self._spelt = spelt
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def push(self, token: int) -> str:
        return self._decoder.decode(self._spelt.get(token, b""))

    def flush(self) -> str:
        return self._decoder.decode(b"", final=True)


class DecodedSpeller:
    """For all other tokens: decodes the last few again and again, and tells what has come to them.

    The first are those before the text; a tokenizer may begin a text in another way than it goes on.
    """

    _KEPT = 6

    def __init__(self, decode: Callable[[list[int]], str], before: Sequence[int] = ()) -> None:
        self._decode = decode
        self._tokens = list(before[-self._KEPT :])
        self._told = self._decode(self._tokens) if self._tokens else ""

    def push(self, token: int) -> str:
        self._tokens.append(token)
        whole = self._decode(self._tokens)
        if whole.endswith("\ufffd") and len(self._tokens) < 4 * self._KEPT:  # perhaps the rest of a character comes
            return ""
        return self._tell(whole)

    def flush(self) -> str:
        return self._tell(self._decode(self._tokens))

    def _tell(self, whole: str) -> str:
        piece = whole[len(self._told) :]
        if len(self._tokens) > 2 * self._KEPT:
            self._tokens = self._tokens[-self._KEPT :]
            whole = self._decode(self._tokens)
        self._told = whole
        return piece


class Gate:
    """Lets text through until a stop string or the number of characters is reached."""

    def __init__(self, stops: Sequence[str] = (), most: int = 0) -> None:
        self._stops = tuple(stop for stop in stops if stop)
        self._left: int | None = most or None
        self._held = ""  # may be the beginning of a stop string
        self.reason: str = ""  # why nothing more comes: "stop" or "characters"

    def push(self, text: str) -> str:
        """What may be told of it now."""
        if self.reason or not text:
            return ""
        text = self._held + text
        found = min((place for stop in self._stops if (place := text.find(stop)) >= 0), default=-1)
        if found >= 0:
            self._held = ""
            self.reason = "stop"
            return self._counted(text[:found])
        keep = self._beginning(text)
        self._held = text[len(text) - keep :]
        return self._counted(text[: len(text) - keep])

    def flush(self) -> str:
        """What was held back, now that it can't become a stop string any more."""
        held, self._held = self._held, ""
        return self._counted(held) if not self.reason else ""

    def _beginning(self, text: str) -> int:
        """How many characters at its end may be the beginning of a stop string."""
        longest = 0
        for stop in self._stops:
            for length in range(min(len(stop) - 1, len(text)), longest, -1):
                if text.endswith(stop[:length]):
                    longest = length
                    break
        return longest

    def _counted(self, text: str) -> str:
        if self._left is None:
            return text
        told = text[: self._left]
        self._left -= len(told)
        if not self._left:
            self.reason = "characters"
        return told
