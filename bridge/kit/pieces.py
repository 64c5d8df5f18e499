"""From tokens to text as it streams: whole characters only, no part of a stop string, no character too many. Pure."""

import codecs
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

_LONGEST = 4  # bytes of one character


class Speller(Protocol):
    """Turns the tokens of one text into pieces of it."""

    def push(self, token: int) -> str:
        """What can be told for sure by now."""
        ...

    def flush(self) -> str:
        """What is left at the end; halves of characters as replacement characters."""
        ...


class ByteSpeller:
    """For tokens that stand for bytes: GPT-2's and all others of byte-level BPE.

    The text before may end inside a character: then all of that comes first.
    """

    def __init__(self, spelt: Mapping[int, bytes], before: Sequence[int] = ()) -> None:
        self._spelt = spelt
        self._decoder = _decoder()
        for token in before[-_LONGEST:]:
            self.push(token)

    def push(self, token: int) -> str:
        return self._decoder.decode(self._spelt.get(token, b""))

    def flush(self) -> str:
        return self._decoder.decode(b"", final=True)


class DecodedSpeller:
    """For all other tokens: decodes the last few again and again, and tells what has come to them.

    The first are those before the text; a tokenizer may begin a text in another way than it goes on. Tokens for single
    bytes, where it has some, are told by `single`: these are put together here, since decoders spoil all bytes in a row
    when some of them are no character yet.
    """

    _KEPT = 6

    def __init__(
        self,
        decode: Callable[[list[int]], str],
        before: Sequence[int] = (),
        single: Mapping[int, bytes] | None = None,
    ) -> None:
        self._decode = decode
        self._single = single or {}
        self._plain = next((token for token, byte in self._single.items() if byte == b"A"), -1)
        self._bytes = _decoder()
        self._tokens: list[int] = []
        self._borders: list[int] = []  # how many of the tokens there were when none ended inside a character
        self._told = ""
        self._begin(before)

    def push(self, token: int) -> str:
        byte = self._single.get(token)
        if byte is not None:
            self._tokens.append(self._plain)  # any whole character: where there are bytes, no text begins behind them
            self._settle(self._decode(self._tokens))
            return self._bytes.decode(byte)
        broken = self._bytes.decode(b"", final=True)  # bytes that will be no character any more
        self._tokens.append(token)
        whole = self._decode(self._tokens)
        if not self._single and whole.endswith("\ufffd") and len(self._tokens) < 4 * self._KEPT:
            return ""  # perhaps the rest of a character comes
        return broken + self._tell(whole)

    def flush(self) -> str:
        return self._bytes.decode(b"", final=True) + self._tell(self._decode(self._tokens))

    def _begin(self, before: Sequence[int]) -> None:
        """From the last of the tokens before, and from the border of a character."""
        for kept in range(self._KEPT, self._KEPT + _LONGEST):
            self._tokens = [self._plain if token in self._single else token for token in before[-kept:]]
            self._told = self._decode(self._tokens) if self._tokens else ""
            if not self._told.startswith("\ufffd"):
                break
        for token in before[-_LONGEST:]:
            if token in self._single:
                self._bytes.decode(self._single[token])
            else:
                self._bytes.reset()

    def _tell(self, whole: str) -> str:
        # What was told may have ended inside a character that is whole now.
        told = self._told if whole.startswith(self._told) else self._told.rstrip("\ufffd")
        piece = whole[len(told) :]
        self._settle(whole)
        return piece

    def _settle(self, whole: str) -> None:
        """All so far is told; the first tokens are let go at the border of a character."""
        self._told = whole
        self._borders.append(len(self._tokens))
        if len(self._tokens) <= 2 * self._KEPT:
            return
        cut = max((place for place in self._borders if place <= len(self._tokens) - self._KEPT), default=0)
        if cut:
            self._tokens = self._tokens[cut:]
            self._borders = [place - cut for place in self._borders if place > cut]
            self._told = self._decode(self._tokens)


def _decoder() -> codecs.IncrementalDecoder:
    return codecs.getincrementaldecoder("utf-8")("replace")


class Gate:
    """Lets text through until a stop string or the number of characters is reached."""

    def __init__(self, stops: Sequence[str] = (), most: int = 0) -> None:
        self._stops = tuple(stop for stop in stops if stop)
        self._left: int | None = most or None
        self._held = ""  # may be the beginning of a stop string
        self.passed = 0  # characters that it let through
        self.met_stop = False  # also where the characters ended before it
        self.reason: str = ""  # why nothing more comes: "stop" or "characters"

    def push(self, text: str) -> str:
        """What may be told of it now."""
        if self.reason or not text:
            return ""
        text = self._held + text
        found = min((place for stop in self._stops if (place := text.find(stop)) >= 0), default=-1)
        if found >= 0:
            self._held = ""
            self.met_stop, self.reason = True, "stop"
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
        if self._left is not None:
            text = text[: self._left]
            self._left -= len(text)
            if not self._left:
                self.reason = "characters"
        self.passed += len(text)
        return text
