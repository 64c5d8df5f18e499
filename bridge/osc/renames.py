"""Sessions that are called otherwise, told one after the other so that nobody mixes them up. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any


def news(renames: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    """What is told, in order, of names that changed at once: a name is taken when whoever had it has another one.

    Where names went round, nobody can begin: there one session goes, and comes back at the end.
    """
    left, aside = dict(renames), []
    while left:
        old = next((old for old, new in left.items() if new not in left), None)
        if old is not None:
            yield "PATH_RENAMED", {"OLD": f"/{old}", "NEW": f"/{left.pop(old)}"}
        else:
            old, new = left.popitem()
            aside.append(new)
            yield "PATH_REMOVED", f"/{old}"
    for new in aside:
        yield "PATH_ADDED", f"/{new}"
