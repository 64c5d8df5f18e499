"""What may have been meant by a name that is not there."""

import difflib
from collections.abc import Iterable

_LISTED = 20  # names; more would not be read


def nearest(name: object, names: Iterable[str], verb: str) -> str:
    """A hint: the name that comes close, then all of them, after a verb such as "it takes"."""
    known = list(names)
    near = difflib.get_close_matches(str(name)[:100], known, n=1)
    more = ", …" if len(known) > _LISTED else ""
    listed = f"{verb} " + (", ".join(known[:_LISTED]) or "none") + more
    return f"did you mean {near[0]!r}? {listed}" if near else listed
