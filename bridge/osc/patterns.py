"""Address patterns: * ? [a-z] [!a] {one,two} within one part of an address, // for any number of parts.

Words in braces are multiplied out, up to a bound, and a star only ever gives back to the one before it: so no pattern
takes longer than its length times the name's.
"""

import re
from collections.abc import Generator, Iterable, Iterator
from typing import NamedTuple, Protocol, TypeVar

from bridge import limits
from bridge.errors import BadMessage, TooLarge

_AT_ONCE = 16  # places of one step
_SPECIAL = re.compile(r"[*?\[\]{}]|//")


class Branch(Protocol):
    """A place in a tree of addresses."""

    @property
    def branches(self) -> "Iterable[tuple[str, Branch]]": ...


B = TypeVar("B", bound=Branch)


class _Step(NamedTuple):
    """One step of a pattern: any number of characters, or one: any, one of these, none of these."""

    star: bool = False
    characters: frozenset[str] | None = None
    inverted: bool = False

    def takes(self, character: str) -> bool:
        return self.characters is None or (character in self.characters) != self.inverted


_Steps = tuple[_Step, ...]
_ANY, _STAR = _Step(), _Step(star=True)


def is_pattern(address: str) -> bool:
    """Whether it may mean several addresses."""
    return _SPECIAL.search(address) is not None


class Part:
    """The pattern of one part of an address."""

    def __init__(self, pattern: str) -> None:
        """BadMessage if brackets are left open, TooLarge if its words can be put together in too many ways."""
        self.literal = pattern if not _SPECIAL.search(pattern) else ""
        self._ways = () if self.literal else _multiplied(pattern)
        special = _SPECIAL.search(pattern)
        self._beginning = pattern[: special.start()] if special else pattern
        self._known: dict[str, bool] = {}  # sessions have many names in common

    def matches(self, name: str) -> bool:
        if not name.startswith(self._beginning):
            return False
        known = self._known.get(name)
        if known is None:
            known = self._known[name] = name == self.literal or any(_matches(steps, name) for steps in self._ways)
        return known


def parts_of(pattern: str) -> list[Part | None]:
    """The parts of a whole pattern; None stands for any number of parts. BadMessage, TooLarge."""
    if len(pattern) > limits.OSC_PATTERN_CHARS:
        raise TooLarge(f"a pattern of {len(pattern)} characters came; up to {limits.OSC_PATTERN_CHARS} are taken")
    pieces = pattern.split("/")[1:]
    if len(pieces) > limits.OSC_PATTERN_PARTS:
        raise TooLarge(f"a pattern of {len(pieces)} parts came; up to {limits.OSC_PATTERN_PARTS} are taken")
    return [Part(piece) if piece else None for piece in pieces]


def search(root: B, pattern: str) -> list[B]:
    """All places that it means, in the order of the tree. BadMessage, TooLarge."""
    steps = searching(root, pattern)
    while True:
        try:
            next(steps)
        except StopIteration as found:
            return list(found.value)


def searching(root: B, pattern: str) -> Generator[bool, None, list[B]]:
    """The same in steps, for whoever has something else to do in between."""
    found: dict[int, B] = {id(root): root}
    for part in parts_of(pattern):
        places, found = found, {}
        for count, place in enumerate(places.values(), 1):
            found |= {id(branch): branch for branch in (_all_below(place) if part is None else _named(place, part))}
            if count % _AT_ONCE == 0:
                yield False
    return list(found.values())


def _named(place: B, part: Part) -> Iterator[B]:
    for name, branch in place.branches:
        if part.matches(name):
            yield branch  # type: ignore[misc]


def _all_below(place: B) -> Iterator[B]:
    """It and everything below it."""
    waiting = [place]
    while waiting:
        one = waiting.pop()
        yield one
        waiting += reversed([branch for _, branch in one.branches])  # type: ignore[misc]


# --- one part ------------------------------------------------------------------------------------


def _multiplied(pattern: str) -> tuple[_Steps, ...]:
    """All patterns without words that it stands for."""
    ways: list[_Steps] = [()]
    for choices in _pieces(pattern):
        ways = [(*way, *choice) for way in ways for choice in choices]
        if len(ways) > limits.OSC_PATTERN_WAYS:
            said = f"the pattern {pattern[:80]!r} can be read in more than {limits.OSC_PATTERN_WAYS} ways"
            raise TooLarge(said, hint="use fewer words in braces")
    return tuple(ways)


def _pieces(pattern: str) -> Iterator[tuple[_Steps, ...]]:
    """One after the other; each with what may stand there."""
    at = 0
    while at < len(pattern):
        mark = pattern[at]
        if mark in "[{":
            end = pattern.find("]" if mark == "[" else "}", at)
            if end < 0:
                raise BadMessage(f"the pattern {pattern[:80]!r} has a {mark} without its end")
            inner = pattern[at + 1 : end]
            yield ((_set(inner),),) if mark == "[" else tuple(map(_literal, dict.fromkeys(inner.split(","))))
            at = end + 1
        else:
            yield ((_STAR if mark == "*" else _ANY if mark == "?" else _Step(characters=frozenset(mark)),),)
            at += 1


def _literal(word: str) -> _Steps:
    return tuple(_Step(characters=frozenset(character)) for character in word)


def _set(inner: str) -> _Step:
    inverted = inner.startswith("!")
    inner = inner[1:] if inverted else inner
    found: set[str] = set()
    at = 0
    while at < len(inner):
        if at + 2 < len(inner) and inner[at + 1] == "-":
            found |= _range(inner[at], inner[at + 2])
            at += 3
        else:
            found.add(inner[at])
            at += 1
    return _Step(characters=frozenset(found), inverted=inverted)


def _range(first: str, last: str) -> set[str]:
    """Names are ASCII; a range beyond has no end that anybody means."""
    low, high = sorted((min(ord(first), 0x7F), min(ord(last), 0x7F)))
    return {chr(code) for code in range(low, high + 1)} | {first, last}


def _matches(steps: _Steps, name: str) -> bool:
    """Where it fails, the last star takes one character more; stars before it have taken the least that they could."""
    index = at = 0
    star, resumed = -1, 0  # the last star, and how far it has got
    while at < len(name):
        if index < len(steps) and steps[index].star:
            star, resumed = index, at
            index += 1
        elif index < len(steps) and steps[index].takes(name[at]):
            index, at = index + 1, at + 1
        elif star >= 0:
            resumed += 1
            index, at = star + 1, resumed
        else:
            return False
    return all(step.star for step in steps[index:])
