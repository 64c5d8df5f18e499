"""Which entries fit what somebody looks for, and in which order."""

import calendar
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

from bridge.catalog.entry import Entry
from bridge.errors import InputError

_SORTS = ("name", "newest")
_KINDS = ("extract", "generate", "transform")


def matching(
    entries: Iterable[Entry],
    text: str = "",
    *,
    kind: str = "",
    category: str = "",
    input: str = "",
    output: str = "",
    cpu: bool | None = None,
    sort: str = "",
) -> list[Entry]:
    """The entries that fit all of it. Port kinds are known of described ones only."""
    _check_choice("kind", kind, _KINDS)
    _check_choice("sort", sort, _SORTS)
    words = _folded(text).split()
    told = bool(kind or category or cpu is not None)
    fitting = [
        entry
        for entry in entries
        if all(word in _searched(entry) for word in words)
        and (not told or _tells(entry, kind, category, cpu))
        and (not input or input in _input_kinds(entry))
        and (not output or output in _output_kinds(entry))
    ]
    return sorted(fitting, key=lambda entry: _rank(entry, words, sort))


def _tells(entry: Entry, kind: str, category: str, cpu: bool | None) -> bool:
    """Does its manifest say so? A broken one says nothing."""
    about = entry.manifest
    return (
        about is not None
        and kind in ("", about.kind)
        and (not category or _folded(about.category) == _folded(category))
        and (cpu is None or (about.cpu != "no") == cpu)
    )


def _check_choice(field: str, value: str, choices: Sequence[str]) -> None:
    if value and value not in choices:
        raise InputError(
            f"{field} can't be {value!r}", hint=f"it is {', '.join(choices[:-1])} or {choices[-1]}", field=field
        )


def _folded(text: str) -> str:
    """Without case and accents."""
    plain = unicodedata.normalize("NFKD", text)
    return "".join(character for character in plain if not unicodedata.combining(character)).casefold()


def _searched(entry: Entry) -> str:
    about = entry.manifest
    return _folded(" ".join((entry.id, about.title, about.tagline, *about.keywords)) if about else entry.id)


def _rank(entry: Entry, words: Sequence[str], sort: str) -> tuple[Any, ...]:
    """Named ones before those that only mention it, unless a sort was asked for."""
    about = entry.manifest
    title = _folded(about.title if about else entry.id)
    if sort == "newest":
        day = about.published if about else None
        return (-calendar.timegm(day.timetuple()) if day else -entry.changed, title, entry.id)
    mentioned = not sort and not all(word in f"{entry.id} {title}" for word in words)
    return (mentioned, title, entry.id)


def _input_kinds(entry: Entry) -> set[str]:
    commands = entry.signature.commands.values() if entry.signature else ()
    return {port.kind for command in commands for port in command.inputs.values()}


def _output_kinds(entry: Entry) -> set[str]:
    return {port.kind for port in entry.signature.outputs.values()} if entry.signature else set()
