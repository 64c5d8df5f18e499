"""Address patterns: * ? [a-z] [!a] {one,two} within one part of an address, // for any number of parts.

Matching walks through all possibilities side by side, so no pattern takes longer than its length times the name's.
"""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol, TypeVar

from bridge import limits
from bridge.errors import BadMessage, TooLarge

_SPECIAL = re.compile(r"[*?\[\]{}]|//")
_ANY, _STAR, _SET, _CHOICE = "?", "*", "[", "{"


class Branch(Protocol):
    """A place in a tree of addresses."""

    @property
    def branches(self) -> "Iterable[tuple[str, Branch]]": ...


B = TypeVar("B", bound=Branch)


class _Step(NamedTuple):
    """One step of a pattern: a character, any, any number, one of a set, one of several words."""

    kind: str
    characters: frozenset[str] = frozenset()
    words: tuple[str, ...] = ()
    inverted: bool = False


def is_pattern(address: str) -> bool:
    """Whether it may mean several addresses."""
    return _SPECIAL.search(address) is not None


class Part:
    """The pattern of one part of an address."""

    def __init__(self, pattern: str) -> None:
        """BadMessage if brackets are left open."""
        self._steps = tuple(_steps(pattern))
        self.literal = pattern if not _SPECIAL.search(pattern) else ""

    def matches(self, name: str) -> bool:
        steps = self._steps
        places = _through_stars(steps, {(0, 0)}, len(name))
        for at in range(len(name) + 1):
            here = [step for step, where in places if where == at]
            for step in here:
                places |= _through_stars(steps, set(_next(steps, step, name, at)), len(name))
        return (len(steps), len(name)) in places


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
    found: dict[int, B] = {id(root): root}
    for part in parts_of(pattern):
        if part is None:
            found = {id(branch): branch for one in found.values() for branch in _all_below(one)}
        else:
            found = {id(branch): branch for one in found.values() for branch in _named(one, part)}
    return list(found.values())


def _named(place: B, part: Part) -> Iterator[B]:
    for name, branch in place.branches:
        if name == part.literal or (not part.literal and part.matches(name)):
            yield branch  # type: ignore[misc]


def _all_below(place: B) -> Iterator[B]:
    """It and everything below it."""
    waiting = [place]
    while waiting:
        one = waiting.pop()
        yield one
        waiting += reversed([branch for _, branch in one.branches])  # type: ignore[misc]


# --- one part ------------------------------------------------------------------------------------


def _steps(pattern: str) -> Iterator[_Step]:
    at = 0
    while at < len(pattern):
        mark = pattern[at]
        if mark in "[{":
            end = pattern.find("]" if mark == "[" else "}", at)
            if end < 0:
                raise BadMessage(f"the pattern {pattern[:80]!r} has a {mark} without its end")
            inner = pattern[at + 1 : end]
            yield _set(inner) if mark == "[" else _Step(_CHOICE, words=tuple(inner.split(",")))
            at = end + 1
        else:
            yield _Step(mark) if mark in "*?" else _Step("", frozenset(mark))
            at += 1


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
    return _Step(_SET, frozenset(found), inverted=inverted)


def _range(first: str, last: str) -> set[str]:
    """Names are ASCII; a range beyond has no end that anybody means."""
    low, high = sorted((min(ord(first), 0x7F), min(ord(last), 0x7F)))
    return {chr(code) for code in range(low, high + 1)} | {first, last}


def _next(steps: tuple[_Step, ...], index: int, name: str, at: int) -> Iterator[tuple[int, int]]:
    """Where one gets from a step by reading on."""
    if index == len(steps):
        return
    step = steps[index]
    if step.kind == _CHOICE:
        for word in step.words:
            if name.startswith(word, at):
                yield index + 1, at + len(word)
    elif at < len(name):
        if step.kind == _STAR:
            yield index, at + 1
        elif step.kind == _ANY or (name[at] in step.characters) != step.inverted:
            yield index + 1, at + 1


def _through_stars(steps: tuple[_Step, ...], places: set[tuple[int, int]], length: int) -> set[tuple[int, int]]:
    """A star, and an empty word among several, may stand for nothing: the steps behind them are reached as well."""
    found = set(places)
    waiting = list(places)
    while waiting:
        index, at = waiting.pop()
        if index < len(steps) and at <= length and _may_be_nothing(steps[index]) and (index + 1, at) not in found:
            found.add((index + 1, at))
            waiting.append((index + 1, at))
    return found


def _may_be_nothing(step: _Step) -> bool:
    return step.kind == _STAR or (step.kind == _CHOICE and "" in step.words)
